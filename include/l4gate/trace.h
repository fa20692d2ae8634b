/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a program writes down of the packet at hand if it runs dry, for explain: the
 * value of its map `trace`. Counters say the rest.
 */
#ifndef L4GATE_TRACE_H
#define L4GATE_TRACE_H

#include "abi.h"

struct l4gate_trace {
	__u32 slots;		/* of the slot table that was asked; 0: none was */
	__u32 position;		/* of the slot in it */
	__u32 member;		/* what the slot says, or L4GATE_SLOT_REJECT */
	__u32 backend;		/* number + 1 of it; 0: none */
	__u32 nexthop;		/* number + 1 of the next hop; 0: none was asked for */
};
L4GATE_ASSERT_SIZE(struct l4gate_trace, 20);

#endif /* L4GATE_TRACE_H */
