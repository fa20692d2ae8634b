// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * GatewayParameters: which of them can be used, and what a Gateway takes from
 * those of its class and from its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/setting.h"
#include "l4gate/names.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define SECOND	1000
#define PARAMETERS_KIND "GatewayParameters"

/* Timeouts are those of the data path (dataplane_timeout()). */
static const struct setting_info infos[PARAMETER_MAX] = {
	[PARAMETER_MODE] = { "mode", SETTING_WORD, forwarding_mode_words,
			     MODE_NAT },
	[PARAMETER_NAT_ADDRESSES] = { "natAddresses", SETTING_LIST, NULL, 0 },
	[PARAMETER_TCP_HALF_OPEN] = { "timeouts.tcpHalfOpen",
				      SETTING_DURATION, NULL, 60 * SECOND },
	[PARAMETER_TCP_ESTABLISHED] = { "timeouts.tcpEstablished",
					SETTING_DURATION, NULL,
					7440 * SECOND },
	[PARAMETER_TCP_CLOSING] = { "timeouts.tcpClosing", SETTING_DURATION,
				    NULL, 60 * SECOND },
	[PARAMETER_UDP_UNREPLIED] = { "timeouts.udpUnreplied",
				      SETTING_DURATION, NULL, 30 * SECOND },
	[PARAMETER_UDP_REPLIED] = { "timeouts.udpReplied", SETTING_DURATION,
				    NULL, 180 * SECOND },
	[PARAMETER_DRAIN_TIMEOUT] = { "drainTimeout", SETTING_DURATION, NULL,
				      0 },
	[PARAMETER_ANNOUNCE] = { "announce", SETTING_WORD, announcement_words,
				 ANNOUNCE_NONE },
	/* What is usual depends on the size of the flow table. */
	[PARAMETER_MAX_HALF_OPEN] = { "maxHalfOpen", SETTING_NUMBER, NULL, 0 },
};

/* What nothing carries out yet: the change that does removes the line. */
static const struct refusal refusals[] = {
	{ PARAMETER_NAT_ADDRESSES, ANY_OTHER },
};

static const struct setting_table table = {
	.kind = PARAMETERS_KIND,
	.infos = infos,
	.refusals = refusals,
	.refusal_count = ARRAY_SIZE(refusals),
};

int64_t parameters_usual(enum parameter parameter)
{
	return infos[parameter].usual;
}

const char *parameters_timeout_name(enum idle_timeout timeout)
{
	return strchr(infos[PARAMETER_TCP_HALF_OPEN + timeout].name, '.') + 1;
}

static int compare_parameters(const void *left, const void *right)
{
	const struct parameters_work *a = left, *b = right;

	return meta_compare(&a->object->meta, &b->object->meta);
}

static const struct parameters_work *find_parameters(const struct work *work,
						     const char *namespace,
						     const char *name)
{
	const struct gateway_parameters object = {
		.meta = { .namespace = namespace, .name = name },
	};
	const struct parameters_work key = { .object = &object };

	return bsearch(&key, work->parameters, work->index.parameters_count,
		       sizeof(key), compare_parameters);
}

static bool is_own_kind(const struct parameters_ref *ref)
{
	return !strcmp(ref->group, OWN_GROUP) &&
	       !strcmp(ref->kind, PARAMETERS_KIND);
}

/*
 * What a parametersRef leads to. *ret_fault says, beginning with the field,
 * what is wrong with it (it is in the image's arena), or is NULL. 0 or -ENOMEM.
 */
static int resolve(struct work *work, const struct parameters_ref *ref,
		   const char *namespace, const char *field,
		   const struct parameters_work **ret_parameters,
		   const char **ret_fault)
{
	struct arena *arena = &work->image->arena;
	const struct parameters_work *found;

	if (!is_own_kind(ref)) {
		*ret_fault = arena_printf(arena,
			"%s: kind %s%s%s is not supported, only %s.%s is",
			field, ref->kind, *ref->group ? "." : "", ref->group,
			PARAMETERS_KIND, OWN_GROUP);
		return *ret_fault ? 0 : -ENOMEM;
	}
	if (!*namespace) {
		*ret_fault = arena_printf(arena,
			"%s: namespace is missing: %s %s is in one", field,
			PARAMETERS_KIND, ref->name);
		return *ret_fault ? 0 : -ENOMEM;
	}
	found = find_parameters(work, namespace, ref->name);
	*ret_parameters = found;
	if (found && !found->refused)
		return 0;
	*ret_fault = found ?
		arena_printf(arena, "%s: %s %s/%s is not accepted: %s", field,
			     PARAMETERS_KIND, namespace, ref->name,
			     found->refused) :
		arena_printf(arena, "%s: %s %s/%s does not exist", field,
			     PARAMETERS_KIND, namespace, ref->name);
	return *ret_fault ? 0 : -ENOMEM;
}

/*
 * A class of another controller can be claimed: parameters of the kinds that
 * this controller has are none of ours, those of our kind are.
 */
static int collect_class(struct work *work, const struct gateway_class *class,
			 struct class_work *to)
{
	const struct parameters_ref *ref = &class->parameters_ref;

	to->class = class;
	if (!class->has_parameters ||
	    (strcmp(class->controller_name, L4GATE_CONTROLLER) &&
	     !is_own_kind(ref)))
		return 0;
	return resolve(work, ref, ref->namespace, "parametersRef",
		       &to->parameters, &to->fault);
}

int parameters_collect(struct work *work)
{
	const struct index *index = &work->index;
	size_t i;

	work->parameters = arena_array(&work->arena, index->parameters_count,
				       sizeof(*work->parameters));
	work->classes = arena_array(&work->arena, index->class_count,
				    sizeof(*work->classes));
	if (!work->parameters || !work->classes)
		return -ENOMEM;
	for (i = 0; i < index->parameters_count; i++) {
		struct parameters_work *to = &work->parameters[i];

		to->object = index->parameters[i];
		if (settings_judge(work, &table, &to->object->meta,
				   to->object->spec.settings, &to->refused))
			return -ENOMEM;
	}
	for (i = 0; i < index->class_count; i++)
		if (collect_class(work, index->classes[i], &work->classes[i]))
			return -ENOMEM;
	return 0;
}

static int compare_classes(const void *left, const void *right)
{
	const struct class_work *a = left, *b = right;

	return meta_compare(&a->class->meta, &b->class->meta);
}

const struct class_work *parameters_class(const struct work *work,
					  const char *name)
{
	const struct gateway_class class = {
		.meta = { .namespace = "", .name = name },
	};
	const struct class_work key = { .class = &class };

	return bsearch(&key, work->classes, work->index.class_count,
		       sizeof(key), compare_classes);
}

/* Field by field: what is given goes over what is there. */
static void put_over(struct parameters *to, const struct parameters *from)
{
	size_t i;

	for (i = 0; i < PARAMETER_MAX; i++) {
		bool given = i == PARAMETER_NAT_ADDRESSES ?
			     from->settings[i].value > 0 :
			     from->settings[i].value != NOT_GIVEN;

		if (given)
			to->settings[i] = from->settings[i];
	}
	if (from->nat_addresses)
		to->nat_addresses = from->nat_addresses;
	if (from->seed_text) {
		to->seed_text = from->seed_text;
		memcpy(to->seed, from->seed, sizeof(to->seed));
	}
}

int parameters_apply(struct work *work, struct gateway_work *gateway)
{
	const struct gateway *spec = gateway->gateway;
	const struct class_work *class =
		parameters_class(work, spec->class_name);
	struct parameters *to;
	size_t i;

	to = arena_alloc(&work->image->arena, sizeof(*to));
	if (!to)
		return -ENOMEM;
	gateway->parameters = to;
	if (spec->has_parameters &&
	    resolve(work, &spec->parameters_ref, spec->meta.namespace,
		    "infrastructure.parametersRef", &gateway->own_parameters,
		    &gateway->parameters_fault))
		return -ENOMEM;
	for (i = 0; i < PARAMETER_MAX; i++)
		to->settings[i].value = infos[i].usual;
	if (class && class->parameters)
		put_over(to, &class->parameters->object->spec);
	if (gateway->parameters_fault)
		gateway->fault = GATEWAY_PARAMETERS;
	else if (gateway->own_parameters)
		put_over(to, &gateway->own_parameters->object->spec);
	return 0;
}

/* The seed of a parent that serves the route; NULL if its Gateway has none. */
static const uint64_t *parent_seed(const struct parent_work *parent)
{
	const struct parameters *parameters;

	/* A ListenerSet whose Gateway nobody gave has none. */
	if (!parent->listener_count || !parent->group->programmed)
		return NULL;
	parameters = parent->group->gateway->parameters;
	return parameters->seed_text ? parameters->seed : NULL;
}

static int compare_parents(const struct parent_work *a,
			   const struct parent_work *b)
{
	return meta_compare(a->group->gateway->group.meta,
			    b->group->gateway->group.meta);
}

/*
 * A route has one slot table, however many Gateways it serves, and nodes with
 * a seed in common shall have equal tables. So it can have one seed: that of
 * the first Gateway by namespace and name that has one (by age would differ
 * between nodes whose manifests tell no times). A Gateway with another seed
 * does not get the route; one without a seed has nothing to lose.
 */
void parameters_settle_seed(struct route_work *route)
{
	const struct parent_work *first = NULL;
	const uint64_t *seed;
	size_t i;

	for (i = 0; i < route->parent_count; i++) {
		const struct parent_work *parent = &route->parents[i];

		if (parent_seed(parent) &&
		    (!first || compare_parents(parent, first) < 0))
			first = parent;
	}
	if (!first)
		return;
	route->seed = parent_seed(first);
	for (i = 0; i < route->parent_count; i++) {
		struct parent_work *parent = &route->parents[i];

		seed = parent_seed(parent);
		if (!seed || (seed[0] == route->seed[0] &&
			      seed[1] == route->seed[1]))
			continue;
		parent->result = ATTACH_SEED;
		parent->seeded_by = first->ref;
		parent->listener_count = 0;
	}
}
