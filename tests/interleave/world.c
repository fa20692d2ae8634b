// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "world.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/lines.h"
#include "model.h"
#include "table.h"

#define BACKEND_PORT 8080
/* Half a second apart, and long after boot. */
#define NOW (1 << 20)
/* Behind those of slots and origins. */
#define TICKETS_CHUNK 48

static struct world world;
static uint32_t clients;

/* 10.0.net.host, or 2001:db8:net::host. */
static struct l4gate_addr make_addr(uint32_t net, uint32_t host)
{
	struct l4gate_addr addr = { { 0 } };

	if (!world.v6) {
		addr.w[0] = htonl(0x0a000000 + (net << 16) + host);
		return addr;
	}
	addr.w[0] = htonl(0x20010db8);
	addr.w[1] = htonl(net);
	addr.w[2] = htonl(host * 7);
	addr.w[3] = htonl(host);
	return addr;
}

static struct l4gate_addr listener_addr(void)
{
	return make_addr(0, 9);
}

static __be16 listener_port(int listener)
{
	return htons(80 + listener);
}

static uint16_t listener_id(int listener)
{
	return 1 + listener;
}

static uint32_t backend_number(int listener, int half)
{
	return 1 + listener * HALVES + half;
}

static struct l4gate_addr backend_addr(int listener, int half)
{
	return make_addr(1, backend_number(listener, half));
}

static uint8_t protocol(void)
{
	return world.udp ? IPPROTO_UDP : IPPROTO_TCP;
}

static void open_listener(int listener, int half)
{
	struct l4gate_endpoint *endpoint = program_endpoint(
		half * L4GATE_MAX_ENDPOINTS + listener_id(listener));

	*endpoint = (struct l4gate_endpoint){
		.addr = listener_addr(),
		.port = listener_port(listener),
		.protocol = protocol(),
		.family = world.v6,
		.listener = listener,
		.route = listener,
		.mode = world.mode,
	};
	table_index(program_endpoint_index(), half, L4GATE_ENDPOINT_LINES,
		    program_place_hash(world.v6, &endpoint->addr,
				       endpoint->port, protocol()),
		    listener_id(listener));
}

/* Lines of one chunk, and their head before it. */
static uint32_t tickets_chunk(int listener)
{
	return TICKETS_CHUNK + 2 * listener;
}

static void open_tickets(struct l4gate_route *route, int listener)
{
	route->flags = L4GATE_ROUTE_F_MAX_FLOWS;
	route->max_flows = world.max_flows;
	route->tickets = tickets_chunk(listener);
	program_chunk(route->tickets)->tickets.chunks = 1;
}

/* One slot, that is, one backend. */
static void open_route(int listener, int half)
{
	uint32_t number = listener * HALVES + half, chunk = number * 2;
	struct l4gate_backend *backend =
		program_backend(backend_number(listener, half));

	program_route(number)->table[world.v6] =
		(struct l4gate_table){ .chunk = chunk, .slots = 1 };
	if (world.max_flows)
		open_tickets(program_route(number), listener);
	program_chunk(chunk)->slot[0] = 0;
	program_chunk(chunk + 1)->member[0] = backend_number(listener, half);
	*backend = (struct l4gate_backend){
		.addr = backend_addr(listener, half),
		.port = htons(BACKEND_PORT),
		.family = world.v6,
		.timeouts = world.timeouts,
		.state = L4GATE_BACKEND_ACTIVE,
		.route = listener,
	};
}

/* In the half that chooses it, the endpoint that a backend answers for. */
static void open_origin(int listener, int half)
{
	struct l4gate_addr addr = backend_addr(listener, half);
	uint32_t chunk = 32 + backend_number(listener, half);

	program_chunk(chunk)->origins.count = 1;
	program_chunk(chunk)->origins.endpoint[0] = listener_id(listener);
	table_index(program_origin_index(), half, L4GATE_SHARDS,
		    program_place_hash(world.v6, &addr, htons(BACKEND_PORT),
				       protocol()), chunk);
}

static void forget_tickets(int listener)
{
	union l4gate_chunk *chunk = program_chunk(tickets_chunk(listener));

	chunk->tickets.taken = 0;
	memset(chunk + 1, 0, sizeof(*chunk));
}

/* One packet to each backend, so that the way there is known. */
static void find_ways(void)
{
	struct passage passage;
	struct client client;
	int listener, half;

	for (listener = 0; listener < LISTENERS; listener++)
		for (half = 0; half < HALVES; half++) {
			client = world_client(listener, -1, -1);
			world_set_half(0, half);
			world_from_client(&passage, &client, SYN);
			program_run(&passage);
			program_forget();
			forget_tickets(listener);
		}
	world_set_half(0, 0);
}

void world_open(const struct world *config)
{
	int listener, half;

	world = *config;
	clients = 0;
	program_open(&world.sizes);
	table_open(world.mode == L4GATE_MODE_NAT, &world.sizes);
	model_jiffies = NOW;
	for (listener = 0; listener < LISTENERS; listener++)
		for (half = 0; half < HALVES; half++) {
			open_listener(listener, half);
			open_route(listener, half);
			open_origin(listener, half);
		}
	find_ways();
}

void world_set_half(int cpu, int half)
{
	program_control(cpu)->generation = half;
}

struct client world_client(int listener, int first, int second)
{
	struct client client = { .listener = listener };
	uint32_t rows[2];

	for (;;) {
		clients++;
		client.addr = make_addr(2, clients >> 4);
		client.port = htons(1024 + clients);
		client.hash = program_flow_hash(world.v6, &client.addr,
						client.port,
						listener_id(listener));
		if (table_rows(client.hash, rows) &&
		    (first < 0 || rows[0] == (uint32_t)first) &&
		    (second < 0 || rows[1] == (uint32_t)second))
			return client;
	}
}

static uint8_t *put_ip(struct passage *passage, const struct l4gate_addr *src,
		       const struct l4gate_addr *dst, size_t l4_size)
{
	struct ethhdr *eth = (struct ethhdr *)passage->frame;

	memset(passage, 0, sizeof(*passage));
	passage->size = sizeof(*eth) + l4_size +
			(world.v6 ? sizeof(struct ipv6hdr) :
				    sizeof(struct iphdr));
	eth->h_proto = htons(world.v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (world.v6) {
		struct ipv6hdr *ip = (struct ipv6hdr *)(eth + 1);

		ip->version = 6;
		ip->nexthdr = protocol();
		ip->hop_limit = 64;
		ip->payload_len = htons(l4_size);
		memcpy(&ip->saddr, src, sizeof(*src));
		memcpy(&ip->daddr, dst, sizeof(*dst));
		return (uint8_t *)(ip + 1);
	} else {
		struct iphdr *ip = (struct iphdr *)(eth + 1);

		ip->version = 4;
		ip->ihl = 5;
		ip->protocol = protocol();
		ip->ttl = 64;
		ip->tot_len = htons(sizeof(*ip) + l4_size);
		ip->saddr = src->w[0];
		ip->daddr = dst->w[0];
		return (uint8_t *)(ip + 1);
	}
}

static void build(struct passage *passage, const struct l4gate_addr *src,
		  __be16 sport, const struct l4gate_addr *dst, __be16 dport,
		  uint8_t flags)
{
	if (world.udp) {
		struct udphdr *udp = (struct udphdr *)
			put_ip(passage, src, dst, sizeof(*udp));

		udp->source = sport;
		udp->dest = dport;
	} else {
		struct tcphdr *tcp = (struct tcphdr *)
			put_ip(passage, src, dst, sizeof(*tcp));

		tcp->source = sport;
		tcp->dest = dport;
		tcp->doff = 5;
		((uint8_t *)tcp)[13] = flags;
	}
}

void world_from_client(struct passage *passage, const struct client *client,
		       uint8_t flags)
{
	struct l4gate_addr listener = listener_addr();

	build(passage, &client->addr, client->port, &listener,
	      listener_port(client->listener), flags);
}

void world_answer(struct passage *passage, const struct passage *sent,
		  uint8_t flags)
{
	struct passage copy = *sent;

	build(passage, &copy.dst, copy.dport, &copy.src, copy.sport, flags);
}

void world_establish(struct passage *passage, const struct client *client)
{
	struct passage answer;

	world_from_client(passage, client, SYN);
	program_run(passage);
	if (world.mode == L4GATE_MODE_NAT ||
	    world.mode == L4GATE_MODE_TRANSPARENT) {
		world_answer(&answer, passage, SYN | ACK);
		program_run(&answer);
		if (!world_is_to(&answer, client)) {
			fputs("world: no answer\n", stderr);
			exit(2);
		}
	}
	world_from_client(passage, client, ACK);
	program_run(passage);
	if (world_backend(passage, client) != 0) {
		fputs("world: no flow\n", stderr);
		exit(2);
	}
}

static bool is_same(const struct l4gate_addr *a, const struct l4gate_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int world_backend(const struct passage *passage, const struct client *client)
{
	int half;

	if (!passage->sent)
		return -1;
	for (half = 0; half < HALVES; half++) {
		struct l4gate_addr addr = backend_addr(client->listener, half);

		if (is_same(&passage->dst, &addr) &&
		    passage->dport == htons(BACKEND_PORT))
			return half;
	}
	return -2;
}

bool world_is_to(const struct passage *passage, const struct client *client)
{
	struct l4gate_addr listener = listener_addr();

	return passage->sent && is_same(&passage->dst, &client->addr) &&
	       passage->dport == client->port &&
	       is_same(&passage->src, &listener) &&
	       passage->sport == listener_port(client->listener);
}

/* How many places of a listener's tickets hold a word. */
static int tickets_with(int listener, uint64_t word)
{
	const union l4gate_chunk *lines =
		program_chunk(tickets_chunk(listener) + 1);
	int count = 0, i;

	for (i = 0; i < L4GATE_CHUNK_LINES * L4GATE_LINE_WORDS; i++)
		count += lines->line[i / L4GATE_LINE_WORDS]
				 .word[i % L4GATE_LINE_WORDS] == word;
	return count;
}

int world_tickets(int listener)
{
	int taken = program_chunk(tickets_chunk(listener))->tickets.taken;
	int places = L4GATE_CHUNK_LINES * L4GATE_LINE_WORDS;

	return places - tickets_with(listener, 0) == taken ? taken : -1;
}

bool world_has_ticket(const struct client *client)
{
	return tickets_with(client->listener, client->hash) == 1;
}

uint64_t world_new_flows(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < LISTENERS; i++)
		sum += program_new_flows(i);
	return sum;
}
