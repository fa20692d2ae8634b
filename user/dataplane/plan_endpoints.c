// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Ids of endpoints, and the routes that their flows may be of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/plan.h"
#include "util/table.h"

/*
 * How long a retired endpoint stays at least, if its place is not taken: new
 * connections to it are rejected, too, so not for long. It goes with the first
 * publish after that.
 */
#define RETIRED_SECONDS 60

/*
 * What an endpoint is: not whose, so that a listener may change its name, but in
 * which mode, for flows of one are nothing to another.
 */
struct place {
	struct inet_addr addr;
	uint16_t port;		/* host order */
	uint8_t protocol;	/* enum protocol */
	uint8_t mode;		/* enum l4gate_mode */
};

struct past_endpoint {
	struct place is;
	uint32_t id;
	const struct state_listener *listener;	/* of one of these two */
	const struct state_retired *retired;
};

/* Of the published state, and what the new config takes. */
struct past {
	struct past_endpoint *endpoints;
	size_t count;
	struct table by_place;
	bool *is_taken;		/* as endpoints: something listens there */
	struct pool ids;
};

static uint64_t place_hash(const struct place *endpoint)
{
	uint64_t hash = table_hash(TABLE_HASH ^ endpoint->protocol,
				   &endpoint->addr.addr,
				   sizeof(endpoint->addr.addr));

	return table_hash(hash ^ endpoint->addr.family, &endpoint->port,
			  sizeof(endpoint->port));
}

static void add_past(struct past *past, const struct state_place *place,
		     struct past_endpoint endpoint)
{
	endpoint.is.addr.addr = place->addr;
	endpoint.is.addr.family = place->family;
	endpoint.id = place->endpoint;
	table_add(&past->by_place, place_hash(&endpoint.is), past->count);
	past->endpoints[past->count++] = endpoint;
	pool_take(&past->ids, place->endpoint, 1);
}

static int index_past(struct plan *plan, struct past *past,
		      const struct state *state)
{
	size_t i, j, count = state->retired_count;

	for (i = 0; i < state->listener_count; i++)
		count += state->listeners[i].place_count;
	past->endpoints = arena_array(&plan->arena, count + 1,
				      sizeof(*past->endpoints));
	past->is_taken = arena_array(&plan->arena, count + 1, 1);
	if (!past->endpoints || !past->is_taken ||
	    table_init(&plan->arena, &past->by_place, count) ||
	    pool_init(&plan->arena, &past->ids, L4GATE_MAX_ENDPOINTS))
		return -ENOMEM;
	past->ids.next = state->next_endpoint % L4GATE_MAX_ENDPOINTS;
	for (i = 0; i < state->listener_count; i++) {
		const struct state_listener *from = &state->listeners[i];

		for (j = 0; j < from->place_count; j++)
			add_past(past, &state->places[from->place + j],
				 (struct past_endpoint){
					 .is.port = from->port,
					 .is.protocol = from->protocol,
					 .is.mode = from->mode,
					 .listener = from,
				 });
	}
	for (i = 0; i < state->retired_count; i++)
		add_past(past, &state->retired[i].place,
			 (struct past_endpoint){
				 .is.port = state->retired[i].port,
				 .is.protocol = PROTOCOL_TCP,
				 .is.mode = state->retired[i].mode,
				 .retired = &state->retired[i],
			 });
	return 0;
}

/*
 * The endpoint that was there in the same mode, or NULL. Its place is taken then,
 * in whatever mode: there can be one endpoint only.
 */
static const struct past_endpoint *take_place(struct past *past,
					      const struct place *wanted)
{
	const struct past_endpoint *found = NULL;
	uint64_t hash = place_hash(wanted);
	uint32_t at = 0, i;

	while ((i = table_next(&past->by_place, hash, &at)) != TABLE_NONE) {
		const struct place *is = &past->endpoints[i].is;

		if (is->port != wanted->port ||
		    is->protocol != wanted->protocol ||
		    inet_compare(&is->addr, &wanted->addr))
			continue;
		past->is_taken[i] = true;
		if (is->mode == wanted->mode)
			found = &past->endpoints[i];
	}
	return found;
}

static void add_former(const struct plan *plan, uint32_t *formers,
		       uint32_t *count, uint32_t route, uint32_t now)
{
	size_t i;

	if (route == now || !plan_route_by_id(plan, route))
		return;
	for (i = 0; i < *count; i++)
		if (formers[i] == route)
			return;
	/* The oldest one's flows are the least likely to live. */
	if (*count == STATE_FORMERS_MAX)
		memmove(formers, formers + 1, --*count * sizeof(*formers));
	formers[(*count)++] = route;
}

/* The routes that flows of an endpoint may be of, but for the one of now. */
static void add_formers(const struct plan *plan, uint32_t *formers,
			uint32_t *count, const struct past_endpoint *old,
			uint32_t now)
{
	const uint32_t *list = old->retired ? old->retired->formers :
					      old->listener->formers;
	uint32_t n = old->retired ? old->retired->former_count :
				    old->listener->former_count, i;

	for (i = 0; i < n; i++)
		add_former(plan, formers, count, list[i], now);
	if (old->listener && old->listener->route != STATE_NO_ROUTE)
		add_former(plan, formers, count, old->listener->route, now);
}

/*
 * Whether flows of an endpoint may be of another route than the one of now. If so
 * it stays so: the flows of a route that is gone are still to be cut.
 */
static bool was_of_another(const struct past_endpoint *old, uint32_t route)
{
	return old->retired || old->listener->moved ||
	       (old->listener->route != STATE_NO_ROUTE &&
		old->listener->route != route);
}

/* Whether flows may be left of an endpoint that is not in the new config. */
static bool may_have_flows(const struct past_endpoint *old,
			   const struct plan_node *node)
{
	if (old->is.protocol != PROTOCOL_TCP)
		return false;
	if (old->retired)
		return old->retired->since + RETIRED_SECONDS > node->now;
	return node->had_flows &&
	       node->had_flows(node->context, old->listener->id);
}

/*
 * TCP endpoints that are gone, unless they never had a flow. Of UDP there is
 * nobody to be told.
 */
static int retire_endpoints(struct plan *plan, const struct past *past,
			    const struct plan_node *node)
{
	size_t i;

	plan->retired = arena_array(&plan->arena, past->count + 1,
				    sizeof(*plan->retired));
	if (!plan->retired)
		return -ENOMEM;
	for (i = 0; i < past->count; i++) {
		const struct past_endpoint *old = &past->endpoints[i];
		struct state_retired *to = &plan->retired[plan->retired_count];

		if (past->is_taken[i] || !may_have_flows(old, node))
			continue;
		to->place.addr = old->is.addr.addr;
		to->place.family = old->is.addr.family;
		to->place.endpoint = old->id;
		to->port = old->is.port;
		to->mode = old->is.mode;
		to->since = old->retired ? old->retired->since : node->now;
		add_formers(plan, to->formers, &to->former_count, old,
			    STATE_NO_ROUTE);
		plan->retired_count++;
	}
	return 0;
}

static int plan_listener_endpoints(struct plan *plan, struct past *past,
				   size_t i, const struct inet_addr *addresses,
				   size_t count)
{
	const struct image_listener *listener = &plan->image->listeners[i];
	struct plan_listener *to = &plan->listeners[i];
	uint32_t id, route = STATE_NO_ROUTE;
	size_t j;

	if (listener->route != IMAGE_NO_ROUTE)
		route = plan->routes[listener->route].id;
	to->endpoints = arena_array(&plan->arena, count + 1,
				    sizeof(*to->endpoints));
	if (!to->endpoints)
		return -ENOMEM;
	for (j = 0; j < count; j++) {
		const struct place wanted = {
			.addr = addresses[j],
			.port = listener->port,
			.protocol = listener->protocol,
			.mode = plan_mode(listener),
		};
		const struct past_endpoint *old = take_place(past, &wanted);

		id = old ? old->id : pool_next(&past->ids);
		if (id >= L4GATE_MAX_ENDPOINTS)
			return -E2BIG;
		to->endpoints[j] = id;
		if (!old)
			continue;
		add_formers(plan, to->formers, &to->former_count, old, route);
		to->moved |= was_of_another(old, route);
	}
	return 0;
}

uint16_t plan_max_half_open(const struct image_listener *listener)
{
	return listener->parameters->settings[PARAMETER_MAX_HALF_OPEN].value;
}

int plan_endpoints(struct plan *plan, const struct state *published,
		   const struct plan_node *node, struct fail *fail_)
{
	const struct image *image = plan->image;
	struct past past = { 0 };
	size_t i, count;
	int error;

	for (i = 0; i < image->listener_count; i++) {
		plan_addresses(&image->listeners[i], node->addresses,
			       node->address_count, &count);
		plan->endpoint_count += count;
	}
	error = index_past(plan, &past, published);
	for (i = 0; !error && i < image->listener_count; i++) {
		const struct inet_addr *addresses =
			plan_addresses(&image->listeners[i], node->addresses,
				       node->address_count, &count);

		error = plan_listener_endpoints(plan, &past, i, addresses,
						count);
	}
	if (!error)
		error = retire_endpoints(plan, &past, node);
	plan->next_endpoint = past.ids.next;
	if (error == -E2BIG)
		return fail(fail_, error, "listeners times addresses need %zu endpoints of %u (and those being replaced)",
			    plan->endpoint_count, L4GATE_MAX_ENDPOINTS);
	return error;
}
