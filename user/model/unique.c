// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Objects of one kind, namespace and name: there can be one only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/decode.h"
#include "model/object.h"

/* An object in the order of reading. */
struct entry {
	const struct object_meta *meta;
	const char *kind;
	size_t list;		/* enum object_list */
	size_t index;
};

struct entries {
	struct entry *items;
	size_t count;
};

static void add_entry(struct entries *entries, const struct object_meta *meta,
		      const char *kind, size_t list, size_t index)
{
	/* A name that is missing has been reported. */
	if (*meta->name)
		entries->items[entries->count++] =
			(struct entry){ meta, kind, list, index };
}

#define ADD_LIST(entries, array, kind_name, list)			\
	for (i = 0; i < (array).count; i++)				\
		add_entry(entries, &(array).items[i].meta, kind_name, list, i)

static void add_all(struct entries *entries, const struct model *model)
{
	size_t i;

	ADD_LIST(entries, model->classes, "GatewayClass", LIST_CLASSES);
	ADD_LIST(entries, model->gateways, "Gateway", LIST_GATEWAYS);
	ADD_LIST(entries, model->listener_sets, "ListenerSet",
		 LIST_LISTENER_SETS);
	for (i = 0; i < model->routes.count; i++)
		add_entry(entries, &model->routes.items[i].meta,
			  model->routes.items[i].protocol == PROTOCOL_TCP ?
			  "TCPRoute" : "UDPRoute", LIST_ROUTES, i);
	ADD_LIST(entries, model->grants, "ReferenceGrant", LIST_GRANTS);
	ADD_LIST(entries, model->services, "Service", LIST_SERVICES);
	ADD_LIST(entries, model->slices, "EndpointSlice", LIST_SLICES);
	ADD_LIST(entries, model->namespaces, "Namespace", LIST_NAMESPACES);
	ADD_LIST(entries, model->parameters, "GatewayParameters",
		 LIST_PARAMETERS);
	ADD_LIST(entries, model->policies, "RoutePolicy", LIST_POLICIES);
}

static int compare_identity(const struct entry *a, const struct entry *b)
{
	int order = strcmp(a->kind, b->kind);

	if (!order)
		order = strcmp(a->meta->name, b->meta->name);
	if (!order)
		order = strcmp(a->meta->namespace, b->meta->namespace);
	return order;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	int order = compare_identity(left, right);

	if (order)
		return order;
	return left->index < right->index ? -1 : left->index > right->index;
}

static void report(struct diags *diags, const struct entry *first,
		   const struct entry *second)
{
	const struct object_meta *meta = second->meta;

	diag_error(diags, meta->loc, "%s %s%s%s: given twice", second->kind,
		   SHOW(meta->namespace), *meta->namespace ? "/" : "",
		   SHOW(meta->name));
	diag_add(diags, DIAG_NOTE, first->meta->loc, "the first is here");
}

int objects_check_unique(const struct object_reader *reader)
{
	const struct model *model = reader->model;
	struct entries entries = { 0 };
	size_t i, max;

	max = model->classes.count + model->gateways.count +
	      model->listener_sets.count +
	      model->routes.count + model->grants.count +
	      model->services.count + model->slices.count +
	      model->namespaces.count + model->parameters.count +
	      model->policies.count;
	if (!max)
		return 0;
	entries.items = calloc(max, sizeof(*entries.items));
	if (!entries.items)
		return -ENOMEM;
	add_all(&entries, model);
	if (entries.count)
		qsort(entries.items, entries.count, sizeof(*entries.items),
		      compare_entries);
	for (i = 1; i < entries.count; i++) {
		const struct entry *a = &entries.items[i - 1];
		const struct entry *b = &entries.items[i];

		/* Earlier readings have been checked. */
		if (!compare_identity(a, b) &&
		    b->index >= reader->before[b->list])
			report(reader->diags, a, b);
	}
	free(entries.items);
	return 0;
}
