/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Time in jiffies: the verifier inlines bpf_jiffies64() into one load, where
 * bpf_ktime_get_ns() costs 33 ns. Flows count in ticks of 2^tick_shift jiffies,
 * so that a busy flow dirties its record once a tick and not with each packet.
 */
#ifndef L4GATE_BPF_CLOCK_H
#define L4GATE_BPF_CLOCK_H

#include "config.h"

static __always_inline __u32 clock_ticks(void)
{
	return bpf_jiffies64() >> tick_shift;
}

#endif /* L4GATE_BPF_CLOCK_H */
