// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Listeners that packets can't tell apart (rules 16 to 21): same protocol and
 * port, on an address that both have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/work.h"

/*
 * Rule 17: TCP with HTTP, HTTPS or TLS on a port conflict, UDP does not. That
 * we serve no HTTP does not make the port ours to give to one of the two.
 */
static bool is_over_tcp(const struct listener_work *listener)
{
	const char *protocol = listener->listener->protocol;

	return !strcmp(protocol, "TCP") || !strcmp(protocol, "HTTP") ||
	       !strcmp(protocol, "HTTPS") || !strcmp(protocol, "TLS");
}

static bool same_wire(const struct listener_work *a,
		      const struct listener_work *b)
{
	if (a->listener->port != b->listener->port)
		return false;
	if (!a->known_protocol && !b->known_protocol)
		return false;
	if (is_over_tcp(a) && is_over_tcp(b))
		return true;
	return a->known_protocol && b->known_protocol &&
	       a->protocol == b->protocol;
}

/* Rule 18: inside one Gateway there is no winner. */
static void settle_inside(struct gateway_work *gateway)
{
	size_t i, j;

	for (i = 0; i < gateway->listener_count; i++) {
		struct listener_work *a = &gateway->listeners[i];

		if (!a->known_protocol)
			a->fault = LISTENER_UNKNOWN_PROTOCOL;
		for (j = 0; j < gateway->listener_count; j++) {
			const struct listener_work *b = &gateway->listeners[j];

			if (i == j || !same_wire(a, b))
				continue;
			a->rival = a->rival ?: b;
			if (a->known_protocol)
				a->fault = LISTENER_CONFLICT;
		}
	}
}

/* Where a listener listens: the unit that two Gateways can contend for. */
struct place {
	enum protocol protocol;
	uint16_t port;
	bool own;		/* no address named: the devices' own */
	struct inet_addr addr;	/* unless own */
	const struct listener_work *holder;
	bool shared;		/* by two Gateways or more */
};

struct places {
	struct place *items;
	size_t count;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->own != b->own)
		return a->own ? -1 : 1;
	return a->own ? 0 : inet_compare(&a->addr, &b->addr);
}

/*
 * Listeners that can be programmed; the others want nothing. One whose
 * allowedRoutes no route can meet is among the others: its owner must act, and
 * nothing is taken from the node or from another Gateway meanwhile.
 */
static bool contends(const struct listener_work *listener)
{
	return listener->fault == LISTENER_SOUND &&
	       listener->gateway->fault == GATEWAY_SOUND &&
	       listener->supports_route && !listener->no_selector;
}

/*
 * A listener's places: its addresses, or the devices' own ones as such and, so
 * far as they are known, one by one (another Gateway may have named one).
 */
static size_t listener_places(const struct work *work,
			      const struct listener_work *listener)
{
	return listener->gateway->address_count ?:
	       1 + work->options->own_address_count;
}

static struct place listener_place(const struct work *work,
				   const struct listener_work *listener,
				   size_t i)
{
	struct place place = {
		.protocol = listener->protocol,
		.port = listener->listener->port,
	};

	if (listener->gateway->address_count)
		place.addr = listener->gateway->addresses[i];
	else if (i)
		place.addr = work->options->own_addresses[i - 1];
	else
		place.own = true;
	return place;
}

/* Every place once, and whether it is shared. */
static int collect_places(struct work *work, struct places *places)
{
	size_t i, j, k, n = 0;

	for (i = 0; i < work->gateway_count; i++)
		for (j = 0; j < work->gateways[i].listener_count; j++)
			n += listener_places(work,
					     &work->gateways[i].listeners[j]);
	places->items = arena_array(&work->arena, n, sizeof(*places->items));
	if (!places->items)
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++)
		for (j = 0; j < work->gateways[i].listener_count; j++) {
			const struct listener_work *listener =
				&work->gateways[i].listeners[j];

			if (!contends(listener))
				continue;
			for (k = 0; k < listener_places(work, listener); k++)
				places->items[places->count++] =
					listener_place(work, listener, k);
		}
	qsort(places->items, places->count, sizeof(*places->items),
	      compare_places);
	for (i = 0, n = 0; i < places->count; i++) {
		if (n && !compare_places(&places->items[n - 1],
					 &places->items[i]))
			places->items[n - 1].shared = true;
		else
			places->items[n++] = places->items[i];
	}
	places->count = n;
	return 0;
}

static struct place *find_place(const struct work *work,
				const struct places *places,
				const struct listener_work *listener, size_t i)
{
	struct place key = listener_place(work, listener, i);

	return bsearch(&key, places->items, places->count, sizeof(key),
		       compare_places);
}

/* The Gateways with a shared place, in the order in which they choose. */
struct contender {
	struct gateway_work *gateway;
	bool timed;
};

static int compare_contenders(const void *left, const void *right)
{
	const struct contender *a = left, *b = right;

	return meta_precedence(&a->gateway->gateway->meta,
			       &b->gateway->gateway->meta, a->timed);
}

static bool shares(const struct work *work, const struct places *places,
		   const struct gateway_work *gateway)
{
	size_t i, j;

	for (i = 0; i < gateway->listener_count; i++) {
		const struct listener_work *listener = &gateway->listeners[i];

		if (!contends(listener))
			continue;
		for (j = 0; j < listener_places(work, listener); j++)
			if (find_place(work, places, listener, j)->shared)
				return true;
	}
	return false;
}

/* A listener gets all of its places or, if one is taken, none. */
static void choose_places(const struct work *work, const struct places *places,
			  struct listener_work *listener)
{
	size_t i, count = listener_places(work, listener);

	for (i = 0; i < count; i++) {
		listener->rival = find_place(work, places, listener, i)->holder;
		if (listener->rival) {
			listener->fault = LISTENER_LOST;
			return;
		}
	}
	for (i = 0; i < count; i++)
		find_place(work, places, listener, i)->holder = listener;
}

/* Rule 21: between Gateways the one that takes precedence keeps the port. */
static int settle_between(struct work *work)
{
	struct places places = { 0 };
	struct contender *contenders;
	bool timed = true;
	size_t i, j, n = 0;

	if (collect_places(work, &places))
		return -ENOMEM;
	contenders = arena_array(&work->arena, work->gateway_count,
				 sizeof(*contenders));
	if (!contenders)
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++) {
		struct gateway_work *gateway = &work->gateways[i];

		if (!shares(work, &places, gateway))
			continue;
		contenders[n++].gateway = gateway;
		timed = timed && gateway->gateway->meta.created;
	}
	for (i = 0; i < n; i++)
		contenders[i].timed = timed;
	qsort(contenders, n, sizeof(*contenders), compare_contenders);
	for (i = 0; i < n; i++)
		for (j = 0; j < contenders[i].gateway->listener_count; j++) {
			struct listener_work *listener =
				&contenders[i].gateway->listeners[j];

			if (contends(listener))
				choose_places(work, &places, listener);
		}
	return 0;
}

int conflicts_settle(struct work *work)
{
	size_t i, j;

	for (i = 0; i < work->gateway_count; i++)
		settle_inside(&work->gateways[i]);
	if (settle_between(work))
		return -ENOMEM;
	for (i = 0; i < work->gateway_count; i++) {
		struct gateway_work *gateway = &work->gateways[i];

		for (j = 0; j < gateway->listener_count; j++) {
			struct listener_work *listener = &gateway->listeners[j];

			listener->programmed = contends(listener);
			gateway->programmed += listener->programmed;
		}
	}
	return 0;
}
