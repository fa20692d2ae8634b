// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Objects made from the CRDs in scripts/deploy/crds, with values of each type,
 * at and beyond each limit of each field: what a server takes the decoder must
 * take, and what a server refuses it must refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crd.h"
#include "model/manifest.h"

/* A place in a CRD, and how to put a value there into an object. */
struct place {
	const struct place *up;
	const json_t *node;	/* of what the value is put into */
	const char *key;	/* NULL: into a list */
};

struct making {
	const struct kind *kind;
	size_t taken;
	size_t refused;
};

static json_t *minimal(const json_t *node, size_t number);

/* What is required, and one thing more if nothing is too little. */
static json_t *minimal_object(const json_t *node, size_t number)
{
	const json_t *properties = get(node, "properties"), *property;
	json_t *object = json_object();
	const char *key;

	json_object_foreach((json_t *)properties, key, property)
		if (has_text(get(node, "required"), key) ||
		    (!json_object_size(object) && get(node, "minProperties")))
			json_object_set_new(object, key,
					    minimal(property, number));
	return object;
}

static json_t *minimal_string(const json_t *node, size_t number)
{
	const char *pattern = text_of(node, "pattern");

	if (get(node, "enum"))
		return json_incref(json_array_get(get(node, "enum"), 0));
	if (!strcmp(pattern, CRD_DURATION))
		return json_string("1h");
	if (*pattern)
		return json_string("00112233445566778899aabbccddeeff");
	if (!strcmp(text_of(node, "format"), "cidr"))
		return json_sprintf("10.0.%zu.0/24", number);
	if (get(node, "anyOf"))
		return json_sprintf("192.0.2.%zu", number + 1);
	return json_sprintf("n-%zu", number);
}

/* A value that the CRD takes; those with other numbers differ if they can. */
static json_t *minimal(const json_t *node, size_t number)
{
	const char *type = text_of(node, "type");

	if (!strcmp(type, "object"))
		return minimal_object(node, number);
	if (!strcmp(type, "array"))
		return json_pack("[o]", minimal(get(node, "items"), number));
	if (!strcmp(type, "integer"))
		return json_integer(json_integer_value(get(node, "minimum")));
	return minimal_string(node, number);
}

/* The spec with the value at its place; what that needs beside it, too. */
static json_t *embed(const struct place *place, json_t *value)
{
	json_t *into;

	for (; place; place = place->up) {
		into = place->key ? minimal_object(place->node, 0) :
				    json_array();
		if (!place->key) {
			json_array_append_new(into, value);
		} else {
			json_object_set_new(into, place->key, value);
			/* x-kubernetes-validations of sessionAffinity. */
			if (!strcmp(place->key, "timeout"))
				json_object_set_new(into, "type",
						    json_string("ClientIP"));
		}
		value = into;
	}
	return value;
}

/* Whether an object with the value at its place is taken. */
static void expect(struct making *making, const struct place *place,
		   json_t *value, bool taken)
{
	json_t *object = json_pack("{s:s+, s:s, s:{s:s}, s:o}", "apiVersion",
				   OWN_GROUP "/", making->kind->versions[0],
				   "kind", making->kind->kind, "metadata",
				   "name", "made", "spec",
				   embed(place, value));
	char *text = json_dumps(object, 0);
	struct model model = { 0 };
	struct diags diags = { 0 };
	int error;

	error = manifest_read_text("made.json", text, strlen(text), NULL,
				   &model, &diags);
	if (!error != taken)
		fail_msg("%s: %s", text, taken ? diags.items[0].text :
			 "taken, but the CRD refuses it");
	making->taken += taken;
	making->refused += !taken;
	diags_free(&diags);
	model_free(&model);
	json_decref(object);
	free(text);
}

static void expect_types(struct making *making, const struct place *place,
			 const char *type)
{
	if (strcmp(type, "string"))
		expect(making, place, json_string("text"), false);
	if (strcmp(type, "integer"))
		expect(making, place, json_integer(7), false);
	if (strcmp(type, "object"))
		expect(making, place, json_object(), false);
	if (strcmp(type, "array"))
		expect(making, place, json_array(), false);
	expect(making, place, json_true(), false);
	expect(making, place, json_real(1.5), false);
}

static json_t *repeat(char c, size_t size)
{
	char text[400] = "";

	memset(text, c, size);
	return json_string(text);
}

/* At both ends of "duration(self) >= duration('1s') && ...", and beyond. */
static void expect_durations(struct making *making, const struct place *place,
			     const json_t *node)
{
	const json_t *rules = get(node, "x-kubernetes-validations");
	const char *rule = text_of(json_array_get(rules, 0), "rule");
	char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
	int64_t ms;

	assert_int_equal(sscanf(rule, "duration(self) >= duration('%40[^']')"
				" && duration(self) <= duration('%40[^']')",
				min, max), 2);
	expect(making, place, json_string(min), true);
	expect(making, place, json_string(max), true);
	expect(making, place, json_sprintf("%s1ms", max), false);
	assert_int_equal(duration_parse(min, &ms), 0);
	if (ms)
		expect(making, place, json_sprintf("%dms", (int)ms - 1), false);
}

static void make_string(struct making *making, const struct place *place,
			const json_t *node)
{
	json_int_t max = json_integer_value(get(node, "maxLength"));
	bool free_text = !get(node, "enum") && !get(node, "pattern") &&
			 !get(node, "format") && !get(node, "anyOf");
	const json_t *word;
	size_t i;

	json_array_foreach(get(node, "enum"), i, word)
		expect(making, place, json_incref((json_t *)word), true);
	if (!get(node, "enum"))
		assert_true(max > 0 && max < 400);
	expect(making, place, json_string(""), false);
	expect(making, place, repeat('a', max + 1), false);
	if (free_text)
		expect(making, place, repeat('a', max), true);
	else
		expect(making, place, json_string("other"), false);
	if (get(node, "x-kubernetes-validations"))
		expect_durations(making, place, node);
}

static void make_integer(struct making *making, const struct place *place,
			 const json_t *node)
{
	json_int_t min = json_integer_value(get(node, "minimum"));
	json_int_t max = json_integer_value(get(node, "maximum"));

	expect(making, place, json_integer(max), true);
	expect(making, place, json_integer(min - 1), false);
	expect(making, place, json_integer(max + 1), false);
	expect(making, place, json_string("7"), false);
}

static json_t *list_of(const json_t *node, size_t count, bool equal)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(list, minimal(get(node, "items"),
						    equal ? 0 : i));
	return list;
}

static void make(struct making *making, const struct place *place,
		 const json_t *node);

static void make_list(struct making *making, const struct place *place,
		      const json_t *node)
{
	json_int_t min = json_integer_value(get(node, "minItems"));
	json_int_t max = json_integer_value(get(node, "maxItems"));
	bool unique = strcmp(text_of(node, "x-kubernetes-list-type"), "atomic");
	struct place item = { .up = place, .node = node };

	assert_true(min > 0 && max > 1);
	expect(making, place, list_of(node, min - 1, false), false);
	expect(making, place, list_of(node, max, false), true);
	expect(making, place, list_of(node, max + 1, false), false);
	expect(making, place, list_of(node, 2, true), !unique);
	make(making, &item, get(node, "items"));
}

static void make_object(struct making *making, const struct place *place,
			const json_t *node)
{
	json_t *properties = get(node, "properties"), *property, *object;
	const char *key;

	object = minimal_object(node, 0);
	json_object_set_new(object, "unknown", json_true());
	expect(making, place, object, false);
	expect(making, place, json_object(), !get(node, "required") &&
	       !get(node, "minProperties"));
	json_object_foreach(properties, key, property) {
		struct place inner = { .up = place, .node = node, .key = key };

		object = minimal_object(node, 0);
		if (!json_object_del(object, key) &&
		    has_text(get(node, "required"), key))
			expect(making, place, object, false);
		else
			json_decref(object);
		make(making, &inner, property);
	}
}

/* Objects with each kind of value at a place, and at the places below it. */
static void make(struct making *making, const struct place *place,
		 const json_t *node)
{
	const char *type = text_of(node, "type");

	expect(making, place, minimal(node, 0), true);
	expect_types(making, place, type);
	if (!strcmp(type, "object"))
		make_object(making, place, node);
	else if (!strcmp(type, "array"))
		make_list(making, place, node);
	else if (!strcmp(type, "integer"))
		make_integer(making, place, node);
	else
		make_string(making, place, node);
}

static void test_objects(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < CRD_COUNT; i++) {
		struct making making = { .kind = crds[i].kind };
		json_t *crd = crd_read(&crds[i]);

		make(&making, NULL,
		     get(get(crd_schema(crd), "properties"), "spec"));
		print_message("%s: %zu objects taken, %zu refused\n",
			      making.kind->kind, making.taken, making.refused);
		assert_true(making.taken > 25 && making.refused > 100);
		json_decref(crd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
