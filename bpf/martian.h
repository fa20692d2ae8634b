/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sources that no client can have. Looked for where a flow begins only: a flow of
 * such a source can't be.
 */
#ifndef L4GATE_BPF_MARTIAN_H
#define L4GATE_BPF_MARTIAN_H

#include "scratch.h"

/* RFC 1122 section 3.2.1.3: this network, loopback, multicast, broadcast. */
static __always_inline bool is_martian_ipv4(__be32 addr)
{
	__u32 host = bpf_ntohl(addr);

	return host >> 24 == 0 || host >> 24 == 127 || host >> 28 == 14 ||
	       host == 0xffffffff;
}

/* RFC 4291: multicast; unspecified and loopback; mapped IPv4. */
static __always_inline bool is_martian_ipv6(const struct l4gate_addr *addr)
{
	if ((addr->w[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000))
		return true;
	if (addr->w[0] | addr->w[1])
		return false;
	return addr->w[2] == bpf_htonl(0xffff) ||
	       (!addr->w[2] && bpf_ntohl(addr->w[3]) <= 1);
}

/*
 * Whether the packet in scratch, to a listener, can't be from a client; or came in a
 * frame to everybody: many nodes may hear it, and no host answers such a one (RFC
 * 1122 sections 3.3.6 and 4.2.3.10). Global, for the verifier to look at it once.
 */
int is_martian(CTX *ctx);

__noinline int is_martian(CTX *ctx)
{
	const struct scratch *scratch = scratch_get();
	const struct ethhdr *eth = ctx_data(ctx);
	const struct packet *packet;

	if (!scratch || (void *)(eth + 1) > ctx_data_end(ctx))
		return true;
	packet = &scratch->packet;
	if (eth->h_dest[0] & 1)
		return true;
	/* The listener itself: its answers would come back as questions. */
	if (packet->sport == packet->dport &&
	    addr_equal(&packet->src, &packet->dst))
		return true;
	return packet->family == L4GATE_IPV4 ?
	       is_martian_ipv4(packet->src.w[0]) :
	       is_martian_ipv6(&packet->src);
}

#endif /* L4GATE_BPF_MARTIAN_H */
