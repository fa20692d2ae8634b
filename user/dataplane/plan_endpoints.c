// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Ids of endpoints, and the routes that their flows may be of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/plan.h"

#define KEY_MAX 128

/* Of the published state: endpoints by their keys, and the ids that are taken. */
struct past {
	json_t *endpoints;	/* key -> { id, listener object } */
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

static int index_past(struct plan *plan, struct past *past,
		      const json_t *published)
{
	json_t *listener, *address;
	char key[KEY_MAX];
	size_t i, j;

	past->endpoints = json_object();
	if (!past->endpoints ||
	    pool_init(&plan->arena, &past->ids, L4GATE_MAX_ENDPOINTS))
		return -ENOMEM;
	past->ids.next = json_integer_value(json_object_get(
				 published, "nextEndpoint")) %
			 L4GATE_MAX_ENDPOINTS;
	json_array_foreach(json_object_get(published, "listeners"), i, listener)
		json_array_foreach(json_object_get(listener, "addresses"), j,
				   address) {
			json_t *id = json_array_get(json_object_get(
				listener, "endpoints"), j);

			format_key(key, json_string_value(address),
				   json_integer_value(json_object_get(
					   listener, "port")),
				   json_string_value(json_object_get(
					   listener, "protocol")),
				   json_string_value(json_object_get(
					   listener, "mode")));
			json_object_set_new(past->endpoints, key, json_pack(
				"{s:O, s:O}", "id", id, "listener", listener));
			pool_take(&past->ids, json_integer_value(id), 1);
		}
	return 0;
}

static bool route_exists(const struct plan *plan, uint32_t id)
{
	size_t i;

	for (i = 0; i < plan->image->route_count; i++)
		if (plan->routes[i].id == id)
			return true;
	return false;
}

static void add_former(const struct plan *plan, struct plan_listener *to,
		       uint32_t route, uint32_t now)
{
	size_t i;

	if (route == now || !route_exists(plan, route))
		return;
	for (i = 0; i < to->former_count; i++)
		if (to->formers[i] == route)
			return;
	/* The oldest one's flows are the least likely to live. */
	if (to->former_count == PLAN_FORMERS_MAX)
		memmove(to->formers, to->formers + 1,
			--to->former_count * sizeof(*to->formers));
	to->formers[to->former_count++] = route;
}

/* The routes that flows of an endpoint may be of, but for the one of now. */
static void add_formers(const struct plan *plan, struct plan_listener *to,
			const json_t *past_listener, uint32_t now)
{
	const json_t *route = json_object_get(past_listener, "route");
	json_t *former;
	size_t i;

	json_array_foreach(json_object_get(past_listener, "formerRoutes"), i,
			   former)
		add_former(plan, to, json_integer_value(former), now);
	if (json_is_integer(route))
		add_former(plan, to, json_integer_value(route), now);
}

static const char *protocol_text(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? "TCP" : "UDP";
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
		add_formers(plan, to, json_object_get(old, "listener"), route);
	}
	return 0;
}

int plan_endpoints(struct plan *plan, const json_t *published,
		   const struct inet_addr *own_addresses,
		   size_t own_address_count, struct fail *fail_)
{
	const struct image *image = plan->image;
	struct past past = { 0 };
	size_t i, count;
	int error;

	for (i = 0; i < image->listener_count; i++) {
		plan_addresses(&image->listeners[i], own_addresses,
			       own_address_count, &count);
		plan->endpoint_count += count;
	}
	error = index_past(plan, &past, published);
	for (i = 0; !error && i < image->listener_count; i++) {
		const struct inet_addr *addresses =
			plan_addresses(&image->listeners[i], own_addresses,
				       own_address_count, &count);

		error = plan_listener_endpoints(plan, &past, i, addresses,
						count);
	}
	plan->next_endpoint = past.ids.next;
	json_decref(past.endpoints);
	if (error == -E2BIG)
		return fail(fail_, error, "listeners times addresses need %zu endpoints of %u (and those being replaced)",
			    plan->endpoint_count, L4GATE_MAX_ENDPOINTS);
	return error;
}
