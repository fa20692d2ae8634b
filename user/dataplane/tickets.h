/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tickets of routes with a limit to their flows (bpf/ticket.h): chunks of the
 * pool that slot tables are made of, so that who has no such limit pays nothing.
 */
#ifndef L4GATE_DATAPLANE_TICKETS_H
#define L4GATE_DATAPLANE_TICKETS_H

#include "dataplane/plan.h"

/* Chunks that this many tickets take. */
uint32_t tickets_chunks(uint32_t max_flows);

/*
 * Where the tickets of a route are: where they were, if there is room enough, so
 * that a lower limit counts the flows that there are. old may be NULL. 0 or -E2BIG.
 */
int tickets_plan(const struct plan_node *node, const struct state_route *old,
		 struct pool *chunks, struct plan_route *to);

/*
 * Makes a new run of tickets, with those that are given out in an old one. Flows
 * that begin before packets see it are not counted.
 */
void tickets_write(union l4gate_chunk *chunks, struct state_run from,
		   struct state_run to);

#endif /* L4GATE_DATAPLANE_TICKETS_H */
