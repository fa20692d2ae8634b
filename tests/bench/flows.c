// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "l4gate/hash.h"

/* Last 32 bits of addresses, host order. For IPv4 they are all. */
#define LISTENER4 0x0a000009		/* 10.0.0.9 */
#define LISTENER6 9
#define STRANGER4 0x0a000008
#define STRANGER6 8
#define CLIENTS4 0x0a800000		/* 10.128.0.0/9 */
#define BACKENDS4 0x0a010000		/* 10.1.0.0/16 */

/* Backends are neighbours, for dsr-l2 can't reach others; clients are not. */
void gateway_routes(void)
{
	node_shell("ip route add 10.128.0.0/9 via 10.0.0.2 && "
		 "ip route add 10.1.0.0/16 dev d0 && "
		 "ip -6 route add 2001:db8:c::/64 via 2001:db8::2 && "
		 "ip -6 route add 2001:db8:b::/64 dev d0 && "
		 "for i in $(seq 1024); do "
		 "echo neigh add 10.1.$((i / 256)).$((i % 256)) "
		 "lladdr 02:00:00:00:00:20 dev d0; "
		 "printf 'neigh add 2001:db8:b::0:%x "
		 "lladdr 02:00:00:00:00:20 dev d0\\n' $i; "
		 "done | ip -batch -");
}

static void write_route(FILE *file, const char *kind, const char *name,
			unsigned int port, const char *service)
{
	fprintf(file, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: %s\nmetadata: {name: %s}\nspec:\n"
		"  parentRefs: [{name: g, port: %u}]\n"
		"  rules: [{backendRefs: [{name: %s, port: 80}]}]\n",
		kind, name, port, service);
}

static void write_slice(FILE *file, bool v6, unsigned int backends)
{
	unsigned int i;

	fprintf(file, "---\napiVersion: discovery.k8s.io/v1\n"
		"kind: EndpointSlice\nmetadata: {name: %s, labels: "
		"{kubernetes.io/service-name: s}}\naddressType: %s\n"
		"ports: [{name: t, port: %u, protocol: TCP}, "
		"{name: u, port: %u, protocol: UDP}]\nendpoints:\n",
		v6 ? "six" : "four", v6 ? "IPv6" : "IPv4", BACKEND_PORT,
		BACKEND_PORT);
	for (i = 1; i <= backends; i++)
		if (v6)
			fprintf(file, "- {addresses: ['2001:db8:b::%x:%x']}\n",
				i >> 16, i & 0xffff);
		else
			fprintf(file, "- {addresses: [10.1.%u.%u]}\n", i >> 8,
				i & 255);
}

static const char *const mode_names[L4GATE_MODES] = {
	[L4GATE_MODE_NAT] = "nat",
	[L4GATE_MODE_TRANSPARENT] = "transparent",
	[L4GATE_MODE_DSR_L2] = "dsr-l2",
	[L4GATE_MODE_DSR_IPIP] = "dsr-ipip",
};

bool has_replies(enum l4gate_mode mode)
{
	return mode == L4GATE_MODE_NAT || mode == L4GATE_MODE_TRANSPARENT;
}

/* One Gateway: port 80 to all backends, 81 to a Service that is not there. */
static void publish(enum l4gate_mode mode, unsigned int backends)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		die("no memory");
	fprintf(file, "apiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: g}\nspec:\n"
		"  gatewayClassName: l\n"
		"  infrastructure: {parametersRef: {group: l4gate.dev, "
		"kind: GatewayParameters, name: p}}\n"
		"  addresses: [{value: 10.0.0.9}, {value: '2001:db8::9'}]\n"
		"  listeners:\n"
		"  - {name: t80, port: 80, protocol: TCP}\n"
		"  - {name: u80, port: 80, protocol: UDP}\n"
		"  - {name: t81, port: 81, protocol: TCP}\n"
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
		"spec:\n  ports: [{name: t, port: 80, protocol: TCP}, "
		"{name: u, port: 80, protocol: UDP}]\n");
	fprintf(file, "---\napiVersion: l4gate.dev/v1alpha1\n"
		"kind: GatewayParameters\nmetadata: {name: p}\n"
		"spec: {mode: %s}\n", mode_names[mode]);
	write_route(file, "TCPRoute", "r", LISTENER_PORT, "s");
	write_route(file, "UDPRoute", "r", LISTENER_PORT, "s");
	write_route(file, "TCPRoute", "x", REJECTED_PORT, "missing");
	write_slice(file, false, backends);
	write_slice(file, true, backends);
	fclose(file);
	node_publish(text);
	free(text);
}

void gateway_open(struct gateway *gateway, struct feed *feed,
		  enum l4gate_mode mode, uint32_t max_flows,
		  unsigned int backends)
{
	struct fail fail = { 0 };

	memset(gateway, 0, sizeof(*gateway));
	gateway->feed = feed;
	gateway->mode = mode;
	feed_forget(feed);
	node_attach(max_flows);
	publish(mode, backends);
	gateway->max_flows = node.dataplane->meta.max_flows;
	if (flows_open(node.dataplane, &gateway->flows, &fail))
		die("%s", fail.text);
}

void gateway_change(struct gateway *gateway, unsigned int backends)
{
	struct fail fail = { 0 };

	publish(gateway->mode, backends);
	flows_close(&gateway->flows);
	if (flows_open(node.dataplane, &gateway->flows, &fail))
		die("%s", fail.text);
}

void gateway_close(struct gateway *gateway)
{
	flows_close(&gateway->flows);
	node_detach();
}

void gateway_empty(struct gateway *gateway)
{
	struct flows *flows = &gateway->flows;

	memset(flows->records, 0,
	       flows->record_count * sizeof(*flows->records));
	memset(flows->entries, 0, flows->rows.entries * L4GATE_SHARDS *
	       sizeof(*flows->entries));
	memset(flows->words, 0, flows->word_lines * sizeof(*flows->words));
}

uint64_t packets_counted(enum l4gate_hook hook, enum l4gate_reason reason)
{
	return stats_reason(node.dataplane, hook, reason).packets;
}

/* A frame of 60 bytes (IPv4), or the shortest that has all headers. */
static void shape_stream(const struct gateway *gateway, struct stream *stream,
			 bool v6, bool udp, bool from_backend,
			 uint8_t tcp_flags)
{
	struct shape shape = { .v6 = v6, .udp = udp, .tcp_flags = tcp_flags };
	bool to_client = from_backend && gateway->mode != L4GATE_MODE_NAT;

	shape.src = !v6 ? "0.0.0.0" :
		    from_backend ? "2001:db8:b::" : "2001:db8:c::";
	shape.dst = !v6 ? "0.0.0.0" :
		    to_client ? "2001:db8:c::" : "2001:db8::";
	if (udp)
		shape.payload = 18;
	else if (!(tcp_flags & SYN))
		shape.payload = 6;
	stream_shape(stream, &shape);
}

static struct ends client_ends(bool v6, uint16_t port, uint32_t i)
{
	return (struct ends){
		.src = htonl((v6 ? 1 : CLIENTS4) + i / FLOWS_PER_CLIENT),
		.dst = htonl(v6 ? LISTENER6 : LISTENER4),
		.sport = htons(20000 + i % FLOWS_PER_CLIENT),
		.dport = htons(port),
	};
}

static void open_clients(struct gateway *gateway, struct stream *stream,
			 bool v6, bool udp, uint16_t port, uint32_t dst,
			 uint32_t first, uint32_t count)
{
	uint32_t i;

	stream_open(gateway->feed, stream, count);
	shape_stream(gateway, stream, v6, udp, false, SYN);
	for (i = 0; i < count; i++) {
		struct ends ends = client_ends(v6, port, first + i);

		if (dst)
			ends.dst = htonl(dst);
		stream_set(gateway->feed, stream, i, &ends);
	}
}

void clients_open(struct gateway *gateway, struct stream *stream, bool v6,
		  bool udp, uint16_t port, uint32_t count)
{
	open_clients(gateway, stream, v6, udp, port, 0, 0, count);
}

void later_clients_open(struct gateway *gateway, struct stream *stream, bool v6,
			bool udp, uint32_t first, uint32_t count)
{
	open_clients(gateway, stream, v6, udp, LISTENER_PORT, 0, first, count);
}

void strangers_open(struct gateway *gateway, struct stream *stream, bool v6,
		    uint32_t count)
{
	open_clients(gateway, stream, v6, false, LISTENER_PORT,
		     v6 ? STRANGER6 : STRANGER4, 0, count);
}

uint32_t gateway_run_once(struct gateway *gateway, struct stream *stream,
			  uint32_t count, enum l4gate_reason reason)
{
	uint64_t before = packets_counted(L4GATE_HOOK_XDP, reason);
	uint32_t action;

	stream->feed.next = 0;
	(void)feed_run(gateway->feed, L4GATE_HOOK_XDP,
		       node.dataplane->xdp_fd, stream, count, count,
		       &action);
	return packets_counted(L4GATE_HOOK_XDP, reason) - before;
}

void gateway_fill(struct gateway *gateway, struct stream *stream,
		  uint32_t count)
{
	(void)gateway_run_once(gateway, stream, count, L4GATE_TO_BACKEND);
}

/* The four ends of a flow; host order, as struct flow. */
struct sides {
	struct ends client, reply;
};

static __be32 last_word(const struct inet_addr *addr)
{
	return addr->addr.w[addr->family == L4GATE_IPV6 ? 3 : 0];
}

/* Puts one more at a random place. */
static void shuffle_in(struct sides *list, uint32_t count,
		       const struct sides *sides)
{
	uint32_t other = bench_random() % (count + 1);

	list[count] = list[other];
	list[other] = *sides;
}

static struct inet_addr endpoint_addr(const struct l4gate_endpoint *endpoint)
{
	return (struct inet_addr){ endpoint->addr, endpoint->family };
}

/* Flows of mode nat: what their records say. */
static uint32_t list_records(const struct gateway *gateway,
			     const struct flow_set *set, struct sides *list,
			     uint32_t room)
{
	uint32_t count = 0, i;
	struct flow flow;

	for (i = 0; i < gateway->flows.record_count && count < room; i++) {
		struct inet_addr listener, backend;
		struct sides sides;

		if (!flow_read(&gateway->flows, i, &flow) ||
		    flow.client.family !=
			    (set->v6 ? L4GATE_IPV6 : L4GATE_IPV4) ||
		    flow.endpoint->protocol !=
			    (set->udp ? IPPROTO_UDP : IPPROTO_TCP))
			continue;
		listener = endpoint_addr(flow.endpoint);
		backend = (struct inet_addr){ flow.backend->addr,
					      flow.backend->family };
		sides.client = (struct ends){
			.src = last_word(&flow.client),
			.dst = last_word(&listener),
			.sport = htons(flow.client_port),
			.dport = flow.endpoint->port,
		};
		sides.reply = (struct ends){
			.src = last_word(&backend),
			.dst = last_word(&flow.nat),
			.sport = flow.backend->port,
			.dport = htons(flow.nat_port),
		};
		shuffle_in(list, count++, &sides);
	}
	return count;
}

/* The endpoint at the listener's port, and its id. */
static uint16_t find_endpoint(const struct gateway *gateway,
			      const struct flow_set *set)
{
	const struct l4gate_endpoint *endpoints = gateway->flows.endpoints +
		gateway->flows.half * L4GATE_MAX_ENDPOINTS;
	uint32_t id;

	for (id = 0; id < L4GATE_MAX_ENDPOINTS; id++)
		if (endpoints[id].port == htons(LISTENER_PORT) &&
		    endpoints[id].family == set->v6 &&
		    endpoints[id].protocol ==
			    (set->udp ? IPPROTO_UDP : IPPROTO_TCP))
			return id;
	die("no endpoint");
}

/* As bpf/word.h finds it. */
static uint64_t find_word(const struct gateway *gateway,
			  const struct l4gate_addr *client, __be16 port,
			  uint16_t endpoint, bool v6)
{
	uint64_t hash = hash_place(node.dataplane->meta.key[0], v6, client,
				   port, endpoint);
	const uint64_t *word = lines_word(gateway->flows.words,
					  gateway->flows.rows.words, hash);

	return word ? *word : 0;
}

/* Flows of the other modes: those clients whose words there are. */
static uint32_t list_words(const struct gateway *gateway,
			   const struct flow_set *set, struct sides *list,
			   uint32_t room, uint32_t clients)
{
	uint16_t endpoint = find_endpoint(gateway, set);
	struct l4gate_addr base = { 0 };
	uint32_t count = 0, i;

	if (set->v6)
		inet_pton(AF_INET6, "2001:db8:c::", &base);
	for (i = 0; i < clients && count < room; i++) {
		struct sides sides = {
			.client = client_ends(set->v6, LISTENER_PORT, i),
		};
		struct l4gate_addr client = base;
		const struct l4gate_backend *backend;
		uint64_t word;

		client.w[set->v6 ? 3 : 0] = sides.client.src;
		word = find_word(gateway, &client, sides.client.sport,
				 endpoint, set->v6);
		if (!word)
			continue;
		backend = &gateway->flows.backends[
			word >> L4GATE_WORD_BACKEND_SHIFT &
			L4GATE_WORD_BACKEND];
		sides.reply = (struct ends){
			.src = backend->addr.w[set->v6 ? 3 : 0],
			.dst = sides.client.src,
			.sport = backend->port,
			.dport = sides.client.sport,
		};
		shuffle_in(list, count++, &sides);
	}
	return count;
}

/* The value of an entry (bpf/entry.h), or 0. */
static uint64_t find_entry(const struct gateway *gateway, uint64_t hash)
{
	uint32_t rows = gateway->flows.rows.entries, i, j;
	uint32_t row = row_first(hash, rows);

	for (i = 0; i < 2; i++, row = row_other(row, hash, rows)) {
		const struct l4gate_line *line =
			&gateway->flows.entries[line_number(row, hash)];

		for (j = 0; j < L4GATE_LINE_ENTRIES; j++)
			if (line->word[j] == hash)
				return line->word[L4GATE_LINE_ENTRIES + j];
	}
	return 0;
}

void flow_set_places(const struct gateway *gateway, const struct flow_set *set,
		     uint64_t *ret_places)
{
	const struct feed_tuple *tuples =
		gateway->feed->tuples + set->client.feed.first;
	uint16_t endpoint = find_endpoint(gateway, set);
	struct l4gate_addr client = { 0 };
	uint32_t i;

	if (set->v6)
		inet_pton(AF_INET6, "2001:db8:c::", &client);
	for (i = 0; i < set->count; i++) {
		client.w[set->v6 ? 3 : 0] = tuples[i].src;
		if (gateway->mode == L4GATE_MODE_NAT)
			ret_places[i] = find_entry(gateway, hash_place(
				node.dataplane->meta.key[0], set->v6, &client,
				tuples[i].sport, endpoint)) >>
				L4GATE_RECORD_SERIAL_SHIFT;
		else
			ret_places[i] = find_word(gateway, &client,
						  tuples[i].sport, endpoint,
						  set->v6) >>
					L4GATE_WORD_BACKEND_SHIFT &
					L4GATE_WORD_BACKEND;
	}
}

/* Packets of one direction of the listed flows. */
static void set_stream(struct gateway *gateway, const struct flow_set *set,
		       struct stream *stream, const struct sides *list,
		       bool from_backend, uint8_t tcp_flags)
{
	uint32_t i;

	shape_stream(gateway, stream, set->v6, set->udp, from_backend,
		     tcp_flags);
	for (i = 0; i < set->count; i++)
		stream_set(gateway->feed, stream, i, from_backend ?
			   &list[i].reply : &list[i].client);
}

/* The handshake (for UDP: an answer), and then packets as they follow. */
static void shake_hands(struct gateway *gateway, struct flow_set *set,
			const struct sides *list)
{
	uint32_t count = set->count;

	if (has_replies(gateway->mode)) {
		set_stream(gateway, set, &set->reply, list, true, SYN | ACK);
		if (gateway_run_once(gateway, &set->reply, count,
				     L4GATE_TO_CLIENT) != count)
			die("not all replies found their flow");
		set_stream(gateway, set, &set->reply, list, true, ACK);
	}
	set_stream(gateway, set, &set->client, list, false, ACK);
	if (gateway_run_once(gateway, &set->client, count,
			     L4GATE_TO_BACKEND) != count)
		die("not all packets found their flow");
	/* And a packet back, as in any flow that goes on. */
	if (has_replies(gateway->mode) &&
	    gateway_run_once(gateway, &set->reply, count, L4GATE_TO_CLIENT) !=
		    count)
		die("not all later replies found their flow");
}

uint32_t flow_set_try(struct gateway *gateway, struct flow_set *set, bool v6,
		      bool udp, uint32_t count)
{
	uint32_t clients = count + count / 64;
	struct sides *list = calloc(count, sizeof(*list));

	if (!list)
		die("no memory");
	*set = (struct flow_set){ .v6 = v6, .udp = udp };
	clients_open(gateway, &set->client, v6, udp, LISTENER_PORT, clients);
	stream_open(gateway->feed, &set->reply, count);
	gateway_fill(gateway, &set->client, clients);
	set->count = gateway->mode == L4GATE_MODE_NAT ?
		     list_records(gateway, set, list, count) :
		     list_words(gateway, set, list, count, clients);
	shake_hands(gateway, set, list);
	free(list);
	return set->count;
}

void flow_set_open(struct gateway *gateway, struct flow_set *set, bool v6,
		   bool udp, uint32_t count)
{
	uint32_t found = flow_set_try(gateway, set, v6, udp, count);

	if (found < count)
		die("%u of %u flows", found, count);
}

uint32_t gateway_established(const struct gateway *gateway)
{
	const struct flows *flows = &gateway->flows;
	uint32_t count = 0, i, j;
	struct flow flow;

	if (gateway->mode == L4GATE_MODE_NAT) {
		for (i = 0; i < flows->record_count; i++)
			count += flow_read(flows, i, &flow) &&
				 flow.state >= L4GATE_FLOW_ESTABLISHED;
		return count;
	}
	for (i = 0; i < flows->word_lines; i++)
		for (j = 0; j < L4GATE_LINE_WORDS; j++)
			count += (flows->words[i].word[j] >>
				  L4GATE_WORD_STATE_SHIFT & 7) >=
				 L4GATE_FLOW_ESTABLISHED;
	return count;
}
