/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sizes of the maps that --max-routes decides, for who makes or opens them. */
#ifndef L4GATE_DATAPLANE_SIZES_H
#define L4GATE_DATAPLANE_SIZES_H

#include "dataplane/object.h"

/* Entries of a map; 0: it is of another kind. */
uint32_t sizes_entries(const struct sizes *sizes, int map);

/* Fills in dataplane->sizes: those of the maps that there are, by l4gate_routes. */
int sizes_read(struct dataplane *dataplane, int routes_fd, struct fail *fail);

/*
 * The same where maps are to be made. A map that is left of an attach that was
 * killed counts, too.
 */
int sizes_settle(struct dataplane *dataplane,
		 const struct open_options *options, struct fail *fail);

#endif /* L4GATE_DATAPLANE_SIZES_H */
