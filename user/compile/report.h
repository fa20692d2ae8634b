/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What `compile -o json|yaml` prints, as one document: a List of the Gateway
 * API objects that are ours, as they were given and with the status that they
 * get, by kind, namespace and name; the last item holds the compiled tables
 * (kind CompiledTables, l4gate.dev/v1alpha1). It can be given back as input.
 */
#ifndef L4GATE_COMPILE_REPORT_H
#define L4GATE_COMPILE_REPORT_H

#include <jansson.h>

#include "compile/image.h"

/* To be released with json_decref(); NULL without memory. */
json_t *report_json(const struct image *image);

/* The last item alone. */
json_t *tables_json(const struct image *image);

#endif /* L4GATE_COMPILE_REPORT_H */
