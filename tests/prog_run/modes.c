// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/state.h"
#include "model/model.h"
#include "node.h"

const struct mode_backend backends[PORTS] = {
	[GOOD] = { "10.0.0.20", "2001:db8::20" },
	[LOCAL] = { "10.0.0.1", "2001:db8::1" },
	[UNATTACHED] = { "10.9.0.2", "2001:db8:9::2" },
	[NOWHERE] = { "10.77.0.2", "2001:db8:77::2" },
	[UNRESOLVED] = { "10.0.0.99", "2001:db8::99" },
	[ROUTED] = { "10.8.0.2", "2001:db8:8::2" },
};

const struct mode_listeners modes[L4GATE_MODES] = {
	[L4GATE_MODE_NAT] = { "nat", "10.0.1.1", "2001:db8:1::1" },
	[L4GATE_MODE_TRANSPARENT] = { "transparent", "10.0.1.2",
				      "2001:db8:1::2" },
	[L4GATE_MODE_DSR_L2] = { "dsr-l2", "10.0.1.3", "2001:db8:1::3" },
	[L4GATE_MODE_DSR_IPIP] = { "dsr-ipip", "10.0.1.4", "2001:db8:1::4" },
};

static void print_route(FILE *file, const char *kind, enum port port)
{
	enum l4gate_mode mode;

	fprintf(file, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: %s\nmetadata: {name: r%d}\nspec:\n  parentRefs:\n",
		kind, port);
	for (mode = 0; mode < L4GATE_MODES; mode++)
		fprintf(file, "  - {name: %s, port: %d}\n", modes[mode].name,
			port);
	fprintf(file, "  rules: [{backendRefs: [{name: s%d, port: 80}]}]\n",
		port);
}

static void print_slice(FILE *file, enum port port, const char *type,
			const char *address)
{
	fprintf(file, "---\napiVersion: discovery.k8s.io/v1\n"
		"kind: EndpointSlice\nmetadata: {name: s%d-%c, "
		"labels: {kubernetes.io/service-name: s%d}}\n"
		"addressType: %s\nendpoints: [{addresses: ['%s']}]\n"
		"ports: [{name: t, port: 8080, protocol: TCP}, "
		"{name: u, port: 8080, protocol: UDP}]\n",
		port, type[3], port, type, address);
}

static void print_gateway(FILE *file, enum l4gate_mode mode)
{
	enum port port;

	fprintf(file, "---\napiVersion: l4gate.dev/v1alpha1\n"
		"kind: GatewayParameters\nmetadata: {name: %s}\n"
		"spec: {mode: %s}\n"
		"---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: %s}\nspec:\n"
		"  gatewayClassName: l\n"
		"  addresses: [{value: '%s'}, {value: '%s'}]\n"
		"  infrastructure: {parametersRef: {group: l4gate.dev, "
		"kind: GatewayParameters, name: %s}}\n  listeners:\n",
		modes[mode].name, modes[mode].name, modes[mode].name,
		modes[mode].four, modes[mode].six, modes[mode].name);
	for (port = GOOD; port < PORTS; port++)
		fprintf(file, "  - {name: t%d, port: %d, protocol: TCP}\n"
			"  - {name: u%d, port: %d, protocol: UDP}\n",
			port, port, port, port);
}

void modes_routes(void)
{
	node_shell("ip link add d2 type veth peer name d3 && "
		   "ip link set d2 up && ip link set d3 up && "
		   "ip addr add 10.9.0.1/24 dev d2 && "
		   "ip -6 addr add 2001:db8:9::1/64 dev d2 nodad && "
		   "for n in 10.9.0.2 2001:db8:9::2; do "
		   "ip neigh add $n lladdr 02:00:00:00:00:30 dev d2; done && "
		   "ip route add unreachable 10.77.0.0/24 && "
		   "ip -6 route add unreachable 2001:db8:77::/64 && "
		   "ip route add 10.8.0.0/24 via 10.0.0.2 && "
		   "ip -6 route add 2001:db8:8::/64 via 2001:db8::2");
}

uint32_t modes_route(enum port port, bool udp)
{
	enum protocol protocol = udp ? PROTOCOL_UDP : PROTOCOL_TCP;
	uint32_t id = STATE_NO_ROUTE;
	struct fail fail = { 0 };
	struct state state;
	char name[16];
	size_t i;

	snprintf(name, sizeof(name), "r%d", port);
	if (state_read(node.dataplane, &state, &fail))
		abort();
	for (i = 0; i < state.route_count; i++)
		if (!strcmp(state_text_of(&state, state.routes[i].name), name) &&
		    state.routes[i].protocol == protocol)
			id = state.routes[i].id;
	state_free(&state);
	if (id == STATE_NO_ROUTE)
		abort();
	return id;
}

void modes_publish(const char *more)
{
	enum l4gate_mode mode;
	enum port port;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		abort();
	for (mode = 0; mode < L4GATE_MODES; mode++)
		print_gateway(file, mode);
	for (port = GOOD; port < PORTS; port++) {
		if (port == ROUTELESS)
			continue;
		print_route(file, "TCPRoute", port);
		print_route(file, "UDPRoute", port);
		if (!backends[port].four)
			continue;
		fprintf(file, "---\napiVersion: v1\nkind: Service\n"
			"metadata: {name: s%d}\nspec:\n"
			"  ports: [{name: t, port: 80, protocol: TCP}, "
			"{name: u, port: 80, protocol: UDP}]\n", port);
		print_slice(file, port, "IPv4", backends[port].four);
		print_slice(file, port, "IPv6", backends[port].six);
	}
	fputs(more, file);
	fclose(file);
	node_publish(text);
	free(text);
}
