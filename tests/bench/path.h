/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A path that packets take through a program: fed, timed, and checked to be the
 * path that was meant. Its cost is net: less that of an empty program behind
 * the same feed.
 */
#ifndef BENCH_PATH_H
#define BENCH_PATH_H

#include "floor.h"
#include "flows.h"
#include "result.h"

struct bench {
	struct feed feed;
	struct gateway gateway;
	struct floor floor;
	uint32_t packets;		/* of a test run */
	struct path *paths;
	size_t path_count;
};

enum program {
	PROGRAM_L4GATE,
	PROGRAM_FLOOR_HIT,	/* XDP or TC, by the path's hook */
	PROGRAM_FLOOR_NEW,
	PROGRAM_FLOOR_PASS,
};

struct path {
	const char *name;
	enum program program;
	enum l4gate_hook hook;
	struct stream *stream;
	uint32_t flows;
	enum l4gate_reason reason;	/* what l4gate has to count */
	bool fresh;			/* each packet a new flow, table empty */
	bool rejects;			/* within the budget of replies */
	double at_least;		/* share that has to take it; 0: all */
	struct rounds total, net;
};

/* Adds a copy of a path. Pointers to paths are good until the next. */
struct path *path_add(struct bench *bench, const struct path *path);

/* Measures all paths in turn, that many rounds. */
void paths_measure(struct bench *bench, unsigned int rounds);

/* Forgets all paths. */
void paths_clear(struct bench *bench);

#endif /* BENCH_PATH_H */
