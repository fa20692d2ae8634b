// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/join.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "util/byteorder.h"
#include "util/inet.h"

#define KEY_MAX 1024

static bool is_route(const json_t *object)
{
	return !strcmp(view_text(object, "kind"), "TCPRoute") ||
	       !strcmp(view_text(object, "kind"), "UDPRoute");
}

static json_t *objects_of(const struct view *view, const char *kind)
{
	json_t *list = json_array(), *object;
	size_t i;

	json_array_foreach(json_object_get(view->state, "objects"), i, object)
		if (!strcmp(view_text(object, "kind"), kind))
			json_array_append(list, object);
	return list;
}

json_t *join_gateways(const struct view *view)
{
	return objects_of(view, "Gateway");
}

json_t *join_classes(const struct view *view)
{
	return objects_of(view, "GatewayClass");
}

json_t *join_listener_sets(const struct view *view)
{
	return objects_of(view, "ListenerSet");
}

json_t *join_parameters(const struct view *view)
{
	return objects_of(view, "GatewayParameters");
}

json_t *join_policies(const struct view *view)
{
	return objects_of(view, "RoutePolicy");
}

/* The texts of members, of those that there are, with slashes between them. */
static const char *format_key(char *key, const json_t *object,
			      const char *const names[4])
{
	size_t i, n = 0;

	*key = 0;
	for (i = 0; i < 4 && names[i]; i++) {
		const char *text = view_text(object, names[i]);

		if (*text && n < KEY_MAX)
			n += snprintf(key + n, KEY_MAX - n, "%s%s",
				      n ? "/" : "", text);
	}
	return key;
}

/* Adds to each object what packets meet of it: a list of the state. */
static void add_traffic(const struct view *view, const char *list,
			const char *const names[4], json_t *objects)
{
	json_t *index = json_object(), *object;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach(json_object_get(view->state, list), i, object)
		json_object_set(index, format_key(key, object, names), object);
	json_array_foreach(objects, i, object) {
		json_t *traffic = json_object_get(
			index, format_key(key, object, names));

		if (traffic)
			json_object_update(object, traffic);
	}
	json_decref(index);
}

/* The listeners of one object, of the given Gateway. */
static void add_listeners(json_t *list, const json_t *object,
			  const json_t *gateway, const char *set)
{
	json_t *listener;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(object, "status"),
					   "listeners"), i, listener) {
		json_t *copy = json_copy(listener);

		json_object_set(copy, "namespace",
				json_object_get(gateway, "namespace"));
		json_object_set(copy, "gateway",
				json_object_get(gateway, "name"));
		if (set)
			json_object_set_new(copy, "listenerSet",
					    json_string(set));
		json_array_append_new(list, copy);
	}
}

json_t *join_listeners(const struct view *view)
{
	static const char *const names[4] = { "namespace", "gateway",
					      "listenerSet", "name" };
	json_t *gateways = join_gateways(view);
	json_t *sets = join_listener_sets(view);
	json_t *list = json_array(), *object;
	char set[KEY_MAX];
	size_t i;

	json_array_foreach(gateways, i, object)
		add_listeners(list, object, object, NULL);
	json_array_foreach(sets, i, object) {
		snprintf(set, sizeof(set), "%s/%s",
			 view_text(object, "namespace"),
			 view_text(object, "name"));
		add_listeners(list, object, json_object_get(object, "gateway"),
			      set);
	}
	add_traffic(view, "listeners", names, list);
	json_decref(gateways);
	json_decref(sets);
	return list;
}

json_t *join_routes(const struct view *view)
{
	static const char *const names[4] = { "kind", "namespace", "name" };
	json_t *list = json_array(), *object;
	size_t i;

	json_array_foreach(json_object_get(view->state, "objects"), i, object)
		if (is_route(object))
			json_array_append_new(list, json_copy(object));
	add_traffic(view, "routes", names, list);
	return list;
}

json_t *join_backends(const struct view *view)
{
	return json_copy(json_object_get(view->state, "routes"));
}

/* "address:port", the port in network byte order. */
static const char *format_place(uint8_t family, const struct l4gate_addr *addr,
				__be16 port, char *text)
{
	struct inet_addr place = { .addr = *addr, .family = family };

	return inet_format_port(&place, port_from_net(port), text);
}

static json_t *flow_json(const struct flow *flow)
{
	char client[INET_TEXT_MAX], listener[INET_TEXT_MAX];
	char nat[INET_TEXT_MAX], backend[INET_TEXT_MAX];
	uint8_t family = flow->client.family;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:f, s:b, s:i}",
			 "protocol", flow->endpoint->protocol == IPPROTO_TCP ?
			 "TCP" : "UDP", "client",
			 inet_format_port(&flow->client, flow->client_port,
					  client), "listener",
			 format_place(family, &flow->endpoint->addr,
				      flow->endpoint->port, listener), "nat",
			 inet_format_port(&flow->nat, flow->nat_port, nat),
			 "backend", format_place(family, &flow->backend->addr,
						 flow->backend->port, backend),
			 "state", flow_state_names[flow->state], "surplus",
			 flow->is_surplus, "idle", flow->idle,
			 "local", flow->local, "backend_id",
			 (int)flow->backend_id);
}

/* Of mode nat: the others hold no more of a flow than its backend. */
json_t *join_flows(const struct view *view)
{
	json_t *list = json_array();
	struct flow flow;
	uint32_t i;

	for (i = 0; i < view->flows.record_count; i++)
		if (flow_read(&view->flows, i, &flow))
			json_array_append_new(list, flow_json(&flow));
	return list;
}

