// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Ids of endpoints, and the routes that their flows may be of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/plan.h"

#define KEY_MAX 128

/*
 * How long a retired endpoint stays at least, if its place is not taken: new
 * connections to it are rejected, too, so not for long. It goes with the first
 * publish after that.
 */
#define RETIRED_SECONDS 60

/* Of the published state: endpoints by their keys, and the ids that are taken. */
struct past {
	json_t *endpoints;	/* key -> { id, listener object, address } */
	json_t *places;		/* keys without modes, of the new config */
	struct pool ids;
};

/*
 * What an endpoint is: not whose, so that a listener may change its name, but in
 * which mode, for flows of one are nothing to another.
 */
static void format_key(char *key, const char *address, uint32_t port,
		       const char *protocol, const char *mode)
{
	snprintf(key, KEY_MAX, "%s %u %s %s", protocol, port, address, mode);
}

/* Of a listener, or of one that is gone. */
static void index_endpoint(struct past *past, json_t *listener, json_t *address,
			   json_t *id)
{
	char key[KEY_MAX];

	format_key(key, json_string_value(address),
		   json_integer_value(json_object_get(listener, "port")),
		   json_string_value(json_object_get(listener, "protocol")),
		   json_string_value(json_object_get(listener, "mode")));
	json_object_set_new(past->endpoints, key, json_pack(
		"{s:O, s:O, s:O}", "id", id, "listener", listener, "address",
		address));
	pool_take(&past->ids, json_integer_value(id), 1);
}

static int index_past(struct plan *plan, struct past *past,
		      const json_t *published)
{
	json_t *listener, *address;
	size_t i, j;

	past->endpoints = json_object();
	past->places = json_object();
	if (!past->endpoints || !past->places ||
	    pool_init(&plan->arena, &past->ids, L4GATE_MAX_ENDPOINTS))
		return -ENOMEM;
	past->ids.next = json_integer_value(json_object_get(
				 published, "nextEndpoint")) %
			 L4GATE_MAX_ENDPOINTS;
	json_array_foreach(json_object_get(published, "listeners"), i, listener)
		json_array_foreach(json_object_get(listener, "addresses"), j,
				   address)
			index_endpoint(past, listener, address, json_array_get(
				json_object_get(listener, "endpoints"), j));
	json_array_foreach(json_object_get(published, "retired"), i, listener)
		index_endpoint(past, listener,
			       json_object_get(listener, "address"),
			       json_object_get(listener, "endpoint"));
	return 0;
}

static bool route_exists(const struct plan *plan, uint32_t id)
{
	size_t i;

	for (i = 0; i < plan->route_count; i++)
		if (plan->routes[i].id == id)
			return true;
	return false;
}

static void add_former(const struct plan *plan, uint32_t *formers,
		       size_t *count, uint32_t route, uint32_t now)
{
	size_t i;

	if (route == now || !route_exists(plan, route))
		return;
	for (i = 0; i < *count; i++)
		if (formers[i] == route)
			return;
	/* The oldest one's flows are the least likely to live. */
	if (*count == PLAN_FORMERS_MAX)
		memmove(formers, formers + 1, --*count * sizeof(*formers));
	formers[(*count)++] = route;
}

/* The routes that flows of an endpoint may be of, but for the one of now. */
static void add_formers(const struct plan *plan, uint32_t *formers,
			size_t *count, const json_t *past_listener,
			uint32_t now)
{
	const json_t *route = json_object_get(past_listener, "route");
	json_t *former;
	size_t i;

	json_array_foreach(json_object_get(past_listener, "formerRoutes"), i,
			   former)
		add_former(plan, formers, count, json_integer_value(former),
			   now);
	if (json_is_integer(route))
		add_former(plan, formers, count, json_integer_value(route),
			   now);
}

static const char *protocol_text(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? "TCP" : "UDP";
}

/*
 * Whether flows of an endpoint may be of another route than the one of now. If so
 * it stays so: the flows of a route that is gone are still to be cut.
 */
static bool was_of_another(const json_t *listener, uint32_t route)
{
	const json_t *old = json_object_get(listener, "route");

	return json_is_true(json_object_get(listener, "moved")) ||
	       json_object_get(listener, "since") ||
	       (json_is_integer(old) && json_integer_value(old) != route);
}

/* Without the mode: there can be one endpoint only. */
static void take_place(struct past *past, const char *key)
{
	char place[KEY_MAX];

	snprintf(place, sizeof(place), "%.*s", (int)(strrchr(key, ' ') - key),
		 key);
	json_object_set_new(past->places, place, json_null());
}

static bool is_taken(const struct past *past, const char *key)
{
	char place[KEY_MAX];

	snprintf(place, sizeof(place), "%.*s", (int)(strrchr(key, ' ') - key),
		 key);
	return json_object_get(past->places, place);
}

static int mode_of(const char *name)
{
	int mode;

	for (mode = 0; mode < L4GATE_MODES; mode++)
		if (!strcmp(plan_mode_names[mode], name))
			break;
	return mode;
}

/* Whether flows may be left of an endpoint that is not in the new config. */
static bool may_have_flows(const json_t *listener, const struct plan_node *node)
{
	const json_t *since = json_object_get(listener, "since");

	if (since)
		return (uint64_t)json_integer_value(since) + RETIRED_SECONDS >
		       node->now;
	return node->had_flows &&
	       node->had_flows(node->context, json_integer_value(
			       json_object_get(listener, "id")));
}

static void retire(struct plan *plan, const json_t *old,
		   const struct plan_node *node)
{
	const json_t *listener = json_object_get(old, "listener");
	const json_t *since = json_object_get(listener, "since");
	struct plan_retired *to = &plan->retired[plan->retired_count];

	if (inet_parse(json_string_value(json_object_get(old, "address")),
		       &to->addr))
		return;
	to->port = json_integer_value(json_object_get(listener, "port"));
	to->id = json_integer_value(json_object_get(old, "id"));
	to->mode = mode_of(json_string_value(json_object_get(listener,
							     "mode")));
	to->since = since ? (uint64_t)json_integer_value(since) : node->now;
	add_formers(plan, to->formers, &to->former_count, listener, UINT32_MAX);
	plan->retired_count++;
}

/*
 * TCP endpoints that are gone, unless they never had a flow. Of UDP there is
 * nobody to be told.
 */
static int retire_endpoints(struct plan *plan, const struct past *past,
			    const struct plan_node *node)
{
	const char *key;
	json_t *old;

	plan->retired = arena_array(&plan->arena,
				    json_object_size(past->endpoints) + 1,
				    sizeof(*plan->retired));
	if (!plan->retired)
		return -ENOMEM;
	json_object_foreach(past->endpoints, key, old)
		if (!strncmp(key, "TCP ", 4) && !is_taken(past, key) &&
		    may_have_flows(json_object_get(old, "listener"), node))
			retire(plan, old, node);
	return 0;
}

static int plan_listener_endpoints(struct plan *plan, struct past *past,
				   size_t i, const struct inet_addr *addresses,
				   size_t count)
{
	const struct image_listener *listener = &plan->image->listeners[i];
	struct plan_listener *to = &plan->listeners[i];
	uint32_t id, route = UINT32_MAX;
	char key[KEY_MAX], text[INET_TEXT_MAX];
	size_t j;

	if (listener->route != IMAGE_NO_ROUTE)
		route = plan->routes[listener->route].id;
	to->endpoints = arena_array(&plan->arena, count + 1,
				    sizeof(*to->endpoints));
	if (!to->endpoints)
		return -ENOMEM;
	for (j = 0; j < count; j++) {
		const json_t *old;

		format_key(key, inet_format(&addresses[j], text),
			   listener->port, protocol_text(listener->protocol),
			   plan_mode_names[plan_mode(listener)]);
		old = json_object_get(past->endpoints, key);
		id = old ? json_integer_value(json_object_get(old, "id")) :
			   pool_next(&past->ids);
		if (id >= L4GATE_MAX_ENDPOINTS)
			return -E2BIG;
		to->endpoints[j] = id;
		add_formers(plan, to->formers, &to->former_count,
			    json_object_get(old, "listener"), route);
		to->moved |= was_of_another(json_object_get(old, "listener"),
					    route);
		take_place(past, key);
	}
	return 0;
}

int plan_endpoints(struct plan *plan, const json_t *published,
		   const struct plan_node *node, struct fail *fail_)
{
	const struct image *image = plan->image;
	struct past past = { 0 };
	size_t i, count;
	int error;

	for (i = 0; i < image->listener_count; i++) {
		plan_addresses(&image->listeners[i], node->addresses,
			       node->address_count, &count);
		plan->endpoint_count += count;
	}
	error = index_past(plan, &past, published);
	for (i = 0; !error && i < image->listener_count; i++) {
		const struct inet_addr *addresses =
			plan_addresses(&image->listeners[i], node->addresses,
				       node->address_count, &count);

		error = plan_listener_endpoints(plan, &past, i, addresses,
						count);
	}
	if (!error)
		error = retire_endpoints(plan, &past, node);
	plan->next_endpoint = past.ids.next;
	json_decref(past.places);
	json_decref(past.endpoints);
	if (error == -E2BIG)
		return fail(fail_, error, "listeners times addresses need %zu endpoints of %u (and those being replaced)",
			    plan->endpoint_count, L4GATE_MAX_ENDPOINTS);
	return error;
}
