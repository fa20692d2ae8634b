/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Active rejection: a RST for TCP, a port unreachable for UDP, sent back the way
 * the packet came, within a budget for each CPU.
 */
#ifndef L4GATE_BPF_REJECT_H
#define L4GATE_BPF_REJECT_H

#include "clock.h"
#include "count.h"
#include "icmp.h"
#include "scratch.h"

#define REPLY_TTL 64

/*
 * Bytes quoted of the offending packet, behind its IP header: the eight that
 * every stack needs to find the socket (RFC 792; RFC 4443 would like more, as
 * much as fits). Of TCP its whole header: the kernel does not cut an skb with
 * CHECKSUM_PARTIAL in front of its checksum (bpf_skb_change_tail(): EINVAL).
 */
#define QUOTE_L4 8
#define QUOTE_MORE ((int)sizeof(struct tcphdr) - QUOTE_L4)

/* Headers of replies. The pad aligns what follows Ethernet's 14 bytes. */
#define HEADER_SIZE(reply) (sizeof(reply) - offsetof(typeof(reply), eth))

struct rst4 {
	__u16 pad;
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
};

struct rst6 {
	__u16 pad;
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct tcphdr tcp;
};

struct error4 {
	__u16 pad;
	struct ethhdr eth;
	struct iphdr ip;
	struct icmp_header icmp;
};

struct error6 {
	__u16 pad;
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct icmp_header icmp;
};

/* Of the pseudo header (RFC 793, RFC 8200 section 8.1); length in host order. */
static __always_inline __u64 csum_pseudo(const struct l4gate_addr *src,
					 const struct l4gate_addr *dst,
					 __u8 protocol, __u16 length)
{
	/* Of IPv4's addresses the rest is zero. */
	return (__u64)bpf_htons(length) + bpf_htons(protocol) +
	       csum_bytes(src, sizeof(*src)) + csum_bytes(dst, sizeof(*dst));
}

/* Takes a token, or refuses. */
static __always_inline bool budget_take(enum l4gate_budget_kind kind)
{
	__u64 now = bpf_jiffies64(), elapsed;
	struct l4gate_budget *budget;
	__u32 key = kind;

	budget = bpf_map_lookup_elem(&l4gate_budgets, &key);
	if (!budget)
		return false;
	elapsed = now - budget->jiffies;
	if (elapsed) {
		budget->jiffies = now;
		if (elapsed > budget_burst[kind])
			elapsed = budget_burst[kind];
		budget->tokens += elapsed * budget_rate[kind];
		if (budget->tokens > budget_burst[kind])
			budget->tokens = budget_burst[kind];
	}
	if (!budget->tokens)
		return false;
	budget->tokens--;
	return true;
}

static __always_inline void reply_eth(struct ethhdr *to,
				      const struct ethhdr *from)
{
	copy(to->h_dest, from->h_source, ETH_ALEN);
	copy(to->h_source, from->h_dest, ETH_ALEN);
	to->h_proto = from->h_proto;
}

static __always_inline void reply_ipv4(struct iphdr *ip,
				       const struct l4gate_addr *src,
				       const struct l4gate_addr *dst,
				       __u8 protocol, __u16 length)
{
	zero(ip, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(length);
	ip->frag_off = bpf_htons(0x4000);	/* DF: an ID of 0 is fine, RFC 6864 */
	ip->ttl = REPLY_TTL;
	ip->protocol = protocol;
	ip->saddr = src->w[0];
	ip->daddr = dst->w[0];
	ip->check = csum_finish(csum_bytes(ip, sizeof(*ip)));
}

static __always_inline void reply_ipv6(struct ipv6hdr *ip,
				       const struct l4gate_addr *src,
				       const struct l4gate_addr *dst,
				       __u8 protocol, __u16 payload)
{
	zero(ip, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = REPLY_TTL;
	copy(&ip->saddr, src, sizeof(*src));
	copy(&ip->daddr, dst, sizeof(*dst));
}

/*
 * RFC 9293 section 3.10.7.1: the RST takes its sequence number from the ACK, or
 * is 0 and acknowledges all that the segment occupies.
 */
static __always_inline void reply_rst(struct tcphdr *rst,
				      const struct tcphdr *tcp,
				      const struct packet *packet)
{
	__u32 header = tcp->doff * 4;
	__u32 payload = packet->l3_length + L3_OFFSET - packet->l4 - header;

	zero(rst, sizeof(*rst));
	rst->source = packet->dport;
	rst->dest = packet->sport;
	rst->doff = sizeof(*rst) / 4;
	rst->rst = 1;
	if (packet->tcp_flags & TCP_ACK) {
		rst->seq = tcp->ack_seq;
	} else {
		rst->ack = 1;
		rst->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + payload +
					 !!(packet->tcp_flags & TCP_SYN) +
					 !!(packet->tcp_flags & TCP_FIN));
	}
	rst->check = csum_finish(csum_bytes(rst, sizeof(*rst)) +
				 csum_pseudo(&packet->src, &packet->dst,
					     IPPROTO_TCP, sizeof(*rst)));
}

/*
 * Turn the packet in scratch into what answers it; an action. Each in a frame of its
 * own: in one, clang 19 gives each reply its own place on the stack, and with the
 * caller's that is more than there is ("combined stack size of 2 calls is 640").
 */
int reject_tcp4(CTX *ctx);

__noinline int reject_tcp4(CTX *ctx)
{
	const struct scratch *scratch = scratch_get();
	void *end = ctx_data_end(ctx);
	struct ethhdr *eth = ctx_data(ctx);
	const struct packet *packet;
	struct tcphdr *tcp;
	struct rst4 rst;

	if (!scratch)
		return CTX_DROP;
	packet = &scratch->packet;
	tcp = packet_l4(ctx, packet);
	if ((void *)(eth + 1) > end || (void *)(tcp + 1) > end)
		return CTX_DROP;
	reply_eth(&rst.eth, eth);
	reply_rst(&rst.tcp, tcp, packet);
	reply_ipv4(&rst.ip, &packet->dst, &packet->src, IPPROTO_TCP,
		   sizeof(rst.ip) + sizeof(rst.tcp));
	return ctx_make_reply(ctx, HEADER_SIZE(rst), 0, &rst.eth,
			      HEADER_SIZE(rst));
}

int reject_tcp6(CTX *ctx);

__noinline int reject_tcp6(CTX *ctx)
{
	const struct scratch *scratch = scratch_get();
	void *end = ctx_data_end(ctx);
	struct ethhdr *eth = ctx_data(ctx);
	const struct packet *packet;
	struct tcphdr *tcp;
	struct rst6 rst;

	if (!scratch)
		return CTX_DROP;
	packet = &scratch->packet;
	tcp = packet_l4(ctx, packet);
	if ((void *)(eth + 1) > end || (void *)(tcp + 1) > end)
		return CTX_DROP;
	reply_eth(&rst.eth, eth);
	reply_rst(&rst.tcp, tcp, packet);
	reply_ipv6(&rst.ip, &packet->dst, &packet->src, IPPROTO_TCP,
		   sizeof(rst.tcp));
	return ctx_make_reply(ctx, HEADER_SIZE(rst), 0, &rst.eth,
			      HEADER_SIZE(rst));
}

/* What is quoted of a packet: its length and its sum. */
struct quote {
	__u32 length;
	__u64 sum;
};

/* header: size of the IP header, constant. False: the packet is shorter. */
static __always_inline bool quote_packet(CTX *ctx, const struct packet *packet,
					 int header, struct quote *quote)
{
	void *l3 = ctx_data(ctx) + L3_OFFSET, *end = ctx_data_end(ctx);
	const int usual = header + QUOTE_L4;

	if (l3 + usual > end)
		return false;
	quote->length = usual;
	quote->sum = csum_bytes(l3, usual);
	if (packet->protocol != IPPROTO_TCP)
		return true;
	if (l3 + usual + QUOTE_MORE > end)
		return false;
	quote->length += QUOTE_MORE;
	quote->sum += csum_bytes(l3 + usual, QUOTE_MORE);
	return true;
}

/* An error from an address (of IPv6 in two halves) to who sent the packet. */
int icmp_error4(CTX *ctx, __u32 type_code, __u32 rest, __be32 from);

__noinline int icmp_error4(CTX *ctx, __u32 type_code, __u32 rest, __be32 from)
{
	const struct scratch *scratch = scratch_get();
	struct ethhdr *eth = ctx_data(ctx);
	const struct packet *packet;
	const struct l4gate_addr source = { { from } };
	struct error4 reply;
	struct quote quote;

	if (!scratch)
		return CTX_DROP;
	packet = &scratch->packet;
	/* A quote with options would have another size: answered by silence. */
	if (packet->l4 != L3_OFFSET + sizeof(struct iphdr) ||
	    (void *)(eth + 1) > ctx_data_end(ctx) ||
	    !quote_packet(ctx, packet, sizeof(struct iphdr), &quote))
		return CTX_DROP;
	reply_eth(&reply.eth, eth);
	reply_ipv4(&reply.ip, &source, &packet->src, IPPROTO_ICMP,
		   sizeof(reply.ip) + sizeof(reply.icmp) + quote.length);
	reply.icmp.type = type_code >> 8;
	reply.icmp.code = type_code;
	reply.icmp.check = 0;
	reply.icmp.rest = bpf_htonl(rest);
	reply.icmp.check =
		csum_finish(csum_bytes(&reply.icmp, sizeof(reply.icmp)) +
			    quote.sum);
	return ctx_make_reply(ctx, L3_OFFSET + quote.length,
			      sizeof(reply.ip) + sizeof(reply.icmp),
			      &reply.eth, HEADER_SIZE(reply));
}

int icmp_error6(CTX *ctx, __u32 type_code, __u32 rest, __u64 upper,
		__u64 lower);

__noinline int icmp_error6(CTX *ctx, __u32 type_code, __u32 rest, __u64 upper,
			   __u64 lower)
{
	const struct scratch *scratch = scratch_get();
	struct ethhdr *eth = ctx_data(ctx);
	const struct packet *packet;
	const struct l4gate_addr source = { {
		upper >> 32, upper, lower >> 32, lower,
	} };
	struct error6 reply;
	struct quote quote;

	if (!scratch)
		return CTX_DROP;
	packet = &scratch->packet;
	/* Nor does a quote hold extension headers. */
	if (packet->l4 != L3_OFFSET + sizeof(struct ipv6hdr) ||
	    (void *)(eth + 1) > ctx_data_end(ctx) ||
	    !quote_packet(ctx, packet, sizeof(struct ipv6hdr), &quote))
		return CTX_DROP;
	reply_eth(&reply.eth, eth);
	reply_ipv6(&reply.ip, &source, &packet->src, IPPROTO_ICMPV6,
		   sizeof(reply.icmp) + quote.length);
	reply.icmp.type = type_code >> 8;
	reply.icmp.code = type_code;
	reply.icmp.check = 0;
	reply.icmp.rest = bpf_htonl(rest);
	reply.icmp.check =
		csum_finish(csum_bytes(&reply.icmp, sizeof(reply.icmp)) +
			    quote.sum +
			    csum_pseudo(&source, &packet->src, IPPROTO_ICMPV6,
					sizeof(reply.icmp) + quote.length));
	return ctx_make_reply(ctx, L3_OFFSET + quote.length,
			      sizeof(reply.ip) + sizeof(reply.icmp),
			      &reply.eth, HEADER_SIZE(reply));
}

/* An error of either family; an action. */
static __always_inline int icmp_error(CTX *ctx, const struct packet *packet,
				      const struct l4gate_addr *source,
				      __u32 type4, __u32 type6, __u32 rest)
{
	if (packet->family == L4GATE_IPV4)
		return icmp_error4(ctx, type4, rest, source->w[0]);
	return icmp_error6(ctx, type6, rest, addr_upper(source),
			   addr_lower(source));
}

/* Answers a packet from a client that won't be served; counts; an action. */
static __always_inline int reject(CTX *ctx, enum l4gate_hook hook,
				  const struct packet *packet,
				  enum l4gate_reason reason)
{
	bool tcp = packet->protocol == IPPROTO_TCP;

	/* Never answer a RST: two ends could do so for ever (RFC 9293 3.10.7.1). */
	if (tcp && (packet->tcp_flags & TCP_RST)) {
		count_reason(ctx, hook, L4GATE_DROP_RST_NO_FLOW);
		return CTX_DROP;
	}
	if (!budget_take(tcp ? L4GATE_BUDGET_RST : L4GATE_BUDGET_ICMP)) {
		count_reason(ctx, hook, L4GATE_DROP_REJECT_LIMIT);
		return CTX_DROP;
	}
	count_reason(ctx, hook, reason);
	if (!tcp)
		return icmp_error(ctx, packet, &packet->dst,
				  ICMPV4_PORT_UNREACHABLE,
				  ICMPV6_PORT_UNREACHABLE, 0);
	return packet->family == L4GATE_IPV4 ? reject_tcp4(ctx) :
					       reject_tcp6(ctx);
}

/* Answers a packet that is too big for its way on with the MTU that it has. */
static __always_inline int tell_too_big(CTX *ctx, enum l4gate_hook hook,
					const struct packet *packet, __u32 mtu)
{
	if (!budget_take(L4GATE_BUDGET_ICMP)) {
		count_reason(ctx, hook, L4GATE_DROP_TOO_BIG);
		return CTX_DROP;
	}
	count_reason(ctx, hook, L4GATE_TOLD_TOO_BIG);
	return icmp_error(ctx, packet, &packet->dst, ICMPV4_FRAG_NEEDED,
			  ICMPV6_TOO_BIG, mtu);
}

/*
 * Answers a packet whose TTL or hop limit is used up, from an address of the device
 * that it came in by (RFC 1812 section 4.3.2.4), so that traceroute shows us.
 */
static __always_inline int tell_ttl(CTX *ctx, enum l4gate_hook hook,
				    const struct packet *packet)
{
	__u32 ifindex = ctx_ifindex(ctx);
	const struct l4gate_addr *source = NULL;
	struct l4gate_device *device;

	device = bpf_map_lookup_elem(&l4gate_devices, &ifindex);
	if (device)
		source = packet->family == L4GATE_IPV4 ?
			 &device->addr[L4GATE_IPV4] :
			 &device->addr[L4GATE_IPV6];
	if (!source || !(addr_upper(source) | addr_lower(source)) ||
	    !budget_take(L4GATE_BUDGET_ICMP)) {
		count_reason(ctx, hook, L4GATE_DROP_TTL);
		return CTX_DROP;
	}
	count_reason(ctx, hook, L4GATE_TOLD_TTL);
	return icmp_error(ctx, packet, source, ICMPV4_TIME_EXCEEDED,
			  ICMPV6_TIME_EXCEEDED, 0);
}

#endif /* L4GATE_BPF_REJECT_H */
