/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The modes that leave the client's address alone: transparent, dsr-l2, dsr-ipip.
 * A flow is its word (word.h), which says its backend and state.
 *
 * A connection that is not known is not rejected here: the slot table says where
 * it would be, and a backend that doesn't know it either answers with a RST. So
 * connections live on when another node with the same config takes over.
 */
#ifndef L4GATE_BPF_DIRECT_H
#define L4GATE_BPF_DIRECT_H

#include "admit.h"
#include "choose.h"
#include "flow_state.h"
#include "forward.h"
#include "martian.h"

/* One packet from a client, and where it goes. */
struct direct {
	const struct l4gate_endpoint *endpoint;
	struct l4gate_backend *backend;
	__u64 hash;
	__u64 word;		/* 0: not in the index */
	__u32 number;		/* of the backend */
};

/*
 * Bytes that a mode puts in front of the IP header. None for a backend on this
 * node: it has the listener's address, and gets the packet as it came.
 */
static __always_inline __u32
direct_overhead(__u8 mode, __u8 family, const struct l4gate_nexthop *nexthop)
{
	if (mode != L4GATE_MODE_DSR_IPIP ||
	    nexthop->kind == L4GATE_NEXTHOP_LOCAL)
		return 0;
	return family == L4GATE_IPV4 ? sizeof(struct iphdr) :
				       sizeof(struct ipv6hdr);
}

static __always_inline int direct_send(CTX *ctx, enum l4gate_hook hook,
				       struct scratch *scratch,
				       const struct direct *direct,
				       const struct l4gate_nexthop *nexthop)
{
	const struct packet *packet = &scratch->packet;

	if (direct->endpoint->mode == L4GATE_MODE_TRANSPARENT) {
		scratch->rewrite.src = packet->src;
		scratch->rewrite.dst = direct->backend->addr;
		scratch->rewrite.sport = packet->sport;
		scratch->rewrite.dport = direct->backend->port;
		return send_rewritten(ctx, hook, scratch, nexthop,
				      L4GATE_TO_BACKEND);
	}
	if (direct_overhead(direct->endpoint->mode, packet->family, nexthop) &&
	    ctx_encap(ctx, packet, &nexthop->nat, &direct->backend->addr,
		      direct->hash))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	count_reason(ctx, hook, nexthop->kind == L4GATE_NEXTHOP_LOCAL ?
		     L4GATE_TO_LOCAL : L4GATE_TO_BACKEND);
	return ctx_send(ctx, nexthop);
}

/* Why a mode can't reach a backend by this next hop, or GO_ON. */
static __always_inline enum l4gate_reason
direct_check_way(CTX *ctx, const struct packet *packet,
		 const struct direct *direct,
		 const struct l4gate_nexthop *nexthop, __u32 overhead)
{
	enum l4gate_reason reason;

	reason = check_way(ctx, packet, nexthop, overhead);
	if (reason != GO_ON)
		return reason;
	/* The frame is for the backend itself, not for a router. */
	if (direct->endpoint->mode == L4GATE_MODE_DSR_L2 &&
	    !addr_equal(&nexthop->gateway, &direct->backend->addr))
		return L4GATE_DROP_NOT_ON_LINK;
	if (overhead && !(nexthop->nat.w[0] | nexthop->nat.w[1] |
			  nexthop->nat.w[2] | nexthop->nat.w[3]))
		return L4GATE_DROP_NO_NAT_ADDRESS;
	return GO_ON;
}

/* Sends a packet of a flow towards its backend. */
static __always_inline int direct_forward(CTX *ctx, enum l4gate_hook hook,
					  struct scratch *scratch,
					  const struct direct *direct)
{
	const struct packet *packet = &scratch->packet;
	struct l4gate_nexthop *nexthop;
	enum l4gate_reason reason;
	__u32 overhead;

	nexthop = nexthop_of_backend(ctx, direct->backend, packet);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_BUSY, CTX_DROP);
	overhead = direct_overhead(direct->endpoint->mode, packet->family,
				   nexthop);
	reason = direct_check_way(ctx, packet, direct, nexthop, overhead);
	if (reason != GO_ON)
		return refuse_way(ctx, hook, packet, nexthop, reason, overhead);
	if (direct->word)
		word_track(ctx, direct->hash, direct->word, packet,
			   sender_of(L4GATE_FROM_CLIENT,
				     direct->endpoint->mode),
			   direct->backend->timeouts,
			   direct->endpoint->listener);
	count_flow_packet(ctx, packet, L4GATE_FROM_CLIENT,
			  direct->endpoint->listener, direct->number,
			  direct->backend->route);
	return direct_send(ctx, hook, scratch, direct, nexthop);
}

/*
 * The word of a live flow if its backend is at a place, of whose address these are
 * the halves; else 0. Global, for the verifier to look at it once: it is called in
 * loops.
 */
__u64 direct_match(__u64 hash, __u64 upper, __u64 lower, __u32 port);

__noinline __u64 direct_match(__u64 hash, __u64 upper, __u64 lower, __u32 port)
{
	__u64 word = word_find(hash);
	struct l4gate_backend *backend;

	if (!word || word_is_over(word, bpf_jiffies64()))
		return 0;
	backend = backend_get(word_backend(word));
	if (!backend || backend->port != port ||
	    addr_upper(&backend->addr) != upper ||
	    addr_lower(&backend->addr) != lower)
		return 0;
	return word;
}

/*
 * Whether a live flow's backend is at that place, so that a packet can't open
 * another to it. A connection that both ends have closed gives way to a new one, as
 * it does at the backend (RFC 9293 section 3.10.7.4, RFC 6191): it is forgotten.
 */
int direct_blocks(__u64 hash, __u64 upper, __u64 lower, __u32 port, bool opens);

__noinline int direct_blocks(__u64 hash, __u64 upper, __u64 lower, __u32 port,
			     bool opens)
{
	__u64 word = direct_match(hash, upper, lower, port);

	if (!word || !opens || word_state(word) != L4GATE_FLOW_CLOSING)
		return !!word;
	word_replace(hash, word, 0);
	return 0;
}

/*
 * Whether the client's address and port are in use at the backend by a flow to
 * another endpoint than that with an id: the backend could not tell the two apart,
 * and neither could we its replies.
 */
static __always_inline bool direct_collides(const struct packet *packet,
					    const struct l4gate_backend *backend,
					    __u32 half, __u16 id)
{
	const struct l4gate_origins *origins;
	bool opens = is_syn(packet);
	__u32 i;

	origins = origins_find(packet->family, packet->protocol,
			       &backend->addr, backend->port, half);
	if (!origins || origins->count < 2)
		return false;
	for (i = 0; i < L4GATE_MAX_ORIGINS && i < origins->count; i++) {
		__u16 other = origins->endpoint[i];
		__u64 hash;

		if (other == id)
			continue;
		hash = flow_hash(packet->family, &packet->src, packet->sport,
				 other);
		if (direct_blocks(hash, addr_upper(&backend->addr),
				  addr_lower(&backend->addr), backend->port,
				  opens))
			return true;
	}
	return false;
}

/*
 * Makes a flow of a packet that belongs to none, or finds it: scratch->opened is the
 * number of its backend then. half_id: half << 16 | id of the endpoint. GO_ON, or
 * why not. A RST ends a flow that another node may have begun: it goes on, and
 * leaves nothing behind. Global, for the verifier to look at it once.
 */
int direct_open(CTX *ctx, __u64 hash, __u32 half_id);

__noinline int direct_open(CTX *ctx, __u64 hash, __u32 half_id)
{
	__u32 half = half_id >> 16 & 1;
	struct l4gate_endpoint *endpoint = endpoint_get(half, half_id);
	struct scratch *scratch = scratch_get();
	const struct l4gate_route *route;
	struct l4gate_backend *backend;
	const struct packet *packet;
	enum l4gate_reason reason;
	__u32 payload, state;
	__u64 found;
	int chosen;

	if (!scratch || !endpoint)
		return L4GATE_DROP_CONFIG;
	packet = &scratch->packet;
	if (is_martian(ctx))
		return L4GATE_DROP_MARTIAN;
	route = route_get(endpoint->route, half);
	if (!route)
		return L4GATE_REJECT_NO_ROUTE;
	if (!admits_source(packet, route, endpoint, half))
		return L4GATE_REJECT_SOURCE;
	chosen = choose_backend(endpoint->route, half | CHOOSE_WITNESS);
	if (chosen < 0)
		return -chosen;
	backend = backend_get(chosen);
	if (!backend)
		return L4GATE_DROP_CONFIG;
	scratch->opened = chosen;
	if (endpoint->mode == L4GATE_MODE_TRANSPARENT &&
	    direct_collides(packet, backend, half, half_id))
		return L4GATE_REJECT_COLLISION;
	if (packet->protocol == IPPROTO_TCP && (packet->tcp_flags & TCP_RST))
		return GO_ON;
	/* Nor does a tail whose first fragment found no room: dsr can do without. */
	if (packet_is_tail(packet))
		return endpoint->mode == L4GATE_MODE_TRANSPARENT ?
		       L4GATE_DROP_FRAGMENT : GO_ON;
	reason = admit_number(packet, route, endpoint, half, hash);
	if (reason != GO_ON)
		return reason;

	state = first_state(packet->protocol);
	payload = word_payload(chosen, state, packet->now);
	if (backend->timeouts)
		payload = word_payload_timed(chosen, state, backend->timeouts,
					     packet->now);
	payload |= half_open_surplus(endpoint->listener, state,
				     endpoint->max_half_open) *
		   L4GATE_WORD_F_SURPLUS;
	found = word_enter(hash, payload);
	/* Perhaps what could have moved for it had just changed. */
	if (found == WORD_NO_ROOM)
		found = word_enter(hash, payload);
	/* dsr can do without: the slot table says the same again. */
	if (found == WORD_NO_ROOM && endpoint->mode == L4GATE_MODE_TRANSPARENT)
		return L4GATE_REJECT_TABLE_FULL;
	if (found && found != WORD_NO_ROOM) {
		/* Another CPU was first: its choice. */
		scratch->opened = word_backend(found);
		return GO_ON;
	}
	if (!found && !admits_made(packet, route, endpoint, half, hash)) {
		word_replace(hash, line_word(hash, payload), 0);
		return L4GATE_REJECT_MAX_FLOWS;
	}
	affinity_note(route, endpoint->route, chosen);
	if (!found) {
		half_open_begin(endpoint->listener, state,
				word_surplus(payload));
		count_new_flow(endpoint->listener, chosen, backend->route);
	}
	return GO_ON;
}

/* Whether the word that was found is that of a flow to this endpoint. */
static __always_inline bool direct_is_ours(const struct direct *direct)
{
	return direct->word && direct->backend &&
	       (direct->backend->route == direct->endpoint->route ||
		direct->endpoint->moved);
}

/* Whether it is one that may go on. */
static __always_inline bool direct_is_flow(const struct packet *packet,
					   const struct direct *direct)
{
	return backend_serves(direct->backend, packet->now) &&
	       !word_is_over(direct->word, packet->now) &&
	       !is_reopened(word_state(direct->word),
			    sender_of(L4GATE_FROM_CLIENT,
				      direct->endpoint->mode),
			    packet, direct->backend);
}

/* A packet to an endpoint of these modes. */
static __always_inline int direct_client(CTX *ctx, enum l4gate_hook hook,
					 struct scratch *scratch,
					 const struct l4gate_endpoint *endpoint,
					 __u16 id, __u32 half)
{
	const struct packet *packet = &scratch->packet;
	struct direct direct = { .endpoint = endpoint };
	enum l4gate_reason reason;
	bool ours;

	direct.hash = flow_hash(packet->family, &packet->src, packet->sport,
				id);
	direct.word = word_find(direct.hash);
	direct.number = word_backend(direct.word);
	if (direct.word)
		direct.backend = backend_get(direct.number);
	ours = direct_is_ours(&direct);
	if (!ours || !direct_is_flow(packet, &direct)) {
		/* If it is of a route that is gone, direct_open() would find it. */
		if (direct.word)
			word_replace(direct.hash, direct.word, 0);
		reason = ours ? cut_off(packet, direct.backend) : GO_ON;
		if (reason == GO_ON)
			reason = direct_open(ctx, direct.hash, half << 16 | id);
		if (reason != GO_ON)
			return refuse(ctx, hook, packet, endpoint, reason);
		direct.word = 0;
		direct.number = scratch->opened;
		direct.backend = backend_get(direct.number);
	}
	if (!direct.backend)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	return direct_forward(ctx, hook, scratch, &direct);
}

/* A flow of transparent mode whose reply is in our hands. */
struct direct_reply {
	const struct l4gate_endpoint *endpoint;
	const struct l4gate_backend *backend;
	__u64 hash;
	__u64 word;
};

/*
 * Finds the flow that the packet in scratch, from a backend, belongs to, among the
 * origins of a half. True: it is scratch->found.
 */
int direct_find_origin(__u32 half);

__noinline int direct_find_origin(__u32 half)
{
	struct scratch *scratch = scratch_get();
	const struct l4gate_origins *origins;
	const struct packet *packet;
	__u64 hash, word;
	__u32 i;

	if (!scratch)
		return false;
	packet = &scratch->packet;
	origins = origins_find(packet->family, packet->protocol, &packet->src,
			       packet->sport, half);
	if (!origins)
		return false;
	for (i = 0; i < L4GATE_MAX_ORIGINS && i < origins->count; i++) {
		__u16 id = origins->endpoint[i];

		hash = flow_hash(packet->family, &packet->dst, packet->dport,
				 id);
		word = direct_match(hash, addr_upper(&packet->src),
				    addr_lower(&packet->src), packet->sport);
		if (!word)
			continue;
		scratch->found.hash = hash;
		scratch->found.word = word;
		scratch->found.endpoint = id;
		return true;
	}
	return false;
}

/*
 * Also among the origins of before: a backend that is gone answers what was sent
 * to it last. That half may be in the middle of being written; but what is found
 * by it counts only if there is such a flow.
 */
static __always_inline bool direct_find_reply(const struct scratch *scratch,
					      __u32 half,
					      struct direct_reply *reply)
{
	const struct packet *packet = &scratch->packet;

	if (!port_is_in(L4GATE_PORTS_ORIGIN, packet->protocol, packet->sport))
		return false;
	nexthop_touch(&packet->dst, packet->family);
	if (!direct_find_origin(half) && !direct_find_origin(half ^ 1))
		return false;
	reply->hash = scratch->found.hash;
	reply->word = scratch->found.word;
	reply->backend = backend_get(word_backend(reply->word));
	reply->endpoint = endpoint_get(half, scratch->found.endpoint);
	return reply->backend && reply->endpoint &&
	       reply->endpoint->protocol == packet->protocol &&
	       reply->endpoint->family == packet->family;
}

static __always_inline void direct_reply_rewrite(const struct packet *packet,
						 const struct direct_reply *reply,
						 struct rewrite *rewrite)
{
	rewrite->src = reply->endpoint->addr;
	rewrite->sport = reply->endpoint->port;
	rewrite->dst = packet->dst;
	rewrite->dport = packet->dport;
}

static __always_inline void direct_reply_note(CTX *ctx,
					      const struct packet *packet,
					      const struct direct_reply *reply)
{
	word_track(ctx, reply->hash, reply->word, packet, SENDER_BACKEND,
		   reply->backend->timeouts, reply->endpoint->listener);
	count_flow_packet(ctx, packet, L4GATE_FROM_BACKEND,
			  reply->endpoint->listener,
			  word_backend(reply->word), reply->backend->route);
}

/*
 * Gives a reply the listener's address and sends it towards the client; an
 * action, or NO_REPLY.
 */
static __always_inline int direct_backend(CTX *ctx, enum l4gate_hook hook,
					  struct scratch *scratch, __u32 half)
{
	const struct packet *packet = &scratch->packet;
	struct direct_reply reply = {};
	struct l4gate_nexthop *nexthop;
	enum l4gate_reason reason;

	if (!direct_find_reply(scratch, half, &reply))
		return NO_REPLY;
	nexthop = nexthop_find(ctx, &packet->dst, packet);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_BUSY, CTX_DROP);
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason != GO_ON)
		return refuse_way(ctx, hook, packet, nexthop, reason, 0);
	direct_reply_rewrite(packet, &reply, &scratch->rewrite);
	direct_reply_note(ctx, packet, &reply);
	return send_rewritten(ctx, hook, scratch, nexthop, L4GATE_TO_CLIENT);
}

/* The same on the way out of this node: fills in what the client is to see. */
static __always_inline bool direct_egress(CTX *ctx, struct scratch *scratch,
					  __u32 half)
{
	struct direct_reply reply = {};

	if (!direct_find_reply(scratch, half, &reply))
		return false;
	direct_reply_rewrite(&scratch->packet, &reply, &scratch->rewrite);
	direct_reply_note(ctx, &scratch->packet, &reply);
	return true;
}

#endif /* L4GATE_BPF_DIRECT_H */
