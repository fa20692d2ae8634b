// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A plan as the state that get and stats read, and the next plan starts from. */
#include <errno.h>

#include "compile/condition.h"
#include "dataplane/plan.h"

const char *const plan_family_names[L4GATE_FAMILIES] = { "ipv4", "ipv6" };
const char *const plan_kind_names[] = { "TCPRoute", "UDPRoute" };
static const char *const protocol_names[] = { "TCP", "UDP" };

static json_t *conditions_json(const struct conditions *conditions)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < conditions->count; i++) {
		const struct condition *condition = &conditions->items[i];

		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:s}", "type", condition->type,
			"status", condition->status ? "True" : "False",
			"reason", condition->reason, "message",
			condition->message));
	}
	return list;
}

/* Rule 24: the type is written out, though it is the default. */
static json_t *addresses_json(const struct gateway_status *status)
{
	json_t *list = json_array();
	char text[INET_TEXT_MAX];
	size_t i;

	for (i = 0; i < status->address_count; i++)
		json_array_append_new(list, json_pack(
			"{s:s, s:s}", "type", "IPAddress", "value",
			inet_format(&status->addresses[i], text)));
	return list;
}

static json_t *gateway_json(const struct gateway_status *status)
{
	const struct gateway *gateway = status->gateway;
	json_t *listeners = json_array();
	size_t i;

	for (i = 0; i < status->listener_count; i++) {
		const struct listener_status *listener = &status->listeners[i];

		json_array_append_new(listeners, json_pack(
			"{s:s, s:s, s:i, s:i, s:o}", "name", listener->name,
			"protocol", listener->protocol, "port", listener->port,
			"attachedRoutes", (int)listener->attached_routes,
			"conditions", conditions_json(&listener->conditions)));
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:i, s:o, s:o}", "namespace",
			 gateway->meta.namespace, "name", gateway->meta.name,
			 "class", gateway->class_name, "addresses",
			 addresses_json(status), "attachedListenerSets",
			 (int)status->attached_sets, "conditions",
			 conditions_json(&status->conditions), "listeners",
			 listeners);
}

static json_t *listener_json(const struct plan *plan, size_t i,
			     const struct inet_addr *own, size_t own_count)
{
	const struct image_listener *listener = &plan->image->listeners[i];
	json_t *addresses = json_array(), *route = json_null();
	char text[INET_TEXT_MAX], set[PLAN_SET_MAX];
	const struct inet_addr *list;
	size_t count, j;

	list = plan_addresses(listener, own, own_count, &count);
	for (j = 0; j < count; j++)
		json_array_append_new(addresses, json_string(
			inet_format(&list[j], text)));
	if (listener->route != IMAGE_NO_ROUTE)
		route = json_integer(plan->routes[listener->route].id);
	plan_set_name(listener, set);
	return json_pack("{s:i, s:s, s:s, s:s*, s:s, s:s, s:i, s:o, s:o}", "id",
			 (int)plan->listeners[i].id, "namespace",
			 listener->gateway_namespace, "gateway",
			 listener->gateway, "listenerSet", *set ? set : NULL,
			 "name", listener->name, "protocol",
			 protocol_names[listener->protocol], "port",
			 listener->port, "addresses", addresses, "route",
			 route);
}

static json_t *backend_json(const struct plan_backend *plan,
			    const struct image_backend *backend)
{
	char address[INET_TEXT_MAX], endpoint[INET_TEXT_MAX];

	return json_pack("{s:i, s:I, s:i, s:s, s:i, s:s, s:s, s:f, s:i}", "id",
			 (int)plan->id, "generation",
			 (json_int_t)plan->generation, "ref", backend->ref,
			 "address", inet_format(&backend->addr, address),
			 "port", backend->port, "endpoint",
			 inet_format_port(&backend->addr, backend->port,
					  endpoint),
			 "state", backend->draining ? "draining" : "active",
			 "wanted", backend->wanted, "slots",
			 (int)backend->slots);
}

static json_t *route_json(const struct plan *plan, size_t i)
{
	const struct image_route *route = &plan->image->routes[i];
	const struct plan_route *to = &plan->routes[i];
	json_t *refs = json_array(), *backends = json_array();
	json_t *tables = json_object();
	size_t j;

	for (j = 0; j < route->ref_count; j++) {
		const struct image_ref *ref = &route->refs[j];

		json_array_append_new(refs, json_pack(
			"{s:s, s:s, s:i, s:i, s:s, s:f, s:[i,i], s:[i,i]}",
			"namespace", ref->namespace, "name", ref->name, "port",
			ref->port, "weight", (int)ref->weight, "verdict",
			ref_verdict_name(ref->verdict), "wanted", ref->wanted,
			"slots", (int)ref->slots[0], (int)ref->slots[1],
			"rejected", (int)ref->rejected[0],
			(int)ref->rejected[1]));
	}
	for (j = 0; j < route->backend_count; j++)
		json_array_append_new(backends, backend_json(
			&to->backends[j], &route->backends[j]));
	for (j = 0; j < L4GATE_FAMILIES; j++)
		json_object_set_new(tables, plan_family_names[j], json_pack(
			"{s:i, s:i, s:i, s:I}", "chunk",
			(int)to->tables[j].chunk, "chunks",
			(int)to->tables[j].chunks, "slots",
			(int)route->tables[j].slot_count, "digest",
			(json_int_t)to->tables[j].digest));
	return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o}", "id",
			 (int)to->id, "kind", plan_kind_names[route->protocol],
			 "namespace", route->namespace, "name", route->name,
			 "tables", tables, "refs", refs, "backends", backends);
}

int plan_write_state(struct plan *plan, const struct inet_addr *own,
		     size_t own_count)
{
	json_t *listeners = json_array(), *routes = json_array();
	json_t *gateways = json_array();
	size_t i;

	for (i = 0; i < plan->image->listener_count; i++)
		json_array_append_new(listeners,
				      listener_json(plan, i, own, own_count));
	for (i = 0; i < plan->image->route_count; i++)
		json_array_append_new(routes, route_json(plan, i));
	for (i = 0; i < plan->image->gateway_count; i++)
		json_array_append_new(gateways,
				      gateway_json(&plan->image->gateways[i]));
	plan->state = json_pack("{s:i, s:o, s:o, s:o}", "schema", 1,
				"listeners", listeners, "routes", routes,
				"gateways", gateways);
	return plan->state ? 0 : -ENOMEM;
}
