/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where an address is reached. The kernel's FIB knows; asking it costs 112 ns,
 * so each CPU remembers its answers for a second: a changed route or neighbour
 * is noticed within that time. An answer that is not final (a neighbour being
 * resolved) is not remembered at all.
 */
#ifndef L4GATE_BPF_NEXTHOP_H
#define L4GATE_BPF_NEXTHOP_H

#include "config.h"
#include "l4gate/hash.h"
#include "maps.h"

#define AF_INET 2
#define AF_INET6 10

static __always_inline enum l4gate_nexthop_kind
nexthop_kind(long fib, const struct l4gate_device *device)
{
	switch (fib) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		if (!device)
			return L4GATE_NEXTHOP_UNATTACHED;
		return device->flags & L4GATE_DEVICE_F_XDP ?
		       L4GATE_NEXTHOP_XDP : L4GATE_NEXTHOP_TC;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return device ? L4GATE_NEXTHOP_TC : L4GATE_NEXTHOP_UNATTACHED;
	/*
	 * An address of this node, or (the kernel's answer is the same) none
	 * that it has a route for; with forwarding off it does not even look.
	 * The stack will know.
	 */
	case BPF_FIB_LKUP_RET_NOT_FWDED:
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return L4GATE_NEXTHOP_LOCAL;
	default:
		return L4GATE_NEXTHOP_UNREACHABLE;
	}
}

/*
 * Asks the FIB about an address, of which these are the halves, and fills a CPU's
 * entry. Global, for the verifier to look at it once; so it has no pointers.
 */
int nexthop_ask(CTX *ctx, __u32 key, __u32 family, __u64 upper, __u64 lower);

__noinline int nexthop_ask(CTX *ctx, __u32 key, __u32 family, __u64 upper,
			   __u64 lower)
{
	struct l4gate_addr addr = { {
		upper >> 32, upper, lower >> 32, lower,
	} };
	struct bpf_fib_lookup params = {};
	struct l4gate_nexthop *nexthop;
	struct l4gate_device *device;
	__u32 ifindex;
	long fib;

	nexthop = bpf_map_lookup_elem(&l4gate_nexthops, &key);
	if (!nexthop)
		return 0;
	params.ifindex = ctx_ifindex(ctx);
	if (family == L4GATE_IPV4) {
		params.family = AF_INET;
		params.ipv4_dst = addr.w[0];
	} else {
		params.family = AF_INET6;
		copy(params.ipv6_dst, &addr, sizeof(addr));
	}
	fib = bpf_fib_lookup(ctx, &params, sizeof(params), 0);

	ifindex = params.ifindex;
	device = bpf_map_lookup_elem(&l4gate_devices, &ifindex);
	zero(nexthop, sizeof(*nexthop));
	nexthop->addr = addr;
	nexthop->family = family;
	nexthop->ifindex = ifindex;
	nexthop->kind = nexthop_kind(fib, device);
	if (fib != BPF_FIB_LKUP_RET_NO_NEIGH)
		nexthop->jiffies = bpf_jiffies64();
	if (device) {
		nexthop->mtu = device->mtu;
		nexthop->nat = family == L4GATE_IPV4 ?
			       device->addr[L4GATE_IPV4] :
			       device->addr[L4GATE_IPV6];
		nexthop->source = family == L4GATE_IPV4 ?
				  device->source[L4GATE_IPV4] :
				  device->source[L4GATE_IPV6];
	}
	/* The FIB replaced the address by that of a router, if there is one. */
	if (params.family == AF_INET) {
		nexthop->gateway_family = L4GATE_IPV4;
		nexthop->gateway.w[0] = params.ipv4_dst;
	} else {
		nexthop->gateway_family = L4GATE_IPV6;
		copy(&nexthop->gateway, params.ipv6_dst,
		     sizeof(nexthop->gateway));
	}
	copy(nexthop->smac, params.smac, sizeof(nexthop->smac));
	copy(nexthop->dmac, params.dmac, sizeof(nexthop->dmac));
	return 0;
}

static __always_inline bool nexthop_is(const struct l4gate_nexthop *nexthop,
				       const struct l4gate_addr *addr,
				       __u8 family)
{
	if (nexthop->family != family ||
	    bpf_jiffies64() - nexthop->jiffies > nexthop_lifetime)
		return false;
	return !((nexthop->addr.w[0] ^ addr->w[0]) |
		 (nexthop->addr.w[1] ^ addr->w[1]) |
		 (nexthop->addr.w[2] ^ addr->w[2]) |
		 (nexthop->addr.w[3] ^ addr->w[3]));
}

/* The next hop of an address, from memory if it is fresh. NULL: can't be. */
static __always_inline struct l4gate_nexthop *
nexthop_find(CTX *ctx, const struct l4gate_addr *addr, __u8 family)
{
	struct l4gate_nexthop *nexthop;
	__u64 hash;
	__u32 key;

	hash = hash_finish(hash_round(hash_key[3],
				      (__u64)(addr->w[0] ^ addr->w[2]) << 32 |
				      (addr->w[1] ^ addr->w[3])));
	key = hash_scale(hash >> 32, L4GATE_NEXTHOPS);
	nexthop = bpf_map_lookup_elem(&l4gate_nexthops, &key);
	if (nexthop && !nexthop_is(nexthop, addr, family))
		nexthop_ask(ctx, key, family,
			    addr_upper(addr), addr_lower(addr));
	return nexthop;
}

#endif /* L4GATE_BPF_NEXTHOP_H */
