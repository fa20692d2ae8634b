/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The gateway under test, and flows in its table: made by its own programs. */
#ifndef BENCH_FLOWS_H
#define BENCH_FLOWS_H

#include "feed.h"
#include "dataplane/lines.h"
#include "node.h"
#include "stats/stats.h"

#define LISTENER_PORT 80
#define REJECTED_PORT 81
#define OTHER_PORT 83
#define BACKEND_PORT 8080

/* Flows that share a client's address. */
#define FLOWS_PER_CLIENT 4

/* The node's data plane, its tables mapped so that they can be emptied. */
struct gateway {
	struct feed *feed;
	enum l4gate_mode mode;
	uint32_t max_flows;
	struct flows flows;
};

/* Routes that the node needs; once. */
void gateway_routes(void);

void gateway_open(struct gateway *gateway, struct feed *feed,
		  enum l4gate_mode mode, uint32_t max_flows,
		  unsigned int backends);
void gateway_close(struct gateway *gateway);

/* Another number of backends, which moves slots. */
void gateway_change(struct gateway *gateway, unsigned int backends);

/* Forgets all flows. */
void gateway_empty(struct gateway *gateway);

/* Packets that left a hook for a reason, so far. */
uint64_t packets_counted(enum l4gate_hook hook, enum l4gate_reason reason);

/* Packets of clients, `count` of them, each the first of a flow of its own. */
void clients_open(struct gateway *gateway, struct stream *stream, bool v6,
		  bool udp, uint16_t port, uint32_t count);

/* First packets to the listener, the first of them that of client `first`. */
void later_clients_open(struct gateway *gateway, struct stream *stream, bool v6,
			bool udp, uint32_t first, uint32_t count);

/* As clients_open(), to another address than the listener's. */
void strangers_open(struct gateway *gateway, struct stream *stream, bool v6,
		    uint32_t count);

/* Runs each packet of a stream once; how many left XDP for a reason. */
uint32_t gateway_run_once(struct gateway *gateway, struct stream *stream,
			  uint32_t count, enum l4gate_reason reason);

/* Opens the flows of a stream of first packets, as far as there is room. */
void gateway_fill(struct gateway *gateway, struct stream *stream,
		  uint32_t count);

/*
 * Flows of one kind that both sides have used, in random order. No replies come
 * by in the dsr modes.
 */
struct flow_set {
	bool v6, udp;
	uint32_t count;
	struct stream client, reply;
};

bool has_replies(enum l4gate_mode mode);

/* Flows that are established, or answered. */
uint32_t gateway_established(const struct gateway *gateway);

/*
 * Where each flow of a set goes, by the tables: its backend, and in mode nat all
 * that is its own. 0: it is not there.
 */
void flow_set_places(const struct gateway *gateway, const struct flow_set *set,
		     uint64_t *ret_places);

/*
 * Makes a few more flows than `count`, for some may be refused; those that are too
 * many stay half-open. How many could be had, or dies if there are too few.
 */
uint32_t flow_set_try(struct gateway *gateway, struct flow_set *set, bool v6,
		      bool udp, uint32_t count);
void flow_set_open(struct gateway *gateway, struct flow_set *set, bool v6,
		   bool udp, uint32_t count);

#endif /* BENCH_FLOWS_H */
