/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counters and flows of the data path, read only. */
#ifndef L4GATE_STATS_H
#define L4GATE_STATS_H

#include "dataplane/flow_tables.h"
#include "util/inet.h"

/* Sum over all CPUs; zeros if it can't be read. */
struct l4gate_stats stats_read(const struct dataplane *dataplane,
			       enum map_id map, uint32_t id);

/*
 * The same of the ids from 0 on, count or as many as the map has (*ret_count), to
 * be freed; NULL without memory.
 */
struct l4gate_stats *stats_read_all(const struct dataplane *dataplane,
				    enum map_id map, uint32_t count,
				    uint32_t *ret_count);

/* The same of flows that began as surplus, by the ids of listeners. */
uint64_t *stats_surplus(const struct dataplane *dataplane, uint32_t count);

struct l4gate_count stats_reason(const struct dataplane *dataplane,
				 enum l4gate_hook hook,
				 enum l4gate_reason reason);

extern const char *const reason_names[L4GATE_REASON_MAX];
extern const char *const reason_classes[L4GATE_REASON_MAX];
extern const char *const reason_texts[L4GATE_REASON_MAX];
extern const char *const hook_names[L4GATE_HOOK_MAX];
extern const char *const flow_state_names[L4GATE_FLOW_STATES];

/* The flow table as packets see it, mapped, and the time. */
struct flows {
	const struct dataplane *dataplane;
	struct l4gate_line *words;
	struct l4gate_line *entries;
	struct l4gate_record *records;
	struct l4gate_addr *clients6;
	const struct l4gate_endpoint *endpoints;	/* both halves */
	const struct l4gate_backend *backends;
	const struct l4gate_timeouts *timeouts;
	const struct l4gate_half_open *half_open;
	struct flow_rows rows;
	uint32_t word_lines;
	uint32_t record_count;
	uint32_t half;		/* of endpoints: the published one */
	uint64_t jiffies;
};

int flows_open(const struct dataplane *dataplane, struct flows *ret_flows,
	       struct fail *fail);
void flows_close(struct flows *flows);

/* The value of the entry with a hash, or 0. */
uint64_t flows_entry(const struct flows *flows, uint64_t hash);

/* What the tables say of the flow of a client. */
struct known_flow {
	uint32_t backend;
	uint8_t state;		/* enum l4gate_flow_state */
	bool is_word;		/* of another mode than nat: state as in words */
	bool is_surplus;	/* half open, beyond the limit */
	double idle;		/* seconds; of nat */
};

/* The live flow of a client to an endpoint, in a mode; false if there is none. */
bool flow_find(const struct flows *flows, const struct inet_addr *client,
	       uint16_t port, uint16_t endpoint, enum l4gate_mode mode,
	       struct known_flow *ret_flow);

/* A flow of mode nat. */
struct flow {
	struct inet_addr client;
	uint16_t client_port;		/* host order, as the others */
	const struct l4gate_endpoint *endpoint;
	const struct l4gate_backend *backend;
	uint32_t backend_id;
	struct inet_addr nat;		/* what the backend sees; the client's own
					   if that is kept */
	uint16_t nat_port;
	enum l4gate_flow_state state;
	double idle;			/* seconds */
	bool local;			/* the backend is on this node */
	bool is_surplus;		/* half open, beyond the limit */
};

/* The live flow that has a record; false if none has. */
bool flow_read(const struct flows *flows, uint32_t number,
	       struct flow *ret_flow);

/*
 * Live flows of each backend id, of every mode: L4GATE_MAX_BACKENDS numbers, to
 * be freed.
 */
uint32_t *flows_by_backend(const struct flows *flows, uint32_t *ret_total);

/* half_open.c: flows that are half open and not surplus, and the limit. */
struct half_open {
	uint32_t flows;
	uint32_t limit;
	bool is_full;		/* what begins now is surplus */
};

struct half_open half_open_of_node(const struct flows *flows, bool is_tcp);
/* Of a listener by its id; limit: its own, or 0. */
struct half_open half_open_of_listener(const struct flows *flows, uint32_t id,
				       bool is_tcp, uint16_t limit);

#endif /* L4GATE_STATS_H */
