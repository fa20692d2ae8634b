// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/lines.h"
#include "util/byteorder.h"

/* A half as it shall be; compared with the map's, and what differs is written. */
struct listening {
	struct l4gate_endpoint endpoints[L4GATE_MAX_ENDPOINTS];
	struct l4gate_line endpoint_lines[L4GATE_ENDPOINT_LINES];
	struct l4gate_line address_lines[L4GATE_ENDPOINT_LINES];
	struct l4gate_line origin_lines[];	/* as many as the half has */
};

static uint8_t ip_protocol(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? IPPROTO_TCP : IPPROTO_UDP;
}

/* As bpf/endpoint.h: where a listener or a backend is. */
static uint64_t place_hash(const struct publisher *publisher,
			   const struct inet_addr *addr, uint16_t port,
			   enum protocol protocol)
{
	return hash_place(publisher->dataplane->meta.key[1], addr->family,
			  &addr->addr, port_to_net(port), ip_protocol(protocol));
}

static int enter_place(const struct publisher *publisher,
		       struct listening *listening,
		       const struct inet_addr *addr, uint16_t port,
		       enum protocol protocol, uint16_t id)
{
	if (!lines_enter(listening->endpoint_lines,
			 L4GATE_ENDPOINT_LINES / L4GATE_SHARDS,
			 place_hash(publisher, addr, port, protocol), id))
		return 0;
	return fail(publisher->fail, -ENOSPC, "no place for one of %zu endpoints in the index: please report",
		    publisher->plan->endpoint_count +
		    publisher->plan->retired_count);
}

static int add_endpoint(const struct publisher *publisher,
			struct listening *listening, size_t listener_index,
			size_t address_index, const struct inet_addr *addr)
{
	const struct plan *plan = publisher->plan;
	const struct image_listener *listener =
		&plan->image->listeners[listener_index];
	const struct plan_listener *to = &plan->listeners[listener_index];
	uint16_t id = to->endpoints[address_index];

	listening->endpoints[id] = (struct l4gate_endpoint){
		.addr = addr->addr,
		.port = port_to_net(listener->port),
		.protocol = ip_protocol(listener->protocol),
		.family = addr->family,
		.listener = to->id,
		.route = listener->route == IMAGE_NO_ROUTE ? L4GATE_NO_ROUTE :
			 plan->routes[listener->route].id,
		.mode = plan_mode(listener),
		.moved = to->moved,
		.max_half_open = plan_max_half_open(listener),
	};
	return enter_place(publisher, listening, addr, listener->port,
			   listener->protocol, id);
}

/*
 * Where a listener was: every packet of TCP gets a RST. For that it is in a mode
 * in which no flow of it can be found, and in no route.
 */
static int add_retired(const struct publisher *publisher,
		       struct listening *listening,
		       const struct state_retired *from)
{
	const struct inet_addr addr = {
		.addr = from->place.addr, .family = from->place.family,
	};

	listening->endpoints[from->place.endpoint] = (struct l4gate_endpoint){
		.addr = addr.addr,
		.port = port_to_net(from->port),
		.protocol = IPPROTO_TCP,
		.family = addr.family,
		/* Its number may be another's by now. */
		.listener = L4GATE_NO_LISTENER,
		.route = L4GATE_NO_ROUTE,
		.mode = from->mode == L4GATE_MODE_NAT ? L4GATE_MODE_DSR_L2 :
							from->mode,
	};
	return enter_place(publisher, listening, &addr, from->port,
			   PROTOCOL_TCP, from->place.endpoint);
}

/* What is counted by a number that is given out anew begins at zero. */
static int clear_counts(const struct publisher *publisher, uint32_t id)
{
	static const struct l4gate_half_open none;

	publisher_set(&publisher->half_open[L4GATE_HALF_OPEN_NODES + id], &none,
		      sizeof(none));
	return publisher_clear_stats(publisher, MAP_LISTENER_STATS, id) ?:
	       publisher_clear_stats(publisher, MAP_SURPLUS, id);
}

static int add_listener(const struct publisher *publisher,
			struct listening *listening, size_t i)
{
	const struct plan *plan = publisher->plan;
	const struct inet_addr *addresses;
	size_t count, j;
	int error = 0;

	if (plan->listeners[i].is_new)
		error = clear_counts(publisher, plan->listeners[i].id);
	addresses = plan_addresses(&plan->image->listeners[i], publisher->own,
				   publisher->own_count, &count);
	for (j = 0; !error && j < count; j++)
		error = add_endpoint(publisher, listening, i, j,
				     &addresses[j]);
	return error;
}

static int add_origins(const struct publisher *publisher,
		       struct listening *listening)
{
	const struct plan *plan = publisher->plan;
	uint32_t rows = plan->sizes.origin_rows;
	size_t i;

	for (i = 0; i < plan->origin_list_count; i++)
		if (plan->origin_lists[i].is_new)
			publisher->chunks[plan->origin_lists[i].chunk].origins =
				plan->origin_lists[i].value;
	for (i = 0; i < plan->origin_count; i++) {
		const struct plan_origin *origin = &plan->origins[i];

		if (lines_enter(listening->origin_lines, rows,
				place_hash(publisher, &origin->addr,
					   origin->port, origin->protocol),
				origin->chunk))
			return fail(publisher->fail, -E2BIG, "%zu backends of mode transparent: the index has %u places",
				    plan->origin_count,
				    rows * L4GATE_SHARDS * L4GATE_LINE_WORDS);
	}
	return 0;
}

/*
 * What is done for addresses that the node does not own. One that several listeners
 * have gets what any of them asks for.
 */
static int add_addresses(const struct publisher *publisher,
			 struct listening *listening)
{
	const struct state *state = publisher->state;
	const uint32_t rows = L4GATE_ENDPOINT_LINES / L4GATE_SHARDS;
	size_t i;

	for (i = 0; i < state->place_count; i++) {
		const struct state_place *place = &state->places[i];
		uint64_t *word, hash = hash_place(
			publisher->dataplane->meta.key[1], place->family,
			&place->addr, 0, 0);

		if (!place->flags)
			continue;
		word = lines_word(listening->address_lines, rows, hash);
		if (word)
			*word |= place->flags;
		else if (lines_enter(listening->address_lines, rows, hash,
				     place->flags))
			return fail(publisher->fail, -ENOSPC, "no place for one of %zu addresses in the index: please report",
				    state->place_count);
	}
	return 0;
}

/* Writes what differs of an array of values of equal size. */
static int write_half(const struct publisher *publisher, enum map_id map,
		      const void *wanted, size_t size, size_t count)
{
	const char *from = wanted;
	char *values = dataplane_map(publisher->dataplane, map), *to;
	size_t i;

	if (!values)
		return fail(publisher->fail, -errno, "%s: can't be mapped: %m",
			    map_names[map]);
	to = values + publisher->half * size * count;
	for (i = 0; i < count; i++)
		publisher_set(to + i * size, from + i * size, size);
	dataplane_unmap(publisher->dataplane, map, values);
	return 0;
}

int listen_write(const struct publisher *publisher)
{
	size_t lines = (size_t)publisher->plan->sizes.origin_rows *
		       L4GATE_SHARDS;
	struct listening *listening = calloc(
		1, sizeof(*listening) +
		lines * sizeof(*listening->origin_lines));
	int error = 0;
	size_t i;

	if (!listening)
		return fail(publisher->fail, -ENOMEM, "out of memory");
	for (i = 0; !error && i < publisher->plan->image->listener_count; i++)
		error = add_listener(publisher, listening, i);
	for (i = 0; !error && i < publisher->plan->retired_count; i++)
		error = add_retired(publisher, listening,
				    &publisher->plan->retired[i]);
	if (!error)
		error = add_addresses(publisher, listening);
	if (!error)
		error = add_origins(publisher, listening);
	if (!error)
		error = write_half(publisher, MAP_ENDPOINTS,
				   listening->endpoints,
				   sizeof(*listening->endpoints),
				   L4GATE_MAX_ENDPOINTS);
	if (!error)
		error = write_half(publisher, MAP_ENDPOINT_INDEX,
				   listening->endpoint_lines,
				   sizeof(*listening->endpoint_lines),
				   L4GATE_ENDPOINT_LINES);
	if (!error)
		error = write_half(publisher, MAP_ADDRESS_INDEX,
				   listening->address_lines,
				   sizeof(*listening->address_lines),
				   L4GATE_ENDPOINT_LINES);
	if (!error)
		error = write_half(publisher, MAP_ORIGIN_INDEX,
				   listening->origin_lines,
				   sizeof(*listening->origin_lines), lines);
	free(listening);
	return error;
}

static void add_port(struct l4gate_ports *ports, enum protocol protocol,
		     uint16_t port)
{
	__u64 *words = protocol == PROTOCOL_TCP ? ports->tcp : ports->udp;

	words[port / 64] |= 1ULL << (port % 64);
}

static void add_ports(const struct plan *plan, enum l4gate_port_set set,
		      struct l4gate_ports *ports)
{
	const struct image *image = plan->image;
	size_t i;

	for (i = 0; set == L4GATE_PORTS_LISTENER && i < image->listener_count;
	     i++)
		add_port(ports, image->listeners[i].protocol,
			 image->listeners[i].port);
	for (i = 0; set == L4GATE_PORTS_LISTENER && i < plan->retired_count;
	     i++)
		add_port(ports, PROTOCOL_TCP, plan->retired[i].port);
	for (i = 0; set == L4GATE_PORTS_ORIGIN && i < plan->origin_count; i++)
		add_port(ports, plan->origins[i].protocol,
			 plan->origins[i].port);
}

int listen_write_ports(const struct publisher *publisher, bool keep_old)
{
	struct l4gate_ports *ports = calloc(2, sizeof(*ports)), *now;
	uint32_t set;
	int error = 0;

	if (!ports)
		return fail(publisher->fail, -ENOMEM, "out of memory");
	now = ports + 1;
	for (set = 0; !error && set < L4GATE_PORT_SETS; set++) {
		if (bpf_map_lookup_elem(publisher->dataplane->maps[MAP_PORTS],
					&set, now))
			error = fail(publisher->fail, -errno, "%s: can't be read: %m",
				     map_names[MAP_PORTS]);
		memset(ports, 0, sizeof(*ports));
		if (keep_old)
			memcpy(ports, now, sizeof(*ports));
		add_ports(publisher->plan, set, ports);
		if (!error && memcmp(ports, now, sizeof(*ports)))
			error = publisher_put(publisher, MAP_PORTS, &set,
					      ports);
	}
	free(ports);
	return error;
}
