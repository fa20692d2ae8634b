/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* All bytes of the maps of a data plane, to be compared with later ones. */
#ifndef TESTS_SNAPSHOT_H
#define TESTS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/object.h"

struct snapshot {
	void *bytes[MAP_COUNT];
	size_t size[MAP_COUNT];
};

/*
 * Into a snapshot that is all zeros, or was taken before. Without counters: those take
 * longer than all the rest.
 */
void snapshot_take(const struct dataplane *dataplane, bool with_counters,
		   struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

/* The name of a map in which two of them, taken alike, differ, or NULL. */
const char *snapshot_difference(const struct snapshot *a,
				const struct snapshot *b);

#endif /* TESTS_SNAPSHOT_H */
