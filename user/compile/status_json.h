/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The status of objects as the Gateway API has it: what its controllers write
 * to .status. Conditions have no lastTransitionTime, as compile has no clock
 * and no past. Each function returns NULL without memory.
 */
#ifndef L4GATE_COMPILE_STATUS_JSON_H
#define L4GATE_COMPILE_STATUS_JSON_H

#include <jansson.h>

#include "compile/image.h"

json_t *class_status_json(const struct class_status *status);
json_t *listener_set_status_json(const struct listener_set_status *status);
json_t *gateway_status_json(const struct gateway_status *status);
json_t *route_status_json(const struct route_status *status);
json_t *parameters_status_json(const struct parameters_status *status);
json_t *policy_status_json(const struct policy_status *status);

/* Appends item, which may be NULL; returns list, or NULL without memory. */
json_t *json_list_add(json_t *list, json_t *item);

#endif /* L4GATE_COMPILE_STATUS_JSON_H */
