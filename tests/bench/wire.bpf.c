// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Where frames end, and forwarders that do the least that can be done. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} wire_count SEC(".maps");

/* The device that wire_redirect sends to. */
__u32 wire_out;

SEC("xdp")
int wire_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	__u32 key = 0;
	__u64 *count;

	/* IPv4 only: what else there is (IPv6's discovery) is not ours. */
	if (data + ETH_HLEN > (void *)(long)ctx->data_end ||
	    ((struct ethhdr *)data)->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	count = bpf_map_lookup_elem(&wire_count, &key);
	if (count)
		++*count;
	return XDP_DROP;
}

static __always_inline struct ethhdr *ethernet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	return data + ETH_HLEN > (void *)(long)ctx->data_end ? NULL : data;
}

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u16 *word = (__u16 *)eth, a = word[0], b = word[1], c = word[2];

	word[0] = word[3];
	word[1] = word[4];
	word[2] = word[5];
	word[3] = a;
	word[4] = b;
	word[5] = c;
}

SEC("xdp")
int wire_redirect(struct xdp_md *ctx)
{
	struct ethhdr *eth = ethernet(ctx);

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	swap_macs(eth);
	return bpf_redirect(wire_out, 0);
}

SEC("xdp")
int wire_tx(struct xdp_md *ctx)
{
	struct ethhdr *eth = ethernet(ctx);

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	swap_macs(eth);
	return XDP_TX;
}

SEC("xdp")
int wire_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
