// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The conditions of listeners; status.c says who may read which names. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"

static const char *group_kind(const struct listener_group *group)
{
	return group->is_set ? "ListenerSet" : "Gateway";
}

/*
 * Who has the port, named to those alone who may see it: a ListenerSet's owner
 * knows the Gateway, but not what is in it.
 */
static const char *describe_rival(const struct listener_work *listener,
				  struct phrase *phrase)
{
	const struct listener_work *rival = listener->rival;
	const struct listener_group *own = listener->group;
	const struct listener_group *other = rival->group;

	if (own == other)
		phrase_add(phrase, "", "listener %s (%s)",
			   rival->listener->name, rival->listener->protocol);
	else if (!strcmp(own->meta->namespace, other->meta->namespace))
		phrase_add(phrase, "", "listener %s of %s %s/%s",
			   rival->listener->name, group_kind(other),
			   other->meta->namespace, other->meta->name);
	else if (other == &own->gateway->group)
		phrase_add(phrase, "", "Gateway %s/%s", other->meta->namespace,
			   other->meta->name);
	else
		phrase_add(phrase, "", "a %s of another namespace",
			   group_kind(other));
	return phrase_end(phrase);
}

static int listener_lost(struct work *work,
			 const struct listener_work *listener,
			 struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	uint16_t port = listener->listener->port;
	struct phrase phrase = { 0 };

	if (listener->group->is_set)
		return condition_add(arena, to, "Accepted", false,
			"ProtocolConflict",
			"port %u is wanted by %s, too, which goes first (Gateways do, then the older ListenerSet, else by name): use another port",
			port, describe_rival(listener, &phrase));
	return condition_add(arena, to, "Accepted", false, "ProtocolConflict",
		"port %u is taken on the same address by %s, which goes first (the older one, else by name): use another port or address",
		port, describe_rival(listener, &phrase));
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
		return listener_lost(work, listener, to);
	case LISTENER_TOO_MANY:
		return condition_add(arena, to, "Accepted", false,
			"TooManyListeners",
			"the node has room for %u listeners and %u addresses of listeners in all: Gateways go first, then older ListenerSets",
			work->options->max_listeners ?: L4GATE_MIN_LISTENERS,
			L4GATE_MAX_ENDPOINTS);
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
			     "the %s is not programmed: see its conditions",
			     group_kind(listener->group));
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
			phrase_add(&phrase, ", ", "%s%s%s", spec->kinds[i].kind,
				   *spec->kinds[i].group ? "." : "",
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

int status_write_listeners(struct work *work,
			   const struct listener_group *group,
			   struct listener_status **ret_listeners,
			   size_t *ret_count)
{
	struct listener_status *listeners;
	size_t i;

	listeners = arena_array(&work->image->arena, group->listener_count,
				sizeof(*listeners));
	if (!listeners)
		return -ENOMEM;
	for (i = 0; i < group->listener_count; i++)
		if (write_listener(work, &group->listeners[i], &listeners[i]))
			return -ENOMEM;
	*ret_listeners = listeners;
	*ret_count = group->listener_count;
	return 0;
}
