/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * An image onto the maps, at one instant. Everything is counted against the
 * limits before the first write; what packets don't see yet is written aside
 * (new slot tables, new backends, the other half of endpoints and routes, the
 * state); then the generation is raised; then what no packet can see any more
 * is retired. Killed anywhere before that one write, the old config is in
 * force; anywhere behind it, the new one, and the next publish retires the rest.
 */
#ifndef L4GATE_DATAPLANE_PUBLISH_H
#define L4GATE_DATAPLANE_PUBLISH_H

#include "compile/image.h"
#include "dataplane/state.h"

/* One line of "what changed". */
struct change {
	char sign;		/* '+' new, '-' gone, '~' changed */
	char text[960];
};

/* Seconds that the steps of a publish took; those that were left out are 0. */
struct publish_times {
	double read;		/* the published state */
	double plan;
	double maps;		/* all that packets will see, but for the last write */
	double state;		/* the new state */
	double last;		/* the write that makes it visible */
};

struct changes {
	struct publish_times times;
	struct fail warning;	/* it is published, but ...; or "" */
	struct change *items;
	size_t count;
	size_t capacity;
};

/*
 * Publishes image. own_addresses stand for listeners that name no address.
 * What differs from the published config is listed in changes (none: nothing
 * was written). With dry_run it stops there. Returns 0 or -errno, and then the
 * old config is untouched.
 */
int publish(const struct dataplane *dataplane, const struct image *image,
	    const struct inet_addr *own_addresses, size_t own_address_count,
	    bool dry_run, struct changes *changes, struct fail *fail);

void changes_free(struct changes *changes);

#endif /* L4GATE_DATAPLANE_PUBLISH_H */
