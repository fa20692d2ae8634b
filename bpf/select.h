/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From the first packet of a flow to its backend: route, slot, member. Three
 * array lookups, whatever the number of backends.
 */
#ifndef L4GATE_BPF_SELECT_H
#define L4GATE_BPF_SELECT_H

#include "endpoint.h"
#include "trace.h"

/* Slot of a hash in a table, or L4GATE_SLOT_REJECT. */
static __always_inline __u32 table_slot(const struct l4gate_table *table,
					__u64 hash)
{
	__u32 position, key;
	union l4gate_chunk *chunk;

	if (!table->slots)
		return L4GATE_SLOT_REJECT;
	position = hash_scale(hash >> 32, table->slots);
	key = table->chunk + position / L4GATE_CHUNK_SLOTS;
	chunk = bpf_map_lookup_elem(&l4gate_chunks, &key);
	if (!chunk)
		return L4GATE_SLOT_REJECT;
	return chunk->slot[position % L4GATE_CHUNK_SLOTS];
}

/* Index of the backend that is member `slot` of a table. */
static __always_inline bool table_member(const struct l4gate_table *table,
					 __u32 slot, __u32 *ret_backend)
{
	union l4gate_chunk *chunk;
	__u32 key;

	key = table->chunk +
	      (table->slots + L4GATE_CHUNK_SLOTS - 1) / L4GATE_CHUNK_SLOTS +
	      slot / L4GATE_CHUNK_MEMBERS;
	chunk = bpf_map_lookup_elem(&l4gate_chunks, &key);
	if (!chunk)
		return false;
	*ret_backend = chunk->member[slot % L4GATE_CHUNK_MEMBERS];
	return true;
}

static __always_inline struct l4gate_backend *backend_get(__u32 number)
{
	return bpf_map_lookup_elem(&l4gate_backends, &number);
}

/* A route in a half; NULL if the number is L4GATE_NO_ROUTE. */
static __always_inline struct l4gate_route *route_get(__u32 number, __u32 half)
{
	__u32 key = number * 2 + (half & 1);

	if (number == L4GATE_NO_ROUTE)
		return NULL;
	return bpf_map_lookup_elem(&l4gate_routes, &key);
}

/*
 * The number of the backend of a new flow by the slot table of a route, or minus the
 * reason why there is none. The hash is over addresses and ports, or the client's
 * address alone, and under the route's key, so that nodes with the same seed choose
 * alike.
 */
static __always_inline int select_backend(const struct packet *packet,
					  const struct l4gate_route *route)
{
	const struct l4gate_table *table;
	struct l4gate_backend *backend;
	__u32 slot, number;
	__u64 hash;

	table = packet->family == L4GATE_IPV4 ? &route->table[L4GATE_IPV4] :
						&route->table[L4GATE_IPV6];
	hash = route->flags & L4GATE_ROUTE_F_AFFINITY ?
	       hash_place(route->key, packet->family, &packet->src, 0, 0) :
	       hash_ends(route->key, packet->family, &packet->src,
			 &packet->dst, packet->sport, packet->dport,
			 packet->protocol);
	slot = table_slot(table, hash);
	trace_slot(table->slots, hash_scale(hash >> 32, table->slots), slot);
	if (slot == L4GATE_SLOT_REJECT)
		return -L4GATE_REJECT_SLOT;
	if (!table_member(table, slot, &number))
		return -L4GATE_DROP_CONFIG;
	trace_backend(number);
	backend = backend_get(number);
	if (!backend || backend->state == L4GATE_BACKEND_FREE)
		return -L4GATE_DROP_CONFIG;
	return number;
}

#endif /* L4GATE_BPF_SELECT_H */
