// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/report.h"

#include <string.h>

#include "compile/condition.h"
#include "compile/status_json.h"
#include "l4gate/names.h"
#include "model/json.h"

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/*
 * Rule 4: conditions of types that others write stay as they are, and so do
 * the entries of other controllers. The given status is not checked
 * by any schema: what is no condition is left out.
 */
static int keep_conditions(json_t *own, const json_t *given)
{
	json_t *list = json_object_get(own, "conditions"), *condition;
	int error = 0;
	size_t i;

	/* A route has its conditions in status.parents only. */
	if (!list)
		return 0;
	json_array_foreach(json_object_get(given, "conditions"), i, condition) {
		const char *type = text_of(condition, "type");

		if (*type && !condition_is_ours(type))
			error = error ?: json_array_append(list, condition);
	}
	return error;
}

/* The element of a list whose member is equal, or NULL. */
static json_t *find_equal(const json_t *list, const char *key,
			  const json_t *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (value && json_equal(json_object_get(item, key), value))
			return item;
	return NULL;
}

static int keep_listeners(json_t *own, const json_t *given)
{
	const json_t *list = json_object_get(own, "listeners");
	json_t *listener, *match;
	int error = 0;
	size_t i;

	json_array_foreach(json_object_get(given, "listeners"), i, listener) {
		match = find_equal(list, "name",
				   json_object_get(listener, "name"));
		if (match)
			error = error ?: keep_conditions(match, listener);
	}
	return error;
}

static bool is_own_entry(const json_t *entry)
{
	return !strcmp(text_of(entry, "controllerName"), L4GATE_CONTROLLER);
}

/* status.parents of a route by parentRef, or status.ancestors of a policy. */
static int keep_entries(json_t *own, const json_t *given, const char *entries,
			const char *ref)
{
	json_t *list = json_object_get(own, entries), *entry, *match;
	int error = 0;
	size_t i;

	if (!list)
		return 0;
	json_array_foreach(json_object_get(given, entries), i, entry) {
		if (!is_own_entry(entry)) {
			error = error ?: json_array_append(list, entry);
			continue;
		}
		/* Ours come first in the list; it may have another's alone. */
		match = find_equal(list, ref, json_object_get(entry, ref));
		if (match && is_own_entry(match))
			error = error ?: keep_conditions(match, entry);
	}
	return error;
}

static json_t *keep_foreign(json_t *own, const struct given *from)
{
	json_t *given;
	int error;

	if (!own || !from || !from->status)
		return own;
	given = json_from_node(from->status);
	error = !given || keep_conditions(own, given) ||
		keep_listeners(own, given) ||
		keep_entries(own, given, "parents", "parentRef") ||
		keep_entries(own, given, "ancestors", "ancestorRef");
	json_decref(given);
	if (!error)
		return own;
	json_decref(own);
	return NULL;
}

static json_t *labels_json(const struct object_meta *meta)
{
	json_t *labels = json_object();
	size_t i;

	for (i = 0; i < meta->label_count; i++)
		if (json_object_set_new(labels, meta->labels[i].key,
					json_string(meta->labels[i].value))) {
			json_decref(labels);
			return NULL;
		}
	return labels;
}

static json_t *metadata_json(const struct object_meta *meta)
{
	json_t *metadata = json_pack(
		"{s:s, s:s*, s:s*, s:o*, s:o}", "name", meta->name,
		"namespace", *meta->namespace ? meta->namespace : NULL,
		"creationTimestamp", meta->given ? meta->given->created : NULL,
		"generation",
		meta->generation ? json_integer(meta->generation) : NULL,
		"labels", labels_json(meta));

	if (!meta->label_count)
		(void)json_object_del(metadata, "labels");
	return metadata;
}

/* An object with its status; takes status, which may be NULL. */
static json_t *object_json(const char *kind, const struct object_meta *meta,
			   json_t *status)
{
	const struct given *given = meta->given;

	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "apiVersion",
			 given ? given->api_version : GATEWAY_GROUP "/v1",
			 "kind", kind, "metadata", metadata_json(meta), "spec",
			 given ? json_from_node(given->spec) : json_object(),
			 "status", keep_foreign(status, given));
}

static json_t *add_classes(json_t *items, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->class_count; i++)
		items = json_list_add(items, object_json(
			"GatewayClass", &image->classes[i].class->meta,
			class_status_json(&image->classes[i])));
	return items;
}

static json_t *add_gateways(json_t *items, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->gateway_count; i++)
		items = json_list_add(items, object_json(
			"Gateway", &image->gateways[i].gateway->meta,
			gateway_status_json(&image->gateways[i])));
	return items;
}

static json_t *add_parameters(json_t *items, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->parameters_count; i++)
		items = json_list_add(items, object_json(
			"GatewayParameters", &image->parameters[i].object->meta,
			parameters_status_json(&image->parameters[i])));
	return items;
}

static json_t *add_listener_sets(json_t *items, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->set_count; i++)
		items = json_list_add(items, object_json(
			"ListenerSet", &image->sets[i].set->meta,
			listener_set_status_json(&image->sets[i])));
	return items;
}

static json_t *add_policies(json_t *items, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->policy_count; i++)
		items = json_list_add(items, object_json(
			"RoutePolicy", &image->policies[i].policy->meta,
			policy_status_json(&image->policies[i])));
	return items;
}

/* TCPRoutes, then UDPRoutes. */
static json_t *add_routes(json_t *items, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->route_status_count; i++) {
		const struct route_status *status = &image->route_statuses[i];

		items = json_list_add(items, object_json(
			protocol_route_kind(status->route->protocol),
			&status->route->meta, route_status_json(status)));
	}
	return items;
}

/* One function a kind, in the order of the kinds' names. */
static json_t *(*const adders[])(json_t *items, const struct image *image) = {
	add_gateways,
	add_classes,
	add_parameters,
	add_listener_sets,
	add_policies,
	add_routes,
};

json_t *report_json(const struct image *image)
{
	json_t *items = json_array();
	size_t i;

	for (i = 0; i < sizeof(adders) / sizeof(*adders); i++)
		items = adders[i](items, image);
	items = json_list_add(items, tables_json(image));
	return json_pack("{s:s, s:s, s:o}", "apiVersion", "v1", "kind", "List",
			 "items", items);
}
