// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Everything with a status, whether packets can reach it or not, for the state. */
#include <errno.h>

#include <jansson.h>

#include "compile/status_json.h"
#include "dataplane/plan.h"

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

/* Takes object. */
static int add_object(struct plan *plan, struct state_object *to, json_t *object)
{
	static const char *const none = "";
	const char *namespace = json_string_value(
		json_object_get(object, "namespace"));
	size_t size = object ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;
	char *text = size ? plan_add_bytes(plan, size, &to->json) : NULL;
	int error = -ENOMEM;

	if (text) {
		json_dumpb(object, text, size, JSON_COMPACT);
		to->json_size = size;
		error = plan_add_text(plan, json_string_value(json_object_get(
					      object, "kind")), &to->kind) ?:
			plan_add_text(plan, namespace ?: none,
				      &to->namespace) ?:
			plan_add_text(plan, json_string_value(json_object_get(
					      object, "name")), &to->name);
	}
	json_decref(object);
	return error;
}

int plan_write_objects(struct plan *plan)
{
	const struct image *image = plan->image;
	size_t count = image->gateway_count + image->class_count +
		       image->parameters_count + image->set_count +
		       image->policy_count + image->route_status_count, i;
	struct state_object *to = arena_array(&plan->arena, count + 1,
					      sizeof(*to));
	int error = to ? 0 : -ENOMEM;

	plan->state.objects = to;
	plan->state.object_count = count;
	for (i = 0; !error && i < image->gateway_count; i++)
		error = add_object(plan, to++,
				   gateway_json(&image->gateways[i]));
	for (i = 0; !error && i < image->class_count; i++)
		error = add_object(plan, to++, object_json(
			"GatewayClass", &image->classes[i].class->meta,
			class_status_json(&image->classes[i])));
	for (i = 0; !error && i < image->parameters_count; i++)
		error = add_object(plan, to++, object_json(
			"GatewayParameters", &image->parameters[i].object->meta,
			parameters_status_json(&image->parameters[i])));
	for (i = 0; !error && i < image->set_count; i++)
		error = add_object(plan, to++, set_json(&image->sets[i]));
	for (i = 0; !error && i < image->policy_count; i++)
		error = add_object(plan, to++, object_json(
			"RoutePolicy", &image->policies[i].policy->meta,
			policy_status_json(&image->policies[i])));
	for (i = 0; !error && i < image->route_status_count; i++)
		error = add_object(plan, to++, route_object_json(
			&image->route_statuses[i]));
	return error;
}
