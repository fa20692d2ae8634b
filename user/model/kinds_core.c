// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Service, EndpointSlice and Namespace: the fields of Kubernetes' core/v1 and
 * discovery/v1, and the rules of its validation that concern what is used here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/kinds.h"
#include "util/array.h"

#define SERVICE_NAME_LABEL "kubernetes.io/service-name"
#define NAMESPACE_NAME_LABEL "kubernetes.io/metadata.name"

static const char *const protocol_words[] = {
	[SERVICE_TCP] = "TCP", [SERVICE_UDP] = "UDP", [SERVICE_SCTP] = "SCTP",
	NULL,
};

/* ------------------------------------------------------------- service */

static const char *const service_type_words[] = {
	[SERVICE_CLUSTER_IP] = "ClusterIP",
	[SERVICE_NODE_PORT] = "NodePort",
	[SERVICE_LOAD_BALANCER] = "LoadBalancer",
	[SERVICE_EXTERNAL_NAME] = "ExternalName",
	NULL,
};

static const char *const affinity_words[] = { "None", "ClientIP", NULL };
static const char *const traffic_policy_words[] = { "Cluster", "Local", NULL };

static const struct field service_port_fields[] = {
	{ .name = "name", .type = FIELD_STRING,
	  STORE(struct service_port, name),
	  .format = &format_optional_label },
	{ .name = "protocol", .type = FIELD_ENUM,
	  STORE(struct service_port, protocol), .words = protocol_words },
	{ .name = "port", .type = FIELD_INT, .required = true,
	  STORE(struct service_port, port), PORT_RANGE },
	{ .name = "targetPort", .type = FIELD_INT_OR_STRING,
	  .format = &format_port_name, PORT_RANGE },
	{ .name = "nodePort", .type = FIELD_INT, .max = 65535 },
	{ .name = "appProtocol", .type = FIELD_STRING },
	{ 0 }
};

static const struct schema schema_service_port = {
	.fields = service_port_fields, .size = sizeof(struct service_port),
	.has_loc = true, .loc = offsetof(struct service_port, loc),
};

static int compare_numbers(const void *a, const void *b)
{
	const struct service_port *left = *(struct service_port *const *)a;
	const struct service_port *right = *(struct service_port *const *)b;

	if (left->port != right->port)
		return left->port < right->port ? -1 : 1;
	if (left->protocol != right->protocol)
		return left->protocol < right->protocol ? -1 : 1;
	return left < right ? -1 : left > right;
}

static int compare_names(const void *a, const void *b)
{
	const struct service_port *left = *(struct service_port *const *)a;
	const struct service_port *right = *(struct service_port *const *)b;
	int order = strcmp(left->name, right->name);

	return order ? order : left < right ? -1 : left > right;
}

static void report_port(struct decoder *decoder, const struct service_port *a,
			const struct service_port *b, bool by_name)
{
	if (by_name)
		decode_report(decoder, DIAG_ERROR, b->loc,
			      "name \"%s\": another port has it, too", b->name);
	else
		decode_report(decoder, DIAG_ERROR, b->loc,
			      "port %u: given twice with protocol %s", b->port,
			      protocol_words[b->protocol]);
	diag_add(decoder->diags, DIAG_NOTE, a->loc, "the first is here");
}

/* Names are needed as soon as there are two, and are unique, as are ports. */
static int check_ports(struct decoder *decoder, struct service *service)
{
	struct service_port **sorted, *a, *b;
	size_t i, count = service->port_count;

	if (count < 2)
		return 0;
	sorted = calloc(count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		sorted[i] = &service->ports[i];
		if (!*sorted[i]->name)
			decode_report(decoder, DIAG_ERROR, sorted[i]->loc,
				      "name: required, as there are %zu ports",
				      count);
	}
	qsort(sorted, count, sizeof(*sorted), compare_numbers);
	for (i = 1; i < count; i++) {
		a = sorted[i - 1];
		b = sorted[i];
		if (a->port == b->port && a->protocol == b->protocol)
			report_port(decoder, a, b, false);
	}
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (i = 1; i < count; i++) {
		a = sorted[i - 1];
		b = sorted[i];
		if (*a->name && !strcmp(a->name, b->name))
			report_port(decoder, a, b, true);
	}
	free(sorted);
	return 0;
}

static int check_service_spec(struct decoder *decoder, const struct node *node,
			      void *object)
{
	const struct node *cluster_ip = node_get(node, "clusterIP");
	struct service *service = object;
	bool headless = cluster_ip && cluster_ip->kind == NODE_SCALAR &&
			!strcmp(cluster_ip->text, "None");

	if (!service->port_count && !headless &&
	    service->type != SERVICE_EXTERNAL_NAME)
		decode_error(decoder, node, "ports: required, but missing");
	return check_ports(decoder, service);
}

static const struct field service_spec_fields[] = {
	{ .name = "type", .type = FIELD_ENUM, STORE(struct service, type),
	  .words = service_type_words },
	{ .name = "ports", .type = FIELD_LIST,
	  STORE_LIST(struct service, ports, port_count),
	  .schema = &schema_service_port },
	{ .name = "selector", .type = FIELD_MAP,
	  .format = &format_label_value },
	{ .name = "clusterIP", .type = FIELD_STRING },
	{ .name = "clusterIPs", .type = FIELD_STRINGS },
	{ .name = "ipFamilies", .type = FIELD_STRINGS },
	{ .name = "ipFamilyPolicy", .type = FIELD_STRING },
	{ .name = "externalIPs", .type = FIELD_STRINGS },
	{ .name = "externalName", .type = FIELD_STRING },
	{ .name = "sessionAffinity", .type = FIELD_ENUM,
	  .words = affinity_words },
	{ .name = "sessionAffinityConfig", .type = FIELD_ANY },
	{ .name = "internalTrafficPolicy", .type = FIELD_ENUM,
	  .words = traffic_policy_words },
	{ .name = "externalTrafficPolicy", .type = FIELD_ENUM,
	  .words = traffic_policy_words },
	{ .name = "trafficDistribution", .type = FIELD_STRING },
	{ .name = "publishNotReadyAddresses", .type = FIELD_BOOL },
	{ .name = "loadBalancerIP", .type = FIELD_STRING },
	{ .name = "loadBalancerClass", .type = FIELD_STRING },
	{ .name = "loadBalancerSourceRanges", .type = FIELD_STRINGS },
	{ .name = "allocateLoadBalancerNodePorts", .type = FIELD_BOOL },
	{ .name = "healthCheckNodePort", .type = FIELD_INT, .max = 65535 },
	/* Of older versions. */
	{ .name = "ipFamily", .type = FIELD_ANY },
	{ .name = "topologyKeys", .type = FIELD_ANY },
	{ 0 }
};

static const struct schema schema_service_spec = {
	.fields = service_spec_fields, .check = check_service_spec,
};

static const struct field service_fields[] = {
	OBJECT_FIELDS(struct service),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_service_spec },
	{ 0 }
};

static const struct schema schema_service = { .fields = service_fields };

DEFINE_ADD(add_service, struct service, services)

const struct kind kind_service = {
	.group = "",
	.kind = "Service",
	.versions = { "v1" },
	.schema = &schema_service,
	.name_format = &format_label,
	.core = true,
	.meta = offsetof(struct service, meta),
	.add = add_service,
};

/* ------------------------------------------------------ endpoint slice */

static const struct field conditions_fields[] = {
	{ .name = "ready", .type = FIELD_BOOL, .initial = true,
	  STORE(struct endpoint, ready) },
	{ .name = "serving", .type = FIELD_BOOL, .initial = true,
	  STORE(struct endpoint, serving) },
	{ .name = "terminating", .type = FIELD_BOOL,
	  STORE(struct endpoint, terminating) },
	{ 0 }
};

static const struct schema schema_conditions = { .fields = conditions_fields };

static const struct field endpoint_fields[] = {
	/* Stored by check_slice(), which knows their type. */
	{ .name = "addresses", .type = FIELD_STRINGS, .required = true,
	  .min = 1, .max = 100 },
	{ .name = "conditions", .type = FIELD_OBJECT,
	  .schema = &schema_conditions },
	{ .name = "hostname", .type = FIELD_STRING },
	{ .name = "nodeName", .type = FIELD_STRING },
	{ .name = "zone", .type = FIELD_STRING },
	{ .name = "hints", .type = FIELD_ANY },
	{ .name = "targetRef", .type = FIELD_ANY },
	{ .name = "deprecatedTopology", .type = FIELD_ANY },
	{ 0 }
};

static const struct schema schema_endpoint = {
	.fields = endpoint_fields, .size = sizeof(struct endpoint),
	.has_loc = true, .loc = offsetof(struct endpoint, loc),
};

static const struct field endpoint_port_fields[] = {
	{ .name = "name", .type = FIELD_STRING,
	  STORE(struct endpoint_port, name),
	  .format = &format_optional_label },
	{ .name = "protocol", .type = FIELD_ENUM,
	  STORE(struct endpoint_port, protocol), .words = protocol_words },
	{ .name = "port", .type = FIELD_INT,
	  STORE(struct endpoint_port, port), PORT_RANGE },
	{ .name = "appProtocol", .type = FIELD_STRING },
	{ 0 }
};

static const struct schema schema_endpoint_port = {
	.fields = endpoint_port_fields, .size = sizeof(struct endpoint_port),
};

/* Why no packet can be sent to the address, or NULL. */
static const char *unusable(const struct inet_addr *addr)
{
	if (inet_is_unspecified(addr))
		return "the unspecified address";
	if (inet_is_loopback(addr))
		return "a loopback address";
	if (inet_is_multicast(addr))
		return inet_is_broadcast(addr) ?
		       "the broadcast address" : "a multicast address";
	if (inet_is_link_local(addr))
		return "a link-local address";
	if (inet_is_mapped(addr))
		return "an IPv4-mapped address";
	return NULL;
}

static void decode_address(struct decoder *decoder, const struct node *node,
			   uint8_t family, struct inet_addr *ret_addr)
{
	const char *name = family == L4GATE_IPV4 ? "IPv4" : "IPv6";
	struct inet_addr addr;
	const char *why;

	if (inet_parse(node->text, &addr)) {
		decode_error(decoder, node, "address \"%s\": expected an %s "
			     "address%s", SHOW(node->text), name,
			     strchr(node->text, '%') ? " without a zone" : "");
		return;
	}
	if (addr.family != family) {
		decode_error(decoder, node, "address %s: expected an %s "
			     "address, as addressType says", node->text, name);
		return;
	}
	why = unusable(&addr);
	if (why)
		decode_error(decoder, node, "address %s: %s can't be an "
			     "endpoint's", node->text, why);
	*ret_addr = addr;
}

static const char *const address_type_words[] = {
	"IPv4", "IPv6", "FQDN", NULL,
};

/* The endpoints' addresses, of which the API uses the first alone. */
static int check_slice(struct decoder *decoder, const struct node *node,
		       void *object)
{
	const char *type = node_get(node, "addressType")->text;
	const struct node *item, *address;
	struct endpoint_slice *slice = object;
	struct path path = { .name = "endpoints" };
	struct path index = { .up = &path };
	uint8_t family;
	size_t i;

	for (i = 0; i < slice->meta.label_count; i++)
		if (!strcmp(slice->meta.labels[i].key, SERVICE_NAME_LABEL))
			slice->service = slice->meta.labels[i].value;
	slice->usable = strcmp(type, "FQDN");
	if (!slice->usable)
		slice->endpoint_count = 0;
	if (!slice->endpoint_count)
		return 0;
	family = strcmp(type, "IPv4") ? L4GATE_IPV6 : L4GATE_IPV4;
	item = node_get(node, "endpoints")->first;
	decoder->path = &index;
	for (i = 0; i < slice->endpoint_count; i++, item = item->next) {
		struct endpoint *endpoint = &slice->endpoints[i];

		index.index = i;
		address = node_get(item, "addresses")->first;
		endpoint->loc = node_loc(decoder->source, address);
		decode_address(decoder, address, family, &endpoint->addr);
	}
	decoder->path = NULL;
	return 0;
}

static const struct field slice_fields[] = {
	OBJECT_FIELDS(struct endpoint_slice),
	{ .name = "addressType", .type = FIELD_ENUM, .required = true,
	  .words = address_type_words },
	{ .name = "endpoints", .type = FIELD_LIST, .max = 1000,
	  STORE_LIST(struct endpoint_slice, endpoints, endpoint_count),
	  .schema = &schema_endpoint },
	{ .name = "ports", .type = FIELD_LIST, .max = 100,
	  STORE_LIST(struct endpoint_slice, ports, port_count),
	  .schema = &schema_endpoint_port },
	{ 0 }
};

static const struct schema schema_slice = {
	.fields = slice_fields, .check = check_slice,
};

DEFINE_ADD(add_slice, struct endpoint_slice, slices)

const struct kind kind_endpoint_slice = {
	.group = "discovery.k8s.io",
	.kind = "EndpointSlice",
	.versions = { "v1" },
	.schema = &schema_slice,
	.name_format = &format_subdomain,
	.core = true,
	.meta = offsetof(struct endpoint_slice, meta),
	.add = add_slice,
};

/* ----------------------------------------------------------- namespace */

/* The API server gives every Namespace a label with its name. */
static int check_namespace(struct decoder *decoder, const struct node *node,
			   void *object)
{
	struct object_meta *meta = &((struct namespace *)object)->meta;
	struct label *labels;
	size_t i, count = 0;

	(void)node;
	labels = arena_array(&decoder->model->arena, meta->label_count + 1,
			     sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	for (i = 0; i < meta->label_count; i++)
		if (strcmp(meta->labels[i].key, NAMESPACE_NAME_LABEL) < 0)
			labels[count++] = meta->labels[i];
	labels[count++] = (struct label){ NAMESPACE_NAME_LABEL, meta->name };
	for (i = 0; i < meta->label_count; i++)
		if (strcmp(meta->labels[i].key, NAMESPACE_NAME_LABEL) > 0)
			labels[count++] = meta->labels[i];
	meta->labels = labels;
	meta->label_count = count;
	return 0;
}

static const struct field namespace_fields[] = {
	OBJECT_FIELDS(struct namespace),
	{ .name = "spec", .type = FIELD_ANY },
	{ 0 }
};

static const struct schema schema_namespace = {
	.fields = namespace_fields, .check = check_namespace,
};

DEFINE_ADD(add_namespace, struct namespace, namespaces)

const struct kind kind_namespace = {
	.group = "",
	.kind = "Namespace",
	.versions = { "v1" },
	.schema = &schema_namespace,
	.name_format = &format_label,
	.cluster_scoped = true,
	.core = true,
	.meta = offsetof(struct namespace, meta),
	.add = add_namespace,
};
