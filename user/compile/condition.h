/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Conditions, and the sentences in them. */
#ifndef L4GATE_COMPILE_CONDITION_H
#define L4GATE_COMPILE_CONDITION_H

#include "compile/image.h"

/* No object of ours has more (the API allows 8). */
#define CONDITIONS_MAX 4

/* Appends a condition; message is formatted as by printf. 0 or -ENOMEM. */
int condition_add(struct arena *arena, struct conditions *conditions,
		  const char *type, bool status, const char *reason,
		  const char *message, ...)
	__attribute__((format(printf, 6, 7)));

/* NULL if there is none of this type. */
const struct condition *condition_find(const struct conditions *conditions,
				       const char *type);

/* Whether conditions of this type are written here; the rest is others'. */
bool condition_is_ours(const char *type);

/* Whether all is well as far as this one goes. */
bool condition_is_good(const struct condition *condition);

/* Text of bounded size that grows by appending: lists of names in messages. */
struct phrase {
	char text[1024];
	size_t used;
	size_t left_out;	/* pieces that did not fit */
};

/* Appends separator (unless it is the first piece) and a formatted piece. */
void phrase_add(struct phrase *phrase, const char *separator,
		const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The text, with "and N more" where pieces did not fit. */
const char *phrase_end(struct phrase *phrase);

const char *ref_verdict_name(enum ref_verdict verdict);
const char *protocol_name(enum protocol protocol);	/* "TCP" */
const char *protocol_route_kind(enum protocol protocol);	/* "TCPRoute" */

#endif /* L4GATE_COMPILE_CONDITION_H */
