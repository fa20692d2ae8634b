// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The fast path: what it is not sure of goes on to TC as it came. */
#include "ctx_xdp.h"

#include "icmp_xdp.h"
#include "process.h"

SEC("xdp")
int l4gate_xdp(struct xdp_md *ctx)
{
	return process_ingress(ctx, L4GATE_HOOK_XDP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
