/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Notes for explain, which has an instance of the programs of its own: there `dry` is
 * set. Elsewhere the verifier knows that it is not, and nothing is left of this.
 */
#ifndef L4GATE_BPF_TRACE_H
#define L4GATE_BPF_TRACE_H

#include "config.h"
#include "l4gate/trace.h"

/* Not pinned: one for each program that is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct l4gate_trace);
} trace SEC(".maps");

static __always_inline struct l4gate_trace *trace_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&trace, &key);
}

/* A new flow is at this position of a slot table. */
static __always_inline void trace_slot(__u32 slots, __u32 position,
				       __u32 member)
{
	struct l4gate_trace *notes;

	if (!dry)
		return;
	notes = trace_get();
	if (!notes)
		return;
	notes->slots = slots;
	notes->position = position;
	notes->member = member;
}

/* And that member is this backend. */
static __always_inline void trace_backend(__u32 backend)
{
	struct l4gate_trace *notes;

	if (!dry)
		return;
	notes = trace_get();
	if (notes)
		notes->backend = backend + 1;
}

/* This is the way that a packet would take. */
static __always_inline void trace_way(const struct l4gate_nexthop *nexthop)
{
	struct l4gate_trace *notes;

	if (!dry)
		return;
	notes = trace_get();
	if (notes)
		notes->nexthop = nexthop->number + 1;
}

#endif /* L4GATE_BPF_TRACE_H */
