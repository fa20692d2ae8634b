/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Manifests compiled and planned over what was planned before, as publishes do it. */
#ifndef TESTS_PLAN_RUN_H
#define TESTS_PLAN_RUN_H

#include "compile/compile.h"
#include "dataplane/plan.h"
#include "model/manifest.h"

/* One compile and the plan that came of it. */
struct run {
	struct model model;
	struct image *image;
	struct plan plan;
	struct changes changes;
};

/* Over the state of a run, or (NULL) over nothing; every error is a failure. */
void run_plan(struct run *run, const char *text, const struct state *before,
	      const struct plan_node *node);
void run_free(struct run *run);

#endif /* TESTS_PLAN_RUN_H */
