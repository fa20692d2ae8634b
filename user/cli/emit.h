/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * JSON as text, written as it goes: with a hundred thousand backends a document of
 * json_t takes seconds. Without a file the text is kept.
 */
#ifndef L4GATE_CLI_EMIT_H
#define L4GATE_CLI_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct emit {
	FILE *out;		/* NULL: all stays in text */
	char *text;
	size_t used;
	size_t capacity;
	bool failed;		/* there was no memory */
	double real;		/* the last one, and its text */
	char real_text[32];
};

void emit_free(struct emit *emit);

/* Writes out what there is. */
void emit_flush(struct emit *emit);

/* What is JSON already, or a part of it. */
void emit_bytes(struct emit *emit, const char *bytes, size_t size);
void emit_raw(struct emit *emit, const char *text);

/* Values. */
void emit_text(struct emit *emit, const char *text);
void emit_number(struct emit *emit, uint64_t number);
void emit_real(struct emit *emit, double real);

/* A member's name with what stands before it ({ or ,) and then its value. */
void emit_member_text(struct emit *emit, const char *before, const char *text);
void emit_member(struct emit *emit, const char *before, uint64_t number);

#endif /* L4GATE_CLI_EMIT_H */
