// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

#define KEY_MAX 1024

/* What was published, by name, and the pools that it takes from. */
struct past {
	json_t *listeners;	/* key -> the object in the state */
	json_t *routes;
	struct pool listener_ids;
	struct pool route_ids;
	struct pool backend_ids;
	struct pool chunks;
};

uint32_t plan_chunks(uint32_t slots, size_t members)
{
	if (!slots)
		return 0;
	return (slots + L4GATE_CHUNK_SLOTS - 1) / L4GATE_CHUNK_SLOTS +
	       (members + L4GATE_CHUNK_MEMBERS - 1) / L4GATE_CHUNK_MEMBERS;
}

enum l4gate_mode plan_mode(const struct image_listener *listener)
{
	_Static_assert((int)MODE_TRANSPARENT == L4GATE_MODE_TRANSPARENT &&
		       (int)MODE_DSR_L2 == L4GATE_MODE_DSR_L2 &&
		       (int)MODE_DSR_IPIP == L4GATE_MODE_DSR_IPIP,
		       "both have the same order");
	return listener->parameters->settings[PARAMETER_MODE].value;
}

const struct inet_addr *plan_addresses(const struct image_listener *listener,
				       const struct inet_addr *own,
				       size_t own_count, size_t *ret_count)
{
	*ret_count = listener->address_count ?: own_count;
	return listener->address_count ? listener->addresses : own;
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
			json_object_get(tables, plan_family_names[family]);

		pool_take(&past->chunks, get_u32(table, "chunk"),
			  get_u32(table, "chunks"));
	}
}

const char *plan_set_name(const struct image_listener *listener, char *text)
{
	*text = 0;
	if (listener->set)
		snprintf(text, PLAN_SET_MAX, "%s/%s", listener->set_namespace,
			 listener->set);
	return text;
}

/*
 * The name of a listener: of three parts, or of five if it is from a
 * ListenerSet. Names have no slash in them.
 */
static void format_listener_key(char *key, const char *namespace,
				const char *gateway, const char *set,
				const char *name)
{
	snprintf(key, KEY_MAX, "%s/%s/%s%s%s", namespace, gateway, set,
		 *set ? "/" : "", name);
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
		format_listener_key(key, get_text(object, "namespace"),
				    get_text(object, "gateway"),
				    get_text(object, "listenerSet"),
				    get_text(object, "name"));
		json_object_set(past->listeners, key, object);
		pool_take(&past->listener_ids, get_u32(object, "id"), 1);
	}
	json_array_foreach(json_object_get(published, "origins"), i, object)
		pool_take(&past->chunks, get_u32(object, "chunk"), 1);
	past->backend_ids.next = get_u32(published, "nextBackend") %
				 L4GATE_MAX_BACKENDS;
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

/*
 * The name of a backend among those of its route. Where its backendRef stands
 * among the others does not matter: they come and go. Refs to the same port of
 * the same Service are told apart by turn: 0 for the first, and so on.
 */
static void format_backend_key(char *key, const char *namespace,
			       const char *name, uint32_t port, unsigned int turn,
			       const char *endpoint)
{
	snprintf(key, KEY_MAX, "%s/%s:%u#%u %s", namespace, name, port, turn,
		 endpoint);
}

static void backend_key(const struct image_route *route,
			const struct image_backend *backend, char *key)
{
	const struct image_ref *ref = &route->refs[backend->ref], *other;
	char endpoint[INET_TEXT_MAX];
	unsigned int turn = 0;

	for (other = route->refs; other < ref; other++)
		turn += other->port == ref->port &&
			!strcmp(other->name, ref->name) &&
			!strcmp(other->namespace, ref->namespace);
	format_backend_key(key, ref->namespace, ref->name, ref->port, turn,
			   inet_format_port(&backend->addr, backend->port,
					    endpoint));
}

/* The same of a backend in the published state. */
static void past_backend_key(const json_t *refs, const json_t *backend,
			     char *key)
{
	uint32_t number = get_u32(backend, "ref"), i;
	const json_t *ref = json_array_get(refs, number);
	unsigned int turn = 0;

	for (i = 0; i < number; i++) {
		const json_t *other = json_array_get(refs, i);

		turn += get_u32(other, "port") == get_u32(ref, "port") &&
			!strcmp(get_text(other, "name"),
				get_text(ref, "name")) &&
			!strcmp(get_text(other, "namespace"),
				get_text(ref, "namespace"));
	}
	format_backend_key(key, get_text(ref, "namespace"),
			   get_text(ref, "name"), get_u32(ref, "port"), turn,
			   get_text(backend, "endpoint"));
}

static json_t *index_backends(const json_t *route)
{
	const json_t *refs = json_object_get(route, "refs");
	json_t *index = json_object(), *backend;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach(json_object_get(route, "backends"), i, backend) {
		past_backend_key(refs, backend, key);
		json_object_set(index, key, backend);
	}
	return index;
}

static int plan_backends(struct plan *plan, struct past *past,
			 const json_t *old_route, struct plan_route *ret_route)
{
	const struct image_route *route = ret_route->image;
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
			       pool_next(&past->backend_ids);
		if (to->id >= L4GATE_MAX_BACKENDS) {
			json_decref(index);
			return -E2BIG;
		}
		plan->backend_used[to->id] = 1;
	}
	json_decref(index);
	return 0;
}

/* FNV-1a over what packets read of a table. */
static uint64_t table_digest(const struct image_table *table,
			     const struct plan_route *route, size_t members)
{
	uint64_t hash = image_table_digest(table);
	size_t i;

	for (i = 0; i < members; i++)
		hash = (hash ^ route->backends[i].id) * 0x100000001b3ULL;
	/* JSON integers are signed. */
	return hash >> 1;
}

static int plan_tables(struct past *past, const json_t *old_route,
		       struct plan_route *to)
{
	const struct image_route *route = to->image;
	const json_t *old_tables = json_object_get(old_route, "tables");
	int family;

	for (family = 0; family < L4GATE_FAMILIES; family++) {
		const struct image_table *table = &route->tables[family];
		const json_t *old = json_object_get(old_tables,
						    plan_family_names[family]);
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

static json_t *past_route(const struct past *past,
			  const struct image_route *route)
{
	char key[KEY_MAX];

	snprintf(key, sizeof(key), "%s/%s/%s", plan_kind_names[route->protocol],
		 route->namespace, route->name);
	return json_object_get(past->routes, key);
}

static int plan_route(struct plan *plan, struct past *past,
		      const struct image_route *route, struct fail *fail_)
{
	struct plan_route *to = &plan->routes[plan->route_count++];
	const json_t *old = past_route(past, route);
	int error;

	to->image = route;
	to->is_new = !old;
	to->id = old ? get_u32(old, "id") : pool_find(&past->route_ids, 1);
	if (to->id >= L4GATE_MAX_ROUTES)
		return fail(fail_, -E2BIG, "too many routes: %zu of %u at most (and those being replaced)",
			    plan->image->route_count, L4GATE_MAX_ROUTES);
	to->backends = arena_array(&plan->arena, route->backend_count + 1,
				   sizeof(*to->backends));
	if (!to->backends)
		return -ENOMEM;
	error = plan_backends(plan, past, old, to);
	if (error == -E2BIG)
		return fail(fail_, error, "too many backends: more than %u, counted once per route and backendRef",
			    L4GATE_MAX_BACKENDS);
	if (!error)
		error = plan_tables(past, old, to);
	if (error == -E2BIG)
		return fail(fail_, error, "slot tables need more than the %u chunks there are (old and new together)",
			    L4GATE_MAX_CHUNKS);
	return error;
}

/*
 * A route that has lost its listeners keeps its number, and of its backends
 * those that are published: a flow keeps its backend whatever happens to routes,
 * and nobody else can have one.
 */
static int plan_standby(struct plan *plan, struct past *past,
			const struct image_route *route, struct fail *fail_)
{
	const json_t *old = past_route(past, route);
	struct image_route *kept;
	json_t *index;
	char key[KEY_MAX];
	size_t i;

	if (!old)
		return 0;
	kept = arena_alloc(&plan->arena, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	*kept = *route;
	kept->backend_count = 0;
	kept->backends = arena_array(&plan->arena, route->backend_count + 1,
				     sizeof(*kept->backends));
	index = index_backends(old);
	if (!kept->backends || !index) {
		json_decref(index);
		return -ENOMEM;
	}
	for (i = 0; i < route->backend_count; i++) {
		backend_key(route, &route->backends[i], key);
		if (json_object_get(index, key))
			kept->backends[kept->backend_count++] =
				route->backends[i];
	}
	json_decref(index);
	return kept->backend_count ? plan_route(plan, past, kept, fail_) : 0;
}

static int plan_routes(struct plan *plan, struct past *past,
		       struct fail *fail_)
{
	const struct image *image = plan->image;
	size_t i;
	int error = 0;

	for (i = 0; !error && i < image->route_count; i++)
		error = plan_route(plan, past, &image->routes[i], fail_);
	for (i = 0; !error && i < image->standby_count; i++)
		error = plan_standby(plan, past, &image->standby[i], fail_);
	return error;
}

static int plan_listeners(struct plan *plan, struct past *past,
			  struct fail *fail_)
{
	const struct image *image = plan->image;
	char key[KEY_MAX], set[PLAN_SET_MAX];
	size_t i;

	for (i = 0; i < image->listener_count; i++) {
		const struct image_listener *listener = &image->listeners[i];
		struct plan_listener *to = &plan->listeners[i];
		const json_t *old;

		format_listener_key(key, listener->gateway_namespace,
				    listener->gateway,
				    plan_set_name(listener, set),
				    listener->name);
		old = json_object_get(past->listeners, key);
		to->is_new = !old;
		to->id = old ? get_u32(old, "id") :
			       pool_find(&past->listener_ids, 1);
		if (to->id >= L4GATE_MAX_LISTENERS)
			return fail(fail_, -E2BIG, "too many listeners: %zu of %u at most",
				    image->listener_count,
				    L4GATE_MAX_LISTENERS);
	}
	return 0;
}

static int plan_init(struct plan *plan, struct past *past)
{
	const struct image *image = plan->image;

	plan->routes = arena_array(&plan->arena, image->route_count +
				   image->standby_count + 1,
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
	      const struct plan_node *node, struct plan *plan, struct changes *changes, struct fail *fail_)
{
	struct past past = { 0 };
	int error;

	*plan = (struct plan){ .image = image };
	error = plan_init(plan, &past);
	if (!error)
		error = index_past(plan, &past, published);
	if (!error)
		error = plan_routes(plan, &past, fail_);
	if (!error)
		error = plan_listeners(plan, &past, fail_);
	if (!error)
		error = plan_endpoints(plan, published, node, fail_);
	if (!error)
		error = plan_origins(plan, published, node->addresses,
				     node->address_count, &past.chunks, fail_);
	plan->next_backend = past.backend_ids.next;
	if (!error)
		error = plan_write_state(plan, node->addresses,
					 node->address_count);
	if (!error)
		error = plan_compare(plan, published, changes);
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
