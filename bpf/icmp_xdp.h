/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ICMP at XDP: what may be an error about a flow is left to TC (icmp_skb.h). */
#ifndef L4GATE_BPF_ICMP_XDP_H
#define L4GATE_BPF_ICMP_XDP_H

#include "forward.h"
#include "icmp.h"

/* An ICMP packet that came in; an action. */
static __always_inline int icmp_ingress(CTX *ctx, enum l4gate_hook hook)
{
	void *l3 = ctx_data(ctx) + L3_OFFSET, *end = ctx_data_end(ctx);
	enum l4gate_reason reason = L4GATE_NOT_OURS;
	struct ethhdr *eth = ctx_data(ctx);
	struct icmp_header *icmp;
	struct iphdr *ip = l3;

	if ((void *)(ip + 1) > end)
		return leave(ctx, hook, reason, CTX_PASS);
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		icmp = l3 + sizeof(struct iphdr);
		/* With options, its type is elsewhere. */
		if (ip->ihl > 5 || ((void *)(icmp + 1) <= end &&
				    icmp_is_error(L4GATE_IPV4, icmp->type)))
			reason = L4GATE_DEFER_ICMP;
	} else {
		icmp = l3 + sizeof(struct ipv6hdr);
		if ((void *)(icmp + 1) <= end &&
		    icmp_is_error(L4GATE_IPV6, icmp->type))
			reason = L4GATE_DEFER_ICMP;
	}
	return leave(ctx, hook, reason, CTX_PASS);
}

/* Nothing goes out through XDP: for process.h alone. */
static __always_inline int icmp_egress(CTX *ctx)
{
	(void)ctx;
	return CTX_PASS;
}

#endif /* L4GATE_BPF_ICMP_XDP_H */
