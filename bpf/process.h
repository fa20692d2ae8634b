/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A packet's way: parse -> a reply? -> an endpoint? -> by its mode: flow, or
 * select -> new flow -> rewrite -> forward. ICMP has a way of its own: who includes
 * this chooses icmp_skb.h or icmp_xdp.h for it.
 */
#ifndef L4GATE_BPF_PROCESS_H
#define L4GATE_BPF_PROCESS_H

#include "announce.h"
#include "direct.h"
#include "nat.h"
#include "parse.h"
#include "tags.h"

/* fragment.h, of TC. */
int fragment_parse(CTX *ctx, __u32 hook);

/* A packet to a port that some listener has. */
static __always_inline int process_client(CTX *ctx, enum l4gate_hook hook,
					  struct scratch *scratch, __u32 half)
{
	const struct packet *packet = &scratch->packet;
	const struct l4gate_endpoint *endpoint;
	__u16 id = 0;

	endpoint = endpoint_find(packet, half, &id);
	if (!endpoint)
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	if (endpoint->mode == L4GATE_MODE_NAT)
		return nat_client(ctx, hook, scratch, endpoint, id, half);
	return direct_client(ctx, hook, scratch, endpoint, id, half);
}

/*
 * A frame to another host: a switch shows it to all when it does not know where that
 * is. Global, for it is rare.
 */
int pass_others(CTX *ctx, __u32 hook);

__noinline int pass_others(CTX *ctx, __u32 hook)
{
	count_reason(ctx, hook, L4GATE_NOT_OURS);
	return CTX_PASS;
}

/* A packet that may be from a backend: an action, or NO_REPLY. */
static __always_inline int process_backend(CTX *ctx, enum l4gate_hook hook,
					   struct scratch *scratch, __u32 half)
{
	/* The port says whether it may be one of these: not so often of nat. */
	int action = direct_backend(ctx, hook, scratch, half);

	return action == NO_REPLY ? nat_backend(ctx, hook, scratch, half) :
				    action;
}

/* The same at TC. Global, for the verifier to look at it once. */
int process_backend_skb(CTX *ctx, __u32 half);

__noinline int process_backend_skb(CTX *ctx, __u32 half)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return NO_REPLY;
	return process_backend(ctx, L4GATE_HOOK_TC_INGRESS, scratch, half & 1);
}

/* Packets that come in through an attached device. */
static __always_inline int process_ingress(CTX *ctx, enum l4gate_hook hook)
{
	struct scratch *scratch = scratch_get();
	enum l4gate_reason reason;
	struct packet *packet;
	__u32 half;
	int action;

	if (!scratch)
		return CTX_PASS;
	packet = &scratch->packet;
	reason = parse_packet(ctx, packet);
	if (ctx_is_for_others(ctx, scratch))
		return pass_others(ctx, hook);
	if (reason != GO_ON) {
		if (reason == L4GATE_DEFER_ICMP)
			return icmp_ingress(ctx, hook);
		if (!CTX_IS_FAST_PATH && reason == L4GATE_VLAN)
			reason = parse_tagged(ctx, hook);
		if (!CTX_IS_FAST_PATH && reason == L4GATE_FRAGMENT)
			reason = fragment_parse(ctx, hook);
		if (!CTX_IS_FAST_PATH && reason == L4GATE_NOT_OURS)
			return announce_arp(ctx);
		if (reason != GO_ON)
			return leave(ctx, hook, reason,
				     action_unparsed(reason));
	}
	half = config_half();
	action = CTX_IS_FAST_PATH ? process_backend(ctx, hook, scratch, half) :
				    process_backend_skb(ctx, half);
	if (action != NO_REPLY)
		return action;
	if (!port_is_in(L4GATE_PORTS_LISTENER, packet->protocol, packet->dport))
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	return process_client(ctx, hook, scratch, half);
}

/*
 * Packets that the node itself sends out through an attached device: replies
 * of a backend on this node. They are routed already; what is not ours is not
 * even counted.
 */
static __always_inline int process_egress(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	enum l4gate_reason reason;
	__u32 half;

	if (!scratch)
		return CTX_PASS;
	reason = parse_packet(ctx, &scratch->packet);
	if (reason != GO_ON) {
		if (reason == L4GATE_DEFER_ICMP)
			return icmp_egress(ctx);
		if (reason == L4GATE_VLAN)
			reason = parse_tagged(ctx, L4GATE_HOOK_TC_EGRESS);
		if (reason == L4GATE_FRAGMENT)
			reason = fragment_parse(ctx, L4GATE_HOOK_TC_EGRESS);
		if (reason != GO_ON)
			return pass(ctx);
	}
	half = config_half();
	if (!direct_egress(ctx, scratch, half) &&
	    !nat_egress(ctx, scratch, half))
		return pass(ctx);
	scratch->rewrite.routed = false;
	rewrite_diff(&scratch->rewrite, &scratch->packet);
	if (ctx_translate(ctx, &scratch->packet, &scratch->rewrite))
		return leave(ctx, L4GATE_HOOK_TC_EGRESS, L4GATE_DROP_WRITE,
			     CTX_DROP);
	return leave(ctx, L4GATE_HOOK_TC_EGRESS, L4GATE_TO_CLIENT, CTX_PASS);
}

#endif /* L4GATE_BPF_PROCESS_H */
