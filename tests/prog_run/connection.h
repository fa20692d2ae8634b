/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * TCP connections of the client 10.0.0.2 through Gateways of three modes, and what
 * the flow tables say of them. Two backends, 10.0.0.20 and 10.0.0.21.
 */
#ifndef TESTS_CONNECTION_H
#define TESTS_CONNECTION_H

#include "node.h"

/* Makes the config that gives new flows to the backends by these weights. */
void connections_publish(uint32_t first, uint32_t second);

/* One whose new flows go to either, with more objects behind it. */
void connections_publish_with(const char *more);

enum side {
	CLIENT,
	BACKEND
};

struct connection {
	enum l4gate_mode mode;	/* nat, transparent or dsr-ipip */
	enum l4gate_hook hook;
	uint16_t port;		/* of the client */
	uint16_t nat_port;	/* its source at the backend */
	int backend;		/* which sends: 20 or 21 */
};

/*
 * Sends a segment through; false if it was not sent on to the other side. One from
 * the client says in connection->backend where it went.
 */
bool connection_send(struct connection *connection, enum side from,
		     uint8_t flags, uint16_t payload, uint32_t sequence);

/*
 * What the tables say of the connection: h half-open, e established, f or b with
 * the client's or the backend's FIN, c closing, r reset, - nothing. And of its
 * backend: 20, 21 or 0.
 */
char connection_state(const struct connection *connection);
int connection_backend(const struct connection *connection);

#endif /* TESTS_CONNECTION_H */
