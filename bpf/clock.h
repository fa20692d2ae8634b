/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Time in jiffies: the verifier inlines bpf_jiffies64() into one load, where
 * bpf_ktime_get_ns() costs 33 ns. Flows count in ticks of 2^tick_shift jiffies,
 * so that a busy flow dirties its record once a tick and not with each packet.
 */
#ifndef L4GATE_BPF_CLOCK_H
#define L4GATE_BPF_CLOCK_H

#include "config.h"

static __always_inline __u32 clock_ticks(__u64 now)
{
	return now >> tick_shift;
}

/*
 * The clock in the word of a flow: quarters of its state's timeout, modulo 8. So
 * an age is known up to seven quarters; above four the flow's time has passed. A
 * word that nobody looks at for longer may look young again, and is then kept
 * for longer than it need be.
 */
static __always_inline __u32 clock_quarters(__u32 state, __u64 now)
{
	return (__u64)(__u32)now * flow_quarter[state & 7] >> 32 & L4GATE_WORD_CLOCK;
}

#endif /* L4GATE_BPF_CLOCK_H */
