/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A packet's way: parse -> flow, or listener -> select -> new flow -> rewrite
 * -> forward. Each way out is counted here, once.
 */
#ifndef L4GATE_BPF_PROCESS_H
#define L4GATE_BPF_PROCESS_H

#include "count.h"
#include "flow.h"
#include "flow_state.h"
#include "nexthop.h"
#include "reject.h"
#include "rewrite.h"
#include "select.h"

/* The packet goes on, or away, as it came. */
static __always_inline int leave(CTX *ctx, enum l4gate_hook hook,
				 enum l4gate_reason reason, int action)
{
	count_reason(ctx, hook, reason);
	return action;
}

/*
 * Why a packet can't be sent to a next hop from this hook, or GO_ON. XDP leaves
 * to TC what it can't do; TC has to say no.
 */
static __always_inline enum l4gate_reason
check_way(CTX *ctx, const struct packet *packet,
	  const struct l4gate_nexthop *nexthop)
{
	if (nexthop->kind == L4GATE_NEXTHOP_UNREACHABLE)
		return L4GATE_DROP_NO_ROUTE;
	if (!ctx_can_send(nexthop))
		return L4GATE_DEFER_NEXT_HOP;
	if (nexthop->kind == L4GATE_NEXTHOP_LOCAL)
		return GO_ON;
	if (packet->ttl <= 1)
		return L4GATE_DROP_TTL;
	if (nexthop->mtu && packet->l3_length > nexthop->mtu &&
	    !ctx_is_gso(ctx))
		return CTX_IS_FAST_PATH ? L4GATE_DEFER_NEXT_HOP :
					  L4GATE_DROP_TOO_BIG;
	return GO_ON;
}

/* What happens to a packet that leaves for this reason. */
static __always_inline int action_of(enum l4gate_reason reason)
{
	return reason == L4GATE_DEFER_NEXT_HOP ||
	       reason == L4GATE_DEFER_FLOW || reason == L4GATE_DEFER_HEADER ||
	       reason == L4GATE_NOT_OURS ? CTX_PASS : CTX_DROP;
}

/*
 * The two ends that a flow's packet gets. false: the record was given to
 * another flow while we read it (flow.h), and the packet is lost.
 */
static __always_inline bool
read_ends(const struct l4gate_flow *flow, __u8 family,
	  enum l4gate_flow_end src, enum l4gate_flow_end dst,
	  struct rewrite *rewrite)
{
	__u32 serial = READ_ONCE(flow->serial);

	rewrite->sport = flow->port[src];
	rewrite->dport = flow->port[dst];
	if (family == L4GATE_IPV4) {
		rewrite->src.w[0] = flow->addr4[src];
		rewrite->dst.w[0] = flow->addr4[dst];
	} else {
		rewrite->src = flow->addr6[src];
		rewrite->dst = flow->addr6[dst];
	}
	asm volatile("" ::: "memory");
	return READ_ONCE(flow->serial) == serial &&
	       READ_ONCE(flow->state) > L4GATE_FLOW_CLAIMED;
}

/* Translates a packet of a flow and sends it towards the backend. */
static __always_inline int
forward(CTX *ctx, enum l4gate_hook hook, const struct packet *packet,
	struct l4gate_flow *flow, const struct l4gate_backend *backend)
{
	enum l4gate_reason reason;
	struct l4gate_nexthop *nexthop;
	struct rewrite rewrite = {};

	if (CTX_IS_FAST_PATH && (flow->flags & L4GATE_FLOW_F_LOCAL))
		return leave(ctx, hook, L4GATE_DEFER_FLOW, CTX_PASS);
	nexthop = nexthop_find(ctx, &backend->addr, packet->family);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	reason = check_way(ctx, packet, nexthop);
	if (reason != GO_ON)
		return leave(ctx, hook, reason, action_of(reason));
	if (!read_ends(flow, packet->family, L4GATE_END_NAT,
		       L4GATE_END_BACKEND, &rewrite))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);

	flow_track(flow, packet, L4GATE_FROM_CLIENT);
	count_flow_packet(ctx, packet, L4GATE_FROM_CLIENT, flow->listener,
			  flow->backend, backend->route);
	rewrite.routed = nexthop->kind != L4GATE_NEXTHOP_LOCAL;
	rewrite_diff(&rewrite, packet);
	if (ctx_translate(ctx, packet, &rewrite))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	count_reason(ctx, hook, rewrite.routed ? L4GATE_TO_BACKEND :
						 L4GATE_TO_LOCAL);
	return ctx_send(ctx, nexthop);
}

/* Counts a reply; a backend that is gone has no route to count for. */
static __always_inline void count_reply(CTX *ctx, const struct packet *packet,
					const struct l4gate_flow *flow)
{
	__u32 key = flow->backend, route = L4GATE_NO_ROUTE;
	struct l4gate_backend *backend;

	backend = bpf_map_lookup_elem(&l4gate_backends, &key);
	if (backend && backend->generation == flow->backend_generation)
		route = backend->route;
	count_flow_packet(ctx, packet, L4GATE_FROM_BACKEND, flow->listener,
			  key, route);
}

/* Translates a reply back and sends it towards the client. */
static __always_inline int
forward_reply(CTX *ctx, enum l4gate_hook hook, const struct packet *packet,
	      struct l4gate_flow *flow)
{
	enum l4gate_reason reason;
	struct l4gate_nexthop *nexthop;
	struct rewrite rewrite = {};

	if (!read_ends(flow, packet->family, L4GATE_END_LISTENER,
		       L4GATE_END_CLIENT, &rewrite))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	nexthop = nexthop_find(ctx, &rewrite.dst, packet->family);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	reason = check_way(ctx, packet, nexthop);
	if (reason != GO_ON)
		return leave(ctx, hook, reason, action_of(reason));

	flow_track(flow, packet, L4GATE_FROM_BACKEND);
	count_reply(ctx, packet, flow);
	rewrite.routed = nexthop->kind != L4GATE_NEXTHOP_LOCAL;
	rewrite_diff(&rewrite, packet);
	if (ctx_translate(ctx, packet, &rewrite))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	count_reason(ctx, hook, L4GATE_TO_CLIENT);
	return ctx_send(ctx, nexthop);
}

/*
 * How the backend will see a new flow. Behind an attached device: from that
 * device's own address, so that replies come back to it. On this node, or behind
 * a device that we don't see: from the client's address, so that the node's
 * stack routes the reply out through an attached device (TC egress).
 */
static __always_inline enum l4gate_reason
choose_nat(const struct packet *packet, const struct l4gate_nexthop *nexthop,
	   struct flow_seed *seed)
{
	if (nexthop->kind == L4GATE_NEXTHOP_LOCAL ||
	    nexthop->kind == L4GATE_NEXTHOP_UNATTACHED) {
		seed->nat = &packet->src;
		seed->flags = L4GATE_FLOW_F_LOCAL;
		return GO_ON;
	}
	seed->nat = &nexthop->nat;
	seed->flags = 0;
	if (!(nexthop->nat.w[0] | nexthop->nat.w[1] | nexthop->nat.w[2] |
	      nexthop->nat.w[3]))
		return L4GATE_DROP_NO_NAT_ADDRESS;
	return GO_ON;
}

/*
 * A packet to a listener's port that belongs to no flow: makes it one. Returns
 * the flow, or NULL with the reason in *ret_reason.
 */
static __always_inline struct l4gate_flow *
open_flow(CTX *ctx, const struct packet *packet, __u64 hash,
	  struct selection *selection, enum l4gate_reason *ret_reason)
{
	struct flow_seed seed = { .hash = hash };
	__u32 half = config_half();
	struct l4gate_nexthop *nexthop;
	enum l4gate_reason reason;

	*ret_reason = select_binding(packet, half, selection);
	if (*ret_reason != GO_ON)
		return NULL;
	if (packet->protocol == IPPROTO_TCP &&
	    (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
		*ret_reason = L4GATE_REJECT_NO_FLOW;
		return NULL;
	}
	*ret_reason = select_backend(packet, hash, half, selection);
	if (*ret_reason != GO_ON)
		return NULL;

	nexthop = nexthop_find(ctx, &selection->to->addr, packet->family);
	if (!nexthop) {
		*ret_reason = L4GATE_DROP_CONFIG;
		return NULL;
	}
	/* Not from here: TC will make the flow. */
	reason = check_way(ctx, packet, nexthop);
	if (reason == GO_ON)
		reason = choose_nat(packet, nexthop, &seed);
	*ret_reason = reason;
	if (reason != GO_ON)
		return NULL;

	seed.backend = selection->backend;
	seed.listener = selection->listener;
	seed.to = selection->to;
	return flow_insert(packet, &seed, ret_reason);
}

/* The way out of a packet that got no flow. */
static __always_inline int
refuse(CTX *ctx, enum l4gate_hook hook, const struct packet *packet,
       const struct selection *selection, enum l4gate_reason reason)
{
	switch (reason) {
	case L4GATE_REJECT_SLOT:
	case L4GATE_REJECT_NO_ROUTE:
	case L4GATE_REJECT_NO_FLOW:
	case L4GATE_REJECT_PORTS:
	case L4GATE_REJECT_TABLE_FULL:
		count_rejected(selection->listener, selection->route);
		return reject(ctx, hook, packet, reason);
	default:
		return leave(ctx, hook, reason, action_of(reason));
	}
}

/*
 * The backend of a flow, or NULL if it is gone. Then the flow is closed: UDP
 * gets another with this very packet, TCP has to be told (DESIGN: never
 * silence).
 */
static __always_inline const struct l4gate_backend *
flow_backend(const struct l4gate_flow *flow)
{
	struct l4gate_backend *backend;
	__u32 key = flow->backend;

	backend = bpf_map_lookup_elem(&l4gate_backends, &key);
	if (!backend || backend->generation != flow->backend_generation ||
	    backend->state == L4GATE_BACKEND_FREE)
		return NULL;
	return backend;
}

/* A packet to a port that a listener has: of a flow, of a new one, or of none. */
static __always_inline int process_client(CTX *ctx, enum l4gate_hook hook,
					  const struct packet *packet)
{
	struct selection selection = { .route = L4GATE_NO_ROUTE };
	const struct l4gate_backend *backend;
	enum l4gate_reason reason;
	struct l4gate_flow *flow;
	__u64 hash;

	hash = hash_flow(packet);
	flow = flow_find_forward(packet, hash);
	if (flow) {
		backend = flow_backend(flow);
		if (backend && !flow_expired(flow) &&
		    !flow_is_reopened(flow, packet))
			return forward(ctx, hook, packet, flow, backend);
		selection.listener = flow->listener;
		flow_close(flow);
		if (!backend && packet->protocol == IPPROTO_TCP &&
		    !(packet->tcp_flags & TCP_SYN)) {
			count_rejected(selection.listener, L4GATE_NO_ROUTE);
			return reject(ctx, hook, packet,
				      L4GATE_REJECT_BACKEND_GONE);
		}
	}

	flow = open_flow(ctx, packet, hash, &selection, &reason);
	if (!flow)
		return refuse(ctx, hook, packet, &selection, reason);
	count_new_flow(selection.listener, selection.backend,
		       selection.route);
	return forward(ctx, hook, packet, flow, selection.to);
}

/* Packets that come in through an attached device. */
static __always_inline int process_ingress(CTX *ctx, enum l4gate_hook hook)
{
	struct packet packet = {};
	enum l4gate_reason reason;
	struct l4gate_flow *flow;

	reason = parse_packet(ctx, &packet);
	if (reason != GO_ON)
		return leave(ctx, hook, reason, CTX_PASS);
	if (is_nat_port(packet.dport)) {
		flow = flow_find_reply(&packet);
		if (flow && !(flow->flags & L4GATE_FLOW_F_LOCAL) &&
		    !flow_expired(flow))
			return forward_reply(ctx, hook, &packet, flow);
	}
	if (!is_listener_port(&packet))
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	return process_client(ctx, hook, &packet);
}

/*
 * Packets that the node itself sends out through an attached device: replies
 * of a backend on this node. They are routed already; what is not ours is not
 * even counted.
 */
static __always_inline int process_egress(CTX *ctx)
{
	struct rewrite rewrite = {};
	struct packet packet = {};
	struct l4gate_flow *flow;

	if (parse_packet(ctx, &packet) != GO_ON || !is_nat_port(packet.dport))
		return CTX_PASS;
	flow = flow_find_reply(&packet);
	if (!flow || !(flow->flags & L4GATE_FLOW_F_LOCAL) ||
	    flow_expired(flow) ||
	    !read_ends(flow, packet.family, L4GATE_END_LISTENER,
		       L4GATE_END_CLIENT, &rewrite))
		return CTX_PASS;

	flow_track(flow, &packet, L4GATE_FROM_BACKEND);
	count_reply(ctx, &packet, flow);
	rewrite_diff(&rewrite, &packet);
	if (ctx_translate(ctx, &packet, &rewrite))
		return leave(ctx, L4GATE_HOOK_TC_EGRESS, L4GATE_DROP_WRITE,
			     CTX_DROP);
	count_reason(ctx, L4GATE_HOOK_TC_EGRESS, L4GATE_TO_CLIENT);
	return CTX_PASS;
}

#endif /* L4GATE_BPF_PROCESS_H */
