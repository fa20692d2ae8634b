/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which flows are half open, and how many of a listener are counted, as packets and
 * `stats` read it. bpf/half_open.h has the rules.
 */
#ifndef L4GATE_HALF_OPEN_H
#define L4GATE_HALF_OPEN_H

#include <stdbool.h>

#include "abi.h"
#include "hash.h"

L4GATE_INLINE bool is_half_open(__u32 state)
{
	return state == L4GATE_FLOW_HALF_OPEN || state == L4GATE_FLOW_UNREPLIED;
}

/* Of a record's value, or an entry's. */
L4GATE_INLINE bool record_is_surplus(__u64 value)
{
	return is_half_open(value & L4GATE_RECORD_STATE) &&
	       (value & L4GATE_RECORD_SURPLUS) == L4GATE_RECORD_SURPLUS;
}

/* The number of a quarter, by the clock; per_jiffy as in struct l4gate_idle. */
L4GATE_INLINE __u32 half_open_quarter(__u64 jiffies, __u32 per_jiffy)
{
	return (__u64)(__u32)jiffies * per_jiffy >> 32;
}

/* What the total was four quarters before one that is not before the last change. */
L4GATE_INLINE __s32 half_open_base(const struct l4gate_half_open *open,
				   __u32 quarter)
{
	__u32 passed = quarter - open->quarter;

	/* The clock of user space may be a little behind. */
	if (passed + 1 <= 1)
		return open->base;
	if (passed > L4GATE_HALF_OPEN_AGE)
		return open->total;
	return open->at[(quarter - L4GATE_HALF_OPEN_AGE) %
			L4GATE_HALF_OPEN_QUARTERS];
}

L4GATE_INLINE __u32 half_open_count(const struct l4gate_half_open *open,
				    __u32 quarter)
{
	__s32 count = open->total - half_open_base(open, quarter);

	return count < 0 ? 0 : count;
}

/*
 * Begins a quarter, and those before it in which nothing was counted. Two CPUs that do
 * so at once may take what a third one counts in between for older than it is.
 */
L4GATE_INLINE void half_open_begin_quarter(struct l4gate_half_open *open,
					   __u32 quarter)
{
	__u32 passed = quarter - open->quarter, i;
	__s32 base = half_open_base(open, quarter), total = open->total;

	/* Another CPU has begun it, or the next: who was slow turns nothing back. */
	if (passed + 1 <= 1)
		return;
	for (i = 0; i < L4GATE_HALF_OPEN_QUARTERS; i++)
		if ((quarter - i) % L4GATE_HALF_OPEN_QUARTERS < passed)
			open->at[i] = total;
	open->base = base;
	/* Who reads the new one reads its base. */
	asm volatile("" ::: "memory");
	open->quarter = quarter;
}

#endif /* L4GATE_HALF_OPEN_H */
