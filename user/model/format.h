/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The forms that strings of the API have, by the API's own patterns. */
#ifndef L4GATE_MODEL_FORMAT_H
#define L4GATE_MODEL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format {
	bool (*match)(const char *text);	/* NULL: anything */
	size_t min;		/* bytes */
	size_t max;		/* 0: any length */
	const char *expected;	/* for "expected ..." */
};

extern const struct format format_object_name;	/* of a reference: 1 to 253 */
extern const struct format format_subdomain;	/* RFC 1123 */
extern const struct format format_label;	/* RFC 1123 */
extern const struct format format_section_name;
extern const struct format format_group;	/* or empty */
extern const struct format format_kind;
extern const struct format format_controller;	/* domain/path */
extern const struct format format_protocol;
extern const struct format format_hostname;	/* may be a wildcard */
extern const struct format format_address_type;
extern const struct format format_address_value;
extern const struct format format_qualified_name;	/* keys of labels */
extern const struct format format_label_value;
extern const struct format format_description;
extern const struct format format_port_name;	/* IANA: of targetPort */
extern const struct format format_optional_label;
extern const struct format format_annotation_value;
extern const struct format format_duration;	/* GEP-2257 */
extern const struct format format_seed;
extern const struct format format_nat_address;
extern const struct format format_range;	/* of addresses: CIDR */

/* "2026-01-31T12:00:00.5+02:00" to seconds since 1970; 0 or -EINVAL. */
int time_parse(const char *text, int64_t *ret_seconds);

/* "1h30m" to milliseconds, by GEP-2257; 0 or -EINVAL. */
int duration_parse(const char *text, int64_t *ret_ms);

/* Longest text of duration_format. */
#define DURATION_TEXT_MAX 48

/* The shortest text, from "0s" up, into text[DURATION_TEXT_MAX]; returns text. */
const char *duration_format(int64_t ms, char *text);

/*
 * Steps (insert, delete, replace, swap neighbours) from one word to another,
 * not regarding case; more than any limit of word_is_close() if long.
 */
unsigned int word_distance(const char *a, const char *b);

/* Whether a distance is that of a typo in a word. */
bool word_is_close(const char *word, unsigned int distance);

/* Text of the manifest for a message: control characters out, and cut. */
struct shown {
	char text[84];
};
struct shown show(const char *text);
#define SHOW(string) (show(string).text)

#endif /* L4GATE_MODEL_FORMAT_H */
