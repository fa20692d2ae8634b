/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One object for a person at three in the morning: what it does, what is wrong
 * with it and why, and what to do. Each has a function that adds what is worked
 * out to an object of join.h (for machines), and one that says it in sentences.
 */
#ifndef L4GATE_CLI_DESCRIBE_H
#define L4GATE_CLI_DESCRIBE_H

#include "cli/view.h"

/*
 * Adds to a route
 *   "listeners": [ { "namespace", "gateway", "listenerSet", "name", "protocol",
 *                    "port", "addresses", "fate": as in state.h,
 *                    "rule": "older" | "name" (both are as old) | "byName" (a
 *                            creationTimestamp is missing); if it competes,
 *                    "winner": { "kind", "namespace", "name", "created" },
 *                    "losers": [ the same ] } ]
 *   "advice": [ "..." ]
 */
void describe_route(const struct view *view, json_t *route);
void print_route(const json_t *route);

/* Adds "listeners": those of the Gateway and its ListenerSets, and "advice". */
void describe_gateway(const struct view *view, json_t *gateway);
void print_gateway(const json_t *gateway);

/* Parts of both: what is wrong with an object, if anything, and what to do. */
bool print_bad_conditions(const char *indent, const json_t *object);
void print_advice(const json_t *advice);

#endif /* L4GATE_CLI_DESCRIBE_H */
