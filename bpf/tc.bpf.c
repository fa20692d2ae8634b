// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The complete path: on its own, behind XDP, and for backends on this node. */
#include "ctx_skb.h"

#include "fragment.h"
#include "icmp_skb.h"
#include "icmp_tunnel.h"
#include "process.h"

SEC("tc")
int l4gate_ingress(struct __sk_buff *ctx)
{
	return process_ingress(ctx, L4GATE_HOOK_TC_INGRESS);
}

SEC("tc")
int l4gate_egress(struct __sk_buff *ctx)
{
	return process_egress(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
