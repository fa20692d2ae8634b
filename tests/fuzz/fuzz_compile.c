// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * libFuzzer: decoder and compile. The first byte says what the others are (a
 * manifest as it is, or choices among the objects of objects.h, as YAML or as
 * JSON) and what is done besides: what compiles must hold together, must do so
 * again, and its report is a manifest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/compile.h"
#include "compile/findings.h"
#include "compile/report.h"
#include "compile/text.h"
#include "l4gate/limits.h"
#include "model/manifest.h"
#include "model/yaml_write.h"
#include "objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)						\
	do {								\
		if (!(condition))					\
			abort();					\
	} while (0)

enum mode {
	MODE_TEXT,
	MODE_YAML,
	MODE_JSON,
	MODE_MAX
};

enum extra {
	EXTRA_NONE,
	EXTRA_AGAIN,
	EXTRA_REPORT,
	EXTRA_MAX
};

/* Every slot leads to a backend of the table's family that may have it. */
static void check_table(const struct image_route *route, uint8_t family)
{
	const struct image_table *table = &route->tables[family];
	uint32_t i, rejected = 0, *counts;
	size_t j;

	counts = calloc(route->backend_count + 1, sizeof(*counts));
	REQUIRE(counts);
	for (i = 0; i < table->slot_count; i++) {
		uint16_t slot = table->slots[i];

		if (slot == L4GATE_SLOT_REJECT) {
			rejected++;
			continue;
		}
		REQUIRE(slot < route->backend_count);
		REQUIRE(route->backends[slot].addr.family == family);
		REQUIRE(!route->backends[slot].draining);
		counts[slot]++;
	}
	for (j = 0; j < route->backend_count; j++)
		if (route->backends[j].addr.family == family)
			REQUIRE(counts[j] == route->backends[j].slots);
	for (j = 0; j < route->ref_count; j++)
		rejected -= route->refs[j].rejected[family];
	REQUIRE(!rejected);
	free(counts);
}

static void check_image(const struct image *image)
{
	size_t i;

	for (i = 0; i < image->listener_count; i++) {
		size_t route = image->listeners[i].route;

		REQUIRE(route == IMAGE_NO_ROUTE || route < image->route_count);
		REQUIRE(route == IMAGE_NO_ROUTE ||
			image->routes[route].protocol ==
			image->listeners[i].protocol);
	}
	for (i = 0; i < image->route_count; i++) {
		check_table(&image->routes[i], L4GATE_IPV4);
		check_table(&image->routes[i], L4GATE_IPV6);
	}
}

/* What is printed can be given back as input. */
static void check_report(const struct image *image)
{
	struct findings findings = { 0 };
	json_t *report = report_json(image);
	struct model model = { 0 };
	struct diags diags = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out;

	REQUIRE(!findings_collect(image, &findings));
	findings_free(&findings);
	REQUIRE(report);
	out = open_memstream(&text, &size);
	REQUIRE(out && !yaml_write(out, report) && !fclose(out));
	REQUIRE(!manifest_read_text("report", text, size, NULL, &model,
				    &diags));
	diags_free(&diags);
	model_free(&model);
	json_decref(report);
	free(text);
}

/* The image as text, or NULL if it does not compile. */
static char *compile_text(const struct model *model, bool report)
{
	static const char *const claimed[] = { "claimed" };
	struct inet_addr own[2];
	const struct compile_options options = {
		.claimed_classes = claimed, .claimed_class_count = 1,
		.seed = { 1, 2 },
		.own_addresses = own,
		.own_address_count = model->object_count % 3,
	};
	struct diags diags = { 0 };
	struct image *image = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;
	int error;

	inet_parse("192.0.2.1", &own[0]);
	inet_parse("2001:db8::1", &own[1]);
	error = compile(model, &options, &image, &diags);
	REQUIRE(error == (diags.errors ? -EINVAL : 0));
	if (!error) {
		check_image(image);
		if (report)
			check_report(image);
		out = open_memstream(&text, &size);
		REQUIRE(out);
		image_print_text(out, image);
		REQUIRE(!fclose(out));
	}
	image_free(image);
	diags_free(&diags);
	return text;
}

static void compile_again(const struct model *model, const char *first)
{
	char *second = compile_text(model, false);

	REQUIRE(!first == !second);
	REQUIRE(!first || !strcmp(first, second));
	free(second);
}

static void run(const char *text, size_t size, enum extra extra)
{
	struct model model = { 0 };
	struct diags diags = { 0 };
	char *first;

	if (!manifest_read_text("input", text, size, NULL, &model, &diags)) {
		first = compile_text(&model, extra == EXTRA_REPORT);
		if (extra == EXTRA_AGAIN)
			compile_again(&model, first);
		free(first);
	}
	diags_free(&diags);
	model_free(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum extra extra;
	enum mode mode;
	char *text;

	if (!size)
		return 0;
	mode = data[0] % MODE_MAX;
	extra = data[0] / MODE_MAX % EXTRA_MAX;
	if (mode == MODE_TEXT) {
		run((const char *)data + 1, size - 1, extra);
		return 0;
	}
	text = objects_write(data + 1, size - 1, mode == MODE_JSON);
	REQUIRE(text);
	if (getenv("FUZZ_SHOW")) {
		/* For a finding: the manifest that its bytes stand for. */
		fputs(text, stdout);
		fflush(stdout);
		_Exit(0);
	}
	run(text, strlen(text), extra);
	free(text);
	return 0;
}
