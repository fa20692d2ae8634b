// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Routes to listeners, and which route of a listener gets the traffic. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

/*
 * The value of a namespace's label, or NULL. The API server gives each
 * Namespace one with its name; manifests may lack the Namespace altogether.
 */
static const char *namespace_label(const struct work *work,
				   const char *namespace, const char *key)
{
	const struct namespace *object;
	size_t i;

	if (!strcmp(key, NAME_LABEL))
		return namespace;
	object = index_namespace(&work->index, namespace);
	for (i = 0; object && i < object->meta.label_count; i++)
		if (!strcmp(object->meta.labels[i].key, key))
			return object->meta.labels[i].value;
	return NULL;
}

static bool has_value(const struct selector_term *term, const char *value)
{
	size_t i;

	for (i = 0; value && i < term->value_count; i++)
		if (!strcmp(term->values[i], value))
			return true;
	return false;
}

static bool selector_matches(const struct work *work,
			     const struct selector *selector,
			     const char *namespace)
{
	size_t i;

	if (!selector->present)
		return false;
	for (i = 0; i < selector->term_count; i++) {
		const struct selector_term *term = &selector->terms[i];
		const char *value = namespace_label(work, namespace, term->key);
		bool match = false;

		switch (term->operator) {
		case SELECTOR_IN:
			match = has_value(term, value);
			break;
		case SELECTOR_NOT_IN:
			match = !has_value(term, value);
			break;
		case SELECTOR_EXISTS:
			match = value != NULL;
			break;
		case SELECTOR_DOES_NOT_EXIST:
			match = value == NULL;
			break;
		}
		if (!match)
			return false;
	}
	return true;
}

/* Rule 10: attachment across namespaces is up to allowedRoutes alone. */
static bool allows_namespace(const struct work *work,
			     const struct listener_work *listener,
			     const char *namespace)
{
	switch (listener->listener->allowed.from) {
	case FROM_ALL:
		return true;
	case FROM_SELECTOR:
		return selector_matches(work,
					&listener->listener->allowed.selector,
					namespace);
	default:
		return !strcmp(listener->gateway->gateway->meta.namespace,
			       namespace);
	}
}

static bool allows_kind(const struct listener_work *listener,
			enum protocol protocol)
{
	return listener->known_protocol && listener->protocol == protocol &&
	       listener->supports_route;
}

/* Rules 6 to 10 for one parentRef. */
static int attach_parent(struct work *work, const struct route *route,
			 struct parent_work *parent)
{
	const struct parent_ref *ref = parent->ref;
	bool named = false, kind = false;
	size_t i;

	parent->listeners = arena_array(&work->arena,
					parent->gateway->listener_count + 1,
					sizeof(*parent->listeners));
	if (!parent->listeners)
		return -ENOMEM;
	for (i = 0; i < parent->gateway->listener_count; i++) {
		struct listener_work *listener =
			&parent->gateway->listeners[i];

		if (ref->section_name &&
		    strcmp(ref->section_name, listener->listener->name))
			continue;
		if (ref->port && ref->port != listener->listener->port)
			continue;
		named = true;
		if (!allows_kind(listener, route->protocol))
			continue;
		kind = true;
		if (allows_namespace(work, listener, route->meta.namespace))
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

/*
 * Rule 5: only parents that are Gateways of ours have a status. One that nobody
 * gave can be a slip of the pen, and there is no other place to say so.
 */
static struct gateway_work *find_parent(const struct work *work,
					const struct route *route,
					const struct parent_ref *ref)
{
	if (strcmp(ref->group, GATEWAY_GROUP) || strcmp(ref->kind, "Gateway"))
		return NULL;
	if (!index_gateway(&work->index, ref->namespace, ref->name))
		diag_warning(work->diags, ref->loc,
			     "%s %s/%s: gateway %s/%s is not given: the route is not attached to it",
			     protocol_route_kind(route->protocol),
			     route->meta.namespace, route->meta.name,
			     ref->namespace, ref->name);
	return gateways_find(work, ref->namespace, ref->name);
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
		parent->gateway = find_parent(work, route, parent->ref);
		if (!parent->gateway)
			continue;
		error = attach_parent(work, route, parent);
		if (error)
			return error;
		to->parent_count++;
	}
	if (to->parent_count)
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
	each_attachment(work, count_attachment);
	each_attachment(work, contend);
	each_attachment(work, mark_carrier);
	return 0;
}
