// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/findings.h"

#include <errno.h>
#include <stdlib.h>

#include "compile/condition.h"
#include "util/array.h"

/* What conditions belong to: an object, or a part of one. */
struct subject {
	const char *kind;
	const struct object_meta *meta;
	const char *part;	/* ", listener web", or "" */
	struct loc loc;
};

static int judge(struct findings *findings, const struct subject *subject,
		 const struct conditions *conditions)
{
	const struct object_meta *meta = subject->meta;
	struct finding *finding;
	size_t i;

	for (i = 0; i < conditions->count; i++) {
		const struct condition *condition = &conditions->items[i];

		if (condition_is_good(condition))
			continue;
		finding = array_append(findings);
		if (!finding)
			return -ENOMEM;
		finding->meta = meta;
		finding->loc = subject->loc;
		finding->text = arena_printf(
			&findings->arena, "%s %s%s%s%s: %s is %s, %s: %s",
			subject->kind, meta->namespace,
			*meta->namespace ? "/" : "", meta->name, subject->part,
			condition->type, condition->status ? "True" : "False",
			condition->reason, condition->message);
		if (!finding->text)
			return -ENOMEM;
	}
	return 0;
}

static int judge_class(struct findings *findings,
		       const struct class_status *status)
{
	struct subject subject = {
		"GatewayClass", &status->class->meta, "",
		status->class->meta.loc,
	};

	return judge(findings, &subject, &status->conditions);
}

static int judge_listeners(struct findings *findings, struct subject subject,
			   const struct listener *listeners,
			   const struct listener_status *status, size_t count)
{
	int error = 0;
	size_t i;

	for (i = 0; !error && i < count; i++) {
		subject.loc = listeners[i].loc;
		subject.part = arena_printf(&findings->arena, ", listener %s",
					    listeners[i].name);
		error = !subject.part ? -ENOMEM :
			judge(findings, &subject, &status[i].conditions);
	}
	return error;
}

static int judge_gateway(struct findings *findings,
			 const struct gateway_status *status)
{
	const struct gateway *gateway = status->gateway;
	struct subject subject = {
		"Gateway", &gateway->meta, "", gateway->meta.loc,
	};

	return judge(findings, &subject, &status->conditions) ?:
	       judge_listeners(findings, subject, gateway->listeners,
			       status->listeners, status->listener_count);
}

static int judge_set(struct findings *findings,
		     const struct listener_set_status *status)
{
	const struct listener_set *set = status->set;
	struct subject subject = {
		"ListenerSet", &set->meta, "", set->meta.loc,
	};

	return judge(findings, &subject, &status->conditions) ?:
	       judge_listeners(findings, subject, set->listeners,
			       status->listeners, status->listener_count);
}

static int judge_route(struct findings *findings,
		       const struct route_status *status)
{
	struct subject subject = {
		protocol_route_kind(status->route->protocol),
		&status->route->meta, "", { 0 },
	};
	int error = 0;
	size_t i;

	for (i = 0; !error && i < status->parent_count; i++) {
		const struct parent_ref *ref = status->parents[i].ref;

		subject.loc = ref->loc;
		subject.part = arena_printf(&findings->arena,
					    ", parent %s %s/%s", ref->kind,
					    ref->namespace, ref->name);
		error = !subject.part ? -ENOMEM :
			judge(findings, &subject,
			      &status->parents[i].conditions);
	}
	return error;
}

static int judge_parameters(struct findings *findings,
			    const struct parameters_status *status)
{
	struct subject subject = {
		"GatewayParameters", &status->object->meta, "",
		status->object->meta.loc,
	};

	return judge(findings, &subject, &status->conditions);
}

static int judge_policy(struct findings *findings,
			const struct policy_status *status)
{
	struct subject subject = {
		"RoutePolicy", &status->policy->meta, "", { 0 },
	};
	int error = 0;
	size_t i;

	for (i = 0; !error && i < status->target_count; i++) {
		const struct policy_target *target = status->targets[i].target;

		subject.loc = target->loc;
		subject.part = arena_printf(
			&findings->arena, ", target %s %s",
			protocol_route_kind(target->protocol), target->name);
		error = !subject.part ? -ENOMEM :
			judge(findings, &subject,
			      &status->targets[i].conditions);
	}
	return error;
}

int findings_collect(const struct image *image, struct findings *findings)
{
	int error = 0;
	size_t i;

	for (i = 0; !error && i < image->class_count; i++)
		error = judge_class(findings, &image->classes[i]);
	for (i = 0; !error && i < image->gateway_count; i++)
		error = judge_gateway(findings, &image->gateways[i]);
	for (i = 0; !error && i < image->set_count; i++)
		error = judge_set(findings, &image->sets[i]);
	for (i = 0; !error && i < image->route_status_count; i++)
		error = judge_route(findings, &image->route_statuses[i]);
	for (i = 0; !error && i < image->parameters_count; i++)
		error = judge_parameters(findings, &image->parameters[i]);
	for (i = 0; !error && i < image->policy_count; i++)
		error = judge_policy(findings, &image->policies[i]);
	return error;
}

void findings_free(struct findings *findings)
{
	free(findings->items);
	arena_free(&findings->arena);
	*findings = (struct findings){ 0 };
}
