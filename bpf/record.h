/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Records of the flows of nat. Two ways lead to one:
 *
 * - From the client: the flow's word in the index has its number.
 * - From the backend: the number follows from the packet. The NAT port is chosen
 *   so that number = (place + port * stride) mod records, where place and the odd
 *   stride are a hash of (source, backend, protocol). So two flows to one backend
 *   never share a NAT port: they would share a record. Owning the record is
 *   owning the port. With a stride of its own each backend's ports lie all over
 *   the table; side by side they would pile up where the runs of some backends
 *   meet, and leave the rest empty.
 *
 * Who writes what:
 * - A record changes hands under its lock only, from FREE, from a state whose
 *   timeout has passed, or, when there is no other room, from one that is not
 *   worth a new flow (up to UNREPLIED). An established flow is never taken before
 *   its timeout, so that no flood of SYNs or datagrams can push one out.
 * - The value is one word. While the key is written its state is CLAIMED, and
 *   each claim raises the serial number in it: who reads it before and after the
 *   key, and finds the same owner, has read one flow and not parts of two. On x86
 *   stores are seen in their order; on a CPU with a weaker one a reader may miss a
 *   record for an instant, and then its packet is the first of a flow once more,
 *   which flow_enter() finds out.
 * - Locks are never nested, and BPF programs can't be killed in the middle.
 */
#ifndef L4GATE_BPF_RECORD_H
#define L4GATE_BPF_RECORD_H

#include "clock.h"
#include "lines.h"
#include "packet.h"

/*
 * NAT ports that are looked at before a new flow is refused; and before it takes
 * the place of a half-open connection. Each is a line out of the cache, and in
 * a flood of SYNs nearly every record is such a place.
 */
#define RECORD_PROBES 32
#define RECORD_PROBES_FLOOD 8

/* A record, and what it said of its flow when it was read. */
struct record {
	struct l4gate_record *at;
	__u64 value;
	__u32 number;
};

static __always_inline struct l4gate_record *record_get(__u32 number)
{
	number &= record_mask;
	return bpf_map_lookup_elem(&l4gate_records, &number);
}

/* Where the client's address of an IPv6 record is. */
static __always_inline struct l4gate_addr *client6_get(__u32 number)
{
	number &= record_mask;
	return bpf_map_lookup_elem(&l4gate_clients6, &number);
}

static __always_inline struct flow_lock *lock_get(__u32 number)
{
	number &= L4GATE_FLOW_LOCKS - 1;
	return bpf_map_lookup_elem(&l4gate_flow_locks, &number);
}

static __always_inline __u64 record_key(const struct l4gate_addr *client,
					__be16 port, __u16 endpoint)
{
	return (__u64)client->w[0] << 32 | (__u32)port << 16 | endpoint;
}

static __always_inline __u32 record_state(__u64 value)
{
	return value & L4GATE_RECORD_STATE;
}

/* Ticks since the last packet. */
static __always_inline __u32 record_idle(__u64 value)
{
	return (__u16)(clock_ticks() - (value >> L4GATE_RECORD_STAMP_SHIFT));
}

static __always_inline bool record_is_over(__u64 value)
{
	return record_idle(value) > flow_timeout[record_state(value)];
}

static __always_inline __u64 record_stamp(void)
{
	return (__u64)(__u16)clock_ticks() << L4GATE_RECORD_STAMP_SHIFT;
}

/* Who a record belongs to: all but state, flags and stamp. */
static __always_inline __u64 record_owner(__u64 value)
{
	return value >> L4GATE_RECORD_SERIAL_SHIFT;
}

static __always_inline __u32 record_backend(__u64 value)
{
	return value >> L4GATE_RECORD_BACKEND_SHIFT;
}

static __always_inline __u32 record_source(__u64 value)
{
	return value >> L4GATE_RECORD_SOURCE_SHIFT & (L4GATE_SOURCES - 1);
}

/* The NAT port, in network byte order. */
static __always_inline __be16 record_port(__u64 value)
{
	return value >> L4GATE_RECORD_PORT_SHIFT;
}

static __always_inline __u64 record_next_serial(__u64 value)
{
	__u64 serial = (value >> L4GATE_RECORD_SERIAL_SHIFT) + 1;

	return (serial & 15) << L4GATE_RECORD_SERIAL_SHIFT;
}

/* Whether a record that was read in several steps was one flow's all the time. */
static __always_inline bool record_is_same(const struct record *record)
{
	asm volatile("" ::: "memory");
	return record_owner(READ_ONCE(record->at->value)) ==
		       record_owner(record->value) &&
	       record_state(record->value) > L4GATE_FLOW_CLAIMED;
}

/* Where the records of a source and a backend lie: record_at() reads it. */
static __always_inline __u64 record_place(__u8 family,
					  const struct l4gate_addr *source,
					  const struct l4gate_addr *backend,
					  __be16 port, __u8 protocol)
{
	return hash_ends(hash_key[2], family, source, backend, 0, port,
			 protocol);
}

/*
 * The number of the record of the NAT port nat_port_min + offset. Different for
 * different offsets: the stride is odd, and the table is a power of two that has
 * at least as many records as there are ports.
 */
static __always_inline __u32 record_at(__u64 place, __u32 offset)
{
	__u32 stride = (__u32)(place >> 32) | 1;

	return ((__u32)place + offset * stride) & record_mask;
}

static __always_inline bool is_nat_port(__be16 port)
{
	return bpf_ntohs(port) - nat_port_min < nat_port_count;
}

static __always_inline bool record_open(struct record *record, __u32 number)
{
	record->number = number & record_mask;
	record->at = record_get(number);
	if (!record->at)
		return false;
	record->value = READ_ONCE(record->at->value);
	return true;
}

/* The word of a flow that has a record. */
static __always_inline __u64 record_word(__u64 hash, __u32 number)
{
	return line_word(hash, number + 1);
}

/* The record that a word leads to, if it is that of a client's packet. */
static __always_inline bool record_find(struct record *record,
					const struct packet *packet,
					__u64 word, __u16 endpoint)
{
	struct l4gate_addr *client;

	if (!record_open(record, (word & L4GATE_WORD_RECORD) - 1) ||
	    READ_ONCE(record->at->key) !=
	    record_key(&packet->src, packet->sport, endpoint))
		return false;
	if (packet->family == L4GATE_IPV6) {
		client = client6_get(record->number);
		if (!client || !addr_equal(client, &packet->src))
			return false;
	}
	return record_is_same(record);
}

/*
 * What its place is worth to a flow in a state: 0 is to be had at once, what is
 * below FLOW_KEPT may be taken if there is nothing better.
 */
#define FLOW_KEPT 15

static const volatile __u8 flow_worth[L4GATE_FLOW_STATES] = {
	[L4GATE_FLOW_FREE] = 0,
	[L4GATE_FLOW_CLAIMED] = FLOW_KEPT,
	[L4GATE_FLOW_RESET] = 1,
	[L4GATE_FLOW_CLOSING] = 1,
	[L4GATE_FLOW_HALF_OPEN] = 2,
	[L4GATE_FLOW_UNREPLIED] = 3,
	[L4GATE_FLOW_ESTABLISHED] = FLOW_KEPT,
	[L4GATE_FLOW_REPLIED] = FLOW_KEPT,
};

/* The worth of a record now: 0 when its time has passed, unless being written. */
static __always_inline __u64 record_worth(__u64 value)
{
	__u32 state = record_state(value);

	/* The timeout of CLAIMED is the largest there is. */
	return flow_worth[state] &
	       ~mask_if_less(flow_timeout[state], record_idle(value));
}

/*
 * Looks at some NAT ports for the record that is worth least, up to the first
 * that is free. Returns its worth << 32 | offset of the port; with RECORD_ALL_OWN
 * if there is none because all serve the same backend.
 *
 * The hash of the flow chooses where to begin, and the step: from port to port,
 * flows would pile up where some are (linear probing), and some of them find no
 * room in a table that is half empty. The steps lead once around at most.
 *
 * Written without branches: with them the verifier follows each outcome of each
 * round apart (1,000,000 instructions were not enough, 6.18), so all it may know
 * of a round is that it gives some number. Unrolled: a counter on the stack is
 * one that it forgets. And global, so that it looks once, for any arguments.
 */
#define RECORD_ALL_OWN (1ULL << 63)

__u64 record_probe(__u64 place, __u64 hash, __u32 backend);

__noinline __u64 record_probe(__u64 place, __u64 hash, __u32 backend)
{
	__u64 step = 1 + hash_scale(hash >> 16, nat_port_count / RECORD_PROBES);
	__u64 offset = hash_scale(hash, nat_port_count);
	__u64 best = (__u64)FLOW_KEPT << 32, own = 0;
	int i;

#pragma unroll
	for (i = 0; i < RECORD_PROBES; i++) {
		struct l4gate_record *record =
			record_get(record_at(place, offset));
		__u64 worth, value;

		if (!record)
			break;
		value = READ_ONCE(record->value);
		worth = record_worth(value);
		best = lesser(best, worth << 32 | offset);
		if (!worth)
			break;
		if (i >= RECORD_PROBES_FLOOD - 1 &&
		    best >> 32 <= flow_worth[L4GATE_FLOW_HALF_OPEN])
			break;
		own -= mask_if_zero(record_backend(value) ^ backend);
		offset += step;
		offset -= nat_port_count &
			  ~mask_if_less(offset, nat_port_count);
	}
	return own == RECORD_PROBES ? best | RECORD_ALL_OWN : best;
}

/* A record that is ours to write, and what it held. */
struct record_claim {
	struct l4gate_record *at;
	__u64 value;
	__u64 key;
	__u32 number;
};

/*
 * Takes a record for writing if it is free, or its time has passed, or (evict)
 * its flow is worth less than a new one; but not from the flow with this key, the
 * new one itself, which another CPU is opening.
 */
static __always_inline bool record_take(struct record_claim *claim, bool evict,
					__u64 key)
{
	struct flow_lock *lock = lock_get(claim->number);
	__u32 now = clock_ticks(), state;
	bool ours;

	if (!lock)
		return false;
	bpf_spin_lock(&lock->lock);
	claim->value = claim->at->value;
	claim->key = claim->at->key;
	state = record_state(claim->value);
	ours = state == L4GATE_FLOW_FREE ||
	       (state > L4GATE_FLOW_CLAIMED &&
		((__u16)(now - (claim->value >> L4GATE_RECORD_STAMP_SHIFT)) >
		 flow_timeout[state] ||
		 (evict && state <= L4GATE_FLOW_UNREPLIED &&
		  claim->key != key)));
	if (ours)
		WRITE_ONCE(claim->at->value,
			   record_next_serial(claim->value) |
			   L4GATE_FLOW_CLAIMED);
	bpf_spin_unlock(&lock->lock);
	return ours;
}

/* Replaces state, flags and stamp of a flow, unless the record is another's. */
static __always_inline bool record_set(const struct record *record, __u64 life)
{
	struct flow_lock *lock = lock_get(record->number);
	bool ours = false;
	__u64 value;

	if (!lock)
		return false;
	bpf_spin_lock(&lock->lock);
	value = record->at->value;
	if (record_owner(value) == record_owner(record->value) &&
	    record_state(value) > L4GATE_FLOW_CLAIMED) {
		WRITE_ONCE(record->at->value,
			   record_owner(value) << L4GATE_RECORD_SERIAL_SHIFT |
			   life);
		ours = true;
	}
	bpf_spin_unlock(&lock->lock);
	return ours;
}

#endif /* L4GATE_BPF_RECORD_H */
