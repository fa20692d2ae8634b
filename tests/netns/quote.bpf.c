/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Makes the ICMP errors about an MTU that a router sends as short as a router
 * may: of the packet that one is about it quotes the IP header and 8 bytes (RFC
 * 792). For what its stack sends, without offloads, options and extension
 * headers.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* ICMP's own header, and as much of TCP or UDP. */
#define HEAD	    8
#define QUOTED	    8
#define CHECK	    2
#define UNREACHABLE 3
#define TOO_BIG	    2

#define AT4	 (ETH_HLEN + sizeof(struct iphdr))
#define AT6	 (ETH_HLEN + sizeof(struct ipv6hdr))
#define MESSAGE4 (HEAD + sizeof(struct iphdr) + QUOTED)
#define MESSAGE6 (HEAD + sizeof(struct ipv6hdr) + QUOTED)

static __always_inline __u16 folded(__s64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Of the message that is left; *sum* is what else it covers. */
static __always_inline int write_check(struct __sk_buff *skb, __u32 at,
				       __u32 size, __u32 sum)
{
	__u8 message[MESSAGE6];
	__u16 check;

	if (bpf_skb_load_bytes(skb, at, message, size))
		return TC_ACT_SHOT;
	message[CHECK] = 0;
	message[CHECK + 1] = 0;
	check = folded(bpf_csum_diff(0, 0, (void *)message, size, sum));
	if (bpf_skb_store_bytes(skb, at + CHECK, &check, sizeof(check), 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

/* Whether it is an error about an MTU, with more in it than that. */
static __always_inline bool is_long4(struct __sk_buff *skb)
{
	__u8 protocol, type;

	return !bpf_skb_load_bytes(skb,
				   ETH_HLEN + offsetof(struct iphdr, protocol),
				   &protocol, 1) &&
	       protocol == IPPROTO_ICMP &&
	       !bpf_skb_load_bytes(skb, AT4, &type, 1) && type == UNREACHABLE &&
	       skb->len > AT4 + MESSAGE4;
}

static __always_inline bool is_long6(struct __sk_buff *skb)
{
	__u8 protocol, type;

	return !bpf_skb_load_bytes(skb,
				   ETH_HLEN + offsetof(struct ipv6hdr, nexthdr),
				   &protocol, 1) &&
	       protocol == IPPROTO_ICMPV6 &&
	       !bpf_skb_load_bytes(skb, AT6, &type, 1) && type == TOO_BIG &&
	       skb->len > AT6 + MESSAGE6;
}

static __always_inline int shorten4(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (bpf_skb_change_tail(skb, AT4 + MESSAGE4, 0) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return TC_ACT_SHOT;
	ip.tot_len = bpf_htons(sizeof(ip) + MESSAGE4);
	ip.check = 0;
	ip.check = folded(bpf_csum_diff(0, 0, (void *)&ip, sizeof(ip), 0));
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0))
		return TC_ACT_SHOT;
	return write_check(skb, AT4, MESSAGE4, 0);
}

static __always_inline int shorten6(struct __sk_buff *skb)
{
	__be32 rest[2] = {bpf_htonl(MESSAGE6), bpf_htonl(IPPROTO_ICMPV6)};
	struct ipv6hdr ip;
	__u32 sum;

	if (bpf_skb_change_tail(skb, AT6 + MESSAGE6, 0) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return TC_ACT_SHOT;
	ip.payload_len = bpf_htons(MESSAGE6);
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0))
		return TC_ACT_SHOT;
	sum = bpf_csum_diff(0, 0, (void *)&ip.saddr,
			    sizeof(ip.saddr) + sizeof(ip.daddr), 0);
	sum = bpf_csum_diff(0, 0, rest, sizeof(rest), sum);
	return write_check(skb, AT6, MESSAGE6, sum);
}

/* At egress of a router. */
SEC("tc")
int netns_shorten(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP) && is_long4(skb))
		return shorten4(skb);
	if (skb->protocol == bpf_htons(ETH_P_IPV6) && is_long6(skb))
		return shorten6(skb);
	return TC_ACT_OK;
}

/* At ingress of who must have been told by those alone. */
SEC("tc/only_short")
int netns_only_short(struct __sk_buff *skb)
{
	if ((skb->protocol == bpf_htons(ETH_P_IP) && is_long4(skb)) ||
	    (skb->protocol == bpf_htons(ETH_P_IPV6) && is_long6(skb)))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
