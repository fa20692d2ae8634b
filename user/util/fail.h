/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Why something failed, in one clear sentence, for cli/ to print. */
#ifndef L4GATE_UTIL_FAIL_H
#define L4GATE_UTIL_FAIL_H

struct fail {
	char text[512];
};

/*
 * Notes the sentence unless there is one already (the innermost knows best) and
 * returns error, a -errno.
 */
int fail(struct fail *fail, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* L4GATE_UTIL_FAIL_H */
