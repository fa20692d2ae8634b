// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Builds with ASan give every allocation a block, to see where it ends. */
#ifndef ARENA_BLOCK_SIZE
#define ARENA_BLOCK_SIZE (256 * 1024)
#endif
#define ALIGNMENT _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size;		/* of data */
	size_t used;
	_Alignas(ALIGNMENT) char data[];
};

static struct arena_block *block_new(size_t size)
{
	struct arena_block *block;

	if (size < ARENA_BLOCK_SIZE)
		size = ARENA_BLOCK_SIZE;
	if (size > SIZE_MAX - sizeof(*block))
		return NULL;
	block = calloc(1, sizeof(*block) + size);
	if (block)
		block->size = size;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	size_t aligned;
	void *memory;

	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	aligned = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (!block || block->size - block->used < size) {
		block = block_new(size);
		if (!block)
			return NULL;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	memory = block->data + block->used;
	block->used += aligned;
	/* A block of an allocation's own size has no padding. */
	if (block->used > block->size)
		block->used = block->size;
	arena->used += aligned;
	return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(arena, count * size);
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
	char *copy;

	if (size == SIZE_MAX)
		return NULL;
	copy = arena_alloc(arena, size + 1);
	if (copy)
		memcpy(copy, text, size);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	char *text, *copy;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	copy = arena_strndup(arena, text, n);
	free(text);
	return copy;
}

void arena_free(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	*arena = (struct arena){ 0 };
}
