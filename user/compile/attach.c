// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Routes to listeners, and which route of a listener gets the traffic. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "l4gate/names.h"
#include "model/node.h"

bool listener_is_named(const struct listener_work *listener,
		       const struct parent_ref *ref)
{
	return (!ref->section_name || !strcmp(ref->section_name,
					      listener->listener->name)) &&
	       (!ref->port || ref->port == listener->listener->port);
}

static bool allows_kind(const struct listener_work *listener,
			enum protocol protocol)
{
	return listener->known_protocol && listener->protocol == protocol &&
	       listener->supports_route;
}

/*
 * Rules 6 to 10 for one parentRef; 13: it leads to the listeners of the object
 * that it names, never to those of a Gateway's ListenerSets. By rule 10,
 * attachment across namespaces is up to allowedRoutes alone.
 */
static int attach_parent(struct work *work, const struct route *route,
			 struct parent_work *parent)
{
	const struct listener_group *group = parent->group;
	bool named = false, kind = false;
	size_t i;

	parent->listeners = arena_array(&work->arena, group->listener_count + 1,
					sizeof(*parent->listeners));
	if (!parent->listeners)
		return -ENOMEM;
	for (i = 0; i < group->listener_count; i++) {
		struct listener_work *listener = &group->listeners[i];

		if (!listener_is_named(listener, parent->ref))
			continue;
		named = true;
		if (!allows_kind(listener, route->protocol))
			continue;
		kind = true;
		if (namespace_is_allowed(work, &listener->listener->allowed,
					 group->meta->namespace,
					 route->meta.namespace))
			parent->listeners[parent->listener_count++] = listener;
	}
	if (!named) {
		parent->result = ATTACH_NO_MATCH;
	} else if (!kind) {
		parent->result = ATTACH_KIND;
	} else if (!parent->listener_count) {
		parent->result = ATTACH_NAMESPACE;
	} else if (route->rule_count != 1) {
		parent->result = ATTACH_RULES;
		parent->listener_count = 0;
	}
	return 0;
}

static void warn_missing(const struct work *work, const struct route *route,
			 const struct parent_ref *ref)
{
	diag_warning(work->diags, ref->loc,
		     "%s %s/%s: %s %s/%s is not given: the route is not attached to it",
		     protocol_route_kind(route->protocol),
		     route->meta.namespace, route->meta.name, ref->kind,
		     ref->namespace, ref->name);
}

/*
 * Rule 5: only parents that are ours have a status. One that nobody gave can be
 * a slip of the pen, and there is no other place to say so.
 */
static struct listener_group *find_parent(const struct work *work,
					  const struct route *route,
					  const struct parent_ref *ref)
{
	struct gateway_work *gateway;
	struct set_work *set;

	if (strcmp(ref->group, GATEWAY_GROUP))
		return NULL;
	if (!strcmp(ref->kind, "Gateway")) {
		if (!index_gateway(&work->index, ref->namespace, ref->name))
			warn_missing(work, route, ref);
		gateway = gateways_find(work, ref->namespace, ref->name);
		return gateway ? &gateway->group : NULL;
	}
	if (!strcmp(ref->kind, "ListenerSet")) {
		if (!index_listener_set(&work->index, ref->namespace,
					ref->name))
			warn_missing(work, route, ref);
		set = sets_find(work, ref->namespace, ref->name);
		return set ? &set->group : NULL;
	}
	return NULL;
}

/*
 * Whether an earlier compile has left its entry in status.parents: if no parent
 * is ours any more the entry has to go, and somebody has to say so; a list that
 * is empty since then says it again.
 */
static bool has_entry(const struct route *route)
{
	const struct given *given = route->meta.given;
	const struct node *parents, *entry, *name;

	parents = given ? node_get(given->status, "parents") : NULL;
	if (!parents || parents->kind != NODE_LIST)
		return false;
	if (!parents->first)
		return true;
	for (entry = parents->first; entry; entry = entry->next) {
		name = node_get(entry, "controllerName");
		if (name && node_is_string(name) &&
		    !strcmp(name->text, L4GATE_CONTROLLER))
			return true;
	}
	return false;
}

static int collect_route(struct work *work, const struct route *route)
{
	struct route_work *to = &work->routes[work->route_count];
	size_t i;
	int error;

	to->route = route;
	to->parents = arena_array(&work->arena, route->parent_ref_count + 1,
				  sizeof(*to->parents));
	if (!to->parents)
		return -ENOMEM;
	for (i = 0; i < route->parent_ref_count; i++) {
		struct parent_work *parent = &to->parents[to->parent_count];

		parent->ref = &route->parent_refs[i];
		parent->group = find_parent(work, route, parent->ref);
		if (!parent->group)
			continue;
		error = attach_parent(work, route, parent);
		if (error)
			return error;
		to->parent_count++;
	}
	if (to->parent_count || has_entry(route))
		work->route_count++;
	return 0;
}

typedef void (*attachment_function)(struct route_work *route,
				    struct listener_work *listener);

static void each_attachment(struct work *work, attachment_function function)
{
	size_t i, j, k;

	for (i = 0; i < work->route_count; i++)
		for (j = 0; j < work->routes[i].parent_count; j++) {
			struct parent_work *parent = &work->routes[i].parents[j];

			for (k = 0; k < parent->listener_count; k++)
				function(&work->routes[i],
					 parent->listeners[k]);
		}
}

/* A route counts once at a listener, however many parentRefs lead there. */
static void count_attachment(struct route_work *route,
			     struct listener_work *listener)
{
	if (listener->last_attached == route)
		return;
	listener->last_attached = route;
	listener->attached++;
	if (!route->route->meta.created)
		listener->untimed = true;
}

/*
 * Rule 14: all are accepted, the first by precedence gets the traffic. Nothing
 * is merged.
 */
static void contend(struct route_work *route, struct listener_work *listener)
{
	if (!listener->winner ||
	    meta_precedence(&route->route->meta,
			    &listener->winner->route->meta,
			    !listener->untimed) < 0)
		listener->winner = route;
}

static void mark_carrier(struct route_work *route,
			 struct listener_work *listener)
{
	if (listener->programmed && listener->winner == route)
		route->carries = true;
}

int routes_attach(struct work *work)
{
	size_t i;
	int error;

	work->routes = arena_array(&work->arena, work->index.route_count + 1,
				   sizeof(*work->routes));
	if (!work->routes)
		return -ENOMEM;
	for (i = 0; i < work->index.route_count; i++) {
		error = collect_route(work, work->index.routes[i]);
		if (error)
			return error;
	}
	for (i = 0; i < work->route_count; i++)
		parameters_settle_seed(&work->routes[i]);
	each_attachment(work, count_attachment);
	each_attachment(work, contend);
	each_attachment(work, mark_carrier);
	return 0;
}
