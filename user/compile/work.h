/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the steps of a compile hand to each other. Each step fills in its part
 * and reads those of the steps before it; compile.c has their order.
 */
#ifndef L4GATE_COMPILE_WORK_H
#define L4GATE_COMPILE_WORK_H

#include "compile/compile.h"
#include "compile/index.h"

struct gateway_work;
struct listener_group;
struct route_work;

/* parameters.c: GatewayParameters. */
struct parameters_work {
	const struct gateway_parameters *object;
	const char *refused;	/* what can't be carried out, or NULL */
};

struct class_work {
	const struct gateway_class *class;
	const struct parameters_work *parameters;	/* referred to, or NULL */
	const char *fault;	/* of parametersRef, or NULL */
};

/* policy.c: a RoutePolicy on one of its targets. */
struct target_work {
	const struct policy_target *target;
	const struct policy_work *policy;	/* that it belongs to */
	const struct route *route;		/* NULL: there is none */
	const struct policy_work *winner;	/* the one that is on the route */
	bool attached;		/* the route is at a Gateway of ours */
	bool timed;		/* all that compete have a timestamp */
};

struct policy_work {
	const struct route_policy *policy;
	struct target_work *targets;	/* in the order of the spec */
};

enum listener_fault {
	LISTENER_SOUND,
	LISTENER_UNKNOWN_PROTOCOL,	/* neither TCP nor UDP */
	LISTENER_CONFLICT,	/* with another one of its object: both lose */
	LISTENER_LOST,		/* to one of an object that goes first */
	LISTENER_TOO_MANY,	/* for this node; of ListenerSets only */
};

struct listener_work {
	/* gateways.c */
	const struct listener *listener;
	struct listener_group *group;
	enum protocol protocol;		/* unless LISTENER_UNKNOWN_PROTOCOL */
	bool known_protocol;
	bool supports_route;		/* the one kind that protocol implies */
	bool bad_kind;			/* some other kind is asked for */
	bool no_selector;		/* from: Selector, but none given */
	/* conflict.c */
	enum listener_fault fault;
	const struct listener_work *rival;	/* in conflict with, or NULL */
	bool programmed;
	/* attach.c */
	uint32_t attached;
	bool untimed;			/* one of these has no timestamp */
	const struct route_work *last_attached;
	struct route_work *winner;	/* the one that gets traffic, or NULL */
};

/* The listeners of one object: of a Gateway, or of a ListenerSet. */
struct listener_group {
	const struct object_meta *meta;
	struct gateway_work *gateway;	/* itself, or the parent; NULL: a parent
					   that is not given */
	bool is_set;
	bool joins;		/* the listeners are among its Gateway's */
	struct listener_work *listeners;	/* in the order of the spec */
	size_t listener_count;
	size_t programmed;	/* of the listeners (conflict.c) */
};

enum gateway_fault {
	GATEWAY_SOUND,
	GATEWAY_PARAMETERS,
	GATEWAY_ADDRESS_UNSUPPORTED,
	GATEWAY_ADDRESS_UNASSIGNED,
	GATEWAY_ADDRESS_UNUSABLE,
	GATEWAY_NO_ADDRESS,	/* none is named, and the node has none */
};

struct gateway_work {
	const struct gateway *gateway;
	struct listener_group group;
	struct inet_addr *addresses;	/* of the spec, sorted, each once */
	size_t address_count;
	enum gateway_fault fault;
	const struct gateway_address *fault_address;
	/* parameters.c */
	const struct parameters_work *own_parameters;	/* referred to, or NULL */
	const char *parameters_fault;	/* with GATEWAY_PARAMETERS */
	const struct parameters *parameters;	/* as in image_listener */
};

struct set_work {
	const struct listener_set *set;
	struct listener_group group;
};

enum attach_result {
	ATTACHED,
	ATTACH_NO_MATCH,	/* no listener of that name or port */
	ATTACH_KIND,		/* they don't take routes of this kind */
	ATTACH_NAMESPACE,	/* they don't take routes of this namespace */
	ATTACH_RULES,		/* more rules than one */
	ATTACH_SEED,		/* the Gateway has another seed than the first */
};

struct parent_work {
	const struct parent_ref *ref;
	struct listener_group *group;
	enum attach_result result;
	const struct parent_ref *seeded_by;	/* with ATTACH_SEED */
	struct listener_work **listeners;	/* attached to, in spec order */
	size_t listener_count;
};

/* An endpoint of a ref that may get, or may still have, flows. */
struct target {
	struct inet_addr addr;
	uint16_t port;
	bool chosen;		/* for new flows */
	bool terminating;
	uint8_t rank;		/* enum target_rank */
	struct loc loc;
};

struct ref_work {
	const struct backend_ref *ref;
	const char *reason;	/* of ResolvedRefs=False; NULL: resolved */
	const char *message;
	struct target *targets;	/* sorted by address and port, each once */
	size_t target_count;
	size_t chosen[L4GATE_FAMILIES];
};

struct route_work {
	const struct route *route;
	/* attach.c */
	struct parent_work *parents;	/* those that are ours */
	size_t parent_count;
	bool carries;		/* wins a listener that is programmed */
	/* parameters.c */
	const uint64_t *seed;	/* of its table; NULL: that of the node */
	/* policy.c */
	const struct policy_work *policy;	/* that is on it, or NULL */
	/* resolve.c */
	struct ref_work *refs;	/* of the first rule */
	size_t ref_count;
	/* compile.c */
	size_t image_index;
};

struct work {
	const struct model *model;
	const struct compile_options *options;
	struct diags *diags;
	struct arena arena;	/* what is not needed after the compile */
	struct index index;
	struct image *image;
	struct parameters_work *parameters;	/* sorted, as in index */
	struct class_work *classes;		/* sorted, as in index */
	struct policy_work *policies;		/* sorted, as in index */
	struct gateway_work *gateways;	/* ours, sorted */
	size_t gateway_count;
	struct set_work *sets;		/* of these Gateways, sorted */
	size_t set_count;
	struct route_work *routes;	/* with a parent of ours, or an entry
					   of its status; sorted */
	size_t route_count;
};

/* parameters.c: which GatewayParameters can be used, and what classes take. */
int parameters_collect(struct work *work);
/* What holds of a setting that is not given. */
int64_t parameters_usual(enum parameter parameter);
/* "tcpHalfOpen" */
const char *parameters_timeout_name(enum idle_timeout timeout);
/* NULL if the class is not given. */
const struct class_work *parameters_class(const struct work *work,
					  const char *name);
/* What a Gateway takes from its class and from its own, or its fault. */
int parameters_apply(struct work *work, struct gateway_work *gateway);
/* Which seed a route's table has; parents that need another one are let go. */
void parameters_settle_seed(struct route_work *route);

/* policy.c: RoutePolicies to routes, and which one of a route is on it. */
int policies_settle(struct work *work);
/* What the policy on a route says of its new flows; 0 or -ENOMEM. */
int policy_limits(struct work *work, struct image_route *image);

/* gateways.c: classes, and Gateways with their addresses and listeners. */
int gateways_collect(struct work *work);
/* NULL if it is not one of ours. */
struct gateway_work *gateways_find(const struct work *work,
				   const char *namespace, const char *name);

/* Whether there is a listener that the Gateway can serve. */
bool gateway_is_accepted(const struct gateway_work *gateway);

int listeners_collect(struct work *work, struct listener_group *group,
		      const struct listener *listeners, size_t count);

/* Whether an entry of allowedRoutes.kinds is one that the listener supports. */
bool listener_takes_kind(const struct listener_work *listener,
			 const struct route_group_kind *kind);

/* sets.c: ListenerSets, after Gateways. */
int sets_collect(struct work *work);
/* NULL if it is not of a Gateway of ours. */
struct set_work *sets_find(const struct work *work, const char *namespace,
			   const char *name);

/* The first of a namespace among the sets, if it has any. */
size_t sets_of_namespace(const struct work *work, const char *namespace);

/* All groups of listeners: those of Gateways, then those of ListenerSets. */
size_t group_count(const struct work *work);
struct listener_group *group_at(const struct work *work, size_t i);

/* namespaces.c: home is the namespace of the object that allows. */
bool namespace_is_allowed(const struct work *work,
			  const struct allowed_namespaces *allowed,
			  const char *home, const char *namespace);

/* conflict.c: listeners that cannot be told apart; who is programmed. */
int conflicts_settle(struct work *work);

/* attach.c: routes to listeners, and which one of them gets the traffic. */
int routes_attach(struct work *work);

/* Whether a listener of the parent has the name and port that ref asks for. */
bool listener_is_named(const struct listener_work *listener,
		       const struct parent_ref *ref);

/* resolve.c: backendRefs of one route to endpoints. */
int route_resolve(struct work *work, struct route_work *route);

/* table.c: one route into the image, with its tables. */
int table_write(struct work *work, const struct route_work *route,
		struct image_route *image);

/* circle.c: endpoints that are listeners. */
int circles_check(struct work *work);

/* status.c: every condition. */
int status_write(struct work *work);
/* status_listener.c: those of one Gateway or ListenerSet. */
int status_write_listeners(struct work *work,
			   const struct listener_group *group,
			   struct listener_status **ret_listeners,
			   size_t *ret_count);
/* status_route.c: those of one route. */
int status_write_route(struct work *work, const struct route_work *route,
		       struct route_status *to);
/* status_own.c: GatewayParameters and RoutePolicies. */
int status_write_own(struct work *work);
/* What the policy on a route is to it, among the conditions of a parent. */
int status_write_policy(struct work *work, const struct route_work *route,
			struct conditions *to);

#endif /* L4GATE_COMPILE_WORK_H */
