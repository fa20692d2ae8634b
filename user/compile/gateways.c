// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Which Gateways are ours, with their addresses and listeners. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/condition.h"
#include "compile/work.h"
#include "l4gate/names.h"

static bool is_claimed(const struct work *work, const char *name)
{
	size_t i;

	for (i = 0; i < work->options->claimed_class_count; i++)
		if (!strcmp(work->options->claimed_classes[i], name))
			return true;
	return false;
}

/*
 * Rule 4: a Gateway is reconciled only if its class exists, names our
 * controller and is accepted; the rest belongs to somebody else. A class that
 * the user claims may be missing or be another controller's, but one of ours
 * that is not accepted stays so.
 */
static bool is_ours(const struct work *work, const struct gateway *gateway)
{
	const struct class_work *class =
		parameters_class(work, gateway->class_name);
	bool ours = class && !strcmp(class->class->controller_name,
				     L4GATE_CONTROLLER);
	bool claimed = is_claimed(work, gateway->class_name);
	enum diag_level level = work->options->strict ? DIAG_ERROR :
							DIAG_WARNING;

	if (class && class->fault && (ours || claimed)) {
		diag_add(work->diags, level, gateway->class_loc,
			 "gateway %s/%s: class \"%s\" is not accepted because of its parametersRef: left alone",
			 gateway->meta.namespace, gateway->meta.name,
			 gateway->class_name);
		return false;
	}
	if (ours || claimed)
		return true;
	diag_add(work->diags, level, gateway->class_loc,
		 "gateway %s/%s: class \"%s\" is %s: left alone (--gateway-class %s claims it)",
		 gateway->meta.namespace, gateway->meta.name,
		 gateway->class_name,
		 class ? "another controller's" : "not given",
		 gateway->class_name);
	return false;
}

/* In order, each once: two ways to write an address are one address. */
static void sort_addresses(struct gateway_work *gateway)
{
	size_t i, n = 0;

	qsort(gateway->addresses, gateway->address_count,
	      sizeof(*gateway->addresses), inet_compare_items);
	for (i = 0; i < gateway->address_count; i++)
		if (!n || inet_compare(&gateway->addresses[n - 1],
				       &gateway->addresses[i]))
			gateway->addresses[n++] = gateway->addresses[i];
	gateway->address_count = n;
}

/* ::ffff:192.0.2.1 is a way to write an IPv4 address, and in no packet. */
static bool is_unusable(const struct inet_addr *addr)
{
	return inet_is_unspecified(addr) || inet_is_loopback(addr) ||
	       inet_is_multicast(addr) || inet_is_mapped(addr);
}

/*
 * Rule 23: a type that is not supported, then an empty value, then an address
 * that can't be used, each with a condition of its own. One bad address keeps
 * the Gateway from being programmed: half of its addresses is not what its
 * owner asked for.
 */
static int collect_addresses(struct work *work, struct gateway_work *to)
{
	const struct gateway *gateway = to->gateway;
	size_t i;

	to->addresses = arena_array(&work->image->arena,
				    gateway->address_count + 1,
				    sizeof(*to->addresses));
	if (!to->addresses)
		return -ENOMEM;
	for (i = 0; i < gateway->address_count; i++) {
		const struct gateway_address *address = &gateway->addresses[i];
		enum gateway_fault fault = GATEWAY_SOUND;

		if (address->type != ADDRESS_IP)
			fault = GATEWAY_ADDRESS_UNSUPPORTED;
		else if (!address->value[0])
			fault = GATEWAY_ADDRESS_UNASSIGNED;
		else if (is_unusable(&address->addr))
			fault = GATEWAY_ADDRESS_UNUSABLE;
		if (fault == GATEWAY_SOUND) {
			to->addresses[to->address_count++] = address->addr;
		} else if (to->fault == GATEWAY_SOUND || fault < to->fault) {
			to->fault = fault;
			to->fault_address = address;
		}
	}
	sort_addresses(to);
	if (!gateway->address_count && to->fault == GATEWAY_SOUND &&
	    work->options->own_addresses && !work->options->own_address_count)
		to->fault = GATEWAY_NO_ADDRESS;
	return 0;
}

bool listener_takes_kind(const struct listener_work *listener,
			 const struct route_group_kind *kind)
{
	return listener->known_protocol &&
	       !strcmp(kind->group, GATEWAY_GROUP) &&
	       !strcmp(kind->kind, protocol_route_kind(listener->protocol));
}

/* Rule 12: allowedRoutes.kinds against what the protocol implies. */
static void judge_kinds(struct listener_work *to)
{
	const struct listener *listener = to->listener;
	size_t i;

	to->supports_route = to->known_protocol && !listener->kind_count;
	for (i = 0; i < listener->kind_count; i++) {
		if (listener_takes_kind(to, &listener->kinds[i]))
			to->supports_route = true;
		else
			to->bad_kind = true;
	}
}

int listeners_collect(struct work *work, struct listener_group *group,
		      const struct listener *listeners, size_t count)
{
	size_t i;

	group->listener_count = count;
	group->listeners = arena_array(&work->arena, count + 1,
				       sizeof(*group->listeners));
	if (!group->listeners)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct listener_work *listener = &group->listeners[i];

		listener->listener = &listeners[i];
		listener->group = group;
		listener->known_protocol = true;
		if (!strcmp(listener->listener->protocol, "TCP"))
			listener->protocol = PROTOCOL_TCP;
		else if (!strcmp(listener->listener->protocol, "UDP"))
			listener->protocol = PROTOCOL_UDP;
		else
			listener->known_protocol = false;
		listener->no_selector =
			listener->listener->allowed.from == FROM_SELECTOR &&
			!listener->listener->allowed.selector.present;
		judge_kinds(listener);
	}
	return 0;
}

static int collect_gateway(struct work *work, const struct gateway *gateway,
			   struct gateway_work *to)
{
	const struct allowed_namespaces *allowed = &gateway->allowed_listeners;

	if (allowed->from == FROM_SELECTOR && !allowed->selector.present)
		diag_warning(work->diags, gateway->meta.loc,
			     "gateway %s/%s: allowedListeners.namespaces.from is Selector, but there is no selector: no ListenerSet can attach",
			     gateway->meta.namespace, gateway->meta.name);
	to->gateway = gateway;
	to->group.meta = &gateway->meta;
	to->group.gateway = to;
	to->group.joins = true;
	return parameters_apply(work, to) ?:
	       collect_addresses(work, to) ?:
	       listeners_collect(work, &to->group, gateway->listeners,
				 gateway->listener_count);
}

int gateways_collect(struct work *work)
{
	size_t i;
	int error;

	work->gateways = arena_array(&work->arena,
				     work->index.gateway_count + 1,
				     sizeof(*work->gateways));
	if (!work->gateways)
		return -ENOMEM;
	for (i = 0; i < work->index.gateway_count; i++) {
		if (!is_ours(work, work->index.gateways[i]))
			continue;
		error = collect_gateway(work, work->index.gateways[i],
					&work->gateways[work->gateway_count]);
		if (error)
			return error;
		work->gateway_count++;
	}
	return 0;
}

static int compare_to_key(const void *key, const void *gateway)
{
	return meta_compare(key,
			    ((const struct gateway_work *)gateway)->group.meta);
}

struct gateway_work *gateways_find(const struct work *work,
				   const char *namespace, const char *name)
{
	struct object_meta key = { .namespace = namespace, .name = name };

	return bsearch(&key, work->gateways, work->gateway_count,
		       sizeof(*work->gateways), compare_to_key);
}

bool gateway_is_accepted(const struct gateway_work *gateway)
{
	size_t i;

	if (gateway->fault == GATEWAY_PARAMETERS ||
	    gateway->fault == GATEWAY_ADDRESS_UNSUPPORTED)
		return false;
	for (i = 0; i < gateway->group.listener_count; i++)
		if (gateway->group.listeners[i].fault == LISTENER_SOUND)
			return true;
	return false;
}
