/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Lists of join.h as tables for people: a line an object; wide: below it each of
 * its conditions with reason and message.
 */
#ifndef L4GATE_CLI_TABLES_H
#define L4GATE_CLI_TABLES_H

#include "cli/view.h"

void table_gateways(const struct view *view, const json_t *list, bool wide);
void table_classes(const struct view *view, const json_t *list, bool wide);
void table_listener_sets(const struct view *view, const json_t *list,
			 bool wide);
void table_parameters(const struct view *view, const json_t *list, bool wide);
void table_policies(const struct view *view, const json_t *list, bool wide);
void table_listeners(const struct view *view, const json_t *list, bool wide);
void table_routes(const struct view *view, const json_t *list, bool wide);
void table_backends(const struct view *view, const json_t *list, bool wide);
void table_flows(const struct view *view, const json_t *list, bool wide);

/* The condition of a type among "conditions", or NULL. */
const json_t *condition_of(const json_t *object, const char *type);

#endif /* L4GATE_CLI_TABLES_H */
