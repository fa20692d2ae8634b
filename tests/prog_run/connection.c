// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "connection.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/lines.h"
#include "stats/stats.h"

#define CLIENT_ADDRESS "10.0.0.2"

/* Where a connection goes is the same in each run: by its port alone. */
#define SEED "00112233445566778899aabbccddeeff"

#define GATEWAY(name, address, mode)					\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"	\
	"metadata: {name: " name "}\nspec:\n  gatewayClassName: l\n"	\
	"  addresses: [{value: " address "}]\n"				\
	"  listeners: [{name: a, port: 80, protocol: TCP}]\n"		\
	"  infrastructure: {parametersRef: {group: l4gate.dev, "	\
	"kind: GatewayParameters, name: " name "}}\n"			\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"	\
	"metadata: {name: " name "}\n"					\
	"spec: {mode: " mode ", seed: " SEED "}\n"

#define SERVICE(name, address)						\
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec:\n"	\
	"  ports: [{name: t, port: 80, protocol: TCP}]\n"		\
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: " name ", labels: {kubernetes.io/service-name: " name "}}\n"	\
	"addressType: IPv4\nendpoints: [{addresses: [" address "]}]\n"	\
	"ports: [{name: t, port: 8080, protocol: TCP}]\n"

static const char manifest[] =
	GATEWAY("g", "10.0.0.9", "nat")
	GATEWAY("t", "10.0.0.10", "transparent")
	GATEWAY("d", "10.0.0.11", "dsr-ipip")
	SERVICE("s20", "10.0.0.20") SERVICE("s21", "10.0.0.21")
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
	"metadata: {name: r}\nspec:\n"
	"  parentRefs: [{name: g}, {name: t}, {name: d}]\n"
	"  rules: [{backendRefs: [{name: s20, port: 80, weight: %u}, "
	"{name: s21, port: 80, weight: %u}]}]\n";

void connections_publish(uint32_t first, uint32_t second)
{
	char text[sizeof(manifest) + 24];

	snprintf(text, sizeof(text), manifest, first, second);
	node_publish(text);
}

void connections_publish_with(const char *more)
{
	char text[sizeof(manifest) + 512];
	int length = snprintf(text, sizeof(text), manifest, 1, 1);

	snprintf(text + length, sizeof(text) - length, "%s", more);
	node_publish(text);
}

static const char *listener(enum l4gate_mode mode)
{
	return mode == L4GATE_MODE_NAT ? "10.0.0.9" :
	       mode == L4GATE_MODE_TRANSPARENT ? "10.0.0.10" : "10.0.0.11";
}

/* Where a frame that came out goes: the last byte of the outer IPv4 address. */
static int destination(const struct frame *frame)
{
	return frame->bytes[33];
}

static bool send_from_client(struct connection *connection,
			     const struct shape *shape)
{
	struct frame in, out;

	frame_build(&in, shape);
	node_run(connection->hook, &in, &out);
	if (destination(&out) < 20)
		return false;
	connection->backend = destination(&out);
	if (connection->mode != L4GATE_MODE_DSR_L2 &&
	    connection->mode != L4GATE_MODE_DSR_IPIP)
		connection->nat_port = frame_sport(&out);
	return true;
}

static bool send_from_backend(const struct connection *connection,
			      struct shape *shape)
{
	struct frame in, out;
	char src[INET_ADDRSTRLEN];

	snprintf(src, sizeof(src), "10.0.0.%d", connection->backend);
	shape->src = src;
	shape->dst = connection->mode == L4GATE_MODE_NAT ? "10.0.0.1" :
							   CLIENT_ADDRESS;
	shape->sport = 8080;
	shape->dport = connection->nat_port;
	frame_build(&in, shape);
	node_run(connection->hook, &in, &out);
	return frame_has_ends(&out, listener(connection->mode),
			      CLIENT_ADDRESS) &&
	       frame_sport(&out) == 80 &&
	       frame_dport(&out) == connection->port;
}

bool connection_send(struct connection *connection, enum side from,
		     uint8_t flags, uint16_t payload, uint32_t sequence)
{
	struct shape shape = {
		.src = CLIENT_ADDRESS, .dst = listener(connection->mode),
		.sport = connection->port, .dport = 80, .tcp_flags = flags,
		.payload = payload, .sequence = sequence,
	};

	return from == CLIENT ? send_from_client(connection, &shape) :
				send_from_backend(connection, &shape);
}

/* The hash of the connection's flow. */
static uint64_t hash_of(const struct flows *flows,
			const struct connection *connection)
{
	const struct l4gate_endpoint *endpoints =
		flows->endpoints + flows->half * L4GATE_MAX_ENDPOINTS;
	struct l4gate_addr client = { { 0 } }, address = { { 0 } };
	uint32_t id = 0;

	inet_pton(AF_INET, CLIENT_ADDRESS, &client);
	inet_pton(AF_INET, listener(connection->mode), &address);
	while (id < L4GATE_MAX_ENDPOINTS - 1 &&
	       (!endpoints[id].protocol ||
		endpoints[id].addr.w[0] != address.w[0]))
		id++;
	return hash_place(node.dataplane->meta.key[0], L4GATE_IPV4, &client,
			  htons(connection->port), id);
}

/* What the tables have of it: an entry's value, or a word; 0: nothing. */
static uint64_t look_up(const struct connection *connection)
{
	uint64_t hash, *word, found = 0;
	struct fail fail = { 0 };
	struct flows flows;

	if (flows_open(node.dataplane, &flows, &fail)) {
		fprintf(stderr, "%s\n", fail.text);
		exit(1);
	}
	hash = hash_of(&flows, connection);
	if (connection->mode == L4GATE_MODE_NAT) {
		found = flows_entry(&flows, hash);
	} else {
		word = lines_word(flows.words, flows.rows.words, hash);
		found = word ? *word : 0;
	}
	flows_close(&flows);
	return found;
}

static char entry_letter(uint64_t value)
{
	switch (value & L4GATE_RECORD_STATE) {
	case L4GATE_FLOW_HALF_OPEN:
		return 'h';
	case L4GATE_FLOW_ESTABLISHED:
		return value & L4GATE_RECORD_F_FIN_CLIENT ? 'f' :
		       value & L4GATE_RECORD_F_FIN_BACKEND ? 'b' : 'e';
	case L4GATE_FLOW_CLOSING:
		return 'c';
	case L4GATE_FLOW_RESET:
		return 'r';
	default:
		return '?';
	}
}

char connection_state(const struct connection *connection)
{
	uint64_t found = look_up(connection);

	if (!found)
		return '-';
	if (connection->mode == L4GATE_MODE_NAT)
		return entry_letter(found);
	return "bfrch?e?"[found >> L4GATE_WORD_STATE_SHIFT & 7];
}

int connection_backend(const struct connection *connection)
{
	uint64_t found = look_up(connection);
	struct l4gate_backend *backends;
	uint32_t number;
	int last;

	if (!found)
		return 0;
	number = connection->mode == L4GATE_MODE_NAT ?
		 found >> L4GATE_RECORD_BACKEND_SHIFT :
		 found >> L4GATE_WORD_BACKEND_SHIFT & L4GATE_WORD_BACKEND;
	backends = dataplane_map(node.dataplane, MAP_BACKENDS);
	if (!backends)
		return 0;
	last = ntohl(backends[number].addr.w[0]) & 255;
	dataplane_unmap(node.dataplane, MAP_BACKENDS, backends);
	return last;
}
