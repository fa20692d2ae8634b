// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns of source text shown around a caret. */
#define EXCERPT_WIDTH 100

void diag_add(struct diags *diags, enum diag_level level, struct loc loc,
	      const char *format, ...)
{
	struct diag *items;
	va_list args;
	char *text;
	int n;

	if (level == DIAG_ERROR)
		diags->errors++;
	if (diags->count >= DIAG_MAX) {
		diags->dropped++;
		return;
	}
	items = reallocarray(diags->items, diags->count + 1, sizeof(*items));
	if (!items) {
		diags->dropped++;
		return;
	}
	diags->items = items;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		diags->dropped++;
		return;
	}
	items[diags->count++] = (struct diag){
		.level = level, .loc = loc, .text = text,
	};
}

/* The source line of loc, in bytes [*ret_begin, *ret_end) of its text. */
static void find_line(struct loc loc, size_t *ret_begin, size_t *ret_end)
{
	const struct source *source = loc.source;
	size_t begin = 0, end;
	unsigned int line;

	for (line = 1; line < loc.line && begin < source->size; line++) {
		const char *newline = memchr(source->text + begin, '\n',
					     source->size - begin);

		if (!newline) {
			begin = source->size;
			break;
		}
		begin = newline - source->text + 1;
	}
	for (end = begin; end < source->size; end++)
		if (source->text[end] == '\n' || source->text[end] == '\r')
			break;
	*ret_begin = begin;
	*ret_end = end;
}

/* Writes the source line and a caret below it, each indented by four. */
static void print_excerpt(FILE *out, struct loc loc)
{
	size_t begin, end, column, i;

	find_line(loc, &begin, &end);
	column = loc.column ? loc.column - 1 : 0;
	if (column > end - begin)
		column = end - begin;
	if (column > EXCERPT_WIDTH - 20) {
		begin += column - (EXCERPT_WIDTH / 2);
		column = EXCERPT_WIDTH / 2;
	}
	if (end - begin > EXCERPT_WIDTH)
		end = begin + EXCERPT_WIDTH;

	fputs("    ", out);
	for (i = begin; i < end; i++) {
		unsigned char c = loc.source->text[i];

		if (c == '\t')
			c = ' ';
		else if (c < 0x20 || c == 0x7f)
			c = '?';
		fputc(c, out);
	}
	fprintf(out, "\n    %*s^\n", (int)column, "");
}

char *diag_format(const struct diag *diag)
{
	return diag_format_color(diag, false);
}

char *diag_format_color(const struct diag *diag, bool color)
{
	static const struct {
		const char *name;
		const char *color;
	} levels[] = {
		[DIAG_ERROR] = { "error", "\033[1;31m" },
		[DIAG_WARNING] = { "warning", "\033[1;33m" },
		[DIAG_NOTE] = { "note", "\033[1;36m" },
	};
	struct loc loc = diag->loc;
	char *text = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	if (loc.source)
		fprintf(out, "%s:", loc.source->name);
	if (loc.source && loc.line)
		fprintf(out, "%u:%u:", loc.line, loc.column);
	fprintf(out, "%s%s%s:%s %s\n", loc.source ? " " : "",
		color ? levels[diag->level].color : "",
		levels[diag->level].name, color ? "\033[0m" : "", diag->text);
	if (loc.source && loc.line)
		print_excerpt(out, loc);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

void diags_free(struct diags *diags)
{
	size_t i;

	for (i = 0; i < diags->count; i++)
		free(diags->items[i].text);
	free(diags->items);
	*diags = (struct diags){ 0 };
}
