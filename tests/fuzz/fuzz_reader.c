// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * libFuzzer: any bytes as a manifest, YAML or JSON. What is read must be as
 * manifest.h says, and every diagnostic must have its words and a place in the
 * text.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)						\
	do {								\
		if (!(condition))					\
			abort();					\
	} while (0)

static size_t count_lines(const char *text, size_t size)
{
	size_t lines = 1;
	const char *end = text + size;

	while ((text = memchr(text, '\n', end - text))) {
		lines++;
		text++;
	}
	return lines;
}

static void check_diags(const struct diags *diags, size_t size, size_t lines)
{
	size_t i, errors = 0;

	for (i = 0; i < diags->count; i++) {
		const struct diag *diag = &diags->items[i];
		char *text = diag_format(diag);

		REQUIRE(text && *diag->text);
		REQUIRE(text[strlen(text) - 1] == '\n');
		REQUIRE(diag->loc.line <= lines);
		REQUIRE(diag->loc.column <= size + 1);
		errors += diag->level == DIAG_ERROR;
		free(text);
	}
	REQUIRE(errors == diags->errors || diags->dropped);
}

static size_t count_objects(const struct model *model)
{
	return model->classes.count + model->gateways.count +
	       model->routes.count + model->grants.count +
	       model->services.count + model->slices.count +
	       model->namespaces.count + model->listener_sets.count +
	       model->parameters.count + model->policies.count;
}

/* A second reading finds every object to be there already. */
static void read_again(const struct manifest_options *options,
		       const char *text, size_t size, struct model *model)
{
	struct diags diags = { 0 };
	size_t objects = model->object_count;
	int error;

	error = manifest_read_text("second", text, size, options, model,
				   &diags);
	REQUIRE(error == (objects ? -EINVAL : 0));
	REQUIRE(model->object_count == 2 * objects);
	REQUIRE(diags.errors == objects);
	diags_free(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct manifest_options options = { .lenient = size % 2 };
	const char *text = (const char *)data;
	struct model model = { 0 };
	struct diags diags = { 0 };
	int error;

	error = manifest_read_text("first", text, size, &options, &model,
				   &diags);
	REQUIRE(error == (diags.errors ? -EINVAL : 0));
	REQUIRE(count_objects(&model) == model.object_count);
	check_diags(&diags, size, count_lines(text, size));
	if (!error)
		read_again(&options, text, size, &model);
	diags_free(&diags);
	model_free(&model);
	return 0;
}
