// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A plan as the state that get and stats read, and the next plan starts from. */
#include <errno.h>

#include "compile/condition.h"
#include "compile/status_json.h"
#include "dataplane/plan.h"

const char *const plan_family_names[L4GATE_FAMILIES] = { "ipv4", "ipv6" };
const char *const plan_kind_names[] = { "TCPRoute", "UDPRoute" };
const char *const plan_mode_names[L4GATE_MODES] = {
	[L4GATE_MODE_NAT] = "nat",
	[L4GATE_MODE_TRANSPARENT] = "transparent",
	[L4GATE_MODE_DSR_L2] = "dsr-l2",
	[L4GATE_MODE_DSR_IPIP] = "dsr-ipip",
};
static const char *const protocol_names[] = { "TCP", "UDP" };

static const char *const fate_names[] = {
	[FATE_SERVES] = "serves",
	[FATE_WAITS] = "waits",
	[FATE_IDLE] = "idle",
};

/*
 * An object of the API with its status; takes the latter. What else get needs
 * to know of it is put beside the status or, where the API has a list, into it.
 */
static json_t *object_json(const char *kind, const struct object_meta *meta,
			   json_t *status)
{
	return json_pack("{s:s, s:s*, s:s, s:I, s:o}", "kind", kind,
			 "namespace", *meta->namespace ? meta->namespace : NULL,
			 "name", meta->name, "created",
			 (json_int_t)meta->created, "status", status);
}

/* Takes object, with the status of these listeners. */
static json_t *add_ports(json_t *object, const struct listener_status *listeners,
			 size_t count)
{
	json_t *list = json_object_get(json_object_get(object, "status"),
				       "listeners");
	size_t i;

	for (i = 0; i < count; i++) {
		json_t *to = json_array_get(list, i);

		json_object_set_new(to, "protocol",
				    json_string(listeners[i].protocol));
		json_object_set_new(to, "port", json_integer(listeners[i].port));
	}
	return object;
}

static json_t *gateway_json(const struct gateway_status *status)
{
	json_t *object = object_json("Gateway", &status->gateway->meta,
				     gateway_status_json(status));

	json_object_set_new(object, "class",
			    json_string(status->gateway->class_name));
	return add_ports(object, status->listeners, status->listener_count);
}

static json_t *set_json(const struct listener_set_status *status)
{
	const struct parent_ref *parent = &status->set->parent;
	json_t *object = object_json("ListenerSet", &status->set->meta,
				     listener_set_status_json(status));

	json_object_set_new(object, "gateway", json_pack(
		"{s:s, s:s}", "namespace", parent->namespace, "name",
		parent->name));
	return add_ports(object, status->listeners, status->listener_count);
}

static json_t *attached_json(const struct parent_status *parent)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < parent->attached_count; i++)
		list = json_list_add(list, json_pack(
			"{s:s, s:s, s:b}",
			"name", parent->attached[i].name,
			"fate", fate_names[parent->attached[i].fate],
			"byName", parent->attached[i].by_name));
	return list;
}

static json_t *route_object_json(const struct route_status *status)
{
	json_t *object = object_json(plan_kind_names[status->route->protocol],
				     &status->route->meta,
				     route_status_json(status));
	json_t *parents = json_object_get(json_object_get(object, "status"),
					  "parents");
	size_t i;

	for (i = 0; i < status->parent_count; i++)
		json_object_set_new(json_array_get(parents, i), "listeners",
				    attached_json(&status->parents[i]));
	return object;
}

/* Everything with a status, whether packets can reach it or not. */
static json_t *objects_json(const struct image *image)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < image->gateway_count; i++)
		list = json_list_add(list, gateway_json(&image->gateways[i]));
	for (i = 0; i < image->class_count; i++)
		list = json_list_add(list, object_json(
			"GatewayClass", &image->classes[i].class->meta,
			class_status_json(&image->classes[i])));
	for (i = 0; i < image->parameters_count; i++)
		list = json_list_add(list, object_json(
			"GatewayParameters", &image->parameters[i].object->meta,
			parameters_status_json(&image->parameters[i])));
	for (i = 0; i < image->set_count; i++)
		list = json_list_add(list, set_json(&image->sets[i]));
	for (i = 0; i < image->policy_count; i++)
		list = json_list_add(list, object_json(
			"RoutePolicy", &image->policies[i].policy->meta,
			policy_status_json(&image->policies[i])));
	for (i = 0; i < image->route_status_count; i++)
		list = json_list_add(list, route_object_json(
			&image->route_statuses[i]));
	return list;
}

static json_t *listener_json(const struct plan *plan, size_t i,
			     const struct inet_addr *own, size_t own_count)
{
	const struct image_listener *listener = &plan->image->listeners[i];
	const struct plan_listener *to = &plan->listeners[i];
	json_t *addresses = json_array(), *route = json_null();
	json_t *endpoints = json_array(), *formers = json_array();
	char text[INET_TEXT_MAX], set[PLAN_SET_MAX];
	const struct inet_addr *list;
	size_t count, j;

	list = plan_addresses(listener, own, own_count, &count);
	for (j = 0; j < count; j++) {
		json_array_append_new(addresses, json_string(
			inet_format(&list[j], text)));
		json_array_append_new(endpoints,
				      json_integer(to->endpoints[j]));
	}
	for (j = 0; j < to->former_count; j++)
		json_array_append_new(formers, json_integer(to->formers[j]));
	if (listener->route != IMAGE_NO_ROUTE)
		route = json_integer(plan->routes[listener->route].id);
	plan_set_name(listener, set);
	return json_pack("{s:i, s:s, s:s, s:s*, s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:b, s:o}",
			 "id", (int)to->id, "namespace",
			 listener->gateway_namespace, "gateway",
			 listener->gateway, "listenerSet", *set ? set : NULL,
			 "name", listener->name, "protocol",
			 protocol_names[listener->protocol], "port",
			 listener->port, "mode",
			 plan_mode_names[plan_mode(listener)], "addresses",
			 addresses, "endpoints", endpoints, "formerRoutes",
			 formers, "moved", to->moved, "route", route);
}

static json_t *backend_json(const struct plan_backend *plan,
			    const struct image_backend *backend)
{
	char address[INET_TEXT_MAX], endpoint[INET_TEXT_MAX];

	return json_pack("{s:i, s:i, s:s, s:i, s:s, s:s, s:f, s:i}", "id",
			 (int)plan->id, "ref", backend->ref, "address", inet_format(&backend->addr, address),
			 "port", backend->port, "endpoint",
			 inet_format_port(&backend->addr, backend->port,
					  endpoint),
			 "state", backend->draining ? "draining" : "active",
			 "wanted", backend->wanted, "slots",
			 (int)backend->slots);
}

static json_t *route_json(const struct plan *plan, size_t i)
{
	const struct image_route *route = plan->routes[i].image;
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
	return json_pack("{s:i, s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "id",
			 (int)to->id, "kind", plan_kind_names[route->protocol],
			 "namespace", route->namespace, "name", route->name,
			 "closed", route->closed, "tables", tables, "refs",
			 refs, "backends", backends);
}

/* Lists of endpoints by what is in them, and their chunks. */
static json_t *origins_json(const struct plan *plan)
{
	json_t *list = json_array();
	size_t i, j;

	for (i = 0; i < plan->origin_list_count; i++) {
		const struct plan_origin_list *from = &plan->origin_lists[i];
		json_t *endpoints = json_array();

		for (j = 0; j < from->value.count; j++)
			json_array_append_new(endpoints, json_integer(
				from->value.endpoint[j]));
		json_array_append_new(list, json_pack(
			"{s:i, s:o}", "chunk", (int)from->chunk, "endpoints",
			endpoints));
	}
	return list;
}

static json_t *retired_json(const struct plan *plan)
{
	json_t *list = json_array();
	char text[INET_TEXT_MAX];
	size_t i, j;

	for (i = 0; i < plan->retired_count; i++) {
		const struct plan_retired *from = &plan->retired[i];
		json_t *formers = json_array();

		for (j = 0; j < from->former_count; j++)
			json_array_append_new(formers,
					      json_integer(from->formers[j]));
		json_array_append_new(list, json_pack(
			"{s:s, s:i, s:s, s:s, s:i, s:I, s:o}", "address",
			inet_format(&from->addr, text), "port", from->port,
			"protocol", "TCP", "mode", plan_mode_names[from->mode],
			"endpoint", from->id, "since",
			(json_int_t)from->since, "formerRoutes", formers));
	}
	return list;
}

int plan_write_state(struct plan *plan, const struct inet_addr *own,
		     size_t own_count)
{
	json_t *listeners = json_array(), *routes = json_array();
	size_t i;

	for (i = 0; i < plan->image->listener_count; i++)
		json_array_append_new(listeners,
				      listener_json(plan, i, own, own_count));
	for (i = 0; i < plan->route_count; i++)
		json_array_append_new(routes, route_json(plan, i));
	plan->state = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:i, s:i}",
				"schema", 1, "listeners", listeners, "retired",
				retired_json(plan), "routes", routes,
				"origins", origins_json(plan), "objects",
				objects_json(plan->image), "nextBackend",
				(int)plan->next_backend, "nextEndpoint",
				(int)plan->next_endpoint);
	return plan->state ? 0 : -ENOMEM;
}
