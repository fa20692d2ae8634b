/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * All maps. Keys and values are in include/l4gate/abi.h. Both programs share
 * them by their pins.
 *
 * "Halves": user space writes the half that packets don't look at and then
 * raises the generation, whose lowest bit names the other half. So a packet
 * sees one config or the next, never a mix.
 */
#ifndef L4GATE_BPF_MAPS_H
#define L4GATE_BPF_MAPS_H

#include "ctx.h"

/* The generation; written by `apply` at the instant of publishing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct l4gate_control);
} l4gate_control SEC(".maps");

/* ABI hash, hash keys and sizes; written by the first `attach`, 0600. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct l4gate_meta);
} l4gate_meta SEC(".maps");

/* Where listeners listen, both halves; mappable, so that apply can compare. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * L4GATE_MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_endpoint);
} l4gate_endpoints SEC(".maps");

/* The way to them, from an address and a port; both halves. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * L4GATE_ENDPOINT_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_endpoint_index SEC(".maps");

/* From an address of listeners to what is done for it; both halves. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * L4GATE_ENDPOINT_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_address_index SEC(".maps");

/* From a backend of transparent mode to the endpoints it answers for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * L4GATE_SHARDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_origin_index SEC(".maps");

/* Ports of either half: a packet to or from another port is not ours. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_PORT_SETS);
	__type(key, __u32);
	__type(value, struct l4gate_ports);
} l4gate_ports SEC(".maps");

/* Slot tables of routes, at route * 2 + half. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * L4GATE_DEFAULT_ROUTES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_route);
} l4gate_routes SEC(".maps");

/* The rate limits of routes (admit.h); written under the locks of l4gate_shards. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_DEFAULT_ROUTES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} l4gate_buckets SEC(".maps");

/* Pool that slot tables are made of; a chunk in use never changes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_CHUNKS(L4GATE_DEFAULT_ROUTES));
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, union l4gate_chunk);
} l4gate_chunks SEC(".maps");

/* Backends. A number is used again only when no flow has it any more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_BACKENDS(L4GATE_DEFAULT_ROUTES));
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_backend);
} l4gate_backends SEC(".maps");

/*
 * Flows of the transparent and dsr modes: a word for each (word.h). Mappable,
 * because such an array starts at a page: other arrays start at 56 mod 64, and a
 * line would lie across two cache lines.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_SHARDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_words SEC(".maps");

/* Flows of nat, by client: entry.h has the rules. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_SHARDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_entries SEC(".maps");

/* Flows of nat, by NAT port: record.h has the rules. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_SHARDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_record);
} l4gate_records SEC(".maps");

/* The clients of IPv6 among them, by the same numbers. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_SHARDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_addr);
} l4gate_clients6 SEC(".maps");

/* The NAT addresses that records name by a number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_FAMILIES * L4GATE_SOURCES);
	__type(key, __u32);
	__type(value, struct l4gate_addr);
} l4gate_sources SEC(".maps");

/* Clients of routes with session affinity (affinity.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_AFFINITY_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_affinity SEC(".maps");

/* Idle timeouts that routes have of their own: timeouts.h has the rules. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_TIMEOUTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_timeouts);
} l4gate_timeouts SEC(".maps");

/* How many flows are half open: half_open.h has the rules. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_HALF_OPEN_NODES +
			    L4GATE_LISTENERS(L4GATE_DEFAULT_ROUTES));
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_half_open);
} l4gate_half_open SEC(".maps");

/* Locks of the flow tables, each in a cache line of its own. */
struct shard {
	struct bpf_spin_lock lock;
	__u32 pad[15];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_SHARDS);
	__type(key, __u32);
	__type(value, struct shard);
} l4gate_shards SEC(".maps");

/* Devices that we are attached to; written by `attach` and `apply`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, L4GATE_MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct l4gate_device);
} l4gate_devices SEC(".maps");

/* Neighbours, and the way to them from an address: nexthop.h has the rules. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_NEXTHOPS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_nexthop);
} l4gate_nexthops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L4GATE_SHARDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct l4gate_line);
} l4gate_nexthop_index SEC(".maps");

/* Tokens of packets that we originate. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L4GATE_BUDGETS);
	__type(key, __u32);
	__type(value, struct l4gate_budget);
} l4gate_budgets SEC(".maps");

/* Counters, per CPU, so that no packet waits for another's counting. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L4GATE_LISTENERS(L4GATE_DEFAULT_ROUTES));
	__type(key, __u32);
	__type(value, struct l4gate_stats);
} l4gate_listener_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L4GATE_LISTENERS(L4GATE_DEFAULT_ROUTES));
	__type(key, __u32);
	__type(value, __u64);
} l4gate_surplus_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L4GATE_DEFAULT_ROUTES);
	__type(key, __u32);
	__type(value, struct l4gate_stats);
} l4gate_route_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L4GATE_BACKENDS(L4GATE_DEFAULT_ROUTES));
	__type(key, __u32);
	__type(value, struct l4gate_stats);
} l4gate_backend_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L4GATE_HOOK_MAX * L4GATE_REASON_MAX);
	__type(key, __u32);
	__type(value, struct l4gate_count);
} l4gate_reason_stats SEC(".maps");

#endif /* L4GATE_BPF_MAPS_H */
