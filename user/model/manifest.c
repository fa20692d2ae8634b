// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * YAML events to nodes, and the way from a path to the model. The one user of
 * libyaml; what libyaml would let pass and a manifest has no need for (anchors,
 * aliases, tags, duplicate keys, deep nesting) ends here.
 */
#include "model/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "model/cursor.h"
#include "model/directory.h"
#include "model/files.h"
#include "model/format.h"
#include "model/json.h"
#include "model/node.h"
#include "model/object.h"

/* Trees of decoded documents are given back when they have become this big. */
#define TREE_KEEP	(1024 * 1024)

/* An open map or list. */
struct level {
	struct node *node;
	struct node **tail;	/* where the next child goes */
	const char *key;	/* read, its value is to come */
	struct loc key_loc;
};

struct reader {
	yaml_parser_t parser;
	struct source *source;
	struct model *model;
	struct diags *diags;
	struct object_reader *objects;
	struct cursor cursor;
	struct arena arena;	/* of the nodes */
	struct level levels[NODE_MAX_DEPTH];
	unsigned int depth;
	size_t node_count;	/* of this document */
	struct node *root;
	bool json;		/* looks like JSON: decode at the end */
	struct node *held;	/* documents so far, if json; the last first */
};

static struct loc mark_loc(struct reader *reader, const yaml_mark_t *mark)
{
	return cursor_move(&reader->cursor, mark->index, mark->line,
			   mark->column, NULL);
}

/* Refuses an event; the file ends there. */
#define refuse(reader, loc, ...)					\
	(diag_error((reader)->diags, loc, __VA_ARGS__), -EINVAL)

static struct node *new_node(struct reader *reader, enum node_kind kind,
			     struct loc loc)
{
	struct node *node = arena_alloc(&reader->arena, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->line = loc.line;
	node->column = loc.column;
	return node;
}

/* Hangs a node where it belongs: below the innermost map or list. */
static int attach(struct reader *reader, struct node *node, struct loc loc)
{
	struct level *level;

	if (++reader->node_count > NODE_MAX_COUNT)
		return refuse(reader, loc, "more than %d values in a document, "
			      "split it into several", NODE_MAX_COUNT);
	if (!reader->depth) {
		reader->root = node;
		return 0;
	}
	level = &reader->levels[reader->depth - 1];
	if (level->node->kind == NODE_MAP) {
		node->key = level->key;
		node->key_line = level->key_loc.line;
		node->key_column = level->key_loc.column;
		level->key = NULL;
	}
	level->node->size++;
	*level->tail = node;
	level->tail = &node->next;
	return 0;
}

static bool expects_key(const struct reader *reader)
{
	const struct level *level;

	if (!reader->depth)
		return false;
	level = &reader->levels[reader->depth - 1];
	return level->node->kind == NODE_MAP && !level->key;
}

static int on_scalar(struct reader *reader, const yaml_event_t *event,
		     struct loc loc)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	struct level *level;
	struct node *node;
	char *copy;

	if (memchr(text, 0, size))
		return refuse(reader, loc, "NUL in a string");
	copy = arena_strndup(&reader->arena, text, size);
	if (!copy)
		return -ENOMEM;
	if (expects_key(reader)) {
		level = &reader->levels[reader->depth - 1];
		level->key = copy;
		level->key_loc = loc;
		return 0;
	}
	node = new_node(reader, NODE_SCALAR, loc);
	if (!node)
		return -ENOMEM;
	node->text = copy;
	node->size = size;
	node->type = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ?
		     scalar_type(copy, size) : SCALAR_STRING;
	return attach(reader, node, loc);
}

static int on_open(struct reader *reader, enum node_kind kind, struct loc loc)
{
	struct level *level;
	struct node *node;
	int err;

	if (reader->depth >= NODE_MAX_DEPTH)
		return refuse(reader, loc, "nested deeper than %d levels",
			      NODE_MAX_DEPTH);
	if (expects_key(reader))
		return refuse(reader, loc, "expected a key, got a %s (text that "
			      "begins with '%c' needs quotes%s)",
			      kind == NODE_MAP ? "map" : "list",
			      kind == NODE_MAP ? '{' : '[',
			      kind == NODE_MAP ?
			      "; a template has to be rendered first" : "");
	node = new_node(reader, kind, loc);
	if (!node)
		return -ENOMEM;
	err = attach(reader, node, loc);
	if (err)
		return err;
	level = &reader->levels[reader->depth++];
	*level = (struct level){ .node = node, .tail = &node->first };
	return 0;
}

static int on_close(struct reader *reader)
{
	const struct source *source = reader->source;
	struct level *level = &reader->levels[--reader->depth];
	const struct node *first, *second;
	int found;

	if (level->node->kind != NODE_MAP)
		return 0;
	found = node_find_duplicate(level->node, &first, &second);
	if (found <= 0)
		return found;
	diag_error(reader->diags, node_key_loc(source, second),
		   "%s: given twice", SHOW(second->key));
	diag_add(reader->diags, DIAG_NOTE, node_key_loc(source, first),
		 "the first is here");
	return -EINVAL;
}

static int on_document(struct reader *reader)
{
	struct node *root = reader->root;
	int err = 0;

	reader->root = NULL;
	reader->node_count = 0;
	if (reader->json) {
		root->next = reader->held;
		reader->held = root;
		return 0;
	}
	if (root && !node_is_null(root))
		err = object_read(reader->objects, root);
	if (reader->arena.used > TREE_KEEP)
		arena_free(&reader->arena);
	return err;
}

static const char *anchor_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return (const char *)event->data.scalar.anchor;
	case YAML_MAPPING_START_EVENT:
		return (const char *)event->data.mapping_start.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return (const char *)event->data.sequence_start.anchor;
	default:
		return NULL;
	}
}

static const char *tag_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return (const char *)event->data.scalar.tag;
	case YAML_MAPPING_START_EVENT:
		return (const char *)event->data.mapping_start.tag;
	case YAML_SEQUENCE_START_EVENT:
		return (const char *)event->data.sequence_start.tag;
	default:
		return NULL;
	}
}

static int refuse_tag(struct reader *reader, struct loc loc, const char *tag)
{
	static const char standard[] = "tag:yaml.org,2002:";
	bool is_standard = !strncmp(tag, standard, strlen(standard));

	return refuse(reader, loc, "tags (%s%.64s) are not accepted",
		      is_standard ? "!!" : "",
		      is_standard ? tag + strlen(standard) : tag);
}

static int on_event(struct reader *reader, const yaml_event_t *event)
{
	struct loc loc = mark_loc(reader, &event->start_mark);

	if (event->type == YAML_ALIAS_EVENT)
		return refuse(reader, loc, "aliases (*%.64s) are not accepted, "
			      "repeat the value", event->data.alias.anchor);
	if (anchor_of(event))
		return refuse(reader, loc, "anchors (&%.64s) are not accepted, "
			      "write the value where it is used",
			      anchor_of(event));
	if (tag_of(event))
		return refuse_tag(reader, loc, tag_of(event));
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(reader, event, loc);
	case YAML_MAPPING_START_EVENT:
		return on_open(reader, NODE_MAP, loc);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(reader, NODE_LIST, loc);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return on_close(reader);
	case YAML_DOCUMENT_END_EVENT:
		return on_document(reader);
	default:
		return 0;
	}
}

/* What libyaml did not like, in words for people, and where. */
struct syntax_error {
	struct loc loc;
	char text[256];
	bool has_begin;
	struct loc begin;	/* of what was being read */
};

/* Words for the common mistakes, by the character that libyaml stopped at. */
static const char *explain_character(const struct source *source,
				     size_t offset)
{
	switch (offset < source->size ? source->text[offset] : 0) {
	case '\t':
		return "a tab can't indent, use spaces";
	case '@':
	case '`':
	case '%':
		return "text can't begin with this character, put it in quotes";
	default:
		return NULL;
	}
}

static void explain_syntax(struct reader *reader, struct syntax_error *error)
{
	const yaml_parser_t *parser = &reader->parser;
	const yaml_mark_t *mark = &parser->problem_mark;
	const char *context = parser->context;
	const char *problem = parser->problem;
	const char *words;
	size_t offset;

	*error = (struct syntax_error){ 0 };
	error->loc = cursor_move(&reader->cursor, mark->index, mark->line,
				 mark->column, &offset);
	words = explain_character(reader->source, offset);
	if (context && !strcmp(context, "while scanning a quoted scalar") &&
	    !strcmp(problem, "found unexpected end of stream")) {
		error->loc = mark_loc(reader, &parser->context_mark);
		context = NULL;
		words = "this quote is never closed";
	}
	if (words) {
		snprintf(error->text, sizeof(error->text), "%s", words);
		return;
	}
	if (context && !strcmp(context, "while scanning for the next token"))
		context = NULL;
	snprintf(error->text, sizeof(error->text),
		 "not valid YAML: %s%s%s%s", problem,
		 strcmp(problem, "mapping values are not allowed in this "
			"context") ? "" : " (indented too far, or text with "
		 "': ' that needs quotes)",
		 context ? ", " : "", context ? context : "");
	if (!context)
		return;
	error->begin = mark_loc(reader, &parser->context_mark);
	error->has_begin = error->begin.line < error->loc.line;
}

static void report_syntax(struct reader *reader)
{
	struct syntax_error error;

	explain_syntax(reader, &error);
	diag_error(reader->diags, error.loc, "%s", error.text);
	if (error.has_begin)
		diag_add(reader->diags, DIAG_NOTE, error.begin,
			 "it begins here");
}

static bool loc_is_before(struct loc a, struct loc b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/*
 * The text looks like JSON and libyaml could not read it. If neither can
 * Jansson, the one that got further says why.
 */
static int read_json(struct reader *reader)
{
	struct json_problem problem;
	struct node *node;
	struct syntax_error error;
	size_t offset = 0;
	int err;

	do {
		if (reader->arena.used > TREE_KEEP)
			arena_free(&reader->arena);
		err = json_parse(reader->source, &offset, &reader->arena, &node,
				 &problem);
		if (!err && node)
			err = object_read(reader->objects, node);
	} while (!err && node);
	if (err != -EINVAL)
		return err;
	explain_syntax(reader, &error);
	if (problem.loc.line && loc_is_before(problem.loc, error.loc))
		report_syntax(reader);
	else
		diag_error(reader->diags, problem.loc, "%s", problem.text);
	return -EINVAL;
}

/* Decodes the documents that were held back, in their order. */
static int read_held(struct reader *reader)
{
	struct node *node, *next, *first = NULL;
	int err = 0;

	for (node = reader->held; node; node = next) {
		next = node->next;
		node->next = first;
		first = node;
	}
	for (node = first; node && !err; node = node->next)
		if (!node_is_null(node))
			err = object_read(reader->objects, node);
	return err;
}

static int read_documents(struct reader *reader)
{
	bool at_end = false;
	yaml_event_t event;
	int err = 0;

	while (!err && !at_end) {
		if (!yaml_parser_parse(&reader->parser, &event)) {
			if (reader->parser.error == YAML_MEMORY_ERROR)
				return -ENOMEM;
			if (reader->json)
				return read_json(reader);
			report_syntax(reader);
			return -EINVAL;
		}
		at_end = event.type == YAML_STREAM_END_EVENT;
		err = on_event(reader, &event);
		yaml_event_delete(&event);
	}
	return err ? err : read_held(reader);
}

/* Reads one file's text; 0 also when it has errors that are in diags. */
static int read_source(struct source *source, struct model *model,
		       struct object_reader *objects, struct diags *diags)
{
	struct reader *reader;
	size_t count;
	int err;

	err = source_check(source, diags);
	if (err)
		return err;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	if (!yaml_parser_initialize(&reader->parser)) {
		err = -ENOMEM;
		goto out;
	}
	reader->source = source;
	reader->model = model;
	reader->diags = diags;
	reader->objects = objects;
	cursor_init(&reader->cursor, source);
	reader->json = json_looks_like(source);
	objects->source = source;
	count = objects->seen;
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser,
				     (const unsigned char *)source->text,
				     source->size);
	err = read_documents(reader);
	if (!err && objects->seen == count)
		err = refuse(reader, ((struct loc){ .source = source }),
			     "no objects in this file");
	yaml_parser_delete(&reader->parser);
	arena_free(&reader->arena);
out:
	free(reader);
	return err;
}

static int read_file(const char *path, size_t root, struct model *model,
		     struct object_reader *objects, struct diags *diags)
{
	struct source *source;
	int err;

	err = source_read(model, path, root, &source, diags);
	return err ? err : read_source(source, model, objects, diags);
}

static int read_directory(const char *path, struct model *model,
			  bool by_namespace, struct object_reader *objects,
			  struct diags *diags)
{
	struct found_files files = { 0 };
	int err, result;
	size_t i;

	result = directory_list(model, path, by_namespace, &files, diags);
	for (i = 0; i < files.count && result != -ENOMEM; i++) {
		const struct found_file *file = &files.items[i];

		objects->team = file->namespace;
		err = read_file(file->path, file->root, model, objects, diags);
		if (err == -ENOMEM || !result || result == -EINVAL)
			result = err ? err : result;
	}
	found_files_free(&files);
	return result;
}

/* What both entries have in common: before and after the reading. */
static int finish(struct object_reader *objects, size_t errors, int err)
{
	if (err != -ENOMEM && objects_check_unique(objects))
		err = -ENOMEM;
	if (!err && objects->diags->errors > errors)
		err = -EINVAL;
	return err;
}

int manifest_read(const char *path, const struct manifest_options *options,
		  struct model *model, struct diags *diags)
{
	bool by_namespace = options && options->namespace_from_dir;
	struct object_reader objects;
	size_t errors = diags->errors;
	struct stat st;
	int err;

	objects_begin(&objects, options, model, diags);
	if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode))
		err = read_directory(path, model, by_namespace, &objects,
				     diags);
	else if (by_namespace)
		err = file_error(model, path, -EINVAL,
				 "no directory, but namespaces are to be given by directories",
				 diags);
	else
		err = read_file(path, 0, model, &objects, diags);
	return finish(&objects, errors, err);
}

int manifest_read_text(const char *name, const char *text, size_t size,
		       const struct manifest_options *options,
		       struct model *model, struct diags *diags)
{
	struct object_reader objects;
	size_t errors = diags->errors;
	struct source *source;
	int err = -ENOMEM;

	objects_begin(&objects, options, model, diags);
	source = source_new(model, name);
	if (source) {
		source->text = arena_strndup(&model->arena, text, size);
		source->size = size;
		if (source->text)
			err = read_source(source, model, &objects, diags);
	}
	return finish(&objects, errors, err);
}
