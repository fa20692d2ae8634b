/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether a packet may begin a flow: what the policy of its route says of sources
 * and numbers. Flows that there are never come here.
 */
#ifndef L4GATE_BPF_ADMIT_H
#define L4GATE_BPF_ADMIT_H

#include "scratch.h"
#include "select.h"

/*
 * Asks the policy of a route with one. half_id: half << 16 | id of the endpoint.
 * GO_ON, or why not. Global, for the verifier to look at it once.
 */
int admit_by_policy(__u32 half_id);

__noinline int admit_by_policy(__u32 half_id)
{
	struct l4gate_endpoint *endpoint;
	const struct l4gate_route *route;
	const struct scratch *scratch = scratch_get();

	endpoint = endpoint_get(half_id >> 16 & 1, half_id);
	if (!scratch || !endpoint)
		return L4GATE_DROP_CONFIG;
	route = route_get(endpoint, half_id >> 16 & 1);
	if (!route)
		return L4GATE_REJECT_NO_ROUTE;
	return GO_ON;
}

/* Whether the packet in scratch may begin a flow; GO_ON, or why not. */
static __always_inline enum l4gate_reason
admit_flow(const struct l4gate_route *route, __u32 half_id)
{
	if (!route->flags)
		return GO_ON;
	return admit_by_policy(half_id);
}

#endif /* L4GATE_BPF_ADMIT_H */
