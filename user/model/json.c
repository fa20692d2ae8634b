// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Jansson takes ten times the memory of a node for each value. */
#define JSON_MAX_COUNT	(NODE_MAX_COUNT / 2)

static size_t skip_space(const struct source *source, size_t offset)
{
	while (offset < source->size &&
	       strchr(" \t\r\n", source->text[offset]))
		offset++;
	return offset;
}

bool json_looks_like(const struct source *source)
{
	size_t offset = skip_space(source, 0);

	return offset < source->size &&
	       (source->text[offset] == '{' || source->text[offset] == '[');
}

static struct node *new_node(struct arena *arena, enum node_kind kind)
{
	struct node *node = arena_alloc(arena, sizeof(*node));

	if (node)
		node->kind = kind;
	return node;
}

static struct node *new_scalar(struct arena *arena, const char *text,
			       size_t size, enum scalar_type type)
{
	struct node *node = new_node(arena, NODE_SCALAR);

	if (!node)
		return NULL;
	node->text = arena_strndup(arena, text, size);
	node->size = size;
	node->type = type;
	return node->text ? node : NULL;
}

static struct node *convert_real(struct arena *arena, double value)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%.17g", value);

	/* As it was a real, it is to look like one in messages. */
	if (!strpbrk(text, ".en"))
		n += snprintf(text + n, sizeof(text) - n, ".0");
	return new_scalar(arena, text, n, SCALAR_NUMBER);
}

static struct node *convert_scalar(struct arena *arena, const json_t *value)
{
	char text[32];
	int n;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return new_scalar(arena, json_string_value(value),
				  json_string_length(value), SCALAR_STRING);
	case JSON_INTEGER:
		n = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			     json_integer_value(value));
		return new_scalar(arena, text, n, SCALAR_INTEGER);
	case JSON_REAL:
		return convert_real(arena, json_real_value(value));
	case JSON_TRUE:
		return new_scalar(arena, "true", 4, SCALAR_BOOL);
	case JSON_FALSE:
		return new_scalar(arena, "false", 5, SCALAR_BOOL);
	default:
		return new_scalar(arena, "null", 4, SCALAR_NULL);
	}
}

static int convert(struct arena *arena, json_t *value, unsigned int depth,
		   struct node **ret_node)
{
	struct node *node, *child, **tail;
	const char *key;
	json_t *member;
	size_t i;
	int err;

	if (!json_is_object(value) && !json_is_array(value)) {
		node = convert_scalar(arena, value);
		if (!node)
			return -ENOMEM;
		*ret_node = node;
		return 0;
	}
	if (depth >= NODE_MAX_DEPTH)
		return -ELOOP;
	node = new_node(arena, json_is_object(value) ? NODE_MAP : NODE_LIST);
	if (!node)
		return -ENOMEM;
	tail = &node->first;
	json_object_foreach(value, key, member) {
		err = convert(arena, member, depth + 1, &child);
		if (err)
			return err;
		child->key = arena_strdup(arena, key);
		if (!child->key)
			return -ENOMEM;
		node->size++;
		*tail = child;
		tail = &child->next;
	}
	json_array_foreach(value, i, member) {
		err = convert(arena, member, depth + 1, &child);
		if (err)
			return err;
		node->size++;
		*tail = child;
		tail = &child->next;
	}
	*ret_node = node;
	return 0;
}

/* Commas and brackets: not fewer than the values, and found at no cost. */
static bool too_many_values(const struct source *source)
{
	size_t i, count = 0;

	for (i = 0; i < source->size; i++)
		count += source->text[i] == ',' || source->text[i] == '[' ||
			 source->text[i] == '{';
	return count > JSON_MAX_COUNT;
}

/* Where Jansson's position, relative to offset, is in the file. */
static struct loc error_loc(const struct source *source, size_t offset,
			    const json_error_t *error)
{
	struct loc loc = { .source = source, .line = 1, .column = 1 };
	size_t i, end = offset;

	if (error->position > 0)
		end += error->position - 1;
	for (i = 0; i < end && i < source->size; i++) {
		loc.column++;
		if (source->text[i] == '\n') {
			loc.line++;
			loc.column = 1;
		}
	}
	return loc;
}

int json_parse(const struct source *source, size_t *offset,
	       struct arena *arena, struct node **ret_node,
	       struct json_problem *ret_problem)
{
	struct node *node = NULL;
	json_error_t error;
	json_t *value;
	int err;

	ret_problem->loc = (struct loc){ .source = source };
	if (!*offset && too_many_values(source)) {
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "more than %d values, split it into several files",
			 JSON_MAX_COUNT);
		return -EINVAL;
	}
	*offset = skip_space(source, *offset);
	if (*offset == source->size) {
		*ret_node = NULL;
		return 0;
	}
	value = json_loadb(source->text + *offset, source->size - *offset,
			   JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK,
			   &error);
	if (!value) {
		if (json_error_code(&error) == json_error_out_of_memory)
			return -ENOMEM;
		ret_problem->loc = error_loc(source, *offset, &error);
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "not valid JSON: %s", error.text);
		return -EINVAL;
	}
	err = convert(arena, value, 0, &node);
	json_decref(value);
	if (err == -ELOOP) {
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "nested deeper than %d levels", NODE_MAX_DEPTH);
		return -EINVAL;
	}
	if (err)
		return err;
	*offset += error.position;
	*ret_node = node;
	return 0;
}

static json_t *number_from(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	/* "1_000", ".inf", "0b11": nothing that JSON has a number for. */
	return *end || !isfinite(value) ? json_string(text) : json_real(value);
}

static json_t *scalar_from(const struct node *node)
{
	long long value;

	switch (node->type) {
	case SCALAR_NULL:
		return json_null();
	case SCALAR_BOOL:
		return json_boolean(strchr("tT", node->text[0]));
	case SCALAR_YES_NO:
		return json_boolean(strchr("yY", node->text[0]) ||
				    !strcasecmp(node->text, "on"));
	case SCALAR_INTEGER:
		errno = 0;
		value = strtoll(node->text, NULL, 10);
		return errno ? number_from(node->text) : json_integer(value);
	case SCALAR_NUMBER:
		return number_from(node->text);
	default:
		return json_stringn(node->text, node->size);
	}
}

json_t *json_from_node(const struct node *node)
{
	const struct node *child;
	json_t *value;
	int error = 0;

	if (node->kind == NODE_SCALAR)
		return scalar_from(node);
	value = node->kind == NODE_MAP ? json_object() : json_array();
	for (child = node->first; child && !error; child = child->next)
		error = node->kind == NODE_MAP ?
			json_object_set_new(value, child->key,
					    json_from_node(child)) :
			json_array_append_new(value, json_from_node(child));
	if (!error)
		return value;
	json_decref(value);
	return NULL;
}
