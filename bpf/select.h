/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From the first packet of a flow to its backend: listener, route, slot, member.
 * One hash lookup and four array lookups, whatever the number of backends.
 */
#ifndef L4GATE_BPF_SELECT_H
#define L4GATE_BPF_SELECT_H

#include "hash.h"
#include "maps.h"

/* Where a new flow goes, and at whose expense it is counted. */
struct selection {
	__u32 listener;
	__u32 route;		/* or L4GATE_NO_ROUTE */
	__u32 backend;
	const struct l4gate_backend *to;
};

/* Whether any listener of this protocol may have the packet's port. */
static __always_inline bool is_listener_port(const struct packet *packet)
{
	__u32 port = bpf_ntohs(packet->dport), key = 0;
	struct l4gate_ports *ports;
	__u64 word;

	ports = bpf_map_lookup_elem(&l4gate_ports, &key);
	if (!ports)
		return false;
	word = packet->protocol == IPPROTO_TCP ? ports->tcp[port >> 6] :
						 ports->udp[port >> 6];
	return word >> (port & 63) & 1;
}

/* The half of the published config. */
static __always_inline __u32 config_half(void)
{
	struct l4gate_control *control;
	__u32 key = 0;

	control = bpf_map_lookup_elem(&l4gate_control, &key);
	return control ? READ_ONCE(control->generation) & 1 : 0;
}

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

/*
 * The binding of a packet's destination. L4GATE_NOT_OURS if there is none; a
 * listener without a route is found, too.
 */
static __always_inline enum l4gate_reason
select_binding(const struct packet *packet, __u32 half,
	       struct selection *selection)
{
	struct l4gate_binding_key key = {
		.addr = packet->dst,
		.port = packet->dport,
		.protocol = packet->protocol,
		.half_family = half << 1 | packet->family,
	};
	struct l4gate_binding *binding;

	binding = bpf_map_lookup_elem(&l4gate_bindings, &key);
	if (!binding)
		return L4GATE_NOT_OURS;
	selection->listener = binding->listener;
	selection->route = binding->route;
	return GO_ON;
}

/* The backend of a new flow of a selected route, by its slot table. */
static __always_inline enum l4gate_reason
select_backend(const struct packet *packet, __u64 hash, __u32 half,
	       struct selection *selection)
{
	const struct l4gate_table *table;
	struct l4gate_backend *backend;
	struct l4gate_route *route;
	__u32 key, slot;

	if (selection->route == L4GATE_NO_ROUTE)
		return L4GATE_REJECT_NO_ROUTE;
	key = selection->route * 2 + half;
	route = bpf_map_lookup_elem(&l4gate_routes, &key);
	if (!route)
		return L4GATE_DROP_CONFIG;
	table = packet->family == L4GATE_IPV4 ? &route->table[L4GATE_IPV4] :
						&route->table[L4GATE_IPV6];
	slot = table_slot(table, hash);
	if (slot == L4GATE_SLOT_REJECT)
		return L4GATE_REJECT_SLOT;
	if (!table_member(table, slot, &selection->backend))
		return L4GATE_DROP_CONFIG;
	backend = bpf_map_lookup_elem(&l4gate_backends, &selection->backend);
	if (!backend || backend->state == L4GATE_BACKEND_FREE)
		return L4GATE_DROP_CONFIG;
	selection->to = backend;
	return GO_ON;
}

#endif /* L4GATE_BPF_SELECT_H */
