/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The one growable array: { T *items; size_t count; size_t capacity; }, owned
 * by malloc. Zero is empty.
 */
#ifndef L4GATE_UTIL_ARRAY_H
#define L4GATE_UTIL_ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more element behind *count; returns 0 or -ENOMEM and then
 * leaves the array as it was.
 */
int array_grow(void **items, size_t count, size_t *capacity, size_t size);

/* Appends a zeroed element; its address, or NULL without memory. */
#define array_append(array)						\
	(array_grow((void **)&(array)->items, (array)->count,		\
		    &(array)->capacity, sizeof(*(array)->items)) ? NULL : \
	 &(array)->items[(array)->count++])

#endif /* L4GATE_UTIL_ARRAY_H */
