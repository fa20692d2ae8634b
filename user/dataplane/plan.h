/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The numbers that an image gets: which id each listener, route and backend has
 * in the maps, which chunks each slot table. What was published before keeps its
 * numbers, so that flows and counters go on. Pure: the result is what publish.c
 * writes.
 */
#ifndef L4GATE_DATAPLANE_PLAN_H
#define L4GATE_DATAPLANE_PLAN_H

#include <jansson.h>

#include "compile/image.h"
#include "dataplane/publish.h"
#include "l4gate/abi.h"
#include "util/fail.h"

struct plan_backend {
	uint32_t id;
	uint32_t generation;
	bool is_new;		/* counters start at zero */
};

struct plan_table {
	uint32_t chunk;
	uint32_t chunks;
	uint64_t digest;	/* over slots and members */
	bool is_new;		/* chunks have to be written */
};

struct plan_route {
	uint32_t id;
	bool is_new;
	struct plan_backend *backends;	/* as image_route.backends */
	struct plan_table tables[L4GATE_FAMILIES];
};

struct plan_listener {
	uint32_t id;
	bool is_new;
};

struct plan {
	const struct image *image;
	struct arena arena;
	struct plan_route *routes;	/* as image.routes */
	struct plan_listener *listeners;	/* as image.listeners */
	uint8_t *backend_used;		/* by id: in the new config */
	uint8_t *backend_was;		/* by id: in the published config */
	json_t *state;			/* for state_write(), less generation */
	bool reaches_packets;		/* more than statuses has changed */
	size_t binding_count;
};

/*
 * Makes the plan of an image over the published state. backend_generations[id]
 * is the generation that each entry of l4gate_backends has now.
 * -E2BIG when a limit is exceeded: fail says need and limit.
 */
int plan_make(const struct image *image, const json_t *published,
	      const uint32_t *backend_generations,
	      const struct inet_addr *own_addresses, size_t own_address_count,
	      struct plan *ret_plan, struct changes *changes,
	      struct fail *fail);

/* Zeroed memory is fine. */
void plan_free(struct plan *plan);

/* Chunks that a table with these counts takes. */
uint32_t plan_chunks(uint32_t slots, size_t members);

/* Addresses that a listener is bound to. */
const struct inet_addr *plan_addresses(const struct image_listener *listener,
				       const struct inet_addr *own,
				       size_t own_count, size_t *ret_count);

/*
 * "namespace/name" of the ListenerSet that a listener is from, in text, which
 * has room for PLAN_SET_MAX bytes; "" if it is its Gateway's own.
 */
#define PLAN_SET_MAX 320
const char *plan_set_name(const struct image_listener *listener, char *text);

/* plan_state.c: fills plan->state from the rest; 0 or -ENOMEM. */
int plan_write_state(struct plan *plan, const struct inet_addr *own_addresses,
		     size_t own_address_count);

/*
 * plan_changes.c: lists what differs between the published state and plan->state
 * and sets plan->reaches_packets. 0 or -ENOMEM.
 */
int plan_compare(struct plan *plan, const json_t *published,
		 struct changes *changes);

/* Keys and values of the state, by family and by enum protocol. */
extern const char *const plan_family_names[L4GATE_FAMILIES];
extern const char *const plan_kind_names[];

#endif /* L4GATE_DATAPLANE_PLAN_H */
