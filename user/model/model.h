/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The objects of the manifests as plain structs: decoded, with every default of
 * the API filled in, and nothing resolved yet. What is said here of a field is
 * said in the API's own words; names are those of the Go types.
 *
 * Strings are NUL-terminated, never NULL unless "or NULL" is said, and belong
 * to the model's arena, as everything below struct model does.
 */
#ifndef L4GATE_MODEL_H
#define L4GATE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/diag.h"
#include "util/inet.h"

#define GATEWAY_GROUP "gateway.networking.k8s.io"
#define OWN_GROUP "l4gate.dev"

struct node;

struct label {
	const char *key;
	const char *value;
};

/* An object as it was written, for those that compile gives back. */
struct given {
	const char *api_version;
	const char *created;	/* creationTimestamp, or NULL */
	const struct node *spec;	/* each or NULL */
	const struct node *status;
};

struct object_meta {
	struct loc loc;		/* of metadata.name */
	const char *namespace;	/* "default" if not given; "" if cluster-scoped */
	const char *name;
	int64_t created;	/* creationTimestamp, seconds since 1970; 0: none */
	int64_t generation;	/* 0: none */
	struct label *labels;	/* sorted by key */
	size_t label_count;
	const struct given *given;	/* kinds with a status only, or NULL */
};

/* Of a GatewayClass or, always in its own namespace, of a Gateway. */
struct parameters_ref {
	struct loc loc;
	const char *group;
	const char *kind;
	const char *namespace;	/* "" if not given */
	const char *name;
};

struct gateway_class {
	struct object_meta meta;
	const char *controller_name;
	bool has_parameters;	/* spec.parametersRef is given */
	struct parameters_ref parameters_ref;
};

/* A metav1.LabelSelector: its terms are ANDed. */
enum selector_operator {
	SELECTOR_IN,		/* matchLabels become this, too */
	SELECTOR_NOT_IN,
	SELECTOR_EXISTS,
	SELECTOR_DOES_NOT_EXIST,
};

struct selector_term {
	const char *key;
	enum selector_operator operator;
	const char **values;
	size_t value_count;
};

struct selector {
	bool present;		/* a null selector matches nothing */
	struct selector_term *terms;	/* none: matches everything */
	size_t term_count;
};

enum from_namespaces {
	FROM_SAME,		/* of allowedRoutes: the default */
	FROM_ALL,
	FROM_SELECTOR,
	FROM_NONE,		/* of allowedListeners: the default */
};

struct allowed_namespaces {
	enum from_namespaces from;
	struct selector selector;	/* for FROM_SELECTOR */
};

struct route_group_kind {
	struct loc loc;
	const char *group;	/* GATEWAY_GROUP if not given */
	const char *kind;
};

struct listener {
	struct loc loc;		/* of its name */
	const char *name;
	uint16_t port;		/* host order */
	const char *protocol;	/* "TCP", "UDP", "HTTP", ... any string */
	struct loc protocol_loc;
	struct allowed_namespaces allowed;	/* routes of which namespaces */
	struct route_group_kind *kinds;	/* none: those that the protocol implies */
	size_t kind_count;
};

enum address_type {
	ADDRESS_IP,		/* the default */
	ADDRESS_HOSTNAME,
	ADDRESS_OTHER,		/* NamedAddress or a domain-prefixed type */
};

struct gateway_address {
	struct loc loc;
	enum address_type type;
	const char *type_name;
	const char *value;	/* "": assign one */
	struct inet_addr addr;	/* ADDRESS_IP with a value only */
};

struct gateway {
	struct object_meta meta;
	const char *class_name;
	struct loc class_loc;
	struct gateway_address *addresses;
	size_t address_count;
	struct listener *listeners;	/* in the order of the manifest */
	size_t listener_count;
	struct allowed_namespaces allowed_listeners;	/* ListenerSets of which */
	bool has_parameters;	/* spec.infrastructure.parametersRef is given */
	struct parameters_ref parameters_ref;
};

/* Of a route, or of a ListenerSet. */
struct parent_ref {
	struct loc loc;
	const char *group;	/* GATEWAY_GROUP if not given */
	const char *kind;	/* "Gateway" if not given */
	const char *namespace;	/* that of the object itself if not given */
	bool has_namespace;	/* as written */
	const char *name;
	const char *section_name;	/* or NULL */
	uint16_t port;		/* 0: not given */
};

/* More listeners for a Gateway, by somebody else. */
struct listener_set {
	struct object_meta meta;
	struct parent_ref parent;	/* no section_name, no port */
	struct listener *listeners;	/* in the order of the manifest */
	size_t listener_count;
};

enum protocol {
	PROTOCOL_TCP,
	PROTOCOL_UDP,
};

struct backend_ref {
	struct loc loc;
	const char *group;	/* "" if not given: core */
	const char *kind;	/* "Service" if not given */
	const char *namespace;	/* the route's if not given */
	const char *name;
	uint16_t port;		/* of the Service; 0: not given */
	uint32_t weight;	/* 1 if not given; at most 1,000,000 */
};

struct route_rule {
	struct loc loc;
	const char *name;	/* or NULL */
	struct backend_ref *backend_refs;
	size_t backend_ref_count;
};

/* TCPRoute or UDPRoute. */
struct route {
	struct object_meta meta;
	enum protocol protocol;	/* which of the two kinds */
	struct parent_ref *parent_refs;
	size_t parent_ref_count;
	struct route_rule *rules;	/* one in v1, up to 16 in v1alpha2 */
	size_t rule_count;
};

struct grant_from {
	const char *group;
	const char *kind;
	const char *namespace;
};

struct grant_to {
	const char *group;
	const char *kind;
	const char *name;	/* "": all */
};

struct reference_grant {
	struct object_meta meta;
	struct grant_from *from;
	size_t from_count;
	struct grant_to *to;
	size_t to_count;
};

enum service_type {
	SERVICE_CLUSTER_IP,	/* the default; headless ones, too */
	SERVICE_NODE_PORT,
	SERVICE_LOAD_BALANCER,
	SERVICE_EXTERNAL_NAME,
};

enum service_protocol {
	SERVICE_TCP,		/* the default */
	SERVICE_UDP,
	SERVICE_SCTP,
};

struct service_port {
	struct loc loc;
	const char *name;	/* "" if not given */
	enum service_protocol protocol;
	uint16_t port;
};

struct service {
	struct object_meta meta;
	enum service_type type;
	struct service_port *ports;
	size_t port_count;
};

struct endpoint {
	struct loc loc;		/* of its first address */
	struct inet_addr addr;	/* addresses[0], the only meaningful one */
	bool ready;		/* conditions with their defaults */
	bool serving;
	bool terminating;
};

struct endpoint_port {
	const char *name;	/* "" if not given */
	enum service_protocol protocol;
	uint16_t port;		/* 0: nil, not to be used */
};

struct endpoint_slice {
	struct object_meta meta;
	const char *service;	/* label kubernetes.io/service-name, or NULL */
	bool usable;		/* addressType IPv4 or IPv6; FQDN is ignored */
	struct endpoint *endpoints;
	size_t endpoint_count;
	struct endpoint_port *ports;
	size_t port_count;
};

struct namespace {
	struct object_meta meta;	/* with kubernetes.io/metadata.name */
};

/* A value of our own kinds: a number, an index into words, milliseconds. */
struct setting {
	struct loc loc;
	int64_t value;		/* or NOT_GIVEN; of a list: items, 0 if not given */
};

#define NOT_GIVEN (-1)

enum forwarding_mode {
	MODE_NAT,
	MODE_TRANSPARENT,
	MODE_DSR_L2,
	MODE_DSR_IPIP,
};
extern const char *const forwarding_mode_words[];

enum announcement {
	ANNOUNCE_NONE,
	ANNOUNCE_ARP,
};
extern const char *const announcement_words[];

enum parameter {
	PARAMETER_MODE,			/* enum forwarding_mode */
	PARAMETER_NAT_ADDRESSES,	/* a list */
	PARAMETER_TCP_HALF_OPEN,	/* idle timeouts */
	PARAMETER_TCP_ESTABLISHED,
	PARAMETER_TCP_CLOSING,
	PARAMETER_UDP_UNREPLIED,
	PARAMETER_UDP_REPLIED,
	PARAMETER_DRAIN_TIMEOUT,
	PARAMETER_ANNOUNCE,		/* enum announcement */
	PARAMETER_MAX_HALF_OPEN,	/* flows of a listener */
	PARAMETER_MAX
};

struct parameters {
	struct setting settings[PARAMETER_MAX];
	const char **nat_texts;		/* as written */
	struct inet_addr *nat_addresses;	/* the same, in order, each once */
	const char *seed_text;		/* or NULL */
	uint64_t seed[2];
};

struct gateway_parameters {
	struct object_meta meta;
	struct parameters spec;
};

enum session_affinity {
	AFFINITY_NONE,		/* the default */
	AFFINITY_CLIENT_IP,
};
extern const char *const session_affinity_words[];

enum policy_setting {
	POLICY_AFFINITY,		/* enum session_affinity */
	POLICY_AFFINITY_TIMEOUT,
	POLICY_ALLOW,			/* a list */
	POLICY_DENY,			/* a list */
	POLICY_MAX_FLOWS,
	POLICY_NEW_FLOWS,		/* a second */
	POLICY_BURST,			/* as POLICY_NEW_FLOWS if not given */
	POLICY_IDLE_TIMEOUT,
	POLICY_MAX
};

/* A route of the policy's own namespace. */
struct policy_target {
	struct loc loc;
	enum protocol protocol;	/* its kind */
	const char *name;
};

struct route_policy {
	struct object_meta meta;
	struct policy_target *targets;	/* each once */
	size_t target_count;
	struct setting settings[POLICY_MAX];
	const char **allow_texts;	/* as written */
	const char **deny_texts;
	struct inet_prefix *allow;	/* the same, in the order of the manifest */
	struct inet_prefix *deny;
};

/* A kind that was skipped, for the summary line. */
struct skipped_kind {
	const char *api_version;
	const char *kind;
	size_t count;
};

#define MODEL_LIST(type, name)						\
	struct {							\
		type *items;						\
		size_t count;						\
		size_t capacity;					\
	} name

/*
 * Everything that was given. Lists are in the order of reading; nothing may
 * depend on it (compile sorts). Objects of one kind, namespace and name are
 * unique.
 */
struct model {
	struct arena arena;
	MODEL_LIST(struct gateway_class, classes);
	MODEL_LIST(struct gateway, gateways);
	MODEL_LIST(struct listener_set, listener_sets);
	MODEL_LIST(struct route, routes);
	MODEL_LIST(struct reference_grant, grants);
	MODEL_LIST(struct service, services);
	MODEL_LIST(struct endpoint_slice, slices);
	MODEL_LIST(struct namespace, namespaces);
	MODEL_LIST(struct gateway_parameters, parameters);
	MODEL_LIST(struct route_policy, policies);
	MODEL_LIST(struct skipped_kind, skipped);
	MODEL_LIST(struct source *, sources);
	size_t object_count;	/* decoded, without the skipped */
};

/* Zeroed memory aside, a model needs no init. NULL is fine. */
void model_free(struct model *model);

#endif /* L4GATE_MODEL_H */
