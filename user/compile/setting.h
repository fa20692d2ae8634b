/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The settings of GatewayParameters: what they are called, what holds without
 * them, and which of their values nothing carries out yet. Such a value is
 * refused, never ignored; the change that carries it out removes its line from
 * the table of refusals.
 */
#ifndef L4GATE_COMPILE_SETTING_H
#define L4GATE_COMPILE_SETTING_H

#include "compile/condition.h"
#include "compile/work.h"

enum setting_unit {
	SETTING_WORD,
	SETTING_DURATION,
	SETTING_NUMBER,
	SETTING_LIST,
};

struct setting_info {
	const char *name;	/* in spec: "timeouts.tcpHalfOpen" */
	enum setting_unit unit;
	const char *const *words;
	int64_t usual;		/* what holds if it is not given, or NOT_GIVEN */
};

struct refusal {
	size_t setting;
	int64_t value;		/* or ANY_OTHER */
};

#define ANY_OTHER INT64_MIN	/* than the usual one */

/* What an own kind is made of. */
struct setting_table {
	const char *kind;
	const struct setting_info *infos;	/* by setting */
	const struct refusal *refusals;
	size_t refusal_count;
};

/*
 * Says which of an object's settings are refused: each by a warning at its
 * place, and all of them in *ret_refused (in the image's arena), which is NULL
 * if there are none. 0 or -ENOMEM.
 */
int settings_judge(struct work *work, const struct setting_table *table,
		   const struct object_meta *meta,
		   const struct setting *settings, const char **ret_refused);

#endif /* L4GATE_COMPILE_SETTING_H */
