/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How many flows are half open: TCP before the end of its handshake, UDP before the
 * first answer. Such flows may be anybody's, and a flood makes as many as it can. So
 * each listener has a limit, and all together have one. Nobody is refused beyond it,
 * for that would shut a listener at 140 SYNs a second: but such flows are marked as
 * surplus, and may take the places of their like and of closed flows only (table.h),
 * or where NAT ports are scarce (record.h). So a flood finds its way neither to
 * established flows, nor to half-open ones of other listeners; and its own listener
 * goes on as long as handshakes end before the flood has been once through all places.
 *
 * Flows are forgotten without anybody seeing it, so nobody can count them down. But
 * those that began more than four quarters of their timeout ago have timed out. So
 * what is counted is how many began since then, less those that got further since.
 * One that is older, and does so, makes it one too few until that is as long ago.
 *
 * Surplus flows are not counted: in a flood packets read here, and don't write.
 */
#ifndef L4GATE_BPF_HALF_OPEN_H
#define L4GATE_BPF_HALF_OPEN_H

#include "timeouts.h"
#include "l4gate/half_open.h"

/* The state of a flow that is counted; 0 of another. */
static __always_inline __u32 record_counted(__u64 value)
{
	__u32 state = record_state(value);

	return is_half_open(state) && !record_is_surplus(value) ? state : 0;
}

static __always_inline __u32 word_counted(__u64 word)
{
	__u32 state = word_state(word);

	return is_half_open(state) && !(word & L4GATE_WORD_F_SURPLUS) ? state :
									0;
}

static __always_inline __u32 half_open_now(__u32 state)
{
	return half_open_quarter(bpf_jiffies64(),
				 flow_quarter[state & L4GATE_RECORD_STATE]);
}

/* That of all TCP or UDP, as a state says. */
static __always_inline __u32 half_open_node(__u32 state)
{
	return state == L4GATE_FLOW_HALF_OPEN ? L4GATE_HALF_OPEN_TCP :
						L4GATE_HALF_OPEN_UDP;
}

/* Begins a quarter of one of them. Global, for the verifier to look at it once. */
int half_open_turn_quarter(__u32 key, __u32 quarter);

__noinline int half_open_turn_quarter(__u32 key, __u32 quarter)
{
	struct l4gate_half_open *open;

	open = bpf_map_lookup_elem(&l4gate_half_open, &key);
	if (open)
		half_open_begin_quarter(open, quarter);
	return 0;
}

static __always_inline __u32 half_open_read(__u32 key, __u32 quarter)
{
	const struct l4gate_half_open *open;

	open = bpf_map_lookup_elem(&l4gate_half_open, &key);
	if (!open)
		return 0;
	if (READ_ONCE(open->quarter) != quarter)
		half_open_turn_quarter(key, quarter);
	return half_open_count(open, quarter);
}

static __always_inline void half_open_add(__u32 key, __u32 quarter, __s32 change)
{
	struct l4gate_half_open *open;

	open = bpf_map_lookup_elem(&l4gate_half_open, &key);
	if (!open)
		return;
	if (READ_ONCE(open->quarter) != quarter)
		half_open_turn_quarter(key, quarter);
	__sync_fetch_and_add(&open->total, change);
}

/*
 * 1 if a flow that is about to begin at a listener, in a state, is surplus, else 0; most
 * is the limit of its listener, or 0. When all together are too many, a listener
 * that has few goes on. Global, for the verifier to look at it once.
 */
int half_open_surplus(__u32 listener, __u32 state, __u32 most);

__noinline int half_open_surplus(__u32 listener, __u32 state, __u32 most)
{
	__u32 quarter = half_open_now(state);
	__u32 count = half_open_read(L4GATE_HALF_OPEN_NODES + listener, quarter);

	if (!most)
		most = half_open_usual;
	if (count >= most)
		return true;
	return count >= most / L4GATE_HALF_OPEN_FEW &&
	       half_open_read(half_open_node(state), quarter) >=
	       half_open_most;
}

static __always_inline void half_open_note(__u32 listener, __u32 state,
					   __s32 change)
{
	__u32 quarter = half_open_now(state);

	half_open_add(L4GATE_HALF_OPEN_NODES + listener, quarter, change);
	half_open_add(half_open_node(state), quarter, change);
}

/*
 * A flow of a listener that was counted in one state is so in another; 0: it is not.
 * Global, for the verifier to look at it once, and so is the next.
 */
int half_open_turn(__u32 listener, __u32 from, __u32 to);

__noinline int half_open_turn(__u32 listener, __u32 from, __u32 to)
{
	if (!from == !to || listener == L4GATE_NO_LISTENER)
		return 0;
	half_open_note(listener, from | to, to ? 1 : -1);
	return 0;
}

/* A flow has begun at a listener in a state; surplus: it is not counted. */
int half_open_begin(__u32 listener, __u32 state, bool surplus);

__noinline int half_open_begin(__u32 listener, __u32 state, bool surplus)
{
	__u64 *count;

	if (!surplus)
		return half_open_turn(listener, 0, state);
	count = bpf_map_lookup_elem(&l4gate_surplus_stats, &listener);
	if (count)
		++*count;
	return 0;
}

#endif /* L4GATE_BPF_HALF_OPEN_H */
