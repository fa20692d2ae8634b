// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/log.h"

#include <stdio.h>

#include <bpf/libbpf.h>

static int verbosity;

/* One level down: what libbpf warns of is our users' debug. */
static int print(enum libbpf_print_level level, const char *format,
		 va_list args)
{
	if (verbosity < 1 + (level == LIBBPF_DEBUG))
		return 0;
	return vfprintf(stderr, format, args);
}

void log_init(int verbose)
{
	verbosity = verbose;
	libbpf_set_print(print);
}
