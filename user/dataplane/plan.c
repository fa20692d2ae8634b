// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/tickets.h"
#include "util/table.h"

/* What was published, by name, and the pools that it takes from. */
struct past {
	const struct state *state;
	const struct plan_node *node;
	bool *is_given;		/* by route: it still is */
	struct table listeners;
	struct table routes;
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

const char *plan_set_name(const struct image_listener *listener, char *text)
{
	*text = 0;
	if (listener->set)
		snprintf(text, PLAN_SET_MAX, "%s/%s", listener->set_namespace,
			 listener->set);
	return text;
}

static uint64_t listener_hash(const char *namespace, const char *gateway,
			      const char *set, const char *name)
{
	return table_hash_text(table_hash_text(table_hash_text(table_hash_text(
		TABLE_HASH, namespace), gateway), set), name);
}

static uint64_t route_hash(uint8_t protocol, const char *namespace,
			   const char *name)
{
	return table_hash_text(table_hash_text(TABLE_HASH ^ protocol,
					       namespace), name);
}

static void index_listeners(struct past *past)
{
	const struct state *state = past->state;
	size_t i;

	for (i = 0; i < state->listener_count; i++) {
		const struct state_listener *listener = &state->listeners[i];

		table_add(&past->listeners, listener_hash(
			state_text_of(state, listener->namespace),
			state_text_of(state, listener->gateway),
			state_text_of(state, listener->set),
			state_text_of(state, listener->name)), i);
		pool_take(&past->listener_ids, listener->id, 1);
	}
}

static void index_routes(struct plan *plan, struct past *past)
{
	const struct state *state = past->state;
	size_t i, j;

	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];

		table_add(&past->routes, route_hash(
			route->protocol, state_text_of(state, route->namespace),
			state_text_of(state, route->name)), i);
		pool_take(&past->route_ids, route->id, 1);
		pool_take(&past->chunks, route->tickets.chunk,
			  route->tickets.chunks);
		for (j = 0; j < L4GATE_FAMILIES; j++) {
			pool_take(&past->chunks, route->tables[j].chunk,
				  route->tables[j].chunks);
			pool_take(&past->chunks, route->ranges[j].chunk,
				  route->ranges[j].chunks);
		}
	}
	for (i = 0; i < state->backend_count; i++) {
		uint32_t id = state->backends[i].id;

		pool_take(&past->backend_ids, id, 1);
		if (id < plan->sizes.backends)
			plan->backend_was[id] = 1;
	}
}

static void index_past(struct plan *plan, struct past *past)
{
	const struct state *state = past->state;
	size_t i;

	past->backend_ids.next = state->next_backend % plan->sizes.backends;
	for (i = 0; i < state->origin_count; i++)
		pool_take(&past->chunks, state->origins[i].chunk, 1);
	index_listeners(past);
	index_routes(plan, past);
}

static const struct state_listener *
past_listener(const struct past *past, const struct image_listener *listener,
	      const char *set)
{
	const struct state *state = past->state;
	uint64_t hash = listener_hash(listener->gateway_namespace,
				      listener->gateway, set, listener->name);
	uint32_t at = 0, i;

	while ((i = table_next(&past->listeners, hash, &at)) != TABLE_NONE) {
		const struct state_listener *old = &state->listeners[i];

		if (!strcmp(state_text_of(state, old->name), listener->name) &&
		    !strcmp(state_text_of(state, old->set), set) &&
		    !strcmp(state_text_of(state, old->gateway),
			    listener->gateway) &&
		    !strcmp(state_text_of(state, old->namespace),
			    listener->gateway_namespace))
			return old;
	}
	return NULL;
}

static const struct state_route *past_route(const struct past *past,
					    const struct image_route *route)
{
	const struct state *state = past->state;
	uint64_t hash = route_hash(route->protocol, route->namespace,
				   route->name);
	uint32_t at = 0, i;

	while ((i = table_next(&past->routes, hash, &at)) != TABLE_NONE) {
		const struct state_route *old = &state->routes[i];

		if (old->protocol == route->protocol &&
		    !strcmp(state_text_of(state, old->name), route->name) &&
		    !strcmp(state_text_of(state, old->namespace),
			    route->namespace))
			return old;
	}
	return NULL;
}

static bool is_ref(const struct state *state, const struct state_ref *old,
		   const struct image_ref *ref)
{
	return old->port == ref->port &&
	       !strcmp(state_text_of(state, old->name), ref->name) &&
	       !strcmp(state_text_of(state, old->namespace), ref->namespace);
}

/*
 * For each backendRef of a route which one it was: -1 for none. Where it stands
 * among the others does not matter: they come and go. Refs to the same port of
 * the same Service are told apart by turn.
 */
static int *match_refs(struct plan *plan, const struct past *past,
		       const struct image_route *route,
		       const struct state_route *old)
{
	int *were = arena_array(&plan->arena, route->ref_count + 1,
				sizeof(*were));
	size_t i, j;

	for (i = 0; were && i < route->ref_count; i++) {
		const struct image_ref *ref = &route->refs[i], *other;
		size_t turn = 0;

		for (other = route->refs; other < ref; other++)
			turn += other->port == ref->port &&
				!strcmp(other->name, ref->name) &&
				!strcmp(other->namespace, ref->namespace);
		were[i] = -1;
		for (j = 0; old && were[i] < 0 && j < old->ref_count; j++)
			if (is_ref(past->state,
				   &past->state->refs[old->ref + j], ref) &&
			    !turn--)
				were[i] = j;
	}
	return were;
}

static int compare_backends(const struct state_backend *old, uint16_t ref,
			    const struct image_backend *backend)
{
	const struct inet_addr addr = {
		.addr = old->addr, .family = old->family,
	};

	if (old->ref != ref)
		return old->ref < ref ? -1 : 1;
	return inet_compare(&addr, &backend->addr) ?:
	       (int)old->port - backend->port;
}

/* A backend among count of them that are sorted, or NULL. */
static const struct state_backend *
find_backend(const struct state_backend *list, size_t count, uint16_t ref,
	     const struct image_backend *backend)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_backends(&list[middle], ref, backend);

		if (!order)
			return &list[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What a backend was: given, or gone and back again; NULL: it is new. */
static const struct state_backend *
past_backend(const struct past *past, const struct state_route *old,
	     const int *refs, const struct image_backend *backend)
{
	const struct state_backend *list, *found;
	int ref = refs[backend->ref];
	size_t given;

	if (!old || ref < 0)
		return NULL;
	list = past->state->backends + old->backend;
	given = old->backend_count - old->gone_backends;
	found = find_backend(list, given, ref, backend);
	return found ?: find_backend(list + given, old->gone_backends, ref,
				     backend);
}

static int plan_backends(struct plan *plan, struct past *past,
			 const struct state_route *old,
			 struct plan_route *ret_route)
{
	const struct image_route *route = ret_route->image;
	const int *refs = match_refs(plan, past, route, old);
	const struct state_backend **were = arena_array(
		&plan->arena, route->backend_count + 1, sizeof(*were));
	size_t i;

	if (!refs || !were)
		return -ENOMEM;
	for (i = 0; i < route->backend_count; i++) {
		struct plan_backend *to = &ret_route->backends[i];

		were[i] = past_backend(past, old, refs, &route->backends[i]);
		to->is_new = !were[i] || were[i]->id >= plan->sizes.backends;
		to->id = to->is_new ? pool_next(&past->backend_ids) :
				      were[i]->id;
		if (to->id >= plan->sizes.backends)
			return -E2BIG;
		plan->backend_used[to->id] = 1;
	}
	return plan_draining(plan, past->node, old, refs, were, ret_route);
}

/* FNV-1a over what packets read of a table. */
static uint64_t table_digest(const struct image_table *table,
			     const struct plan_route *route, size_t members)
{
	uint64_t hash = image_table_digest(table);
	size_t i;

	for (i = 0; i < members; i++)
		hash = (hash ^ route->backends[i].id) * 0x100000001b3ULL;
	return hash;
}

/* The chunks of a table: those that it had, or others if it is another one now. */
static int place_table(struct past *past, const struct state_table *old,
		       uint32_t count, uint32_t chunks, struct plan_table *to)
{
	if (old && old->slots == count && old->digest == to->digest &&
	    old->chunks == to->chunks) {
		to->chunk = old->chunk;
		return 0;
	}
	to->is_new = true;
	if (!to->chunks)
		return 0;
	to->chunk = pool_find(&past->chunks, to->chunks);
	return to->chunk >= chunks ? -E2BIG : 0;
}

static int plan_tables(struct past *past, const struct state_route *old,
		       uint32_t chunks, struct plan_route *to)
{
	const struct image_route *route = to->image;
	int family, error = 0;

	for (family = 0; !error && family < L4GATE_FAMILIES; family++) {
		const struct image_table *table = &route->tables[family];
		struct plan_table *plan = &to->tables[family];

		plan->chunks = plan_chunks(table->slot_count,
					   route->backend_count);
		plan->digest = table_digest(table, to, route->backend_count);
		error = place_table(past, old ? &old->tables[family] : NULL,
				    table->slot_count, chunks, plan);
	}
	return error;
}

/* What a route has of its policy. */
static uint8_t plan_flags(const struct image_route *route)
{
	uint8_t flags = (route->rate ? L4GATE_ROUTE_F_RATE : 0) |
			(route->affinity ? L4GATE_ROUTE_F_AFFINITY : 0);

	if (!route->has_ranges)
		return flags;
	return flags | L4GATE_ROUTE_F_RANGES |
	       L4GATE_ROUTE_F_ALLOW * route->ranges[L4GATE_IPV4].lowest |
	       L4GATE_ROUTE_F_ALLOW * route->ranges[L4GATE_IPV6].lowest << 1;
}

static int plan_policy(struct past *past, const struct state_route *old,
		       uint32_t chunks, struct plan_route *to)
{
	const struct image_route *route = to->image;
	int family, error = 0;

	to->flags = plan_flags(route);
	to->new_rate = !old || old->rate != route->rate ||
		       old->burst != route->burst;
	for (family = 0; !error && family < L4GATE_FAMILIES; family++) {
		const struct image_ranges *ranges = &route->ranges[family];
		struct plan_table *plan = &to->ranges[family];

		plan->chunks = (ranges->count + L4GATE_CHUNK_BOUNDARIES - 1) /
			       L4GATE_CHUNK_BOUNDARIES;
		plan->digest = table_hash(TABLE_HASH, ranges->boundaries,
					  ranges->count *
					  sizeof(*ranges->boundaries));
		error = place_table(past, old ? &old->ranges[family] : NULL,
				    ranges->count, chunks, plan);
	}
	return error;
}

static int plan_route(struct plan *plan, struct past *past,
		      const struct image_route *route, struct fail *fail_)
{
	struct plan_route *to = &plan->routes[plan->route_count++];
	const struct state_route *old = past_route(past, route);
	int error;

	to->image = route;
	to->is_new = !old;
	to->id = old ? old->id : pool_find(&past->route_ids, 1);
	if (old)
		past->is_given[old - past->state->routes] = true;
	if (to->id >= plan->sizes.routes)
		return fail(fail_, -E2BIG, "too many routes: %zu of %u at most (and those being replaced; attach --max-routes makes room for more)",
			    plan->image->route_count, plan->sizes.routes);
	plan->route_index[to->id] = plan->route_count;
	to->backends = arena_array(&plan->arena, route->backend_count + 1,
				   sizeof(*to->backends));
	if (!to->backends)
		return -ENOMEM;
	error = plan_backends(plan, past, old, to);
	if (error == -E2BIG)
		return fail(fail_, error, "too many backends: more than %u, counted once per route and backendRef",
			    plan->sizes.backends);
	if (!error)
		error = plan_tables(past, old, plan->sizes.chunks, to) ?:
			plan_policy(past, old, plan->sizes.chunks, to) ?:
			tickets_plan(past->node, old, &past->chunks, to);
	if (error == -E2BIG)
		return fail(fail_, error, "slot tables, lists and maxFlows need more than the %u chunks there are (old and new together)",
			    plan->sizes.chunks);
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
	const struct state_route *old = past_route(past, route);
	struct image_route *kept;
	const int *refs;
	size_t i;

	if (!old)
		return 0;
	kept = arena_alloc(&plan->arena, sizeof(*kept));
	refs = match_refs(plan, past, route, old);
	if (!kept || !refs)
		return -ENOMEM;
	*kept = *route;
	kept->drain_timeout = old->drain_timeout;
	kept->timeouts = old->timeouts;
	kept->backend_count = 0;
	kept->backends = arena_array(&plan->arena, route->backend_count + 1,
				     sizeof(*kept->backends));
	if (!kept->backends)
		return -ENOMEM;
	for (i = 0; i < route->backend_count; i++)
		if (past_backend(past, old, refs, &route->backends[i]))
			kept->backends[kept->backend_count++] =
				route->backends[i];
	return kept->backend_count ? plan_route(plan, past, kept, fail_) : 0;
}

/*
 * A route that is not given any more, or has nothing left that is: if its backends
 * have time to drain.
 */
static int plan_gone_route(struct plan *plan, struct past *past,
			   const struct state_route *old, struct fail *fail_)
{
	const struct state *state = past->state;
	struct image_route *kept;
	struct plan_route *to;
	int error;

	kept = arena_alloc(&plan->arena, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	*kept = (struct image_route){
		.protocol = old->protocol,
		.namespace = state_text_of(state, old->namespace),
		.name = state_text_of(state, old->name),
		.drain_timeout = old->drain_timeout,
		.timeouts = old->timeouts,
	};
	error = plan_route(plan, past, kept, fail_);
	to = &plan->routes[plan->route_count - 1];
	to->is_gone = true;
	if (error || to->gone_count)
		return error;
	plan->route_index[to->id] = 0;
	*to = (struct plan_route){ 0 };
	plan->route_count--;
	return 0;
}

const struct plan_route *plan_route_by_id(const struct plan *plan, uint32_t id)
{
	if (id >= plan->sizes.routes || !plan->route_index[id])
		return NULL;
	return &plan->routes[plan->route_index[id] - 1];
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
	for (i = 0; !error && i < past->state->route_count; i++)
		if (!past->is_given[i])
			error = plan_gone_route(plan, past,
						&past->state->routes[i],
						fail_);
	return error;
}

static int plan_listeners(struct plan *plan, struct past *past,
			  struct fail *fail_)
{
	const struct image *image = plan->image;
	char set[PLAN_SET_MAX];
	size_t i;

	for (i = 0; i < image->listener_count; i++) {
		const struct image_listener *listener = &image->listeners[i];
		struct plan_listener *to = &plan->listeners[i];
		const struct state_listener *old = past_listener(
			past, listener, plan_set_name(listener, set));

		to->is_new = !old;
		to->id = old ? old->id : pool_find(&past->listener_ids, 1);
		if (to->id >= plan->sizes.listeners)
			return fail(fail_, -E2BIG, "too many listeners: %zu of %u at most",
				    image->listener_count,
				    plan->sizes.listeners);
	}
	return 0;
}

static int plan_init(struct plan *plan, struct past *past)
{
	const struct image *image = plan->image;

	plan->routes = arena_array(&plan->arena, image->route_count +
				   image->standby_count +
				   past->state->route_count + 1,
				   sizeof(*plan->routes));
	past->is_given = arena_array(&plan->arena, past->state->route_count + 1,
				     sizeof(*past->is_given));
	plan->listeners = arena_array(&plan->arena, image->listener_count + 1,
				      sizeof(*plan->listeners));
	plan->backend_used = arena_alloc(&plan->arena, plan->sizes.backends);
	plan->backend_was = arena_alloc(&plan->arena, plan->sizes.backends);
	plan->route_index = arena_array(&plan->arena, plan->sizes.routes,
					sizeof(*plan->route_index));
	if (!plan->routes || !past->is_given || !plan->listeners || !plan->route_index || !plan->backend_used ||
	    !plan->backend_was)
		return -ENOMEM;
	return table_init(&plan->arena, &past->listeners,
			  past->state->listener_count) ?:
	       table_init(&plan->arena, &past->routes,
			  past->state->route_count) ?:
	       pool_init(&plan->arena, &past->listener_ids,
			 plan->sizes.listeners) ?:
	       pool_init(&plan->arena, &past->route_ids, plan->sizes.routes) ?:
	       pool_init(&plan->arena, &past->backend_ids,
			 plan->sizes.backends) ?:
	       pool_init(&plan->arena, &past->chunks, plan->sizes.chunks);
}

int plan_make(const struct image *image, const struct state *published,
	      const struct plan_node *node, struct plan *plan, struct changes *changes, struct fail *fail_)
{
	struct past past = { .state = published, .node = node };
	int error;

	*plan = (struct plan){
		.image = image, .sizes = node->sizes, .tick = node->tick,
		.published = published,
	};
	error = plan_init(plan, &past);
	if (!error)
		index_past(plan, &past);
	if (!error)
		error = plan_routes(plan, &past, fail_);
	if (!error)
		error = plan_listeners(plan, &past, fail_);
	if (!error)
		error = plan_timeouts(plan, published, fail_);
	if (!error)
		error = plan_endpoints(plan, published, node, fail_);
	if (!error)
		error = plan_origins(plan, published, node->addresses,
				     node->address_count, &past.chunks, fail_);
	plan->next_backend = past.backend_ids.next;
	if (!error)
		error = plan_write_state(plan, node);
	if (!error)
		error = plan_compare(plan, published, changes);
	if (error == -ENOMEM)
		(void)fail(fail_, error, "out of memory");
	return error;
}

void plan_free(struct plan *plan)
{
	arena_free(&plan->arena);
	free(plan->texts);
	*plan = (struct plan){ 0 };
}
