// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stats/stats.h"

/* Last 32 bits of addresses, host order. For IPv4 they are all. */
#define LISTENER4 0x0a000009		/* 10.0.0.9 */
#define LISTENER6 9
#define STRANGER4 0x0a000008
#define STRANGER6 8
#define CLIENTS4 0x0a800000		/* 10.128.0.0/9 */
#define BACKENDS4 0x0a010000		/* 10.1.0.0/16 */

void gateway_routes(void)
{
	node_shell("ip route add 10.128.0.0/9 via 10.0.0.2 && "
		 "ip route add 10.1.0.0/16 via 10.0.0.20 && "
		 "ip -6 route add 2001:db8:c::/64 via 2001:db8::2 && "
		 "ip -6 route add 2001:db8:b::/64 via 2001:db8::20");
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

/* One Gateway: port 80 to all backends, 81 to a Service that is not there. */
static void publish(unsigned int backends)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		die("no memory");
	fprintf(file, "apiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: g}\nspec:\n"
		"  gatewayClassName: l\n"
		"  addresses: [{value: 10.0.0.9}, {value: '2001:db8::9'}]\n"
		"  listeners:\n"
		"  - {name: t80, port: 80, protocol: TCP}\n"
		"  - {name: u80, port: 80, protocol: UDP}\n"
		"  - {name: t81, port: 81, protocol: TCP}\n"
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
		"spec:\n  ports: [{name: t, port: 80, protocol: TCP}, "
		"{name: u, port: 80, protocol: UDP}]\n");
	write_route(file, "TCPRoute", "r", LISTENER_PORT, "s");
	write_route(file, "UDPRoute", "r", LISTENER_PORT, "s");
	write_route(file, "TCPRoute", "x", REJECTED_PORT, "missing");
	write_slice(file, false, backends);
	write_slice(file, true, backends);
	fclose(file);
	node_publish(text);
	free(text);
}

static void *map_table(const struct dataplane *dataplane, enum map_id map,
		       size_t size)
{
	void *table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   dataplane->maps[map], 0);

	if (table == MAP_FAILED)
		die("%s: %s", map_names[map], strerror(errno));
	return table;
}

static size_t flows_size(const struct gateway *gateway)
{
	return gateway->max_flows * sizeof(*gateway->flows);
}

static size_t index_size(const struct gateway *gateway)
{
	return gateway->max_flows / 4 * sizeof(*gateway->index);
}

void gateway_open(struct gateway *gateway, struct feed *feed,
		  uint32_t max_flows, unsigned int backends)
{
	memset(gateway, 0, sizeof(*gateway));
	gateway->feed = feed;
	feed_forget(feed);
	node_attach(max_flows);
	publish(backends);
	gateway->max_flows = node.dataplane->meta.max_flows;
	gateway->flows = map_table(node.dataplane, MAP_FLOWS,
				   flows_size(gateway));
	gateway->index = map_table(node.dataplane, MAP_FLOW_INDEX,
				   index_size(gateway));
}

void gateway_close(struct gateway *gateway)
{
	munmap(gateway->flows, flows_size(gateway));
	munmap(gateway->index, index_size(gateway));
	node_detach();
}

void gateway_empty(struct gateway *gateway)
{
	memset(gateway->flows, 0, flows_size(gateway));
	memset(gateway->index, 0, index_size(gateway));
}

uint64_t packets_counted(enum l4gate_hook hook, enum l4gate_reason reason)
{
	return stats_reason(node.dataplane, hook, reason).packets;
}

/* A frame of 60 bytes (IPv4), or the shortest that has all headers. */
static void shape_stream(struct stream *stream, bool v6, bool udp,
			 bool from_backend, uint8_t tcp_flags)
{
	struct shape shape = { .v6 = v6, .udp = udp, .tcp_flags = tcp_flags };

	shape.src = !v6 ? "0.0.0.0" :
		    from_backend ? "2001:db8:b::" : "2001:db8:c::";
	shape.dst = v6 ? "2001:db8::" : "0.0.0.0";
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
			 uint32_t count)
{
	uint32_t i;

	stream_open(gateway->feed, stream, count);
	shape_stream(stream, v6, udp, false, SYN);
	for (i = 0; i < count; i++) {
		struct ends ends = client_ends(v6, port, i);

		if (dst)
			ends.dst = htonl(dst);
		stream_set(gateway->feed, stream, i, &ends);
	}
}

void clients_open(struct gateway *gateway, struct stream *stream, bool v6,
		  bool udp, uint16_t port, uint32_t count)
{
	open_clients(gateway, stream, v6, udp, port, 0, count);
}

void strangers_open(struct gateway *gateway, struct stream *stream, bool v6,
		    uint32_t count)
{
	open_clients(gateway, stream, v6, false, LISTENER_PORT,
		     v6 ? STRANGER6 : STRANGER4, count);
}

/* Runs each packet of a stream once; all have to leave for a reason. */
static uint32_t run_once(struct gateway *gateway, struct stream *stream,
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
	(void)run_once(gateway, stream, count, L4GATE_TO_BACKEND);
}

/* Numbers of the live records of a kind of flows, in random order. */
static uint32_t *list_records(const struct gateway *gateway,
			      const struct flow_set *set, uint32_t *ret_count)
{
	uint32_t *list = malloc(gateway->max_flows * sizeof(*list));
	uint32_t count = 0, i;

	if (!list)
		die("no memory");
	for (i = 0; i < gateway->max_flows; i++) {
		const struct l4gate_flow *flow = &gateway->flows[i];
		uint32_t other;

		if (flow->state <= L4GATE_FLOW_CLAIMED ||
		    flow->family != (set->v6 ? L4GATE_IPV6 : L4GATE_IPV4) ||
		    flow->protocol != (set->udp ? IPPROTO_UDP : IPPROTO_TCP))
			continue;
		/* Shuffled as it grows. */
		other = bench_random() % ++count;
		list[count - 1] = list[other];
		list[other] = i;
	}
	*ret_count = count;
	return list;
}

static struct ends record_ends(const struct l4gate_flow *flow, bool v6,
			       enum l4gate_flow_end src,
			       enum l4gate_flow_end dst)
{
	return (struct ends){
		.src = v6 ? flow->addr6[src].w[3] : flow->addr4[src],
		.dst = v6 ? flow->addr6[dst].w[3] : flow->addr4[dst],
		.sport = flow->port[src],
		.dport = flow->port[dst],
	};
}

/* Packets of one direction of the listed records. */
static void set_stream(struct gateway *gateway, const struct flow_set *set,
		       struct stream *stream, const uint32_t *list,
		       bool from_backend, uint8_t tcp_flags)
{
	enum l4gate_flow_end src = L4GATE_END_CLIENT;
	enum l4gate_flow_end dst = L4GATE_END_LISTENER;
	uint32_t i;

	if (from_backend) {
		src = L4GATE_END_BACKEND;
		dst = L4GATE_END_NAT;
	}
	shape_stream(stream, set->v6, set->udp, from_backend, tcp_flags);
	for (i = 0; i < set->count; i++) {
		struct ends ends = record_ends(&gateway->flows[list[i]],
					       set->v6, src, dst);

		stream_set(gateway->feed, stream, i, &ends);
	}
}

void flow_set_open(struct gateway *gateway, struct flow_set *set, bool v6,
		   bool udp, uint32_t count)
{
	uint32_t clients = count + count / 64, found;
	uint32_t *list;

	*set = (struct flow_set){ .v6 = v6, .udp = udp, .count = count };
	clients_open(gateway, &set->client, v6, udp, LISTENER_PORT, clients);
	stream_open(gateway->feed, &set->reply, count);
	gateway_fill(gateway, &set->client, clients);
	list = list_records(gateway, set, &found);
	if (found < count)
		die("%u flows of %u clients", found, clients);

	/* The handshake (for UDP: an answer), and then packets as they follow. */
	set_stream(gateway, set, &set->reply, list, true, SYN | ACK);
	if (run_once(gateway, &set->reply, count, L4GATE_TO_CLIENT) != count)
		die("not all replies found their flow");
	set_stream(gateway, set, &set->client, list, false, ACK);
	if (run_once(gateway, &set->client, count, L4GATE_TO_BACKEND) != count)
		die("not all packets found their flow");
	set_stream(gateway, set, &set->reply, list, true, ACK);
	free(list);
}
