// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of a schema whose presence is noted, in one word of bits. */
#define MAX_FIELDS	64

const struct node *decode_at(const struct node *node, const char *name)
{
	const struct node *child = node_get(node, name);

	return child ? child : node;
}

static void print_path(FILE *out, const struct path *path)
{
	if (path->up)
		print_path(out, path->up);
	if (path->name)
		fprintf(out, "%s%s", path->up ? "." : "", path->name);
	else
		fprintf(out, "[%zu]", path->index);
}

static void print_object(FILE *out, const struct decoder *decoder)
{
	fprintf(out, " (%s", decoder->kind);
	if (decoder->name && decoder->namespace && *decoder->namespace)
		fprintf(out, " %s/%s", SHOW(decoder->namespace),
			SHOW(decoder->name));
	else if (decoder->name)
		fprintf(out, " %s", SHOW(decoder->name));
	if (decoder->path) {
		fputs(": ", out);
		print_path(out, decoder->path);
	}
	fputc(')', out);
}

void decode_report(struct decoder *decoder, enum diag_level level,
		   struct loc loc, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	size_t size;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return;
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	if (!loc.line && decoder->kind)
		print_object(out, decoder);
	if (!fclose(out))
		diag_add(decoder->diags, level, loc, "%s", text);
	free(text);
}

/* The nearest known field, or NULL if none is near. */
static const char *suggest_field(const struct schema *schema, const char *name)
{
	unsigned int distance, best_distance = 0;
	const struct field *field, *best = NULL;

	for (field = schema->fields; field->name; field++) {
		distance = word_distance(name, field->name);
		if (!best || distance < best_distance) {
			best = field;
			best_distance = distance;
		}
	}
	return best && word_is_close(name, best_distance) ? best->name : NULL;
}

static void report_unknown(struct decoder *decoder, const struct schema *schema,
			   const struct node *node)
{
	const char *near = suggest_field(schema, node->key);

	decode_report(decoder,
		      decoder->warn_unknown ? DIAG_WARNING : DIAG_ERROR,
		      node_key_loc(decoder->source, node),
		      "%s: unknown field%s%s%s", SHOW(node->key),
		      near ? ", did you mean " : "", near ? near : "",
		      near ? "?" : "");
}

/* "port: expected an integer, got a string", and how to write it. */
static void report_type(struct decoder *decoder, const char *name,
			const struct node *node, const char *expected)
{
	const char *hint = "";

	if (node->kind == NODE_SCALAR && !strcmp(expected, "a string"))
		hint = " (put it in quotes)";
	else if (node_is_string(node) && !strcmp(expected, "an integer") &&
		 scalar_type(node->text, node->size) == SCALAR_INTEGER)
		hint = " (without quotes it is a number)";
	decode_error(decoder, node, "%s: expected %s, got %s%s", name, expected,
		     node_describe(node), hint);
}

/* Whether text has the form; if not, the error is reported. */
static bool check_format(struct decoder *decoder, const char *name,
			 const struct format *format, struct loc loc,
			 const char *text)
{
	size_t size = strlen(text);

	if (!format)
		return true;
	if (!size && format->min)
		decode_report(decoder, DIAG_ERROR, loc,
			      "%s: must not be empty", name);
	else if (format->max && size > format->max)
		decode_report(decoder, DIAG_ERROR, loc,
			      "%s: %zu bytes, at most %zu", name, size,
			      format->max);
	else if (format->match && !format->match(text))
		decode_report(decoder, DIAG_ERROR, loc,
			      "%s \"%s\": expected %s", name, SHOW(text),
			      format->expected);
	else
		return true;
	return false;
}

static int decode_string(struct decoder *decoder, const struct field *field,
			 const struct node *node, void *object)
{
	const char *copy;

	if (!node_is_string(node)) {
		report_type(decoder, field->name, node, "a string");
		return 0;
	}
	if (!check_format(decoder, field->name, field->format,
			  node_loc(decoder->source, node), node->text))
		return 0;
	if (!field->size)
		return 0;
	copy = arena_strndup(&decoder->model->arena, node->text, node->size);
	if (!copy)
		return -ENOMEM;
	*(const char **)((char *)object + field->offset) = copy;
	return 0;
}

static void store_integer(const struct field *field, void *object,
			  int64_t value)
{
	void *at = (char *)object + field->offset;

	switch (field->size) {
	case 2:
		*(uint16_t *)at = value;
		break;
	case 4:
		*(uint32_t *)at = value;
		break;
	case 8:
		*(int64_t *)at = value;
		break;
	}
}

static int decode_int(struct decoder *decoder, const struct field *field,
		      const struct node *node, void *object)
{
	long long value;

	if (node->kind != NODE_SCALAR ||
	    (node->type != SCALAR_INTEGER && node->type != SCALAR_NUMBER)) {
		report_type(decoder, field->name, node, "an integer");
		return 0;
	}
	if (node->type == SCALAR_NUMBER) {
		decode_error(decoder, node, "%s %s: expected an integer in "
			     "plain decimal digits", field->name,
			     SHOW(node->text));
		return 0;
	}
	errno = 0;
	value = strtoll(node->text, NULL, 10);
	if (errno || value < field->min || value > field->max) {
		decode_error(decoder, node,
			     "%s %s: expected %" PRId64 " to %" PRId64,
			     field->name, SHOW(node->text), field->min,
			     field->max);
		return 0;
	}
	store_integer(field, object, value);
	return 0;
}

static int decode_int_or_string(struct decoder *decoder,
				const struct field *field,
				const struct node *node, void *object)
{
	if (node_is_string(node))
		return decode_string(decoder, field, node, object);
	return decode_int(decoder, field, node, object);
}

static int decode_bool(struct decoder *decoder, const struct field *field,
		       const struct node *node, void *object)
{
	if (node->kind == NODE_SCALAR && node->type == SCALAR_YES_NO)
		decode_error(decoder, node, "%s %s: expected true or false "
			     "(not every reader of YAML takes %s for a boolean)",
			     field->name, node->text, node->text);
	else if (node->kind != NODE_SCALAR || node->type != SCALAR_BOOL)
		report_type(decoder, field->name, node, "true or false");
	else if (field->size)
		*(bool *)((char *)object + field->offset) =
			node->text[0] == 't' || node->text[0] == 'T';
	return 0;
}

/* "IPv4, IPv6 or FQDN" */
static void print_words(char *text, size_t size, const char *const *words)
{
	size_t i, n = 0;

	text[0] = 0;
	for (i = 0; words[i] && n < size; i++)
		n += snprintf(text + n, size - n, "%s%s",
			      !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

static int decode_enum(struct decoder *decoder, const struct field *field,
		       const struct node *node, void *object)
{
	char expected[128];
	size_t i;

	print_words(expected, sizeof(expected), field->words);
	if (!node_is_string(node)) {
		report_type(decoder, field->name, node, expected);
		return 0;
	}
	for (i = 0; field->words[i]; i++)
		if (!strcmp(node->text, field->words[i])) {
			store_integer(field, object, i);
			return 0;
		}
	decode_error(decoder, node, "%s \"%s\": expected %s", field->name,
		     SHOW(node->text), expected);
	return 0;
}

static int decode_time(struct decoder *decoder, const struct field *field,
		       const struct node *node, void *object)
{
	int64_t value;

	if (!node_is_string(node))
		report_type(decoder, field->name, node, "a time as a string");
	else if (time_parse(node->text, &value))
		decode_error(decoder, node, "%s \"%s\": expected a time such "
			     "as 2026-01-31T12:00:00Z", field->name,
			     SHOW(node->text));
	else
		store_integer(field, object, value);
	return 0;
}

static int decode_duration(struct decoder *decoder, const struct field *field,
			   const struct node *node, void *object)
{
	char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
	int64_t value;

	if (!node_is_string(node)) {
		report_type(decoder, field->name, node, format_duration.expected);
		return 0;
	}
	if (!check_format(decoder, field->name, &format_duration,
			  node_loc(decoder->source, node), node->text) ||
	    duration_parse(node->text, &value))
		return 0;
	if (value < field->min || value > field->max)
		decode_error(decoder, node, "%s %s: expected %s to %s",
			     field->name, node->text,
			     duration_format(field->min, min),
			     duration_format(field->max, max));
	else
		store_integer(field, object, value);
	return 0;
}

static int decode_nested(struct decoder *decoder, const struct field *field,
			 const struct node *node, void *object)
{
	if (node->kind != NODE_MAP) {
		report_type(decoder, field->name, node, "a map");
		return 0;
	}
	return decode_object(decoder, field->schema, node,
			     (char *)object + field->offset);
}

/* Whether a list's or map's size is allowed; "65 listeners, at most 64". */
static bool check_size(struct decoder *decoder, const struct field *field,
		       const struct node *node)
{
	if (node->size < field->min)
		decode_error(decoder, node, "%u %s, at least %" PRId64,
			     node->size, field->name, field->min);
	else if (field->max && node->size > field->max)
		decode_error(decoder, node, "%u %s, at most %" PRId64,
			     node->size, field->name, field->max);
	else
		return true;
	return false;
}

static void store_array(const struct field *field, void *object, void *items,
			size_t count)
{
	if (!field->size)
		return;
	*(void **)((char *)object + field->offset) = items;
	*(size_t *)((char *)object + field->count) = count;
}

static int decode_list(struct decoder *decoder, const struct field *field,
		       const struct node *node, void *object)
{
	const struct schema *schema = field->schema;
	struct path path = { .up = decoder->path };
	const struct node *item;
	char *items, *at;
	int err = 0;

	if (node->kind != NODE_LIST) {
		report_type(decoder, field->name, node, "a list");
		return 0;
	}
	if (!check_size(decoder, field, node))
		return 0;
	items = arena_array(&decoder->model->arena, node->size, schema->size);
	if (!items)
		return -ENOMEM;
	store_array(field, object, items, node->size);
	decoder->path = &path;
	at = items;
	for (item = node->first; item && !err; item = item->next) {
		decode_defaults(schema, at);
		if (item->kind != NODE_MAP)
			report_type(decoder, field->name, item, "a map");
		else
			err = decode_object(decoder, schema, item, at);
		at += schema->size;
		path.index++;
	}
	decoder->path = path.up;
	return err;
}

static int decode_strings(struct decoder *decoder, const struct field *field,
			  const struct node *node, void *object)
{
	struct path path = { .up = decoder->path };
	struct field element = {
		.name = field->name,
		.size = sizeof(const char *),
		.format = field->format,
	};
	const struct node *item;
	const char **items;
	int err = 0;

	if (node->kind != NODE_LIST) {
		report_type(decoder, field->name, node, "a list");
		return 0;
	}
	if (!check_size(decoder, field, node))
		return 0;
	items = arena_array(&decoder->model->arena, node->size,
			    sizeof(*items));
	if (!items)
		return -ENOMEM;
	store_array(field, object, items, node->size);
	decoder->path = &path;
	for (item = node->first; item && !err; item = item->next) {
		items[path.index] = "";
		err = decode_string(decoder, &element, item,
				    &items[path.index]);
		path.index++;
	}
	decoder->path = path.up;
	return err;
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key,
		      ((const struct label *)b)->key);
}

static int decode_map_entry(struct decoder *decoder, const struct field *field,
			    const struct node *entry, struct label *label)
{
	struct arena *arena = &decoder->model->arena;

	*label = (struct label){ "", "" };
	if (!node_is_string(entry)) {
		report_type(decoder, SHOW(entry->key), entry, "a string");
		return 0;
	}
	if (!check_format(decoder, field->name, &format_qualified_name,
			  node_key_loc(decoder->source, entry), entry->key) ||
	    !check_format(decoder, SHOW(entry->key), field->format,
			  node_loc(decoder->source, entry), entry->text))
		return 0;
	if (!field->size)
		return 0;
	label->key = arena_strdup(arena, entry->key);
	label->value = arena_strndup(arena, entry->text, entry->size);
	return label->key && label->value ? 0 : -ENOMEM;
}

static int decode_map(struct decoder *decoder, const struct field *field,
		      const struct node *node, void *object)
{
	const struct node *entry;
	struct label *labels, unused;
	size_t i = 0;
	int err = 0;

	if (node->kind != NODE_MAP) {
		report_type(decoder, field->name, node, "a map");
		return 0;
	}
	if (!check_size(decoder, field, node))
		return 0;
	labels = NULL;
	if (field->size) {
		labels = arena_array(&decoder->model->arena, node->size,
				     sizeof(*labels));
		if (!labels)
			return -ENOMEM;
	}
	for (entry = node->first; entry && !err; entry = entry->next)
		err = decode_map_entry(decoder, field, entry,
				       labels ? &labels[i++] : &unused);
	if (err || !labels)
		return err;
	qsort(labels, node->size, sizeof(*labels), compare_labels);
	store_array(field, object, labels, node->size);
	return 0;
}

static int decode_custom(struct decoder *decoder, const struct field *field,
			 const struct node *node, void *object)
{
	return field->decode(decoder, node, object);
}

static int decode_any(struct decoder *decoder, const struct field *field,
		      const struct node *node, void *object)
{
	(void)decoder, (void)field, (void)node, (void)object;
	return 0;
}

static int (*const decoders[])(struct decoder *decoder,
			       const struct field *field,
			       const struct node *node, void *object) = {
	[FIELD_ANY] = decode_any,
	[FIELD_STRING] = decode_string,
	[FIELD_INT] = decode_int,
	[FIELD_INT_OR_STRING] = decode_int_or_string,
	[FIELD_BOOL] = decode_bool,
	[FIELD_ENUM] = decode_enum,
	[FIELD_TIME] = decode_time,
	[FIELD_DURATION] = decode_duration,
	[FIELD_OBJECT] = decode_nested,
	[FIELD_LIST] = decode_list,
	[FIELD_STRINGS] = decode_strings,
	[FIELD_MAP] = decode_map,
	[FIELD_CUSTOM] = decode_custom,
};

static int decode_field(struct decoder *decoder, const struct field *field,
			const struct node *node, void *object)
{
	struct path path = { .up = decoder->path, .name = field->name };
	int err;

	if (field->has_loc)
		*(struct loc *)((char *)object + field->loc) =
			node_loc(decoder->source, node);
	if (field->present)
		*(bool *)((char *)object + field->present) = true;
	decoder->path = &path;
	err = decoders[field->type](decoder, field, node, object);
	decoder->path = path.up;
	return err;
}

void decode_defaults(const struct schema *schema, void *object)
{
	const struct field *field;

	for (field = schema->fields; field->name; field++) {
		void *at = (char *)object + field->offset;

		if (field->type == FIELD_OBJECT)
			decode_defaults(field->schema, at);
		else if (field->size && field->type == FIELD_STRING)
			*(const char **)at = field->fallback ? field->fallback :
					     field->nullable ? NULL : "";
		else if (field->size && field->type == FIELD_BOOL)
			*(bool *)at = field->initial;
		else if (field->initial)
			store_integer(field, object, field->initial);
	}
}

static const struct field *find_field(const struct schema *schema,
				      const char *name)
{
	const struct field *field;

	for (field = schema->fields; field->name; field++)
		if (*field->name == *name && !strcmp(field->name, name))
			return field;
	return NULL;
}

static void report_missing(struct decoder *decoder, const struct schema *schema,
			   const struct node *node, uint64_t seen)
{
	size_t i;

	for (i = 0; schema->fields[i].name; i++)
		if (schema->fields[i].required && !(seen >> i & 1))
			decode_error(decoder, node, "%s: required, but missing",
				     schema->fields[i].name);
}

int decode_object(struct decoder *decoder, const struct schema *schema,
		  const struct node *node, void *object)
{
	size_t errors = decoder->diags->errors;
	const struct field *field;
	const struct node *child;
	uint64_t seen = 0;
	int err;

	if (schema->has_loc)
		*(struct loc *)((char *)object + schema->loc) =
			node_loc(decoder->source, node);
	for (child = node->first; child; child = child->next) {
		field = find_field(schema, child->key);
		if (!field) {
			report_unknown(decoder, schema, child);
			continue;
		}
		/* A null field is one that is not given. */
		if (node_is_null(child))
			continue;
		seen |= UINT64_C(1) << ((field - schema->fields) % MAX_FIELDS);
		err = decode_field(decoder, field, child, object);
		if (err)
			return err;
	}
	report_missing(decoder, schema, node, seen);
	if (!schema->check || decoder->diags->errors > errors)
		return 0;
	return schema->check(decoder, node, object);
}
