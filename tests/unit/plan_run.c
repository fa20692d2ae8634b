// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "plan_run.h"	/* before cmocka.h, which takes its fail() */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void run_plan(struct run *run, const char *text, const struct state *before,
	      const struct plan_node *node)
{
	static const struct state empty = { .texts = "", .text_size = 1 };
	static const char *const classes[] = { "l4" };
	const struct compile_options options = {
		.claimed_classes = classes, .claimed_class_count = 1,
	};
	struct diags diags = { 0 };
	struct fail fail = { 0 };

	*run = (struct run){ 0 };
	assert_int_equal(manifest_read_text("t", text, strlen(text), NULL,
					    &run->model, &diags), 0);
	assert_int_equal(compile(&run->model, &options, &run->image, &diags),
			 0);
	assert_int_equal(diags.errors, 0);
	diags_free(&diags);
	assert_int_equal(plan_make(run->image, before ?: &empty, node,
				   &run->plan, &run->changes, &fail), 0);
}

void run_free(struct run *run)
{
	changes_free(&run->changes);
	plan_free(&run->plan);
	image_free(run->image);
	model_free(&run->model);
}
