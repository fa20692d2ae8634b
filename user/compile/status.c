// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Every condition of every object that is ours, in sentences for people. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "l4gate/names.h"

static int listener_conflict(struct work *work,
			     const struct listener_work *listener,
			     struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	const struct gateway *rival = listener->rival->gateway->gateway;
	static const char *const types[] = { "Accepted", "Programmed",
					     "Conflicted" };
	int error = 0;
	size_t i;

	for (i = 0; !error && i < 3; i++)
		error = condition_add(arena, to, types[i], i == 2,
			"ProtocolConflict",
			"port %u is also wanted by listener %s of gateway %s/%s (%s): %s",
			listener->listener->port,
			listener->rival->listener->name, rival->meta.namespace,
			rival->meta.name, listener->rival->listener->protocol,
			listener->fault == LISTENER_LOST ?
			"that gateway goes first" :
			"neither gets it until one of them is changed");
	return error;
}

static int listener_conditions(struct work *work,
			       const struct listener_work *listener,
			       struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	int error;

	if (listener->in_conflict)
		error = listener_conflict(work, listener, to);
	else if (!listener->known_protocol)
		error = condition_add(arena, to, "Accepted", false,
				"UnsupportedProtocol",
				"protocol %s is not supported, only TCP and UDP are",
				listener->listener->protocol) ?:
			condition_add(arena, to, "Programmed", false, "Invalid",
				"the listener is not accepted");
	else
		error = condition_add(arena, to, "Accepted", true, "Accepted",
				"the listener is accepted") ?:
			condition_add(arena, to, "Programmed",
				listener->programmed,
				listener->programmed ? "Programmed" : "Invalid",
				listener->programmed ?
				"packets to port %u are handled" :
				"the gateway of port %u is not programmed",
				listener->listener->port);
	if (error)
		return error;
	if (listener->bad_kind)
		return condition_add(arena, to, "ResolvedRefs", false,
			"InvalidRouteKinds",
			"allowedRoutes: kind %s of group %s does not go with a %s listener",
			listener->bad_kind->kind, listener->bad_kind->group,
			listener->listener->protocol);
	return condition_add(arena, to, "ResolvedRefs", true, "ResolvedRefs",
			     "all references are resolved");
}

static int gateway_fault(struct work *work, const struct gateway_work *gateway,
			 struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	const char *value = gateway->fault_address ?
			    gateway->fault_address->value : "";

	switch (gateway->fault) {
	case GATEWAY_PARAMETERS:
		return condition_add(arena, to, "Accepted", false,
			"InvalidParameters",
			"infrastructure.parametersRef: no kind of parameters is supported") ?:
		       condition_add(arena, to, "Programmed", false, "Invalid",
			"the gateway is not accepted");
	case GATEWAY_ADDRESS_UNSUPPORTED:
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedAddress",
			"address \"%s\": type %s is not supported, only IPAddress is",
			value, gateway->fault_address->type_name) ?:
		       condition_add(arena, to, "Programmed", false, "Invalid",
			"the gateway is not accepted");
	case GATEWAY_ADDRESS_UNASSIGNED:
		return condition_add(arena, to, "Accepted", true, "Accepted",
			"the gateway is accepted") ?:
		       condition_add(arena, to, "Programmed", false,
			"AddressNotAssigned",
			"an address without a value can't be assigned: name one, or none at all for the node's own");
	default:
		return condition_add(arena, to, "Accepted", true, "Accepted",
			"the gateway is accepted") ?:
		       condition_add(arena, to, "Programmed", false,
			"AddressNotUsable",
			"address %s can't be listened on: unspecified, loopback or multicast",
			value);
	}
}

static int gateway_conditions(struct work *work,
			      const struct gateway_work *gateway,
			      struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	size_t i, accepted = 0;

	if (gateway->fault != GATEWAY_SOUND)
		return gateway_fault(work, gateway, to);
	for (i = 0; i < gateway->listener_count; i++)
		accepted += gateway->listeners[i].fault == LISTENER_SOUND;
	if (!accepted)
		return condition_add(arena, to, "Accepted", false,
			"ListenersNotValid", "no listener is accepted") ?:
		       condition_add(arena, to, "Programmed", false, "Invalid",
			"no listener is accepted");
	if (accepted < gateway->listener_count)
		return condition_add(arena, to, "Accepted", true,
			"ListenersNotValid",
			"%zu of %zu listeners are not accepted",
			gateway->listener_count - accepted,
			gateway->listener_count) ?:
		       condition_add(arena, to, "Programmed", true,
			"Programmed", "%zu listeners are programmed",
			accepted);
	return condition_add(arena, to, "Accepted", true, "Accepted",
			     "the gateway is accepted") ?:
	       condition_add(arena, to, "Programmed", true, "Programmed",
			     "%zu listeners are programmed", accepted);
}

static int write_gateway(struct work *work, const struct gateway_work *gateway,
			 struct gateway_status *to)
{
	size_t i;
	int error;

	to->gateway = gateway->gateway;
	to->addresses = gateway->addresses;
	to->address_count = gateway->address_count;
	to->listener_count = gateway->listener_count;
	to->listeners = arena_array(&work->image->arena,
				    gateway->listener_count + 1,
				    sizeof(*to->listeners));
	if (!to->listeners)
		return -ENOMEM;
	for (i = 0; i < gateway->listener_count; i++) {
		const struct listener_work *from = &gateway->listeners[i];
		struct listener_status *status = &to->listeners[i];

		status->name = from->listener->name;
		status->protocol = from->listener->protocol;
		status->port = from->listener->port;
		status->attached_routes = from->attached;
		status->supports_route = from->supports_route;
		error = listener_conditions(work, from, &status->conditions);
		if (error)
			return error;
	}
	return gateway_conditions(work, gateway, &to->conditions);
}

static int accepted_condition(struct work *work, const struct route_work *route,
			      const struct parent_work *parent,
			      struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	const char *kind = protocol_route_kind(route->route->protocol);
	const struct listener_work *listener;

	switch (parent->result) {
	case ATTACH_NO_MATCH:
		return condition_add(arena, to, "Accepted", false,
			"NoMatchingParent",
			"gateway %s/%s has no listener of that name and port",
			parent->ref->namespace, parent->ref->name);
	case ATTACH_KIND:
		return condition_add(arena, to, "Accepted", false,
			"NotAllowedByListeners",
			"no listener that is meant takes a %s", kind);
	case ATTACH_NAMESPACE:
		return condition_add(arena, to, "Accepted", false,
			"NotAllowedByListeners",
			"no listener that is meant takes routes of namespace %s (allowedRoutes.namespaces)",
			route->route->meta.namespace);
	case ATTACH_RULES:
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedValue",
			"%zu rules: a %s has exactly one",
			route->route->rule_count, kind);
	default:
		break;
	}
	listener = parent->listeners[0];
	if (listener->winner && listener->winner != route)
		return condition_add(arena, to, "Accepted", true, "Accepted",
			"accepted, but listener %s sends its traffic to %s %s/%s, which goes first",
			listener->listener->name, kind,
			listener->winner->route->meta.namespace,
			listener->winner->route->meta.name);
	return condition_add(arena, to, "Accepted", true, "Accepted",
			     "the route is accepted by %zu listener%s",
			     parent->listener_count,
			     parent->listener_count == 1 ? "" : "s");
}

/* Rule 33: one condition; the first failure names it, the message lists all. */
static int resolved_condition(struct work *work, const struct route_work *route,
			      struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	struct phrase phrase = { 0 };
	const char *reason = NULL;
	size_t i;

	for (i = 0; i < route->ref_count; i++) {
		if (!route->refs[i].reason)
			continue;
		reason = reason ?: route->refs[i].reason;
		phrase_add(&phrase, "; ", "%s", route->refs[i].message);
	}
	if (reason)
		return condition_add(arena, to, "ResolvedRefs", false, reason,
				     "%s", phrase_end(&phrase));
	return condition_add(arena, to, "ResolvedRefs", true, "ResolvedRefs",
			     "all backendRefs are resolved");
}

static int write_route(struct work *work, const struct route_work *route,
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
		to->parents[i].ref = route->parents[i].ref;
		error = accepted_condition(work, route, &route->parents[i],
					   &to->parents[i].conditions) ?:
			resolved_condition(work, route,
					   &to->parents[i].conditions);
		if (error)
			return error;
	}
	return 0;
}

static int write_classes(struct work *work)
{
	struct image *image = work->image;
	size_t i;
	int error;

	image->classes = arena_array(&image->arena, work->index.class_count + 1,
				     sizeof(*image->classes));
	if (!image->classes)
		return -ENOMEM;
	for (i = 0; i < work->index.class_count; i++) {
		const struct gateway_class *class = work->index.classes[i];
		struct class_status *to = &image->classes[image->class_count];

		if (strcmp(class->controller_name, L4GATE_CONTROLLER))
			continue;
		to->class = class;
		if (class->has_parameters)
			error = condition_add(&image->arena, &to->conditions,
				"Accepted", false, "InvalidParameters",
				"parametersRef: no kind of parameters is supported");
		else
			error = condition_add(&image->arena, &to->conditions,
				"Accepted", true, "Accepted",
				"the class is ours");
		if (error)
			return error;
		image->class_count++;
	}
	return 0;
}

int status_write(struct work *work)
{
	struct image *image = work->image;
	size_t i;
	int error;

	error = write_classes(work);
	image->gateways = arena_array(&image->arena, work->gateway_count + 1,
				      sizeof(*image->gateways));
	image->route_statuses = arena_array(&image->arena,
					    work->route_count + 1,
					    sizeof(*image->route_statuses));
	if (!image->gateways || !image->route_statuses)
		return -ENOMEM;
	for (i = 0; !error && i < work->gateway_count; i++)
		error = write_gateway(work, &work->gateways[i],
				      &image->gateways[image->gateway_count++]);
	for (i = 0; !error && i < work->route_count; i++)
		error = write_route(
			work, &work->routes[i],
			&image->route_statuses[image->route_status_count++]);
	return error;
}
