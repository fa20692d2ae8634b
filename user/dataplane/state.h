/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is published, as user space knows it: names, and the numbers of maps that
 * they were given. A JSON document in a BPF map of its own, pinned as
 * "state-GENERATION" before that generation is published, so that it is there
 * for exactly as long as packets see it. What packets meet is in the listeners
 * and routes; objects are those with a status, whether they can be reached or
 * not:
 *
 * { "schema": 1, "generation": N, "applied": SECONDS,
 *   "listeners": [ { "id", "namespace", "gateway", "name", "protocol": "TCP",
 *                    "port", "addresses": [ "..." ], "route": ID or null,
 *                    "endpoints": [ ID of each address ], "formerRoutes": [ ID ],
 *                    "moved": whether it had another route once,
 *                    "listenerSet": "namespace/name" if it is from one } ],
 *   "retired": [ where TCP listeners were, with flows: { "address", "port",
 *                "protocol", "mode", "endpoint", "formerRoutes", "since":
 *                SECONDS } ],
 *   "routes": [ those with traffic, and those whose flows live on though another
 *               has their listeners (all backends are draining): { "id",
 *       "kind": "TCPRoute", "namespace", "name",
 *       "closed": whether a RoutePolicy makes it reject all new flows,
 *       "tables": { "ipv4": { "chunk", "chunks", "slots", "digest" }, "ipv6" },
 *       "refs": [ { "namespace", "name", "port", "weight", "verdict", "wanted",
 *                   "slots": [ v4, v6 ], "rejected": [ v4, v6 ] } ],
 *       "backends": [ { "id", "generation", "ref", "address", "port",
 *                       "state": "active" | "draining", "wanted", "slots" } ]
 *   } ],
 *   "objects": [ { "kind": "Gateway", "namespace", "name", "created": SECONDS
 *                  or 0, "class", "status": that of the API; in each of its
 *                  listeners also "protocol", "port" },
 *                { "kind": "GatewayClass", "name", "created", "status" },
 *                { "kind": "ListenerSet", "namespace", "name", "created",
 *                  "gateway": { "namespace", "name" }, "status", as a Gateway's },
 *                { "kind": "GatewayParameters" or "RoutePolicy", "namespace",
 *                  "name", "created", "status" },
 *                { "kind": "TCPRoute", "namespace", "name", "created",
 *                  "status"; in each of its parents also "listeners": [ {
 *                      "name", "fate": "serves" | "waits" (for another route)
 *                      | "idle" (not programmed), "byName" } ] } ] }
 */
#ifndef L4GATE_DATAPLANE_STATE_H
#define L4GATE_DATAPLANE_STATE_H

#include <jansson.h>

#include "dataplane/object.h"

/*
 * The published state, to be released with json_decref(); an empty one of
 * generation 0 when nothing has been applied yet.
 */
int state_read(const struct dataplane *dataplane, json_t **ret_state,
	       struct fail *fail);

/*
 * Pins state for a generation: one that is about to be published or, where only
 * statuses have changed, the published one. Readers see the old or the new.
 */
int state_write(const struct dataplane *dataplane, json_t *state,
		uint64_t generation, struct fail *fail);

/* Unpins the states of all generations but one. */
void state_sweep(const struct dataplane *dataplane, uint64_t generation);

/* The published generation. */
int generation_read(const struct dataplane *dataplane,
		    uint64_t *ret_generation, struct fail *fail);

#endif /* L4GATE_DATAPLANE_STATE_H */
