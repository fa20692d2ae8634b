// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a plan changes, for people, and whether packets will notice. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/plan.h"
#include "model/format.h"
#include "util/array.h"
#include "util/table.h"

#define KEY_MAX 1024

/*
 * Statuses change with a message, a generation, a route: packets don't notice,
 * so they come last.
 */
struct state_list {
	const char *new;	/* the text of a change before the key, */
	const char *changed;	/* and of one to what was there */
	bool reaches_packets;
	size_t (*count)(const struct state *state);
	/* The name of the i-th into key[KEY_MAX]. */
	void (*format)(const struct state *state, size_t i, char *key);
	bool (*equals)(const struct plan *plan, const struct state *a,
		       size_t in_a, const struct state *b, size_t in_b);
};

static bool same_text(const struct state *a, state_text in_a,
		      const struct state *b, state_text in_b)
{
	return !strcmp(state_text_of(a, in_a), state_text_of(b, in_b));
}

static size_t count_listeners(const struct state *state)
{
	return state->listener_count;
}

static void format_listener(const struct state *state, size_t i, char *key)
{
	const struct state_listener *listener = &state->listeners[i];
	const char *set = state_text_of(state, listener->set);

	snprintf(key, KEY_MAX, "%s/%s/%s%s%s",
		 state_text_of(state, listener->namespace),
		 state_text_of(state, listener->gateway), set, *set ? "/" : "",
		 state_text_of(state, listener->name));
}

/* Whether a route is one that is gone, and its time is over. */
static bool route_is_over(const struct plan *plan, const struct state *state,
			  uint32_t id)
{
	const struct state_route *route = state->routes + state->route_count;
	uint32_t i;

	while (route-- > state->routes && route->gone) {
		if (route->id != id)
			continue;
		for (i = 0; i < route->backend_count; i++)
			if (!plan_is_over(plan, state->backends[
					  route->backend + i].until))
				return false;
		return true;
	}
	return false;
}

/* Former routes whose time is over are no change. */
static bool formers_equal(const struct plan *plan, const struct state *a,
			  const struct state_listener *x,
			  const struct state_listener *y)
{
	uint32_t i, n = 0;

	for (i = 0; i < x->former_count; i++) {
		if (n < y->former_count && x->formers[i] == y->formers[n])
			n++;
		else if (!route_is_over(plan, a, x->formers[i]))
			return false;
	}
	return n == y->former_count;
}

static bool listener_equals(const struct plan *plan, const struct state *a,
			    size_t in_a, const struct state *b, size_t in_b)
{
	const struct state_listener *x = &a->listeners[in_a];
	const struct state_listener *y = &b->listeners[in_b];

	return x->id == y->id && x->route == y->route && x->port == y->port &&
	       x->protocol == y->protocol && x->mode == y->mode &&
	       x->max_half_open == y->max_half_open &&
	       x->moved == y->moved && x->place_count == y->place_count &&
	       formers_equal(plan, a, x, y) &&
	       !memcmp(a->places + x->place, b->places + y->place,
		       x->place_count * sizeof(*a->places));
}

/* Without those that are gone, which come last: that was told when they went. */
static size_t count_routes(const struct state *state)
{
	size_t count = state->route_count;

	while (count && state->routes[count - 1].gone)
		count--;
	return count;
}

static void format_route(const struct state *state, size_t i, char *key)
{
	const struct state_route *route = &state->routes[i];

	snprintf(key, KEY_MAX, "%s/%s/%s", plan_kind_names[route->protocol],
		 state_text_of(state, route->namespace),
		 state_text_of(state, route->name));
}

static bool refs_equal(const struct state *a, const struct state_route *in_a,
		       const struct state *b, const struct state_route *in_b)
{
	size_t i;

	for (i = 0; i < in_a->ref_count - in_a->gone_refs; i++) {
		const struct state_ref *x = &a->refs[in_a->ref + i];
		const struct state_ref *y = &b->refs[in_b->ref + i];

		if (!same_text(a, x->namespace, b, y->namespace) ||
		    !same_text(a, x->name, b, y->name) ||
		    x->wanted != y->wanted || x->weight != y->weight ||
		    memcmp(x->slots, y->slots, sizeof(x->slots)) ||
		    memcmp(x->rejected, y->rejected, sizeof(x->rejected)) ||
		    x->port != y->port || x->verdict != y->verdict)
			return false;
	}
	return true;
}

static size_t given(const struct state_route *route)
{
	return route->backend_count - route->gone_backends;
}

/* That a backend which is gone had its time is no change: nobody waits for it. */
static bool gone_equal(const struct plan *plan, const struct state *a,
		       const struct state_route *in_a, const struct state *b,
		       const struct state_route *in_b)
{
	const struct state_backend *x = a->backends + in_a->backend +
					given(in_a);
	const struct state_backend *y = b->backends + in_b->backend +
					given(in_b);
	uint32_t i, left = in_b->gone_backends;

	for (i = 0; i < in_a->gone_backends; i++, x++) {
		if (plan_is_over(plan, x->until))
			continue;
		if (!left-- || x->id != y->id || x->until != y->until)
			return false;
		y++;
	}
	return !left;
}

static bool route_is_same(const struct plan *plan, const struct state *a,
			  const struct state_route *in_a, const struct state *b,
			  const struct state_route *in_b)
{
	return in_a->id == in_b->id &&
	       in_a->drain_timeout == in_b->drain_timeout &&
	       in_a->class == in_b->class &&
	       !memcmp(&in_a->timeouts, &in_b->timeouts,
		       sizeof(in_a->timeouts)) &&
	       in_a->ref_count - in_a->gone_refs ==
	       in_b->ref_count - in_b->gone_refs &&
	       given(in_a) == given(in_b) &&
	       in_a->flags == in_b->flags && in_a->rate == in_b->rate &&
	       in_a->burst == in_b->burst && in_a->max_flows == in_b->max_flows &&
	       in_a->tickets.chunk == in_b->tickets.chunk &&
	       in_a->affinity == in_b->affinity &&
	       same_text(a, in_a->asks_for, b, in_b->asks_for) &&
	       !memcmp(in_a->tables, in_b->tables, sizeof(in_a->tables)) &&
	       !memcmp(in_a->ranges, in_b->ranges, sizeof(in_a->ranges)) &&
	       !memcmp(a->backends + in_a->backend, b->backends + in_b->backend,
		       given(in_a) * sizeof(*a->backends)) &&
	       gone_equal(plan, a, in_a, b, in_b) &&
	       refs_equal(a, in_a, b, in_b);
}

static bool route_equals(const struct plan *plan, const struct state *a,
			 size_t in_a, const struct state *b, size_t in_b)
{
	return route_is_same(plan, a, &a->routes[in_a], b, &b->routes[in_b]);
}

static size_t count_objects(const struct state *state)
{
	return state->object_count;
}

static void format_object(const struct state *state, size_t i, char *key)
{
	const struct state_object *object = &state->objects[i];
	const char *namespace = state_text_of(state, object->namespace);

	snprintf(key, KEY_MAX, "%s/%s%s%s", state_text_of(state, object->kind),
		 namespace, *namespace ? "/" : "",
		 state_text_of(state, object->name));
}

static bool object_equals(const struct plan *plan, const struct state *a,
			  size_t in_a, const struct state *b, size_t in_b)
{
	const struct state_object *x = &a->objects[in_a];
	const struct state_object *y = &b->objects[in_b];

	(void)plan;
	return x->json_size == y->json_size &&
	       !memcmp(a->texts + x->json, b->texts + y->json, x->json_size);
}

static const struct state_list lists[] = {
	{ "listener ", "listener ", true, count_listeners, format_listener,
	  listener_equals },
	{ "route ", "route ", true, count_routes, format_route, route_equals },
	{ "", "status of ", false, count_objects, format_object,
	  object_equals },
};

/* One comparison. */
struct comparing {
	const struct plan *plan;
	struct arena arena;
	struct changes *changes;
	struct table told;	/* changes by the keys in them */
};

/* The objects of a list by their keys. */
struct keys {
	const struct state_list *list;
	const struct state *state;
	struct table table;
};

static int keys_init(struct comparing *comparing, struct keys *keys)
{
	size_t count = keys->list->count(keys->state), i;
	char key[KEY_MAX];

	if (table_init(&comparing->arena, &keys->table, count))
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		keys->list->format(keys->state, i, key);
		table_add(&keys->table, table_hash_text(TABLE_HASH, key), i);
	}
	return 0;
}

static uint32_t keys_find(const struct keys *keys, const char *key)
{
	uint64_t hash = table_hash_text(TABLE_HASH, key);
	char other[KEY_MAX];
	uint32_t at = 0, i;

	while ((i = table_next(&keys->table, hash, &at)) != TABLE_NONE) {
		keys->list->format(keys->state, i, other);
		if (!strcmp(key, other))
			break;
	}
	return i;
}

static bool is_told(const struct comparing *comparing, const char *key)
{
	uint64_t hash = table_hash_text(TABLE_HASH, key);
	uint32_t at = 0, i;

	while ((i = table_next(&comparing->told, hash, &at)) != TABLE_NONE) {
		const char *text = comparing->changes->items[i].text;
		size_t length = strlen(text), n = strlen(key);

		if (length >= n && !strcmp(text + length - n, key))
			return true;
	}
	return false;
}

/*
 * One line. What comes or goes is told once: a route that carries traffic is an
 * object, too.
 */
static int note(struct comparing *comparing, char sign,
		const struct state_list *list, const char *key)
{
	struct change *change;

	if (sign != '~' && is_told(comparing, key))
		return 0;
	change = array_append(comparing->changes);
	if (!change)
		return -ENOMEM;
	change->sign = sign;
	snprintf(change->text, sizeof(change->text), "%s%s",
		 sign == '~' ? list->changed : list->new, key);
	table_add(&comparing->told, table_hash_text(TABLE_HASH, key),
		  comparing->changes->count - 1);
	return 0;
}

static int compare_list(struct comparing *comparing,
			const struct state_list *list,
			const struct state *before, const struct state *after)
{
	struct keys old = { .list = list, .state = before };
	struct keys new = { .list = list, .state = after };
	char key[KEY_MAX];
	uint32_t was;
	size_t i;
	int error = keys_init(comparing, &old) ?: keys_init(comparing, &new);

	for (i = 0; !error && i < list->count(after); i++) {
		list->format(after, i, key);
		was = keys_find(&old, key);
		if (was == TABLE_NONE)
			error = note(comparing, '+', list, key);
		else if (!list->equals(comparing->plan, before, was, after, i))
			error = note(comparing, '~', list, key);
	}
	for (i = 0; !error && i < list->count(before); i++) {
		list->format(before, i, key);
		if (keys_find(&new, key) == TABLE_NONE)
			error = note(comparing, '-', list, key);
	}
	return error;
}

/* One line for a route of which something begins to drain for a time. */
static int note_draining(const struct plan_route *route,
			 struct changes *changes)
{
	const struct image_route *image = route->image;
	char place[INET_TEXT_MAX], time[DURATION_TEXT_MAX];
	struct change *change;
	size_t i, count = 0;

	for (i = 0; i < image->backend_count; i++)
		if (route->backends[i].begins && !count++)
			inet_format_port(&image->backends[i].addr,
					 image->backends[i].port, place);
	for (i = 0; i < route->gone_count; i++) {
		const struct state_backend *was = route->gone[i].was;
		const struct inet_addr addr = {
			.addr = was->addr, .family = was->family,
		};

		if (route->gone[i].begins && !count++)
			inet_format_port(&addr, was->port, place);
	}
	if (!count)
		return 0;
	change = array_append(changes);
	if (!change)
		return -ENOMEM;
	if (count > 1)
		snprintf(place, sizeof(place), "%zu backends", count);
	change->sign = '~';
	snprintf(change->text, sizeof(change->text), "route %s/%s/%s: %s %s for %s",
		 plan_kind_names[image->protocol], image->namespace,
		 image->name, place, count > 1 ? "drain" : "drains",
		 duration_format(image->drain_timeout, time));
	return 0;
}

int plan_compare(struct plan *plan, const struct state *published,
		 struct changes *changes)
{
	struct comparing comparing = { .plan = plan, .changes = changes };
	size_t i, most = 0;
	int error;

	for (i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		most += lists[i].count(published) +
			lists[i].count(&plan->state);
	error = table_init(&comparing.arena, &comparing.told, most);
	for (i = 0; !error && i < sizeof(lists) / sizeof(*lists); i++) {
		error = compare_list(&comparing, &lists[i], published,
				     &plan->state);
		if (lists[i].reaches_packets && changes->count)
			plan->reaches_packets = true;
	}
	for (i = 0; !error && i < plan->route_count; i++)
		error = note_draining(&plan->routes[i], changes);
	arena_free(&comparing.arena);
	return error;
}
