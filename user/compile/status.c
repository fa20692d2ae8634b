// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every condition of every object that is ours, in sentences for the person who
 * must act. Owners of routes and Gateways read them: objects of a namespace
 * that is not the reader's own are named only where a reference or an attachment
 * has made them known already.
 */
#include <errno.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "l4gate/names.h"

static int write_class(struct arena *arena, const struct class_work *class,
		       struct class_status *to)
{
	to->class = class->class;
	if (class->fault)
		return condition_add(arena, &to->conditions, "Accepted", false,
				     "InvalidParameters", "%s", class->fault);
	return condition_add(arena, &to->conditions, "Accepted", true,
			     "Accepted", "l4gate serves this class");
}

static int write_classes(struct work *work)
{
	struct image *image = work->image;
	size_t i;

	image->classes = arena_array(&image->arena, work->index.class_count,
				     sizeof(*image->classes));
	if (!image->classes)
		return -ENOMEM;
	for (i = 0; i < work->index.class_count; i++) {
		const struct class_work *class = &work->classes[i];

		if (!strcmp(class->class->controller_name, L4GATE_CONTROLLER) &&
		    write_class(&image->arena, class,
				&image->classes[image->class_count++]))
			return -ENOMEM;
	}
	return 0;
}

/*
 * The sum of the listeners of an object that is accepted otherwise: those that
 * are not, by name.
 */
static int listeners_accepted(struct work *work, const char *kind,
			      const struct listener_group *group,
			      struct conditions *to)
{
	struct arena *arena = &work->image->arena;
	struct phrase phrase = { 0 };
	size_t i, bad = 0;

	for (i = 0; i < group->listener_count; i++) {
		if (group->listeners[i].fault == LISTENER_SOUND)
			continue;
		bad++;
		phrase_add(&phrase, ", ", "%s",
			   group->listeners[i].listener->name);
	}
	if (!bad)
		return condition_add(arena, to, "Accepted", true, "Accepted",
				     "the %s is accepted", kind);
	return condition_add(arena, to, "Accepted", bad < group->listener_count,
			     "ListenersNotValid", "%s, see the conditions of %s",
			     bad < group->listener_count ?
			     "some listeners are not accepted" :
			     "no listener is accepted", phrase_end(&phrase));
}

static int gateway_accepted(struct work *work,
			    const struct gateway_work *gateway,
			    struct conditions *to)
{
	struct arena *arena = &work->image->arena;

	if (gateway->fault == GATEWAY_PARAMETERS)
		return condition_add(arena, to, "Accepted", false,
				     "InvalidParameters", "%s",
				     gateway->parameters_fault);
	if (gateway->fault == GATEWAY_ADDRESS_UNSUPPORTED)
		return condition_add(arena, to, "Accepted", false,
			"UnsupportedAddress",
			"address \"%s\" is of type %s: only IPAddress is supported",
			gateway->fault_address->value,
			gateway->fault_address->type_name);
	return listeners_accepted(work, "Gateway", &gateway->group, to);
}

static int gateway_programmed(struct work *work,
			      const struct gateway_work *gateway,
			      struct conditions *to)
{
	struct arena *arena = &work->image->arena;

	if (gateway->group.programmed)
		return condition_add(arena, to, "Programmed", true,
			"Programmed", "%zu of %zu listeners are programmed",
			gateway->group.programmed,
			gateway->group.listener_count);
	switch (gateway->fault) {
	case GATEWAY_ADDRESS_UNASSIGNED:
		return condition_add(arena, to, "Programmed", false,
			"AddressNotAssigned",
			"an address without a value can't be assigned: give it one, or no addresses for those of the node");
	case GATEWAY_ADDRESS_UNUSABLE:
		return condition_add(arena, to, "Programmed", false,
			"AddressNotUsable",
			"address %s is unspecified, loopback, multicast, broadcast or IPv4-mapped: no client can send to it",
			gateway->fault_address->value);
	case GATEWAY_NO_ADDRESS:
		return condition_add(arena, to, "Programmed", false,
			"AddressNotAssigned",
			"no addresses are named, and the attached devices have none");
	case GATEWAY_SOUND:
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"no listener is programmed: see their conditions");
	default:
		return condition_add(arena, to, "Programmed", false, "Invalid",
			"the Gateway is not accepted");
	}
}

/* Rule 22: where listeners are; each of them is at every address. */
static int write_addresses(struct work *work,
			   const struct gateway_work *gateway,
			   struct gateway_status *to)
{
	const struct compile_options *options = work->options;
	const struct inet_addr *from = gateway->addresses;
	size_t i, count = gateway->address_count;

	if (!gateway->group.programmed)
		return 0;
	if (!count) {
		from = options->own_addresses;
		count = options->own_address_count;
	}
	to->addresses = arena_array(&work->image->arena, count,
				    sizeof(*to->addresses));
	if (!to->addresses)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		to->addresses[to->address_count++] = from[i];
	return 0;
}

static int write_gateway(struct work *work, const struct gateway_work *gateway,
			 struct gateway_status *to)
{
	to->gateway = gateway->gateway;
	return status_write_listeners(work, &gateway->group, &to->listeners,
				      &to->listener_count) ?:
	       write_addresses(work, gateway, to) ?:
	       gateway_accepted(work, gateway, &to->conditions) ?:
	       gateway_programmed(work, gateway, &to->conditions);
}

static int set_accepted(struct work *work, const struct set_work *set,
			struct conditions *to)
{
	const struct listener_group *group = &set->group;
	const struct parent_ref *ref = &set->set->parent;
	struct arena *arena = &work->image->arena;

	if (!group->gateway)
		return condition_add(arena, to, "Accepted", false,
			"ParentNotAccepted", "Gateway %s/%s is not given",
			ref->namespace, ref->name);
	if (!group->joins)
		return condition_add(arena, to, "Accepted", false, "NotAllowed",
			"Gateway %s/%s takes no ListenerSets of namespace %s: its owner has to widen allowedListeners.namespaces",
			ref->namespace, ref->name, group->meta->namespace);
	if (!gateway_is_accepted(group->gateway))
		return condition_add(arena, to, "Accepted", false,
			"ParentNotAccepted",
			"Gateway %s/%s is not accepted: see its conditions",
			ref->namespace, ref->name);
	return listeners_accepted(work, "ListenerSet", group, to);
}

static int set_programmed(struct work *work, const struct set_work *set,
			  struct conditions *to)
{
	const struct listener_group *group = &set->group;
	const struct parent_ref *ref = &set->set->parent;
	struct arena *arena = &work->image->arena;

	if (group->programmed)
		return condition_add(arena, to, "Programmed", true,
			"Programmed", "%zu of %zu listeners are programmed",
			group->programmed, group->listener_count);
	if (group->gateway && !group->joins)
		return condition_add(arena, to, "Programmed", false,
			"NotAllowed", "the ListenerSet is not accepted");
	if (!group->gateway || !group->gateway->group.programmed)
		return condition_add(arena, to, "Programmed", false,
			"ParentNotProgrammed",
			"nothing is programmed without Gateway %s/%s",
			ref->namespace, ref->name);
	return condition_add(arena, to, "Programmed", false,
			     "ListenersNotValid",
			     "no listener is programmed: see their conditions");
}

/* A ListenerSet counts at its Gateway if it is accepted. */
static int write_set(struct work *work, const struct set_work *set,
		     struct listener_set_status *to)
{
	const struct listener_group *group = &set->group;

	to->set = set->set;
	if (status_write_listeners(work, group, &to->listeners,
				   &to->listener_count) ||
	    set_accepted(work, set, &to->conditions) ||
	    set_programmed(work, set, &to->conditions))
		return -ENOMEM;
	if (condition_find(&to->conditions, "Accepted")->status)
		work->image->gateways[group->gateway - work->gateways]
			.attached_sets++;
	return 0;
}

int status_write(struct work *work)
{
	struct image *image = work->image;
	size_t i;

	image->gateways = arena_array(&image->arena, work->gateway_count,
				      sizeof(*image->gateways));
	image->sets = arena_array(&image->arena, work->set_count,
				  sizeof(*image->sets));
	image->route_statuses = arena_array(&image->arena, work->route_count,
					    sizeof(*image->route_statuses));
	if (!image->gateways || !image->sets || !image->route_statuses ||
	    write_classes(work))
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++)
		if (write_gateway(work, &work->gateways[i],
				  &image->gateways[image->gateway_count++]))
			return -ENOMEM;
	for (i = 0; i < work->set_count; i++)
		if (write_set(work, &work->sets[i],
			      &image->sets[image->set_count++]))
			return -ENOMEM;
	for (i = 0; i < work->route_count; i++)
		if (status_write_route(
			    work, &work->routes[i],
			    &image->route_statuses[image->route_status_count++]))
			return -ENOMEM;
	return status_write_own(work);
}
