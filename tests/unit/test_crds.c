// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The CRDs in scripts/deploy/crds and the decoder's tables, field by field. */
#include <inttypes.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crd.h"

/* What of a format a CRD can say besides lengths. */
static const struct {
	const struct format *format;
	const char *pattern;
	const char *name;	/* of a format of OpenAPI; "ip": either of two */
} formats[] = {
	{ &format_seed, "^[0-9a-fA-F]{32}$", "" },
	{ &format_duration, CRD_DURATION, "" },
	{ &format_range, "", "cidr" },
	{ &format_nat_address, "", "ip" },
	{ &format_object_name, "", "" },
};

static void assert_text(const char *path, const json_t *node, const char *key,
			const char *want)
{
	if (strcmp(text_of(node, key), want))
		fail_msg("%s: %s is \"%s\", the decoder has \"%s\"", path, key,
			 text_of(node, key), want);
}

/* A limit; want 0 is no limit. */
static void assert_limit(const char *path, const json_t *node, const char *key,
			 int64_t want)
{
	if (json_integer_value(get(node, key)) != want)
		fail_msg("%s: %s is %lld, the decoder has %lld", path, key,
			 (long long)json_integer_value(get(node, key)),
			 (long long)want);
}

static void check_string(const char *path, const json_t *node,
			 const struct format *format)
{
	static const char ip[] = "[{\"format\":\"ipv4\"},{\"format\":\"ipv6\"}]";
	char *any = get(node, "anyOf") ?
		    json_dumps(get(node, "anyOf"), JSON_COMPACT) : NULL;
	size_t i;

	assert_text(path, node, "type", "string");
	for (i = 0; formats[i].format != format; i++)
		assert_true(i + 1 < sizeof(formats) / sizeof(formats[0]));
	assert_text(path, node, "pattern", formats[i].pattern);
	if (strcmp(formats[i].name, "ip"))
		assert_text(path, node, "format", formats[i].name);
	else
		assert_string_equal(any, ip);
	/* That an address is not empty is said by the formats. */
	if (!any)
		assert_limit(path, node, "minLength", format->min);
	assert_limit(path, node, "maxLength", format->max);
	free(any);
}

static void check_duration(const char *path, const json_t *node,
			   const struct field *field)
{
	char rule[200], min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
	json_t *rules = get(node, "x-kubernetes-validations");

	check_string(path, node, &format_duration);
	snprintf(rule, sizeof(rule), "duration(self) >= duration('%s') && "
		 "duration(self) <= duration('%s')",
		 duration_format(field->min, min),
		 duration_format(field->max, max));
	assert_text(path, json_array_get(rules, 0), "rule", rule);
	snprintf(rule, sizeof(rule), "expected %s to %s", min, max);
	assert_text(path, json_array_get(rules, 0), "message", rule);
}

static void check_words(const char *path, const json_t *node,
			const struct field *field)
{
	const json_t *words = get(node, "enum");
	bool has_default = !field->required && field->initial != NOT_GIVEN;
	size_t i;

	assert_text(path, node, "type", "string");
	for (i = 0; field->words[i]; i++)
		if (strcmp(json_string_value(json_array_get(words, i)) ?: "",
			   field->words[i]))
			fail_msg("%s: no %s", path, field->words[i]);
	assert_int_equal(json_array_size(words), i);
	assert_text(path, node, "default",
		    has_default ? field->words[field->initial] : "");
}

static void check_schema(const char *path, const json_t *node,
			 const struct schema *schema);

static void check_list(const char *path, const json_t *node,
		       const struct field *field)
{
	assert_text(path, node, "type", "array");
	assert_limit(path, node, "minItems", field->min);
	assert_limit(path, node, "maxItems", field->max);
	if (field->type == FIELD_LIST)
		check_schema(path, get(node, "items"), field->schema);
	else
		check_string(path, get(node, "items"), field->format);
}

/* A rule of the CRD that nothing here compares would be a rule of its own. */
static void check_keys(const char *path, const json_t *node)
{
	static const char *const known[] = {
		"anyOf", "default", "description", "enum", "format", "items",
		"maxItems", "maxLength", "maximum", "minItems", "minLength",
		"minProperties", "minimum", "pattern", "properties",
		"required", "type", "x-kubernetes-list-map-keys",
		"x-kubernetes-list-type", "x-kubernetes-validations",
	};
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)node, key, value) {
		for (i = 0; strcmp(known[i], key); i++)
			if (i + 1 == sizeof(known) / sizeof(known[0]))
				fail_msg("%s: %s is not compared", path, key);
	}
}

static void check_field(const char *path, const json_t *node,
			const struct field *field)
{
	check_keys(path, node);
	switch (field->type) {
	case FIELD_STRING:
		check_string(path, node, field->format);
		assert_null(get(node, "default"));
		break;
	case FIELD_ENUM:
		check_words(path, node, field);
		break;
	case FIELD_INT:
		assert_text(path, node, "type", "integer");
		assert_limit(path, node, "minimum", field->min);
		assert_limit(path, node, "maximum", field->max);
		assert_true(field->initial == NOT_GIVEN);
		assert_null(get(node, "default"));
		break;
	case FIELD_DURATION:
		check_duration(path, node, field);
		assert_true(field->initial == NOT_GIVEN);
		assert_null(get(node, "default"));
		break;
	case FIELD_OBJECT:
		check_schema(path, node, field->schema);
		break;
	case FIELD_LIST:
	case FIELD_STRINGS:
		check_list(path, node, field);
		break;
	default:
		fail_msg("%s: of a type that is not compared", path);
	}
}

/* The same fields on both sides, the same of them required. */
static void check_schema(const char *path, const json_t *node,
			 const struct schema *schema)
{
	const json_t *properties = get(node, "properties");
	const struct field *field;
	size_t count = 0;
	char name[256];

	assert_text(path, node, "type", "object");
	for (field = schema->fields; field->name; field++, count++) {
		snprintf(name, sizeof(name), "%s.%s", path, field->name);
		if (!get(properties, field->name))
			fail_msg("%s: not in the CRD", name);
		if (has_text(get(node, "required"), field->name) !=
		    field->required)
			fail_msg("%s: required on one side only", name);
		check_field(name, get(properties, field->name), field);
	}
	if (json_object_size(properties) != count)
		fail_msg("%s: %zu fields, the decoder has %zu", path,
			 json_object_size(properties), count);
}

static const struct schema *spec_of(const struct kind *kind)
{
	const struct field *field = kind->schema->fields;

	while (strcmp(field->name, "spec"))
		field++;
	assert_true(field->required);
	return field->schema;
}

static void test_tables(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < CRD_COUNT; i++) {
		const struct kind *kind = crds[i].kind;
		json_t *crd = crd_read(&crds[i]);
		const json_t *spec = get(crd, "spec");

		assert_text("spec", spec, "group", kind->group);
		assert_text("names", get(spec, "names"), "kind", kind->kind);
		assert_text("scope", spec, "scope", kind->cluster_scoped ?
			    "Cluster" : "Namespaced");
		assert_text("version", crd_version(crd), "name",
			    kind->versions[0]);
		assert_null(kind->versions[1]);
		assert_non_null(get(get(crd_version(crd), "subresources"),
				    "status"));
		assert_true(has_text(get(crd_schema(crd), "required"), "spec"));
		check_schema("spec", get(get(crd_schema(crd), "properties"),
					 "spec"), spec_of(kind));
		json_decref(crd);
	}
}

/* The patterns of the CRDs take what the decoder's functions take. */
static void test_patterns(void **state)
{
	static const char *const texts[] = {
		"", "0s", "1h30m", "1h30m30s500ms", "500ms1s", "1h1h1h1h",
		"1h1h1h1h1h", "99999ms", "100000ms", "1", "s", "1d", "1.5h",
		"-1s", "1s ", " 1s", "1S", "1sm", "ms", "1m1", "00060m",
		"0123456789abcdefABCDEF0123456789",
		"0123456789abcdefABCDEF012345678",
		"0123456789abcdefABCDEF01234567890",
		"0123456789abcdefABCDEF012345678g",
	};
	size_t i, j;
	regex_t regex;

	(void)state;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!*formats[i].pattern)
			continue;
		assert_int_equal(regcomp(&regex, formats[i].pattern,
					 REG_EXTENDED | REG_NOSUB), 0);
		for (j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
			if (!regexec(&regex, texts[j], 0, NULL, 0) !=
			    formats[i].format->match(texts[j]))
				fail_msg("%s: \"%s\"", formats[i].pattern,
					 texts[j]);
		regfree(&regex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
