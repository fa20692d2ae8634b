// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Half-open flows as packets count them: bpf/half_open.h has the rules. */
#include "stats/stats.h"

#include "l4gate/half_open.h"

static uint32_t count(const struct flows *flows, uint32_t key, bool is_tcp)
{
	const struct l4gate_half_open *open = &flows->half_open[key];
	uint32_t state = is_tcp ? L4GATE_FLOW_HALF_OPEN :
				  L4GATE_FLOW_UNREPLIED;

	return half_open_count(open, half_open_quarter(
		flows->jiffies, flows->timeouts[0].state[state].quarter));
}

struct half_open half_open_of_node(const struct flows *flows, bool is_tcp)
{
	struct half_open open = {
		.flows = count(flows, is_tcp ? L4GATE_HALF_OPEN_TCP :
					       L4GATE_HALF_OPEN_UDP, is_tcp),
		.limit = L4GATE_FLOW_HALF_OPEN_MAX(
			flows->dataplane->meta.max_flows),
	};

	open.is_full = open.flows >= open.limit;
	return open;
}

struct half_open half_open_of_listener(const struct flows *flows, uint32_t id,
				       bool is_tcp, uint16_t limit)
{
	struct half_open open = {
		.flows = count(flows, L4GATE_HALF_OPEN_NODES + id, is_tcp),
		.limit = limit ?: L4GATE_LISTENER_HALF_OPEN_MAX(
			flows->dataplane->meta.max_flows),
	};

	open.is_full = open.flows >= open.limit ||
		       (open.flows >= open.limit / L4GATE_HALF_OPEN_FEW &&
			half_open_of_node(flows, is_tcp).is_full);
	return open;
}
