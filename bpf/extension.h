/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Extension headers of IPv6 before TCP or UDP (RFC 8200 section 4). They are skipped
 * by TC, up to a bound, and go on to the backend as they came.
 */
#ifndef L4GATE_BPF_EXTENSION_H
#define L4GATE_BPF_EXTENSION_H

#include "endpoint.h"
#include "scratch.h"

/* RFC 8504 section 5.3 would let a node give up at eight, too. */
#define EXTENSION_HEADERS 6

/* What every one of those that are skipped begins with. */
struct extension {
	__u8 next;
	__u8 length;		/* of eight bytes, without the first */
	__u8 type;		/* of a routing header, and hops that it has left */
	__u8 left;
};

static __always_inline bool is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS;
}

/* RFC 5095; and who is a hop on the way to somewhere else is no listener. */
static __always_inline bool leads_on(const struct extension *head)
{
	return !head->type || head->left;
}

/* Whether a packet, whose ports are at an offset, is for an address of listeners. */
static __always_inline bool is_for_listener(CTX *ctx, struct packet *packet,
					    __u32 l4)
{
	__u32 half = config_half();
	__be16 ports[2];
	__u16 id = 0;

	if (address_flags(packet->family, addr_upper(&packet->dst),
			  addr_lower(&packet->dst), half) &
	    L4GATE_ADDRESS_F_ECHO)
		return true;
	if (ctx_load(ctx, l4, ports, sizeof(ports)))
		return false;
	packet->dport = ports[1];
	return endpoint_find(packet, half, &id);
}

/*
 * Finds TCP or UDP behind the extension headers of the packet in scratch, whose l4
 * and protocol are those of the first. GO_ON, or the reason to leave it. Global, for
 * the verifier to look at it once.
 */
int extensions_skip(CTX *ctx);

__noinline int extensions_skip(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	struct extension head;
	struct packet *packet;
	bool on = false;
	__u32 at;
	__u8 next;
	int i;

	if (!scratch)
		return L4GATE_EXTENSION;
	packet = &scratch->packet;
	at = packet->l4;
	next = packet->protocol;
#pragma unroll
	for (i = 0; i < EXTENSION_HEADERS; i++) {
		/* Of one hop's options only the first may be. */
		if (!is_extension(next) || (i && next == IPPROTO_HOPOPTS))
			break;
		if (ctx_load(ctx, at, &head, sizeof(head)))
			return L4GATE_MALFORMED;
		if (next == IPPROTO_ROUTING && leads_on(&head))
			on = true;
		next = head.next;
		at += 8 + head.length * 8;
	}
	if (is_extension(next) || at > L4_OFFSET_MAX)
		return L4GATE_EXTENSION;
	packet->protocol = next;
	packet->l4 = at;
	if (next == IPPROTO_FRAGMENT)
		return on ? L4GATE_EXTENSION : L4GATE_FRAGMENT;
	if (next != IPPROTO_TCP && next != IPPROTO_UDP)
		return L4GATE_NOT_OURS;
	if (on)
		return is_for_listener(ctx, packet, at) ?
		       L4GATE_DROP_ROUTING_HEADER : L4GATE_EXTENSION;
	ctx_pull(ctx, at + sizeof(struct tcphdr));
	return GO_ON;
}

#endif /* L4GATE_BPF_EXTENSION_H */
