/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether a packet may begin a flow: what the policy of its route says of sources
 * and numbers. Packets of a flow that there is never come here.
 */
#ifndef L4GATE_BPF_ADMIT_H
#define L4GATE_BPF_ADMIT_H

#include "flow_state.h"
#include "scratch.h"
#include "select.h"
#include "ticket.h"

/* Steps of a binary search, of which each halves what is left. */
#define BOUNDARY_STEPS 9
_Static_assert(L4GATE_MAX_BOUNDARIES < 1 << BOUNDARY_STEPS,
	       "a search ends within its steps");

/* Whether an address lies at or above a boundary. */
static __always_inline bool is_at(const struct l4gate_ranges *ranges,
				  __u32 number, __u64 upper, __u64 lower)
{
	const struct l4gate_boundary *boundary;
	union l4gate_chunk *chunk;
	__u32 key = ranges->chunk + number / L4GATE_CHUNK_BOUNDARIES;

	chunk = bpf_map_lookup_elem(&l4gate_chunks, &key);
	if (!chunk)
		return false;
	boundary = &chunk->boundary[number % L4GATE_CHUNK_BOUNDARIES];
	return boundary->upper < upper ||
	       (boundary->upper == upper && boundary->lower <= lower);
}

/*
 * Whether a route lets an address in. key: family << 31 | that of the route in
 * l4gate_routes; the address as struct l4gate_boundary has it. Global, for the
 * verifier to look at it once.
 */
int admit_source(__u32 key, __u64 upper, __u64 lower);

__noinline int admit_source(__u32 key, __u64 upper, __u64 lower)
{
	__u32 family = key >> 31, low = 0, high, i;
	const struct l4gate_ranges *ranges;
	const struct l4gate_route *route;

	key &= ~(1U << 31);
	route = bpf_map_lookup_elem(&l4gate_routes, &key);
	if (!route)
		return false;
	ranges = &route->ranges[family];
	high = ranges->count;
	for (i = 0; i < BOUNDARY_STEPS && low < high; i++) {
		__u32 middle = (low + high) / 2;

		if (is_at(ranges, middle, upper, lower))
			low = middle + 1;
		else
			high = middle;
	}
	return (low ^ route->flags >> family) & L4GATE_ROUTE_F_ALLOW;
}

static __always_inline bool has_good_source(const struct packet *packet,
					    __u32 key)
{
	const __be32 *w = packet->src.w;

	if (packet->family == L4GATE_IPV4)
		return admit_source(key, 0, bpf_ntohl(w[0]));
	return admit_source(key | 1U << 31,
			    (__u64)bpf_ntohl(w[0]) << 32 | bpf_ntohl(w[1]),
			    (__u64)bpf_ntohl(w[2]) << 32 | bpf_ntohl(w[3]));
}

/*
 * Whether a route's rate has room for one more flow now, which it takes (a virtual
 * schedule, ITU-T I.371). Global, for the verifier to look at it once.
 */
int admit_rate(__u32 number, __u32 half);

__noinline int admit_rate(__u32 number, __u32 half)
{
	__u32 key = number * 2 + (half & 1), lock = number % L4GATE_SHARDS;
	__u64 now = bpf_jiffies64() << L4GATE_BUCKET_SHIFT, step, due;
	const struct l4gate_route *route;
	struct shard *shard;
	__u64 *bucket;
	bool admits;

	route = bpf_map_lookup_elem(&l4gate_routes, &key);
	bucket = bpf_map_lookup_elem(&l4gate_buckets, &number);
	shard = bpf_map_lookup_elem(&l4gate_shards, &lock);
	if (!route || !bucket || !shard)
		return false;
	step = ((__u64)jiffies_second << L4GATE_BUCKET_SHIFT) / (route->rate ?: 1);
	bpf_spin_lock(&shard->lock);
	due = *bucket > now ? *bucket : now;
	admits = due - now <= step * (route->burst - 1);
	if (admits)
		*bucket = due + step;
	bpf_spin_unlock(&shard->lock);
	return admits;
}

/*
 * Whether the source of a packet may begin a flow of a route, which is that of an
 * endpoint in a half. A route without a policy pays one test.
 */
static __always_inline bool
admits_source(const struct packet *packet, const struct l4gate_route *route,
	      const struct l4gate_endpoint *endpoint, __u32 half)
{
	return !(route->flags & L4GATE_ROUTE_F_RANGES) ||
	       has_good_source(packet, endpoint->route * 2 + half);
}

/* Whether it is not from the middle of a connection. */
static __always_inline bool begins_flow(const struct packet *packet)
{
	return packet->protocol != IPPROTO_TCP || is_syn(packet);
}

/*
 * Whether there may be one more flow of the route; GO_ON, or why not. To be asked
 * last, by the hook that makes the flow: it counts. Connections that another node
 * had, which come without a SYN, began before.
 */
static __always_inline enum l4gate_reason
admit_number(const struct packet *packet, const struct l4gate_route *route,
	     const struct l4gate_endpoint *endpoint, __u32 half, __u64 hash)
{
	if (!begins_flow(packet))
		return GO_ON;
	if ((route->flags & L4GATE_ROUTE_F_MAX_FLOWS) &&
	    !ticket_ask(endpoint->route * 2 + half, hash))
		return L4GATE_REJECT_MAX_FLOWS;
	if ((route->flags & L4GATE_ROUTE_F_RATE) &&
	    !admit_rate(endpoint->route, half))
		return L4GATE_REJECT_RATE;
	return GO_ON;
}

/*
 * Whether a flow that was made may stay: the last ticket may have gone to another
 * CPU. One that another node had takes a ticket if there is one.
 */
static __always_inline bool
admits_made(const struct packet *packet, const struct l4gate_route *route,
	    const struct l4gate_endpoint *endpoint, __u32 half, __u64 hash)
{
	return !(route->flags & L4GATE_ROUTE_F_MAX_FLOWS) ||
	       ticket_take(endpoint->route * 2 + half, hash) ||
	       !begins_flow(packet);
}

#endif /* L4GATE_BPF_ADMIT_H */
