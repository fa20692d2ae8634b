/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A config, and packets to it. Two listeners with a route each, and each route with
 * two backends: the first half of the config chooses the one, the second the other.
 * So a packet that did not find its flow goes to another backend than those that do.
 */
#ifndef INTERLEAVE_WORLD_H
#define INTERLEAVE_WORLD_H

#include "program.h"

#define LISTENERS 2
#define HALVES 2

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct world {
	enum l4gate_mode mode;
	bool v6, udp;
	uint8_t timeouts;	/* class of all backends */
	uint32_t max_flows;	/* of each route; 0: any number */
	struct sizes sizes;
};

struct client {
	struct l4gate_addr addr;
	__be16 port;
	int listener;
	uint64_t hash;		/* of its flow */
};

void world_open(const struct world *world);

/* The half that a CPU sees. */
void world_set_half(int cpu, int half);

/*
 * A new client whose flow has these rows in the flow tables, all in one shard; -1:
 * any.
 */
struct client world_client(int listener, int first, int second);

/* Packets; flags as in TCP. */
void world_from_client(struct passage *passage, const struct client *client,
		       uint8_t flags);
/* A backend's answer to a packet that was sent to it. */
void world_answer(struct passage *passage, const struct passage *sent,
		  uint8_t flags);

/* All packets of a flow up to where it is established; its last one in *passage. */
void world_establish(struct passage *passage, const struct client *client);

/*
 * Which of its listener's backends a client's packet was sent to (the half that
 * chooses it); -1 if it was not sent, -2 if to somewhere else.
 */
int world_backend(const struct passage *passage, const struct client *client);

/* Whether a backend's packet was sent to this client, from its listener. */
bool world_is_to(const struct passage *passage, const struct client *client);

/* The tickets of a listener's route that are given out; -1: they are not well. */
int world_tickets(int listener);
/* Whether a client's flow has one. */
bool world_has_ticket(const struct client *client);

/* New flows counted, of all listeners. */
uint64_t world_new_flows(void);

#endif /* INTERLEAVE_WORLD_H */
