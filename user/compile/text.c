// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/text.h"

#include <inttypes.h>

#include "compile/condition.h"

static const char *const family_names[L4GATE_FAMILIES] = { "IPv4", "IPv6" };

static void print_listener(FILE *out, const struct image *image,
			   const struct image_listener *listener)
{
	char text[INET_TEXT_MAX];
	size_t i;

	fprintf(out, "listener %s/%s/%s  %s", listener->gateway_namespace,
		listener->gateway, listener->name,
		protocol_name(listener->protocol));
	for (i = 0; i < listener->address_count; i++)
		fprintf(out, " %s", inet_format_port(&listener->addresses[i],
						     listener->port, text));
	if (!listener->address_count)
		fprintf(out, " (attached interfaces):%u", listener->port);
	if (listener->route == IMAGE_NO_ROUTE)
		fputs("\n  -> no route: rejected\n", out);
	else
		fprintf(out, "\n  -> %s %s/%s\n",
			protocol_route_kind(listener->protocol),
			image->routes[listener->route].namespace,
			image->routes[listener->route].name);
}

/* Wanted and real share, and by how many percentage points they differ. */
static void print_share(FILE *out, double wanted, uint32_t slots,
			uint32_t size)
{
	double share = size ? (double)slots / size : 0;

	fprintf(out, "wanted %8.4f %%  table %8.4f %%  error %+.4f",
		wanted * 100, share * 100, (share - wanted) * 100);
}

static void print_family(FILE *out, const struct image_route *route,
			 uint8_t family)
{
	uint32_t size = route->tables[family].slot_count;
	char text[INET_TEXT_MAX];
	size_t i, j;

	if (!size) {
		fprintf(out, "  %s: no endpoint with a weight: all rejected\n",
			family_names[family]);
		return;
	}
	fprintf(out, "  %s: %" PRIu32 " slots\n", family_names[family], size);
	for (i = 0; i < route->ref_count; i++) {
		const struct image_ref *ref = &route->refs[i];

		fprintf(out, "    %s/%s:%u weight %" PRIu32 "  ",
			ref->namespace, ref->name, ref->port, ref->weight);
		print_share(out, ref->wanted,
			    ref->slots[family] + ref->rejected[family], size);
		if (ref->rejected[family])
			fprintf(out, "  REJECTED: %s",
				ref->verdict == REF_INVALID ?
				"the reference is invalid" : "no endpoints");
		fputc('\n', out);
		for (j = 0; j < route->backend_count; j++) {
			const struct image_backend *backend =
				&route->backends[j];

			if (backend->ref != i ||
			    backend->addr.family != family)
				continue;
			fprintf(out, "      %-28s ",
				inet_format_port(&backend->addr, backend->port,
						 text));
			if (backend->draining)
				fputs("draining\n", out);
			else
				print_share(out, backend->wanted,
					    backend->slots, size);
			if (!backend->draining)
				fputc('\n', out);
		}
	}
}

static void print_conditions(FILE *out, const struct conditions *conditions)
{
	size_t i;

	for (i = 0; i < conditions->count; i++)
		fprintf(out, "    %s=%s %s: %s\n", conditions->items[i].type,
			conditions->items[i].status ? "True" : "False",
			conditions->items[i].reason,
			conditions->items[i].message);
}

static void print_status(FILE *out, const struct image *image)
{
	size_t i, j;

	for (i = 0; i < image->class_count; i++) {
		fprintf(out, "\nstatus GatewayClass %s\n",
			image->classes[i].class->meta.name);
		print_conditions(out, &image->classes[i].conditions);
	}
	for (i = 0; i < image->gateway_count; i++) {
		const struct gateway_status *status = &image->gateways[i];

		fprintf(out, "\nstatus Gateway %s/%s\n",
			status->gateway->meta.namespace,
			status->gateway->meta.name);
		print_conditions(out, &status->conditions);
		for (j = 0; j < status->listener_count; j++) {
			fprintf(out, "  listener %s: %" PRIu32 " attached\n",
				status->listeners[j].name,
				status->listeners[j].attached_routes);
			print_conditions(out,
					 &status->listeners[j].conditions);
		}
	}
	for (i = 0; i < image->route_status_count; i++) {
		const struct route_status *status = &image->route_statuses[i];

		fprintf(out, "\nstatus %s %s/%s\n",
			protocol_route_kind(status->route->protocol),
			status->route->meta.namespace,
			status->route->meta.name);
		for (j = 0; j < status->parent_count; j++) {
			fprintf(out, "  parent %s/%s\n",
				status->parents[j].ref->namespace,
				status->parents[j].ref->name);
			print_conditions(out, &status->parents[j].conditions);
		}
	}
}

void image_print_text(FILE *out, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->listener_count; i++)
		print_listener(out, image, &image->listeners[i]);
	for (i = 0; i < image->route_count; i++) {
		const struct image_route *route = &image->routes[i];

		fprintf(out, "\n%s %s/%s\n",
			protocol_route_kind(route->protocol), route->namespace,
			route->name);
		print_family(out, route, L4GATE_IPV4);
		print_family(out, route, L4GATE_IPV6);
	}
	print_status(out, image);
}
