// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Classes of idle timeouts (bpf/timeouts.h). Routes whose timeouts are alike share one;
 * class 0 is that of the usual ones. What was published keeps its number, and a number
 * that packets may see is not given to others.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/flow_tables.h"
#include "dataplane/plan.h"

/* Timeouts by class, those of before and those of now. */
struct classes {
	struct image_timeouts timeouts[L4GATE_TIMEOUTS];
	bool is_used[L4GATE_TIMEOUTS];
};

static bool is_same(const struct image_timeouts *a,
		    const struct image_timeouts *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void take(struct classes *classes, uint32_t class,
		 const struct image_timeouts *timeouts)
{
	classes->timeouts[class] = *timeouts;
	classes->is_used[class] = true;
}

/* The class of timeouts, with what it was before; L4GATE_TIMEOUTS: there is none. */
static uint32_t find(struct classes *classes,
		     const struct image_timeouts *timeouts)
{
	uint32_t class;

	for (class = 0; class < L4GATE_TIMEOUTS; class++)
		if (classes->is_used[class] &&
		    is_same(&classes->timeouts[class], timeouts))
			return class;
	for (class = 0; class < L4GATE_TIMEOUTS; class++)
		if (!classes->is_used[class])
			break;
	if (class < L4GATE_TIMEOUTS)
		take(classes, class, timeouts);
	return class;
}

int plan_timeouts(struct plan *plan, const struct state *published,
		  struct fail *fail_)
{
	struct classes classes = { 0 };
	size_t i;

	take(&classes, 0, &dataplane_usual_timeouts);
	for (i = 0; i < published->route_count; i++)
		if (published->routes[i].class)
			take(&classes, published->routes[i].class,
			     &published->routes[i].timeouts);
	for (i = 0; i < plan->route_count; i++) {
		struct plan_route *route = &plan->routes[i];
		uint32_t class = find(&classes, &route->image->timeouts);

		if (class >= L4GATE_TIMEOUTS)
			return fail(fail_, -E2BIG, "too many idle timeouts: routes can have %u combinations at most (and those being replaced)",
				    L4GATE_TIMEOUTS - 1);
		route->class = class;
	}
	return 0;
}
