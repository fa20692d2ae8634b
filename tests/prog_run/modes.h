/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One config with all modes: a Gateway for each, with the same listeners of TCP and
 * UDP, and backends in all places where they may be.
 */
#ifndef TESTS_MODES_H
#define TESTS_MODES_H

#include <stdbool.h>
#include <stdint.h>

#include "l4gate/abi.h"

/* Ports of the listeners, by what is behind them. */
enum port {
	GOOD = 80,	/* a backend that is a neighbour */
	MISSING,	/* no Service */
	ROUTELESS,	/* no route */
	LOCAL,		/* an address of the node */
	UNATTACHED,	/* behind a device that we are not attached to */
	NOWHERE,	/* the node's route there says that it is unreachable */
	UNRESOLVED,	/* a neighbour that nobody has asked for */
	ROUTED,		/* behind a router */
	PORTS,		/* nothing listens from here on */
};

/* Addresses of the backends behind each port; NULL: there are none. */
struct mode_backend {
	const char *four, *six;
};
extern const struct mode_backend backends[PORTS];

/* Each mode, and the address of its listeners. */
struct mode_listeners {
	const char *name, *four, *six;
};
extern const struct mode_listeners modes[L4GATE_MODES];

/* Makes routes and neighbours; once. */
void modes_routes(void);

/* The number of the route behind a port, which is published. */
uint32_t modes_route(enum port port, bool udp);

/* Publishes the config, and more objects behind it; the node is attached. */
void modes_publish(const char *more);

#endif /* TESTS_MODES_H */
