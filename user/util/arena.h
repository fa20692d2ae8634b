/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Memory that is given back all at once: what a manifest or an image owns. */
#ifndef L4GATE_UTIL_ARENA_H
#define L4GATE_UTIL_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero is an empty arena. */
struct arena {
	struct arena_block *blocks;	/* the newest first */
	size_t used;			/* bytes handed out, in all */
};

/* Zeroed memory aligned for any type, or NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc, for count elements; NULL if the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of size bytes and a NUL behind them, or NULL. */
char *arena_strndup(struct arena *arena, const char *text, size_t size);
char *arena_strdup(struct arena *arena, const char *text);

/* A string formatted as by printf, or NULL. */
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void arena_free(struct arena *arena);

#endif /* L4GATE_UTIL_ARENA_H */
