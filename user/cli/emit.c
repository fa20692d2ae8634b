// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/emit.h"

#include <stdlib.h>
#include <string.h>

#include "model/yaml_write.h"

#define FLUSH_AT 65536

void emit_free(struct emit *emit)
{
	free(emit->text);
	*emit = (struct emit){ 0 };
}

void emit_flush(struct emit *emit)
{
	if (emit->out) {
		fwrite(emit->text, 1, emit->used, emit->out);
		emit->used = 0;
	}
}

/* Room for size bytes, or NULL. */
static char *reserve(struct emit *emit, size_t size)
{
	size_t need = emit->used + size;
	char *text;

	if (emit->out && emit->used && need > FLUSH_AT)
		emit_flush(emit);
	need = emit->used + size;
	if (need > emit->capacity) {
		size_t capacity = need < FLUSH_AT ? FLUSH_AT : need * 2;

		text = realloc(emit->text, capacity);
		if (!text) {
			emit->failed = true;
			return NULL;
		}
		emit->text = text;
		emit->capacity = capacity;
	}
	return emit->text + emit->used;
}

void emit_bytes(struct emit *emit, const char *bytes, size_t size)
{
	char *to = reserve(emit, size);

	if (to) {
		memcpy(to, bytes, size);
		emit->used += size;
	}
}

void emit_raw(struct emit *emit, const char *text)
{
	emit_bytes(emit, text, strlen(text));
}

void emit_text(struct emit *emit, const char *text)
{
	size_t plain;

	emit_bytes(emit, "\"", 1);
	while (*text) {
		char escaped[8];

		for (plain = 0; (unsigned char)text[plain] >= ' ' &&
		     text[plain] != '"' && text[plain] != '\\'; plain++)
			;
		emit_bytes(emit, text, plain);
		text += plain;
		if (!*text)
			break;
		snprintf(escaped, sizeof(escaped), *text == '"' ||
			 *text == '\\' ? "\\%c" : "\\u%04x", *text);
		emit_raw(emit, escaped);
		text++;
	}
	emit_bytes(emit, "\"", 1);
}

void emit_number(struct emit *emit, uint64_t number)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = '0' + number % 10;
	while (number /= 10);
	emit_bytes(emit, at, digits + sizeof(digits) - at);
}

/* Backends of a route have equal shares: most are the same as the one before. */
void emit_real(struct emit *emit, double real)
{
	if (!emit->real_text[0] || emit->real != real) {
		size_t n = snprintf(emit->real_text, sizeof(emit->real_text),
				    "%.*g", REAL_DIGITS, real);

		if (!strpbrk(emit->real_text, ".e"))
			snprintf(emit->real_text + n,
				 sizeof(emit->real_text) - n, ".0");
		emit->real = real;
	}
	emit_raw(emit, emit->real_text);
}

void emit_member_text(struct emit *emit, const char *before, const char *text)
{
	emit_raw(emit, before);
	emit_text(emit, text);
}

void emit_member(struct emit *emit, const char *before, uint64_t number)
{
	emit_raw(emit, before);
	emit_number(emit, number);
}
