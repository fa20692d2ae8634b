/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Half-open flows and their limits, for people and machines:
 *
 * { "flows": that are counted, "limit", "full": whether what begins now is surplus;
 *   of a listener "surplus": flows that have begun as such so far }
 */
#ifndef L4GATE_CLI_HALF_OPEN_H
#define L4GATE_CLI_HALF_OPEN_H

#include "cli/emit.h"
#include "cli/view.h"

/* Of a listener, as its member "halfOpen" behind others. */
void half_open_write(struct emit *emit, const struct view *view,
		     const struct state_listener *listener);

/* Of the node: { "TCP": ..., "UDP": ... }. */
json_t *half_open_json(const struct view *view);

/*
 * Listeners that are full: [ { "namespace", "gateway", "listenerSet": "" if it is from
 * none, "name", and what half_open_write() writes } ].
 */
json_t *half_open_full(const struct view *view);

/* For stats, of view->state: the node, and listeners that have had surplus flows. */
void half_open_print_stats(const struct view *view);

/* For status. */
void half_open_print_status(const json_t *node, const json_t *full);

#endif /* L4GATE_CLI_HALF_OPEN_H */
