// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Listeners that packets can't tell apart (rules 16 to 21), in three steps:
 * inside one object, where nobody wins; among a Gateway and its ListenerSets;
 * and among Gateways on an address that both have.
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

/* Rule 18: inside one object there is no winner. */
static void settle_inside(struct listener_group *group)
{
	size_t i, j;

	for (i = 0; i < group->listener_count; i++) {
		struct listener_work *a = &group->listeners[i];

		if (!a->known_protocol)
			a->fault = LISTENER_UNKNOWN_PROTOCOL;
		for (j = 0; j < group->listener_count; j++) {
			const struct listener_work *b = &group->listeners[j];

			if (i == j || !same_wire(a, b))
				continue;
			a->rival = a->rival ?: b;
			if (a->known_protocol)
				a->fault = LISTENER_CONFLICT;
		}
	}
}

/* -------------------------------------------------------------- places */

/* What two objects can contend for: a port, at a Gateway or at an address. */
struct place {
	enum protocol protocol;	/* TCP: of HTTP, too */
	uint16_t port;
	const struct gateway_work *gateway;	/* NULL: an address */
	bool own;		/* no address named: the devices' own */
	struct inet_addr addr;	/* unless own */
	size_t contender;	/* one of those who want it, from 1; 0: none */
	bool contested;		/* TCP or UDP, not HTTP alone */
	const struct listener_work *holder;
	const struct listener_work *foreign_holder;	/* of HTTP and such:
							   not in HTTP's way */
};

struct places {
	bool merging;		/* at Gateways, not at addresses */
	struct place *items;
	size_t count;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->gateway != b->gateway)
		return a->gateway < b->gateway ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->own != b->own)
		return a->own ? -1 : 1;
	return a->own ? 0 : inet_compare(&a->addr, &b->addr);
}

/*
 * Listeners that can be programmed; the others want no address. One whose
 * allowedRoutes no route can meet is among the others: its owner must act, and
 * nothing is taken from the node or from another Gateway meanwhile.
 */
static bool is_sound(const struct listener_work *listener)
{
	return listener->fault == LISTENER_SOUND && listener->group->joins &&
	       listener->group->gateway->fault == GATEWAY_SOUND &&
	       listener->supports_route && !listener->no_selector;
}

/* A ListenerSet is served beside its Gateway's own listeners, or not at all. */
static bool has_parent(const struct listener_group *group)
{
	const struct listener_group *parent;
	size_t i;

	if (!group->is_set)
		return true;
	parent = &group->gateway->group;
	for (i = 0; i < parent->listener_count; i++)
		if (is_sound(&parent->listeners[i]))
			return true;
	return false;
}

/*
 * A listener's places. Merging: its port, whatever else is wrong with it. Else
 * its addresses, or the devices' own ones as such and, so far as they are known,
 * one by one (another Gateway may have named one).
 */
static size_t place_count(const struct work *work, const struct places *places,
			  const struct listener_work *listener)
{
	if (places->merging)
		return listener->group->joins &&
		       (listener->known_protocol || is_over_tcp(listener));
	if (!is_sound(listener))
		return 0;
	return listener->group->gateway->address_count ?:
	       1 + work->options->own_address_count;
}

static struct place place_at(const struct work *work,
			     const struct places *places,
			     const struct listener_work *listener, size_t i)
{
	const struct gateway_work *gateway = listener->group->gateway;
	struct place place = {
		.protocol = listener->known_protocol ? listener->protocol :
			    PROTOCOL_TCP,
		.port = listener->listener->port,
	};

	if (places->merging)
		place.gateway = gateway;
	else if (gateway->address_count)
		place.addr = gateway->addresses[i];
	else if (i)
		place.addr = work->options->own_addresses[i - 1];
	else
		place.own = true;
	return place;
}

/* Every place once. */
static void join_places(struct places *places)
{
	size_t i, n = 0;

	qsort(places->items, places->count, sizeof(*places->items),
	      compare_places);
	for (i = 0; i < places->count; i++)
		if (!n || compare_places(&places->items[n - 1],
					 &places->items[i]))
			places->items[n++] = places->items[i];
	places->count = n;
}

static int collect_places(struct work *work, struct places *places)
{
	size_t i, j, k, n = 0;

	for (i = 0; i < group_count(work); i++)
		for (j = 0; j < group_at(work, i)->listener_count; j++)
			n += place_count(work, places,
					 &group_at(work, i)->listeners[j]);
	places->items = arena_array(&work->arena, n, sizeof(*places->items));
	if (!places->items)
		return -ENOMEM;
	for (i = 0; i < group_count(work); i++)
		for (j = 0; j < group_at(work, i)->listener_count; j++) {
			const struct listener_work *listener =
				&group_at(work, i)->listeners[j];

			n = place_count(work, places, listener);
			for (k = 0; k < n; k++)
				places->items[places->count++] =
					place_at(work, places, listener, k);
		}
	join_places(places);
	return 0;
}

static struct place *find_place(const struct work *work,
				const struct places *places,
				const struct listener_work *listener, size_t i)
{
	struct place key = place_at(work, places, listener, i);

	return bsearch(&key, places->items, places->count, sizeof(key),
		       compare_places);
}

/* Who has a place that this listener can't share with, or NULL. */
static const struct listener_work *rival_at(const struct place *place,
					    const struct listener_work *listener)
{
	const struct listener_work *holder = place->holder;

	if (!holder && listener->known_protocol)
		holder = place->foreign_holder;
	return holder && holder->group != listener->group ? holder : NULL;
}

/*
 * A listener gets all of its places or, if one is taken, none. One that is in
 * conflict inside its object keeps the ListenerSets of its Gateway off its port
 * all the same: by rule 18 the port is not to be configured.
 */
static void choose_places(const struct work *work, const struct places *places,
			  struct listener_work *listener)
{
	size_t i, count = place_count(work, places, listener);

	for (i = 0; i < count; i++) {
		const struct listener_work *rival = rival_at(
			find_place(work, places, listener, i), listener);

		if (!rival)
			continue;
		listener->rival = listener->rival ?: rival;
		if (listener->fault == LISTENER_SOUND)
			listener->fault = LISTENER_LOST;
		return;
	}
	for (i = 0; i < count; i++) {
		struct place *place = find_place(work, places, listener, i);

		if (listener->known_protocol)
			place->holder = place->holder ?: listener;
		else
			place->foreign_holder =
				place->foreign_holder ?: listener;
	}
}

/* ---------------------------------------------------------- contenders */

struct contender {
	struct listener_group *group;
	size_t cluster;		/* of those who want the same places, directly
				   or by others */
	bool timed;		/* all of the cluster have a timestamp */
};

struct contenders {
	struct contender *items;
	size_t count;
};

static int compare_clusters(const void *left, const void *right)
{
	const struct contender *a = left, *b = right;

	return a->cluster < b->cluster ? -1 : a->cluster > b->cluster;
}

static int compare_contenders(const void *left, const void *right)
{
	const struct contender *a = left, *b = right;
	int order = compare_clusters(a, b);

	return order ?: meta_precedence(a->group->meta, b->group->meta,
					a->timed);
}

/* Timestamps count in a cluster if all of it have one. */
static void order_contenders(struct contenders *contenders)
{
	struct contender *items = contenders->items;
	size_t i, j, k;

	qsort(items, contenders->count, sizeof(*items), compare_clusters);
	for (i = 0; i < contenders->count; i = j) {
		bool timed = true;

		for (j = i; j < contenders->count &&
			    items[j].cluster == items[i].cluster; j++)
			timed = timed && items[j].group->meta->created;
		for (k = i; k < j; k++)
			items[k].timed = timed;
	}
	qsort(items, contenders->count, sizeof(*items), compare_contenders);
}

/* The contender that stands for the cluster of another one. */
static size_t find_cluster(struct contender *items, size_t i)
{
	while (items[i].cluster != i) {
		items[i].cluster = items[items[i].cluster].cluster;
		i = items[i].cluster;
	}
	return i;
}

typedef void (*claim_function)(struct contenders *contenders, size_t i,
			       const struct listener_work *listener,
			       struct place *place);

static void mark_contested(struct contenders *contenders, size_t i,
			   const struct listener_work *listener,
			   struct place *place)
{
	(void)contenders, (void)i;
	place->contested |= listener->known_protocol;
}

static void join_cluster(struct contenders *contenders, size_t i,
			 const struct listener_work *listener,
			 struct place *place)
{
	struct contender *items = contenders->items;

	(void)listener;
	if (!place->contested)
		return;
	if (place->contender)
		items[find_cluster(items, place->contender - 1)].cluster =
			find_cluster(items, i);
	place->contender = i + 1;
}

static void each_claim(const struct work *work, const struct places *places,
		       struct contenders *contenders, claim_function function)
{
	size_t i, j, k, count;

	for (i = 0; i < contenders->count; i++) {
		const struct listener_group *group = contenders->items[i].group;

		for (j = 0; j < group->listener_count; j++) {
			count = place_count(work, places, &group->listeners[j]);
			for (k = 0; k < count; k++)
				function(contenders, i, &group->listeners[j],
					 find_place(work, places,
						    &group->listeners[j], k));
		}
	}
}

static void find_clusters(const struct work *work, struct places *places,
			  struct contenders *contenders)
{
	size_t i;

	for (i = 0; i < places->count; i++) {
		places->items[i].contender = 0;
		places->items[i].contested = false;
	}
	for (i = 0; i < contenders->count; i++)
		contenders->items[i].cluster = i;
	each_claim(work, places, contenders, mark_contested);
	each_claim(work, places, contenders, join_cluster);
	for (i = 0; i < contenders->count; i++)
		contenders->items[i].cluster =
			find_cluster(contenders->items, i);
}

/* All Gateways, or then all ListenerSets. */
static void settle_kind(const struct work *work, struct places *places,
			struct contenders *contenders, bool is_set)
{
	size_t i, j;

	contenders->count = 0;
	for (i = 0; i < group_count(work); i++) {
		struct listener_group *group = group_at(work, i);

		if (group->is_set == is_set && group->joins &&
		    (places->merging || has_parent(group)))
			contenders->items[contenders->count++].group = group;
	}
	find_clusters(work, places, contenders);
	order_contenders(contenders);
	for (i = 0; i < contenders->count; i++) {
		struct listener_group *group = contenders->items[i].group;

		for (j = 0; j < group->listener_count; j++)
			choose_places(work, places, &group->listeners[j]);
	}
}

/*
 * Rule 19: a Gateway goes before its ListenerSets. Rule 21 says nothing of
 * ListenerSets of other Gateways; they go behind every Gateway, too, so that
 * nobody can take a port from a Gateway by adding to another one.
 */
static int settle(struct work *work, bool merging)
{
	struct places places = { .merging = merging };
	struct contenders contenders = { 0 };

	contenders.items = arena_array(&work->arena, group_count(work),
				       sizeof(*contenders.items));
	if (!contenders.items || collect_places(work, &places))
		return -ENOMEM;
	settle_kind(work, &places, &contenders, false);
	settle_kind(work, &places, &contenders, true);
	return 0;
}

/* --------------------------------------------------------------- room */

/* What is left of the node's tables. */
struct room {
	size_t listeners;
	size_t endpoints;
};

static bool takes_room(const struct work *work, struct room *room,
		       const struct listener_work *listener)
{
	size_t endpoints = listener->group->gateway->address_count ?:
			  work->options->own_address_count;

	if (!room->listeners || room->endpoints < endpoints)
		return false;
	room->listeners--;
	room->endpoints -= endpoints;
	return true;
}

static void fill_room(const struct work *work, struct room *room,
		      struct listener_group *group)
{
	size_t i;

	for (i = 0; i < group->listener_count; i++) {
		struct listener_work *listener = &group->listeners[i];

		if (!listener->programmed ||
		    takes_room(work, room, listener) || !group->is_set)
			continue;
		listener->fault = LISTENER_TOO_MANY;
		listener->programmed = false;
		group->programmed--;
	}
}

/*
 * A Gateway too many fails the apply, whole. ListenerSets are made by people
 * who must not be able to do that to others: the last ones stay outside.
 */
static int limit_sets(struct work *work)
{
	struct room room = {
		work->options->max_listeners ?: L4GATE_MIN_LISTENERS,
		L4GATE_MAX_ENDPOINTS,
	};
	struct contenders contenders = { 0 };
	size_t i;

	contenders.items = arena_array(&work->arena, group_count(work),
				       sizeof(*contenders.items));
	if (!contenders.items)
		return -ENOMEM;
	for (i = 0; i < group_count(work); i++)
		contenders.items[contenders.count++] = (struct contender){
			.group = group_at(work, i),
			.cluster = group_at(work, i)->is_set,
		};
	order_contenders(&contenders);
	for (i = 0; i < contenders.count; i++)
		fill_room(work, &room, contenders.items[i].group);
	return 0;
}

static void mark_programmed(struct listener_group *group)
{
	size_t i;

	for (i = 0; i < group->listener_count; i++) {
		struct listener_work *listener = &group->listeners[i];

		listener->programmed = is_sound(listener) && has_parent(group);
		group->programmed += listener->programmed;
	}
}

int conflicts_settle(struct work *work)
{
	size_t i;

	for (i = 0; i < group_count(work); i++)
		settle_inside(group_at(work, i));
	if (settle(work, true) || settle(work, false))
		return -ENOMEM;
	for (i = 0; i < group_count(work); i++)
		mark_programmed(group_at(work, i));
	return limit_sets(work);
}
