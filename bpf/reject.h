/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Active rejection: a RST for TCP, a port unreachable for UDP, sent back the way
 * the packet came, within a budget for each CPU.
 */
#ifndef L4GATE_BPF_REJECT_H
#define L4GATE_BPF_REJECT_H

#include "clock.h"
#include "count.h"
#include "rewrite.h"

#define REPLY_TTL 64

/*
 * Bytes quoted of the offending UDP packet: its IP header and the eight bytes
 * that every stack needs to find the socket (RFC 792; RFC 4443 would like more,
 * as much as fits).
 */
#define QUOTE_L4 8

/* <linux/icmp.h> drags in libc; both versions begin alike (RFC 792, 4443). */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 unused;
};

#define ICMPV4_UNREACHABLE 3
#define ICMPV4_PORT 3
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PORT 4

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

struct unreach4 {
	__u16 pad;
	struct ethhdr eth;
	struct iphdr ip;
	struct icmp_header icmp;
};

struct unreach6 {
	__u16 pad;
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct icmp_header icmp;
};

/*
 * Sum over size bytes (constant, a multiple of four), not folded. By 32 bits:
 * clang 19 loads all words first, and more of them would not fit on the stack.
 */
static __always_inline __u64 csum_bytes(const void *bytes, int size)
{
	const __u32 *word = bytes;
	__u64 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < size / 4; i++)
		sum += word[i];
	return sum;
}

static __always_inline __u16 csum_finish(__u64 sum)
{
	return csum_apply(0xffff, csum_fold64(sum));
}

/* Of the pseudo header (RFC 793, RFC 8200 section 8.1); length in host order. */
static __always_inline __u64 csum_pseudo(const struct packet *packet,
					 __u8 protocol, __u16 length)
{
	__u64 sum = bpf_htons(length) + bpf_htons(protocol);

	if (packet->family == L4GATE_IPV4)
		return sum + packet->src.w[0] + packet->dst.w[0];
	return sum + csum_bytes(&packet->src, sizeof(packet->src)) +
	       csum_bytes(&packet->dst, sizeof(packet->dst));
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
				       const struct packet *packet,
				       __u8 protocol, __u16 length)
{
	zero(ip, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(length);
	ip->frag_off = bpf_htons(0x4000);	/* DF: an ID of 0 is fine, RFC 6864 */
	ip->ttl = REPLY_TTL;
	ip->protocol = protocol;
	ip->saddr = packet->dst.w[0];
	ip->daddr = packet->src.w[0];
	ip->check = csum_finish(csum_bytes(ip, sizeof(*ip)));
}

static __always_inline void reply_ipv6(struct ipv6hdr *ip,
				       const struct packet *packet,
				       __u8 protocol, __u16 payload)
{
	zero(ip, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = REPLY_TTL;
	copy(&ip->saddr, &packet->dst, sizeof(packet->dst));
	copy(&ip->daddr, &packet->src, sizeof(packet->src));
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
				 csum_pseudo(packet, IPPROTO_TCP,
					     sizeof(*rst)));
}

/*
 * Turn a packet into what answers it; an action. Each in a frame of its own: in
 * one, clang 19 gives each reply its own place on the stack, and with the caller's
 * that is more than there is ("combined stack size of 2 calls is 640").
 */
static __noinline int reject_tcp4(CTX *ctx, const struct packet *packet)
{
	void *end = ctx_data_end(ctx);
	struct ethhdr *eth = ctx_data(ctx);
	struct tcphdr *tcp;
	struct rst4 rst;

	if (!packet)
		return CTX_DROP;
	tcp = packet_l4(ctx, packet);
	if ((void *)(eth + 1) > end || (void *)(tcp + 1) > end)
		return CTX_DROP;
	reply_eth(&rst.eth, eth);
	reply_rst(&rst.tcp, tcp, packet);
	reply_ipv4(&rst.ip, packet, IPPROTO_TCP,
		   sizeof(rst.ip) + sizeof(rst.tcp));
	return ctx_make_reply(ctx, HEADER_SIZE(rst), 0, &rst.eth,
			      HEADER_SIZE(rst));
}

static __noinline int reject_tcp6(CTX *ctx, const struct packet *packet)
{
	void *end = ctx_data_end(ctx);
	struct ethhdr *eth = ctx_data(ctx);
	struct tcphdr *tcp;
	struct rst6 rst;

	if (!packet)
		return CTX_DROP;
	tcp = packet_l4(ctx, packet);
	if ((void *)(eth + 1) > end || (void *)(tcp + 1) > end)
		return CTX_DROP;
	reply_eth(&rst.eth, eth);
	reply_rst(&rst.tcp, tcp, packet);
	reply_ipv6(&rst.ip, packet, IPPROTO_TCP, sizeof(rst.tcp));
	return ctx_make_reply(ctx, HEADER_SIZE(rst), 0, &rst.eth,
			      HEADER_SIZE(rst));
}

static __noinline int reject_udp4(CTX *ctx, const struct packet *packet)
{
	const __u32 quote = sizeof(struct iphdr) + QUOTE_L4;
	struct ethhdr *eth = ctx_data(ctx);
	void *l3 = eth + 1;
	struct unreach4 reply;

	/* A quote with options would have another size: answered by silence. */
	if (!packet || packet->l4 != L3_OFFSET + sizeof(struct iphdr) ||
	    l3 + quote > ctx_data_end(ctx))
		return CTX_DROP;
	reply_eth(&reply.eth, eth);
	reply_ipv4(&reply.ip, packet, IPPROTO_ICMP,
		   sizeof(reply.ip) + sizeof(reply.icmp) + quote);
	zero(&reply.icmp, sizeof(reply.icmp));
	reply.icmp.type = ICMPV4_UNREACHABLE;
	reply.icmp.code = ICMPV4_PORT;
	reply.icmp.check =
		csum_finish(csum_bytes(&reply.icmp, sizeof(reply.icmp)) +
			    csum_bytes(l3, quote));
	return ctx_make_reply(ctx, L3_OFFSET + quote,
			      sizeof(reply.ip) + sizeof(reply.icmp),
			      &reply.eth, HEADER_SIZE(reply));
}

static __noinline int reject_udp6(CTX *ctx, const struct packet *packet)
{
	const __u32 quote = sizeof(struct ipv6hdr) + QUOTE_L4;
	struct ethhdr *eth = ctx_data(ctx);
	void *l3 = eth + 1;
	struct unreach6 reply;

	if (!packet || l3 + quote > ctx_data_end(ctx))
		return CTX_DROP;
	reply_eth(&reply.eth, eth);
	reply_ipv6(&reply.ip, packet, IPPROTO_ICMPV6,
		   sizeof(reply.icmp) + quote);
	zero(&reply.icmp, sizeof(reply.icmp));
	reply.icmp.type = ICMPV6_UNREACHABLE;
	reply.icmp.code = ICMPV6_PORT;
	reply.icmp.check =
		csum_finish(csum_bytes(&reply.icmp, sizeof(reply.icmp)) +
			    csum_bytes(l3, quote) +
			    csum_pseudo(packet, IPPROTO_ICMPV6,
					sizeof(reply.icmp) + quote));
	return ctx_make_reply(ctx, L3_OFFSET + quote,
			      sizeof(reply.ip) + sizeof(reply.icmp),
			      &reply.eth, HEADER_SIZE(reply));
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
	if (packet->family == L4GATE_IPV4)
		return tcp ? reject_tcp4(ctx, packet) :
			     reject_udp4(ctx, packet);
	return tcp ? reject_tcp6(ctx, packet) : reject_udp6(ctx, packet);
}

#endif /* L4GATE_BPF_REJECT_H */
