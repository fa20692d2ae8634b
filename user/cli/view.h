/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The published state with live numbers in it: what get and stats show. Every
 * listener, route and backend of the state gets
 *   "stats": { "packets": { "from_client", "from_backend" }, "bytes": { same },
 *              "flows", "rejected" }, and a backend "active" (flows).
 */
#ifndef L4GATE_CLI_VIEW_H
#define L4GATE_CLI_VIEW_H

#include <jansson.h>

#include "cli/cmd.h"
#include "stats/stats.h"

struct view {
	struct dataplane *dataplane;
	struct flows flows;
	uint32_t active;	/* flows in all */
	json_t *state;
};

/* EXIT_DONE, or an exit code after saying why. */
int view_open(const struct globals *globals, struct view *view);
void view_close(struct view *view);

/* Members of an object: text ("" if missing) and numbers. */
const char *view_text(const json_t *object, const char *key);
json_int_t view_number(const json_t *object, const char *key);

/* A counter by its path: view_stat(route, "packets", "from_client"). */
json_int_t view_stat(const json_t *object, const char *key, const char *sub);

/* The route with an id, or NULL. */
json_t *view_route(const struct view *view, json_int_t id);

#endif /* L4GATE_CLI_VIEW_H */
