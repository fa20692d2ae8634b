// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int meta_compare(const struct object_meta *a, const struct object_meta *b)
{
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

/*
 * As texts "namespace/name", which is not by namespace and then by name: a dash
 * comes before the slash, so that those of a-b come before those of a.
 */
static int compare_full_names(const struct object_meta *a,
			      const struct object_meta *b)
{
	const char *x = a->namespace, *y = b->namespace;

	while (*x && *x == *y)
		x++, y++;
	if (*x == *y)
		return strcmp(a->name, b->name);
	return (unsigned char)(*x ?: '/') - (unsigned char)(*y ?: '/');
}

int meta_precedence(const struct object_meta *a, const struct object_meta *b,
		    bool timed)
{
	if (timed && a->created != b->created)
		return a->created < b->created ? -1 : 1;
	return compare_full_names(a, b);
}

#define COMPARE_BY_META(name, type)					\
static int name(const void *a, const void *b)				\
{									\
	const type *const *x = a, *const *y = b;			\
									\
	return meta_compare(&(*x)->meta, &(*y)->meta);			\
}
COMPARE_BY_META(class_compare, struct gateway_class)
COMPARE_BY_META(gateway_compare, struct gateway)
COMPARE_BY_META(listener_set_compare, struct listener_set)
COMPARE_BY_META(service_compare, struct service)
COMPARE_BY_META(namespace_compare, struct namespace)
COMPARE_BY_META(parameters_compare, struct gateway_parameters)
COMPARE_BY_META(policy_compare, struct route_policy)

static int route_compare(const void *a, const void *b)
{
	const struct route *x = *(const struct route *const *)a;
	const struct route *y = *(const struct route *const *)b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return meta_compare(&x->meta, &y->meta);
}

static int slice_compare(const void *a, const void *b)
{
	const struct endpoint_slice *x = *(const struct endpoint_slice *const *)a;
	const struct endpoint_slice *y = *(const struct endpoint_slice *const *)b;
	int order = strcmp(x->meta.namespace, y->meta.namespace);

	if (!order)
		order = strcmp(x->service, y->service);
	return order ? order : strcmp(x->meta.name, y->meta.name);
}

/* Fills ret_list with the addresses of the items, sorted; 0 or -ENOMEM. */
#define SORT_LIST(arena, list, ret_list, ret_count, compare) ({		\
	size_t i_;							\
	int err_ = -ENOMEM;						\
									\
	ret_list = arena_array(arena, (list).count, sizeof(*ret_list));	\
	if (ret_list) {							\
		for (i_ = 0; i_ < (list).count; i_++)			\
			ret_list[i_] = &(list).items[i_];		\
		ret_count = (list).count;				\
		qsort(ret_list, ret_count, sizeof(*ret_list), compare);	\
		err_ = 0;						\
	}								\
	err_;								\
})

static int sort_slices(struct index *index, const struct model *model,
		       struct arena *arena)
{
	size_t i, n = 0;

	index->slices = arena_array(arena, model->slices.count,
				    sizeof(*index->slices));
	if (!index->slices)
		return -ENOMEM;
	for (i = 0; i < model->slices.count; i++)
		if (model->slices.items[i].service)
			index->slices[n++] = &model->slices.items[i];
	index->slice_count = n;
	qsort(index->slices, n, sizeof(*index->slices), slice_compare);
	return 0;
}

static int permit_compare(const void *a, const void *b)
{
	const struct permit *x = a, *y = b;
	int order = strcmp(x->to_namespace, y->to_namespace) ?:
		    strcmp(x->to_name, y->to_name) ?:
		    strcmp(x->from_namespace, y->from_namespace);

	return order ?: (int)x->from - (int)y->from;
}

static bool permitted_kind(const struct grant_from *from,
			   enum protocol *ret_protocol)
{
	if (strcmp(from->group, GATEWAY_GROUP))
		return false;
	if (!strcmp(from->kind, "TCPRoute"))
		*ret_protocol = PROTOCOL_TCP;
	else if (!strcmp(from->kind, "UDPRoute"))
		*ret_protocol = PROTOCOL_UDP;
	else
		return false;
	return true;
}

/* Appends what one grant permits: every from with every to. */
static void add_permits(struct index *index,
			const struct reference_grant *grant)
{
	size_t i, j;

	for (i = 0; i < grant->from_count; i++) {
		enum protocol protocol;

		if (!permitted_kind(&grant->from[i], &protocol))
			continue;
		for (j = 0; j < grant->to_count; j++) {
			if (grant->to[j].group[0] ||
			    strcmp(grant->to[j].kind, "Service"))
				continue;
			index->permits[index->permit_count++] =
				(struct permit){
					.to_namespace = grant->meta.namespace,
					.to_name = grant->to[j].name,
					.from_namespace =
						grant->from[i].namespace,
					.from = protocol,
				};
		}
	}
}

static int sort_permits(struct index *index, const struct model *model,
			struct arena *arena)
{
	size_t i, count = 0;

	for (i = 0; i < model->grants.count; i++)
		count += model->grants.items[i].from_count *
			 model->grants.items[i].to_count;
	index->permits = arena_array(arena, count, sizeof(*index->permits));
	if (!index->permits)
		return -ENOMEM;
	for (i = 0; i < model->grants.count; i++)
		add_permits(index, &model->grants.items[i]);
	qsort(index->permits, index->permit_count, sizeof(*index->permits),
	      permit_compare);
	return 0;
}

int index_build(struct index *index, const struct model *model,
		struct arena *arena)
{
	if (SORT_LIST(arena, model->classes, index->classes,
		      index->class_count, class_compare) ||
	    SORT_LIST(arena, model->gateways, index->gateways,
		      index->gateway_count, gateway_compare) ||
	    SORT_LIST(arena, model->listener_sets, index->listener_sets,
		      index->listener_set_count, listener_set_compare) ||
	    SORT_LIST(arena, model->routes, index->routes,
		      index->route_count, route_compare) ||
	    SORT_LIST(arena, model->services, index->services,
		      index->service_count, service_compare) ||
	    SORT_LIST(arena, model->namespaces, index->namespaces,
		      index->namespace_count, namespace_compare) ||
	    SORT_LIST(arena, model->parameters, index->parameters,
		      index->parameters_count, parameters_compare) ||
	    SORT_LIST(arena, model->policies, index->policies,
		      index->policy_count, policy_compare))
		return -ENOMEM;
	return sort_slices(index, model, arena) ?:
	       sort_permits(index, model, arena);
}

#define FIND(list, count, type, find_namespace, find_name, compare) ({	\
	const type key_ = {						\
		.meta = {						\
			.namespace = find_namespace,			\
			.name = find_name,				\
		},							\
	};								\
	const type *at_ = &key_;					\
	const type **found_ = bsearch(&at_, list, count,		\
				      sizeof(*(list)), compare);	\
									\
	found_ ? *found_ : NULL;					\
})

const struct gateway_class *index_class(const struct index *index,
					const char *name)
{
	return FIND(index->classes, index->class_count, struct gateway_class,
		    "", name, class_compare);
}

const struct gateway *index_gateway(const struct index *index,
				    const char *namespace, const char *name)
{
	return FIND(index->gateways, index->gateway_count, struct gateway,
		    namespace, name, gateway_compare);
}

const struct listener_set *index_listener_set(const struct index *index,
					      const char *namespace,
					      const char *name)
{
	return FIND(index->listener_sets, index->listener_set_count,
		    struct listener_set, namespace, name,
		    listener_set_compare);
}

const struct route *index_route(const struct index *index,
				enum protocol protocol, const char *namespace,
				const char *name)
{
	const struct route key = {
		.meta = { .namespace = namespace, .name = name },
		.protocol = protocol,
	};
	const struct route *at = &key, **found;

	found = bsearch(&at, index->routes, index->route_count, sizeof(at),
			route_compare);
	return found ? *found : NULL;
}

const struct service *index_service(const struct index *index,
				    const char *namespace, const char *name)
{
	return FIND(index->services, index->service_count, struct service,
		    namespace, name, service_compare);
}

const struct namespace *index_namespace(const struct index *index,
					const char *name)
{
	return FIND(index->namespaces, index->namespace_count,
		    struct namespace, "", name, namespace_compare);
}

bool index_permits(const struct index *index, enum protocol from,
		   const char *from_namespace, const char *to_namespace,
		   const char *to_name)
{
	struct permit key = {
		.to_namespace = to_namespace,
		.to_name = to_name,
		.from_namespace = from_namespace,
		.from = from,
	};

	if (bsearch(&key, index->permits, index->permit_count, sizeof(key),
		    permit_compare))
		return true;
	key.to_name = "";
	return bsearch(&key, index->permits, index->permit_count, sizeof(key),
		       permit_compare);
}

static int slice_against(const struct endpoint_slice *slice,
			 const char *namespace, const char *service)
{
	int order = strcmp(slice->meta.namespace, namespace);

	return order ? order : strcmp(slice->service, service);
}

struct index_range index_slices(const struct index *index,
				const char *namespace, const char *service)
{
	struct index_range range;
	size_t low = 0, high = index->slice_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_against(index->slices[middle], namespace,
				  service) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	range.first = low;
	while (low < index->slice_count &&
	       !slice_against(index->slices[low], namespace, service))
		low++;
	range.count = low - range.first;
	return range;
}
