/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What CPUs do at the same time, and what must be so whatever the order. */
#ifndef INTERLEAVE_SCENARIO_H
#define INTERLEAVE_SCENARIO_H

#include "explore.h"
#include "model.h"
#include "table.h"
#include "world.h"

struct scenario {
	const char *name;
	struct world world;
	int cpus;
	/* Flows that there are before; the packet of each CPU into packets. */
	void (*prepare)(void);
	/* What is wrong after a schedule, or NULL. */
	const char *(*check)(void);
	/* Before each schedule, and between two steps; or NULL. */
	void (*start)(void);
	void (*watch)(void);
};

/* Of the scenario at hand: one for each CPU. */
extern struct passage packets[EXPLORE_CPUS];

/* Lists end with one that has no name. */
extern const struct scenario direct_scenarios[];
extern const struct scenario nat_scenarios[];
extern const struct scenario move_scenarios[];
extern const struct scenario ticket_scenarios[];
/* Too many schedules to try them all each time. */
extern const struct scenario nat_deep_scenarios[];
extern const struct scenario move_deep_scenarios[];
extern const struct scenario ticket_deep_scenarios[];

/* Established flows of new clients with these rows (world_client()). */
#define FLOWS_MAX 64

struct flow_list {
	struct client client[FLOWS_MAX];
	int count;
};

void die(const char *text) __attribute__((noreturn));

void flows_establish(struct flow_list *list, int count, int first, int second);

/* Whether all of them are still there, and established. */
bool flows_live(const struct flow_list *list);

#endif /* INTERLEAVE_SCENARIO_H */
