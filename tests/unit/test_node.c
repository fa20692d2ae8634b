// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What plain scalars are, finding keys, and finding keys given twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/node.h"

static void test_scalar_type(void **state)
{
	static const struct {
		const char *text;
		enum scalar_type type;
	} cases[] = {
		{ "", SCALAR_NULL }, { "~", SCALAR_NULL },
		{ "null", SCALAR_NULL }, { "Null", SCALAR_NULL },
		{ "NULL", SCALAR_NULL }, { "nULL", SCALAR_STRING },
		{ "nulls", SCALAR_STRING }, { "none", SCALAR_STRING },
		{ "true", SCALAR_BOOL }, { "True", SCALAR_BOOL },
		{ "FALSE", SCALAR_BOOL }, { "tRUE", SCALAR_STRING },
		{ "TrUE", SCALAR_STRING }, { "truer", SCALAR_STRING },
		{ "yes", SCALAR_YES_NO }, { "NO", SCALAR_YES_NO },
		{ "On", SCALAR_YES_NO }, { "off", SCALAR_YES_NO },
		{ "y", SCALAR_YES_NO }, { "N", SCALAR_YES_NO },
		{ "oN", SCALAR_STRING }, { "yess", SCALAR_STRING },
		{ "0", SCALAR_INTEGER }, { "80", SCALAR_INTEGER },
		{ "-1", SCALAR_INTEGER }, { "-0", SCALAR_INTEGER },
		{ "00", SCALAR_NUMBER }, { "0123", SCALAR_NUMBER },
		{ "-012", SCALAR_NUMBER }, { "0x1F", SCALAR_NUMBER },
		{ "0b11", SCALAR_NUMBER }, { "0o17", SCALAR_NUMBER },
		{ "0xyz", SCALAR_STRING }, { "1_000", SCALAR_NUMBER },
		{ "_1", SCALAR_STRING }, { "+80", SCALAR_NUMBER },
		{ "1e3", SCALAR_NUMBER }, { "1E+3", SCALAR_NUMBER },
		{ "1e", SCALAR_STRING }, { "e3", SCALAR_STRING },
		{ "1.5", SCALAR_NUMBER }, { ".5", SCALAR_NUMBER },
		{ "5.", SCALAR_NUMBER }, { ".", SCALAR_STRING },
		{ "-", SCALAR_STRING }, { "+", SCALAR_STRING },
		{ ".inf", SCALAR_NUMBER }, { "-.Inf", SCALAR_NUMBER },
		{ ".nan", SCALAR_NUMBER }, { "inf", SCALAR_STRING },
		{ "1.2.3.4", SCALAR_STRING }, { "10.0.0.1", SCALAR_STRING },
		{ "2026-01-31", SCALAR_STRING }, { "1a", SCALAR_STRING },
		{ "12e5", SCALAR_NUMBER }, { "12e5f", SCALAR_STRING },
		{ "80/tcp", SCALAR_STRING }, { "tcp-80", SCALAR_STRING },
		{ "::1", SCALAR_STRING }, { "1:30", SCALAR_STRING },
		{ "99999999999999999999999", SCALAR_INTEGER },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		enum scalar_type type = scalar_type(text, strlen(text));

		if (type != cases[i].type)
			fail_msg("\"%s\": type %d, expected %d", text, type,
				 cases[i].type);
	}
}

/* A map with an entry for each key, on a line each. */
static struct node *make_map(struct arena *arena, const char *const *keys,
			     size_t count)
{
	struct node *map = arena_alloc(arena, sizeof(*map));
	struct node **tail;
	size_t i;

	assert_non_null(map);
	map->kind = NODE_MAP;
	map->size = count;
	tail = &map->first;
	for (i = 0; i < count; i++) {
		struct node *node = arena_alloc(arena, sizeof(*node));

		assert_non_null(node);
		node->key = keys[i];
		node->key_line = i + 1;
		node->key_column = 3;
		node->line = i + 1;
		node->column = 10;
		node->text = "";
		*tail = node;
		tail = &node->next;
	}
	return map;
}

static void test_get(void **state)
{
	static const char *const keys[] = { "a", "b", "c" };
	struct arena arena = { 0 };
	struct source source = { .name = "x" };
	const struct node *map = make_map(&arena, keys, 3);
	const struct node *b = node_get(map, "b");
	struct loc loc;

	(void)state;
	assert_non_null(b);
	assert_string_equal(b->key, "b");
	assert_null(node_get(map, "d"));
	assert_null(node_get(NULL, "a"));
	assert_null(node_get(b, "a"));
	loc = node_loc(&source, b);
	assert_int_equal(loc.line, 2);
	assert_int_equal(loc.column, 10);
	loc = node_key_loc(&source, b);
	assert_int_equal(loc.column, 3);
	assert_ptr_equal(loc.source, &source);
	arena_free(&arena);
}

static void test_duplicates(void **state)
{
	static const char *const none[] = { "a", "b", "ab", "", "aa" };
	static const char *const two[] = { "a", "b", "c", "b" };
	const struct node *first, *second;
	const char *many[5000];
	struct arena arena = { 0 };
	char text[5000][8];
	size_t i;

	(void)state;
	assert_int_equal(node_find_duplicate(make_map(&arena, none, 5), &first,
					     &second), 0);
	assert_int_equal(node_find_duplicate(make_map(&arena, none, 0), &first,
					     &second), 0);
	assert_int_equal(node_find_duplicate(make_map(&arena, two, 4), &first,
					     &second), 1);
	assert_int_equal(first->key_line, 2);
	assert_int_equal(second->key_line, 4);
	for (i = 0; i < 5000; i++) {
		snprintf(text[i], sizeof(text[i]), "k%zu", i);
		many[i] = text[i];
	}
	assert_int_equal(node_find_duplicate(make_map(&arena, many, 5000),
					     &first, &second), 0);
	many[4999] = "k17";
	assert_int_equal(node_find_duplicate(make_map(&arena, many, 5000),
					     &first, &second), 1);
	assert_int_equal(first->key_line, 18);
	assert_int_equal(second->key_line, 5000);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalar_type),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_duplicates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
