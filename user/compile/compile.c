// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The order of the steps, and the image that they fill. */
#include "compile/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/condition.h"
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

static int write_listeners(struct work *work)
{
	struct image *image = work->image;
	size_t i, j, count = 0;

	for (i = 0; i < work->gateway_count; i++)
		count += work->gateways[i].listener_count;
	image->listeners = arena_array(&image->arena, count + 1,
				       sizeof(*image->listeners));
	if (!image->listeners)
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++) {
		const struct gateway_work *gateway = &work->gateways[i];

		for (j = 0; j < gateway->listener_count; j++) {
			const struct listener_work *from =
				&gateway->listeners[j];

			if (!from->programmed)
				continue;
			image->listeners[image->listener_count++] =
				(struct image_listener){
					.gateway_namespace =
						gateway->gateway->meta.namespace,
					.gateway = gateway->gateway->meta.name,
					.name = from->listener->name,
					.protocol = from->protocol,
					.port = from->listener->port,
					.addresses = gateway->addresses,
					.address_count = gateway->address_count,
					.route = from->winner ?
						from->winner->image_index :
						IMAGE_NO_ROUTE,
				};
		}
	}
	qsort(image->listeners, image->listener_count,
	      sizeof(*image->listeners), compare_listeners);
	return 0;
}

static int write_routes(struct work *work)
{
	struct image *image = work->image;
	size_t i;
	int error;

	image->routes = arena_array(&image->arena, work->route_count + 1,
				    sizeof(*image->routes));
	if (!image->routes)
		return -ENOMEM;
	for (i = 0; i < work->route_count; i++) {
		struct route_work *route = &work->routes[i];

		error = route_resolve(work, route);
		if (error)
			return error;
		if (!route->carries)
			continue;
		route->image_index = image->route_count;
		error = table_write(work, route,
				    &image->routes[image->route_count++]);
		if (error)
			return error;
	}
	return 0;
}

/* Whether packets to this endpoint would meet a listener of the image. */
static bool is_listener_address(const struct work *work,
				enum protocol protocol,
				const struct target *target)
{
	const struct image *image = work->image;
	size_t i, j;

	for (i = 0; i < image->listener_count; i++) {
		const struct image_listener *listener = &image->listeners[i];

		for (j = 0; j < listener->address_count; j++)
			if (!inet_compare(&listener->addresses[j],
					  &target->addr))
				return true;
		if (listener->address_count || listener->port != target->port ||
		    listener->protocol != protocol)
			continue;
		for (j = 0; j < work->options->own_address_count; j++)
			if (!inet_compare(&work->options->own_addresses[j],
					  &target->addr))
				return true;
	}
	return false;
}

static int compare_addresses(const void *a, const void *b)
{
	return inet_compare(a, b);
}

/* All addresses that endpoints have to keep away from, sorted. */
static int collect_addresses(struct work *work)
{
	size_t i, j, count = work->options->own_address_count;

	for (i = 0; i < work->gateway_count; i++)
		count += work->gateways[i].address_count;
	work->addresses = arena_array(&work->arena, count + 1,
				      sizeof(*work->addresses));
	if (!work->addresses)
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++)
		for (j = 0; j < work->gateways[i].address_count; j++)
			work->addresses[work->address_count++] =
				work->gateways[i].addresses[j];
	for (j = 0; j < work->options->own_address_count; j++)
		work->addresses[work->address_count++] =
			work->options->own_addresses[j];
	qsort(work->addresses, work->address_count, sizeof(*work->addresses),
	      compare_addresses);
	return 0;
}

/* An endpoint that is a listener's address would send packets in a circle. */
static void check_circles(struct work *work)
{
	size_t i, j, k;
	char text[INET_TEXT_MAX];

	for (i = 0; i < work->route_count; i++)
		for (j = 0; j < work->routes[i].ref_count; j++) {
			const struct ref_work *ref = &work->routes[i].refs[j];

			for (k = 0; k < ref->target_count; k++) {
				const struct target *target = &ref->targets[k];

				if (!bsearch(&target->addr, work->addresses,
					     work->address_count,
					     sizeof(*work->addresses),
					     compare_addresses) ||
				    !is_listener_address(
					    work, work->routes[i].route->protocol,
					    target))
					continue;
				diag_error(work->diags, target->loc,
					   "endpoint %s is the address of a listener: its packets would go in a circle",
					   inet_format(&target->addr, text));
			}
		}
}

static int run(struct work *work)
{
	int error;

	error = index_build(&work->index, work->model, &work->arena) ?:
		gateways_collect(work) ?:
		conflicts_settle(work) ?:
		routes_attach(work) ?:
		write_routes(work) ?:
		write_listeners(work) ?:
		collect_addresses(work);
	if (error)
		return error;
	check_circles(work);
	return status_write(work);
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

void image_free(struct image *image)
{
	if (!image)
		return;
	arena_free(&image->arena);
	free(image);
}
