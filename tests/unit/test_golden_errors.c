// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tests/golden/errors/NAME.yaml or .json must give exactly the text in NAME.err
 * and at least one error or warning. L4GATE_UPDATE=1 writes the .err files
 * anew: read each change as if it were three in the morning.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/manifest.h"

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && !strcmp(name + n - m, suffix);
}

static int is_input(const struct dirent *entry)
{
	return has_suffix(entry->d_name, ".yaml") ||
	       has_suffix(entry->d_name, ".json");
}

/* All diagnostics of a file and what manifest_read() returned, as text. */
static char *read_errors(const char *name)
{
	struct model model = { 0 };
	struct diags diags = { 0 };
	size_t i, size, errors;
	char *text = NULL;
	FILE *out;
	int err;

	err = manifest_read(name, NULL, &model, &diags);
	errors = diags.errors;
	out = open_memstream(&text, &size);
	assert_non_null(out);
	for (i = 0; i < diags.count; i++) {
		char *line = diag_format(&diags.items[i]);

		assert_non_null(line);
		fputs(line, out);
		free(line);
	}
	assert_int_equal(fclose(out), 0);
	diags_free(&diags);
	model_free(&model);
	if (!!err != !!errors)
		fail_msg("%s: returned %d with %zu errors", name, err, errors);
	if (!*text)
		fail_msg("%s: nothing to complain about", name);
	return text;
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *in = fopen(path, "r");

	assert_non_null(text);
	if (in) {
		assert_true(fread(text, 1, 65535, in) < 65535);
		fclose(in);
	}
	return text;
}

static void write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static bool check_file(const char *name)
{
	char *got = read_errors(name), *want, path[300];
	bool same;

	snprintf(path, sizeof(path), "%.*s.err",
		 (int)(strrchr(name, '.') - name), name);
	if (getenv("L4GATE_UPDATE"))
		write_text(path, got);
	want = read_text(path);
	same = !strcmp(got, want);
	if (!same)
		print_error("%s: expected\n%sgot\n%s", name, want, got);
	free(got);
	free(want);
	return same;
}

static void test_golden_errors(void **state)
{
	const char *root = getenv("L4GATE_SOURCE");
	struct dirent **entries;
	int i, n, wrong = 0;

	(void)state;
	assert_int_equal(chdir(root ? root : "."), 0);
	assert_int_equal(chdir("tests/golden/errors"), 0);
	n = scandir(".", &entries, is_input, alphasort);
	assert_true(n >= 60);
	for (i = 0; i < n; i++) {
		wrong += !check_file(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	print_message("%d golden files, %d differ\n", n, wrong);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
