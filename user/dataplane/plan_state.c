// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A plan as the state that get and stats read, and the next plan starts from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/plan.h"

const char *const plan_family_names[L4GATE_FAMILIES] = { "ipv4", "ipv6" };
const char *const plan_kind_names[] = { "TCPRoute", "UDPRoute" };
const char *const plan_mode_names[L4GATE_MODES] = {
	[L4GATE_MODE_NAT] = "nat",
	[L4GATE_MODE_TRANSPARENT] = "transparent",
	[L4GATE_MODE_DSR_L2] = "dsr-l2",
	[L4GATE_MODE_DSR_IPIP] = "dsr-ipip",
};
const char *const plan_protocol_names[] = { "TCP", "UDP" };

char *plan_add_bytes(struct plan *plan, size_t size, state_text *ret_text)
{
	size_t need = plan->state.text_size + size + 1;
	char *texts = plan->texts;

	if (need > UINT32_MAX)
		return NULL;
	if (need > plan->text_capacity) {
		texts = realloc(texts, need * 2);
		if (!texts)
			return NULL;
		plan->text_capacity = need * 2;
		plan->state.texts = plan->texts = texts;
	}
	*ret_text = plan->state.text_size;
	texts[need - 1] = 0;
	plan->state.text_size = need;
	return texts + *ret_text;
}

int plan_add_text(struct plan *plan, const char *text, state_text *ret_text)
{
	char *to;

	*ret_text = 0;
	if (!*text && plan->state.text_size)
		return 0;
	to = plan_add_bytes(plan, strlen(text), ret_text);
	if (!to)
		return -ENOMEM;
	strcpy(to, text);	/* plan_add_bytes() has room for its end */
	return 0;
}

/* L4GATE_ADDRESS_F_* of an address of a listener. */
static uint8_t address_flags(const struct image_listener *listener,
			     const struct plan_node *node,
			     const struct inet_addr *addr)
{
	uint8_t flags = L4GATE_ADDRESS_F_FRAGMENTS;

	if (bsearch(addr, node->owned, node->owned_count, sizeof(*addr),
		    inet_compare_items))
		return flags;
	flags |= L4GATE_ADDRESS_F_ECHO;
	if (listener->parameters->settings[PARAMETER_ANNOUNCE].value ==
	    ANNOUNCE_ARP)
		flags |= L4GATE_ADDRESS_F_ANNOUNCE;
	return flags;
}

static int write_listener(struct plan *plan, size_t i,
			  const struct plan_node *node,
			  struct state_listener *to, struct state_place *places)
{
	const struct image_listener *listener = &plan->image->listeners[i];
	const struct plan_listener *from = &plan->listeners[i];
	char set[PLAN_SET_MAX];
	const struct inet_addr *list;
	size_t count, j;

	list = plan_addresses(listener, node->addresses, node->address_count,
			      &count);
	to->id = from->id;
	to->port = listener->port;
	to->protocol = listener->protocol;
	to->mode = plan_mode(listener);
	to->max_half_open = plan_max_half_open(listener);
	to->moved = from->moved;
	to->route = listener->route == IMAGE_NO_ROUTE ? STATE_NO_ROUTE :
		    plan->routes[listener->route].id;
	to->former_count = from->former_count;
	memcpy(to->formers, from->formers,
	       from->former_count * sizeof(*to->formers));
	to->place = plan->state.place_count;
	to->place_count = count;
	for (j = 0; j < count; j++)
		places[to->place + j] = (struct state_place){
			.addr = list[j].addr,
			.family = list[j].family,
			.flags = address_flags(listener, node, &list[j]),
			.endpoint = from->endpoints[j],
		};
	plan->state.place_count += count;
	return plan_add_text(plan, listener->gateway_namespace,
			     &to->namespace) ?:
	       plan_add_text(plan, listener->gateway, &to->gateway) ?:
	       plan_add_text(plan, plan_set_name(listener, set), &to->set) ?:
	       plan_add_text(plan, listener->name, &to->name);
}

static int write_listeners(struct plan *plan, const struct plan_node *node)
{
	size_t count = plan->image->listener_count, i;
	struct state_listener *to = arena_array(&plan->arena, count + 1,
						sizeof(*to));
	struct state_place *places = arena_array(
		&plan->arena, plan->endpoint_count + 1, sizeof(*places));
	int error = to && places ? 0 : -ENOMEM;

	plan->state.listeners = to;
	plan->state.places = places;
	plan->state.listener_count = count;
	for (i = 0; !error && i < count; i++)
		error = write_listener(plan, i, node, &to[i], places);
	return error;
}

static int write_refs(struct plan *plan, const struct image_route *route,
		      struct state_ref *to)
{
	int error = 0;
	size_t i;

	for (i = 0; !error && i < route->ref_count; i++, to++) {
		const struct image_ref *ref = &route->refs[i];

		to->wanted = ref->wanted;
		to->weight = ref->weight;
		to->port = ref->port;
		to->verdict = ref->verdict;
		memcpy(to->slots, ref->slots, sizeof(to->slots));
		memcpy(to->rejected, ref->rejected, sizeof(to->rejected));
		error = plan_add_text(plan, ref->namespace, &to->namespace) ?:
			plan_add_text(plan, ref->name, &to->name);
	}
	return error;
}

/* Refs that are gone have no share. */
static int write_gone_refs(struct plan *plan, const struct plan_route *route,
			   struct state_ref *to)
{
	const struct state *published = plan->published;
	int error = 0;
	size_t i;

	for (i = 0; !error && i < route->gone_ref_count; i++, to++) {
		const struct state_ref *was = route->gone_refs[i];

		to->port = was->port;
		to->verdict = REF_NO_ENDPOINTS;
		error = plan_add_text(plan, state_text_of(published,
							  was->namespace),
				      &to->namespace) ?:
			plan_add_text(plan, state_text_of(published, was->name),
				      &to->name);
	}
	return error;
}

static void write_gone(const struct plan_route *route, struct state_backend *to)
{
	size_t i;

	for (i = 0; i < route->gone_count; i++, to++) {
		const struct plan_gone *gone = &route->gone[i];

		to->addr = gone->was->addr;
		to->family = gone->was->family;
		to->port = gone->was->port;
		to->id = gone->was->id;
		to->ref = gone->ref;
		to->draining = true;
		to->until = gone->until;
	}
}

static void write_backends(const struct plan_route *route,
			   struct state_backend *to)
{
	size_t i;

	for (i = 0; i < route->image->backend_count; i++, to++) {
		const struct image_backend *backend =
			&route->image->backends[i];

		to->wanted = backend->wanted;
		to->addr = backend->addr.addr;
		to->family = backend->addr.family;
		to->port = backend->port;
		to->id = route->backends[i].id;
		to->slots = backend->slots;
		to->ref = backend->ref;
		to->draining = backend->draining;
		to->until = route->backends[i].until;
	}
	write_gone(route, to);
}

static void write_table(const struct plan_table *from, uint32_t slots,
			struct state_table *to)
{
	*to = (struct state_table){
		.digest = from->digest,
		.chunk = from->chunk,
		.chunks = from->chunks,
		.slots = slots,
	};
}

static int write_route(struct plan *plan, const struct plan_route *from,
		       struct state_route *to)
{
	const struct image_route *route = from->image;
	int i;

	to->id = from->id;
	to->protocol = route->protocol;
	for (i = 0; i < L4GATE_FAMILIES; i++) {
		write_table(&from->tables[i], route->tables[i].slot_count,
			    &to->tables[i]);
		write_table(&from->ranges[i], route->ranges[i].count,
			    &to->ranges[i]);
	}
	to->flags = from->flags;
	to->rate = route->rate;
	to->burst = route->burst;
	to->max_flows = route->max_flows;
	to->tickets = from->tickets;
	to->affinity = route->affinity;
	to->ref = plan->state.ref_count;
	to->gone_refs = from->gone_ref_count;
	to->ref_count = route->ref_count + from->gone_ref_count;
	to->backend = plan->state.backend_count;
	to->gone_backends = from->gone_count;
	to->backend_count = route->backend_count + from->gone_count;
	to->drain_timeout = route->drain_timeout;
	to->timeouts = route->timeouts;
	to->class = from->class;
	to->gone = from->is_gone;
	plan->state.ref_count += to->ref_count;
	plan->state.backend_count += to->backend_count;
	return plan_add_text(plan, route->namespace, &to->namespace) ?:
	       plan_add_text(plan, route->name, &to->name) ?:
	       plan_add_text(plan, route->policy ? route->policy->meta.name : "",
			     &to->policy) ?:
	       plan_add_text(plan, route->asks_for ?: "", &to->asks_for);
}

static int write_routes(struct plan *plan)
{
	struct state_route *to = arena_array(&plan->arena,
					     plan->route_count + 1,
					     sizeof(*to));
	size_t refs = 0, backends = 0, i;
	struct state_backend *backend;
	struct state_ref *ref;
	int error = 0;

	for (i = 0; i < plan->route_count; i++) {
		refs += plan->routes[i].image->ref_count +
			plan->routes[i].gone_ref_count;
		backends += plan->routes[i].image->backend_count +
			    plan->routes[i].gone_count;
	}
	ref = arena_array(&plan->arena, refs + 1, sizeof(*ref));
	backend = arena_array(&plan->arena, backends + 1, sizeof(*backend));
	if (!to || !ref || !backend)
		return -ENOMEM;
	plan->state.routes = to;
	plan->state.route_count = plan->route_count;
	plan->state.refs = ref;
	plan->state.backends = backend;
	for (i = 0; !error && i < plan->route_count; i++) {
		const struct plan_route *from = &plan->routes[i];

		error = write_route(plan, from, &to[i]) ?:
			write_refs(plan, from->image, ref + to[i].ref) ?:
			write_gone_refs(plan, from, ref + to[i].ref +
					from->image->ref_count);
		write_backends(from, backend + to[i].backend);
	}
	return error;
}

/* Lists of endpoints by what is in them, and their chunks. */
static int write_origins(struct plan *plan)
{
	struct state_origins *to = arena_array(&plan->arena,
					       plan->origin_list_count + 1,
					       sizeof(*to));
	size_t i;

	if (!to)
		return -ENOMEM;
	for (i = 0; i < plan->origin_list_count; i++) {
		const struct plan_origin_list *from = &plan->origin_lists[i];

		to[i].chunk = from->chunk;
		to[i].count = from->value.count;
		memcpy(to[i].endpoint, from->value.endpoint,
		       sizeof(to[i].endpoint));
	}
	plan->state.origins = to;
	plan->state.origin_count = plan->origin_list_count;
	return 0;
}

int plan_write_state(struct plan *plan, const struct plan_node *node)
{
	state_text none;

	plan->state.retired = plan->retired;
	plan->state.retired_count = plan->retired_count;
	plan->state.next_backend = plan->next_backend;
	plan->state.next_endpoint = plan->next_endpoint;
	return plan_add_text(plan, "", &none) ?:
	       write_listeners(plan, node) ?:
	       write_routes(plan) ?:
	       write_origins(plan) ?:
	       plan_write_objects(plan);
}
