// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/fail.h"

#include <stdarg.h>
#include <stdio.h>

int fail(struct fail *fail, int error, const char *format, ...)
{
	va_list args;

	if (fail->text[0])
		return error;
	va_start(args, format);
	vsnprintf(fail->text, sizeof(fail->text), format, args);
	va_end(args);
	return error;
}
