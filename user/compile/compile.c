// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The order of the steps, and the image that they fill. */
#include "compile/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/findings.h"
#include "compile/work.h"

static int compare_listeners(const void *left, const void *right)
{
	const struct image_listener *a = left, *b = right;
	int order = strcmp(a->gateway_namespace, b->gateway_namespace) ?:
		    strcmp(a->gateway, b->gateway);

	if (order)
		return order;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return (int)a->protocol - (int)b->protocol;
}

static void write_listener(struct image *image,
			   const struct listener_work *from)
{
	const struct listener_group *group = from->group;
	const struct gateway_work *gateway = group->gateway;

	image->listeners[image->listener_count++] = (struct image_listener){
		.gateway_namespace = gateway->gateway->meta.namespace,
		.gateway = gateway->gateway->meta.name,
		.set_namespace = group->is_set ? group->meta->namespace : NULL,
		.set = group->is_set ? group->meta->name : NULL,
		.name = from->listener->name,
		.protocol = from->protocol,
		.port = from->listener->port,
		.addresses = gateway->addresses,
		.address_count = gateway->address_count,
		.route = from->winner ? from->winner->image_index :
			 IMAGE_NO_ROUTE,
		.parameters = gateway->parameters,
	};
}

static int write_listeners(struct work *work)
{
	struct image *image = work->image;
	size_t i, j, count = 0;

	for (i = 0; i < group_count(work); i++)
		count += group_at(work, i)->programmed;
	image->listeners = arena_array(&image->arena, count + 1,
				       sizeof(*image->listeners));
	if (!image->listeners)
		return -ENOMEM;
	for (i = 0; i < group_count(work); i++) {
		const struct listener_group *group = group_at(work, i);

		for (j = 0; j < group->listener_count; j++)
			if (group->listeners[j].programmed)
				write_listener(image, &group->listeners[j]);
	}
	qsort(image->listeners, image->listener_count,
	      sizeof(*image->listeners), compare_listeners);
	return 0;
}

static int write_route(struct work *work, struct route_work *route)
{
	struct image *image = work->image;
	int error = route_resolve(work, route);

	if (error)
		return error;
	if (!route->carries)
		return table_write(work, route,
				   &image->standby[image->standby_count++]);
	route->image_index = image->route_count;
	return table_write(work, route, &image->routes[image->route_count++]);
}

/* Those that have a parent of ours no more, too, as long as they are given. */
static int write_routes(struct work *work)
{
	struct image *image = work->image;
	size_t i, ours = 0;
	int error = 0;

	image->routes = arena_array(&image->arena, work->route_count + 1,
				    sizeof(*image->routes));
	image->standby = arena_array(&image->arena, work->index.route_count + 1,
				     sizeof(*image->standby));
	if (!image->routes || !image->standby)
		return -ENOMEM;
	for (i = 0; !error && i < work->index.route_count; i++) {
		struct route_work other = { .route = work->index.routes[i] };
		bool is_ours = ours < work->route_count &&
			       work->routes[ours].route == other.route;

		error = write_route(work, is_ours ? &work->routes[ours++] :
						    &other);
	}
	return error;
}

static int report_findings(struct work *work)
{
	struct findings findings = { 0 };
	size_t i;
	int error = 0;

	if (work->options->strict)
		error = findings_collect(work->image, &findings);
	for (i = 0; i < findings.count; i++)
		diag_error(work->diags, findings.items[i].loc, "%s",
			   findings.items[i].text);
	findings_free(&findings);
	return error;
}

static int run(struct work *work)
{
	return index_build(&work->index, work->model, &work->arena) ?:
	       parameters_collect(work) ?:
	       gateways_collect(work) ?:
	       sets_collect(work) ?:
	       conflicts_settle(work) ?:
	       routes_attach(work) ?:
	       policies_settle(work) ?:
	       write_routes(work) ?:
	       write_listeners(work) ?:
	       circles_check(work) ?:
	       status_write(work) ?:
	       report_findings(work);
}

int compile(const struct model *model, const struct compile_options *options,
	    struct image **ret_image, struct diags *diags)
{
	struct work work = {
		.model = model, .options = options, .diags = diags,
	};
	size_t errors = diags->errors;
	int error;

	work.image = calloc(1, sizeof(*work.image));
	if (!work.image)
		return -ENOMEM;
	error = run(&work);
	if (!error && diags->errors > errors)
		error = -EINVAL;
	arena_free(&work.arena);
	if (error) {
		image_free(work.image);
		return error;
	}
	*ret_image = work.image;
	return 0;
}

uint64_t image_table_digest(const struct image_table *table)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	uint32_t i;

	for (i = 0; i < table->slot_count; i++)
		hash = (hash ^ table->slots[i]) * 0x100000001b3ULL;
	return hash;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	arena_free(&image->arena);
	free(image);
}
