// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Which namespaces a listener, or a Gateway, takes objects of. */
#include <string.h>

#include "compile/work.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

/*
 * The value of a namespace's label, or NULL. The API server gives each
 * Namespace one with its name; manifests may lack the Namespace altogether.
 */
static const char *namespace_label(const struct work *work,
				   const char *namespace, const char *key)
{
	const struct namespace *object;
	size_t i;

	if (!strcmp(key, NAME_LABEL))
		return namespace;
	object = index_namespace(&work->index, namespace);
	for (i = 0; object && i < object->meta.label_count; i++)
		if (!strcmp(object->meta.labels[i].key, key))
			return object->meta.labels[i].value;
	return NULL;
}

static bool has_value(const struct selector_term *term, const char *value)
{
	size_t i;

	for (i = 0; value && i < term->value_count; i++)
		if (!strcmp(term->values[i], value))
			return true;
	return false;
}

static bool selector_matches(const struct work *work,
			     const struct selector *selector,
			     const char *namespace)
{
	size_t i;

	if (!selector->present)
		return false;
	for (i = 0; i < selector->term_count; i++) {
		const struct selector_term *term = &selector->terms[i];
		const char *value = namespace_label(work, namespace, term->key);
		bool match = false;

		switch (term->operator) {
		case SELECTOR_IN:
			match = has_value(term, value);
			break;
		case SELECTOR_NOT_IN:
			match = !has_value(term, value);
			break;
		case SELECTOR_EXISTS:
			match = value != NULL;
			break;
		case SELECTOR_DOES_NOT_EXIST:
			match = value == NULL;
			break;
		}
		if (!match)
			return false;
	}
	return true;
}

bool namespace_is_allowed(const struct work *work,
			  const struct allowed_namespaces *allowed,
			  const char *home, const char *namespace)
{
	switch (allowed->from) {
	case FROM_ALL:
		return true;
	case FROM_SAME:
		return !strcmp(home, namespace);
	case FROM_SELECTOR:
		return selector_matches(work, &allowed->selector, namespace);
	default:
		return false;
	}
}
