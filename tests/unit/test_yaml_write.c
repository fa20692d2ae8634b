// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Values to YAML and back by our own reader: whatever a string looks like, it
 * stays one; and the text is what people expect to see.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/json.h"
#include "model/manifest.h"
#include "model/yaml_write.h"

static char *to_yaml(const json_t *document)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(yaml_write(out, document), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A Gateway that carries a value where nothing is decoded. */
static json_t *carry(json_t *value)
{
	json_t *object = json_pack(
		"{s:s, s:s, s:{s:s}, s:{s:s, s:[{s:s, s:i, s:s}], s:o}}",
		"apiVersion", "gateway.networking.k8s.io/v1",
		"kind", "Gateway", "metadata", "name", "gw",
		"spec", "gatewayClassName", "l4", "listeners", "name", "tcp",
		"port", 80, "protocol", "TCP", "tls", value);

	assert_non_null(object);
	return object;
}

/* Takes value. */
static void check_back(json_t *value)
{
	json_t *object = carry(value), *spec;
	char *text = to_yaml(object);
	struct model model = { 0 };
	struct diags diags = { 0 };

	if (manifest_read_text("yaml", text, strlen(text), NULL, &model,
			       &diags))
		fail_msg("%s\n%s", diags.items[0].text, text);
	spec = json_from_node(model.gateways.items[0].meta.given->spec);
	if (!json_equal(json_object_get(object, "spec"), spec))
		fail_msg("not the same when read again:\n%s", text);
	json_decref(spec);
	json_decref(object);
	free(text);
	diags_free(&diags);
	model_free(&model);
}

static const char *const strings[] = {
	"", " ", "a", "80", "0", "-1", "+1", "0x50", "0o17", "1e3", "1_000",
	"80.0", ".5", ".inf", "-.INF", ".nan", "yes", "No", "on", "OFF", "y",
	"N", "true", "False", "null", "NULL", "Null", "~", "nULL", "2026-01-31",
	"2026-01-01T00:00:00Z", "12:30:45", "190:20:30", "1:2:3:4:5:6:7:8",
	"192.0.2.1", "2001:db8::1", "::1", "=", "<<", "-", "- a", "--- a",
	"---", "...", "?", "? a", ":", ": a", "a: b", "a:", "a #b", "#a", "a#b",
	"[a]", "{a}", "a, b", "&a", "*a", "!a", "|", ">", "@a", "`a", "%a",
	"\"a\"", "'a'", "it's", "say \"a\"", "a\\b", " a", "a ", "a  b",
	"a\nb", "a\n", "\na", "\n", "a\n\nb\n", "a\tb", "\ta", "a\rb",
	"\xc3\xa9t\xc3\xa9", "\xe2\x80\xa8", "\xc2\x85", "\xf0\x9f\x98\x80",
	"key: |\n  block\n", "Infinity", "NaN", "e3", "_1", "0b11", "08", "1e",
};

static void test_strings(void **state)
{
	json_t *list = json_array(), *map = json_object();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		json_array_append_new(list, json_string(strings[i]));
		json_object_set_new(map, strings[i], json_string(strings[i]));
		check_back(json_string(strings[i]));
	}
	check_back(list);
	check_back(map);
}

/* Random strings of characters that mean something. */
static void test_random_strings(void **state)
{
	static const char letters[] = "ab01-+.:#?,[]{}&*!|>'\"%@`\\ \n\t~=<_";
	char text[9];
	int i, j, n;

	(void)state;
	for (i = 0; i < 5000; i++) {
		n = rand() % (int)(sizeof(text) - 1);
		for (j = 0; j < n; j++)
			text[j] = letters[rand() % (sizeof(letters) - 1)];
		text[n] = 0;
		check_back(json_pack("{s:s, s:[s]}", "value", text, text,
				     text));
	}
}

static void test_long(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	text[200] = text[3000] = ' ';
	check_back(json_string(text));
	text[300] = 0;
	check_back(json_pack("{s:s}", text, text));
}

static void test_other_values(void **state)
{
	(void)state;
	check_back(json_pack("{s:n, s:b, s:b, s:i, s:i, s:f, s:f, s:[], s:{}}",
			     "null", "true", 1, "false", 0, "zero", 0,
			     "negative", -5, "half", 0.5, "whole", 2.0, "list",
			     "map"));
	check_back(json_pack("[[[i], []], {s:[]}, [{s:{s:{}}}]]", 1, "a", "b",
			     "c", "d"));
	check_back(json_integer(INT64_MAX));
	check_back(json_real(1e-7));
	check_back(json_real(1e300));
}

/* What kubectl would show, but for the quotes of what is no word. */
static void test_looks(void **state)
{
	json_t *document = json_pack(
		"{s:s, s:{s:s, s:s, s:i, s:f}, s:[{s:s, s:[s, s]}, s], s:[], s:{}, s:s}",
		"kind", "List", "map", "ip", "192.0.2.1", "yes", "no", "port",
		80, "share", 1.0 / 3, "list", "name", "a", "in", "x", "80",
		"b: c", "none", "empty", "message", "a line that is not folded "
		"even though it has more than eighty columns, because people "
		"compare lines");
	char *text = to_yaml(document);

	(void)state;
	assert_string_equal(text,
		"kind: List\n"
		"map:\n"
		"  ip: \"192.0.2.1\"\n"
		"  \"yes\": \"no\"\n"
		"  port: 80\n"
		"  share: 0.333333333\n"
		"list:\n"
		"- name: a\n"
		"  in:\n"
		"  - x\n"
		"  - \"80\"\n"
		"- 'b: c'\n"
		"none: []\n"
		"empty: {}\n"
		"message: a line that is not folded even though it has more "
		"than eighty columns, because people compare lines\n");
	free(text);
	json_decref(document);
}

/* What plain scalars are to Kubernetes, they are in JSON. */
static void test_scalars(void **state)
{
	static const struct {
		const char *yaml;
		const char *json;
	} cases[] = {
		{ "80", "80" }, { "-0", "0" }, { "\"80\"", "\"80\"" },
		{ "yes", "true" }, { "Y", "true" }, { "On", "true" },
		{ "off", "false" }, { "n", "false" }, { "TRUE", "true" },
		{ "False", "false" }, { "~", "null" }, { "", "null" },
		{ "1.50", "1.5" }, { "1e3", "1000.0" }, { "0x10", "16.0" },
		{ ".inf", "\".inf\"" }, { "1_000", "\"1_000\"" },
		{ "99999999999999999999", "1e20" }, { "'yes'", "\"yes\"" },
		{ "[]", "[]" }, { "{}", "{}" }, { "[a, {b: c}]",
						  "[\"a\", {\"b\": \"c\"}]" },
	};
	char text[300], *got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct model model = { 0 };
		struct diags diags = { 0 };
		json_t *spec;

		snprintf(text, sizeof(text),
			 "apiVersion: gateway.networking.k8s.io/v1\n"
			 "kind: Gateway\nmetadata: {name: gw}\nspec:\n"
			 "  gatewayClassName: l4\n"
			 "  listeners: [{name: a, port: 1, protocol: TCP}]\n"
			 "  tls: %s\n", cases[i].yaml);
		assert_int_equal(manifest_read_text("yaml", text, strlen(text),
						    NULL, &model, &diags), 0);
		spec = json_from_node(model.gateways.items[0].meta.given->spec);
		got = json_dumps(json_object_get(spec, "tls"), JSON_ENCODE_ANY |
				 JSON_REAL_PRECISION(REAL_DIGITS));
		assert_string_equal(got, cases[i].json);
		free(got);
		json_decref(spec);
		diags_free(&diags);
		model_free(&model);
	}
}

/* A full disk is told. */
static void test_full(void **state)
{
	json_t *document = json_pack("{s:s}", "a", "b");
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(yaml_write(out, document), -EIO);
	fclose(out);
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_random_strings),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_other_values),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
