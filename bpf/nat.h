/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Mode nat: client and destination are replaced, the reply comes back through
 * us. A flow is a word that leads to a record (record.h).
 */
#ifndef L4GATE_BPF_NAT_H
#define L4GATE_BPF_NAT_H

#include "flow_state.h"
#include "forward.h"
#include "select.h"

/* What the record of a new flow is made of, apart from the packet. */
struct nat_seed {
	__u64 hash;
	__u32 backend;
	__u16 endpoint;
	__u8 source;		/* number in l4gate_sources */
	const struct l4gate_backend *to;
	const struct l4gate_addr *from;	/* the source's address */
};

/* The word of the flow that had a record goes out of the index. */
static __always_inline void nat_forget(const struct record_claim *claim)
{
	struct l4gate_addr client = { .w[0] = claim->key >> 32 }, *client6;
	__u8 family = L4GATE_IPV4;
	__u64 hash;

	if (claim->value & L4GATE_RECORD_F_IPV6) {
		client6 = client6_get(claim->number);
		if (!client6)
			return;
		client = *client6;
		family = L4GATE_IPV6;
	}
	hash = flow_hash(family, &client, claim->key >> 16, claim->key);
	flow_replace(hash, record_word(hash, claim->number), 0);
}

/* Fills a claimed record, and opens it to readers with its value. */
static __always_inline void nat_write(const struct record_claim *claim,
				      const struct packet *packet,
				      const struct nat_seed *seed,
				      __u32 offset, struct record *record)
{
	__u64 value = record_next_serial(claim->value) | record_stamp() |
		      first_state(packet->protocol);
	struct l4gate_addr *client;

	claim->at->key = record_key(&packet->src, packet->sport,
				    seed->endpoint);
	if (packet->family == L4GATE_IPV6) {
		value |= L4GATE_RECORD_F_IPV6;
		client = client6_get(claim->number);
		if (client)
			*client = packet->src;
	}
	value |= (__u64)bpf_htons(nat_port_min + offset) <<
		 L4GATE_RECORD_PORT_SHIFT;
	value |= (__u64)seed->source << L4GATE_RECORD_SOURCE_SHIFT;
	value |= (__u64)seed->backend << L4GATE_RECORD_BACKEND_SHIFT;
	WRITE_ONCE(claim->at->value, value);
	record->at = claim->at;
	record->number = claim->number;
	record->value = value;
}

/*
 * Makes the record and the word of a new flow, or finds those that another CPU
 * made for it in the meantime. GO_ON, or why not.
 */
static __always_inline enum l4gate_reason
nat_insert(const struct packet *packet, const struct nat_seed *seed,
	   struct record *record)
{
	struct record_claim claim = {};
	__u64 place, best, found, word;

	place = record_place(packet->family, seed->from, &seed->to->addr,
			     seed->to->port, packet->protocol);
	best = record_probe(place, seed->hash, seed->backend);
	if (best & RECORD_ALL_OWN)
		return L4GATE_REJECT_PORTS;
	if (best >> 32 >= FLOW_KEPT)
		return L4GATE_REJECT_TABLE_FULL;
	claim.number = record_at(place, best);
	claim.at = record_get(claim.number);
	if (!claim.at)
		return L4GATE_REJECT_TABLE_FULL;
	word = record_word(seed->hash, claim.number);
	if (!record_take(&claim, best >> 32,
			 record_key(&packet->src, packet->sport,
				    seed->endpoint)))
		return record_find(record, packet, word, seed->endpoint) ?
		       GO_ON : L4GATE_REJECT_TABLE_FULL;
	if (record_state(claim.value) != L4GATE_FLOW_FREE)
		nat_forget(&claim);
	nat_write(&claim, packet, seed, best, record);

	found = flow_enter(seed->hash, claim.number + 1);
	if (found && found != word) {
		record_set(record, L4GATE_FLOW_FREE);
		return found != WORD_NO_ROOM &&
		       record_find(record, packet, found, seed->endpoint) ?
		       GO_ON : L4GATE_REJECT_TABLE_FULL;
	}
	/* Ours; or, if another CPU took it from us, again of the same flow. */
	if (record_find(record, packet, word, seed->endpoint))
		return GO_ON;
	/*
	 * It took the record for another flow, before there was a word of ours
	 * that it could have forgotten: so we do.
	 */
	flow_replace(seed->hash, word, 0);
	return L4GATE_REJECT_TABLE_FULL;
}

/*
 * Forgets a flow: its next packet is the first of a new one. Its word goes first:
 * a record that is free can be another's at once.
 */
static __noinline int nat_close(const struct record *record, __u64 hash)
{
	if (!record || !record->at)
		return 0;
	flow_replace(hash, record_word(hash, record->number), 0);
	record_set(record, L4GATE_FLOW_FREE);
	return 0;
}

/* The address that a backend sees of a flow; NULL: none is known. */
static __always_inline const struct l4gate_addr *
nat_source(const struct packet *packet, __u64 value)
{
	__u32 number = record_source(value), key;

	if (number == L4GATE_SOURCE_CLIENT)
		return &packet->src;
	key = packet->family * L4GATE_SOURCES + number;
	return bpf_map_lookup_elem(&l4gate_sources, &key);
}

/* Translates a packet of a flow and sends it towards the backend. */
static __always_inline int nat_forward(CTX *ctx, enum l4gate_hook hook,
				       const struct packet *packet,
				       const struct l4gate_endpoint *endpoint,
				       const struct record *record,
				       const struct l4gate_backend *backend)
{
	const struct l4gate_addr *source = nat_source(packet, record->value);
	struct l4gate_nexthop *nexthop;
	struct rewrite rewrite = {};
	enum l4gate_reason reason;

	/* TC would have to translate its reply, and so it has to see it all. */
	if (CTX_IS_FAST_PATH &&
	    record_source(record->value) == L4GATE_SOURCE_CLIENT)
		return leave(ctx, hook, L4GATE_DEFER_FLOW, CTX_PASS);
	nexthop = nexthop_find(ctx, &backend->addr, packet->family);
	if (!nexthop || !source)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason != GO_ON)
		return refuse_way(ctx, hook, packet, nexthop, reason, 0);

	rewrite.src = *source;
	rewrite.dst = backend->addr;
	rewrite.sport = record_port(record->value);
	rewrite.dport = backend->port;
	record_track(record, packet, L4GATE_FROM_CLIENT);
	count_flow_packet(ctx, packet, L4GATE_FROM_CLIENT, endpoint->listener,
			  record_backend(record->value), backend->route);
	return send_to_backend(ctx, hook, packet, nexthop, &rewrite);
}

/*
 * How the backend will see a new flow. Behind an attached device: from that
 * device's own address, so that replies come back to it. On this node, or behind
 * a device that we don't see: from the client's address, so that the node's
 * stack routes the reply out through an attached device (TC egress).
 */
static __always_inline enum l4gate_reason
nat_choose_source(const struct packet *packet,
		  const struct l4gate_nexthop *nexthop, struct nat_seed *seed)
{
	if (nexthop->kind == L4GATE_NEXTHOP_LOCAL ||
	    nexthop->kind == L4GATE_NEXTHOP_UNATTACHED) {
		seed->from = &packet->src;
		seed->source = L4GATE_SOURCE_CLIENT;
		return GO_ON;
	}
	seed->from = &nexthop->nat;
	seed->source = nexthop->source;
	if (!(nexthop->nat.w[0] | nexthop->nat.w[1] | nexthop->nat.w[2] |
	      nexthop->nat.w[3]))
		return L4GATE_DROP_NO_NAT_ADDRESS;
	return GO_ON;
}

/*
 * A packet that belongs to no flow: makes it one. GO_ON, or why not. Not inline:
 * what a new flow needs on the stack would not fit beside the rest.
 */
static __noinline int nat_open(CTX *ctx, const struct packet *packet,
			       const struct l4gate_endpoint *endpoint,
			       __u32 half_id, struct record *record)
{
	struct nat_seed seed = { .endpoint = half_id };
	struct l4gate_nexthop *nexthop;
	struct selection selection = {};
	enum l4gate_reason reason;

	if (!packet || !endpoint || !record)
		return L4GATE_DROP_CONFIG;
	if (packet->protocol == IPPROTO_TCP &&
	    (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return L4GATE_REJECT_NO_FLOW;
	reason = select_backend(packet, endpoint, half_id >> 16, &selection);
	if (reason != GO_ON)
		return reason;
	nexthop = nexthop_find(ctx, &selection.to->addr, packet->family);
	if (!nexthop)
		return L4GATE_DROP_CONFIG;
	/* Not from here: TC will make the flow. */
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason == GO_ON)
		reason = nat_choose_source(packet, nexthop, &seed);
	if (reason != GO_ON)
		return reason;
	seed.hash = flow_hash(packet->family, &packet->src, packet->sport,
			      seed.endpoint);
	seed.backend = selection.backend;
	seed.to = selection.to;
	return nat_insert(packet, &seed, record);
}

/* A packet to an endpoint of mode nat: of a flow, of a new one, or of none. */
static __always_inline int nat_client(CTX *ctx, enum l4gate_hook hook,
				      const struct packet *packet,
				      const struct l4gate_endpoint *endpoint,
				      __u16 id, __u32 half)
{
	const struct l4gate_backend *backend;
	struct record record = {};
	enum l4gate_reason reason;
	__u64 hash, word;

	hash = flow_hash(packet->family, &packet->src, packet->sport, id);
	word = flow_find(hash);
	if (word && record_find(&record, packet, word, id)) {
		backend = backend_get(record_backend(record.value));
		if (backend && backend->state != L4GATE_BACKEND_FREE &&
		    !record_is_over(record.value) &&
		    !is_reopened(record_state(record.value), packet))
			return nat_forward(ctx, hook, packet, endpoint,
					   &record, backend);
		nat_close(&record, hash);
		if (is_cut_off(packet, backend))
			return refuse(ctx, hook, packet, endpoint,
				      L4GATE_REJECT_BACKEND_GONE);
	}

	reason = nat_open(ctx, packet, endpoint, half << 16 | id, &record);
	if (reason != GO_ON)
		return refuse(ctx, hook, packet, endpoint, reason);
	backend = backend_get(record_backend(record.value));
	if (!backend)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	count_new_flow(endpoint->listener, record_backend(record.value),
		       backend->route);
	return nat_forward(ctx, hook, packet, endpoint, &record, backend);
}

/* A flow whose reply is in our hands. */
struct nat_reply {
	struct record record;
	const struct l4gate_backend *backend;
	const struct l4gate_endpoint *endpoint;
	struct l4gate_addr client;
	__be16 client_port;
};

static __always_inline bool nat_reply_source(const struct packet *packet,
					     const struct nat_reply *reply)
{
	const struct l4gate_addr *source;
	__u32 number = record_source(reply->record.value), key;

	if (number == L4GATE_SOURCE_CLIENT)
		return addr_equal(&reply->client, &packet->dst);
	key = packet->family * L4GATE_SOURCES + number;
	source = bpf_map_lookup_elem(&l4gate_sources, &key);
	return source && addr_equal(source, &packet->dst);
}

/* Finds the live flow that a packet from a backend belongs to. */
static __always_inline bool nat_find_reply(const struct packet *packet,
					   __u32 half, struct nat_reply *reply)
{
	struct l4gate_addr *client;
	__u64 place, key;

	if (!is_nat_port(packet->dport))
		return false;
	place = record_place(packet->family, &packet->dst, &packet->src,
			     packet->sport, packet->protocol);
	if (!record_open(&reply->record,
			 record_at(place, bpf_ntohs(packet->dport) -
				   nat_port_min)) ||
	    record_port(reply->record.value) != packet->dport ||
	    record_state(reply->record.value) <= L4GATE_FLOW_CLAIMED ||
	    record_is_over(reply->record.value))
		return false;
	reply->backend = backend_get(record_backend(reply->record.value));
	if (!reply->backend || reply->backend->port != packet->sport ||
	    !addr_equal(&reply->backend->addr, &packet->src))
		return false;
	key = READ_ONCE(reply->record.at->key);
	reply->endpoint = endpoint_get(half, key);
	if (!reply->endpoint || reply->endpoint->family != packet->family ||
	    reply->endpoint->protocol != packet->protocol)
		return false;
	reply->client_port = key >> 16;
	reply->client.w[0] = key >> 32;
	if (packet->family == L4GATE_IPV6) {
		client = client6_get(reply->record.number);
		if (!client)
			return false;
		reply->client = *client;
	}
	return nat_reply_source(packet, reply) &&
	       record_is_same(&reply->record);
}

/* What a reply looks like to the client. */
static __always_inline void nat_reply_rewrite(const struct nat_reply *reply,
					      struct rewrite *rewrite)
{
	rewrite->src = reply->endpoint->addr;
	rewrite->sport = reply->endpoint->port;
	rewrite->dst = reply->client;
	rewrite->dport = reply->client_port;
}

static __always_inline void nat_reply_note(CTX *ctx,
					   const struct packet *packet,
					   const struct nat_reply *reply)
{
	record_track(&reply->record, packet, L4GATE_FROM_BACKEND);
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
 * Translates a reply back and sends it towards the client; an action, or
 * NO_REPLY. What comes from this node's own backends is for TC egress.
 */
static __always_inline int nat_backend(CTX *ctx, enum l4gate_hook hook,
				       const struct packet *packet, __u32 half)
{
	struct l4gate_nexthop *nexthop;
	struct nat_reply reply = {};
	struct rewrite rewrite = {};
	enum l4gate_reason reason;

	if (!nat_find_reply(packet, half, &reply) ||
	    nat_reply_is_local(&reply))
		return NO_REPLY;
	nexthop = nexthop_find(ctx, &reply.client, packet->family);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_CONFIG, CTX_DROP);
	reason = check_way(ctx, packet, nexthop, 0);
	if (reason != GO_ON)
		return refuse_way(ctx, hook, packet, nexthop, reason, 0);
	nat_reply_rewrite(&reply, &rewrite);
	nat_reply_note(ctx, packet, &reply);
	return send_to_client(ctx, hook, packet, nexthop, &rewrite);
}

/* The same on the way out of this node: fills in what the client is to see. */
static __always_inline bool nat_egress(CTX *ctx, const struct packet *packet,
				       __u32 half, struct rewrite *rewrite)
{
	struct nat_reply reply = {};

	if (!nat_find_reply(packet, half, &reply) ||
	    !nat_reply_is_local(&reply))
		return false;
	nat_reply_rewrite(&reply, rewrite);
	nat_reply_note(ctx, packet, &reply);
	return true;
}

#endif /* L4GATE_BPF_NAT_H */
