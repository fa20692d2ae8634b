/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The conditions of an image that are not as they should be. */
#ifndef L4GATE_COMPILE_FINDINGS_H
#define L4GATE_COMPILE_FINDINGS_H

#include "compile/image.h"
#include "util/diag.h"

struct finding {
	const struct object_meta *meta;	/* whose condition it is */
	struct loc loc;		/* what it is about: object, listener, parentRef */
	const char *text;	/* "Gateway a/gw, listener web: Accepted is ..." */
};

/* Those of one object are neighbours. */
struct findings {
	struct arena arena;	/* of the texts */
	struct finding *items;
	size_t count;
	size_t capacity;
};

/* 0 or -ENOMEM; findings_free() is due in any case. */
int findings_collect(const struct image *image, struct findings *findings);

/* Zeroed memory is fine. */
void findings_free(struct findings *findings);

#endif /* L4GATE_COMPILE_FINDINGS_H */
