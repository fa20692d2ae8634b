// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/status_json.h"

#include "compile/condition.h"
#include "l4gate/names.h"

/* Of the Gateway API, sorted as supportedFeatures has to be. */
static const char *const features[] = {
	"Gateway",
	"GatewayStaticAddresses",
	"ListenerSet",
	"ReferenceGrant",
	"TCPRoute",
	"UDPRoute",
};

json_t *json_list_add(json_t *list, json_t *item)
{
	if (!json_array_append_new(list, item))
		return list;
	json_decref(list);
	return NULL;
}

static json_t *conditions_json(const struct conditions *conditions,
			       int64_t generation)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < conditions->count; i++) {
		const struct condition *condition = &conditions->items[i];

		list = json_list_add(list, json_pack(
			"{s:s, s:s, s:s, s:s, s:I}",
			"type", condition->type,
			"status", condition->status ? "True" : "False",
			"reason", condition->reason,
			"message", condition->message,
			"observedGeneration", (json_int_t)generation));
	}
	return list;
}

json_t *class_status_json(const struct class_status *status)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(*features); i++)
		list = json_list_add(list,
				     json_pack("{s:s}", "name", features[i]));
	return json_pack("{s:o, s:o}", "conditions",
			 conditions_json(&status->conditions,
					 status->class->meta.generation),
			 "supportedFeatures", list);
}

static json_t *listener_json(const struct listener_status *status,
			     int64_t generation)
{
	json_t *kinds = json_array();

	if (status->supports_route)
		kinds = json_list_add(kinds, json_pack(
			"{s:s, s:s+}", "group", GATEWAY_GROUP,
			"kind", status->protocol, "Route"));
	return json_pack("{s:s, s:o, s:I, s:o}", "name", status->name,
			 "supportedKinds", kinds, "attachedRoutes",
			 (json_int_t)status->attached_routes, "conditions",
			 conditions_json(&status->conditions, generation));
}

static json_t *listeners_json(const struct listener_status *listeners,
			      size_t count, int64_t generation)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		list = json_list_add(list, listener_json(&listeners[i],
							 generation));
	return list;
}

json_t *gateway_status_json(const struct gateway_status *status)
{
	int64_t generation = status->gateway->meta.generation;
	json_t *addresses = json_array(), *sets = NULL;
	char text[INET_TEXT_MAX];
	size_t i;

	for (i = 0; i < status->address_count; i++)
		addresses = json_list_add(addresses, json_pack(
			"{s:s, s:s}", "type", "IPAddress", "value",
			inet_format(&status->addresses[i], text)));
	if (status->gateway->allowed_listeners.from != FROM_NONE)
		sets = json_integer(status->attached_sets);
	return json_pack("{s:o, s:o, s:o, s:o*}", "addresses", addresses,
			 "conditions",
			 conditions_json(&status->conditions, generation),
			 "listeners", listeners_json(status->listeners,
						     status->listener_count,
						     generation),
			 "attachedListenerSets", sets);
}

json_t *listener_set_status_json(const struct listener_set_status *status)
{
	int64_t generation = status->set->meta.generation;

	return json_pack("{s:o, s:o}", "conditions",
			 conditions_json(&status->conditions, generation),
			 "listeners", listeners_json(status->listeners,
						     status->listener_count,
						     generation));
}

/* As it was written, but group and kind are always there (section 3). */
static json_t *parent_ref_json(const struct parent_ref *ref)
{
	return json_pack("{s:s, s:s, s:s*, s:s, s:s*, s:o*}",
			 "group", ref->group, "kind", ref->kind, "namespace",
			 ref->has_namespace ? ref->namespace : NULL,
			 "name", ref->name, "sectionName", ref->section_name,
			 "port", ref->port ? json_integer(ref->port) : NULL);
}

json_t *route_status_json(const struct route_status *status)
{
	int64_t generation = status->route->meta.generation;
	json_t *parents = json_array();
	size_t i;

	for (i = 0; i < status->parent_count; i++)
		parents = json_list_add(parents, json_pack(
			"{s:o, s:s, s:o}", "parentRef",
			parent_ref_json(status->parents[i].ref),
			"controllerName", L4GATE_CONTROLLER, "conditions",
			conditions_json(&status->parents[i].conditions,
					generation)));
	return json_pack("{s:o}", "parents", parents);
}

json_t *parameters_status_json(const struct parameters_status *status)
{
	json_t *users = json_array();
	size_t i;

	for (i = 0; i < status->user_count; i++) {
		const struct object_meta *user = status->users[i].meta;

		users = json_list_add(users, json_pack(
			"{s:s, s:s, s:s*, s:s}", "group", GATEWAY_GROUP,
			"kind", status->users[i].kind, "namespace",
			*user->namespace ? user->namespace : NULL,
			"name", user->name));
	}
	return json_pack("{s:o, s:o}", "conditions",
			 conditions_json(&status->conditions,
					 status->object->meta.generation),
			 "usedBy", users);
}

json_t *policy_status_json(const struct policy_status *status)
{
	const struct object_meta *meta = &status->policy->meta;
	json_t *ancestors = json_array();
	size_t i;

	for (i = 0; i < status->target_count; i++) {
		const struct target_status *from = &status->targets[i];

		ancestors = json_list_add(ancestors, json_pack(
			"{s:{s:s, s:s, s:s, s:s}, s:s, s:o}", "ancestorRef",
			"group", GATEWAY_GROUP, "kind",
			protocol_route_kind(from->target->protocol),
			"namespace", meta->namespace,
			"name", from->target->name,
			"controllerName", L4GATE_CONTROLLER, "conditions",
			conditions_json(&from->conditions, meta->generation)));
	}
	return json_pack("{s:o}", "ancestors", ancestors);
}
