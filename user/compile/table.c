// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* One route into the image: its backends, and a slot table for each family. */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/slots.h"
#include "compile/work.h"

#define NAME_HASH 0xcbf29ce484222325ULL
#define NAME_PRIME 0x100000001b3ULL

/* A slot is an index below the two values that are none. */
#define BACKENDS_MAX 0xfffe

/* FNV-1a: names a ref for the permutation, the same on every node. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * NAME_PRIME;
	while (*text++);
	return hash;
}

/*
 * Depends on the ref itself, not on its place in the list, so that a ref put
 * before it moves nothing; only refs that are the same are numbered.
 */
static uint64_t ref_identity(const struct route_work *route, size_t index)
{
	const struct backend_ref *ref = route->refs[index].ref;
	uint64_t hash = hash_text(NAME_HASH, ref->namespace);
	size_t i, same = 0;

	for (i = 0; i < index; i++) {
		const struct backend_ref *other = route->refs[i].ref;

		same += other->port == ref->port &&
			!strcmp(other->name, ref->name) &&
			!strcmp(other->namespace, ref->namespace);
	}
	hash = hash_text(hash, ref->name);
	hash = (hash ^ ref->port) * NAME_PRIME;
	return (hash ^ same) * NAME_PRIME;
}

/* Gets new flows of its family. */
static bool is_served(const struct ref_work *ref, const struct target *target)
{
	return target->chosen && ref->ref->weight;
}

/* What its Gateways have of a timeout: the longest, so that none is cut short. */
static uint32_t longest_timeout(const struct route_work *route,
				enum parameter parameter)
{
	int64_t longest = 0;
	size_t i;

	for (i = 0; i < route->parent_count; i++) {
		const struct parent_work *parent = &route->parents[i];
		const struct parameters *parameters;

		if (!parent->listener_count || !parent->group->gateway)
			continue;
		parameters = parent->group->gateway->parameters;
		if (parameters->settings[parameter].value > longest)
			longest = parameters->settings[parameter].value;
	}
	return longest;
}

/*
 * Idle timeouts of a route's flows. That of its policy holds for flows that both
 * sides take part in.
 */
static void write_timeouts(const struct route_work *route,
			   struct image_timeouts *to)
{
	const bool tcp = route->route->protocol == PROTOCOL_TCP;
	const size_t first = tcp ? IDLE_TCP_HALF_OPEN : IDLE_UDP_UNREPLIED;
	const size_t end = tcp ? IDLE_UDP_UNREPLIED : IDLE_TIMEOUTS;
	size_t i;
	uint32_t longest;

	for (i = 0; i < IDLE_TIMEOUTS; i++) {
		enum parameter parameter = PARAMETER_TCP_HALF_OPEN + i;

		to->ms[i] = parameters_usual(parameter);
		longest = longest_timeout(route, parameter);
		if (i >= first && i < end && longest)
			to->ms[i] = longest;
	}
	if (route->policy &&
	    route->policy->policy->settings[POLICY_IDLE_TIMEOUT].value !=
		    NOT_GIVEN)
		to->ms[tcp ? IDLE_TCP_ESTABLISHED : IDLE_UDP_REPLIED] =
			route->policy->policy->settings[POLICY_IDLE_TIMEOUT]
				.value;
}

/* The endpoints of all refs, in the order that image.h promises. */
static int write_backends(struct work *work, const struct route_work *route,
			  struct image_route *image)
{
	size_t i, j, count = 0;

	for (i = 0; i < route->ref_count; i++)
		count += route->refs[i].target_count;
	image->backends = arena_array(&work->image->arena, count + 1,
				      sizeof(*image->backends));
	if (!image->backends)
		return -ENOMEM;
	for (i = 0; i < route->ref_count; i++)
		for (j = 0; j < route->refs[i].target_count; j++) {
			const struct target *target = &route->refs[i].targets[j];
			bool draining = !route->carries ||
					!is_served(&route->refs[i], target);

			image->backends[image->backend_count++] =
				(struct image_backend){
					.addr = target->addr,
					.port = target->port,
					.ref = i,
					.draining = draining,
					.leaving = draining &&
						   target->terminating,
				};
		}
	return 0;
}

static int write_refs(struct work *work, const struct route_work *route,
		      struct image_route *image)
{
	uint64_t sum = 0;
	size_t i;

	image->ref_count = route->ref_count;
	image->refs = arena_array(&work->image->arena, route->ref_count + 1,
				  sizeof(*image->refs));
	if (!image->refs)
		return -ENOMEM;
	for (i = 0; route->carries && i < route->ref_count; i++)
		sum += route->refs[i].ref->weight;
	for (i = 0; i < route->ref_count; i++) {
		const struct ref_work *ref = &route->refs[i];

		image->refs[i] = (struct image_ref){
			.namespace = ref->ref->namespace,
			.name = ref->ref->name,
			.port = ref->ref->port,
			.weight = ref->ref->weight,
			.verdict = ref->reason ? REF_INVALID :
				   ref->chosen[L4GATE_IPV4] +
				   ref->chosen[L4GATE_IPV6] ? REF_USABLE :
				   REF_NO_ENDPOINTS,
			.wanted = sum ? (double)ref->ref->weight / sum : 0,
		};
	}
	return 0;
}

/* Claims of one family; a ref without an endpoint claims rejection. */
static size_t collect_claims(const struct route_work *route,
			     struct image_route *image, uint8_t family,
			     struct slot_claim *claims)
{
	size_t i, j = 0, n = 0;

	for (i = 0; i < route->ref_count; i++) {
		const struct ref_work *ref = &route->refs[i];
		uint64_t identity = ref_identity(route, i);

		for (; j < image->backend_count && image->backends[j].ref == i;
		     j++) {
			struct image_backend *backend = &image->backends[j];
			struct slot_claim claim = { .slot = j, .ref = i };

			if (backend->draining || backend->addr.family != family)
				continue;
			memcpy(claim.identity, &backend->addr.addr,
			       sizeof(backend->addr.addr));
			claim.identity[2] = (identity ^ backend->port) *
					    NAME_PRIME;
			backend->wanted = image->refs[i].wanted /
					  ref->chosen[family];
			claims[n++] = claim;
		}
		if (!ref->chosen[family] && ref->ref->weight)
			claims[n++] = (struct slot_claim){
				.identity = { 0, 0, identity },
				.slot = L4GATE_SLOT_REJECT,
				.ref = i,
			};
	}
	return n;
}

/* Whether a family can be served at all. */
static bool has_family(const struct route_work *route, uint8_t family)
{
	size_t i;

	for (i = 0; i < route->ref_count; i++)
		if (route->refs[i].ref->weight && route->refs[i].chosen[family])
			return true;
	return false;
}

/*
 * Counts what everyone got. A table can be too small only when it is as large
 * as they get; then people should know whom it leaves out.
 */
static void note_results(struct work *work, const struct route_work *route,
			 struct image_route *image, uint8_t family,
			 const struct slot_claim *claims, size_t count)
{
	size_t i, j, left_out;

	for (i = 0; i < count; i = j) {
		struct image_ref *ref = &image->refs[claims[i].ref];

		left_out = 0;
		for (j = i; j < count && claims[j].ref == claims[i].ref; j++) {
			if (claims[j].slot == L4GATE_SLOT_REJECT) {
				ref->rejected[family] += claims[j].count;
				continue;
			}
			ref->slots[family] += claims[j].count;
			image->backends[claims[j].slot].slots = claims[j].count;
			left_out += !claims[j].count;
		}
		if (left_out)
			diag_warning(work->diags,
				     route->refs[claims[i].ref].ref->loc,
				     "%s %s/%s: %zu of %zu endpoints of Service %s/%s get no traffic: its weight is too small for the %u slots of the largest table",
				     protocol_route_kind(image->protocol),
				     image->namespace, image->name, left_out,
				     j - i, ref->namespace, ref->name,
				     L4GATE_MAX_SLOTS);
	}
}

static int write_table(struct work *work, const struct route_work *route,
		       struct image_route *image, uint8_t family)
{
	struct image_table *table = &image->tables[family];
	struct slot_claim *claims;
	uint32_t *weights, size;
	size_t count, i;
	int error;

	if (!route->carries || !has_family(route, family))
		return 0;
	claims = arena_array(&work->arena,
			     image->backend_count + route->ref_count,
			     sizeof(*claims));
	weights = arena_array(&work->arena, route->ref_count, sizeof(*weights));
	if (!claims || !weights)
		return -ENOMEM;
	for (i = 0; i < route->ref_count; i++)
		weights[i] = route->refs[i].ref->weight;
	count = collect_claims(route, image, family, claims);
	size = slots_size_for(weights, route->ref_count, claims, count);
	table->slots = arena_array(&work->image->arena, size,
				   sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	error = slots_build(weights, route->ref_count, claims, count,
			    route->seed ?: work->options->seed, table->slots,
			    size);
	if (error)
		return error;
	table->slot_count = size;
	note_results(work, route, image, family, claims, count);
	return 0;
}

int table_write(struct work *work, const struct route_work *route,
		struct image_route *image)
{
	int error;

	image->protocol = route->route->protocol;
	image->namespace = route->route->meta.namespace;
	image->name = route->route->meta.name;
	image->policy = route->policy ? route->policy->policy : NULL;
	if (policy_limits(work, image))
		return -ENOMEM;
	image->seed = route->seed;
	image->drain_timeout = longest_timeout(route, PARAMETER_DRAIN_TIMEOUT);
	write_timeouts(route, &image->timeouts);
	error = write_backends(work, route, image) ?:
		write_refs(work, route, image);
	if (error)
		return error;
	if (route->carries && image->backend_count > BACKENDS_MAX) {
		diag_error(work->diags, route->route->meta.loc,
			   "%s %s/%s needs %zu backends of %u that a route can have",
			   protocol_route_kind(image->protocol),
			   image->namespace, image->name, image->backend_count,
			   BACKENDS_MAX);
		return 0;
	}
	error = write_table(work, route, image, L4GATE_IPV4) ?:
		write_table(work, route, image, L4GATE_IPV6);
	if (error != -ERANGE)
		return error;
	diag_error(work->diags, route->route->meta.loc,
		   "%s %s/%s: a weight is too small beside the others to get one of the %u slots of the largest table",
		   protocol_route_kind(image->protocol), image->namespace,
		   image->name, L4GATE_MAX_SLOTS);
	return 0;
}
