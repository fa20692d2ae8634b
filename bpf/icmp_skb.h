/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP errors about packets of flows, at TC. An error quotes the packet that it is
 * about. With its ends swapped that packet looks like what comes from the other
 * side: a quote of what we sent to a backend like a reply of that backend, a quote of
 * a reply that we sent to a client like a packet of that client. So the flow is found
 * as for these, and where they would go the error goes, too, with all that they
 * would be translated to, in its own header and in the quote.
 *
 * No flow is begun, changed or kept alive by an error: anybody can make one.
 */
#ifndef L4GATE_BPF_ICMP_SKB_H
#define L4GATE_BPF_ICMP_SKB_H

#include "announce.h"
#include "direct.h"
#include "icmp.h"
#include "icmp_echo.h"
#include "nat.h"

/* As much of TCP's header as its checksum ends at. */
#define TCP_TO_CHECK (offsetof(struct tcphdr, check) + sizeof(__u16))
/* What every quote has of L4: the ports (RFC 792). */
#define QUOTED_L4_BYTES 8

/* From here on, packet is the quoted one, and rewrite what becomes of it. */
static __always_inline bool read_outer4(CTX *ctx, struct scratch *scratch)
{
	struct packet *packet = &scratch->packet;
	struct iphdr ip;

	if (bpf_skb_load_bytes(ctx, L3_OFFSET, &ip, sizeof(ip)) ||
	    ip.version != 4 || ip.ihl < 5 ||
	    (ip.frag_off & bpf_htons(0x3fff)))
		return false;
	packet->family = L4GATE_IPV4;
	packet->ttl = ip.ttl;
	packet->l3_length = bpf_ntohs(ip.tot_len);
	scratch->icmp.at = L3_OFFSET + ip.ihl * 4;
	scratch->icmp.ip_check = ip.check;
	addr_set_ipv4(&scratch->icmp.src, ip.saddr);
	addr_set_ipv4(&scratch->icmp.dst, ip.daddr);
	return true;
}

static __always_inline bool read_outer6(CTX *ctx, struct scratch *scratch)
{
	struct packet *packet = &scratch->packet;
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(ctx, L3_OFFSET, &ip, sizeof(ip)) ||
	    ip.version != 6 || ip.nexthdr != IPPROTO_ICMPV6)
		return false;
	packet->family = L4GATE_IPV6;
	packet->ttl = ip.hop_limit;
	packet->l3_length = bpf_ntohs(ip.payload_len) + sizeof(ip);
	scratch->icmp.at = L3_OFFSET + sizeof(ip);
	copy(&scratch->icmp.src, &ip.saddr, sizeof(ip.saddr));
	copy(&scratch->icmp.dst, &ip.daddr, sizeof(ip.daddr));
	return true;
}

/*
 * The headers of an ICMP packet into scratch->icmp. Its type, or -1 if it has none
 * that can be read. Global, for the verifier to look at it once.
 */
int icmp_read(CTX *ctx);

__noinline int icmp_read(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	struct icmp_header header;
	__be16 protocol;

	if (!scratch ||
	    bpf_skb_load_bytes(ctx, offsetof(struct ethhdr, h_proto),
			       &protocol, sizeof(protocol)))
		return -1;
	if (!(protocol == bpf_htons(ETH_P_IP) ? read_outer4(ctx, scratch) :
						read_outer6(ctx, scratch)))
		return -1;
	scratch->icmp.end = L3_OFFSET + scratch->packet.l3_length;
	if (scratch->icmp.end > scratch->packet.length ||
	    scratch->icmp.at + sizeof(header) > scratch->icmp.end ||
	    bpf_skb_load_bytes(ctx, scratch->icmp.at, &header, sizeof(header)))
		return -1;
	return header.type;
}

/* The quoted IP header, with its ends swapped. Later fragments have no ports. */
static __always_inline bool read_quote4(CTX *ctx, struct scratch *scratch,
					__u32 at)
{
	struct packet *packet = &scratch->packet;
	struct iphdr ip;

	if (bpf_skb_load_bytes(ctx, at, &ip, sizeof(ip)) || ip.version != 4 ||
	    ip.ihl < 5 || (ip.frag_off & bpf_htons(0x1fff)))
		return false;
	packet->protocol = ip.protocol;
	packet->l4 = at + ip.ihl * 4;
	scratch->icmp.quoted_check = ip.check;
	addr_set_ipv4(&packet->src, ip.daddr);
	addr_set_ipv4(&packet->dst, ip.saddr);
	return true;
}

static __always_inline bool read_quote6(CTX *ctx, struct scratch *scratch,
					__u32 at)
{
	struct packet *packet = &scratch->packet;
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(ctx, at, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	packet->protocol = ip.nexthdr;
	packet->l4 = at + sizeof(ip);
	copy(&packet->src, &ip.daddr, sizeof(ip.daddr));
	copy(&packet->dst, &ip.saddr, sizeof(ip.saddr));
	return true;
}

/* What an error is about. */
enum quoted {
	QUOTED_OTHER,		/* nothing that could be ours */
	QUOTED_L4,		/* TCP or UDP */
	QUOTED_TUNNEL,		/* another packet, as dsr-ipip sends them */
	QUOTED_CLIENT,		/* what a client sent, taken out of one */
	QUOTED_BROKEN,		/* that went wrong half-way */
};

/*
 * The quoted packet into scratch->packet, or (depth 1) the one that was found in it.
 * The error has to be for whom that packet was from. Global, for the verifier to
 * look at it once.
 */
int icmp_read_quote(CTX *ctx, __u32 depth);

__noinline int icmp_read_quote(CTX *ctx, __u32 depth)
{
	struct scratch *scratch = scratch_get();
	struct packet *packet;
	__be16 ports[2];
	__u32 at;
	bool v4;

	if (!scratch)
		return QUOTED_OTHER;
	packet = &scratch->packet;
	v4 = packet->family == L4GATE_IPV4;
	at = depth ? packet->l4 :
		     scratch->icmp.at + sizeof(struct icmp_header);
	if (!(v4 ? read_quote4(ctx, scratch, at) :
		   read_quote6(ctx, scratch, at)))
		return QUOTED_OTHER;
	if (!depth) {
		if (!addr_equal(&packet->dst, &scratch->icmp.dst))
			return QUOTED_OTHER;
		scratch->icmp.far = packet->src;
		if (packet->protocol == (v4 ? IPPROTO_IPIP : IPPROTO_IPV6))
			return QUOTED_TUNNEL;
	}
	if ((packet->protocol != IPPROTO_TCP &&
	     packet->protocol != IPPROTO_UDP) ||
	    packet->l4 + QUOTED_L4_BYTES > scratch->icmp.end ||
	    bpf_skb_load_bytes(ctx, packet->l4, ports, sizeof(ports)))
		return QUOTED_OTHER;
	packet->sport = ports[1];
	packet->dport = ports[0];
	packet->tcp_flags = 0;
	return QUOTED_L4;
}

/*
 * Whether the error is about what a client sent: as a reply of the backend it would
 * go to the client. Of a flow that is not known it is nobody's: there may be
 * connections to a backend that don't go through a listener.
 */
int icmp_find_client(__u32 half, __u32 egress);

__noinline int icmp_find_client(__u32 half, __u32 egress)
{
	struct scratch *scratch = scratch_get();
	struct direct_reply direct = {};
	const struct packet *packet;
	struct nat_reply nat = {};

	if (!scratch)
		return false;
	half &= 1;
	packet = &scratch->packet;
	if (direct_find_reply(scratch, half, &direct)) {
		direct_reply_rewrite(packet, &direct, &scratch->rewrite);
		return true;
	}
	return nat_find_reply(scratch, half, &nat) &&
	       nat_reply_is_local(&nat) == !!egress;
}

/* Beside the half: if the flow is not known, the slot table is not asked. */
#define ICMP_KNOWN	(1U << 1)

/* The backend of a flow of nat, and what it sees of the client. */
static __always_inline bool icmp_nat_backend(struct scratch *scratch, __u16 id)
{
	const struct packet *packet = &scratch->packet;
	const struct l4gate_addr *source;
	struct nat nat = {};

	nat.hash = flow_hash(packet->family, &packet->src, packet->sport, id);
	if (!nat_is_flow(packet, &nat))
		return false;
	source = nat_source(packet, nat.value);
	if (!source)
		return false;
	scratch->icmp.backend = record_backend(nat.value);
	scratch->rewrite.src = *source;
	scratch->rewrite.sport = record_port(nat.value);
	return true;
}

/* The same of the other modes. flags: as of icmp_find_backend(). */
static __always_inline bool
icmp_direct_backend(struct scratch *scratch,
		    const struct l4gate_endpoint *endpoint, __u16 id,
		    __u32 flags)
{
	const struct packet *packet = &scratch->packet;
	struct direct direct = { .endpoint = endpoint };
	int chosen;

	direct.hash = flow_hash(packet->family, &packet->src, packet->sport,
				id);
	direct.word = word_find(direct.hash);
	direct.backend = backend_get(word_backend(direct.word));
	scratch->icmp.hash = direct.hash;
	scratch->icmp.backend = word_backend(direct.word);
	scratch->rewrite.src = packet->src;
	scratch->rewrite.sport = packet->sport;
	if (direct_is_ours(&direct) && direct_is_flow(packet, &direct))
		return true;
	if (flags & ICMP_KNOWN)
		return false;
	chosen = choose_backend(endpoint->route, flags & CHOOSE_HALF);
	if (chosen < 0)
		return false;
	scratch->icmp.backend = chosen;
	return true;
}

/*
 * The error is about what a listener sent: 1 + mode, with the backend in
 * scratch->icmp, or 0. flags: the half, and ICMP_KNOWN.
 */
int icmp_find_backend(__u32 flags);

__noinline int icmp_find_backend(__u32 flags)
{
	struct scratch *scratch = scratch_get();
	const struct l4gate_endpoint *endpoint;
	const struct l4gate_backend *backend;
	const struct packet *packet;
	__u16 id = 0;

	if (!scratch)
		return 0;
	packet = &scratch->packet;
	endpoint = endpoint_find(packet, flags & CHOOSE_HALF, &id);
	if (!endpoint)
		return 0;
	if (!(endpoint->mode == L4GATE_MODE_NAT ?
	      icmp_nat_backend(scratch, id) :
	      icmp_direct_backend(scratch, endpoint, id, flags)))
		return 0;
	backend = backend_get(scratch->icmp.backend);
	if (!backend)
		return 0;
	scratch->rewrite.dst = backend->addr;
	scratch->rewrite.dport = backend->port;
	return 1 + endpoint->mode;
}

/*
 * The checksum in the quoted L4 header, if it is there: what the other side sent had
 * one that was right. Adds to *diff by how much it changed.
 */
static __always_inline int icmp_write_l4(CTX *ctx, struct scratch *scratch,
					 __u64 *diff)
{
	const struct rewrite *rewrite = &scratch->rewrite;
	const struct packet *packet = &scratch->packet;
	bool udp = packet->protocol == IPPROTO_UDP;
	__be16 ports[2] = { rewrite->dport, rewrite->sport };
	__u32 at = packet->l4 + (udp ? offsetof(struct udphdr, check) :
				       offsetof(struct tcphdr, check));
	__u16 check, changed;

	*diff += rewrite->port_diff;
	if (bpf_skb_store_bytes(ctx, packet->l4, ports, sizeof(ports), 0))
		return -1;
	if (!udp && packet->l4 + TCP_TO_CHECK > scratch->icmp.end)
		return 0;
	if (bpf_skb_load_bytes(ctx, at, &check, sizeof(check)))
		return -1;
	if (udp && !check)
		return 0;
	changed = csum_apply(check, rewrite->addr_diff + rewrite->port_diff);
	if (udp && !changed)
		changed = 0xffff;
	*diff += csum_word_diff(check, changed);
	return bpf_skb_store_bytes(ctx, at, &changed, sizeof(changed), 0);
}

struct quoted4 {
	__u16 check;
	__be32 src;
	__be32 dst;
} __attribute__((packed));

/* Writes the quote, and the ICMP checksum over it. */
int icmp_write_quote(CTX *ctx);

__noinline int icmp_write_quote(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	const struct rewrite *rewrite;
	__u32 at, check;
	__u64 diff;
	int error;

	if (!scratch)
		return -1;
	rewrite = &scratch->rewrite;
	diff = rewrite->addr_diff;
	at = scratch->icmp.at + sizeof(struct icmp_header);
	check = scratch->icmp.at + offsetof(struct icmp_header, check);
	if (scratch->packet.family == L4GATE_IPV4) {
		struct quoted4 quoted = {
			.check = csum_apply(scratch->icmp.quoted_check,
					    rewrite->addr_diff),
			.src = rewrite->dst.w[0],
			.dst = rewrite->src.w[0],
		};

		diff += csum_word_diff(scratch->icmp.quoted_check,
				       quoted.check);
		error = bpf_skb_store_bytes(ctx, at +
					    offsetof(struct iphdr, check),
					    &quoted, sizeof(quoted), 0);
	} else {
		struct l4gate_addr quoted[2] = { rewrite->dst, rewrite->src };

		error = bpf_skb_store_bytes(ctx, at +
					    offsetof(struct ipv6hdr, saddr),
					    quoted, sizeof(quoted), 0);
	}
	error |= icmp_write_l4(ctx, scratch, &diff);
	return error | bpf_l4_csum_replace(ctx, check, 0, csum_fold64(diff), 0);
}

/*
 * Who sends the error. A router keeps its address. If it is the other end itself, it
 * gets the name that this side knows it by.
 */
static __always_inline const struct l4gate_addr *
icmp_source(const struct scratch *scratch)
{
	return addr_equal(&scratch->icmp.src, &scratch->icmp.far) ?
	       &scratch->rewrite.src : &scratch->icmp.src;
}

static __always_inline int icmp_write_outer4(CTX *ctx, struct scratch *scratch)
{
	const struct l4gate_addr *source = icmp_source(scratch);
	struct heads4 heads = {
		.ttl = scratch->packet.ttl - scratch->rewrite.routed,
		.protocol = IPPROTO_ICMP,
		.src = source->w[0],
		.dst = scratch->rewrite.dst.w[0],
	};
	__u64 diff = csum_word_diff(scratch->icmp.src.w[0], heads.src) +
		     csum_word_diff(scratch->icmp.dst.w[0], heads.dst) +
		     rewrite_ttl_diff(&scratch->rewrite);

	heads.check = csum_apply(scratch->icmp.ip_check, diff);
	return bpf_skb_store_bytes(ctx, L3_OFFSET + offsetof(struct iphdr, ttl),
				   &heads, offsetof(struct heads4, sport), 0);
}

static __always_inline int icmp_write_outer6(CTX *ctx, struct scratch *scratch)
{
	__u32 check = scratch->icmp.at + offsetof(struct icmp_header, check);
	const struct l4gate_addr *source = icmp_source(scratch);
	struct heads6 heads = {
		.hop_limit = scratch->packet.ttl - scratch->rewrite.routed,
		.src = *source,
		.dst = scratch->rewrite.dst,
	};
	__u64 diff = csum_addr_diff(&scratch->icmp.src, source, L4GATE_IPV6) +
		     csum_addr_diff(&scratch->icmp.dst, &scratch->rewrite.dst,
				    L4GATE_IPV6);

	if (replace_pseudo(ctx, check, true, csum_fold64(diff), 0))
		return -1;
	return bpf_skb_store_bytes(ctx, L3_OFFSET +
				   offsetof(struct ipv6hdr, hop_limit), &heads,
				   offsetof(struct heads6, sport), 0);
}

/* Writes all that changes in the error; 0, or negative. */
int icmp_translate(CTX *ctx);

__noinline int icmp_translate(CTX *ctx)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return -1;
	rewrite_diff(&scratch->rewrite, &scratch->packet);
	if (icmp_write_quote(ctx))
		return -1;
	return scratch->packet.family == L4GATE_IPV4 ?
	       icmp_write_outer4(ctx, scratch) :
	       icmp_write_outer6(ctx, scratch);
}

/*
 * Sends a translated error to a numbered next hop. None is answered by another (RFC
 * 1122 3.2.2). Global, for the verifier to look at it once.
 */
int icmp_send_to(CTX *ctx, __u32 hook, __u32 number, __u32 sent);

__noinline int icmp_send_to(CTX *ctx, __u32 hook, __u32 number, __u32 sent)
{
	const struct l4gate_nexthop *nexthop = nexthop_get(number);
	struct scratch *scratch = scratch_get();
	enum l4gate_reason reason;

	if (!scratch || !nexthop)
		return CTX_DROP;
	reason = check_way(ctx, &scratch->packet, nexthop, 0);
	if (reason != GO_ON)
		return leave(ctx, hook, reason, action_of(reason));
	scratch->rewrite.routed = nexthop->kind != L4GATE_NEXTHOP_LOCAL;
	if (icmp_translate(ctx))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	count_reason(ctx, hook, sent);
	return ctx_send(ctx, nexthop);
}

static __always_inline int icmp_send(CTX *ctx, enum l4gate_hook hook,
				     const struct l4gate_nexthop *nexthop,
				     enum l4gate_reason sent)
{
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_BUSY, CTX_DROP);
	return icmp_send_to(ctx, hook, nexthop->number, sent);
}

/* Of the dsr modes: the backend sent what is quoted, and gets all as it is. */
static __always_inline int icmp_send_whole(CTX *ctx, enum l4gate_hook hook,
					   struct scratch *scratch,
					   struct l4gate_backend *backend,
					   enum l4gate_mode mode)
{
	const struct packet *packet = &scratch->packet;
	struct l4gate_endpoint endpoint = { .mode = mode };
	struct direct direct = { .endpoint = &endpoint, .backend = backend };
	struct l4gate_nexthop *nexthop;
	enum l4gate_reason reason;
	__u32 overhead;

	nexthop = nexthop_of_backend(ctx, backend, packet);
	if (!nexthop)
		return leave(ctx, hook, L4GATE_DROP_BUSY, CTX_DROP);
	overhead = direct_overhead(mode, packet->family, nexthop);
	reason = direct_check_way(ctx, packet, &direct, nexthop, overhead);
	if (reason != GO_ON)
		return leave(ctx, hook, reason, action_of(reason));
	if (overhead && ctx_encap(ctx, packet, &nexthop->nat, &backend->addr,
				  scratch->icmp.hash))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	count_reason(ctx, hook, L4GATE_ICMP_TO_BACKEND);
	return ctx_send(ctx, nexthop);
}

/*
 * icmp_tunnel.h: an error about a packet in another one becomes one about what it
 * carried. QUOTED_*.
 */
int icmp_unwrap(CTX *ctx, __u32 half);

/* An ICMP packet that came in; an action. Global, for the verifier. */
int icmp_ingress(CTX *ctx, __u32 hook);

__noinline int icmp_ingress(CTX *ctx, __u32 hook)
{
	struct scratch *scratch = scratch_get();
	struct l4gate_backend *backend;
	__u32 half = config_half();
	int type, quoted, mode;

	if (!scratch)
		return CTX_PASS;
	type = icmp_read(ctx);
	if (icmp_is_echo(scratch->packet.family, type))
		return icmp_echo(ctx, hook, half);
	if (scratch->packet.family == L4GATE_IPV6 && type == ND_SOLICITATION)
		return announce_nd(ctx);
	if (type < 0 || !icmp_is_error(scratch->packet.family, type))
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	quoted = icmp_read_quote(ctx, 0);
	if (quoted == QUOTED_TUNNEL)
		quoted = icmp_unwrap(ctx, half);
	if (quoted == QUOTED_BROKEN)
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	if (quoted != QUOTED_L4 && quoted != QUOTED_CLIENT)
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	if (quoted == QUOTED_CLIENT || icmp_find_client(half, false))
		return icmp_send(ctx, hook,
				 nexthop_find(ctx, &scratch->rewrite.dst,
					      &scratch->packet),
				 L4GATE_ICMP_TO_CLIENT);
	mode = icmp_find_backend(half) - 1;
	backend = backend_get(scratch->icmp.backend);
	if (mode < 0 || !backend)
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	if (mode == L4GATE_MODE_DSR_L2 || mode == L4GATE_MODE_DSR_IPIP)
		return icmp_send_whole(ctx, hook, scratch, backend, mode);
	return icmp_send(ctx, hook,
			 nexthop_of_backend(ctx, backend, &scratch->packet),
			 L4GATE_ICMP_TO_BACKEND);
}

/*
 * An ICMP packet that this node sends out: of a backend on the node, about what a
 * client sent. Another is not even counted.
 */
int icmp_egress(CTX *ctx);

__noinline int icmp_egress(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	int type;

	if (!scratch)
		return CTX_PASS;
	type = icmp_read(ctx);
	if (type < 0 || !icmp_is_error(scratch->packet.family, type) ||
	    icmp_read_quote(ctx, 0) != QUOTED_L4 ||
	    !icmp_find_client(config_half(), true))
		return CTX_PASS;
	scratch->rewrite.routed = false;
	if (icmp_translate(ctx))
		return leave(ctx, L4GATE_HOOK_TC_EGRESS, L4GATE_DROP_WRITE,
			     CTX_DROP);
	count_reason(ctx, L4GATE_HOOK_TC_EGRESS, L4GATE_ICMP_TO_CLIENT);
	return CTX_PASS;
}

#endif /* L4GATE_BPF_ICMP_SKB_H */
