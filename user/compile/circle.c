// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Endpoints that are listeners: what is sent to one comes back to us, to be
 * sent again. No condition of the API can hold this mistake.
 */
#include <errno.h>
#include <stdlib.h>

#include "compile/condition.h"
#include "compile/work.h"

struct listening {
	struct inet_addr *addresses;	/* explicit ones, sorted */
	size_t address_count;
	bool *ports[2];			/* by protocol: on the own addresses */
};

static int collect(struct work *work, struct listening *listening)
{
	const struct image *image = work->image;
	size_t i, j, count = 0;

	for (i = 0; i < image->listener_count; i++)
		count += image->listeners[i].address_count;
	listening->addresses = arena_array(&work->arena, count,
					   sizeof(*listening->addresses));
	for (i = 0; i < 2; i++)
		listening->ports[i] = arena_array(&work->arena, 65536,
						  sizeof(bool));
	if (!listening->addresses || !listening->ports[0] ||
	    !listening->ports[1])
		return -ENOMEM;
	for (i = 0; i < image->listener_count; i++) {
		const struct image_listener *listener = &image->listeners[i];

		for (j = 0; j < listener->address_count; j++)
			listening->addresses[listening->address_count++] =
				listener->addresses[j];
		if (!listener->address_count)
			listening->ports[listener->protocol][listener->port] =
				true;
	}
	qsort(listening->addresses, listening->address_count,
	      sizeof(*listening->addresses), inet_compare_items);
	return 0;
}

static bool is_in(const struct inet_addr *addr,
		  const struct inet_addr *addresses, size_t count)
{
	return count && bsearch(addr, addresses, count, sizeof(*addresses),
				inet_compare_items);
}

/*
 * An address of a Gateway is for its listeners alone, whatever the port. The
 * node's own addresses are its processes', too, except for listeners' ports.
 */
static void check_target(struct work *work, const struct listening *listening,
			 const struct route *route, const struct target *target)
{
	const struct compile_options *options = work->options;
	const char *kind = protocol_route_kind(route->protocol);
	char text[INET_TEXT_MAX];

	if (is_in(&target->addr, listening->addresses,
		  listening->address_count))
		diag_error(work->diags, target->loc,
			   "%s %s/%s: endpoint %s is an address of a Gateway: its packets would go in a circle",
			   kind, route->meta.namespace, route->meta.name,
			   inet_format(&target->addr, text));
	else if (listening->ports[route->protocol][target->port] &&
		 is_in(&target->addr, options->own_addresses,
		       options->own_address_count))
		diag_error(work->diags, target->loc,
			   "%s %s/%s: endpoint %s is this node with a listener on %s port %u: its packets would go in a circle",
			   kind, route->meta.namespace, route->meta.name,
			   inet_format(&target->addr, text),
			   protocol_name(route->protocol), target->port);
}

int circles_check(struct work *work)
{
	struct listening listening = { 0 };
	size_t i, j, k;

	if (collect(work, &listening))
		return -ENOMEM;
	for (i = 0; i < work->route_count; i++) {
		const struct route_work *route = &work->routes[i];

		for (j = 0; route->carries && j < route->ref_count; j++) {
			const struct ref_work *ref = &route->refs[j];

			for (k = 0; k < ref->target_count; k++)
				check_target(work, &listening, route->route,
					     &ref->targets[k]);
		}
	}
	return 0;
}
