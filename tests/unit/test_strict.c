// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * --strict over all golden files: as many errors as the report has conditions
 * that are not good and Gateways that it leaves out, each with a place.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compile/compile.h"
#include "compile/report.h"
#include "model/manifest.h"

static int is_input(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".yaml") &&
	       !strstr(entry->d_name, ".status.yaml");
}

static int run(const struct model *model, bool strict, struct image **ret_image,
	       struct diags *diags)
{
	static const char *const classes[] = { "claimed" };
	struct compile_options options = {
		.claimed_classes = classes,
		.claimed_class_count = 1,
		.strict = strict,
	};

	return compile(model, &options, ret_image, diags);
}

static bool is(const json_t *condition, const char *key, const char *value)
{
	return !strcmp(json_string_value(json_object_get(condition, key)),
		       value);
}

/*
 * Every object with type, status and an own observedGeneration is a condition
 * of ours, wherever it is.
 */
static size_t count_bad(const json_t *value)
{
	size_t i, count = 0;
	const char *key;
	json_t *member;

	json_array_foreach(value, i, member)
		count += count_bad(member);
	json_object_foreach((json_t *)value, key, member)
		count += count_bad(member);
	if (!json_object_get(value, "observedGeneration"))
		return count;
	if (strchr(json_string_value(json_object_get(value, "type")), '/'))
		return count;
	if (is(value, "type", "Conflicted") ||
	    is(value, "type", "PartiallyInvalid"))
		return count + is(value, "status", "True");
	return count + (is(value, "status", "False") ||
			is(value, "reason", "ListenersNotValid"));
}

static size_t count_gateways(const json_t *report)
{
	size_t i, count = 0;
	json_t *item;

	json_array_foreach(json_object_get(report, "items"), i, item)
		count += is(item, "kind", "Gateway");
	return count;
}

/* Errors there are; those of strict beside others; -1 where it fails anyway. */
static int check_file(const char *name)
{
	struct diags lax = { 0 }, diags = { 0 };
	struct image *image = NULL;
	struct model model = { 0 };
	size_t i, want;
	json_t *report;
	int error;

	assert_int_equal(manifest_read(name, NULL, &model, &lax), 0);
	if (run(&model, false, &image, &lax)) {
		diags_free(&lax);
		model_free(&model);
		return -1;
	}
	report = report_json(image);
	want = count_bad(report) + model.gateways.count -
	       count_gateways(report);
	image_free(image);
	image = NULL;
	error = run(&model, true, &image, &diags);
	if (error != (want ? -EINVAL : 0) || diags.errors != want ||
	    !image != !!want)
		fail_msg("%s: %d with %zu errors, not %zu", name, error,
			 diags.errors, want);
	for (i = 0; i < diags.count; i++)
		if (!diags.items[i].loc.line)
			fail_msg("%s: no place: %s", name, diags.items[i].text);
	json_decref(report);
	image_free(image);
	diags_free(&diags);
	diags_free(&lax);
	model_free(&model);
	return want;
}

static void test_strict(void **state)
{
	const char *root = getenv("L4GATE_SOURCE");
	int i, n, found, clean = 0, bad = 0;
	struct dirent **entries;

	(void)state;
	assert_int_equal(chdir(root ? root : "."), 0);
	assert_int_equal(chdir("tests/golden/compile"), 0);
	n = scandir(".", &entries, is_input, alphasort);
	for (i = 0; i < n; i++) {
		found = check_file(entries[i]->d_name);
		clean += !found;
		bad += found > 0 ? found : 0;
		free(entries[i]);
	}
	free(entries);
	print_message("%d files, %d are clean, %d errors\n", n, clean, bad);
	assert_true(clean > 10 && bad > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
