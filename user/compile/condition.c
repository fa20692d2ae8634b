// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/condition.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "l4gate/names.h"

int condition_add(struct arena *arena, struct conditions *conditions,
		  const char *type, bool status, const char *reason,
		  const char *message, ...)
{
	struct condition *condition;
	va_list args;
	char *text;
	int n;

	if (!conditions->items) {
		conditions->items = arena_array(arena, CONDITIONS_MAX,
						sizeof(*conditions->items));
		if (!conditions->items)
			return -ENOMEM;
		conditions->capacity = CONDITIONS_MAX;
	}
	if (conditions->count == conditions->capacity)
		return -ENOSPC;
	va_start(args, message);
	n = vasprintf(&text, message, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;

	condition = &conditions->items[conditions->count];
	condition->type = type;
	condition->status = status;
	condition->reason = reason;
	condition->message = arena_strndup(arena, text, n);
	free(text);
	if (!condition->message)
		return -ENOMEM;
	conditions->count++;
	return 0;
}

const struct condition *condition_find(const struct conditions *conditions,
				       const char *type)
{
	size_t i;

	for (i = 0; i < conditions->count; i++)
		if (!strcmp(conditions->items[i].type, type))
			return &conditions->items[i];
	return NULL;
}

/* The types that are written here, and the status that is good news. */
static const struct {
	const char *type;
	bool good;
} types[] = {
	{ "Accepted", true },	 { "Programmed", true },
	{ "ResolvedRefs", true }, { "Conflicted", false },
	{ "PartiallyInvalid", false }, { L4GATE_POLICY_AFFECTED, true },
};

bool condition_is_ours(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i].type, type))
			return true;
	return false;
}

bool condition_is_good(const struct condition *condition)
{
	bool good = true;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i].type, condition->type))
			good = types[i].good;
	/* A Gateway is accepted with this reason if only some listeners are. */
	return condition->status == good &&
	       strcmp(condition->reason, "ListenersNotValid");
}

void phrase_add(struct phrase *phrase, const char *separator,
		const char *format, ...)
{
	/* Room for "and N more" behind the last piece. */
	const size_t limit = sizeof(phrase->text) - 32;
	char piece[1000];
	va_list args;
	int n, size;

	va_start(args, format);
	n = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	if (n < 0 || phrase->left_out) {
		phrase->left_out++;
		return;
	}
	size = strlen(piece);
	if (phrase->used)
		size += strlen(separator);
	if (phrase->used + size >= limit) {
		phrase->left_out++;
		return;
	}
	phrase->used += sprintf(phrase->text + phrase->used, "%s%s",
				phrase->used ? separator : "", piece);
}

const char *phrase_end(struct phrase *phrase)
{
	if (phrase->left_out)
		sprintf(phrase->text + phrase->used, " and %zu more",
			phrase->left_out);
	return phrase->text;
}

const char *protocol_name(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? "TCP" : "UDP";
}

const char *protocol_route_kind(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? "TCPRoute" : "UDPRoute";
}

const char *ref_verdict_name(enum ref_verdict verdict)
{
	static const char *const names[] = {
		[REF_USABLE] = "usable",
		[REF_NO_ENDPOINTS] = "no endpoints",
		[REF_INVALID] = "invalid",
	};

	return names[verdict];
}
