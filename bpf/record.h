/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Records: the half of a flow of nat that its backend's packets lead to. The number
 * of a record follows from the packet, for the NAT port is chosen so: a hash of
 * (source, backend, protocol) gives each port a record of the table. So two flows
 * to one backend never share a NAT port: they would share a record. Owning the
 * record is owning the port.
 *
 * The record has to be in the shard of its flow (table.h). Of consecutive ports
 * every L4GATE_SHARDS-th is in the same shard, and these go around its rows with a
 * stride of their backend's own: side by side the ports of some backends would pile
 * up where their runs meet, and leave the rest empty.
 *
 * A record's value is one word. While the rest is written its state is CLAIMED, and
 * each claim raises the serial number in it: who reads it before and after the
 * rest, and finds the same owner, has read one flow and not parts of two.
 */
#ifndef L4GATE_BPF_RECORD_H
#define L4GATE_BPF_RECORD_H

#include "clock.h"
#include "packet.h"
#include "table.h"
#include "timeouts.h"

/*
 * NAT ports that are looked at in one go, RECORD_GOES times at most, before a new
 * flow is refused. Each is a line out of the cache, and in a flood of SYNs nearly
 * every record is that of a half-open connection: so if the last new flow found no
 * free one, the next looks at a few only before it takes the place of one of these.
 */
#define RECORD_PROBES 32
#define RECORD_PROBES_FLOOD 2
#define RECORD_GOES 6

/* A record, and what it said of its flow when it was read. */
struct record {
	struct l4gate_record *at;
	__u64 value;
	__u32 number;
};

static __always_inline struct l4gate_record *record_get(__u32 number)
{
	return bpf_map_lookup_elem(&l4gate_records, &number);
}

/* Where the client's address of an IPv6 record is. */
static __always_inline struct l4gate_addr *client6_get(__u32 number)
{
	return bpf_map_lookup_elem(&l4gate_clients6, &number);
}

static __always_inline __u64 record_key(const struct l4gate_addr *client,
					__be16 port, __u16 endpoint)
{
	return (__u64)client->w[0] << 32 | (__u32)port << 16 | endpoint;
}

static __always_inline bool record_is_over(__u64 value, __u64 now)
{
	__u32 timeout = flow_timeout[record_state(value)];

	if (value & L4GATE_FLOW_TIMED)
		timeout = timed_record_timeout(value, now);
	barrier_var(timeout);
	return record_idle(value, now) > timeout;
}

/* Ticks after which the time of a flow's last packet is written down once more. */
static __always_inline __u32 record_refresh(__u64 value)
{
	if (value & L4GATE_FLOW_TIMED)
		return timed_record_refresh(value, true);
	return flow_refresh[record_state(value)];
}

/*
 * Whether the time of the last packet that was written down is not long ago, and
 * by the class of timeouts that the flow's backend has.
 */
static __always_inline bool record_is_fresh(__u64 value, __u32 timeouts,
					    __u64 now)
{
	__s32 refresh = flow_refresh[record_state(value)];

	if ((value & L4GATE_FLOW_TIMED) | timeouts)
		refresh = timed_record_refresh(value, timeouts);
	barrier_var(refresh);
	return (__s32)record_idle(value, now) <= refresh;
}

static __always_inline __u64 record_stamp(__u64 now)
{
	return (__u64)(__u16)clock_ticks(now) << L4GATE_RECORD_STAMP_SHIFT;
}

static __always_inline __u64 record_owner(__u64 value)
{
	return value & L4GATE_RECORD_OWNER;
}

/* An entry's value without its port, or a record's without its note. */
static __always_inline __u64 record_bare(__u64 value)
{
	return value & ~(0xffffULL << L4GATE_RECORD_PORT_SHIFT);
}

static __always_inline __u32 record_source(__u64 value)
{
	return value >> L4GATE_RECORD_SOURCE_SHIFT & (L4GATE_SOURCES - 1);
}

/* An entry's NAT port, in network byte order. */
static __always_inline __be16 record_port(__u64 value)
{
	return value >> L4GATE_RECORD_PORT_SHIFT;
}

/* The same, as its distance from the first one. */
static __always_inline __u32 record_offset(__u64 value)
{
	return bpf_ntohs(record_port(value)) - nat_port_min;
}

static __always_inline __u64 record_next_serial(__u64 value)
{
	__u64 serial = (value >> L4GATE_RECORD_SERIAL_SHIFT) + 1;

	return (serial & L4GATE_RECORD_SERIAL) << L4GATE_RECORD_SERIAL_SHIFT;
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

/* Of consecutive ports, the shard of the first one. */
static __always_inline __u32 record_first_shard(__u64 place)
{
	return place;
}

/*
 * The number of the record of the NAT port nat_port_min + offset, another one for
 * each. The ports of a shard are shuffled, and then laid out with a stride: without
 * the former, backends whose strides are alike would have the same rows, without the
 * latter a backend's would lie side by side. Odd factors and shifts shuffle without
 * two falling together; and so does the stride, for the number of rows is a prime
 * that is larger than record_run_mask.
 */
static __always_inline __u32 record_at(__u64 place, __u32 offset)
{
	__u64 stride = 1 + hash_scale(place >> 32, record_rows - 1);
	__u32 first = hash_scale((__u32)place, record_rows);
	__u32 run = offset / L4GATE_SHARDS, row;

	run = run * (place >> 5 | 1) & record_run_mask;
	run ^= run >> 5;
	run = run * (place >> 15 | 1) & record_run_mask;
	row = (first + run * stride) % record_rows;
	return row * L4GATE_SHARDS +
	       ((offset + record_first_shard(place)) & (L4GATE_SHARDS - 1));
}

static __always_inline bool is_nat_port(__be16 port)
{
	return bpf_ntohs(port) - nat_port_min < nat_port_count;
}

static __always_inline bool record_open(struct record *record, __u32 number)
{
	record->number = number;
	record->at = record_get(number);
	if (!record->at)
		return false;
	record->value = READ_ONCE(record->at->value);
	return true;
}

static const volatile __u8 record_worths[2 * L4GATE_FLOW_STATES] = {
	FLOW_WORTHS(0, 0, FLOW_KEPT, FLOW_HALF_OPEN, FLOW_UNREPLIED),
	FLOW_WORTHS(SURPLUS_INDEX, 0, FLOW_KEPT, FLOW_SURPLUS, FLOW_SURPLUS),
};

/* Surplus is who has both flags. */
static __always_inline __u32 record_worth_index(__u64 value)
{
	__u32 both = value / L4GATE_RECORD_F_FIN_CLIENT &
		     value / L4GATE_RECORD_F_FIN_BACKEND & 1;

	return worth_index(record_state(value), both);
}

/*
 * The worth of a record now: 0 when its time has passed, unless being written. Global,
 * for the verifier to look at it once.
 */
__u64 record_worth(__u64 value, __u64 now);

__noinline __u64 record_worth(__u64 value, __u64 now)
{
	__u32 state = record_state(value), timeout = flow_timeout[state];

	if (value & L4GATE_FLOW_TIMED)
		timeout = timed_timeout(value, now);
	/* The timeout of CLAIMED is the largest there is. */
	return record_idle(value, now) > timeout ? 0 :
						   record_worths[record_worth_index(value)];
}

/* The same, with no branches; as if a flow with a mark were never over. */
static __always_inline __u64 record_worth_unmarked(__u64 value, __u64 now)
{
	__u32 state = record_state(value);

	return record_worths[record_worth_index(value)] &
	       ~mask_if_less(flow_timeout[state],
			     record_idle(value, now) & ~timed_mask(value));
}

/* Sought instead of a backend: a flow with a mark whose time has passed. */
#define RECORD_TIMED (~0U)

/*
 * The worth of the record of a port if its flow is half open, or closed, at the backend
 * that is sought; or 0 if RECORD_TIMED is, and this is one. Else FLOW_KEPT.
 */
__u64 record_sought_worth(__u64 place, __u32 offset, __u32 sought, __u64 now);

__noinline __u64 record_sought_worth(__u64 place, __u32 offset, __u32 sought,
				     __u64 now)
{
	struct l4gate_record *record = record_get(record_at(place, offset));
	__u64 value = record ? READ_ONCE(record->value) : 0, worth;

	if (!value)
		return FLOW_KEPT;
	if (sought == RECORD_TIMED)
		return timed_worth(value, now);
	if (record_backend(value) != sought)
		return FLOW_KEPT;
	worth = record_worth_unmarked(value, now);
	return worth <= FLOW_UNREPLIED ? worth : FLOW_KEPT;
}

/*
 * Looks at some NAT ports of a flow's shard for the record that is worth least, up
 * to the first that is free. Returns its worth << 32 | offset of the port; with
 * RECORD_ALL_OWN if there is none because all serve the same backend, and with
 * RECORD_MARKS if the time of some was not looked at: record_probe_sought() does.
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
#define RECORD_MARKS (1ULL << 62)

/* Where a search begins, and how it goes on. */
struct record_search {
	__u32 shard;
	__u32 count;		/* of ports in it */
	__u64 step;
	__u64 run;
};

static __always_inline struct record_search record_search(__u64 place,
							  __u64 hash)
{
	__u32 count = nat_port_count / L4GATE_SHARDS;

	return (struct record_search){
		.shard = (hash - record_first_shard(place)) &
			 (L4GATE_SHARDS - 1),
		.count = count,
		.step = 1 + hash_scale(hash >> 8, count / RECORD_PROBES),
		.run = hash_scale(hash >> 32, count),
	};
}

/* The offset of the port at hand; goes on to the next. */
static __always_inline __u64 record_search_next(struct record_search *search)
{
	__u64 offset = search->run * L4GATE_SHARDS + search->shard;

	search->run += search->step;
	search->run -= search->count & ~mask_if_less(search->run, search->count);
	return offset;
}

/* At the same ports: that of what is sought which is worth least, or FLOW_KEPT << 32. */
__u64 record_probe_sought(__u64 place, __u64 hash, __u32 sought);

__noinline __u64 record_probe_sought(__u64 place, __u64 hash, __u32 sought)
{
	struct record_search search = record_search(place, hash);
	__u64 best = (__u64)FLOW_KEPT << 32, now = bpf_jiffies64();
	int i;

#pragma unroll
	for (i = 0; i < RECORD_PROBES; i++) {
		__u64 offset = record_search_next(&search);

		best = lesser(best, record_sought_worth(place, offset, sought,
							now) << 32 | offset);
	}
	return best;
}

__u64 record_probe(__u64 place, __u64 hash, __u32 backend, __u32 enough);

__noinline __u64 record_probe(__u64 place, __u64 hash, __u32 backend,
			      __u32 enough)
{
	struct record_search search = record_search(place, hash);
	__u64 best = (__u64)FLOW_KEPT << 32, own = 0, now = bpf_jiffies64();
	__u64 marks = 0;
	int i;

#pragma unroll
	for (i = 0; i < RECORD_PROBES; i++) {
		__u64 offset = record_search_next(&search), worth, value;
		struct l4gate_record *record =
			record_get(record_at(place, offset));

		if (!record)
			break;
		value = READ_ONCE(record->value);
		worth = record_worth_unmarked(value, now);
		best = lesser(best, worth << 32 | offset);
		marks |= value;
		if (!worth)
			break;
		if (i >= RECORD_PROBES_FLOOD - 1 && best >> 32 <= enough)
			break;
		own -= mask_if_zero(record_backend(value) ^ backend);
	}
	best |= (marks & L4GATE_FLOW_TIMED) / L4GATE_FLOW_TIMED *
		RECORD_MARKS;
	return own == RECORD_PROBES ? best | RECORD_ALL_OWN : best;
}

/*
 * As record_probe(), and at other ports if none of the first was free: what is three
 * quarters full on the whole may be nearly full where a backend's records lie. Not if
 * the last new flow has already looked for a free one in vain. A worth of FLOW_KEPT:
 * there is none.
 *
 * surplus: 1 if the flow may take the place of its like only. But the ports of a
 * backend may be fewer than half-open flows may be, or nearly all established: so
 * if there is no such place, it takes that of a half-open flow at the same backend.
 * Else 140 SYNs a second would shut the listener.
 */
__u64 record_choose(__u64 place, __u64 hash, __u32 backend, bool was_full,
		    __u32 surplus);

__noinline __u64 record_choose(__u64 place, __u64 hash, __u32 backend,
			       bool was_full, __u32 surplus)
{
	__u64 all_own = RECORD_ALL_OWN, best = (__u64)FLOW_KEPT << 32, found;
	int i;

#pragma nounroll
	for (i = 0; i < RECORD_GOES; i++) {
		found = record_probe(place, hash, backend,
				     was_full ? FLOW_SURPLUS : 0);
		all_own &= found;
		if (found & RECORD_MARKS)
			best = lesser(best, record_probe_sought(place, hash,
								RECORD_TIMED));
		best = lesser(best, found & ~(RECORD_ALL_OWN | RECORD_MARKS));
		if (!(best >> 32) || was_full)
			break;
		/* The same shard, and other ports. */
		hash += hash_finish(hash) << 8;
	}
	if (best >> 32 > displaces_most(surplus))
		best = record_probe_sought(place, hash, backend);
	return best >> 32 < FLOW_KEPT ? best : best | all_own;
}

#endif /* L4GATE_BPF_RECORD_H */
