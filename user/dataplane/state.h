/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is published, as user space knows it: names, and the numbers of maps that
 * they were given. In a BPF map of its own, pinned as "state-GENERATION" before
 * that generation is published, so that it is there for exactly as long as packets
 * see it. Arrays of records of fixed size, and texts that they point into: a
 * reader maps it, checks it (state_blob.c) and uses it in place. The same
 * as JSON, with live numbers: cli/document.h.
 */
#ifndef L4GATE_DATAPLANE_STATE_H
#define L4GATE_DATAPLANE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "compile/idle.h"
#include "dataplane/object.h"

/* Raise when a record changes. */
#define STATE_VERSION 7

/* Offsets of texts; 0 is "". */
typedef uint32_t state_text;

/* Routes that a listener had before and whose flows may live. */
#define STATE_FORMERS_MAX 8

#define STATE_NO_ROUTE UINT32_MAX

/* What packets meet at an address of a listener. */
struct state_listener {
	state_text namespace;		/* of the Gateway */
	state_text gateway;
	state_text set;		/* "namespace/name" of its ListenerSet, or "" */
	state_text name;
	uint32_t id;
	uint32_t route;		/* id, or STATE_NO_ROUTE */
	uint32_t place;		/* the first of its places */
	uint32_t place_count;
	uint32_t formers[STATE_FORMERS_MAX];	/* ids of routes */
	uint32_t former_count;
	uint16_t port;
	uint8_t protocol;	/* enum protocol */
	uint8_t mode;		/* enum l4gate_mode */
	uint8_t moved;		/* whether it had another route once */
	uint8_t pad;
	uint16_t max_half_open;	/* as in struct l4gate_endpoint */
};
L4GATE_ASSERT_SIZE(struct state_listener, 76);

/* An address of a listener, and the id of the endpoint there. */
struct state_place {
	struct l4gate_addr addr;
	uint32_t endpoint;
	uint8_t family;
	uint8_t flags;		/* L4GATE_ADDRESS_F_* */
	uint8_t pad[2];
};
L4GATE_ASSERT_SIZE(struct state_place, 24);

/* Where a TCP listener was, with flows. */
struct state_retired {
	struct state_place place;
	uint64_t since;		/* seconds */
	uint32_t formers[STATE_FORMERS_MAX];
	uint32_t former_count;
	uint16_t port;
	uint8_t mode;
	uint8_t pad;
};
L4GATE_ASSERT_SIZE(struct state_retired, 72);

/* A slot table, or a list of the boundaries of sourceRanges. */
struct state_table {
	uint64_t digest;	/* over slots and members, or boundaries */
	uint32_t chunk;
	uint32_t chunks;
	uint32_t slots;		/* or boundaries */
	uint32_t pad;
};
L4GATE_ASSERT_SIZE(struct state_table, 24);

/* Chunks. */
struct state_run {
	uint32_t chunk;
	uint32_t chunks;
};
L4GATE_ASSERT_SIZE(struct state_run, 8);

/*
 * Routes with traffic, and those whose flows live on though another has their
 * listeners: all of their backends are draining. Last those that are not given any
 * more, as long as flows of theirs may live. What is gone of a route, and had time to
 * drain, is behind the rest: the last of its refs and of its backends.
 */
struct state_route {
	struct state_table tables[L4GATE_FAMILIES];
	struct state_table ranges[L4GATE_FAMILIES];
	state_text namespace;
	state_text name;
	uint32_t id;
	uint32_t ref;		/* the first of its refs */
	uint32_t ref_count;
	uint32_t backend;	/* the first of its backends */
	uint32_t backend_count;
	uint32_t gone_refs;
	uint32_t gone_backends;
	uint32_t drain_timeout;	/* ms; 0: none */
	uint32_t rate;		/* new flows a second; 0: any number */
	uint32_t burst;
	uint32_t affinity;	/* seconds; 0: none */
	uint32_t max_flows;	/* at once; 0: any number */
	struct state_run tickets;	/* with L4GATE_ROUTE_F_MAX_FLOWS */
	state_text policy;	/* name of the RoutePolicy on it, or "" */
	state_text asks_for;	/* and what that does, in words */
	uint8_t protocol;	/* enum protocol */
	uint8_t gone;		/* itself */
	uint8_t flags;		/* L4GATE_ROUTE_F_* */
	uint8_t class;		/* of its idle timeouts, in l4gate_timeouts */
	struct image_timeouts timeouts;
};
L4GATE_ASSERT_SIZE(struct state_route, 192);

struct state_ref {
	double wanted;
	state_text namespace;
	state_text name;
	uint32_t weight;
	uint32_t slots[L4GATE_FAMILIES];
	uint32_t rejected[L4GATE_FAMILIES];
	uint16_t port;
	uint8_t verdict;	/* enum ref_verdict */
	uint8_t pad;
};
L4GATE_ASSERT_SIZE(struct state_ref, 40);

/*
 * Sorted by ref, address, port in each route: those that are given, then those that
 * are gone.
 */
struct state_backend {
	double wanted;
	struct l4gate_addr addr;
	uint32_t id;
	uint32_t slots;
	uint32_t until;		/* tick at which its flows are cut; 0: none */
	uint16_t ref;		/* index among those of its route */
	uint16_t port;
	uint8_t family;
	uint8_t draining;
	uint8_t pad[6];
};
L4GATE_ASSERT_SIZE(struct state_backend, 48);

/* The chunk where a list of endpoints is that a backend may answer for. */
struct state_origins {
	uint32_t chunk;
	uint32_t count;
	uint16_t endpoint[L4GATE_MAX_ORIGINS];
};
L4GATE_ASSERT_SIZE(struct state_origins, 24);

/*
 * An object of the API with a status, as JSON: { "kind", "namespace", "name",
 * "created": SECONDS or 0, "status": that of the API, and
 *   of a Gateway "class"; in each of its listeners also "protocol", "port";
 *   of a ListenerSet "gateway": { "namespace", "name" }; listeners alike;
 *   of a route, in each of its parents also "listeners": [ { "name",
 *     "fate": "serves" | "waits" (for another route) | "idle" (not programmed),
 *     "byName" } ] }
 */
struct state_object {
	state_text kind;
	state_text namespace;	/* "": of none */
	state_text name;
	state_text json;
	uint32_t json_size;
};
L4GATE_ASSERT_SIZE(struct state_object, 20);

struct state {
	uint64_t generation;
	uint64_t applied;	/* seconds */
	uint32_t next_backend;	/* where searches for free ids go on */
	uint32_t next_endpoint;
	const struct state_listener *listeners;
	const struct state_place *places;
	const struct state_retired *retired;
	const struct state_route *routes;
	const struct state_ref *refs;
	const struct state_backend *backends;
	const struct state_origins *origins;
	const struct state_object *objects;
	const char *texts;	/* the first is "" */
	size_t listener_count;
	size_t place_count;
	size_t retired_count;
	size_t route_count;
	size_t ref_count;
	size_t backend_count;
	size_t origin_count;
	size_t object_count;
	size_t text_size;	/* bytes */
	void *mapping;		/* NULL: all this is somebody else's */
	size_t mapping_size;
};

static inline const char *state_text_of(const struct state *state,
					state_text text)
{
	return state->texts + text;
}

/* state_blob.c: what a state takes; written to there; and read again, in place. */
size_t state_size(const struct state *state);
void state_pack(const struct state *state, void *to);
/*
 * -EBADMSG: it is not what state_pack() wrote, or of another version; nothing
 * of it leads outside of it.
 */
int state_unpack(const void *from, size_t size, struct state *ret_state);

/*
 * The published state, to be released with state_free(); an empty one of
 * generation 0 when nothing has been applied yet.
 */
int state_read(const struct dataplane *dataplane, struct state *ret_state,
	       struct fail *fail);

/* Zeroed memory is fine. */
void state_free(struct state *state);

/*
 * Pins state for a generation: one that is about to be published or, where only
 * statuses have changed, the published one. Readers see the old or the new.
 */
int state_write(const struct dataplane *dataplane, struct state *state,
		uint64_t generation, struct fail *fail);

/* Unpins the states of all generations but one. */
void state_sweep(const struct dataplane *dataplane, uint64_t generation);

/* The published generation. */
int generation_read(const struct dataplane *dataplane,
		    uint64_t *ret_generation, struct fail *fail);

#endif /* L4GATE_DATAPLANE_STATE_H */
