// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tests/golden/compile/NAME.yaml must compile to exactly the text in NAME.txt:
 * the image and its conditions, behind whatever there was to complain about.
 * "rule-NN-" is a rule of the Gateway API, "conformance-" one of its conformance
 * tests, "input-" the shape of a published example; "parameters-" and "policy-"
 * are our own kinds. "status-", with an object, condition and reason or a rule
 * that shows there alone, must give the List in NAME.status.yaml instead. Then the same objects in other orders, spread over
 * several files, and given back as they were printed must give the same image,
 * byte for byte.
 * L4GATE_UPDATE=1 writes the expected files anew: check each change by hand.
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
#include "compile/report.h"
#include "compile/text.h"
#include "model/manifest.h"
#include "model/yaml_write.h"

#define SHUFFLES 5

static int is_input(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".yaml") &&
	       !strstr(entry->d_name, ".status.yaml");
}

/* Which conditions are checked, not what they say beside it. */
static bool is_status(const char *name)
{
	return !strncmp(name, "status-", strlen("status-"));
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

static char *dump(const json_t *document)
{
	char *text = json_dumps(document, JSON_REAL_PRECISION(REAL_DIGITS));

	assert_non_null(text);
	return text;
}

/* What `compile -o json` prints, on one line; NULL if it does not compile. */
static char *compile_json(const struct model *model)
{
	struct diags diags = { 0 };
	struct image *image = NULL;
	json_t *document;
	char *text = NULL;

	if (!run(model, &image, &diags)) {
		document = report_json(image);
		text = dump(document);
		json_decref(document);
	}
	image_free(image);
	diags_free(&diags);
	return text;
}

/* What `compile -o yaml` prints, with or without the last item. */
static char *compile_yaml(const struct model *model, bool with_tables)
{
	struct diags diags = { 0 };
	struct image *image = NULL;
	char *text = NULL;
	json_t *document;
	json_t *items;
	size_t size;
	FILE *out;

	assert_int_equal(run(model, &image, &diags), 0);
	document = report_json(image);
	items = json_object_get(document, "items");
	if (!with_tables)
		assert_int_equal(json_array_remove(
			items, json_array_size(items) - 1), 0);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(yaml_write(out, document), 0);
	assert_int_equal(fclose(out), 0);
	json_decref(document);
	image_free(image);
	diags_free(&diags);
	return text;
}

/* The text of one compile; in full: slots and the report, too. */
static char *compile_text(const struct model *model, struct diags *diags,
			  bool in_full)
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
	for (i = 0; in_full && !error && i < image->route_count; i++)
		for (j = 0; j < L4GATE_FAMILIES; j++)
			for (k = 0; k < image->routes[i].tables[j].slot_count;
			     k++)
				fprintf(out, "%u ",
					image->routes[i].tables[j].slots[k]);
	if (in_full && !error) {
		json_t *document = report_json(image);
		char *report = dump(document);

		fputs(report, out);
		free(report);
		json_decref(document);
	}
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
	SHUFFLE(model->parameters);
	SHUFFLE(model->policies);
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

static void read_into(struct model *model, const char *name, const char *text)
{
	struct diags diags = { 0 };

	if (manifest_read_text(name, text, strlen(text), NULL, model, &diags)) {
		print_diags(stderr, &diags);
		fail_msg("%s: can't be read:\n%s", name, text);
	}
	diags_free(&diags);
}

/* Whether model compiles to what it should; frees it. */
static bool check_json(const char *name, const char *how, struct model *model,
		       const char *want)
{
	char *got = compile_json(model);
	bool same = got && !strcmp(got, want);

	if (!same)
		print_error("%s, %s: expected\n%s\ngot\n%s\n", name, how, want,
			    got ? got : "nothing");
	free(got);
	model_free(model);
	return same;
}

#define DOCUMENTS_MAX 64
#define FILES 3

/* The documents of a file in a random order, spread over several files. */
static bool check_spread(const char *name, const char *want)
{
	static const char separator[] = "\n---\n";
	char *text = read_text(name), *files[FILES], *at = text;
	char *documents[DOCUMENTS_MAX];
	struct model model = { 0 };
	size_t i, count = 0, sizes[FILES];
	FILE *out[FILES];

	for (; at; count++) {
		assert_true(count < DOCUMENTS_MAX);
		documents[count] = at;
		at = strstr(at, separator);
		if (at) {
			*at = 0;
			at += strlen(separator);
		}
	}
	shuffle(documents, count, sizeof(*documents));
	for (i = 0; i < FILES; i++)
		out[i] = open_memstream(&files[i], &sizes[i]);
	for (i = 0; i < count; i++)
		fprintf(out[i % FILES], "%s%s", documents[i], separator);
	for (i = 0; i < FILES; i++) {
		assert_int_equal(fclose(out[i]), 0);
		if (i < count)
			read_into(&model, name, files[i]);
		free(files[i]);
	}
	free(text);
	return check_json(name, "spread over files", &model, want);
}

/*
 * What was printed, beside the Services and so on that are not printed, gives
 * the same again: its status is not read, and its tables are skipped.
 */
static bool check_given_back(const char *name, const char *printed,
			     const char *want)
{
	struct diags diags = { 0 };
	struct model model = { 0 };

	assert_int_equal(manifest_read(name, NULL, &model, &diags), 0);
	diags_free(&diags);
	model.classes.count = 0;
	model.gateways.count = 0;
	model.listener_sets.count = 0;
	model.routes.count = 0;
	model.parameters.count = 0;
	model.policies.count = 0;
	read_into(&model, "printed", printed);
	assert_int_equal(model.skipped.count, 0);
	return check_json(name, *printed == '{' ? "given back as JSON" :
			  "given back as YAML", &model, want);
}

static bool check_report(const char *name, const struct model *model)
{
	char *json = compile_json(model), *yaml;
	bool same = true;
	int i;

	if (!json)
		return true;
	for (i = 0; same && i < SHUFFLES; i++)
		same = check_spread(name, json);
	yaml = compile_yaml(model, true);
	same = check_given_back(name, json, json) && same;
	same = check_given_back(name, yaml, json) && same;
	free(yaml);
	free(json);
	return same;
}

/* Against NAME with another suffix; takes got. */
static bool check_against(const char *name, const char *suffix, char *got)
{
	char *want, path[300];
	bool same;

	snprintf(path, sizeof(path), "%.*s%s",
		 (int)(strrchr(name, '.') - name), name, suffix);
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

static bool check_file(const char *name)
{
	struct model model = { 0 };
	struct diags diags = { 0 };
	bool same = true;
	int error;

	error = manifest_read(name, NULL, &model, &diags);
	if (error) {
		print_diags(stderr, &diags);
		fail_msg("%s: can't be read", name);
	}
	if (is_status(name))
		same = check_against(name, ".status.yaml",
				      compile_yaml(&model, false));
	else
		same = check_against(name, ".txt",
				      compile_text(&model, &diags, false));
	diags_free(&diags);
	same = check_report(name, &model) && same;
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
