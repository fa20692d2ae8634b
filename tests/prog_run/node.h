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
	uint32_t max_routes;	/* of attach; 0 is the default */
	/* The first hook that the kernel can run packets through. */
	enum l4gate_hook first_hook;
	/* Called for each packet that was run; NULL: nobody wants to know. */
	void (*on_packet)(enum l4gate_hook hook, const struct frame *in,
			  const struct frame *out);
};

extern struct node node;

/* The namespaces and the device; once. */
void node_enter(void);

/* Loads and attaches the data plane; max_flows 0 is the default. */
void node_attach(uint32_t max_flows);
void node_detach(void);

/* A shell command that has to succeed. */
void node_shell(const char *command);

/* Makes a manifest, whose Gateways are of class "l", the config in force. */
void node_publish(const char *manifest);

/*
 * Runs one frame through a hook (BPF_PROG_TEST_RUN). Returns the action; *out
 * is the frame that came out.
 */
int node_run(enum l4gate_hook hook, const struct frame *in, struct frame *out);

#endif /* TESTS_NODE_H */
