// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Mode transparent: a backend answers under its own address, so its replies are
 * looked for among the flows to the endpoints that it may answer for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/plan.h"
#include "util/table.h"

/* A backend, and one endpoint that it answers for. */
struct answer {
	struct inet_addr addr;
	uint16_t port;
	enum protocol protocol;
	uint16_t endpoint;
};

struct answers {
	struct answer *items;
	size_t count;
	size_t capacity;
};

static int add_answer(struct answers *answers, const struct answer *answer)
{
	if (answers->count == answers->capacity) {
		size_t capacity = answers->capacity * 2 ?: 64;
		void *items = reallocarray(answers->items, capacity,
					   sizeof(*answers->items));

		if (!items)
			return -ENOMEM;
		answers->items = items;
		answers->capacity = capacity;
	}
	answers->items[answers->count++] = *answer;
	return 0;
}

/* Where the i-th backend of a route is: one that is given, or one that is gone. */
static void set_place(struct answer *answer, const struct plan_route *from,
		      size_t i)
{
	const struct image_route *route = from->image;

	if (i < route->backend_count) {
		answer->addr = route->backends[i].addr;
		answer->port = route->backends[i].port;
		return;
	}
	i -= route->backend_count;
	answer->addr = (struct inet_addr){
		.addr = from->gone[i].was->addr,
		.family = from->gone[i].was->family,
	};
	answer->port = from->gone[i].was->port;
}

/* All backends of a route for all endpoints of a listener, of equal family. */
static int add_route(struct answers *answers, const struct plan *plan,
		     size_t listener, const struct plan_route *from,
		     const struct inet_addr *addresses, size_t count)
{
	const struct image_route *route = from->image;
	size_t i, j;
	int error = 0;

	for (i = 0; !error && i < route->backend_count + from->gone_count; i++)
		for (j = 0; !error && j < count; j++) {
			struct answer answer = {
				.protocol = route->protocol,
				.endpoint = plan->listeners[listener].endpoints[j],
			};

			set_place(&answer, from, i);
			if (addresses[j].family == answer.addr.family)
				error = add_answer(answers, &answer);
		}
	return error;
}

static int collect_answers(struct answers *answers, const struct plan *plan,
			   const struct inet_addr *own, size_t own_count)
{
	const struct image *image = plan->image;
	size_t i, j, count;
	int error = 0;

	for (i = 0; !error && i < image->listener_count; i++) {
		const struct image_listener *listener = &image->listeners[i];
		const struct plan_listener *to = &plan->listeners[i];
		const struct inet_addr *addresses =
			plan_addresses(listener, own, own_count, &count);

		if (plan_mode(listener) != L4GATE_MODE_TRANSPARENT)
			continue;
		if (listener->route != IMAGE_NO_ROUTE)
			error = add_route(answers, plan, i,
					  &plan->routes[listener->route],
					  addresses, count);
		for (j = 0; !error && j < to->former_count; j++)
			error = add_route(answers, plan, i, plan_route_by_id(
						  plan, to->formers[j]),
					  addresses, count);
	}
	return error;
}

static int compare_places(const struct answer *a, const struct answer *b)
{
	int order = inet_compare(&a->addr, &b->addr);

	return order ?: (int)a->port - b->port ?:
	       (int)a->protocol - (int)b->protocol;
}

static int compare_answers(const void *left, const void *right)
{
	const struct answer *a = left, *b = right;

	return compare_places(a, b) ?: (int)a->endpoint - b->endpoint;
}

static uint64_t list_hash(const uint16_t *endpoints, uint32_t count)
{
	return table_hash(TABLE_HASH, endpoints, count * sizeof(*endpoints));
}

/* The list with these endpoints, made if there is none yet. */
static struct plan_origin_list *
find_list(struct plan *plan, struct table *index,
	  const struct l4gate_origins *value)
{
	uint64_t hash = list_hash(value->endpoint, value->count);
	struct plan_origin_list *list;
	uint32_t at = 0, i;

	while ((i = table_next(index, hash, &at)) != TABLE_NONE)
		if (!memcmp(&plan->origin_lists[i].value, value,
			    sizeof(*value)))
			return &plan->origin_lists[i];
	table_add(index, hash, plan->origin_list_count);
	list = &plan->origin_lists[plan->origin_list_count++];
	list->value = *value;
	return list;
}

/* Answers of one place, [first, end), to an origin. */
static int add_origin(struct plan *plan, struct table *index,
		      const struct answer *first, const struct answer *end,
		      uint32_t *ret_list, struct fail *fail_)
{
	struct l4gate_origins value = { 0 };
	const struct answer *at;
	char text[INET_TEXT_MAX];

	for (at = first; at < end; at++) {
		if (at > first && at[-1].endpoint == at->endpoint)
			continue;
		if (value.count == L4GATE_MAX_ORIGINS)
			return fail(fail_, -E2BIG, "%s: in mode transparent a backend may answer for %u listener addresses at most, and this one has more",
				    inet_format_port(&first->addr, first->port,
						     text),
				    L4GATE_MAX_ORIGINS);
		value.endpoint[value.count++] = at->endpoint;
	}
	*ret_list = find_list(plan, index, &value) - plan->origin_lists;
	return 0;
}

/* Lists that were published keep their chunks. */
static int place_lists(struct plan *plan, const struct state *published,
		       struct pool *chunks, struct fail *fail_)
{
	struct table index;
	size_t i;

	if (table_init(&plan->arena, &index, published->origin_count))
		return -ENOMEM;
	for (i = 0; i < published->origin_count; i++)
		table_add(&index, list_hash(published->origins[i].endpoint,
					    published->origins[i].count), i);
	for (i = 0; i < plan->origin_list_count; i++) {
		struct plan_origin_list *list = &plan->origin_lists[i];
		uint32_t n = list->value.count, at = 0, k;
		uint64_t hash = list_hash(list->value.endpoint, n);

		list->is_new = true;
		while (list->is_new &&
		       (k = table_next(&index, hash, &at)) != TABLE_NONE) {
			const struct state_origins *old =
				&published->origins[k];

			list->is_new = old->count != n ||
				memcmp(old->endpoint, list->value.endpoint,
				       n * sizeof(*old->endpoint));
			list->chunk = old->chunk;
		}
		if (!list->is_new)
			continue;
		list->chunk = pool_find(chunks, 1);
		if (list->chunk >= plan->sizes.chunks)
			return fail(fail_, -E2BIG, "slot tables and lists need more than the %u chunks there are (old and new together)",
				    plan->sizes.chunks);
	}
	return 0;
}

static int group_answers(struct plan *plan, const struct answers *answers,
			 struct table *index, struct fail *fail_)
{
	size_t begin, end;
	int error = 0;

	for (begin = 0; !error && begin < answers->count; begin = end) {
		const struct answer *first = &answers->items[begin];
		struct plan_origin *origin =
			&plan->origins[plan->origin_count];

		for (end = begin + 1; end < answers->count; end++)
			if (compare_places(first, &answers->items[end]))
				break;
		*origin = (struct plan_origin){
			.addr = first->addr,
			.port = first->port,
			.protocol = first->protocol,
		};
		error = add_origin(plan, index, first,
				   answers->items + end, &origin->chunk,
				   fail_);
		plan->origin_count++;
	}
	return error;
}

int plan_origins(struct plan *plan, const struct state *published,
		 const struct inet_addr *own_addresses,
		 size_t own_address_count, struct pool *chunks,
		 struct fail *fail_)
{
	struct answers answers = { 0 };
	struct table index;
	size_t i;
	int error;

	error = collect_answers(&answers, plan, own_addresses,
				own_address_count);
	if (error || !answers.count)
		goto out;
	qsort(answers.items, answers.count, sizeof(*answers.items),
	      compare_answers);
	plan->origins = arena_array(&plan->arena, answers.count,
				    sizeof(*plan->origins));
	plan->origin_lists = arena_array(&plan->arena, answers.count,
					 sizeof(*plan->origin_lists));
	error = plan->origins && plan->origin_lists ?
		table_init(&plan->arena, &index, answers.count) : -ENOMEM;
	if (!error)
		error = group_answers(plan, &answers, &index, fail_);
	if (!error)
		error = place_lists(plan, published, chunks, fail_);
	/* Until now the numbers of the lists. */
	for (i = 0; !error && i < plan->origin_count; i++)
		plan->origins[i].chunk =
			plan->origin_lists[plan->origins[i].chunk].chunk;
out:
	free(answers.items);
	return error;
}
