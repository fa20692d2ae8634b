/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where listeners listen, and which backends answer for them under their own
 * addresses (transparent mode). User space fills these tables aside, in the half
 * that packets don't look at.
 */
#ifndef L4GATE_BPF_ENDPOINT_H
#define L4GATE_BPF_ENDPOINT_H

#include "config.h"
#include "lines.h"
#include "packet.h"

static __always_inline bool port_is_in(enum l4gate_port_set set, __u8 protocol,
				       __be16 port_)
{
	__u32 port = bpf_ntohs(port_), key = set;
	struct l4gate_ports *ports;
	__u64 word;

	/*
	 * clang knows that this fits 16 bits, and the verifier up to 6.18 does
	 * not ("outside of the allowed memory range"): the bound is for it.
	 */
	barrier_var(port);
	port &= 0xffff;
	ports = bpf_map_lookup_elem(&l4gate_ports, &key);
	if (!ports)
		return false;
	word = protocol == IPPROTO_TCP ? ports->tcp[port >> 6] :
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

/*
 * Whether the last change is so young that most connections are older: then the
 * other half says where they are.
 */
static __always_inline bool config_is_young(__u64 now)
{
	struct l4gate_control *control;
	__u32 key = 0;

	control = bpf_map_lookup_elem(&l4gate_control, &key);
	return control && now < READ_ONCE(control->changing_until);
}

static __always_inline struct l4gate_endpoint *endpoint_get(__u32 half,
							    __u16 id)
{
	__u32 key = half * L4GATE_MAX_ENDPOINTS + id;

	return bpf_map_lookup_elem(&l4gate_endpoints, &key);
}

/* The endpoint that a packet is sent to, with its id in *ret_id, or NULL. */
static __always_inline struct l4gate_endpoint *
endpoint_find(const struct packet *packet, __u32 half, __u16 *ret_id)
{
	struct l4gate_endpoint *endpoint;
	__u64 hash, word;

	hash = hash_place(hash_key[1], packet->family, &packet->dst,
			  packet->dport, packet->protocol);
	word = lines_find(&l4gate_endpoint_index, half * L4GATE_ENDPOINT_LINES,
			  L4GATE_ENDPOINT_LINES / L4GATE_SHARDS, hash);
	if (!word)
		return NULL;
	*ret_id = word;
	endpoint = endpoint_get(half, word);
	if (!endpoint || endpoint->port != packet->dport ||
	    endpoint->protocol != packet->protocol ||
	    endpoint->family != packet->family ||
	    !addr_equal(&endpoint->addr, &packet->dst))
		return NULL;
	return endpoint;
}

/*
 * L4GATE_ADDRESS_F_* of an address, which is in two halves: 0 for one that is no
 * listener's. Global, for the verifier to look at it once.
 */
__u32 address_flags(__u32 family, __u64 upper, __u64 lower, __u32 half);

__noinline __u32 address_flags(__u32 family, __u64 upper, __u64 lower,
			       __u32 half)
{
	const struct l4gate_addr addr = { {
		upper >> 32, upper, lower >> 32, lower,
	} };
	__u64 hash = hash_place(hash_key[1], family, &addr, 0, 0);

	return lines_find(&l4gate_address_index,
			  (half & 1) * L4GATE_ENDPOINT_LINES,
			  L4GATE_ENDPOINT_LINES / L4GATE_SHARDS, hash) &
	       (L4GATE_ADDRESS_F_ECHO | L4GATE_ADDRESS_F_ANNOUNCE |
		L4GATE_ADDRESS_F_FRAGMENTS);
}

/*
 * The word of a backend in the origins of a half, or 0. Global, for the verifier
 * to look at it once.
 */
__u64 origin_word(__u64 hash, __u32 half);

__noinline __u64 origin_word(__u64 hash, __u32 half)
{
	return lines_find(&l4gate_origin_index, (half & 1) * origin_rows * L4GATE_SHARDS,
			  origin_rows, hash);
}

/* The endpoints that a backend at this place may answer for, or NULL. */
static __always_inline const struct l4gate_origins *
origins_find(__u8 family, __u8 protocol, const struct l4gate_addr *addr,
	     __be16 port, __u32 half)
{
	union l4gate_chunk *chunk;
	__u64 word;
	__u32 key;

	word = origin_word(hash_place(hash_key[1], family, addr, port,
				      protocol), half);
	if (!word)
		return NULL;
	key = word & ((1U << L4GATE_PAYLOAD_BITS) - 1);
	chunk = bpf_map_lookup_elem(&l4gate_chunks, &key);
	return chunk ? &chunk->origins : NULL;
}

#endif /* L4GATE_BPF_ENDPOINT_H */
