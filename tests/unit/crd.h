/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The CRDs in scripts/deploy/crds as JSON, for the tests that read them. */
#ifndef L4GATE_TESTS_CRD_H
#define L4GATE_TESTS_CRD_H

#include <jansson.h>
#include <stdbool.h>

#include "model/kinds.h"

#define CRD_COUNT	2

/* The pattern of durations (GEP-2257). */
#define CRD_DURATION	"^([0-9]{1,5}(h|m|s|ms)){1,4}$"

struct crd {
	const struct kind *kind;
	const char *file;
};

extern const struct crd crds[CRD_COUNT];

/* To be released with json_decref(). */
json_t *crd_read(const struct crd *crd);

/* Its only version, and the schema of that. */
json_t *crd_version(const json_t *crd);
json_t *crd_schema(const json_t *crd);

json_t *get(const json_t *node, const char *key);
const char *text_of(const json_t *node, const char *key);	/* or "" */
bool has_text(const json_t *list, const char *text);

#endif /* L4GATE_TESTS_CRD_H */
