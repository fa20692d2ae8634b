// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a plan changes, for people, and whether packets will notice. */
#include <errno.h>
#include <stdio.h>

#include "dataplane/plan.h"
#include "util/array.h"

#define KEY_MAX 1024

struct state_list {
	const char *name;	/* in the state */
	const char *new;	/* the text of a change before the key, */
	const char *changed;	/* and of one to what was there */
	const char *keys[4];	/* members that name an object, if it has them */
	bool reaches_packets;
};

/*
 * Statuses change with a message, a generation, a route: packets don't notice,
 * so they come last.
 */
static const struct state_list lists[] = {
	{ "listeners", "listener ", "listener ",
	  { "namespace", "gateway", "listenerSet", "name" }, true },
	{ "routes", "route ", "route ", { "kind", "namespace", "name" }, true },
	{ "objects", "", "status of ", { "kind", "namespace", "name" }, false },
};

static const char *format_key(const struct state_list *list,
			      const json_t *object, char *key)
{
	size_t i, n = 0;

	*key = 0;
	for (i = 0; i < 4 && list->keys[i]; i++) {
		const char *text = json_string_value(
			json_object_get(object, list->keys[i]));

		if (text && n < KEY_MAX)
			n += snprintf(key + n, KEY_MAX - n, "%s%s",
				      n ? "/" : "", text);
	}
	return key;
}

/* The objects of a list by their keys; NULL without memory. */
static json_t *index_list(const struct state_list *list, const json_t *state)
{
	json_t *index = json_object(), *object;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach(json_object_get(state, list->name), i, object)
		if (json_object_set(index, format_key(list, object, key),
				    object)) {
			json_decref(index);
			return NULL;
		}
	return index;
}

/*
 * One line. What comes or goes is told once: a route that carries traffic is an
 * object, too.
 */
static int note(struct changes *changes, json_t *told, char sign,
		const struct state_list *list, const char *key)
{
	struct change *change;

	if (sign != '~' && json_object_get(told, key))
		return 0;
	change = array_append(changes);
	if (!change || json_object_set_new(told, key, json_null()))
		return -ENOMEM;
	change->sign = sign;
	snprintf(change->text, sizeof(change->text), "%s%s",
		 sign == '~' ? list->changed : list->new, key);
	return 0;
}

static int compare_list(const struct state_list *list, const json_t *before,
			const json_t *after, json_t *told,
			struct changes *changes)
{
	json_t *old = index_list(list, before), *new = index_list(list, after);
	int error = old && new ? 0 : -ENOMEM;
	const char *key;
	json_t *object;

	json_object_foreach(new, key, object) {
		const json_t *was = json_object_get(old, key);

		if (!was)
			error = error ?: note(changes, told, '+', list, key);
		else if (!json_equal(was, object))
			error = error ?: note(changes, told, '~', list, key);
	}
	json_object_foreach(old, key, object)
		if (!json_object_get(new, key))
			error = error ?: note(changes, told, '-', list, key);
	json_decref(old);
	json_decref(new);
	return error;
}

int plan_compare(struct plan *plan, const json_t *published,
		 struct changes *changes)
{
	json_t *told = json_object();
	int error = told ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; !error && i < sizeof(lists) / sizeof(*lists); i++) {
		error = compare_list(&lists[i], published, plan->state, told,
				     changes);
		if (lists[i].reaches_packets && changes->count)
			plan->reaches_packets = true;
	}
	json_decref(told);
	return error;
}
