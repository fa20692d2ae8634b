// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/node.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Maps up to this size are searched for duplicates by comparing all pairs. */
#define PAIRWISE_MAX	8

/* [-+]?(0x|0o|0b)?digits with underscores, or a YAML 1.1 float. */
static bool looks_numeric(const char *text)
{
	bool digits = false;

	if (*text == '-' || *text == '+')
		text++;
	if (!strcasecmp(text, ".inf") || !strcasecmp(text, ".nan"))
		return true;
	if (text[0] == '0' && text[1] && strchr("xXoObB", text[1])) {
		for (text += 2; isxdigit((unsigned char)*text) || *text == '_';)
			text++;
		return !*text;
	}
	for (; isdigit((unsigned char)*text) || (digits && *text == '_'); text++)
		digits = true;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text) || *text == '_'; text++)
			digits |= *text != '_';
	if (!digits)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		if (*text == '-' || *text == '+')
			text++;
		if (!isdigit((unsigned char)*text))
			return false;
		while (isdigit((unsigned char)*text))
			text++;
	}
	return !*text;
}

static bool is_decimal(const char *text)
{
	if (*text == '-')
		text++;
	if (text[0] == '0')
		return !text[1];
	if (!*text)
		return false;
	while (isdigit((unsigned char)*text))
		text++;
	return !*text;
}

static bool is_upper(const char *text)
{
	while (isupper((unsigned char)*text))
		text++;
	return !*text;
}

enum scalar_type scalar_type(const char *text, size_t size)
{
	static const struct {
		const char *text;
		enum scalar_type type;
	} words[] = {
		{ "~", SCALAR_NULL },
		{ "null", SCALAR_NULL },
		{ "true", SCALAR_BOOL },
		{ "false", SCALAR_BOOL },
		{ "yes", SCALAR_YES_NO },
		{ "no", SCALAR_YES_NO },
		{ "on", SCALAR_YES_NO },
		{ "off", SCALAR_YES_NO },
		{ "y", SCALAR_YES_NO },
		{ "n", SCALAR_YES_NO },
	};
	size_t i;

	if (!size)
		return SCALAR_NULL;
	if (strchr("0123456789+-.", text[0])) {
		if (is_decimal(text))
			return SCALAR_INTEGER;
		return looks_numeric(text) ? SCALAR_NUMBER : SCALAR_STRING;
	}
	if (size > 5 || !strchr("~nNtTfFyYoO", text[0]))
		return SCALAR_STRING;
	/* "true", "True" and "TRUE" are words of YAML, "tRUE" is a string. */
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i].text) &&
		    (!strcmp(text + 1, words[i].text + 1) || is_upper(text)))
			return words[i].type;
	return SCALAR_STRING;
}

bool node_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->type == SCALAR_NULL;
}

bool node_is_string(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->type == SCALAR_STRING;
}

const char *node_describe(const struct node *node)
{
	static const char *const scalars[] = {
		[SCALAR_STRING] = "a string",
		[SCALAR_NULL] = "null",
		[SCALAR_BOOL] = "a boolean",
		[SCALAR_YES_NO] = "a boolean of YAML 1.1",
		[SCALAR_INTEGER] = "an integer",
		[SCALAR_NUMBER] = "a number",
	};

	if (node->kind == NODE_MAP)
		return "a map";
	if (node->kind == NODE_LIST)
		return "a list";
	return scalars[node->type];
}

const struct node *node_get(const struct node *node, const char *key)
{
	const struct node *child;

	if (!node || node->kind != NODE_MAP)
		return NULL;
	for (child = node->first; child; child = child->next)
		if (!strcmp(child->key, key))
			return child;
	return NULL;
}

struct node *node_copy(struct arena *arena, const struct node *node)
{
	struct node *copy = arena_alloc(arena, sizeof(*copy)), **tail;
	const struct node *child;

	if (!copy)
		return NULL;
	*copy = *node;
	copy->next = NULL;
	if (node->key) {
		copy->key = arena_strdup(arena, node->key);
		if (!copy->key)
			return NULL;
	}
	if (node->kind == NODE_SCALAR) {
		copy->text = arena_strndup(arena, node->text, node->size);
		return copy->text ? copy : NULL;
	}
	tail = &copy->first;
	for (child = node->first; child; child = child->next) {
		*tail = node_copy(arena, child);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
	}
	return copy;
}

struct loc node_loc(const struct source *source, const struct node *node)
{
	return (struct loc){ source, node->line, node->column };
}

struct loc node_key_loc(const struct source *source, const struct node *node)
{
	if (!node->key)
		return node_loc(source, node);
	return (struct loc){ source, node->key_line, node->key_column };
}

/* By key; equal ones stay apart by place, so that the order is total. */
static int compare_keys(const void *a, const void *b)
{
	const struct node *left = *(const struct node *const *)a;
	const struct node *right = *(const struct node *const *)b;
	int order = strcmp(left->key, right->key);

	if (order)
		return order;
	if (left->key_line != right->key_line)
		return left->key_line < right->key_line ? -1 : 1;
	return left->key_column < right->key_column ? -1 :
	       left->key_column > right->key_column;
}

int node_find_duplicate(const struct node *map, const struct node **ret_first,
			const struct node **ret_second)
{
	const struct node *a, *b, **sorted;
	size_t i, count = 0;
	int found = 0;

	if (map->size <= PAIRWISE_MAX) {
		for (a = map->first; a; a = a->next)
			for (b = a->next; b; b = b->next)
				if (*a->key == *b->key &&
				    !strcmp(a->key, b->key)) {
					*ret_first = a;
					*ret_second = b;
					return 1;
				}
		return 0;
	}
	sorted = calloc(map->size, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (a = map->first; a; a = a->next)
		sorted[count++] = a;
	qsort(sorted, count, sizeof(*sorted), compare_keys);
	for (i = 1; i < count && !found; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key))
			continue;
		*ret_first = sorted[i - 1];
		*ret_second = sorted[i];
		found = 1;
	}
	free(sorted);
	return found;
}
