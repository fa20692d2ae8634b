// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/text.h"

#include <inttypes.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "model/format.h"

static const char *const family_names[L4GATE_FAMILIES] = { "IPv4", "IPv6" };

/* Columns of a table, behind the name that a line begins with. */
#define NAME_WIDTH 44
#define COLUMNS "%10s %12s %7s %12s %9s\n"

#define TIME_MAX (DURATION_TEXT_MAX + 8)

static void print_listener(FILE *out, const struct image *image,
			   const struct image_listener *listener)
{
	const char *protocol = protocol_name(listener->protocol);
	int64_t most = listener->parameters->settings[
		PARAMETER_MAX_HALF_OPEN].value;
	char text[INET_TEXT_MAX];
	size_t i;

	if (listener->set)
		fprintf(out, "Listener %s/%s %s (ListenerSet of Gateway %s/%s)\n",
			listener->set_namespace, listener->set, listener->name,
			listener->gateway_namespace, listener->gateway);
	else
		fprintf(out, "Listener %s/%s %s\n",
			listener->gateway_namespace, listener->gateway,
			listener->name);
	for (i = 0; i < listener->address_count; i++)
		fprintf(out, "  %s %s\n", protocol,
			inet_format_port(&listener->addresses[i],
					 listener->port, text));
	if (!listener->address_count)
		fprintf(out, "  %s port %u of the attached devices\n", protocol,
			listener->port);
	if (most)
		fprintf(out, "  half-open flows beyond %" PRId64 " are surplus\n",
			most);
	if (listener->route == IMAGE_NO_ROUTE)
		fputs("  -> rejects everything: no route is attached\n\n", out);
	else
		fprintf(out, "  -> %s %s/%s\n\n",
			protocol_route_kind(listener->protocol),
			image->routes[listener->route].namespace,
			image->routes[listener->route].name);
}

/* Wanted share, share in the table, and the percentage points between them. */
static void print_share(FILE *out, const char *weight, double wanted,
			uint32_t slots, uint32_t size)
{
	double share = (double)slots / size;
	double error = (share - wanted) * 100;

	if (error < 0 && error > -0.00005)
		error = 0;	/* not "-0.0000" */
	fprintf(out, "%10s %10.4f %% %7" PRIu32 " %10.4f %% %+9.4f\n", weight,
		wanted * 100, slots, share * 100, error);
}

static void print_ref(FILE *out, const struct image_ref *ref, uint8_t family,
		      uint32_t size)
{
	char weight[16];
	int n;

	n = fprintf(out, "    %s/%s:%u ", ref->namespace, ref->name, ref->port);
	if (n > NAME_WIDTH)
		n = fprintf(out, "\n") - 1;
	snprintf(weight, sizeof(weight), "%" PRIu32, ref->weight);
	fprintf(out, "%*s", NAME_WIDTH - n, "");
	print_share(out, weight, ref->wanted,
		    ref->slots[family] + ref->rejected[family], size);
	if (ref->rejected[family])
		fprintf(out, "      REJECTED: %s\n",
			ref->verdict == REF_INVALID ?
			"the reference is invalid, see ResolvedRefs" :
			ref->verdict == REF_NO_ENDPOINTS ?
			"the Service has no ready endpoints" :
			"the Service has no ready endpoints of this family");
}

/* How long a backend keeps its flows: " for 30s", or "" for ever. */
static const char *drain_time(const struct image_route *route,
			      const struct image_backend *backend, char *text)
{
	char time[DURATION_TEXT_MAX];

	*text = 0;
	if (backend->leaving && route->drain_timeout &&
	    route->protocol == PROTOCOL_TCP)
		snprintf(text, TIME_MAX, " for %s",
			 duration_format(route->drain_timeout, time));
	return text;
}

static void print_backend(FILE *out, const struct image_route *route,
			  const struct image_backend *backend, uint32_t size)
{
	char text[INET_TEXT_MAX], time[TIME_MAX];

	fprintf(out, "      %-*s", NAME_WIDTH - 6,
		inet_format_port(&backend->addr, backend->port, text));
	if (backend->draining)
		fprintf(out, "  draining: keeps its flows%s, gets no new ones\n",
			drain_time(route, backend, time));
	else
		print_share(out, "", backend->wanted, backend->slots, size);
}

static void print_family(FILE *out, const struct image_route *route,
			 uint8_t family)
{
	uint32_t size = route->tables[family].slot_count;
	size_t i, j;

	if (size) {
		fprintf(out, "  %s, %" PRIu32 " slots%*s", family_names[family],
			size, size < 10000 ? NAME_WIDTH - 18 : NAME_WIDTH - 19,
			"");
		fprintf(out, COLUMNS, "weight", "wanted", "slots", "table",
			"error");
	} else {
		fprintf(out, "  %s: every flow is rejected, no backendRef with a weight has ready endpoints\n",
			family_names[family]);
	}
	for (i = 0; i < route->ref_count; i++) {
		if (size)
			print_ref(out, &route->refs[i], family, size);
		for (j = 0; j < route->backend_count; j++) {
			const struct image_backend *backend =
				&route->backends[j];

			if (backend->ref == i && backend->addr.family == family)
				print_backend(out, route, backend, size);
		}
	}
}

/* Idle timeouts that are not the usual ones. */
static void print_timeouts(FILE *out, const struct image_route *route)
{
	char text[DURATION_TEXT_MAX];
	int i;

	for (i = 0; i < IDLE_TIMEOUTS; i++)
		if (route->timeouts.ms[i] !=
		    parameters_usual(PARAMETER_TCP_HALF_OPEN + i))
			fprintf(out, "  idle timeout %s %s\n",
				parameters_timeout_name(i),
				duration_format(route->timeouts.ms[i], text));
}

static void print_conditions(FILE *out, const char *indent,
			     const struct conditions *conditions)
{
	size_t i;

	for (i = 0; i < conditions->count; i++) {
		const struct condition *condition = &conditions->items[i];

		fprintf(out, "%s%-12s %-5s %s: %s\n", indent, condition->type,
			condition->status ? "True" : "False", condition->reason,
			condition->message);
	}
}

static void print_listeners(FILE *out, const struct listener_status *listeners,
			    size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct listener_status *listener = &listeners[i];

		fprintf(out, "  listener %s: %s port %u, %" PRIu32
			" attached, supports %s%s\n", listener->name,
			listener->protocol, listener->port,
			listener->attached_routes,
			listener->supports_route ? listener->protocol :
			"no kind of route",
			listener->supports_route ? "Route" : "");
		print_conditions(out, "    ", &listener->conditions);
	}
}

static void print_gateway(FILE *out, const struct gateway_status *status)
{
	char text[INET_TEXT_MAX];
	size_t i;

	fprintf(out, "Gateway %s/%s\n", status->gateway->meta.namespace,
		status->gateway->meta.name);
	for (i = 0; i < status->address_count; i++)
		fprintf(out, "  address %s\n",
			inet_format(&status->addresses[i], text));
	if (status->gateway->allowed_listeners.from != FROM_NONE)
		fprintf(out, "  attached ListenerSets: %" PRIu32 "\n",
			status->attached_sets);
	print_conditions(out, "  ", &status->conditions);
	print_listeners(out, status->listeners, status->listener_count);
	fputc('\n', out);
}

static void print_set(FILE *out, const struct listener_set_status *status)
{
	fprintf(out, "ListenerSet %s/%s\n  parent %s/%s\n",
		status->set->meta.namespace, status->set->meta.name,
		status->set->parent.namespace, status->set->parent.name);
	print_conditions(out, "  ", &status->conditions);
	print_listeners(out, status->listeners, status->listener_count);
	fputc('\n', out);
}

static void print_route_status(FILE *out, const struct route_status *status)
{
	size_t i;

	fprintf(out, "%s %s/%s\n", protocol_route_kind(status->route->protocol),
		status->route->meta.namespace, status->route->meta.name);
	for (i = 0; i < status->parent_count; i++) {
		const struct parent_ref *ref = status->parents[i].ref;

		fprintf(out, "  parent %s%s/%s",
			strcmp(ref->kind, "Gateway") ? "ListenerSet " : "",
			ref->namespace, ref->name);
		if (ref->section_name)
			fprintf(out, " section %s", ref->section_name);
		if (ref->port)
			fprintf(out, " port %u", ref->port);
		fputc('\n', out);
		print_conditions(out, "    ", &status->parents[i].conditions);
	}
	fputc('\n', out);
}

static void print_parameters(FILE *out, const struct parameters_status *status)
{
	size_t i;

	fprintf(out, "GatewayParameters %s/%s\n",
		status->object->meta.namespace, status->object->meta.name);
	for (i = 0; i < status->user_count; i++) {
		const struct object_meta *user = status->users[i].meta;

		fprintf(out, "  used by %s %s%s%s\n", status->users[i].kind,
			user->namespace, *user->namespace ? "/" : "",
			user->name);
	}
	print_conditions(out, "  ", &status->conditions);
	fputc('\n', out);
}

static void print_policy(FILE *out, const struct policy_status *status)
{
	size_t i;

	fprintf(out, "RoutePolicy %s/%s\n", status->policy->meta.namespace,
		status->policy->meta.name);
	for (i = 0; i < status->target_count; i++) {
		const struct policy_target *target = status->targets[i].target;

		fprintf(out, "  target %s %s\n",
			protocol_route_kind(target->protocol), target->name);
		print_conditions(out, "    ", &status->targets[i].conditions);
	}
	fputc('\n', out);
}

static void print_status(FILE *out, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->class_count; i++) {
		fprintf(out, "GatewayClass %s\n",
			image->classes[i].class->meta.name);
		print_conditions(out, "  ", &image->classes[i].conditions);
		fputc('\n', out);
	}
	for (i = 0; i < image->gateway_count; i++)
		print_gateway(out, &image->gateways[i]);
	for (i = 0; i < image->set_count; i++)
		print_set(out, &image->sets[i]);
	for (i = 0; i < image->route_status_count; i++)
		print_route_status(out, &image->route_statuses[i]);
	for (i = 0; i < image->parameters_count; i++)
		print_parameters(out, &image->parameters[i]);
	for (i = 0; i < image->policy_count; i++)
		print_policy(out, &image->policies[i]);
}

static void print_policy_of(FILE *out, const struct image_route *route)
{
	fprintf(out, "  RoutePolicy %s/%s%s%s\n",
		route->policy->meta.namespace, route->policy->meta.name,
		*route->asks_for ? ": " : "", route->asks_for);
}

void image_print_text(FILE *out, const struct image *image)
{
	size_t i;

	fprintf(out, "== Tables: %zu listeners, %zu routes with traffic\n\n",
		image->listener_count, image->route_count);
	for (i = 0; i < image->listener_count; i++)
		print_listener(out, image, &image->listeners[i]);
	for (i = 0; i < image->route_count; i++) {
		const struct image_route *route = &image->routes[i];

		fprintf(out, "%s %s/%s\n",
			protocol_route_kind(route->protocol), route->namespace,
			route->name);
		if (route->policy)
			print_policy_of(out, route);
		print_timeouts(out, route);
		print_family(out, route, L4GATE_IPV4);
		print_family(out, route, L4GATE_IPV6);
		fputc('\n', out);
	}
	fputs("== Status\n\n", out);
	print_status(out, image);
}
