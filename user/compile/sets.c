// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* ListenerSets of our Gateways: more listeners, by somebody else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/work.h"

/*
 * Whether a ListenerSet is ours: if its Gateway is (rule 4), or if nobody gave
 * its Gateway, which is a mistake that its owner should read about.
 */
static bool is_ours(const struct work *work, const struct listener_set *set,
		    struct gateway_work **ret_gateway)
{
	const struct parent_ref *ref = &set->parent;

	if (strcmp(ref->group, GATEWAY_GROUP) || strcmp(ref->kind, "Gateway"))
		return false;
	*ret_gateway = gateways_find(work, ref->namespace, ref->name);
	if (*ret_gateway)
		return true;
	if (index_gateway(&work->index, ref->namespace, ref->name))
		return false;
	diag_warning(work->diags, ref->loc,
		     "ListenerSet %s/%s: Gateway %s/%s is not given: its listeners are nowhere",
		     set->meta.namespace, set->meta.name, ref->namespace,
		     ref->name);
	return true;
}

int sets_collect(struct work *work)
{
	size_t i;

	work->sets = arena_array(&work->arena,
				 work->index.listener_set_count + 1,
				 sizeof(*work->sets));
	if (!work->sets)
		return -ENOMEM;
	for (i = 0; i < work->index.listener_set_count; i++) {
		const struct listener_set *set = work->index.listener_sets[i];
		struct set_work *to = &work->sets[work->set_count];
		struct gateway_work *gateway = NULL;

		if (!is_ours(work, set, &gateway))
			continue;
		to->set = set;
		to->group.meta = &set->meta;
		to->group.gateway = gateway;
		to->group.is_set = true;
		to->group.joins = gateway && namespace_is_allowed(
			work, &gateway->gateway->allowed_listeners,
			gateway->gateway->meta.namespace, set->meta.namespace);
		if (listeners_collect(work, &to->group, set->listeners,
				      set->listener_count))
			return -ENOMEM;
		work->set_count++;
	}
	return 0;
}

static int compare_to_key(const void *key, const void *set)
{
	return meta_compare(key, ((const struct set_work *)set)->group.meta);
}

struct set_work *sets_find(const struct work *work, const char *namespace,
			   const char *name)
{
	struct object_meta key = { .namespace = namespace, .name = name };

	return bsearch(&key, work->sets, work->set_count, sizeof(*work->sets),
		       compare_to_key);
}

size_t sets_of_namespace(const struct work *work, const char *namespace)
{
	size_t low = 0, high = work->set_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(work->sets[middle].group.meta->namespace,
			   namespace) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t group_count(const struct work *work)
{
	return work->gateway_count + work->set_count;
}

struct listener_group *group_at(const struct work *work, size_t i)
{
	return i < work->gateway_count ? &work->gateways[i].group :
	       &work->sets[i - work->gateway_count].group;
}
