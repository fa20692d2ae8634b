/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Echo requests to addresses that listeners have and no interface: nobody else would
 * answer them. At TC, within the budget for ICMP.
 */
#ifndef L4GATE_BPF_ICMP_ECHO_H
#define L4GATE_BPF_ICMP_ECHO_H

#include "endpoint.h"
#include "forward.h"
#include "icmp.h"

static __always_inline bool icmp_is_echo(__u8 family, int type)
{
	return type == (family == L4GATE_IPV4 ? ICMPV4_ECHO_REQUEST >> 8 :
						ICMPV6_ECHO_REQUEST >> 8);
}

static __always_inline int echo_swap_macs(CTX *ctx)
{
	__u8 from[2 * ETH_ALEN], to[2 * ETH_ALEN];

	if (bpf_skb_load_bytes(ctx, 0, from, sizeof(from)))
		return -1;
	copy(to, from + ETH_ALEN, ETH_ALEN);
	copy(to + ETH_ALEN, from, ETH_ALEN);
	return bpf_skb_store_bytes(ctx, 0, to, sizeof(to), 0);
}

/* The sum over the addresses stays: they change places. */
static __always_inline int echo_write4(CTX *ctx, const struct scratch *scratch)
{
	struct heads4 heads = {
		.ttl = REPLY_TTL,
		.protocol = IPPROTO_ICMP,
		.check = csum_apply(scratch->icmp.ip_check, csum_word_diff(
			bpf_htons(scratch->packet.ttl << 8),
			bpf_htons(REPLY_TTL << 8))),
		.src = scratch->icmp.dst.w[0],
		.dst = scratch->icmp.src.w[0],
	};

	return bpf_skb_store_bytes(ctx, L3_OFFSET + offsetof(struct iphdr, ttl),
				   &heads, offsetof(struct heads4, sport), 0);
}

static __always_inline int echo_write6(CTX *ctx, const struct scratch *scratch)
{
	struct heads6 heads = {
		.hop_limit = REPLY_TTL,
		.src = scratch->icmp.dst,
		.dst = scratch->icmp.src,
	};

	return bpf_skb_store_bytes(ctx, L3_OFFSET +
				   offsetof(struct ipv6hdr, hop_limit), &heads,
				   offsetof(struct heads6, sport), 0);
}

static __always_inline int echo_write(CTX *ctx, const struct scratch *scratch)
{
	bool v4 = scratch->packet.family == L4GATE_IPV4;
	__u32 at = scratch->icmp.at;
	__u16 from = v4 ? bpf_htons(ICMPV4_ECHO_REQUEST) :
			  bpf_htons(ICMPV6_ECHO_REQUEST);
	__u16 to = v4 ? bpf_htons(ICMPV4_ECHO_REPLY) :
			bpf_htons(ICMPV6_ECHO_REPLY);

	return echo_swap_macs(ctx) |
	       (v4 ? echo_write4(ctx, scratch) : echo_write6(ctx, scratch)) |
	       bpf_skb_store_bytes(ctx, at, &to, sizeof(to), 0) |
	       bpf_l4_csum_replace(ctx, at + offsetof(struct icmp_header, check),
				   0, csum_fold64(csum_word_diff(from, to)), 0);
}

/* Answers the echo request in scratch->icmp, if it is for us to; an action. */
int icmp_echo(CTX *ctx, __u32 hook, __u32 half);

__noinline int icmp_echo(CTX *ctx, __u32 hook, __u32 half)
{
	struct scratch *scratch = scratch_get();
	const struct l4gate_addr *to;
	__be16 type_code;

	if (!scratch)
		return CTX_PASS;
	to = &scratch->icmp.dst;
	if (!(address_flags(scratch->packet.family, addr_upper(to),
			    addr_lower(to), half) & L4GATE_ADDRESS_F_ECHO) ||
	    bpf_skb_load_bytes(ctx, scratch->icmp.at, &type_code,
			       sizeof(type_code)) ||
	    type_code & bpf_htons(0xff))
		return leave(ctx, hook, L4GATE_NOT_OURS, CTX_PASS);
	if (!budget_take(L4GATE_BUDGET_ICMP))
		return leave(ctx, hook, L4GATE_DROP_REJECT_LIMIT, CTX_DROP);
	if (echo_write(ctx, scratch))
		return leave(ctx, hook, L4GATE_DROP_WRITE, CTX_DROP);
	count_reason(ctx, hook, L4GATE_ANSWER_ECHO);
	return bpf_redirect(ctx->ifindex, 0);
}

#endif /* L4GATE_BPF_ICMP_ECHO_H */
