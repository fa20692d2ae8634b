/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is known of the packet at hand, in a map and not on the stack: of what it
 * reads from a map the verifier knows nothing, so that after each decision its
 * paths meet again. Kept on the stack, IPv4 and IPv6, TCP and UDP would be followed
 * apart to the end, and each choice on the way would double them once more.
 *
 * And global functions, which the verifier looks at once, for any arguments, find
 * here what they can't be given: their arguments are numbers (Linux 5.10).
 *
 * One for each CPU and program: a program of softirq is not interrupted by another
 * on its CPU.
 */
#ifndef L4GATE_BPF_SCRATCH_H
#define L4GATE_BPF_SCRATCH_H

#include "packet.h"
#include "rewrite.h"

/* What the record of a new flow is made of, apart from the packet. */
struct nat_seed {
	__u64 key;		/* as in struct l4gate_record */
	__u32 backend;
	__u8 source;		/* number in l4gate_sources */
	bool is_new;		/* nat_insert() made it */
	bool was_full;		/* the flow before found no free record */
	bool is_timed;		/* the backend has timeouts of its own */
	__u8 surplus;		/* 1: half open beyond the limit (half_open.h) */
};

/* The flow of transparent mode that a packet from a backend belongs to. */
struct origin_found {
	__u64 hash;
	__u64 word;
	__u16 endpoint;
	__u16 pad[3];
};

/* An ICMP error that quotes the packet at hand (icmp_skb.h). */
struct icmp_error {
	struct l4gate_addr src;
	struct l4gate_addr dst;
	struct l4gate_addr far;	/* where the quoted packet was going */
	__u64 hash;		/* of its flow */
	__u32 backend;
	__u32 at;		/* offset of the ICMP header */
	__u32 end;		/* of the IP packet */
	__u16 ip_check;
	__u16 quoted_check;	/* of the quoted IPv4 header */
};

/* Devices whose frames are told by one comparison. */
#define OWN_FRAMES 4

struct scratch {
	struct packet packet;
	struct rewrite rewrite;	/* what becomes of it */
	struct nat_seed seed;
	struct origin_found found;
	struct icmp_error icmp;
	struct l4gate_nexthop answer;	/* of the FIB */
	__u64 opened;		/* value or backend of the flow that it began */
	__u64 own[OWN_FRAMES];	/* XDP: MAC addresses of devices (ctx_xdp.h) */
};

/* Not pinned: no other program reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline struct scratch *scratch_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&scratch, &key);
}

#endif /* L4GATE_BPF_SCRATCH_H */
