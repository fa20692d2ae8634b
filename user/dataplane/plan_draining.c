// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Backends that get no new flows any more, and when those that they have are cut.
 * The time is set once, by the publish that finds a backend terminating or gone, and
 * stays, until it is ready again. Of UDP nobody waits for the other side to end.
 */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/plan.h"

bool plan_is_over(const struct plan *plan, uint32_t until)
{
	return until && (int32_t)(until - plan->tick) <= 0;
}

/* When the time of what begins to drain now is over; 0: never. */
static uint32_t deadline(const struct plan_node *node,
			 const struct image_route *route)
{
	double ticks;

	if (!route->drain_timeout || route->protocol != PROTOCOL_TCP)
		return 0;
	ticks = route->drain_timeout / 1000.0 / node->tick_seconds;
	/* Never less than was asked for; and 0 is none. */
	return node->tick + (uint32_t)ticks + 1 ?: 1;
}

static void time_given(const struct plan_node *node,
		       const struct state_backend *const *were,
		       struct plan_route *to)
{
	const struct image_route *route = to->image;
	size_t i;

	for (i = 0; i < route->backend_count; i++) {
		struct plan_backend *backend = &to->backends[i];

		if (!route->backends[i].leaving)
			continue;
		backend->until = were[i] ? were[i]->until : 0;
		if (backend->until)
			continue;
		backend->until = deadline(node, route);
		backend->begins = were[i] && backend->until;
	}
}

/* The index of a ref that a backend was of, among those that there are now. */
static uint16_t place_ref(const struct state_ref *refs, const int *now,
			  uint16_t was, struct plan_route *to)
{
	size_t i, given = to->image->ref_count;

	for (i = 0; i < given; i++)
		if (now[i] == was)
			return i;
	for (i = 0; i < to->gone_ref_count; i++)
		if (to->gone_refs[i] == &refs[was])
			return given + i;
	to->gone_refs[to->gone_ref_count++] = &refs[was];
	return given + i;
}

static int compare_gone(const void *left, const void *right)
{
	const struct plan_gone *a = left, *b = right;
	const struct inet_addr x = {
		.addr = a->was->addr, .family = a->was->family,
	};
	const struct inet_addr y = {
		.addr = b->was->addr, .family = b->was->family,
	};

	return (int)a->ref - b->ref ?: inet_compare(&x, &y) ?:
	       (int)a->was->port - b->was->port;
}

static int keep_gone(struct plan *plan, const struct plan_node *node,
		     const struct state_route *old, const int *refs,
		     struct plan_route *to)
{
	const struct state *state = plan->published;
	const struct state_backend *was = state->backends + old->backend;
	size_t i;

	to->gone = arena_array(&plan->arena, old->backend_count + 1,
			       sizeof(*to->gone));
	to->gone_refs = arena_array(&plan->arena, old->ref_count + 1,
				    sizeof(*to->gone_refs));
	if (!to->gone || !to->gone_refs)
		return -ENOMEM;
	for (i = 0; i < old->backend_count; i++, was++) {
		uint32_t until = was->until ?: deadline(node, to->image);

		if (was->id >= plan->sizes.backends ||
		    plan->backend_used[was->id] || !until ||
		    plan_is_over(plan, until))
			continue;
		plan->backend_used[was->id] = 1;
		to->gone[to->gone_count++] = (struct plan_gone){
			.was = was,
			.until = until,
			.ref = place_ref(state->refs + old->ref, refs, was->ref,
					 to),
			.begins = !was->until,
		};
	}
	qsort(to->gone, to->gone_count, sizeof(*to->gone), compare_gone);
	return 0;
}

int plan_draining(struct plan *plan, const struct plan_node *node,
		  const struct state_route *old, const int *refs,
		  const struct state_backend *const *were,
		  struct plan_route *route)
{
	time_given(node, were, route);
	return old ? keep_gone(plan, node, old, refs, route) : 0;
}
