/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the benchmark's BPF programs and their runner agree on. */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include <linux/types.h>

/* Headers that feed.bpf.c restores: Ethernet, IPv6, TCP without options. */
#define FEED_HEADERS 74
/* The same with IPv4; no frame is shorter. */
#define FEED_MIN 54

/* Packets that can be fed: 16 bytes each. */
#define FEED_TUPLES (16 << 20)

/*
 * What one packet has of its own. Addresses are the last 32 bits (for IPv4: all)
 * of the frame's, checksums those of the whole frame.
 */
struct feed_tuple {
	__be32 src;
	__be32 dst;
	__be16 sport;
	__be16 dport;
	__u16 ip_check;
	__u16 l4_check;
};

/* A frame, and the run of tuples that go into it, one after the other. */
struct feed_stream {
	__u8 pad[6];		/* what feed.bpf.c copies by words is aligned */
	__u8 frame[FEED_HEADERS];
	__u32 is_v6;
	__u32 is_udp;
	__u32 first;
	__u32 count;
	__u32 next;		/* relative to first */
	__u32 size;		/* of the frame */
};

/* Keys and values of the floor programs. */
struct floor_key {
	__be32 src;
	__be32 dst;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 pad[3];
};

struct floor_flow {
	__be32 addr;
	__be16 port;
	__u16 pad;
	__u32 listener;
	__u32 backend;
	__u64 stamp;
};

struct floor_listener {
	__be32 addr;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct floor_count {
	__u64 packets;
	__u64 bytes;
};

#define FLOOR_COUNTERS 1024
#define FLOOR_SLOTS 4096

struct floor_slots {
	__u16 backend[FLOOR_SLOTS];
};

#endif /* BENCH_SHARED_H */
