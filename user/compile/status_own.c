// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The conditions of our own kinds; status.c says who may read which names. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "l4gate/names.h"

/* ---------------------------------------------------------- parameters */

static bool class_is_ours(const struct class_work *class)
{
	return !strcmp(class->class->controller_name, L4GATE_CONTROLLER);
}

/* Everyone who refers to them, whether they are accepted or not. */
static int write_users(struct work *work, const struct parameters_work *from,
		       struct parameters_status *to)
{
	size_t i, count = 0;

	for (i = 0; i < work->index.class_count; i++)
		count += work->classes[i].parameters == from;
	for (i = 0; i < work->gateway_count; i++)
		count += work->gateways[i].own_parameters == from;
	to->users = arena_array(&work->image->arena, count,
				sizeof(*to->users));
	if (!to->users)
		return -ENOMEM;
	for (i = 0; i < work->index.class_count; i++)
		if (work->classes[i].parameters == from &&
		    class_is_ours(&work->classes[i]))
			to->users[to->user_count++] = (struct parameters_user){
				"GatewayClass", &work->classes[i].class->meta,
			};
	for (i = 0; i < work->gateway_count; i++)
		if (work->gateways[i].own_parameters == from)
			to->users[to->user_count++] = (struct parameters_user){
				"Gateway", &work->gateways[i].gateway->meta,
			};
	return 0;
}

static int write_parameters(struct work *work,
			    const struct parameters_work *from,
			    struct parameters_status *to)
{
	struct arena *arena = &work->image->arena;

	to->object = from->object;
	if (write_users(work, from, to))
		return -ENOMEM;
	if (from->refused)
		return condition_add(arena, &to->conditions, "Accepted", false,
				     "UnsupportedValue", "%s", from->refused);
	return condition_add(arena, &to->conditions, "Accepted", true,
			     "Accepted", "%s", to->user_count ?
			     "the parameters are accepted" :
			     "the parameters are accepted, but no GatewayClass or Gateway of l4gate refers to them");
}

/* ------------------------------------------------------------ policies */

static int write_target(struct work *work, const struct target_work *from,
			struct target_status *to)
{
	struct arena *arena = &work->image->arena;
	const struct object_meta *policy = &from->policy->policy->meta;
	const char *kind = protocol_route_kind(from->target->protocol);
	const char *name = from->target->name;

	to->target = from->target;
	if (!from->route)
		return condition_add(arena, &to->conditions, "Accepted", false,
			"TargetNotFound",
			"%s %s/%s does not exist: the policy is on nothing",
			kind, policy->namespace, name);
	if (from->winner != from->policy)
		return condition_add(arena, &to->conditions, "Accepted", false,
			"Conflicted",
			"RoutePolicy %s/%s is on %s %s/%s and goes first (%s); there is one policy a route, and this one has no effect on it",
			from->winner->policy->meta.namespace,
			from->winner->policy->meta.name, kind,
			policy->namespace, name, from->timed ?
			"the older one, else by name" :
			"by name, as not all have a creationTimestamp");
	return condition_add(arena, &to->conditions, "Accepted", true,
		"Accepted", "the policy is on %s %s/%s%s", kind,
		policy->namespace, name, from->attached ? "" :
		", which is at no Gateway of l4gate");
}

static int write_policy(struct work *work, const struct policy_work *from,
			struct policy_status *to)
{
	size_t i;

	to->policy = from->policy;
	to->target_count = from->policy->target_count;
	to->targets = arena_array(&work->image->arena, to->target_count,
				  sizeof(*to->targets));
	if (!to->targets)
		return -ENOMEM;
	for (i = 0; i < to->target_count; i++)
		if (write_target(work, &from->targets[i], &to->targets[i]))
			return -ENOMEM;
	return 0;
}

int status_write_own(struct work *work)
{
	struct image *image = work->image;
	size_t i;

	image->parameters = arena_array(&image->arena,
					work->index.parameters_count,
					sizeof(*image->parameters));
	image->policies = arena_array(&image->arena, work->index.policy_count,
				      sizeof(*image->policies));
	if (!image->parameters || !image->policies)
		return -ENOMEM;
	for (i = 0; i < work->index.parameters_count; i++)
		if (write_parameters(
			    work, &work->parameters[i],
			    &image->parameters[image->parameters_count++]))
			return -ENOMEM;
	for (i = 0; i < work->index.policy_count; i++)
		if (write_policy(work, &work->policies[i],
				 &image->policies[image->policy_count++]))
			return -ENOMEM;
	return 0;
}

int status_write_policy(struct work *work, const struct route_work *route,
			struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	const struct policy_work *policy = route->policy;

	if (!policy)
		return 0;
	return condition_add(arena, to, L4GATE_POLICY_AFFECTED, true,
			     "PolicyAffected", "RoutePolicy %s/%s is on the route",
			     policy->policy->meta.namespace,
			     policy->policy->meta.name);
}
