/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Tests of what is read from files: each in a directory of its own. */
#ifndef L4GATE_TESTS_PLACE_H
#define L4GATE_TESTS_PLACE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/manifest.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A directory of its own for each test; the paths are relative to it. */
struct place {
	char path[64];
	int back;		/* the directory that we came from */
	struct model model;
	struct diags diags;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	strcpy(place->path, "/tmp/l4gate-test-XXXXXX");
	place->back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->back < 0 || !mkdtemp(place->path) || chdir(place->path))
		return -1;
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	char command[128];
	int err;

	diags_free(&place->diags);
	model_free(&place->model);
	err = fchdir(place->back);
	close(place->back);
	snprintf(command, sizeof(command), "rm -rf %s", place->path);
	err |= system(command);
	free(place);
	return err;
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

/* The first diagnostic as it is printed is this line. */
static void expect(struct place *place, const char *line)
{
	char *text;

	assert_true(place->diags.count > 0);
	text = diag_format(&place->diags.items[0]);
	assert_string_equal(text, line);
	free(text);
}

#endif /* L4GATE_TESTS_PLACE_H */
