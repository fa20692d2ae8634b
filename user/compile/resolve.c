// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* backendRefs to endpoints (rules 25 to 45). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"

/* Worse ranks serve only when there is none better (rule 40). */
enum target_rank {
	TARGET_READY,
	TARGET_TERMINATING,	/* and serving */
	TARGET_UNUSED,		/* keeps its flows if it still serves */
};

/* Notes why a ref can't be used; message is in the image's arena, or NULL. */
static int refuse(struct ref_work *to, const char *reason, const char *message)
{
	to->reason = reason;
	to->message = message;
	return message ? 0 : -ENOMEM;
}

/* The port of a Service by number and the protocol of the route's kind. */
static const struct service_port *
find_port(const struct service *service, uint16_t port, enum protocol protocol,
	  bool *ret_other)
{
	enum service_protocol wanted = protocol == PROTOCOL_TCP ? SERVICE_TCP :
								  SERVICE_UDP;
	size_t i;

	*ret_other = false;
	for (i = 0; i < service->port_count; i++) {
		if (service->ports[i].port != port)
			continue;
		if (service->ports[i].protocol == wanted)
			return &service->ports[i];
		*ret_other = true;
	}
	return NULL;
}

static int compare_targets(const void *left, const void *right)
{
	const struct target *a = left, *b = right;
	int order = inet_compare(&a->addr, &b->addr);

	if (order)
		return order;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->rank < b->rank ? -1 : a->rank > b->rank;
}

static uint8_t endpoint_rank(const struct endpoint *endpoint)
{
	if (endpoint->ready)
		return TARGET_READY;
	if (endpoint->serving && endpoint->terminating)
		return TARGET_TERMINATING;
	return TARGET_UNUSED;
}

/* Rule 41: the slice's port of the same name and protocol, with its number. */
static uint16_t slice_port(const struct endpoint_slice *slice,
			   const struct service_port *port)
{
	size_t i;

	for (i = 0; i < slice->port_count; i++)
		if (slice->ports[i].protocol == port->protocol &&
		    !strcmp(slice->ports[i].name, port->name))
			return slice->ports[i].port;
	return 0;
}

static size_t collect_targets(const struct work *work,
			      struct index_range range,
			      const struct service_port *port,
			      struct target *targets)
{
	size_t i, j, n = 0;

	for (i = 0; i < range.count; i++) {
		const struct endpoint_slice *slice =
			work->index.slices[range.first + i];
		uint16_t number = slice_port(slice, port);

		if (!slice->usable || !number)
			continue;
		for (j = 0; j < slice->endpoint_count; j++) {
			const struct endpoint *endpoint = &slice->endpoints[j];
			uint8_t rank = endpoint_rank(endpoint);

			if (rank == TARGET_UNUSED && !endpoint->serving)
				continue;
			targets[n++] = (struct target){
				.addr = endpoint->addr,
				.port = number,
				.rank = rank,
				.terminating = endpoint->terminating,
				.loc = endpoint->loc,
			};
		}
	}
	return n;
}

/* Once each (rule 45), the best rank of a duplicate first by the order. */
static size_t drop_duplicates(struct target *targets, size_t count)
{
	size_t i, n = 0;

	for (i = 0; i < count; i++)
		if (!n || inet_compare(&targets[n - 1].addr,
				       &targets[i].addr) ||
		    targets[n - 1].port != targets[i].port)
			targets[n++] = targets[i];
	return n;
}

/* Ready ones, or, in a family without any, those that terminate but serve. */
static void choose_targets(struct ref_work *to)
{
	uint8_t best[L4GATE_FAMILIES] = { TARGET_UNUSED, TARGET_UNUSED };
	size_t i;

	for (i = 0; i < to->target_count; i++) {
		struct target *target = &to->targets[i];

		if (target->rank < best[target->addr.family])
			best[target->addr.family] = target->rank;
	}
	for (i = 0; i < to->target_count; i++) {
		struct target *target = &to->targets[i];

		target->chosen = target->rank != TARGET_UNUSED &&
				 target->rank == best[target->addr.family];
		to->chosen[target->addr.family] += target->chosen;
	}
}

static int resolve_endpoints(struct work *work, const struct service *service,
			     const struct service_port *port,
			     struct ref_work *to)
{
	struct index_range range = index_slices(&work->index,
						service->meta.namespace,
						service->meta.name);
	size_t i, count = 0;

	for (i = 0; i < range.count; i++)
		count += work->index.slices[range.first + i]->endpoint_count;
	to->targets = arena_array(&work->arena, count + 1,
				  sizeof(*to->targets));
	if (!to->targets)
		return -ENOMEM;
	count = collect_targets(work, range, port, to->targets);
	qsort(to->targets, count, sizeof(*to->targets), compare_targets);
	to->target_count = drop_duplicates(to->targets, count);
	choose_targets(to);
	return 0;
}

/* Rules 29 and 30: by number and by the protocol of the route's kind. */
static int refuse_port(struct work *work, const struct route *route,
		       const struct service *service, bool other,
		       struct ref_work *to)
{
	const char *wanted = protocol_name(route->protocol);
	struct phrase phrase = { 0 };
	size_t i;

	if (other)
		return refuse(to, "UnsupportedProtocol",
			      arena_printf(&work->image->arena,
					   "Service %s/%s has port %u, but not with protocol %s, which a %s needs: add it to the Service's ports",
					   service->meta.namespace,
					   service->meta.name, to->ref->port,
					   wanted,
					   protocol_route_kind(route->protocol)));
	for (i = 0; i < service->port_count; i++)
		if ((service->ports[i].protocol == SERVICE_TCP &&
		     route->protocol == PROTOCOL_TCP) ||
		    (service->ports[i].protocol == SERVICE_UDP &&
		     route->protocol == PROTOCOL_UDP))
			phrase_add(&phrase, ", ", "%u", service->ports[i].port);
	return refuse(to, "BackendNotFound",
		      arena_printf(&work->image->arena,
				   "Service %s/%s has no port %u (its %s ports: %s)",
				   service->meta.namespace, service->meta.name,
				   to->ref->port, wanted,
				   phrase.used ? phrase_end(&phrase) : "none"));
}

/*
 * Names of the two namespaces go to the index one by one, each as what it is:
 * mixing them up has been a CVE elsewhere.
 */
static bool is_permitted(const struct work *work, const struct route *route,
			 const struct backend_ref *ref)
{
	return !strcmp(ref->namespace, route->meta.namespace) ||
	       index_permits(&work->index, route->protocol,
			     route->meta.namespace, ref->namespace, ref->name);
}

static int resolve_ref(struct work *work, const struct route *route,
		       struct ref_work *to)
{
	struct arena *arena = &work->image->arena;
	const struct backend_ref *ref = to->ref;
	const struct service_port *port;
	const struct service *service;
	bool other;

	/* Rule 28. What is not known can't be permitted either. */
	if (ref->group[0] || strcmp(ref->kind, "Service"))
		return refuse(to, "InvalidKind", arena_printf(arena,
			"backendRef %s is of kind %s%s%s: only a Service can be a backend",
			ref->name, ref->kind, ref->group[0] ? "." : "",
			ref->group));
	/* Rule 26: before any look at the target, so that nothing leaks. */
	if (!is_permitted(work, route, ref))
		return refuse(to, "RefNotPermitted", arena_printf(arena,
			"Service %s/%s: namespace %s has no ReferenceGrant from %s of namespace %s to it; its owner has to add one",
			ref->namespace, ref->name, ref->namespace,
			protocol_route_kind(route->protocol),
			route->meta.namespace));
	service = index_service(&work->index, ref->namespace, ref->name);
	if (!service)
		return refuse(to, "BackendNotFound", arena_printf(arena,
			"Service %s/%s does not exist", ref->namespace,
			ref->name));
	/* Rule 32: never resolved (CVE-2021-25740). */
	if (service->type == SERVICE_EXTERNAL_NAME)
		return refuse(to, "UnsupportedValue", arena_printf(arena,
			"Service %s/%s is of type ExternalName, which can't be a backend: use a Service with EndpointSlices",
			ref->namespace, ref->name));
	port = find_port(service, ref->port, route->protocol, &other);
	if (!port)
		return refuse_port(work, route, service, other, to);
	return resolve_endpoints(work, service, port, to);
}

/*
 * The refs of the only rule; of all rules where there are more, for the sake of
 * the condition alone (such a route carries nothing).
 */
int route_resolve(struct work *work, struct route_work *route)
{
	size_t i, j, count = 0;
	int error;

	for (i = 0; i < route->route->rule_count; i++)
		count += route->route->rules[i].backend_ref_count;
	route->refs = arena_array(&work->arena, count, sizeof(*route->refs));
	if (!route->refs)
		return -ENOMEM;
	for (i = 0; i < route->route->rule_count; i++) {
		const struct route_rule *rule = &route->route->rules[i];

		for (j = 0; j < rule->backend_ref_count; j++) {
			struct ref_work *to = &route->refs[route->ref_count++];

			to->ref = &rule->backend_refs[j];
			error = resolve_ref(work, route->route, to);
			if (error)
				return error;
		}
	}
	return 0;
}
