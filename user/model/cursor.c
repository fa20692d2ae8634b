// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/cursor.h"

#include <string.h>

static bool marks_are_right(const struct source *source)
{
	size_t i;

	for (i = 0; i < source->size; i++)
		if ((unsigned char)source->text[i] >= 0x80 ||
		    (source->text[i] == '\r' && source->text[i + 1] != '\n'))
			return false;
	return true;
}

void cursor_init(struct cursor *cursor, const struct source *source)
{
	*cursor = (struct cursor){
		.source = source,
		.identical = marks_are_right(source),
		.line = 1,
	};
}

static void step_forward(struct cursor *cursor)
{
	const struct source *source = cursor->source;

	cursor->index++;
	if (source->text[cursor->offset++] == '\n') {
		cursor->line++;
		cursor->line_begin = cursor->offset;
	}
	while (cursor->offset < source->size &&
	       (source->text[cursor->offset] & 0xc0) == 0x80)
		cursor->offset++;
}

/* Marks rarely go back, and never far. */
static void step_back(struct cursor *cursor)
{
	const struct source *source = cursor->source;
	const char *newline;

	cursor->index--;
	do {
		cursor->offset--;
	} while (cursor->offset &&
		 (source->text[cursor->offset] & 0xc0) == 0x80);
	if (source->text[cursor->offset] != '\n')
		return;
	cursor->line--;
	newline = memrchr(source->text, '\n', cursor->offset);
	cursor->line_begin = newline ? newline - source->text + 1 : 0;
}

/* Libyaml ends a last line that no break ends, and is then a line too far. */
static bool is_line_too_far(const struct source *source, size_t index,
			    size_t column)
{
	return index && index >= source->size && !column &&
	       source->text[source->size - 1] != '\n';
}

static struct loc end_of_text(const struct source *source, size_t line)
{
	const char *newline = memrchr(source->text, '\n', source->size);
	size_t begin = newline ? newline - source->text + 1 : 0;

	return (struct loc){ source, line, source->size - begin + 1 };
}

struct loc cursor_move(struct cursor *cursor, size_t index, size_t line,
		       size_t column, size_t *ret_offset)
{
	const struct source *source = cursor->source;

	if (cursor->identical) {
		if (ret_offset)
			*ret_offset = index;
		if (is_line_too_far(source, index, column))
			return end_of_text(source, line);
		return (struct loc){ source, line + 1, column + 1 };
	}
	while (cursor->index < index && cursor->offset < source->size)
		step_forward(cursor);
	while (cursor->index > index && cursor->offset)
		step_back(cursor);
	if (ret_offset)
		*ret_offset = cursor->offset;
	return (struct loc){ source, cursor->line,
			     cursor->offset - cursor->line_begin + 1 };
}
