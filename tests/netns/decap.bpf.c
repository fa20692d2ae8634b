/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * For backends of dsr-ipip where the kernel has no ipip and ip6tnl devices: what
 * those do, at TC ingress. Takes the outer header off; the stack finds the inner
 * one's destination on lo.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static int decap(struct __sk_buff *skb, int length)
{
	return bpf_skb_adjust_room(skb, -length, BPF_ADJ_ROOM_MAC,
				   BPF_F_ADJ_ROOM_FIXED_GSO) ?
	       TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int netns_decap(struct __sk_buff *skb)
{
	const int l3 = sizeof(struct ethhdr);
	__u8 protocol;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!bpf_skb_load_bytes(skb, l3 +
					offsetof(struct iphdr, protocol),
					&protocol, 1) &&
		    protocol == IPPROTO_IPIP)
			return decap(skb, sizeof(struct iphdr));
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (!bpf_skb_load_bytes(skb, l3 +
					offsetof(struct ipv6hdr, nexthdr),
					&protocol, 1) &&
		    protocol == IPPROTO_IPV6)
			return decap(skb, sizeof(struct ipv6hdr));
	}
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
