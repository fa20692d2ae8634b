// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The compiled tables as an object of their own, for machines. */
#include <inttypes.h>
#include <stdio.h>

#include "compile/condition.h"
#include "compile/report.h"
#include "compile/status_json.h"
#include "compile/work.h"
#include "model/format.h"

static json_t *families_json(const uint32_t numbers[L4GATE_FAMILIES])
{
	return json_pack("{s:I, s:I}",
			 "IPv4", (json_int_t)numbers[L4GATE_IPV4],
			 "IPv6", (json_int_t)numbers[L4GATE_IPV6]);
}

static json_t *route_name_json(const struct image *image, size_t i)
{
	const struct image_route *route;

	if (i == IMAGE_NO_ROUTE)
		return json_null();
	route = &image->routes[i];
	return json_pack("{s:s, s:s, s:s}",
			 "kind", protocol_route_kind(route->protocol),
			 "namespace", route->namespace, "name", route->name);
}

static json_t *listener_json(const struct image *image,
			     const struct image_listener *listener)
{
	const struct setting *settings = listener->parameters->settings;
	json_t *addresses = json_array(), *set = NULL, *most = NULL;
	char text[INET_TEXT_MAX];
	size_t i;

	for (i = 0; i < listener->address_count; i++)
		addresses = json_list_add(addresses, json_string(
			inet_format(&listener->addresses[i], text)));
	if (listener->set)
		set = json_pack("{s:s, s:s}",
				"namespace", listener->set_namespace,
				"name", listener->set);
	if (settings[PARAMETER_MAX_HALF_OPEN].value)
		most = json_integer(settings[PARAMETER_MAX_HALF_OPEN].value);
	return json_pack("{s:{s:s, s:s}, s:o*, s:s, s:s, s:i, s:s, s:o*, s:o, s:o}",
			 "gateway", "namespace", listener->gateway_namespace,
			 "name", listener->gateway, "listenerSet", set,
			 "name", listener->name,
			 "protocol", protocol_name(listener->protocol),
			 "port", listener->port,
			 "mode", forwarding_mode_words[
				 settings[PARAMETER_MODE].value],
			 "maxHalfOpen", most,
			 "addresses", addresses,
			 "route", route_name_json(image, listener->route));
}

static json_t *ref_json(const struct image_ref *ref)
{
	return json_pack("{s:s, s:s, s:i, s:I, s:s, s:f, s:o, s:o}",
			 "namespace", ref->namespace, "name", ref->name,
			 "port", ref->port, "weight", (json_int_t)ref->weight,
			 "verdict", ref_verdict_name(ref->verdict),
			 "wantedShare", ref->wanted,
			 "slots", families_json(ref->slots),
			 "rejected", families_json(ref->rejected));
}

static json_t *backend_json(const struct image_backend *backend)
{
	char text[INET_TEXT_MAX];

	return json_pack("{s:i, s:s, s:i, s:b, s:f, s:I}", "ref", backend->ref,
			 "address", inet_format(&backend->addr, text),
			 "port", backend->port, "draining", backend->draining,
			 "wantedShare", backend->wanted,
			 "slots", (json_int_t)backend->slots);
}

static json_t *table_json(const struct image_table *table)
{
	char digest[17];

	snprintf(digest, sizeof(digest), "%016" PRIx64,
		 image_table_digest(table));
	return json_pack("{s:I, s:s}", "slots", (json_int_t)table->slot_count,
			 "digest", digest);
}

/* Those of the route's protocol. */
static json_t *timeouts_json(const struct image_route *route)
{
	bool tcp = route->protocol == PROTOCOL_TCP;
	json_t *timeouts = json_object();
	char text[DURATION_TEXT_MAX];
	int i;

	for (i = tcp ? IDLE_TCP_HALF_OPEN : IDLE_UDP_UNREPLIED;
	     i < (tcp ? IDLE_UDP_UNREPLIED : IDLE_TIMEOUTS); i++)
		json_object_set_new(timeouts, parameters_timeout_name(i),
				    json_string(duration_format(
					    route->timeouts.ms[i], text)));
	return timeouts;
}

static json_t *route_json(const struct image_route *route)
{
	json_t *refs = json_array(), *backends = json_array(), *policy = NULL;
	size_t i;

	for (i = 0; i < route->ref_count; i++)
		refs = json_list_add(refs, ref_json(&route->refs[i]));
	for (i = 0; i < route->backend_count; i++)
		backends = json_list_add(backends,
					 backend_json(&route->backends[i]));
	if (route->policy)
		policy = json_pack("{s:s, s:s}",
				   "name", route->policy->meta.name,
				   "asksFor", route->asks_for);
	return json_pack("{s:s, s:s, s:s, s:o*, s:o, s:o, s:o, s:{s:o, s:o}}",
			 "kind", protocol_route_kind(route->protocol),
			 "namespace", route->namespace, "name", route->name,
			 "policy", policy,
			 "idleTimeouts", timeouts_json(route),
			 "backendRefs", refs, "backends", backends, "tables",
			 "IPv4", table_json(&route->tables[L4GATE_IPV4]),
			 "IPv6", table_json(&route->tables[L4GATE_IPV6]));
}

json_t *tables_json(const struct image *image)
{
	json_t *listeners = json_array(), *routes = json_array();
	size_t i;

	for (i = 0; i < image->listener_count; i++)
		listeners = json_list_add(listeners, listener_json(
			image, &image->listeners[i]));
	for (i = 0; i < image->route_count; i++)
		routes = json_list_add(routes, route_json(&image->routes[i]));
	return json_pack("{s:s, s:s, s:{s:s}, s:o, s:o}",
			 "apiVersion", "l4gate.dev/v1alpha1",
			 "kind", "CompiledTables",
			 "metadata", "name", "compiled",
			 "listeners", listeners, "routes", routes);
}
