// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/yaml_write.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "model/node.h"

static int write_out(void *out, unsigned char *text, size_t size)
{
	return fwrite(text, 1, size, out) == size;
}

/*
 * Only what begins with a letter and is no word of YAML can be nothing but a
 * string to every reader; "2026-01-31" and "1:30" are more to some of them.
 * Where the syntax needs quotes libyaml knows it by itself.
 */
static bool can_be_plain(const char *text, size_t size)
{
	return isalpha((unsigned char)*text) && isascii(*text) &&
	       scalar_type(text, size) == SCALAR_STRING;
}

/* Emits an event; what it was made of is gone afterwards. */
static int emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
	if (!made)
		return -ENOMEM;
	if (yaml_emitter_emit(emitter, event))
		return 0;
	return emitter->error == YAML_MEMORY_ERROR ? -ENOMEM : -EIO;
}

static int write_scalar(yaml_emitter_t *emitter, const char *text, size_t size,
			bool plain)
{
	yaml_event_t event;
	int made = yaml_scalar_event_initialize(
		&event, NULL, NULL, (const yaml_char_t *)text, size, plain, 1,
		plain ? YAML_PLAIN_SCALAR_STYLE :
			YAML_DOUBLE_QUOTED_SCALAR_STYLE);

	return emit(emitter, &event, made);
}

static int write_string(yaml_emitter_t *emitter, const char *text, size_t size)
{
	return write_scalar(emitter, text, size, can_be_plain(text, size));
}

/* Numbers and words, spelled as in JSON. */
static int write_plain(yaml_emitter_t *emitter, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY |
				JSON_REAL_PRECISION(REAL_DIGITS));
	int error = -ENOMEM;

	if (text)
		error = write_scalar(emitter, text, strlen(text), true);
	free(text);
	return error;
}

static int write_value(yaml_emitter_t *emitter, const json_t *value);

static int write_map(yaml_emitter_t *emitter, const json_t *map)
{
	yaml_event_t event;
	const char *key;
	json_t *value;
	int error;

	error = emit(emitter, &event, yaml_mapping_start_event_initialize(
		&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
	json_object_foreach((json_t *)map, key, value) {
		error = error ?: write_string(emitter, key, strlen(key)) ?:
			write_value(emitter, value);
		if (error)
			return error;
	}
	return error ?: emit(emitter, &event,
			     yaml_mapping_end_event_initialize(&event));
}

static int write_list(yaml_emitter_t *emitter, const json_t *list)
{
	yaml_event_t event;
	json_t *value;
	int error;
	size_t i;

	error = emit(emitter, &event, yaml_sequence_start_event_initialize(
		&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
	json_array_foreach(list, i, value)
		error = error ?: write_value(emitter, value);
	return error ?: emit(emitter, &event,
			     yaml_sequence_end_event_initialize(&event));
}

static int write_value(yaml_emitter_t *emitter, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return write_map(emitter, value);
	case JSON_ARRAY:
		return write_list(emitter, value);
	case JSON_STRING:
		return write_string(emitter, json_string_value(value),
				    json_string_length(value));
	default:
		return write_plain(emitter, value);
	}
}

int yaml_write(FILE *out, const json_t *document)
{
	yaml_emitter_t emitter;
	yaml_event_t event;
	int error;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output(&emitter, write_out, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);	/* no line is folded */
	error = emit(&emitter, &event, yaml_stream_start_event_initialize(
		     &event, YAML_UTF8_ENCODING)) ?:
		emit(&emitter, &event, yaml_document_start_event_initialize(
		     &event, NULL, NULL, NULL, 1)) ?:
		write_value(&emitter, document) ?:
		emit(&emitter, &event,
		     yaml_document_end_event_initialize(&event, 1)) ?:
		emit(&emitter, &event,
		     yaml_stream_end_event_initialize(&event));
	yaml_emitter_delete(&emitter);
	return error;
}
