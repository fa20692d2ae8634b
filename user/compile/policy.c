// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * RoutePolicies to the routes that they target (GEP-713, direct attachment):
 * which one of a route is on it, and what that says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/policy_text.h"
#include "compile/ranges.h"
#include "compile/work.h"

#define SECOND 1000

/* All targets that exist, those of one route together. */
struct claims {
	struct target_work **items;
	size_t count;
};

/*
 * A policy that is not in force could leave a route open that was meant to be
 * closed, so it is said aloud, not by a condition alone.
 */
static void warn_of_no_effect(struct work *work, const struct target_work *item,
			      const char *why, const char *winner)
{
	const struct object_meta *meta = &item->policy->policy->meta;

	diag_warning(work->diags, item->target->loc,
		     "RoutePolicy %s/%s has no effect on %s %s/%s%s%s",
		     meta->namespace, meta->name,
		     protocol_route_kind(item->target->protocol),
		     meta->namespace, item->target->name, why, winner);
}

static int collect_policy(struct work *work, struct policy_work *to,
			  struct claims *claims)
{
	const struct route_policy *policy = to->policy;
	size_t i;

	to->targets = arena_array(&work->arena, policy->target_count,
				  sizeof(*to->targets));
	if (!to->targets)
		return -ENOMEM;
	for (i = 0; i < policy->target_count; i++) {
		const struct policy_target *target = &policy->targets[i];
		struct target_work *item = &to->targets[i];

		item->target = target;
		item->policy = to;
		item->route = index_route(&work->index, target->protocol,
					  policy->meta.namespace, target->name);
		if (item->route)
			claims->items[claims->count++] = item;
		else
			warn_of_no_effect(work, item, ", which is not given",
					  "");
	}
	return 0;
}

static int collect(struct work *work, struct claims *claims)
{
	size_t i, count = 0;

	for (i = 0; i < work->index.policy_count; i++)
		count += work->index.policies[i]->target_count;
	claims->items = arena_array(&work->arena, count,
				    sizeof(*claims->items));
	work->policies = arena_array(&work->arena, work->index.policy_count,
				     sizeof(*work->policies));
	if (!claims->items || !work->policies)
		return -ENOMEM;
	for (i = 0; i < work->index.policy_count; i++) {
		work->policies[i].policy = work->index.policies[i];
		if (collect_policy(work, &work->policies[i], claims))
			return -ENOMEM;
	}
	return 0;
}

static int compare_routes(const struct route *a, const struct route *b)
{
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	return meta_compare(&a->meta, &b->meta);
}

static int compare_claims(const void *left, const void *right)
{
	const struct target_work *const *a = left, *const *b = right;

	return compare_routes((*a)->route, (*b)->route) ?:
	       meta_compare(&(*a)->policy->policy->meta,
			    &(*b)->policy->policy->meta);
}

static int compare_to_work(const void *key, const void *item)
{
	return compare_routes(key, ((const struct route_work *)item)->route);
}

/* One policy a route: the oldest, then the first by name. */
static void settle_route(struct work *work, struct target_work **claims,
			 size_t count)
{
	const struct policy_work *winner = claims[0]->policy;
	struct route_work *route;
	bool timed = true;
	size_t i;

	for (i = 0; i < count; i++)
		timed = timed && claims[i]->policy->policy->meta.created;
	for (i = 1; i < count; i++)
		if (meta_precedence(&claims[i]->policy->policy->meta,
				    &winner->policy->meta, timed) < 0)
			winner = claims[i]->policy;
	route = bsearch(claims[0]->route, work->routes, work->route_count,
			sizeof(*work->routes), compare_to_work);
	if (route)
		route->policy = winner;
	for (i = 0; i < count; i++) {
		claims[i]->winner = winner;
		claims[i]->timed = timed;
		claims[i]->attached = route && route->parent_count;
		if (claims[i]->policy != winner)
			warn_of_no_effect(work, claims[i],
					  ": the policy on it is ",
					  winner->policy->meta.name);
	}
}

int policies_settle(struct work *work)
{
	struct claims claims = { 0 };
	size_t i, end;

	if (collect(work, &claims))
		return -ENOMEM;
	qsort(claims.items, claims.count, sizeof(*claims.items),
	      compare_claims);
	for (i = 0; i < claims.count; i = end) {
		for (end = i + 1; end < claims.count; end++)
			if (compare_routes(claims.items[i]->route,
					   claims.items[end]->route))
				break;
		settle_route(work, &claims.items[i], end - i);
	}
	return 0;
}

/* That of a Service's sessionAffinityConfig if none is given. */
static int64_t affinity_timeout(const struct route_policy *policy)
{
	int64_t timeout = policy->settings[POLICY_AFFINITY_TIMEOUT].value;

	return timeout == NOT_GIVEN ? 3 * 3600 * SECOND : timeout;
}

static int policy_ranges(struct arena *arena, struct image_route *image)
{
	const struct route_policy *policy = image->policy;

	image->has_ranges = policy->settings[POLICY_ALLOW].value ||
			    policy->settings[POLICY_DENY].value;
	if (!image->has_ranges)
		return 0;
	return ranges_flatten(arena, policy, L4GATE_IPV4,
			      &image->ranges[L4GATE_IPV4]) ?:
	       ranges_flatten(arena, policy, L4GATE_IPV6,
			      &image->ranges[L4GATE_IPV6]);
}

int policy_limits(struct work *work, struct image_route *image)
{
	struct arena *arena = &work->image->arena;
	const struct route_policy *policy = image->policy;

	if (!policy)
		return 0;
	if (policy->settings[POLICY_AFFINITY].value == AFFINITY_CLIENT_IP)
		image->affinity = (affinity_timeout(policy) + SECOND - 1) /
				  SECOND;
	if (policy->settings[POLICY_NEW_FLOWS].value != NOT_GIVEN) {
		image->rate = policy->settings[POLICY_NEW_FLOWS].value;
		image->burst = policy->settings[POLICY_BURST].value;
	}
	if (policy->settings[POLICY_MAX_FLOWS].value != NOT_GIVEN)
		image->max_flows = policy->settings[POLICY_MAX_FLOWS].value;
	image->asks_for = policy_text(arena, image);
	return image->asks_for ? policy_ranges(arena, image) : -ENOMEM;
}
