// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * In front of the program under test: a test run keeps the packet that the run
 * before it left, so this restores its headers, with the addresses, ports and
 * checksums of the next of many flows, and calls the program. Its own cost is
 * measured with an empty program behind it, and subtracted.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

/* The tuples of all streams. Read in order, so that they are fetched ahead. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FEED_TUPLES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct feed_tuple);
} feed_tuples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct feed_stream);
} feed_stream SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} feed_xdp_next SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} feed_tc_next SEC(".maps");

/* Packets that were short of room; the runner wants none. */
__u64 feed_failed;

/* The device that live frames go to. */
__u32 feed_out;

static __always_inline void put_l4(void *l4, void *end, __u32 is_udp,
				   const struct feed_tuple *tuple)
{
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;

	if ((void *)(tcp + 1) > end)
		return;
	tcp->source = tuple->sport;
	tcp->dest = tuple->dport;
	if (is_udp)
		udp->check = tuple->l4_check;
	else
		tcp->check = tuple->l4_check;
}

/*
 * Writes the frame by the largest words of which none ends inside of a field: a
 * load that has to gather what several stores wrote waits for the cache, which
 * no packet from a NIC has to.
 */
static __always_inline void put_frame(void *data, const __u8 *frame, int size)
{
	int i;

	*(__u16 *)data = *(const __u16 *)frame;
#pragma unroll
	for (i = 2; i + 8 <= size; i += 8)
		*(__u64 *)(data + i) = *(const __u64 *)(frame + i);
	if (i < size)
		*(__u32 *)(data + i) = *(const __u32 *)(frame + i);
}

/* Returns false if the frame has no room for its headers. */
static __always_inline bool put_headers(void *data, void *end,
					const struct feed_stream *stream,
					const struct feed_tuple *tuple)
{
	if (stream->is_v6) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if (data + FEED_HEADERS > end)
			return false;
		put_frame(data, stream->frame, FEED_HEADERS);
		ip->saddr.in6_u.u6_addr32[3] = tuple->src;
		ip->daddr.in6_u.u6_addr32[3] = tuple->dst;
		put_l4(ip + 1, end, stream->is_udp, tuple);
	} else {
		struct iphdr *ip = data + ETH_HLEN;

		if (data + FEED_MIN > end)
			return false;
		put_frame(data, stream->frame, FEED_MIN);
		ip->saddr = tuple->src;
		ip->daddr = tuple->dst;
		ip->check = tuple->ip_check;
		put_l4(ip + 1, end, stream->is_udp, tuple);
	}
	return true;
}

static __always_inline bool feed(void *data, void *end)
{
	struct feed_stream *stream;
	struct feed_tuple *tuple;
	__u32 key = 0;

	stream = bpf_map_lookup_elem(&feed_stream, &key);
	if (!stream)
		return false;
	key = stream->first + stream->next;
	stream->next = stream->next + 1 < stream->count ? stream->next + 1 : 0;
	tuple = bpf_map_lookup_elem(&feed_tuples, &key);
	return tuple && put_headers(data, end, stream, tuple);
}

/*
 * A test run hands on the frame of the one before, and that one may have put a
 * header in front: it has to go, or there is no room left after some of them. An
 * empty program behind us does not pay for that.
 */
static __always_inline bool restore_size(struct xdp_md *ctx)
{
	struct feed_stream *stream;
	__u32 key = 0;
	int more;

	stream = bpf_map_lookup_elem(&feed_stream, &key);
	if (!stream)
		return false;
	more = (void *)(long)ctx->data_end - (void *)(long)ctx->data;
	more -= stream->size;
	return !more || !bpf_xdp_adjust_head(ctx, more);
}

SEC("xdp")
int feed_xdp(struct xdp_md *ctx)
{
	if (restore_size(ctx) && feed((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		bpf_tail_call(ctx, &feed_xdp_next, 0);
	feed_failed++;
	return XDP_ABORTED;
}

/* No program behind it: frames go out, as if the device's host sent them. */
SEC("xdp")
int feed_frames(struct xdp_md *ctx)
{
	if (feed((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return bpf_redirect(feed_out, 0);
	feed_failed++;
	return XDP_ABORTED;
}

SEC("tc")
int feed_tc(struct __sk_buff *ctx)
{
	if (feed((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		bpf_tail_call(ctx, &feed_tc_next, 0);
	feed_failed++;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
