/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The program of bpf/, as it is called here. */
#ifndef INTERLEAVE_PROGRAM_H
#define INTERLEAVE_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "l4gate/abi.h"

/* A packet on its way through, and what came of it. */
struct passage {
	uint8_t frame[128];
	uint32_t size;
	bool sent;		/* translated, and on to a next hop */
	bool answered;		/* by a RST or an ICMP error */
	struct l4gate_addr src, dst;
	__be16 sport, dport;
};

/* How large the flow tables are. */
struct sizes {
	uint32_t rows;		/* of words, and of entries */
	uint32_t records;	/* rows of them, 1 or a prime; NAT ports of a
				   shard: the power of two below */
};

/* Host order. */
#define PROGRAM_NAT_PORT 20000
/* Jiffies of the timeouts of class 1, which are half of those of class 0. */
#define PROGRAM_OWN_TIMEOUT (30 << 7)

void program_open(const struct sizes *sizes);
void program_run(struct passage *passage);

/* Forgets all flows, and what was counted; not the next hops. */
void program_forget(void);

/* Values of its maps. */
struct l4gate_control *program_control(int cpu);
struct l4gate_endpoint *program_endpoint(uint32_t number);
struct l4gate_line *program_endpoint_index(void);
struct l4gate_line *program_origin_index(void);
struct l4gate_route *program_route(uint32_t number);
union l4gate_chunk *program_chunk(uint32_t number);
struct l4gate_backend *program_backend(uint32_t number);
struct l4gate_line *program_words(uint32_t number);
struct l4gate_line *program_entries(uint32_t number);
struct l4gate_record *program_record(uint32_t number);
struct l4gate_addr *program_client6(uint32_t number);

/* Counted by all CPUs. */
uint64_t program_new_flows(uint32_t listener);
int program_half_open(void);
/*
 * Before schedules: those in which both CPUs begin a quarter of half-open flows are too
 * many, and differ by what is counted.
 */
void program_begin_quarter(void);
uint64_t program_left(enum l4gate_reason reason);

/* Whether a word, or the value of an entry, is of a flow that is half open. */
bool program_is_half_open(bool nat, uint64_t value);

/* Of a flow, by its client and the endpoint's id. */
uint64_t program_flow_hash(bool v6, const struct l4gate_addr *client,
			   __be16 port, uint16_t endpoint);
uint64_t program_place_hash(bool v6, const struct l4gate_addr *addr,
			    __be16 port, uint8_t protocol);

#endif /* INTERLEAVE_PROGRAM_H */
