// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Listeners that packets can't tell apart (rules 16 to 21): same protocol and
 * port, on an address that both have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/work.h"

/* Rule 17: TCP with HTTP, HTTPS or TLS on a port conflict, UDP does not. */
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
			a->in_conflict = true;
			a->rival = a->rival ?: b;
			if (a->known_protocol)
				a->fault = LISTENER_CONFLICT;
		}
	}
}

/* Where a listener listens: the unit that two Gateways can contend for. */
struct claim {
	struct inet_addr addr;
	bool own;		/* no address named: the node's own */
	struct listener_work *listener;
	bool timed;		/* every Gateway has a timestamp */
};

static int compare_place(const struct claim *a, const struct claim *b)
{
	if (a->listener->protocol != b->listener->protocol)
		return a->listener->protocol < b->listener->protocol ? -1 : 1;
	if (a->listener->listener->port != b->listener->listener->port)
		return a->listener->listener->port <
		       b->listener->listener->port ? -1 : 1;
	if (a->own != b->own)
		return a->own ? -1 : 1;
	return a->own ? 0 : inet_compare(&a->addr, &b->addr);
}

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = compare_place(a, b);

	return order ?: meta_precedence(&a->listener->gateway->gateway->meta,
					&b->listener->gateway->gateway->meta,
					a->timed);
}

static size_t count_claims(const struct work *work)
{
	size_t i, count = 0;

	for (i = 0; i < work->gateway_count; i++)
		count += work->gateways[i].listener_count *
			 (work->gateways[i].address_count ?: 1);
	return count;
}

static size_t collect_claims(const struct work *work, struct claim *claims)
{
	size_t i, j, k, n = 0;

	for (i = 0; i < work->gateway_count; i++) {
		struct gateway_work *gateway = &work->gateways[i];

		for (j = 0; j < gateway->listener_count; j++) {
			struct listener_work *listener = &gateway->listeners[j];

			if (listener->fault != LISTENER_SOUND ||
			    gateway->fault != GATEWAY_SOUND)
				continue;
			if (!gateway->address_count)
				claims[n++] = (struct claim){
					.own = true, .listener = listener,
				};
			for (k = 0; k < gateway->address_count; k++)
				claims[n++] = (struct claim){
					.addr = gateway->addresses[k],
					.listener = listener,
				};
		}
	}
	return n;
}

/* Rule 21: between Gateways the one that takes precedence keeps the port. */
static int settle_between(struct work *work)
{
	struct claim *claims;
	bool timed = true;
	size_t count, i, first = 0;

	claims = arena_array(&work->arena, count_claims(work) + 1,
			     sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	count = collect_claims(work, claims);
	for (i = 0; i < work->gateway_count; i++)
		timed &= work->gateways[i].gateway->meta.created != 0;
	for (i = 0; i < count; i++)
		claims[i].timed = timed;
	qsort(claims, count, sizeof(*claims), compare_claims);
	for (i = 1; i < count; i++) {
		struct listener_work *loser = claims[i].listener;

		if (compare_place(&claims[first], &claims[i])) {
			first = i;
			continue;
		}
		loser->fault = LISTENER_LOST;
		loser->in_conflict = true;
		loser->rival = claims[first].listener;
		loser->gateway->contested = true;
	}
	return 0;
}

int conflicts_settle(struct work *work)
{
	size_t i, j;
	int error;

	for (i = 0; i < work->gateway_count; i++)
		settle_inside(&work->gateways[i]);
	error = settle_between(work);
	if (error)
		return error;
	for (i = 0; i < work->gateway_count; i++) {
		struct gateway_work *gateway = &work->gateways[i];

		for (j = 0; j < gateway->listener_count; j++) {
			struct listener_work *listener = &gateway->listeners[j];

			listener->programmed =
				gateway->fault == GATEWAY_SOUND &&
				listener->fault == LISTENER_SOUND;
		}
	}
	return 0;
}
