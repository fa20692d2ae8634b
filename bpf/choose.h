/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which backend a packet goes to that belongs to no flow: where its client went
 * before, if the route remembers that; or where the slot table says.
 */
#ifndef L4GATE_BPF_CHOOSE_H
#define L4GATE_BPF_CHOOSE_H

#include "affinity.h"
#include "scratch.h"
#include "select.h"

/* What choose_backend() is to do besides. */
#define CHOOSE_HALF	(1U << 0)	/* of the config */
#define CHOOSE_WITNESS	(1U << 1)	/* ask the other half, too */

/*
 * One in the middle of a connection is of a flow that another node had: after a
 * change that is one from before it, as a rule, and the slot table of before says
 * where it is.
 */
static __always_inline int choose_as_before(const struct packet *packet,
					    __u32 number, __u32 half)
{
	const struct l4gate_backend *backend;
	const struct l4gate_route *before;
	int chosen;

	if (packet->protocol != IPPROTO_TCP || (packet->tcp_flags & TCP_SYN) ||
	    !config_is_young(packet->now))
		return -1;
	before = route_get(number, half ^ 1);
	if (!before)
		return -1;
	chosen = select_backend(packet, before);
	if (chosen < 0)
		return -1;
	backend = backend_get(chosen);
	return backend && backend->route == number ? chosen : -1;
}

/*
 * The number of the backend for the packet in scratch, to an endpoint with a route;
 * or less than 0: minus the reason why there is none. Global, for the verifier to
 * look at it once.
 */
int choose_backend(__u32 number, __u32 flags);

__noinline int choose_backend(__u32 number, __u32 flags)
{
	const struct scratch *scratch = scratch_get();
	__u32 half = flags & CHOOSE_HALF;
	const struct l4gate_route *route;
	int chosen = -1;

	route = route_get(number, half);
	if (!scratch || !route)
		return -L4GATE_REJECT_NO_ROUTE;
	if (route->flags & L4GATE_ROUTE_F_AFFINITY)
		chosen = affinity_recall(number, route->affinity);
	if (chosen < 0 && (flags & CHOOSE_WITNESS))
		chosen = choose_as_before(&scratch->packet, number, half);
	if (chosen < 0)
		chosen = select_backend(&scratch->packet, route);
	return chosen;
}

#endif /* L4GATE_BPF_CHOOSE_H */
