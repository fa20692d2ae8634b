// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tests/golden/compile/NAME.yaml must compile to exactly the text in NAME.txt:
 * the image and its conditions, behind whatever there was to complain about.
 * Each file is named after the rule of the Gateway API that it shows. Then the
 * same objects in other orders must give the same image, byte for byte.
 * L4GATE_UPDATE=1 writes the .txt files anew: check each change by hand.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compile/compile.h"
#include "compile/text.h"
#include "model/manifest.h"

#define SHUFFLES 5

static int is_input(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".yaml");
}

/*
 * The options of all files: class "claimed" is claimed, the node has two
 * addresses.
 */
static int run(const struct model *model, struct image **ret_image,
	       struct diags *diags)
{
	static const char *const classes[] = { "claimed" };
	struct inet_addr own[2] = { 0 };
	struct compile_options options = {
		.claimed_classes = classes,
		.claimed_class_count = 1,
		.seed = { 1, 2 },
		.own_addresses = own,
		.own_address_count = 2,
	};

	assert_int_equal(inet_parse("192.0.2.100", &own[0]), 0);
	assert_int_equal(inet_parse("2001:db8::100", &own[1]), 0);
	return compile(model, &options, ret_image, diags);
}

static void print_diags(FILE *out, const struct diags *diags)
{
	size_t i;

	for (i = 0; i < diags->count; i++) {
		char *line = diag_format(&diags->items[i]);

		assert_non_null(line);
		fputs(line, out);
		free(line);
	}
	if (diags->count)
		fputc('\n', out);
}

/* The text of one compile; with slots: the tables themselves, too. */
static char *compile_text(const struct model *model, struct diags *diags,
			  bool with_slots)
{
	struct image *image = NULL;
	char *text = NULL;
	size_t i, j, k, size;
	FILE *out;
	int error;

	out = open_memstream(&text, &size);
	assert_non_null(out);
	error = run(model, &image, diags);
	print_diags(out, diags);
	if (error)
		fprintf(out, "error: %s\n", strerror(-error));
	else
		image_print_text(out, image);
	for (i = 0; with_slots && !error && i < image->route_count; i++)
		for (j = 0; j < L4GATE_FAMILIES; j++)
			for (k = 0; k < image->routes[i].tables[j].slot_count;
			     k++)
				fprintf(out, "%u ",
					image->routes[i].tables[j].slots[k]);
	image_free(image);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void shuffle(void *items, size_t count, size_t size)
{
	char *bytes = items, spare[512];
	size_t i, j;

	assert_true(size <= sizeof(spare));
	for (i = 1; i < count; i++) {
		j = rand() % (i + 1);
		memcpy(spare, bytes + i * size, size);
		memcpy(bytes + i * size, bytes + j * size, size);
		memcpy(bytes + j * size, spare, size);
	}
}

#define SHUFFLE(list) \
	shuffle((list).items, (list).count, sizeof(*(list).items))

/* Lists whose order means nothing; refs, rules and listeners stay. */
static void shuffle_model(struct model *model)
{
	size_t i;

	SHUFFLE(model->classes);
	SHUFFLE(model->gateways);
	SHUFFLE(model->listener_sets);
	SHUFFLE(model->routes);
	SHUFFLE(model->grants);
	SHUFFLE(model->services);
	SHUFFLE(model->slices);
	SHUFFLE(model->namespaces);
	for (i = 0; i < model->slices.count; i++)
		shuffle(model->slices.items[i].endpoints,
			model->slices.items[i].endpoint_count,
			sizeof(struct endpoint));
}

static bool check_orders(const char *name, struct model *model)
{
	struct diags diags = { 0 };
	char *text = compile_text(model, &diags, true), *again;
	bool same = true;
	int i;

	diags_free(&diags);
	for (i = 0; same && i < SHUFFLES; i++) {
		shuffle_model(model);
		again = compile_text(model, &diags, true);
		same = !strcmp(text, again);
		if (!same)
			print_error("%s: depends on the order of objects:\n%s",
				    name, again);
		free(again);
		diags_free(&diags);
	}
	free(text);
	return same;
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
	struct model model = { 0 };
	struct diags diags = { 0 };
	char *got, *want, path[300];
	bool same;
	int error;

	error = manifest_read(name, NULL, &model, &diags);
	if (error) {
		print_diags(stderr, &diags);
		fail_msg("%s: can't be read", name);
	}
	got = compile_text(&model, &diags, false);
	snprintf(path, sizeof(path), "%.*s.txt",
		 (int)(strrchr(name, '.') - name), name);
	if (getenv("L4GATE_UPDATE"))
		write_text(path, got);
	want = read_text(path);
	same = !strcmp(got, want);
	if (!same)
		print_error("%s: expected\n%sgot\n%s", name, want, got);
	free(got);
	free(want);
	diags_free(&diags);
	same = check_orders(name, &model) && same;
	model_free(&model);
	return same;
}

static void test_golden_compile(void **state)
{
	const char *root = getenv("L4GATE_SOURCE");
	struct dirent **entries;
	int i, n, wrong = 0;

	(void)state;
	assert_int_equal(chdir(root ? root : "."), 0);
	assert_int_equal(chdir("tests/golden/compile"), 0);
	n = scandir(".", &entries, is_input, alphasort);
	assert_true(n >= 40);
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
		cmocka_unit_test(test_golden_compile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
