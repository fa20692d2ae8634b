/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Mode nat: client and destination are replaced, the reply comes back through
 * us. A flow is an entry and a record (entry.h) with one and the same value.
 */
#ifndef L4GATE_BPF_NAT_H
#define L4GATE_BPF_NAT_H

#include "admit.h"
#include "choose.h"
#include "entry.h"
#include "forward.h"
#include "martian.h"

/* Times that a new flow is tried while other CPUs are faster. */
#define NAT_TRIES 3

/* One packet from a client, and where it goes. */
struct nat {
	const struct l4gate_endpoint *endpoint;
	struct l4gate_backend *backend;
	__u64 hash;
	__u64 value;
};

/* The address that a backend sees of a flow; NULL: none is known. */
static __always_inline const struct l4gate_addr *
nat_source(const struct packet *packet, __u64 value)
{
	if (record_source(value) == L4GATE_SOURCE_CLIENT)
		return &packet->src;
	return source_get(packet->family, record_source(value));
}

/* What a packet from a client does to its flow. */
static __always_inline void nat_track(const struct packet *packet,
				      const struct nat *nat,
				      const struct l4gate_addr *source,
				      __u32 event, __u32 listener)
{
	__u64 place = record_place(packet->family, source, &nat->backend->addr,
				   nat->backend->port, packet->protocol);

	nat_change(nat->hash, record_at(place, record_offset(nat->value)),
		   nat->value, event, listener);
}

/* Translates a packet of a flow and sends it towards the backend. */
static __always_inline int nat_forward(CTX *ctx, enum l4gate_hook hook,
				       struct scratch *scratch,
				       const struct nat *nat)
{
	const struct packet *packet = &scratch->packet;
	const struct l4gate_addr *source = nat_source(packet, nat->value);
	struct l4gate_backend *backend = nat->backend;
	struct l4gate_nexthop *nexthop;
	enum l4gate_reason reason;

	/* TC would have to translate its reply, and so it has to see it all. */
	if (CTX_IS_FAST_PATH &&
	    record_source(nat->value) == L4GATE_SOURCE_CLIENT)
		return leave(ctx, hook, L4GATE_DEFER_FLOW, CTX_PASS);
	if (!source)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	nexthop = nexthop_of_backend(ctx, backend, packet);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_BUSY, CTX_DROP);
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason != GO_ON)
		return refuse_way(ctx, hook, packet, nexthop, reason, 0);

	scratch->rewrite.src = *source;
	scratch->rewrite.dst = backend->addr;
	scratch->rewrite.sport = record_port(nat->value);
	scratch->rewrite.dport = backend->port;
	if (!record_is_usual(ctx, nat->value, packet, L4GATE_FROM_CLIENT,
			     backend->timeouts))
		nat_track(packet, nat, source,
			  event_of(ctx, nat->value, packet,
				   L4GATE_FROM_CLIENT, backend->timeouts),
			  nat->endpoint->listener);
	count_flow_packet(ctx, packet, L4GATE_FROM_CLIENT,
			  nat->endpoint->listener,
			  record_backend(nat->value), backend->route);
	return send_rewritten(ctx, hook, scratch, nexthop, L4GATE_TO_BACKEND);
}

/*
 * How the backend will see a new flow. Behind an attached device: from that
 * device's own address, so that replies come back to it. On this node, or behind
 * a device that we don't see: from the client's address, so that the node's
 * stack routes the reply out through an attached device (TC egress).
 */
static __always_inline enum l4gate_reason
nat_choose_source(const struct l4gate_nexthop *nexthop, __u8 *ret_source)
{
	if (nexthop->kind == L4GATE_NEXTHOP_LOCAL ||
	    nexthop->kind == L4GATE_NEXTHOP_UNATTACHED) {
		*ret_source = L4GATE_SOURCE_CLIENT;
		return GO_ON;
	}
	*ret_source = nexthop->source;
	if (!(nexthop->nat.w[0] | nexthop->nat.w[1] | nexthop->nat.w[2] |
	      nexthop->nat.w[3]))
		return L4GATE_DROP_NO_NAT_ADDRESS;
	return GO_ON;
}

/* Whether a flow that was found may go on with a packet. */
static __always_inline bool nat_goes_on(const struct packet *packet,
					const struct nat *nat)
{
	return backend_serves(nat->backend, packet->now) &&
	       !record_is_over(nat->value, packet->now) &&
	       !is_reopened(record_state(nat->value), SENDER_CLIENT, packet,
			    nat->backend);
}

/* Ends a flow that may not. */
static __always_inline void nat_end(const struct packet *packet,
				    const struct nat *nat)
{
	const struct l4gate_addr *source = nat_source(packet, nat->value);

	if (source)
		nat_track(packet, nat, source, EVENT_END,
			  L4GATE_NO_LISTENER);
}

/*
 * Makes a flow of a packet and its seed, or finds one that there is. GO_ON, or why
 * not.
 */
static __always_inline enum l4gate_reason
nat_insert_flow(struct scratch *scratch, struct nat *nat,
		const struct l4gate_backend *backend)
{
	const struct packet *packet = &scratch->packet;
	const struct l4gate_addr *source;
	__u64 place, choice;
	int i;

	source = nat_source(packet, (__u64)scratch->seed.source <<
				    L4GATE_RECORD_SOURCE_SHIFT);
	if (!source)
		return L4GATE_DROP_CONFIG;
	scratch->seed.is_timed = backend->timeouts;
	scratch->seed.surplus =
		half_open_surplus(nat->endpoint->listener,
				  first_state(packet->protocol),
				  nat->endpoint->max_half_open);
	place = record_place(packet->family, source, &backend->addr,
			     backend->port, packet->protocol);
	/* Close to the record, so that the CPU waits for both at once. */
	entry_touch(nat->hash);
#pragma nounroll
	for (i = 0; i < NAT_TRIES; i++) {
		choice = record_choose(place, nat->hash, scratch->seed.backend,
				       scratch->seed.was_full,
				       scratch->seed.surplus);
		scratch->seed.was_full = choice >> 32;
		if (choice & RECORD_ALL_OWN)
			return L4GATE_REJECT_PORTS;
		if (choice >> 32 >= FLOW_KEPT)
			return L4GATE_REJECT_TABLE_FULL;
		nat->value = nat_insert(nat->hash, place, choice);
		if (nat->value == NAT_NO_ROOM)
			return L4GATE_REJECT_TABLE_FULL;
		if (nat->value == NAT_AGAIN)
			continue;
		nat->backend = backend_get(record_backend(nat->value));
		if (!nat->backend)
			return L4GATE_DROP_CONFIG;
		if (scratch->seed.is_new || nat_goes_on(packet, nat))
			return GO_ON;
		nat_end(packet, nat);
	}
	return L4GATE_DROP_BUSY;
}

/* Whether a packet belongs to a flow that may go on. */
static __always_inline bool nat_is_flow(const struct packet *packet,
					struct nat *nat)
{
	nat->value = entry_find(nat->hash);
	if (!nat->value)
		return false;
	nat->backend = backend_get(record_backend(nat->value));
	return nat->backend && nat_goes_on(packet, nat);
}

/*
 * Makes a flow of a packet that begins one, or finds it: scratch->opened is its
 * value then. half_id: half << 16 | id of the endpoint. GO_ON, or why not. Global,
 * for the verifier to look at it once.
 */
int nat_open(CTX *ctx, __u64 hash, __u32 half_id);

__noinline int nat_open(CTX *ctx, __u64 hash, __u32 half_id)
{
	struct nat nat = {
		.endpoint = endpoint_get(half_id >> 16 & 1, half_id),
		.hash = hash,
	};
	struct scratch *scratch = scratch_get();
	const struct l4gate_route *route;
	struct l4gate_nexthop *nexthop;
	struct l4gate_backend *backend;
	__u32 half = half_id >> 16 & 1;
	const struct packet *packet;
	enum l4gate_reason reason;
	int chosen;

	if (!scratch || !nat.endpoint)
		return L4GATE_DROP_CONFIG;
	packet = &scratch->packet;
	/* Its first fragment would have made the flow. */
	if (packet_is_tail(packet))
		return L4GATE_DROP_FRAGMENT;
	if (is_martian(ctx))
		return L4GATE_DROP_MARTIAN;
	if (packet->protocol == IPPROTO_TCP && !is_syn(packet))
		return L4GATE_REJECT_NO_FLOW;
	route = route_get(nat.endpoint->route, half);
	if (!route)
		return L4GATE_REJECT_NO_ROUTE;
	if (!admits_source(packet, route, nat.endpoint, half))
		return L4GATE_REJECT_SOURCE;
	chosen = choose_backend(nat.endpoint->route, half);
	if (chosen < 0)
		return -chosen;
	backend = backend_get(chosen);
	nexthop = backend ? nexthop_of_backend(ctx, backend, packet) : NULL;
	if (!nexthop)
		return L4GATE_DROP_BUSY;
	/* Not from here: TC will make the flow. Who sent too much is told so later. */
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason == GO_ON || reason == L4GATE_DROP_TOO_BIG)
		reason = nat_choose_source(nexthop, &scratch->seed.source);
	/* A SYN that is sent again is no new flow. */
	if (reason == GO_ON && (route->flags & L4GATE_ROUTE_F_COUNTED) &&
	    nat_is_flow(packet, &nat)) {
		scratch->opened = nat.value;
		return GO_ON;
	}
	if (reason == GO_ON)
		reason = admit_number(packet, route, nat.endpoint, half, hash);
	if (reason != GO_ON)
		return reason;
	scratch->seed.key = record_key(&packet->src, packet->sport, half_id);
	scratch->seed.backend = chosen;
	reason = nat_insert_flow(scratch, &nat, backend);
	scratch->opened = nat.value;
	if (reason != GO_ON || !scratch->seed.is_new)
		return reason;
	if (!admits_made(packet, route, nat.endpoint, half, hash)) {
		nat_end(packet, &nat);
		return L4GATE_REJECT_MAX_FLOWS;
	}
	affinity_note(route, nat.endpoint->route, chosen);
	half_open_begin(nat.endpoint->listener, first_state(packet->protocol),
			scratch->seed.surplus);
	count_new_flow(nat.endpoint->listener, chosen, backend->route);
	return GO_ON;
}

/*
 * Finds the flow of the packet in scratch, where no new one could be made: its value is
 * scratch->opened then. Global, for the verifier to look at it once.
 */
int nat_recall(__u64 hash);

__noinline int nat_recall(__u64 hash)
{
	struct scratch *scratch = scratch_get();
	struct nat nat = { .hash = hash };

	if (!scratch || !nat_is_flow(&scratch->packet, &nat))
		return false;
	scratch->opened = nat.value;
	return true;
}

/* Takes over the flow that nat_open() made, or nat_recall() found. */
static __always_inline void nat_adopt(const struct scratch *scratch,
				      struct nat *nat)
{
	nat->value = scratch->opened;
	nat->backend = backend_get(record_backend(nat->value));
}

/*
 * Whether a flow may have begun when its backend's device was down. The answer of
 * the FIB is then the same as for an address of this node, so that the backend sees
 * the client's own address, and need not know a way back to it. TC alone has such
 * flows; those that were answered are as they should be.
 */
static __always_inline bool nat_is_doubtful(const struct packet *packet,
					    __u64 value)
{
	__u32 state = record_state(value);

	if (CTX_IS_FAST_PATH || record_source(value) != L4GATE_SOURCE_CLIENT)
		return false;
	return state == L4GATE_FLOW_UNREPLIED ||
	       (state == L4GATE_FLOW_HALF_OPEN && is_syn(packet) &&
		!(value & L4GATE_RECORD_F_SYN_ACK));
}

/*
 * Ends a doubtful flow if its backend is behind an attached device; whether it did.
 * Global, for the verifier to look at it once.
 */
int nat_end_doubtful(CTX *ctx, __u64 hash, __u64 value);

__noinline int nat_end_doubtful(CTX *ctx, __u64 hash, __u64 value)
{
	struct nat nat = { .hash = hash, .value = value };
	struct scratch *scratch = scratch_get();
	struct l4gate_nexthop *nexthop;

	nat.backend = backend_get(record_backend(value));
	if (!scratch || !nat.backend)
		return false;
	nexthop = nexthop_of_backend(ctx, nat.backend, &scratch->packet);
	if (!nexthop || (nexthop->kind != L4GATE_NEXTHOP_XDP &&
			 nexthop->kind != L4GATE_NEXTHOP_TC))
		return false;
	nat_end(&scratch->packet, &nat);
	return true;
}

/*
 * A packet to an endpoint of mode nat: of a flow, of a new one, or of none.
 *
 * A SYN is taken for the first packet of a flow before anyone has looked for one: so
 * the lines of entry and record are fetched side by side. If there is a flow,
 * nat_insert() finds it; and it goes on, too, if nothing new could be made.
 */
static __always_inline int nat_client(CTX *ctx, enum l4gate_hook hook,
				      struct scratch *scratch,
				      const struct l4gate_endpoint *endpoint,
				      __u16 id, __u32 half)
{
	const struct packet *packet = &scratch->packet;
	struct nat nat = { .endpoint = endpoint };
	enum l4gate_reason reason;
	bool syn = is_syn(packet);

	nat.hash = flow_hash(packet->family, &packet->src, packet->sport, id);
	if (syn || !nat_is_flow(packet, &nat)) {
		if (nat.value && nat.backend)
			nat_end(packet, &nat);
		reason = nat.value ? cut_off(packet, nat.backend) : GO_ON;
		if (reason == GO_ON)
			reason = nat_open(ctx, nat.hash, half << 16 | id);
		if (reason != GO_ON && !(syn && nat_recall(nat.hash)))
			return refuse(ctx, hook, packet, endpoint, reason);
		nat_adopt(scratch, &nat);
	}
	if (nat_is_doubtful(packet, nat.value) &&
	    nat_end_doubtful(ctx, nat.hash, nat.value)) {
		reason = nat_open(ctx, nat.hash, half << 16 | id);
		if (reason != GO_ON)
			return refuse(ctx, hook, packet, endpoint, reason);
		nat_adopt(scratch, &nat);
	}
	if (!nat.backend)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	return nat_forward(ctx, hook, scratch, &nat);
}

/* A flow whose reply is in our hands. */
struct nat_reply {
	struct record record;
	const struct l4gate_backend *backend;
	const struct l4gate_endpoint *endpoint;
	__u16 id;		/* of the endpoint */
};

/* Writes down the client that a record is of. */
static __always_inline bool nat_reply_client(const struct nat_reply *reply,
					     __u64 key, __u8 family,
					     struct rewrite *rewrite)
{
	const struct l4gate_addr *client;

	rewrite->dport = key >> 16;
	if (family == L4GATE_IPV4) {
		addr_set_ipv4(&rewrite->dst, key >> 32);
		return true;
	}
	client = client6_get(reply->record.number);
	if (!client)
		return false;
	rewrite->dst = *client;
	return true;
}

/* Whether a packet is sent to the address that the flow's backend sees. */
static __always_inline bool nat_reply_source(const struct packet *packet,
					     const struct nat_reply *reply,
					     const struct rewrite *rewrite)
{
	__u32 number = record_source(reply->record.value);
	const struct l4gate_addr *source;

	if (number == L4GATE_SOURCE_CLIENT)
		return addr_equal(&rewrite->dst, &packet->dst);
	source = source_get(packet->family, number);
	return source && addr_equal(source, &packet->dst);
}

/*
 * Finds the live flow that a packet from a backend belongs to, and what its client
 * is to see of it.
 */
static __always_inline bool nat_find_reply(struct scratch *scratch, __u32 half,
					   struct nat_reply *reply)
{
	const struct packet *packet = &scratch->packet;
	struct rewrite *rewrite = &scratch->rewrite;
	__u64 place, key;

	if (!is_nat_port(packet->dport))
		return false;
	/* With the same backend and source the record has the same port. */
	place = record_place(packet->family, &packet->dst, &packet->src,
			     packet->sport, packet->protocol);
	if (!record_open(&reply->record,
			 record_at(place, bpf_ntohs(packet->dport) -
					  nat_port_min)) ||
	    record_state(reply->record.value) <= L4GATE_FLOW_CLAIMED ||
	    record_is_over(reply->record.value, packet->now))
		return false;
	reply->backend = backend_get(record_backend(reply->record.value));
	if (!reply->backend || reply->backend->port != packet->sport ||
	    !addr_equal(&reply->backend->addr, &packet->src))
		return false;
	key = READ_ONCE(reply->record.at->key);
	reply->id = key;
	reply->endpoint = endpoint_get(half, reply->id);
	if (!reply->endpoint || reply->endpoint->family != packet->family ||
	    reply->endpoint->protocol != packet->protocol)
		return false;
	rewrite->src = reply->endpoint->addr;
	rewrite->sport = reply->endpoint->port;
	return nat_reply_client(reply, key, packet->family, rewrite) &&
	       nat_reply_source(packet, reply, rewrite) &&
	       record_is_same(&reply->record);
}

static __always_inline void nat_reply_track(CTX *ctx,
					    const struct scratch *scratch,
					    const struct nat_reply *reply)
{
	const struct packet *packet = &scratch->packet;

	if (!record_is_usual(ctx, reply->record.value, packet,
			     L4GATE_FROM_BACKEND, reply->backend->timeouts))
		nat_change(flow_hash(packet->family, &scratch->rewrite.dst,
				     scratch->rewrite.dport, reply->id),
			   reply->record.number, reply->record.value,
			   event_of(ctx, reply->record.value, packet,
				    L4GATE_FROM_BACKEND,
				    reply->backend->timeouts),
			   reply->endpoint->listener);
	count_flow_packet(ctx, packet, L4GATE_FROM_BACKEND,
			  reply->endpoint->listener,
			  record_backend(reply->record.value),
			  reply->backend->route);
}

static __always_inline bool nat_reply_is_local(const struct nat_reply *reply)
{
	return record_source(reply->record.value) == L4GATE_SOURCE_CLIENT;
}

/*
 * The way to the client of a flow. Its record has a note of it, which is forgotten
 * each time that the time of the flow's last packet is written down.
 */
static __always_inline struct l4gate_nexthop *
nat_reply_nexthop(CTX *ctx, const struct scratch *scratch,
		  const struct nat_reply *reply)
{
	__u16 note = reply->record.value >> L4GATE_RECORD_NOTE_SHIFT;
	struct l4gate_nexthop *nexthop = nexthop_get(note);

	if (note && nexthop && nexthop_note(nexthop) == note &&
	    nexthop_is_fresh(nexthop, scratch->packet.now))
		return nexthop;
	nexthop = nexthop_find(ctx, &scratch->rewrite.dst, &scratch->packet);
	if (nexthop && nexthop_note(nexthop) != note)
		record_take_note(reply->record.number, reply->record.value,
				 nexthop_note(nexthop));
	return nexthop;
}

/*
 * Translates a reply back and sends it towards the client; an action, or
 * NO_REPLY. What comes from this node's own backends is for TC egress.
 */
static __always_inline int nat_backend(CTX *ctx, enum l4gate_hook hook,
				       struct scratch *scratch, __u32 half)
{
	const struct packet *packet = &scratch->packet;
	struct l4gate_nexthop *nexthop;
	struct nat_reply reply = {};
	enum l4gate_reason reason;

	if (!nat_find_reply(scratch, half, &reply) ||
	    nat_reply_is_local(&reply))
		return NO_REPLY;
	nexthop = nat_reply_nexthop(ctx, scratch, &reply);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_BUSY, CTX_DROP);
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason != GO_ON)
		return refuse_way(ctx, hook, packet, nexthop, reason, 0);
	nat_reply_track(ctx, scratch, &reply);
	return send_rewritten(ctx, hook, scratch, nexthop, L4GATE_TO_CLIENT);
}

/* The same on the way out of this node: leaves the rewrite to the caller. */
static __always_inline bool nat_egress(CTX *ctx, struct scratch *scratch,
				       __u32 half)
{
	struct nat_reply reply = {};

	if (!nat_find_reply(scratch, half, &reply) ||
	    !nat_reply_is_local(&reply))
		return false;
	nat_reply_track(ctx, scratch, &reply);
	return true;
}

#endif /* L4GATE_BPF_NAT_H */
