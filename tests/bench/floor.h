/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The floor programs, loaded, with their tables filled. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "flows.h"

struct bench_floor_bpf;

struct floor {
	struct bench_floor_bpf *skeleton;
	uint32_t backends;
	/* Programs. */
	int hit, new, pass, shared, xdp_empty;
	int tc_hit, tc_pass, tc_empty;
};

/* With room for as many flows, and fewer than FLOOR_COUNTERS backends. */
void floor_open(struct floor *floor, uint32_t max_flows, uint32_t backends);
void floor_close(struct floor *floor);

/* Enters the flows of a stream of IPv4 packets. */
void floor_fill(struct floor *floor, const struct feed *feed,
		const struct stream *stream, uint32_t count);

/* Packets that were forwarded, so far. */
uint64_t floor_counted(const struct floor *floor);

#endif /* BENCH_FLOOR_H */
