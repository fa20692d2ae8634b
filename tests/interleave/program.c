// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The program itself, on the model. The only file that includes those of bpf/. */
#include "ctx_model.h"

#include "icmp_xdp.h"
#include "process.h"

/* No scenario has fragments. */
int fragment_parse(CTX *ctx, __u32 hook)
{
	(void)ctx;
	(void)hook;
	return L4GATE_FRAGMENT;
}

#define MAP(map, kind, entries)						\
	model_map(&map, #map, kind, sizeof(*map.value), entries)

#define HALF_OPEN_COUNTS (L4GATE_HALF_OPEN_NODES + 8)

static void open_maps(const struct sizes *sizes)
{
	MAP(l4gate_control, MODEL_PER_CPU, 1);
	MAP(l4gate_endpoints, MODEL_CONFIG, 2 * L4GATE_MAX_ENDPOINTS);
	MAP(l4gate_endpoint_index, MODEL_CONFIG, 2 * L4GATE_ENDPOINT_LINES);
	MAP(l4gate_origin_index, MODEL_CONFIG, 2 * L4GATE_SHARDS);
	MAP(l4gate_ports, MODEL_CONFIG, L4GATE_PORT_SETS);
	MAP(l4gate_routes, MODEL_CONFIG, 16);
	MAP(l4gate_chunks, MODEL_SHARED, 64);
	MAP(l4gate_backends, MODEL_SHARED, 16);
	MAP(l4gate_sources, MODEL_CONFIG, L4GATE_FAMILIES * L4GATE_SOURCES);
	MAP(l4gate_devices, MODEL_CONFIG, 2);
	MAP(l4gate_words, MODEL_SHARED, sizes->rows * L4GATE_SHARDS);
	MAP(l4gate_entries, MODEL_SHARED, sizes->rows * L4GATE_SHARDS);
	MAP(l4gate_records, MODEL_SHARED, sizes->records * L4GATE_SHARDS);
	MAP(l4gate_clients6, MODEL_SHARED, sizes->records * L4GATE_SHARDS);
	MAP(l4gate_timeouts, MODEL_CONFIG, 2);
	MAP(l4gate_half_open, MODEL_SHARED, HALF_OPEN_COUNTS);
	MAP(l4gate_shards, MODEL_SHARED, L4GATE_SHARDS);
	MAP(l4gate_nexthops, MODEL_SHARED, L4GATE_NEXTHOPS);
	MAP(l4gate_nexthop_index, MODEL_SHARED, L4GATE_SHARDS);
	MAP(scratch, MODEL_PER_CPU, 1);
	MAP(l4gate_budgets, MODEL_PER_CPU, L4GATE_BUDGETS);
	MAP(l4gate_listener_stats, MODEL_PER_CPU, 8);
	MAP(l4gate_surplus_stats, MODEL_PER_CPU, 8);
	MAP(l4gate_route_stats, MODEL_PER_CPU, 8);
	MAP(l4gate_backend_stats, MODEL_PER_CPU, 16);
	MAP(l4gate_reason_stats, MODEL_PER_CPU,
	    L4GATE_HOOK_MAX * L4GATE_REASON_MAX);
}

/* Idle timeout of every state. */
#define TICKS 60
_Static_assert(PROGRAM_OWN_TIMEOUT == TICKS / 2 << 7, "tick_shift is 7");

/* Class 0 as the constants, and one with half of their time. */
static void open_timeouts(void)
{
	struct l4gate_timeouts *timeouts = model_value(&l4gate_timeouts, 0);
	int class, i;

	for (class = 0; class < 2; class++)
		for (i = 0; i < L4GATE_FLOW_STATES; i++) {
			struct l4gate_idle *idle = &timeouts[class].state[i];

			idle->timeout = TICKS >> class;
			idle->quarter = flow_quarter[i] << class;
		}
}

/* What the loader sets. Every state times out after the same time, but for CLAIMED. */
void program_open(const struct sizes *sizes)
{
	struct l4gate_ports *ports;
	struct l4gate_device *device;
	int i;

	model_clear();
	open_maps(sizes);
	for (i = 0; i < 4; i++)
		hash_key[i] = 0x9e3779b97f4a7c15ULL * (i + 1);
	word_rows = entry_rows = sizes->rows;
	record_rows = sizes->records;
	record_run_mask = 0;
	while (2 * record_run_mask + 2 <= sizes->records)
		record_run_mask = 2 * record_run_mask + 1;
	address_rows = 1;
	nat_port_min = PROGRAM_NAT_PORT;
	nat_port_count = (record_run_mask + 1) * L4GATE_SHARDS;
	for (i = 0; i < L4GATE_FLOW_STATES; i++) {
		flow_timeout[i] = TICKS;
		flow_quarter[i] = (1ULL << 32) / (TICKS / 4 << tick_shift);
	}
	flow_timeout[L4GATE_FLOW_CLAIMED] = UINT32_MAX;
	open_timeouts();
	ports = model_value(&l4gate_ports, L4GATE_PORTS_LISTENER);
	memset(ports, 0xff, L4GATE_PORT_SETS * sizeof(*ports));
	device = model_value(&l4gate_devices, 1);
	device->addr[L4GATE_IPV4].w[0] = bpf_htonl(0x0a000001);
	device->addr[L4GATE_IPV6].w[0] = bpf_htonl(0x20010db8);
	device->addr[L4GATE_IPV6].w[3] = bpf_htonl(1);
	*(struct l4gate_addr *)model_value(&l4gate_sources, 0) =
		device->addr[L4GATE_IPV4];
	*(struct l4gate_addr *)model_value(&l4gate_sources, L4GATE_SOURCES) =
		device->addr[L4GATE_IPV6];
}

void program_run(struct passage *passage)
{
	passage->sent = passage->answered = false;
	process_ingress(passage, L4GATE_HOOK_TC_INGRESS);
}

void program_forget(void)
{
	model_empty(&l4gate_words);
	model_empty(&l4gate_entries);
	model_empty(&l4gate_records);
	model_empty(&l4gate_clients6);
	model_empty(&l4gate_half_open);
	model_empty(&l4gate_listener_stats);
}

struct l4gate_control *program_control(int cpu)
{
	return model_cpu_value(&l4gate_control, 0, cpu);
}

struct l4gate_endpoint *program_endpoint(uint32_t number)
{
	return model_value(&l4gate_endpoints, number);
}

struct l4gate_line *program_endpoint_index(void)
{
	return model_value(&l4gate_endpoint_index, 0);
}

struct l4gate_line *program_origin_index(void)
{
	return model_value(&l4gate_origin_index, 0);
}

struct l4gate_route *program_route(uint32_t number)
{
	return model_value(&l4gate_routes, number);
}

union l4gate_chunk *program_chunk(uint32_t number)
{
	return model_value(&l4gate_chunks, number);
}

struct l4gate_backend *program_backend(uint32_t number)
{
	return model_value(&l4gate_backends, number);
}

struct l4gate_line *program_words(uint32_t number)
{
	return model_value(&l4gate_words, number);
}

struct l4gate_line *program_entries(uint32_t number)
{
	return model_value(&l4gate_entries, number);
}

struct l4gate_record *program_record(uint32_t number)
{
	return model_value(&l4gate_records, number);
}

struct l4gate_addr *program_client6(uint32_t number)
{
	return model_value(&l4gate_clients6, number);
}

uint64_t program_new_flows(uint32_t listener)
{
	return model_sum(&l4gate_listener_stats, listener,
			 offsetof(struct l4gate_stats, flows));
}

uint64_t program_left(enum l4gate_reason reason)
{
	return model_sum(&l4gate_reason_stats,
			 L4GATE_HOOK_TC_INGRESS * L4GATE_REASON_MAX + reason,
			 offsetof(struct l4gate_count, packets));
}

int program_half_open(void)
{
	return half_open_read(L4GATE_HALF_OPEN_TCP,
			      half_open_now(L4GATE_FLOW_HALF_OPEN)) +
	       half_open_read(L4GATE_HALF_OPEN_UDP,
			      half_open_now(L4GATE_FLOW_UNREPLIED));
}

void program_begin_quarter(void)
{
	uint32_t key;

	for (key = 0; key < HALF_OPEN_COUNTS; key++)
		half_open_read(key, half_open_now(L4GATE_FLOW_HALF_OPEN));
}

bool program_is_half_open(bool nat, uint64_t value)
{
	uint64_t now = model_jiffies;

	return nat ? record_counted(value) && !record_is_over(value, now) :
		     word_counted(value) && !word_is_over(value, now);
}

uint64_t program_flow_hash(bool v6, const struct l4gate_addr *client,
			   __be16 port, uint16_t endpoint)
{
	return flow_hash(v6 ? L4GATE_IPV6 : L4GATE_IPV4, client, port,
			 endpoint);
}

uint64_t program_place_hash(bool v6, const struct l4gate_addr *addr,
			    __be16 port, uint8_t protocol)
{
	return hash_place(hash_key[1], v6 ? L4GATE_IPV6 : L4GATE_IPV4, addr,
			  port, protocol);
}
