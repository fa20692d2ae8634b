// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

#define KEY_MAX 1024

/* Numbers 0..count-1, of which some are taken. */
struct pool {
	uint8_t *taken;
	uint32_t count;
	uint32_t next;		/* nothing below it is free for one */
};

/* What was published, by name, and the pools that it takes from. */
struct past {
	json_t *listeners;	/* key -> the object in the state */
	json_t *routes;
	struct pool listener_ids;
	struct pool route_ids;
	struct pool backend_ids;
	struct pool chunks;
};

static const char *const family_names[L4GATE_FAMILIES] = { "ipv4", "ipv6" };
static const char *const protocol_names[] = { "TCP", "UDP" };
static const char *const kind_names[] = { "TCPRoute", "UDPRoute" };
static const char *const verdict_names[] = {
	[REF_USABLE] = "usable",
	[REF_NO_ENDPOINTS] = "no endpoints",
	[REF_INVALID] = "invalid",
};

uint32_t plan_chunks(uint32_t slots, size_t members)
{
	if (!slots)
		return 0;
	return (slots + L4GATE_CHUNK_SLOTS - 1) / L4GATE_CHUNK_SLOTS +
	       (members + L4GATE_CHUNK_MEMBERS - 1) / L4GATE_CHUNK_MEMBERS;
}

const struct inet_addr *plan_addresses(const struct image_listener *listener,
				       const struct inet_addr *own,
				       size_t own_count, size_t *ret_count)
{
	*ret_count = listener->address_count ?: own_count;
	return listener->address_count ? listener->addresses : own;
}

static int pool_init(struct arena *arena, struct pool *pool, uint32_t count)
{
	pool->taken = arena_array(arena, count, 1);
	pool->count = count;
	return pool->taken ? 0 : -ENOMEM;
}

static void pool_take(struct pool *pool, uint32_t first, uint32_t length)
{
	if (first < pool->count && length <= pool->count - first)
		memset(pool->taken + first, 1, length);
}

/* The first run of free numbers; pool->count if there is none. */
static uint32_t pool_find(struct pool *pool, uint32_t length)
{
	uint32_t first, run = 0;

	for (first = pool->next; first < pool->count; first++) {
		run = pool->taken[first] ? 0 : run + 1;
		if (run == length) {
			first -= length - 1;
			pool_take(pool, first, length);
			if (length == 1)
				pool->next = first + 1;
			return first;
		}
	}
	return pool->count;
}

static uint32_t get_u32(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *get_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static void take_tables(struct past *past, const json_t *route)
{
	const json_t *tables = json_object_get(route, "tables");
	int family;

	for (family = 0; family < L4GATE_FAMILIES; family++) {
		const json_t *table =
			json_object_get(tables, family_names[family]);

		pool_take(&past->chunks, get_u32(table, "chunk"),
			  get_u32(table, "chunks"));
	}
}

static int index_past(struct plan *plan, struct past *past,
		      const json_t *published)
{
	size_t i, j;
	json_t *object, *backend;
	char key[KEY_MAX];

	past->listeners = json_object();
	past->routes = json_object();
	if (!past->listeners || !past->routes)
		return -ENOMEM;
	json_array_foreach(json_object_get(published, "listeners"), i, object) {
		snprintf(key, sizeof(key), "%s/%s/%s",
			 get_text(object, "namespace"),
			 get_text(object, "gateway"), get_text(object, "name"));
		json_object_set(past->listeners, key, object);
		pool_take(&past->listener_ids, get_u32(object, "id"), 1);
	}
	json_array_foreach(json_object_get(published, "routes"), i, object) {
		snprintf(key, sizeof(key), "%s/%s/%s",
			 get_text(object, "kind"),
			 get_text(object, "namespace"),
			 get_text(object, "name"));
		json_object_set(past->routes, key, object);
		pool_take(&past->route_ids, get_u32(object, "id"), 1);
		take_tables(past, object);
		json_array_foreach(json_object_get(object, "backends"), j,
				   backend) {
			uint32_t id = get_u32(backend, "id");

			pool_take(&past->backend_ids, id, 1);
			if (id < L4GATE_MAX_BACKENDS)
				plan->backend_was[id] = 1;
		}
	}
	return 0;
}

static void note(struct changes *changes, char sign, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void note(struct changes *changes, char sign, const char *format, ...)
{
	struct change *change = array_append(changes);
	va_list args;

	if (!change)
		return;
	change->sign = sign;
	va_start(args, format);
	vsnprintf(change->text, sizeof(change->text), format, args);
	va_end(args);
}

/* The name of a backend among those of its route. */
static void backend_key(const struct image_route *route,
			const struct image_backend *backend, char *key)
{
	const struct image_ref *ref = &route->refs[backend->ref];
	char address[INET_TEXT_MAX];

	snprintf(key, KEY_MAX, "%s/%s:%u#%u %s", ref->namespace, ref->name,
		 ref->port, backend->ref,
		 inet_format_port(&backend->addr, backend->port, address));
}

static json_t *index_backends(const json_t *route)
{
	const json_t *refs = json_object_get(route, "refs");
	json_t *index = json_object(), *backend;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach(json_object_get(route, "backends"), i, backend) {
		const json_t *ref =
			json_array_get(refs, get_u32(backend, "ref"));

		snprintf(key, sizeof(key), "%s/%s:%u#%u %s",
			 get_text(ref, "namespace"), get_text(ref, "name"),
			 get_u32(ref, "port"), get_u32(backend, "ref"),
			 get_text(backend, "endpoint"));
		json_object_set(index, key, backend);
	}
	return index;
}

static int plan_backends(struct plan *plan, struct past *past,
			 const struct image_route *route,
			 const json_t *old_route,
			 const uint32_t *generations,
			 struct plan_route *ret_route)
{
	json_t *index = index_backends(old_route);
	char key[KEY_MAX];
	size_t i;

	if (!index)
		return -ENOMEM;
	for (i = 0; i < route->backend_count; i++) {
		struct plan_backend *to = &ret_route->backends[i];
		const json_t *old;

		backend_key(route, &route->backends[i], key);
		old = json_object_get(index, key);
		to->is_new = !old;
		to->id = old ? get_u32(old, "id") :
			       pool_find(&past->backend_ids, 1);
		if (to->id >= L4GATE_MAX_BACKENDS) {
			json_decref(index);
			return -E2BIG;
		}
		to->generation = old ? get_u32(old, "generation") :
				       generations[to->id] + 1;
		plan->backend_used[to->id] = 1;
	}
	json_decref(index);
	return 0;
}

/* FNV-1a over what packets read of a table. */
static uint64_t table_digest(const struct image_table *table,
			     const struct plan_route *route, size_t members)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	size_t i;

	for (i = 0; i < table->slot_count; i++)
		hash = (hash ^ table->slots[i]) * 0x100000001b3ULL;
	for (i = 0; i < members; i++)
		hash = (hash ^ route->backends[i].id) * 0x100000001b3ULL;
	/* JSON integers are signed. */
	return hash >> 1;
}

static int plan_tables(struct past *past, const struct image_route *route,
		       const json_t *old_route, struct plan_route *to)
{
	const json_t *old_tables = json_object_get(old_route, "tables");
	int family;

	for (family = 0; family < L4GATE_FAMILIES; family++) {
		const struct image_table *table = &route->tables[family];
		const json_t *old = json_object_get(old_tables,
						    family_names[family]);
		struct plan_table *plan = &to->tables[family];

		plan->chunks = plan_chunks(table->slot_count,
					   route->backend_count);
		plan->digest = table_digest(table, to, route->backend_count);
		if (old && get_u32(old, "slots") == table->slot_count &&
		    (uint64_t)json_integer_value(
			    json_object_get(old, "digest")) == plan->digest &&
		    get_u32(old, "chunks") == plan->chunks) {
			plan->chunk = get_u32(old, "chunk");
			continue;
		}
		plan->is_new = true;
		if (!plan->chunks)
			continue;
		plan->chunk = pool_find(&past->chunks, plan->chunks);
		if (plan->chunk >= L4GATE_MAX_CHUNKS)
			return -E2BIG;
	}
	return 0;
}

static int plan_route(struct plan *plan, struct past *past, size_t i,
		      const uint32_t *generations, struct fail *fail_)
{
	const struct image_route *route = &plan->image->routes[i];
	struct plan_route *to = &plan->routes[i];
	const json_t *old;
	char key[KEY_MAX];
	int error;

	snprintf(key, sizeof(key), "%s/%s/%s", kind_names[route->protocol],
		 route->namespace, route->name);
	old = json_object_get(past->routes, key);
	to->is_new = !old;
	to->id = old ? get_u32(old, "id") : pool_find(&past->route_ids, 1);
	if (to->id >= L4GATE_MAX_ROUTES)
		return fail(fail_, -E2BIG, "too many routes: %zu of %u at most (and those being replaced)",
			    plan->image->route_count, L4GATE_MAX_ROUTES);
	to->backends = arena_array(&plan->arena, route->backend_count + 1,
				   sizeof(*to->backends));
	if (!to->backends)
		return -ENOMEM;
	error = plan_backends(plan, past, route, old, generations, to);
	if (error == -E2BIG)
		return fail(fail_, error, "too many backends: more than %u, counted once per route and backendRef",
			    L4GATE_MAX_BACKENDS);
	if (!error)
		error = plan_tables(past, route, old, to);
	if (error == -E2BIG)
		return fail(fail_, error, "slot tables need more than the %u chunks there are (old and new together)",
			    L4GATE_MAX_CHUNKS);
	return error;
}

static int plan_listeners(struct plan *plan, struct past *past,
			  const struct inet_addr *own, size_t own_count,
			  struct fail *fail_)
{
	const struct image *image = plan->image;
	char key[KEY_MAX];
	size_t i, addresses;

	for (i = 0; i < image->listener_count; i++) {
		const struct image_listener *listener = &image->listeners[i];
		struct plan_listener *to = &plan->listeners[i];
		const json_t *old;

		snprintf(key, sizeof(key), "%s/%s/%s",
			 listener->gateway_namespace, listener->gateway,
			 listener->name);
		old = json_object_get(past->listeners, key);
		to->is_new = !old;
		to->id = old ? get_u32(old, "id") :
			       pool_find(&past->listener_ids, 1);
		if (to->id >= L4GATE_MAX_LISTENERS)
			return fail(fail_, -E2BIG, "too many listeners: %zu of %u at most",
				    image->listener_count,
				    L4GATE_MAX_LISTENERS);
		plan_addresses(listener, own, own_count, &addresses);
		plan->binding_count += addresses;
	}
	if (plan->binding_count > L4GATE_MAX_BINDINGS)
		return fail(fail_, -E2BIG, "listeners times addresses need %zu bindings of %u",
			    plan->binding_count, L4GATE_MAX_BINDINGS);
	return 0;
}

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
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "namespace",
			 gateway->meta.namespace, "name", gateway->meta.name,
			 "class", gateway->class_name, "conditions",
			 conditions_json(&status->conditions), "listeners",
			 listeners);
}

static json_t *listener_json(const struct plan *plan, size_t i,
			     const struct inet_addr *own, size_t own_count)
{
	const struct image_listener *listener = &plan->image->listeners[i];
	json_t *addresses = json_array(), *route = json_null();
	const struct inet_addr *list;
	char text[INET_TEXT_MAX];
	size_t count, j;

	list = plan_addresses(listener, own, own_count, &count);
	for (j = 0; j < count; j++)
		json_array_append_new(addresses, json_string(
			inet_format(&list[j], text)));
	if (listener->route != IMAGE_NO_ROUTE)
		route = json_integer(plan->routes[listener->route].id);
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "id",
			 (int)plan->listeners[i].id, "namespace",
			 listener->gateway_namespace, "gateway",
			 listener->gateway, "name", listener->name, "protocol",
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
			verdict_names[ref->verdict], "wanted", ref->wanted,
			"slots", (int)ref->slots[0], (int)ref->slots[1],
			"rejected", (int)ref->rejected[0],
			(int)ref->rejected[1]));
	}
	for (j = 0; j < route->backend_count; j++)
		json_array_append_new(backends, backend_json(
			&to->backends[j], &route->backends[j]));
	for (j = 0; j < L4GATE_FAMILIES; j++)
		json_object_set_new(tables, family_names[j], json_pack(
			"{s:i, s:i, s:i, s:I}", "chunk",
			(int)to->tables[j].chunk, "chunks",
			(int)to->tables[j].chunks, "slots",
			(int)route->tables[j].slot_count, "digest",
			(json_int_t)to->tables[j].digest));
	return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o}", "id",
			 (int)to->id, "kind", kind_names[route->protocol],
			 "namespace", route->namespace, "name", route->name,
			 "tables", tables, "refs", refs, "backends", backends);
}

static int plan_state(struct plan *plan, const struct inet_addr *own,
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

/* Compares one list of the old and the new state by the text of keys. */
static void note_differences(struct changes *changes, const char *what,
			     json_t *old_index, const json_t *old_list,
			     const json_t *new_list, const char *const keys[3])
{
	json_t *fresh = json_object(), *object;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach((json_t *)new_list, i, object) {
		const json_t *old;

		snprintf(key, sizeof(key), "%s/%s/%s",
			 get_text(object, keys[0]), get_text(object, keys[1]),
			 get_text(object, keys[2]));
		json_object_set(fresh, key, object);
		old = json_object_get(old_index, key);
		if (!old)
			note(changes, '+', "%s %s", what, key);
		else if (!json_equal(old, object))
			note(changes, '~', "%s %s", what, key);
	}
	json_array_foreach((json_t *)old_list, i, object) {
		snprintf(key, sizeof(key), "%s/%s/%s",
			 get_text(object, keys[0]), get_text(object, keys[1]),
			 get_text(object, keys[2]));
		if (!json_object_get(fresh, key))
			note(changes, '-', "%s %s", what, key);
	}
	json_decref(fresh);
}

static void plan_differences(const struct plan *plan, const struct past *past,
			     const json_t *published, struct changes *changes)
{
	static const char *const listener_keys[3] = { "namespace", "gateway",
						      "name" };
	static const char *const route_keys[3] = { "kind", "namespace",
						   "name" };

	note_differences(changes, "listener", past->listeners,
			 json_object_get(published, "listeners"),
			 json_object_get(plan->state, "listeners"),
			 listener_keys);
	note_differences(changes, "route", past->routes,
			 json_object_get(published, "routes"),
			 json_object_get(plan->state, "routes"), route_keys);
	if (!changes->count &&
	    !json_equal(json_object_get(published, "gateways"),
			json_object_get(plan->state, "gateways")))
		note(changes, '~', "status of gateways");
}

static int plan_init(struct plan *plan, struct past *past)
{
	const struct image *image = plan->image;

	plan->routes = arena_array(&plan->arena, image->route_count + 1,
				   sizeof(*plan->routes));
	plan->listeners = arena_array(&plan->arena, image->listener_count + 1,
				      sizeof(*plan->listeners));
	plan->backend_used = arena_alloc(&plan->arena, L4GATE_MAX_BACKENDS);
	plan->backend_was = arena_alloc(&plan->arena, L4GATE_MAX_BACKENDS);
	if (!plan->routes || !plan->listeners || !plan->backend_used ||
	    !plan->backend_was)
		return -ENOMEM;
	return pool_init(&plan->arena, &past->listener_ids,
			 L4GATE_MAX_LISTENERS) ?:
	       pool_init(&plan->arena, &past->route_ids, L4GATE_MAX_ROUTES) ?:
	       pool_init(&plan->arena, &past->backend_ids,
			 L4GATE_MAX_BACKENDS) ?:
	       pool_init(&plan->arena, &past->chunks, L4GATE_MAX_CHUNKS);
}

int plan_make(const struct image *image, const json_t *published,
	      const uint32_t *backend_generations,
	      const struct inet_addr *own_addresses, size_t own_address_count,
	      struct plan *plan, struct changes *changes, struct fail *fail_)
{
	struct past past = { 0 };
	int error;
	size_t i;

	*plan = (struct plan){ .image = image };
	error = plan_init(plan, &past);
	if (!error)
		error = index_past(plan, &past, published);
	for (i = 0; !error && i < image->route_count; i++)
		error = plan_route(plan, &past, i, backend_generations, fail_);
	if (!error)
		error = plan_listeners(plan, &past, own_addresses,
				       own_address_count, fail_);
	if (!error)
		error = plan_state(plan, own_addresses, own_address_count);
	if (!error)
		plan_differences(plan, &past, published, changes);
	json_decref(past.listeners);
	json_decref(past.routes);
	if (error == -ENOMEM)
		(void)fail(fail_, error, "out of memory");
	return error;
}

void plan_free(struct plan *plan)
{
	json_decref(plan->state);
	arena_free(&plan->arena);
	*plan = (struct plan){ 0 };
}
