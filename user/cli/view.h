/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The published state and live numbers: what get, stats and status show. */
#ifndef L4GATE_CLI_VIEW_H
#define L4GATE_CLI_VIEW_H

#include <jansson.h>

#include "cli/cmd.h"
#include "dataplane/state.h"
#include "stats/stats.h"

/* The counters of one kind of thing, by their numbers. */
struct view_counters {
	struct l4gate_stats *items;
	uint32_t count;
};

struct view {
	struct dataplane *dataplane;
	struct flows flows;
	struct state published;
	struct view_counters listener_stats;
	struct view_counters route_stats;
	struct view_counters backend_stats;
	uint64_t *surplus;	/* flows that began so, as listener_stats */
	uint32_t *by_backend;	/* flows */
	uint32_t active;	/* flows in all */
	json_t *state;		/* document.h; see view_read() */
};

/* EXIT_DONE, or an exit code after saying why. */
int view_open(const struct globals *globals, struct view *view);
void view_close(struct view *view);

/* Makes view->state; the same. */
int view_read(struct view *view);

/* Zeros for a number that there is none of. */
const struct l4gate_stats *view_stats(const struct view_counters *counters,
				      uint32_t id);

/* Members of an object: text ("" if missing) and numbers. */
const char *view_text(const json_t *object, const char *key);
json_int_t view_number(const json_t *object, const char *key);

/* A counter by its path: view_stat(route, "packets", "from_client"). */
json_int_t view_stat(const json_t *object, const char *key, const char *sub);

/* The route with an id, or NULL. */
json_t *view_route(const struct view *view, json_int_t id);

#endif /* L4GATE_CLI_VIEW_H */
