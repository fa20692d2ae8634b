/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The last steps of every way through: may the packet go there, and off it goes;
 * or it can't, and why. Each way out is counted here, once.
 */
#ifndef L4GATE_BPF_FORWARD_H
#define L4GATE_BPF_FORWARD_H

#include "count.h"
#include "nexthop.h"
#include "reject.h"
#include "scratch.h"
#include "trace.h"

/* Instead of an action: no packet from a backend of a flow of ours. */
#define NO_REPLY (-100)

/* The packet goes on with the tags that it came with. */
static __always_inline int pass(CTX *ctx)
{
	return ctx_restore(ctx) ? CTX_DROP : CTX_PASS;
}

/* The packet goes on, or away, as it came. */
static __always_inline int leave(CTX *ctx, enum l4gate_hook hook,
				 enum l4gate_reason reason, int action)
{
	count_reason(ctx, hook, reason);
	return action == CTX_PASS ? pass(ctx) : action;
}

/* What happens to a packet that leaves for this reason. */
static __always_inline int action_of(enum l4gate_reason reason)
{
	return reason == L4GATE_DEFER_NEXT_HOP ||
	       reason == L4GATE_DEFER_FLOW || reason == L4GATE_DEFER_HEADER ||
	       reason == L4GATE_DEFER_REJECT ||
	       reason == L4GATE_NOT_OURS ? CTX_PASS : CTX_DROP;
}

/* Of one that was not parsed to the end: all but these go on as they came. */
static __always_inline int action_unparsed(enum l4gate_reason reason)
{
	return reason == L4GATE_DROP_ROUTING_HEADER ||
	       reason == L4GATE_DROP_FRAGMENT ||
	       reason == L4GATE_HELD_FRAGMENT ? CTX_DROP : CTX_PASS;
}

/* The longest that an IP header can say: superframes come close to it. */
#define L3_LENGTH_MAX 65535

/*
 * Whether what a superframe will be cut into fits, with headers as short as they may
 * be. The overhead of TCP's comes off its payload (encap_flags()).
 */
static __always_inline bool segments_fit(CTX *ctx, const struct packet *packet,
					 __u32 mtu, __u32 overhead)
{
	__u32 size = ctx_gso_size(ctx);

	if (!size)
		return false;
	size += packet->l4 - L3_OFFSET + l4_header(packet);
	return size + (packet->protocol == IPPROTO_UDP ? overhead : 0) <= mtu;
}

/*
 * Whether a packet, longer by overhead bytes, is too big for its way. A superframe
 * itself has to fit into the outer header only.
 */
static __always_inline bool is_too_big(CTX *ctx, const struct packet *packet,
				       __u32 mtu, __u32 overhead)
{
	__u32 length = packet->l3_length + overhead;

	return length > L3_LENGTH_MAX ||
	       (mtu && length > mtu &&
		!segments_fit(ctx, packet, mtu, overhead));
}

/*
 * Why a packet, longer by overhead bytes, can't be sent to a next hop from this
 * hook, or GO_ON. XDP leaves to TC what it can't do; TC has to say no.
 */
static __always_inline enum l4gate_reason
check_way(CTX *ctx, const struct packet *packet,
	  const struct l4gate_nexthop *nexthop, __u32 overhead)
{
	trace_way(nexthop);
	if (nexthop->kind >= L4GATE_NEXTHOP_LOCAL) {
		if (nexthop->kind == L4GATE_NEXTHOP_UNREACHABLE)
			return L4GATE_DROP_NO_ROUTE;
		return CTX_IS_FAST_PATH ? L4GATE_DEFER_NEXT_HOP : GO_ON;
	}
	if (!ctx_can_send(packet, nexthop))
		return CTX_IS_FAST_PATH ? L4GATE_DEFER_NEXT_HOP :
					  L4GATE_DROP_NO_ROUTE;
	if (packet->ttl <= 1)
		return CTX_IS_FAST_PATH ? L4GATE_DEFER_REJECT :
					  L4GATE_DROP_TTL;
	if (is_too_big(ctx, packet, nexthop->mtu, overhead))
		return CTX_IS_FAST_PATH ? L4GATE_DEFER_NEXT_HOP :
					  L4GATE_DROP_TOO_BIG;
	return GO_ON;
}

/*
 * The way out of a packet that check_way() let not pass. Who sent one that is too
 * big is told the size that fits, so that its path MTU discovery works; and
 * who sent one that may go no further, that it came as far as here.
 */
static __always_inline int
refuse_way(CTX *ctx, enum l4gate_hook hook, const struct packet *packet,
	   const struct l4gate_nexthop *nexthop, enum l4gate_reason reason,
	   __u32 overhead)
{
	if (reason == L4GATE_DROP_TOO_BIG && packet_is_whole(ctx, packet) &&
	    nexthop->mtu > overhead)
		return tell_too_big(ctx, hook, packet, nexthop->mtu - overhead);
	/* RFC 1812 section 4.3.2.7: nobody is told of a tail. */
	if (reason == L4GATE_DROP_TTL && !packet_is_tail(packet))
		return tell_ttl(ctx, hook, packet);
	return leave(ctx, hook, reason, action_of(reason));
}

/* The way out of a packet from a client that got no flow. */
static __always_inline int refuse(CTX *ctx, enum l4gate_hook hook,
				  const struct packet *packet,
				  const struct l4gate_endpoint *endpoint,
				  enum l4gate_reason reason)
{
	/* Its first fragment was answered. */
	if (packet_is_tail(packet))
		return leave(ctx, hook, L4GATE_DROP_FRAGMENT, CTX_DROP);
	switch (reason) {
	case L4GATE_REJECT_SLOT:
	case L4GATE_REJECT_NO_ROUTE:
	case L4GATE_REJECT_NO_FLOW:
	case L4GATE_REJECT_BACKEND_GONE:
	case L4GATE_REJECT_DRAINED:
	case L4GATE_REJECT_PORTS:
	case L4GATE_REJECT_TABLE_FULL:
	case L4GATE_REJECT_COLLISION:
	case L4GATE_REJECT_SOURCE:
	case L4GATE_REJECT_RATE:
	case L4GATE_REJECT_MAX_FLOWS:
		count_rejected(endpoint->listener, endpoint->route);
		return reject(ctx, hook, packet, reason);
	case L4GATE_DROP_TTL:
		return tell_ttl(ctx, hook, packet);
	default:
		return leave(ctx, hook, reason, action_of(reason));
	}
}

/* Whether flows of a backend may go on: if it drains, until its time is over. */
static __always_inline bool backend_serves(const struct l4gate_backend *backend,
					   __u64 now)
{
	if (backend->state == L4GATE_BACKEND_ACTIVE)
		return true;
	return backend->state == L4GATE_BACKEND_DRAINING &&
	       (!backend->until ||
		(__s32)(backend->until - clock_ticks(now)) > 0);
}

/*
 * Why the packet of a flow whose backend may be gone has to be told so, or GO_ON:
 * UDP, and a new connection, get another backend with this very packet. What such a
 * backend sends goes on, so that its client answers, and is told.
 */
static __always_inline enum l4gate_reason
cut_off(const struct packet *packet, const struct l4gate_backend *backend)
{
	if (packet->protocol != IPPROTO_TCP || packet->tcp_flags & TCP_SYN)
		return GO_ON;
	if (!backend || backend->state == L4GATE_BACKEND_FREE)
		return L4GATE_REJECT_BACKEND_GONE;
	return backend_serves(backend, packet->now) ? GO_ON :
						      L4GATE_REJECT_DRAINED;
}

/* Writes scratch->rewrite into a packet and sends it; counts; an action. */
static __always_inline int send_rewritten(CTX *ctx, enum l4gate_hook hook,
					  struct scratch *scratch,
					  const struct l4gate_nexthop *nexthop,
					  enum l4gate_reason reason)
{
	struct rewrite *rewrite = &scratch->rewrite;

	rewrite->routed = nexthop->kind != L4GATE_NEXTHOP_LOCAL;
	rewrite_diff(rewrite, &scratch->packet);
	if (ctx_translate(ctx, &scratch->packet, rewrite))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	if (!rewrite->routed && reason == L4GATE_TO_BACKEND)
		reason = L4GATE_TO_LOCAL;
	count_reason(ctx, hook, reason);
	return ctx_send(ctx, nexthop);
}

#endif /* L4GATE_BPF_FORWARD_H */
