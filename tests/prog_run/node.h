/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A node to run packets on: a network namespace and a bpffs of its own, a veth
 * device d0 that is attached, and neighbours behind it that are known.
 *
 *   d0 10.0.0.1/24 2001:db8::1/64      clients  10.0.0.2  2001:db8::2
 *                                      backends 10.0.0.20 2001:db8::20
 *
 * What can't be set up ends the process, with a message.
 */
#ifndef TESTS_NODE_H
#define TESTS_NODE_H

#include "dataplane/object.h"
#include "packet.h"

struct node {
	struct dataplane *dataplane;
	unsigned int ifindex;
};

extern struct node node;

void node_set_up(void);
void node_tear_down(void);

/* Makes a manifest, whose Gateways are of class "l", the config in force. */
void node_publish(const char *manifest);

/*
 * Runs one frame through a hook (BPF_PROG_TEST_RUN). Returns the action; *out
 * is the frame that came out.
 */
int node_run(enum l4gate_hook hook, const struct frame *in, struct frame *out);

#endif /* TESTS_NODE_H */
