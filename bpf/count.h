/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Counters. All are per CPU, and a program is never interrupted by itself on
 * its CPU's softirq, so plain additions suffice.
 */
#ifndef L4GATE_BPF_COUNT_H
#define L4GATE_BPF_COUNT_H

#include "maps.h"
#include "packet.h"

/* One packet left by this hook for this reason. */
static __always_inline void
count_reason(CTX *ctx, enum l4gate_hook hook, enum l4gate_reason reason)
{
	__u32 key = hook * L4GATE_REASON_MAX + reason;
	struct l4gate_count *count;

	count = bpf_map_lookup_elem(&l4gate_reason_stats, &key);
	if (!count)
		return;
	count->packets += ctx_packets(ctx);
	count->bytes += ctx_length(ctx);
}

static __always_inline void
count_traffic(struct l4gate_stats *stats, enum l4gate_direction direction,
	      __u32 packets, __u32 bytes)
{
	if (!stats)
		return;
	stats->packets[direction] += packets;
	stats->bytes[direction] += bytes;
}

/* A packet of a flow, at its listener, route and backend. */
static __always_inline void
count_flow_packet(CTX *ctx, const struct packet *packet,
		  enum l4gate_direction direction, __u32 listener,
		  __u32 backend, __u32 route)
{
	__u32 packets = ctx_packets(ctx);

	count_traffic(bpf_map_lookup_elem(&l4gate_listener_stats, &listener),
		      direction, packets, packet->length);
	count_traffic(bpf_map_lookup_elem(&l4gate_backend_stats, &backend),
		      direction, packets, packet->length);
	count_traffic(bpf_map_lookup_elem(&l4gate_route_stats, &route),
		      direction, packets, packet->length);
}

/* A new flow, at the same three places. */
static __always_inline void count_new_flow(__u32 listener, __u32 backend,
					   __u32 route)
{
	struct l4gate_stats *stats;

	stats = bpf_map_lookup_elem(&l4gate_listener_stats, &listener);
	if (stats)
		stats->flows++;
	stats = bpf_map_lookup_elem(&l4gate_backend_stats, &backend);
	if (stats)
		stats->flows++;
	stats = bpf_map_lookup_elem(&l4gate_route_stats, &route);
	if (stats)
		stats->flows++;
}

/* A rejection, at the listener and (unless L4GATE_NO_ROUTE) at the route. */
static __always_inline void count_rejected(__u32 listener, __u32 route)
{
	struct l4gate_stats *stats;

	stats = bpf_map_lookup_elem(&l4gate_listener_stats, &listener);
	if (stats)
		stats->rejected++;
	stats = bpf_map_lookup_elem(&l4gate_route_stats, &route);
	if (stats)
		stats->rejected++;
}

#endif /* L4GATE_BPF_COUNT_H */
