/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a failing test did, to look at: the last packets that it ran through each
 * hook are written to $O/pcap/GROUP-TEST-HOOK.pcap, each that went in followed by
 * what came out of it.
 */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include <stddef.h>

struct CMUnitTest;

/* As cmocka_run_group_tests_name(), for tests that run packets. */
int capture_run_tests(const char *group, const struct CMUnitTest *tests,
		      size_t count);

#endif /* TESTS_CAPTURE_H */
