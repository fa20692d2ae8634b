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

/*
 * ReferenceGrant: one grant in the target's namespace with a matching from and
 * a matching to. Names of the two namespaces are kept apart on purpose: mixing
 * them up has been a CVE elsewhere.
 */
static bool is_granted(const struct work *work, const char *from_namespace,
		       const char *from_kind, const char *to_namespace,
		       const char *to_service)
{
	struct index_range range = index_grants(&work->index, to_namespace);
	size_t i, j, k;

	for (i = 0; i < range.count; i++) {
		const struct reference_grant *grant =
			work->index.grants[range.first + i];
		bool from = false, to = false;

		for (j = 0; j < grant->from_count; j++)
			from |= !strcmp(grant->from[j].group, GATEWAY_GROUP) &&
				!strcmp(grant->from[j].kind, from_kind) &&
				!strcmp(grant->from[j].namespace,
					from_namespace);
		for (k = 0; k < grant->to_count; k++)
			to |= !grant->to[k].group[0] &&
			      !strcmp(grant->to[k].kind, "Service") &&
			      (!grant->to[k].name[0] ||
			       !strcmp(grant->to[k].name, to_service));
		if (from && to)
			return true;
	}
	return false;
}

static int refuse(struct work *work, struct ref_work *to, const char *reason,
		  const char *message)
{
	to->reason = reason;
	to->message = message;
	(void)work;
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

static int resolve_ref(struct work *work, const struct route *route,
		       struct ref_work *to)
{
	const struct backend_ref *ref = to->ref;
	const char *kind = protocol_route_kind(route->protocol);
	struct arena *arena = &work->image->arena;
	const struct service_port *port;
	const struct service *service;
	bool other;

	if (ref->group[0] || strcmp(ref->kind, "Service"))
		return refuse(work, to, "InvalidKind", arena_printf(arena,
			"backendRef %s: kind %s of group \"%s\" can't be a backend, only a Service can",
			ref->name, ref->kind, ref->group));
	/* Rule 26: before any look at the target, so that nothing leaks. */
	if (strcmp(ref->namespace, route->meta.namespace) &&
	    !is_granted(work, route->meta.namespace, kind, ref->namespace,
			ref->name))
		return refuse(work, to, "RefNotPermitted", arena_printf(arena,
			"Service %s/%s: no ReferenceGrant in namespace %s permits it to a %s of namespace %s",
			ref->namespace, ref->name, ref->namespace, kind,
			route->meta.namespace));
	service = index_service(&work->index, ref->namespace, ref->name);
	if (!service)
		return refuse(work, to, "BackendNotFound", arena_printf(arena,
			"Service %s/%s does not exist", ref->namespace,
			ref->name));
	/* Rule 32: never resolved (CVE-2021-25740). */
	if (service->type == SERVICE_EXTERNAL_NAME)
		return refuse(work, to, "UnsupportedValue", arena_printf(arena,
			"Service %s/%s is of type ExternalName, which is not supported",
			ref->namespace, ref->name));
	port = find_port(service, ref->port, route->protocol, &other);
	if (!port)
		return refuse(work, to,
			other ? "UnsupportedProtocol" : "BackendNotFound",
			arena_printf(arena, other ?
				"Service %s/%s has port %u, but not for %s" :
				"Service %s/%s has no port %u for %s",
				ref->namespace, ref->name, ref->port,
				protocol_name(route->protocol)));
	return resolve_endpoints(work, service, port, to);
}

int route_resolve(struct work *work, struct route_work *route)
{
	const struct route_rule *rule;
	size_t i;
	int error;

	if (!route->route->rule_count)
		return 0;
	rule = &route->route->rules[0];
	route->ref_count = rule->backend_ref_count;
	route->refs = arena_array(&work->arena, route->ref_count + 1,
				  sizeof(*route->refs));
	if (!route->refs)
		return -ENOMEM;
	for (i = 0; i < route->ref_count; i++) {
		route->refs[i].ref = &rule->backend_refs[i];
		error = resolve_ref(work, route->route, &route->refs[i]);
		if (error)
			return error;
	}
	return 0;
}
