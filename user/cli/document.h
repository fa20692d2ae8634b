/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The published state with live numbers, as JSON: what get and stats show. Every
 * listener, route and backend has
 *   "stats": { "packets": { "from_client", "from_backend" }, "bytes": { same },
 *              "flows", "rejected" }, a route and a backend "active" (flows).
 *
 * { "schema": 1, "generation": N, "applied": SECONDS,
 *   "listeners": [ { "id", "namespace", "gateway", "name", "protocol": "TCP",
 *                    "port", "mode", "addresses": [ "..." ],
 *                    "route": ID or null, "endpoints": [ ID of each address ],
 *                    "formerRoutes": [ ID ], "moved",
 *                    "listenerSet": "namespace/name" if it is from one } ],
 *   "routes": [ those with traffic, and those whose flows live on though another
 *               has their listeners: { "id", "kind": "TCPRoute", "namespace",
 *       "name", "gone": true if it was deleted, and only drains,
 *       "tables": { "ipv4": { "chunk", "chunks", "slots", "digest" }, "ipv6" },
 *       "refs": [ { "namespace", "name", "port", "weight", "verdict", "wanted",
 *                   "slots": [ v4, v6 ], "rejected": [ v4, v6 ],
 *                   "gone": true if it was removed } ],
 *       "backends": [ { "id", "ref", "address", "port", "endpoint",
 *                       "state": "active" | "draining" (no new flows) | "gone"
 *                       (not given any more, but its flows live), "secondsLeft":
 *                       until those are cut, if that is so, "wanted", "slots" } ]
 *   } ],
 *   "objects": [ as struct state_object ] }
 */
#ifndef L4GATE_CLI_DOCUMENT_H
#define L4GATE_CLI_DOCUMENT_H

#include "cli/emit.h"
#include "cli/view.h"

/* Arrays, a line for each listener, route and backend. */
void document_listeners(struct emit *emit, const struct view *view);
void document_routes(struct emit *emit, const struct view *view);

/*
 * The objects that are routes, of a namespace unless it is NULL, each with what
 * "routes" have of it, if there is anything.
 */
void document_route_objects(struct emit *emit, const struct view *view,
			    const char *namespace);

/* All of it; NULL without memory. */
json_t *document_make(const struct view *view);

#endif /* L4GATE_CLI_DOCUMENT_H */
