/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The numbers that an image gets: which id each listener, endpoint, route and
 * backend has in the maps, which chunks each slot table. What was published before
 * keeps its numbers, so that flows and counters go on. Pure: the result is what
 * publish.c writes.
 *
 * Flows hold the ids of endpoints and backends. One that was given back is given
 * out last, after all the others: no flow of its old holder can be left then that
 * packets would take for one of the new (bpf/direct.h, nat.h check the route, too).
 */
#ifndef L4GATE_DATAPLANE_PLAN_H
#define L4GATE_DATAPLANE_PLAN_H

#include "compile/image.h"
#include "dataplane/pool.h"
#include "dataplane/publish.h"
#include "dataplane/state.h"
#include "l4gate/abi.h"
#include "util/fail.h"

struct plan_backend {
	uint32_t id;
	uint32_t until;		/* as in struct state_backend */
	bool is_new;		/* counters start at zero */
	bool begins;		/* to drain for a time */
};

/* A backend that is not given any more, and has time to drain. */
struct plan_gone {
	const struct state_backend *was;
	uint32_t until;
	uint16_t ref;		/* index into refs of the image, then gone_refs */
	bool begins;
};

struct plan_table {
	uint32_t chunk;
	uint32_t chunks;
	uint64_t digest;	/* over slots and members, or boundaries */
	bool is_new;		/* chunks have to be written */
};

struct plan_route {
	const struct image_route *image;
	uint32_t id;
	bool is_new;
	bool is_gone;		/* not given any more */
	uint8_t class;		/* of its idle timeouts */
	struct plan_backend *backends;	/* as image->backends */
	struct plan_gone *gone;		/* sorted by ref, address, port */
	size_t gone_count;
	const struct state_ref **gone_refs;	/* that these are of */
	size_t gone_ref_count;
	struct plan_table tables[L4GATE_FAMILIES];
	struct plan_table ranges[L4GATE_FAMILIES];
	uint8_t flags;		/* L4GATE_ROUTE_F_* */
	bool new_rate;		/* another one than before: its bucket is full */
	bool new_tickets;	/* their chunks have to be written */
	struct state_run tickets;
	struct state_run tickets_were;
};

struct plan_listener {
	uint32_t id;
	bool is_new;
	uint16_t *endpoints;	/* ids, in the order of plan_addresses() */
	uint32_t formers[STATE_FORMERS_MAX];	/* ids of routes */
	uint32_t former_count;
	bool moved;		/* has ever had another route */
};

/* A backend of transparent mode, and the endpoints that it answers for. */
struct plan_origin {
	struct inet_addr addr;
	uint16_t port;		/* host order */
	enum protocol protocol;
	uint32_t chunk;		/* of the list of endpoints */
};

struct plan_origin_list {
	struct l4gate_origins value;
	uint32_t chunk;
	bool is_new;
};

struct plan {
	const struct image *image;
	struct sizes sizes;
	struct arena arena;
	const struct state *published;
	uint32_t tick;		/* now */
	struct plan_route *routes;	/* as image.routes; then those on standby
					   that were published; then those that are
					   gone, and drain */
	size_t route_count;
	uint32_t *route_index;	/* by id: index into routes, plus one */
	struct plan_listener *listeners;	/* as image.listeners */
	uint8_t *backend_used;		/* by id: in the new config */
	uint8_t *backend_was;		/* by id: in the published config */
	struct state state;		/* for state_write() */
	char *texts;			/* those of state */
	size_t text_capacity;
	bool reaches_packets;		/* more than statuses has changed */
	/*
	 * Where TCP listeners were: flows may be left whose clients are told so.
	 * Without this nobody would answer them where the address is not the
	 * node's own.
	 */
	struct state_retired *retired;
	size_t retired_count;
	struct plan_origin *origins;
	size_t origin_count;
	struct plan_origin_list *origin_lists;
	size_t origin_list_count;
	size_t endpoint_count;
	uint32_t next_backend;		/* where the search for a free id goes on */
	uint32_t next_endpoint;
};

/* What a plan needs to know of the node and of what it has done. */
struct plan_node {
	/* For listeners that name no address. */
	const struct inet_addr *addresses;
	size_t address_count;
	/* Those of all its interfaces, sorted: its stack answers for them. */
	const struct inet_addr *owned;
	size_t owned_count;
	struct sizes sizes;	/* what there is room for */
	uint64_t now;		/* seconds */
	uint32_t tick;		/* the same on the clock of packets, */
	double tick_seconds;	/* and the length of one */
	uint32_t places;	/* for flows, in all tables; 0: any number */
	/* Whether a published listener has ever had a flow; NULL: none has. */
	bool (*had_flows)(const void *context, uint32_t listener);
	const void *context;
};

/*
 * Makes the plan of an image over the published state. -E2BIG when a limit is
 * exceeded: fail says need and limit.
 */
int plan_make(const struct image *image, const struct state *published,
	      const struct plan_node *node, struct plan *ret_plan, struct changes *changes,
	      struct fail *fail);

/* Zeroed memory is fine. */
void plan_free(struct plan *plan);

/* The route with an id, or NULL. */
const struct plan_route *plan_route_by_id(const struct plan *plan, uint32_t id);

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

/* How packets of a listener reach backends. */
enum l4gate_mode plan_mode(const struct image_listener *listener);

/* The limit of its half-open flows; 0: as many as is usual. */
uint16_t plan_max_half_open(const struct image_listener *listener);

/*
 * plan_endpoints.c: ids for all endpoints; plan_origins.c: the origins of mode
 * transparent, with lists in chunks of the pool. 0, -E2BIG (fail says need and
 * limit) or -ENOMEM.
 */
int plan_endpoints(struct plan *plan, const struct state *published,
		   const struct plan_node *node, struct fail *fail);
int plan_origins(struct plan *plan, const struct state *published,
		 const struct inet_addr *own_addresses,
		 size_t own_address_count, struct pool *chunks,
		 struct fail *fail);

/*
 * plan_draining.c: the times of a route's backends, and what is left of those that
 * it had and that are not given any more. refs: of each ref of the image, which one
 * it was, or -1. old may be NULL. 0 or -ENOMEM.
 */
int plan_draining(struct plan *plan, const struct plan_node *node,
		  const struct state_route *old, const int *refs,
		  const struct state_backend *const *were,
		  struct plan_route *route);

/*
 * plan_timeouts.c: a class for the idle timeouts of each route. 0 or -E2BIG: fail says
 * need and limit.
 */
int plan_timeouts(struct plan *plan, const struct state *published,
		  struct fail *fail);

/* Whether a tick has passed, in plan->tick's time; 0 never does. */
bool plan_is_over(const struct plan *plan, uint32_t until);

/* plan_state.c: fills plan->state from the rest, in its arena; 0 or -ENOMEM. */
int plan_write_state(struct plan *plan, const struct plan_node *node);

/* plan_objects.c: the objects of plan->state; 0 or -ENOMEM. */
int plan_write_objects(struct plan *plan);

/* Room for size bytes among the texts, and a copy of a text: 0 or -ENOMEM. */
char *plan_add_bytes(struct plan *plan, size_t size, state_text *ret_text);
int plan_add_text(struct plan *plan, const char *text, state_text *ret_text);

/*
 * plan_changes.c: lists what differs between the published state and plan->state
 * and sets plan->reaches_packets. 0 or -ENOMEM.
 */
int plan_compare(struct plan *plan, const struct state *published,
		 struct changes *changes);

/* Names by family, enum protocol and enum l4gate_mode. */
extern const char *const plan_family_names[L4GATE_FAMILIES];
extern const char *const plan_kind_names[];
extern const char *const plan_protocol_names[];
extern const char *const plan_mode_names[L4GATE_MODES];

#endif /* L4GATE_DATAPLANE_PLAN_H */
