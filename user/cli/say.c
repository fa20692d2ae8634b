// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include <stdarg.h>
#include <stdio.h>

#include "cli/cmd.h"

static bool in_color;

void say_in_color(bool color)
{
	in_color = color;
}

bool say_is_in_color(void)
{
	return in_color;
}

int say_failed(const char *format, ...)
{
	va_list args;

	fputs("l4gate: error: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

int say_usage(const char *command, const char *format, ...)
{
	const char *space = *command ? " " : "";
	va_list args;

	fprintf(stderr, "l4gate%s%s: ", space, command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (l4gate%s%s --help)\n", space, command);
	return EXIT_USAGE;
}
