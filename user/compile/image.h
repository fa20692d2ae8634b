/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The result of a compile: what packets should meet, in terms of names and
 * tables, before any number of a map is given out (dataplane/ does that), and
 * the status of every object. The same objects in any order give the same
 * image, byte for byte.
 */
#ifndef L4GATE_COMPILE_IMAGE_H
#define L4GATE_COMPILE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compile/idle.h"
#include "model/model.h"
#include "util/arena.h"
#include "util/inet.h"

/* A metav1.Condition, less lastTransitionTime (there is no clock here). */
struct condition {
	const char *type;
	bool status;
	const char *reason;
	const char *message;
};

struct conditions {
	struct condition *items;
	size_t count;
	size_t capacity;
};

/* What must be told apart in a table: one endpoint of one backendRef. */
struct image_backend {
	struct inet_addr addr;
	uint16_t port;		/* host order */
	uint16_t ref;		/* index into refs of the route */
	bool draining;		/* not in any slot: keeps its flows only, */
	bool leaving;		/* and those for the route's drain_timeout */
	double wanted;		/* share of its family's new flows, 0..1 */
	uint32_t slots;		/* in the table */
};

enum ref_verdict {
	REF_USABLE,
	REF_NO_ENDPOINTS,	/* resolved, but nothing to send to */
	REF_INVALID,		/* see the condition of the route */
};

struct image_ref {
	const char *namespace;
	const char *name;
	uint16_t port;
	uint32_t weight;
	enum ref_verdict verdict;	/* over both families */
	double wanted;			/* share of new flows, 0..1 */
	uint32_t slots[L4GATE_FAMILIES];	/* of its backends */
	uint32_t rejected[L4GATE_FAMILIES];	/* slots that reject for it */
};

struct image_table {
	uint16_t *slots;	/* index of a backend, or L4GATE_SLOT_REJECT */
	uint32_t slot_count;	/* 0: reject everything */
};

/* An address in host order; IPv4 in the lower half. */
struct image_boundary {
	uint64_t upper;
	uint64_t lower;
};

/* Sources of a family that a route lets in. */
struct image_ranges {
	/* Sorted: from each on it is the other way round. */
	struct image_boundary *boundaries;
	uint32_t count;
	bool lowest;		/* whether address 0 is let in */
};

struct image_route {
	enum protocol protocol;
	const char *namespace;
	const char *name;
	struct image_ref *refs;
	size_t ref_count;
	struct image_backend *backends;	/* sorted by ref, address, port */
	size_t backend_count;
	struct image_table tables[L4GATE_FAMILIES];
	const struct route_policy *policy;	/* that is on it, or NULL */
	struct image_ranges ranges[L4GATE_FAMILIES];	/* by sourceRanges, */
	bool has_ranges;	/* if there are any */
	uint32_t affinity;	/* seconds that a client is remembered; 0: none */
	uint32_t rate;		/* new flows a second; 0: any number */
	uint32_t burst;		/* and at once */
	uint32_t max_flows;	/* that there may be at once; 0: any number */
	const char *asks_for;	/* all of that in words; NULL: there is no policy */
	const uint64_t *seed;	/* of its tables, in common with other nodes; NULL:
				   that of this node alone */
	uint32_t drain_timeout;	/* ms: the longest of its Gateways'; 0: none */
	struct image_timeouts timeouts;	/* those of the other protocol are the
					   usual ones */
};

#define IMAGE_NO_ROUTE SIZE_MAX

/*
 * A listener that packets can reach. Its name is unique in its Gateway, or in
 * its ListenerSet if that is where it is from.
 */
struct image_listener {
	const char *gateway_namespace;
	const char *gateway;
	const char *set_namespace;	/* of the ListenerSet; NULL: none */
	const char *set;
	const char *name;
	enum protocol protocol;
	uint16_t port;			/* host order */
	struct inet_addr *addresses;	/* sorted; none: the attached devices' own */
	size_t address_count;
	size_t route;			/* the one that gets traffic, or
					   IMAGE_NO_ROUTE: reject */
	/* Of the Gateway, every setting with its value; nat_texts are not set. */
	const struct parameters *parameters;
};

/* Status of a listener, programmed or not, as status.listeners[] has it. */
struct listener_status {
	const char *name;
	const char *protocol;
	uint16_t port;
	uint32_t attached_routes;
	bool supports_route;		/* supportedKinds: TCPRoute or UDPRoute */
	struct conditions conditions;
};

struct gateway_status {
	const struct gateway *gateway;
	struct inet_addr *addresses;
	size_t address_count;
	struct listener_status *listeners;	/* in the order of the spec */
	size_t listener_count;
	uint32_t attached_sets;		/* attachedListenerSets */
	struct conditions conditions;
};

struct listener_set_status {
	const struct listener_set *set;
	struct listener_status *listeners;	/* in the order of the spec */
	size_t listener_count;
	struct conditions conditions;
};

/* What comes of a route at a listener that it is attached to. */
enum fate {
	FATE_SERVES,
	FATE_WAITS,		/* another route goes first */
	FATE_IDLE,		/* the listener is not programmed */
};

struct attached_listener {
	const char *name;
	enum fate fate;
	bool by_name;		/* who goes first there is decided by names: not
				   all routes have a creationTimestamp */
};

struct parent_status {
	const struct parent_ref *ref;
	struct attached_listener *attached;
	size_t attached_count;
	struct conditions conditions;
};

struct route_status {
	const struct route *route;
	struct parent_status *parents;	/* ours only, in the order of the spec */
	size_t parent_count;
};

struct class_status {
	const struct gateway_class *class;
	struct conditions conditions;
};

/* Who refers to GatewayParameters: a GatewayClass or Gateway of ours. */
struct parameters_user {
	const char *kind;
	const struct object_meta *meta;
};

struct parameters_status {
	const struct gateway_parameters *object;
	struct parameters_user *users;	/* classes first, each kind sorted */
	size_t user_count;
	struct conditions conditions;
};

/* status.ancestors[] of a policy: the ancestor is the target itself. */
struct target_status {
	const struct policy_target *target;
	struct conditions conditions;
};

struct policy_status {
	const struct route_policy *policy;
	struct target_status *targets;	/* in the order of the spec */
	size_t target_count;
};

struct image {
	struct arena arena;
	struct image_listener *listeners;	/* sorted by gateway, then port,
						   then protocol */
	size_t listener_count;
	struct image_route *routes;		/* sorted by protocol, namespace,
						   name; only those with traffic */
	size_t route_count;
	struct image_route *standby;		/* sorted likewise: all others that
						   are given. No tables, backends
						   that drain: flows of a time
						   when they had traffic */
	size_t standby_count;
	struct class_status *classes;		/* sorted by name, ours only */
	size_t class_count;
	struct gateway_status *gateways;	/* sorted, ours only */
	size_t gateway_count;
	struct listener_set_status *sets;	/* sorted, ours only */
	size_t set_count;
	struct route_status *route_statuses;	/* sorted; with a parent of ours,
						   or an entry of its status */
	size_t route_status_count;
	struct parameters_status *parameters;	/* sorted */
	size_t parameters_count;
	struct policy_status *policies;		/* sorted */
	size_t policy_count;
};

/* FNV-1a over the slots: equal tables have equal ones. */
uint64_t image_table_digest(const struct image_table *table);

/* NULL is fine. Points into the model: free it before the model. */
void image_free(struct image *image);

#endif /* L4GATE_COMPILE_IMAGE_H */
