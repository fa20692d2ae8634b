// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every condition of every object that is ours, in sentences for the person who
 * must act. Owners of routes and Gateways read them: objects of a namespace
 * that is not the reader's own are named only where a reference or an attachment
 * has made them known already.
 */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "l4gate/names.h"

static int write_class(struct arena *arena, const struct gateway_class *class,
		       struct class_status *to)
{
	to->class = class;
	if (class->has_parameters)
		return condition_add(arena, &to->conditions, "Accepted", false,
			"InvalidParameters",
			"parametersRef: no kind of parameters is supported: remove it");
	return condition_add(arena, &to->conditions, "Accepted", true,
			     "Accepted", "l4gate serves this class");
}

static int write_classes(struct work *work)
{
	struct image *image = work->image;
	size_t i;

	image->classes = arena_array(&image->arena, work->index.class_count,
				     sizeof(*image->classes));
	if (!image->classes)
		return -ENOMEM;
	for (i = 0; i < work->index.class_count; i++) {
		const struct gateway_class *class = work->index.classes[i];

		if (!strcmp(class->controller_name, L4GATE_CONTROLLER) &&
		    write_class(&image->arena, class,
				&image->classes[image->class_count++]))
			return -ENOMEM;
	}
	return 0;
}

/* Who has the port, named to those alone who may see it. */
static const char *describe_rival(const struct listener_work *listener,
				  struct phrase *phrase)
{
	const struct listener_work *rival = listener->rival;
	const struct object_meta *own = &listener->gateway->gateway->meta;
	const struct object_meta *other = &rival->gateway->gateway->meta;

	if (own == other)
		phrase_add(phrase, "", "listener %s (%s)",
			   rival->listener->name, rival->listener->protocol);
	else if (!strcmp(own->namespace, other->namespace))
		phrase_add(phrase, "", "listener %s of Gateway %s/%s",
			   rival->listener->name, other->namespace,
			   other->name);
	else
		phrase_add(phrase, "", "a Gateway of another namespace");
	return phrase_end(phrase);
}

static int listener_accepted(struct work *work,
			     const struct listener_work *listener,
			     struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	struct phrase phrase = { 0 };
	uint16_t port = listener->listener->port;

	switch (listener->fault) {
	case LISTENER_UNKNOWN_PROTOCOL:
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedProtocol",
			"protocol %s is not supported, only TCP and UDP are",
			listener->listener->protocol);
	case LISTENER_CONFLICT:
		return condition_add(arena, to, "Accepted", false,
			"ProtocolConflict",
			"port %u is wanted by %s, too: neither gets it, give one of them another port",
			port, describe_rival(listener, &phrase));
	case LISTENER_LOST:
		return condition_add(arena, to, "Accepted", false,
			"ProtocolConflict",
			"port %u is taken on the same address by %s, which goes first (the older one, else by name): use another port or address",
			port, describe_rival(listener, &phrase));
	default:
		return condition_add(arena, to, "Accepted", true, "Accepted",
				     "the listener is accepted");
	}
}

/* What packets to a programmed listener meet. */
static int listener_served(struct work *work,
			   const struct listener_work *listener,
			   struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	const char *protocol = protocol_name(listener->protocol);
	uint16_t port = listener->listener->port;

	if (!listener->winner)
		return condition_add(arena, to, "Programmed", true,
			"Programmed",
			"%s port %u is served, but no route is attached: everything is rejected",
			protocol, port);
	if (listener->attached == 1)
		return condition_add(arena, to, "Programmed", true,
			"Programmed", "%s port %u is served by %sRoute %s/%s",
			protocol, port, protocol,
			listener->winner->route->meta.namespace,
			listener->winner->route->meta.name);
	return condition_add(arena, to, "Programmed", true, "Programmed",
		"%s port %u is served by %sRoute %s/%s, which goes first of %u attached routes (%s)",
		protocol, port, protocol,
		listener->winner->route->meta.namespace,
		listener->winner->route->meta.name, listener->attached,
		listener->untimed ? "by name, as not all have a creationTimestamp" :
		"the oldest, else by name");
}

static int listener_programmed(struct work *work,
			       const struct listener_work *listener,
			       struct conditions *to)
{
	struct arena *arena = &work->image->arena;

	if (listener->programmed)
		return listener_served(work, listener, to);
	if (listener->fault == LISTENER_CONFLICT ||
	    listener->fault == LISTENER_LOST)
		return condition_add(arena, to, "Programmed", false,
			"ProtocolConflict", "the listener is not accepted");
	if (listener->fault != LISTENER_SOUND)
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"the listener is not accepted");
	if (!listener->supports_route)
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"allowedRoutes.kinds leaves no kind of route that a %s listener takes: add %s or remove kinds",
			listener->listener->protocol,
			protocol_route_kind(listener->protocol));
	if (listener->no_selector)
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"allowedRoutes.namespaces.from is Selector, but there is no selector: no route can attach");
	return condition_add(arena, to, "Programmed", false, "Invalid",
			     "the Gateway is not programmed: see its conditions");
}

static int listener_resolved(struct work *work,
			     const struct listener_work *listener,
			     struct conditions *to)
{
	const struct listener *spec = listener->listener;
	struct phrase phrase = { 0 };
	size_t i;

	if (!listener->bad_kind)
		return condition_add(&work->image->arena, to, "ResolvedRefs",
				     true, "ResolvedRefs",
				     "all references are resolved");
	for (i = 0; i < spec->kind_count; i++)
		if (!listener_takes_kind(listener, &spec->kinds[i]))
			phrase_add(&phrase, ", ", "%s.%s", spec->kinds[i].kind,
				   spec->kinds[i].group);
	return condition_add(&work->image->arena, to, "ResolvedRefs", false,
			     "InvalidRouteKinds",
			     "allowedRoutes.kinds: not supported with protocol %s: %s",
			     spec->protocol, phrase_end(&phrase));
}

static int write_listener(struct work *work,
			  const struct listener_work *listener,
			  struct listener_status *to)
{
	struct phrase phrase = { 0 };
	int error;

	to->name = listener->listener->name;
	to->protocol = listener->listener->protocol;
	to->port = listener->listener->port;
	to->attached_routes = listener->attached;
	to->supports_route = listener->supports_route;
	error = listener_accepted(work, listener, &to->conditions) ?:
		listener_programmed(work, listener, &to->conditions) ?:
		listener_resolved(work, listener, &to->conditions);
	if (error || !listener->rival)
		return error;
	return condition_add(&work->image->arena, &to->conditions, "Conflicted",
			     true, "ProtocolConflict", "with %s on port %u",
			     describe_rival(listener, &phrase),
			     listener->listener->port);
}

/* The listeners that are not accepted, by name. */
static int gateway_accepted(struct work *work,
			    const struct gateway_work *gateway,
			    struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	struct phrase phrase = { 0 };
	size_t i, bad = 0;

	if (gateway->fault == GATEWAY_PARAMETERS)
		return condition_add(arena, to, "Accepted", false,
			"InvalidParameters",
			"infrastructure.parametersRef: no kind of parameters is supported: remove it");
	if (gateway->fault == GATEWAY_ADDRESS_UNSUPPORTED)
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedAddress",
			"address \"%s\" is of type %s: only IPAddress is supported",
			gateway->fault_address->value,
			gateway->fault_address->type_name);
	for (i = 0; i < gateway->listener_count; i++) {
		if (gateway->listeners[i].fault == LISTENER_SOUND)
			continue;
		bad++;
		phrase_add(&phrase, ", ", "%s",
			   gateway->listeners[i].listener->name);
	}
	if (!bad)
		return condition_add(arena, to, "Accepted", true, "Accepted",
				     "the Gateway is accepted");
	return condition_add(arena, to, "Accepted",
			     bad < gateway->listener_count,
			     "ListenersNotValid",
			     "%s, see the conditions of %s",
			     bad < gateway->listener_count ?
			     "some listeners are not accepted" :
			     "no listener is accepted", phrase_end(&phrase));
}

static int gateway_programmed(struct work *work,
			      const struct gateway_work *gateway,
			      struct conditions *to)
{
	struct arena *arena = &work->image->arena;

	if (gateway->programmed)
		return condition_add(arena, to, "Programmed", true,
			"Programmed", "%zu of %zu listeners are programmed",
			gateway->programmed, gateway->listener_count);
	switch (gateway->fault) {
	case GATEWAY_ADDRESS_UNASSIGNED:
		return condition_add(arena, to, "Programmed", false,
			"AddressNotAssigned",
			"an address without a value can't be assigned: give it one, or no addresses for those of the node");
	case GATEWAY_ADDRESS_UNUSABLE:
		return condition_add(arena, to, "Programmed", false,
			"AddressNotUsable",
			"address %s is unspecified, loopback, multicast or broadcast: no client can send to it",
			gateway->fault_address->value);
	case GATEWAY_SOUND:
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"no listener is programmed: see their conditions");
	default:
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"the Gateway is not accepted");
	}
}

/* Rule 22: where listeners are; each of them is at every address. */
static int write_addresses(struct work *work,
			   const struct gateway_work *gateway,
			   struct gateway_status *to)
{
	const struct compile_options *options = work->options;
	const struct inet_addr *from = gateway->addresses;
	size_t i, count = gateway->address_count;

	if (!gateway->programmed)
		return 0;
	if (!count) {
		from = options->own_addresses;
		count = options->own_address_count;
	}
	to->addresses = arena_array(&work->image->arena, count,
				    sizeof(*to->addresses));
	if (!to->addresses)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		to->addresses[to->address_count++] = from[i];
	return 0;
}

static int write_gateway(struct work *work, const struct gateway_work *gateway,
			 struct gateway_status *to)
{
	size_t i;

	to->gateway = gateway->gateway;
	to->listener_count = gateway->listener_count;
	to->listeners = arena_array(&work->image->arena,
				    gateway->listener_count,
				    sizeof(*to->listeners));
	if (!to->listeners)
		return -ENOMEM;
	for (i = 0; i < gateway->listener_count; i++)
		if (write_listener(work, &gateway->listeners[i],
				   &to->listeners[i]))
			return -ENOMEM;
	return write_addresses(work, gateway, to) ?:
	       gateway_accepted(work, gateway, &to->conditions) ?:
	       gateway_programmed(work, gateway, &to->conditions);
}

int status_write(struct work *work)
{
	struct image *image = work->image;
	size_t i;

	image->gateways = arena_array(&image->arena, work->gateway_count,
				      sizeof(*image->gateways));
	image->route_statuses = arena_array(&image->arena, work->route_count,
					    sizeof(*image->route_statuses));
	if (!image->gateways || !image->route_statuses || write_classes(work))
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++)
		if (write_gateway(work, &work->gateways[i],
				  &image->gateways[image->gateway_count++]))
			return -ENOMEM;
	for (i = 0; i < work->route_count; i++)
		if (status_write_route(
			    work, &work->routes[i],
			    &image->route_statuses[image->route_status_count++]))
			return -ENOMEM;
	return 0;
}
