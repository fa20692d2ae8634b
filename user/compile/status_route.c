// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The conditions of routes; status.c says who may read which names. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"

/* The listener that a parentRef asks for, in words. */
static const char *describe_wish(const struct parent_ref *ref,
				 struct phrase *phrase)
{
	if (ref->section_name)
		phrase_add(phrase, "", "named %s", ref->section_name);
	if (ref->port)
		phrase_add(phrase, " ", "with port %u", ref->port);
	return phrase_end(phrase);
}

static bool has_named(const struct listener_group *group,
		      const struct parent_ref *ref)
{
	size_t i;

	for (i = 0; i < group->listener_count; i++)
		if (listener_is_named(&group->listeners[i], ref))
			return true;
	return false;
}

/* ListenerSets that are looked through for the sake of one message. */
#define HINT_SETS 16

/*
 * Rule 13: what the Gateway does not have may be in one of its ListenerSets. The
 * route's own namespace alone is looked at.
 */
static void add_set(const struct work *work, const struct route *route,
		    const struct parent_work *parent, struct phrase *list)
{
	size_t i = sets_of_namespace(work, route->meta.namespace);
	size_t end = i + HINT_SETS;

	for (; i < work->set_count && i < end; i++) {
		const struct listener_group *set = &work->sets[i].group;

		if (strcmp(set->meta->namespace, route->meta.namespace))
			return;
		if (set->gateway != parent->group->gateway ||
		    parent->group->is_set || !has_named(set, parent->ref))
			continue;
		phrase_add(list, "; ",
			   "ListenerSet %s/%s has one, which takes a parentRef of kind ListenerSet",
			   set->meta->namespace, set->meta->name);
		return;
	}
}

static int not_matched(struct work *work, const struct route *route,
		       const struct parent_work *parent, struct conditions *to)
{
	const struct listener_group *group = parent->group;
	bool is_own = !strcmp(route->meta.namespace, parent->ref->namespace);
	struct phrase wish = { 0 }, list = { 0 };
	size_t i;

	for (i = 0; is_own && i < group->listener_count; i++)
		phrase_add(&list, ", ", "%s%s (%s %u)", i ? "" : "it has ",
			   group->listeners[i].listener->name,
			   group->listeners[i].listener->protocol,
			   group->listeners[i].listener->port);
	add_set(work, route, parent, &list);
	return condition_add(&work->image->arena, to, "Accepted", false,
			     "NoMatchingParent",
			     "%s %s/%s has no listener %s%s%s",
			     parent->ref->kind, parent->ref->namespace,
			     parent->ref->name,
			     describe_wish(parent->ref, &wish),
			     list.used ? "; " : "", phrase_end(&list));
}

static int not_accepted(struct work *work, const struct route *route,
			const struct parent_work *parent, struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	const char *kind = protocol_route_kind(route->protocol);
	const char *protocol = protocol_name(route->protocol);
	const struct parent_ref *ref = parent->ref;
	struct phrase wish = { 0 };

	describe_wish(ref, &wish);
	switch (parent->result) {
	case ATTACH_NO_MATCH:
		return not_matched(work, route, parent, to);
	case ATTACH_KIND:
		return condition_add(arena, to, "Accepted", false,
			"NotAllowedByListeners",
			"no listener%s%s of %s %s/%s takes a %s: that needs protocol %s, and %s among allowedRoutes.kinds if there are any",
			wish.used ? " " : "", wish.text, ref->kind,
			ref->namespace, ref->name, kind, protocol, kind);
	case ATTACH_NAMESPACE:
		return condition_add(arena, to, "Accepted", false,
			"NotAllowedByListeners",
			"no listener%s%s of %s %s/%s takes routes of namespace %s: its owner has to widen allowedRoutes.namespaces",
			wish.used ? " " : "", wish.text, ref->kind,
			ref->namespace, ref->name, route->meta.namespace);
	case ATTACH_SEED:
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedValue",
			"%s %s/%s has another seed than %s %s/%s, whose seed the only slot table of the route has: give both one seed, or each a route of its own",
			ref->kind, ref->namespace, ref->name,
			parent->seeded_by->kind, parent->seeded_by->namespace,
			parent->seeded_by->name);
	default:
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedValue",
			"the route has %zu rules, exactly one is supported: make it one route a rule",
			route->rule_count);
	}
}

static enum fate listener_fate(const struct route_work *route,
			       const struct listener_work *listener)
{
	if (!listener->programmed)
		return FATE_IDLE;
	return listener->winner == route ? FATE_SERVES : FATE_WAITS;
}

/* Appends "; <text> listeners a, b": those of one fate, if there are any. */
static void add_listeners(struct phrase *phrase, const char *text,
			  const struct route_work *route,
			  const struct parent_work *parent, enum fate fate)
{
	const char *separator = " ";
	size_t i, count = 0;

	for (i = 0; i < parent->listener_count; i++)
		count += listener_fate(route, parent->listeners[i]) == fate;
	if (!count)
		return;
	phrase_add(phrase, "; ", "%s listener%s", text, count == 1 ? "" : "s");
	for (i = 0; i < parent->listener_count; i++) {
		if (listener_fate(route, parent->listeners[i]) != fate)
			continue;
		phrase_add(phrase, separator, "%s",
			   parent->listeners[i]->listener->name);
		separator = ", ";
	}
}

/* The winner, named only to its own namespace. */
static void describe_winner(const struct route_work *route,
			    const struct listener_work *listener,
			    struct phrase *phrase)
{
	const struct object_meta *winner = &listener->winner->route->meta;
	const char *kind = protocol_route_kind(route->route->protocol);

	if (!strcmp(winner->namespace, route->route->meta.namespace))
		phrase_add(phrase, "; ",
			   "listener %s gives its traffic to %s %s/%s, which goes first (%s)",
			   listener->listener->name, kind, winner->namespace,
			   winner->name, listener->untimed ?
			   "by name, as not all have a creationTimestamp" :
			   "the older one, else by name");
	else
		phrase_add(phrase, "; ",
			   "listener %s gives its traffic to a %s of another namespace, which goes first",
			   listener->listener->name, kind);
}

static int accepted(struct work *work, const struct route_work *route,
		    const struct parent_work *parent, struct conditions *to)
{
	struct phrase phrase = { 0 };
	size_t i;

	add_listeners(&phrase, "the route serves", route, parent, FATE_SERVES);
	for (i = 0; i < parent->listener_count; i++)
		if (listener_fate(route, parent->listeners[i]) == FATE_WAITS)
			describe_winner(route, parent->listeners[i], &phrase);
	add_listeners(&phrase, "no traffic comes from the unprogrammed", route,
		      parent, FATE_IDLE);
	return condition_add(&work->image->arena, to, "Accepted", true,
			     "Accepted", "%s", phrase_end(&phrase));
}

static bool has_endpoints(const struct ref_work *ref)
{
	return ref->chosen[L4GATE_IPV4] || ref->chosen[L4GATE_IPV6];
}

/* How many new flows can't be served, if the route gets any. */
static const char *describe_rejected(const struct route_work *route,
				     struct phrase *phrase)
{
	uint64_t sum = 0, rejected = 0;
	size_t i;

	for (i = 0; i < route->ref_count; i++) {
		sum += route->refs[i].ref->weight;
		if (!has_endpoints(&route->refs[i]))
			rejected += route->refs[i].ref->weight;
	}
	if (!route->carries)
		return "";
	if (!sum)
		return " (all weights are 0: every new flow is rejected)";
	if (rejected)
		phrase_add(phrase, "", " (%.4g %% of new flows are rejected)",
			   100.0 * rejected / sum);
	return phrase_end(phrase);
}

/*
 * Rule 33: one condition; the first failure names it, the message lists all.
 * Rule 38: a Service without endpoints resolves; what is sent to it is rejected.
 */
static int resolved(struct work *work, const struct route_work *route,
		    struct conditions *to)
{
	const char *separator = "; without ready endpoints: ";
	struct phrase phrase = { 0 }, rejected = { 0 };
	const char *reason = NULL;
	size_t i;

	for (i = 0; i < route->ref_count; i++) {
		if (!route->refs[i].reason)
			continue;
		reason = reason ?: route->refs[i].reason;
		phrase_add(&phrase, "; ", "%s", route->refs[i].message);
	}
	if (!reason)
		phrase_add(&phrase, "", "all backendRefs are resolved");
	for (i = 0; i < route->ref_count; i++) {
		const struct ref_work *ref = &route->refs[i];

		if (ref->reason || has_endpoints(ref))
			continue;
		phrase_add(&phrase, separator, "%s/%s:%u", ref->ref->namespace,
			   ref->ref->name, ref->ref->port);
		separator = ", ";
	}
	return condition_add(&work->image->arena, to, "ResolvedRefs", !reason,
			     reason ?: "ResolvedRefs", "%s%s",
			     phrase_end(&phrase),
			     describe_rejected(route, &rejected));
}

static int write_attached(struct work *work, const struct route_work *route,
			  const struct parent_work *parent,
			  struct parent_status *to)
{
	size_t i;

	to->attached_count = parent->listener_count;
	to->attached = arena_array(&work->image->arena,
				   parent->listener_count + 1,
				   sizeof(*to->attached));
	if (!to->attached)
		return -ENOMEM;
	for (i = 0; i < parent->listener_count; i++)
		to->attached[i] = (struct attached_listener){
			.name = parent->listeners[i]->listener->name,
			.fate = listener_fate(route, parent->listeners[i]),
			.by_name = parent->listeners[i]->untimed,
		};
	return 0;
}

int status_write_route(struct work *work, const struct route_work *route,
		       struct route_status *to)
{
	size_t i;
	int error;

	to->route = route->route;
	to->parent_count = route->parent_count;
	to->parents = arena_array(&work->image->arena, route->parent_count + 1,
				  sizeof(*to->parents));
	if (!to->parents)
		return -ENOMEM;
	for (i = 0; i < route->parent_count; i++) {
		const struct parent_work *parent = &route->parents[i];
		struct conditions *conditions = &to->parents[i].conditions;

		to->parents[i].ref = parent->ref;
		error = parent->result == ATTACHED ?
			accepted(work, route, parent, conditions) :
			not_accepted(work, route->route, parent, conditions);
		error = error ?: resolved(work, route, conditions) ?:
			status_write_policy(work, route, conditions) ?:
			write_attached(work, route, parent, &to->parents[i]);
		if (error)
			return error;
	}
	return 0;
}
