/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What to do about a condition that is not as it should be. */
#ifndef L4GATE_CLI_ADVICE_H
#define L4GATE_CLI_ADVICE_H

#include <jansson.h>
#include <stdbool.h>

/* A sentence beside the condition's own message. */
const char *advice_for(const char *type, const char *reason);

/* Whether a condition, as JSON, is as it should be. */
bool advice_is_good(const json_t *condition);

/* Adds the advice for each bad one of "conditions" to a list, each text once. */
void advice_collect(json_t *list, const json_t *object);

/* Adds a text that is not there yet. */
void advice_add(json_t *list, const char *text);

#endif /* L4GATE_CLI_ADVICE_H */
