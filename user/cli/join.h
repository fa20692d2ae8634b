/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Lists for get: the objects of the published state, and what packets meet of
 * each. All are new arrays of objects, to be released with json_decref().
 */
#ifndef L4GATE_CLI_JOIN_H
#define L4GATE_CLI_JOIN_H

#include "cli/view.h"

/* Objects as state.h has them. */
json_t *join_gateways(const struct view *view);
json_t *join_classes(const struct view *view);
json_t *join_listener_sets(const struct view *view);
json_t *join_parameters(const struct view *view);
json_t *join_policies(const struct view *view);

/*
 * Every listener of every Gateway and ListenerSet: what status.listeners has of
 * it and, if it is programmed, what "listeners" of the state have. "gateway" is
 * its Gateway, "listenerSet" the "namespace/name" of its ListenerSet, if any.
 */
json_t *join_listeners(const struct view *view);

/*
 * Every route: its "status" and, if it carries traffic, what "routes" of the
 * state have; without it there is no "id".
 */
json_t *join_routes(const struct view *view);

/* Routes that carry traffic, with their "backends". */
json_t *join_backends(const struct view *view);

/* Live flows. */
json_t *join_flows(const struct view *view);

#endif /* L4GATE_CLI_JOIN_H */
