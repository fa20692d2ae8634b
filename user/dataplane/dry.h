/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the programs would do with a packet, without its being sent: a second instance
 * of them that nothing is attached to, run by BPF_PROG_TEST_RUN. It shares the maps
 * that packets only read; of each that they write it has a copy, made anew for each
 * packet, so that nothing that they do reaches the maps of the attached instance.
 */
#ifndef L4GATE_DATAPLANE_DRY_H
#define L4GATE_DATAPLANE_DRY_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/object.h"
#include "l4gate/trace.h"

/* The largest frame that can be run, and its outer headers. */
#define DRY_FRAME_MAX 2048

/* No listener, route or backend counted the packet. */
#define DRY_NOWHERE UINT32_MAX

enum dry_action {
	DRY_PASS,		/* on to the next hook, or to the kernel */
	DRY_DROP,
	DRY_SEND,		/* out of a device, as it came or as another one */
};

/* What one hook does. */
struct dry_step {
	enum l4gate_hook hook;
	enum dry_action action;
	enum l4gate_reason reason;
	struct l4gate_trace trace;
	struct l4gate_nexthop nexthop;	/* kind L4GATE_NEXTHOP_NONE: none asked for */
	uint32_t listener;	/* numbers, or DRY_NOWHERE */
	uint32_t route;
	uint32_t backend;
	bool is_new;		/* the packet begins a flow, */
	bool is_surplus;	/* and that is beyond the limit of half-open ones */
	uint8_t frame[DRY_FRAME_MAX];	/* what becomes of it */
	size_t size;
};

struct dry_run {
	struct dry_step steps[2];	/* XDP, if it takes part; TC, if it gets there */
	size_t count;
	bool no_xdp;		/* this kernel can't run XDP so (before 5.15) */
	bool is_other;		/* what is attached was built from something else */
};

struct dry;

/*
 * Loads the instance, which uses the open maps of dataplane as long as it lives.
 * It takes as much memory as the maps of flows and of backends do.
 */
int dry_open(const struct dataplane *dataplane, struct dry **ret_dry,
	     struct fail *fail);

/* NULL is fine. */
void dry_close(struct dry *dry);

/* A frame that comes in by a device, with XDP or with TC alone. */
int dry_run(struct dry *dry, unsigned int ifindex, bool has_xdp,
	    const void *frame, size_t size, struct dry_run *ret_run,
	    struct fail *fail);

#endif /* L4GATE_DATAPLANE_DRY_H */
