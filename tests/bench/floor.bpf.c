// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What a packet costs at least with the kernel's own tables: one lookup of the
 * 5-tuple in an LRU hash that holds all there is to know, and nothing that a
 * gateway could do without. l4gate is quoted as a ratio to these programs,
 * measured in the same run on the same packets.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

/* Sized by the runner as l4gate's flow table is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct floor_key);
	__type(value, struct floor_flow);
} floor_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct floor_listener);
	__type(value, __u32);
} floor_listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct floor_slots);
} floor_slots SEC(".maps");

/* What a new flow's entry is copied from. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOOR_COUNTERS);
	__type(key, __u32);
	__type(value, struct floor_flow);
} floor_backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FLOOR_COUNTERS);
	__type(key, __u32);
	__type(value, struct floor_count);
} floor_counts SEC(".maps");

/* Both headers without options, checked once. */
struct headers {
	struct ethhdr *eth;
	struct iphdr *ip;
	struct tcphdr *tcp;
	__u32 length;
};

static __always_inline bool parse(void *data, void *end,
				  struct headers *headers)
{
	struct iphdr *ip = data + ETH_HLEN;

	headers->eth = data;
	headers->ip = ip;
	headers->tcp = (void *)(ip + 1);
	headers->length = end - data;
	if ((void *)(headers->tcp + 1) > end ||
	    headers->eth->h_proto != bpf_htons(ETH_P_IP))
		return false;
	return ip->ihl == 5 && !(ip->frag_off & bpf_htons(0x3fff)) &&
	       ip->protocol == IPPROTO_TCP;
}

static __always_inline struct floor_key key_of(const struct headers *headers)
{
	return (struct floor_key){
		.src = headers->ip->saddr,
		.dst = headers->ip->daddr,
		.sport = headers->tcp->source,
		.dport = headers->tcp->dest,
		.protocol = headers->ip->protocol,
	};
}

static __always_inline void count(__u32 key, __u32 length)
{
	struct floor_count *count = bpf_map_lookup_elem(&floor_counts, &key);

	if (!count)
		return;
	count->packets++;
	count->bytes += length;
}

/* RFC 1624, equation 3. diff: ones' complement sum of ~old and new words. */
static __always_inline __u16 csum_apply(__u16 check, __u32 diff)
{
	__u32 sum = (__u16)~check + (diff & 0xffff) + (diff >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline __u32 addr_diff(__be32 from, __be32 to)
{
	__u32 old = ~from;

	return (old & 0xffff) + (old >> 16) + (to & 0xffff) + (to >> 16);
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

static __always_inline int forward(const struct headers *headers,
				   const struct floor_flow *flow)
{
	__u32 diff = addr_diff(headers->ip->daddr, flow->addr);

	count(flow->listener, headers->length);
	count(flow->backend, headers->length);
	headers->ip->check = csum_apply(headers->ip->check, diff);
	headers->tcp->check = csum_apply(headers->tcp->check, diff +
					 (__u16)~headers->tcp->dest +
					 flow->port);
	headers->ip->daddr = flow->addr;
	headers->tcp->dest = flow->port;
	swap_macs(headers->eth);
	return XDP_TX;
}

SEC("xdp")
int floor_hit(struct xdp_md *ctx)
{
	struct headers headers;
	struct floor_flow *flow;
	struct floor_key key;

	if (!parse((void *)(long)ctx->data, (void *)(long)ctx->data_end,
		   &headers))
		return XDP_PASS;
	key = key_of(&headers);
	flow = bpf_map_lookup_elem(&floor_flows, &key);
	if (!flow)
		return XDP_ABORTED;
	flow->stamp = bpf_jiffies64();
	return forward(&headers, flow);
}

static __always_inline __u32 slot_of(const struct floor_key *key)
{
	__u64 hash = (__u64)key->src << 32 | key->sport;

	hash *= 0xff51afd7ed558ccdULL;
	return (hash ^ hash >> 29) >> 16 & (FLOOR_SLOTS - 1);
}

/* A flow that is never there: listener, slot, backend, insert. */
SEC("xdp")
int floor_new(struct xdp_md *ctx)
{
	struct floor_listener listener = {};
	struct floor_flow *backend, flow;
	struct floor_slots *slots;
	struct headers headers;
	struct floor_key key;
	__u32 zero = 0, index;

	if (!parse((void *)(long)ctx->data, (void *)(long)ctx->data_end,
		   &headers))
		return XDP_PASS;
	key = key_of(&headers);
	if (bpf_map_lookup_elem(&floor_flows, &key))
		return XDP_ABORTED;
	listener.addr = key.dst;
	listener.port = key.dport;
	listener.protocol = key.protocol;
	if (!bpf_map_lookup_elem(&floor_listeners, &listener))
		return XDP_PASS;
	slots = bpf_map_lookup_elem(&floor_slots, &zero);
	if (!slots)
		return XDP_ABORTED;
	index = slots->backend[slot_of(&key)];
	backend = bpf_map_lookup_elem(&floor_backends, &index);
	if (!backend)
		return XDP_ABORTED;
	flow = *backend;
	flow.stamp = bpf_jiffies64();
	if (bpf_map_update_elem(&floor_flows, &key, &flow, BPF_ANY))
		return XDP_ABORTED;
	return forward(&headers, &flow);
}

/* Whether nobody listens at a packet's address and port. */
static __always_inline bool is_not_ours(void *data, void *end)
{
	struct floor_listener listener = {};
	struct headers headers;

	if (!parse(data, end, &headers))
		return false;
	listener.addr = headers.ip->daddr;
	listener.port = headers.tcp->dest;
	listener.protocol = headers.ip->protocol;
	return !bpf_map_lookup_elem(&floor_listeners, &listener);
}

SEC("xdp")
int floor_pass(struct xdp_md *ctx)
{
	return is_not_ours((void *)(long)ctx->data,
			   (void *)(long)ctx->data_end) ?
	       XDP_PASS : XDP_ABORTED;
}

SEC("tc")
int floor_tc_pass(struct __sk_buff *ctx)
{
	return is_not_ours((void *)(long)ctx->data,
			   (void *)(long)ctx->data_end) ?
	       TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* The hit on TC, written by the helpers that keep an skb's checksum right. */
SEC("tc")
int floor_tc_hit(struct __sk_buff *ctx)
{
	const __u32 l4 = ETH_HLEN + sizeof(struct iphdr);
	const __u32 check = l4 + offsetof(struct tcphdr, check);
	__be32 old_addr, addr;
	__be16 old_port, port;
	struct headers headers;
	struct floor_flow *flow;
	struct floor_key key;

	if (!parse((void *)(long)ctx->data, (void *)(long)ctx->data_end,
		   &headers))
		return TC_ACT_UNSPEC;
	key = key_of(&headers);
	flow = bpf_map_lookup_elem(&floor_flows, &key);
	if (!flow)
		return TC_ACT_SHOT;
	flow->stamp = bpf_jiffies64();
	count(flow->listener, headers.length);
	count(flow->backend, headers.length);
	old_addr = key.dst;
	old_port = key.dport;
	addr = flow->addr;
	port = flow->port;
	bpf_l4_csum_replace(ctx, check, old_addr, addr, BPF_F_PSEUDO_HDR | 4);
	bpf_l4_csum_replace(ctx, check, old_port, port, 2);
	bpf_l3_csum_replace(ctx, ETH_HLEN + offsetof(struct iphdr, check),
			    old_addr, addr, 4);
	bpf_skb_store_bytes(ctx, ETH_HLEN + offsetof(struct iphdr, daddr),
			    &addr, sizeof(addr), 0);
	bpf_skb_store_bytes(ctx, l4 + offsetof(struct tcphdr, dest), &port,
			    sizeof(port), 0);
	return bpf_redirect(ctx->ifindex, 0);
}

/* What false sharing looks like: one number that all CPUs write, one after the other. */
__u64 floor_shared_number;

SEC("xdp")
int floor_shared(struct xdp_md *ctx)
{
	(void)ctx;
	/* Waits for the line. */
	return __sync_fetch_and_add(&floor_shared_number, 1) == ~0ULL ?
	       XDP_DROP : XDP_TX;
}

SEC("xdp")
int floor_xdp_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

SEC("tc")
int floor_tc_empty(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
