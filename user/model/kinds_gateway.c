// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * GatewayClass and Gateway: fields, limits and rules of the CRDs of Gateway
 * API 1.6 (apis/v1/gateway_types.go, gatewayclass_types.go).
 */
#include <errno.h>
#include <string.h>

#include "model/kinds.h"
#include "util/array.h"

static const char *const listener_from_words[] = {
	[FROM_SAME] = "Same", [FROM_ALL] = "All", [FROM_SELECTOR] = "Selector",
	NULL,
};

static const char *const allowed_from_words[] = {
	"None", "Same", "All", "Selector", NULL,
};

/* ------------------------------------------------------ label selectors */

static const char *const operator_words[] = {
	[SELECTOR_IN] = "In", [SELECTOR_NOT_IN] = "NotIn",
	[SELECTOR_EXISTS] = "Exists",
	[SELECTOR_DOES_NOT_EXIST] = "DoesNotExist",
	NULL,
};

static int check_term(struct decoder *decoder, const struct node *node,
		      void *object)
{
	const struct selector_term *term = object;
	const char *word = operator_words[term->operator];
	bool wants_values = term->operator == SELECTOR_IN ||
			    term->operator == SELECTOR_NOT_IN;

	if (wants_values && !term->value_count)
		decode_error(decoder, node,
			     "values: required with operator %s", word);
	else if (!wants_values && term->value_count)
		decode_error(decoder, decode_at(node, "values"),
			     "values: not allowed with operator %s", word);
	return 0;
}

static const struct field term_fields[] = {
	{ .name = "key", .type = FIELD_STRING, .required = true,
	  STORE(struct selector_term, key), .format = &format_qualified_name },
	{ .name = "operator", .type = FIELD_ENUM, .required = true,
	  STORE(struct selector_term, operator), .words = operator_words },
	{ .name = "values", .type = FIELD_STRINGS,
	  STORE_LIST(struct selector_term, values, value_count),
	  .format = &format_label_value },
	{ 0 }
};

static const struct schema schema_term = {
	.fields = term_fields, .size = sizeof(struct selector_term),
	.check = check_term,
};

/* As it is written; struct selector has the terms of both in one list. */
struct written_selector {
	struct label *labels;
	size_t label_count;
	struct selector_term *terms;
	size_t term_count;
};

static const struct field selector_fields[] = {
	{ .name = "matchLabels", .type = FIELD_MAP,
	  STORE_LIST(struct written_selector, labels, label_count),
	  .format = &format_label_value },
	{ .name = "matchExpressions", .type = FIELD_LIST,
	  STORE_LIST(struct written_selector, terms, term_count),
	  .schema = &schema_term },
	{ 0 }
};

static const struct schema schema_selector = { .fields = selector_fields };

static int decode_selector(struct decoder *decoder, const struct node *node,
			   struct selector *selector)
{
	struct arena *arena = &decoder->model->arena;
	struct written_selector written = { 0 };
	struct selector_term *terms;
	size_t i;
	int err;

	if (node->kind != NODE_MAP) {
		decode_error(decoder, node, "selector: expected a map, got %s",
			     node_describe(node));
		return 0;
	}
	err = decode_object(decoder, &schema_selector, node, &written);
	if (err)
		return err;
	terms = arena_array(arena, written.label_count + written.term_count,
			    sizeof(*terms));
	if (!terms)
		return -ENOMEM;
	for (i = 0; i < written.label_count; i++) {
		terms[i].key = written.labels[i].key;
		terms[i].operator = SELECTOR_IN;
		terms[i].values = arena_array(arena, 1, sizeof(char *));
		if (!terms[i].values)
			return -ENOMEM;
		terms[i].values[0] = written.labels[i].value;
		terms[i].value_count = 1;
	}
	if (written.term_count)
		memcpy(terms + i, written.terms,
		       written.term_count * sizeof(*terms));
	selector->present = true;
	selector->terms = terms;
	selector->term_count = written.label_count + written.term_count;
	return 0;
}

static int decode_listener_selector(struct decoder *decoder,
				    const struct node *node, void *object)
{
	struct listener *listener = object;

	return decode_selector(decoder, node, &listener->selector);
}

/* Of allowedListeners: checked, as nothing reads it yet. */
static int decode_unused_selector(struct decoder *decoder,
				  const struct node *node, void *object)
{
	struct selector unused = { 0 };

	(void)object;
	return decode_selector(decoder, node, &unused);
}

/* ----------------------------------------------------------- listeners */

static const struct field route_kind_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .fallback = GATEWAY_GROUP,
	  STORE(struct route_group_kind, group), .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .required = true,
	  STORE(struct route_group_kind, kind), .format = &format_kind },
	{ 0 }
};

static const struct schema schema_route_kind = {
	.fields = route_kind_fields, .size = sizeof(struct route_group_kind),
	.has_loc = true, .loc = offsetof(struct route_group_kind, loc),
};

static const struct field namespaces_fields[] = {
	{ .name = "from", .type = FIELD_ENUM, STORE(struct listener, from),
	  .words = listener_from_words },
	{ .name = "selector", .type = FIELD_CUSTOM,
	  .decode = decode_listener_selector },
	{ 0 }
};

static const struct schema schema_namespaces = { .fields = namespaces_fields };

static const struct field allowed_routes_fields[] = {
	{ .name = "namespaces", .type = FIELD_OBJECT,
	  .schema = &schema_namespaces },
	{ .name = "kinds", .type = FIELD_LIST, .max = 8,
	  STORE_LIST(struct listener, kinds, kind_count),
	  .schema = &schema_route_kind },
	{ 0 }
};

static const struct schema schema_allowed_routes = {
	.fields = allowed_routes_fields,
};

static const char *const tls_mode_words[] = {
	"Terminate", "Passthrough", NULL,
};

static const struct field tls_fields[] = {
	{ .name = "mode", .type = FIELD_ENUM, .words = tls_mode_words },
	{ .name = "certificateRefs", .type = FIELD_ANY },
	{ .name = "options", .type = FIELD_MAP, .max = 16,
	  .format = &format_annotation_value },
	{ .name = "frontendValidation", .type = FIELD_ANY },
	{ 0 }
};

static const struct schema schema_tls = { .fields = tls_fields };

/* The node of a field that is there and not null, or NULL. */
static const struct node *given(const struct node *node, const char *name)
{
	const struct node *child = node_get(node, name);

	return child && !node_is_null(child) ? child : NULL;
}

static const char *given_text(const struct node *node, const char *name)
{
	const struct node *child = given(node, name);

	return child && child->kind == NODE_SCALAR ? child->text : "";
}

static int check_listener(struct decoder *decoder, const struct node *node,
			  void *object)
{
	const struct listener *listener = object;
	const char *protocol = listener->protocol;
	const struct node *tls = given(node, "tls");
	const char *mode = given_text(tls, "mode");
	bool is_l4 = !strcmp(protocol, "TCP") || !strcmp(protocol, "UDP");

	if (tls && (is_l4 || !strcmp(protocol, "HTTP")))
		decode_error(decoder, tls, "tls: not allowed with protocol %s",
			     protocol);
	if (is_l4 && *given_text(node, "hostname"))
		decode_error(decoder, decode_at(node, "hostname"),
			     "hostname: not allowed with protocol %s",
			     protocol);
	if (!strcmp(protocol, "HTTPS") && !strcmp(mode, "Passthrough"))
		decode_error(decoder, decode_at(tls, "mode"),
			     "mode: expected Terminate with protocol HTTPS");
	if (!strcmp(protocol, "TLS") && !tls)
		decode_error(decoder, node,
			     "tls: required with protocol TLS");
	return 0;
}

static const struct field listener_fields[] = {
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  STORE(struct listener, name), STORE_LOC(struct listener, loc),
	  .format = &format_section_name },
	{ .name = "port", .type = FIELD_INT, .required = true,
	  STORE(struct listener, port), PORT_RANGE },
	{ .name = "protocol", .type = FIELD_STRING, .required = true,
	  STORE(struct listener, protocol),
	  STORE_LOC(struct listener, protocol_loc),
	  .format = &format_protocol },
	{ .name = "hostname", .type = FIELD_STRING,
	  .format = &format_hostname },
	{ .name = "tls", .type = FIELD_OBJECT, .schema = &schema_tls },
	{ .name = "allowedRoutes", .type = FIELD_OBJECT,
	  .schema = &schema_allowed_routes },
	{ 0 }
};

static const struct schema schema_listener = {
	.fields = listener_fields, .size = sizeof(struct listener),
	.has_loc = true, .loc = offsetof(struct listener, loc),
	.check = check_listener,
};

/* ----------------------------------------------------------- addresses */

static int check_address(struct decoder *decoder, const struct node *node,
			 void *object)
{
	struct gateway_address *address = object;

	if (!strcmp(address->type_name, "IPAddress"))
		address->type = ADDRESS_IP;
	else if (!strcmp(address->type_name, "Hostname"))
		address->type = ADDRESS_HOSTNAME;
	else
		address->type = ADDRESS_OTHER;

	if (!*address->value)
		return 0;
	if (address->type == ADDRESS_IP &&
	    inet_parse(address->value, &address->addr))
		decode_error(decoder, decode_at(node, "value"),
			     "value \"%s\": expected an IPv4 or IPv6 address",
			     SHOW(address->value));
	if (address->type == ADDRESS_HOSTNAME &&
	    !format_hostname.match(address->value))
		decode_error(decoder, decode_at(node, "value"),
			     "value \"%s\": expected %s", SHOW(address->value),
			     format_hostname.expected);
	return 0;
}

static const struct field address_fields[] = {
	{ .name = "type", .type = FIELD_STRING, .fallback = "IPAddress",
	  STORE(struct gateway_address, type_name),
	  .format = &format_address_type },
	{ .name = "value", .type = FIELD_STRING,
	  STORE(struct gateway_address, value),
	  STORE_LOC(struct gateway_address, loc),
	  .format = &format_address_value },
	{ 0 }
};

static const struct schema schema_address = {
	.fields = address_fields, .size = sizeof(struct gateway_address),
	.has_loc = true, .loc = offsetof(struct gateway_address, loc),
	.check = check_address,
};

/* ------------------------------------------------------------- gateway */

static const struct field parameters_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .required = true,
	  .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .required = true,
	  .format = &format_kind },
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  .format = &format_object_name },
	{ 0 }
};

static const struct schema schema_parameters = { .fields = parameters_fields };

static const struct field infrastructure_fields[] = {
	{ .name = "labels", .type = FIELD_MAP, .max = 8,
	  .format = &format_label_value },
	{ .name = "annotations", .type = FIELD_MAP, .max = 16,
	  .format = &format_annotation_value },
	{ .name = "parametersRef", .type = FIELD_OBJECT,
	  .schema = &schema_parameters,
	  .present = offsetof(struct gateway, has_parameters),
	  STORE_LOC(struct gateway, parameters_loc) },
	{ 0 }
};

static const struct schema schema_infrastructure = {
	.fields = infrastructure_fields,
};

static const struct field listener_namespaces_fields[] = {
	{ .name = "from", .type = FIELD_ENUM, .words = allowed_from_words },
	{ .name = "selector", .type = FIELD_CUSTOM,
	  .decode = decode_unused_selector },
	{ 0 }
};

static const struct schema schema_listener_namespaces = {
	.fields = listener_namespaces_fields,
};

static const struct field allowed_listeners_fields[] = {
	{ .name = "namespaces", .type = FIELD_OBJECT,
	  .schema = &schema_listener_namespaces },
	{ 0 }
};

static const struct schema schema_allowed_listeners = {
	.fields = allowed_listeners_fields,
};

static void check_listener_pair(struct decoder *decoder,
				const struct node *first,
				const struct listener *a,
				const struct node *second,
				const struct listener *b)
{
	const char *hostname = given_text(second, "hostname");

	if (!strcmp(a->name, b->name)) {
		decode_error(decoder, decode_at(second, "name"), "name \"%s\": "
			     "another listener has it, too", b->name);
		diag_add(decoder->diags, DIAG_NOTE, a->loc,
			 "the first is here");
	}
	if (a->port != b->port || strcmp(a->protocol, b->protocol) ||
	    strcmp(given_text(first, "hostname"), hostname))
		return;
	decode_error(decoder, decode_at(second, "port"),
		     "port %u: listener \"%s\" has this port with protocol "
		     "%s%s%s, too", b->port, a->name, b->protocol,
		     *hostname ? " and hostname " : "", hostname);
	diag_add(decoder->diags, DIAG_NOTE,
		 node_loc(decoder->source, decode_at(first, "port")),
		 "the first is here");
}

static void check_address_pair(struct decoder *decoder,
			       const struct node *second,
			       const struct gateway_address *a,
			       const struct gateway_address *b)
{
	if (a->type != b->type || a->type == ADDRESS_OTHER || !*b->value ||
	    strcmp(a->value, b->value))
		return;
	decode_error(decoder, decode_at(second, "value"),
		     "value \"%s\": given twice", SHOW(b->value));
	diag_add(decoder->diags, DIAG_NOTE, a->loc, "the first is here");
}

/* At most 64 listeners and 16 addresses: all pairs are few. */
static int check_gateway_spec(struct decoder *decoder, const struct node *node,
			      void *object)
{
	const struct node *first, *second;
	struct gateway *gateway = object;
	size_t i, j;

	second = node_get(node, "listeners")->first;
	for (i = 0; i < gateway->listener_count; i++, second = second->next) {
		first = node_get(node, "listeners")->first;
		for (j = 0; j < i; j++, first = first->next)
			check_listener_pair(decoder, first,
					    &gateway->listeners[j], second,
					    &gateway->listeners[i]);
	}
	if (!gateway->address_count)
		return 0;
	second = node_get(node, "addresses")->first;
	for (i = 0; i < gateway->address_count; i++, second = second->next)
		for (j = 0; j < i; j++)
			check_address_pair(decoder, second,
					   &gateway->addresses[j],
					   &gateway->addresses[i]);
	return 0;
}

static const struct field gateway_spec_fields[] = {
	{ .name = "gatewayClassName", .type = FIELD_STRING, .required = true,
	  STORE(struct gateway, class_name),
	  STORE_LOC(struct gateway, class_loc),
	  .format = &format_object_name },
	{ .name = "listeners", .type = FIELD_LIST, .required = true,
	  .min = 1, .max = 64,
	  STORE_LIST(struct gateway, listeners, listener_count),
	  .schema = &schema_listener },
	{ .name = "addresses", .type = FIELD_LIST, .max = 16,
	  STORE_LIST(struct gateway, addresses, address_count),
	  .schema = &schema_address },
	{ .name = "infrastructure", .type = FIELD_OBJECT,
	  .schema = &schema_infrastructure },
	{ .name = "allowedListeners", .type = FIELD_OBJECT,
	  .schema = &schema_allowed_listeners },
	{ .name = "backendTLS", .type = FIELD_ANY },
	{ .name = "tls", .type = FIELD_ANY },
	{ .name = "defaultScope", .type = FIELD_ANY },
	{ 0 }
};

static const struct schema schema_gateway_spec = {
	.fields = gateway_spec_fields, .check = check_gateway_spec,
};

static const struct field gateway_fields[] = {
	OBJECT_FIELDS(struct gateway),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_gateway_spec },
	{ 0 }
};

static const struct schema schema_gateway = { .fields = gateway_fields };

DEFINE_ADD(add_gateway, struct gateway, gateways)

const struct kind kind_gateway = {
	.group = GATEWAY_GROUP,
	.kind = "Gateway",
	.versions = { "v1", "v1beta1" },
	.schema = &schema_gateway,
	.name_format = &format_subdomain,
	.meta = offsetof(struct gateway, meta),
	.add = add_gateway,
};

/* -------------------------------------------------------- gateway class */

static const struct field class_parameters_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .required = true,
	  .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .required = true,
	  .format = &format_kind },
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  .format = &format_object_name },
	{ .name = "namespace", .type = FIELD_STRING, .format = &format_label },
	{ 0 }
};

static const struct schema schema_class_parameters = {
	.fields = class_parameters_fields,
};

static const struct field class_spec_fields[] = {
	{ .name = "controllerName", .type = FIELD_STRING, .required = true,
	  STORE(struct gateway_class, controller_name),
	  .format = &format_controller },
	{ .name = "parametersRef", .type = FIELD_OBJECT,
	  .schema = &schema_class_parameters,
	  .present = offsetof(struct gateway_class, has_parameters),
	  STORE_LOC(struct gateway_class, parameters_loc) },
	{ .name = "description", .type = FIELD_STRING,
	  .format = &format_description },
	{ 0 }
};

static const struct schema schema_class_spec = { .fields = class_spec_fields };

static const struct field class_fields[] = {
	OBJECT_FIELDS(struct gateway_class),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_class_spec },
	{ 0 }
};

static const struct schema schema_class = { .fields = class_fields };

DEFINE_ADD(add_class, struct gateway_class, classes)

const struct kind kind_gateway_class = {
	.group = GATEWAY_GROUP,
	.kind = "GatewayClass",
	.versions = { "v1", "v1beta1" },
	.schema = &schema_class,
	.name_format = &format_subdomain,
	.cluster_scoped = true,
	.meta = offsetof(struct gateway_class, meta),
	.add = add_class,
};
