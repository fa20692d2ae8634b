// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * GatewayClass and Gateway: fields, limits and rules of the CRDs of Gateway
 * API 1.6 (apis/v1/gateway_types.go, gatewayclass_types.go).
 */
#include <errno.h>
#include <string.h>

#include "model/kinds.h"
#include "util/array.h"

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

#define PARAMETERS_REF_FIELDS						\
	{ .name = "group", .type = FIELD_STRING, .required = true,	\
	  STORE(struct parameters_ref, group),				\
	  .format = &format_group },					\
	{ .name = "kind", .type = FIELD_STRING, .required = true,	\
	  STORE(struct parameters_ref, kind), .format = &format_kind },	\
	{ .name = "name", .type = FIELD_STRING, .required = true,	\
	  STORE(struct parameters_ref, name),				\
	  .format = &format_object_name }

static const struct field parameters_fields[] = {
	PARAMETERS_REF_FIELDS,
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
	  .offset = offsetof(struct gateway, parameters_ref),
	  .present = offsetof(struct gateway, has_parameters),
	  STORE_LOC(struct gateway, parameters_ref.loc) },
	{ 0 }
};

static const struct schema schema_infrastructure = {
	.fields = infrastructure_fields,
};

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

static int check_gateway_spec(struct decoder *decoder, const struct node *node,
			      void *object)
{
	const struct gateway *gateway = object;
	const struct node *second;
	size_t i, j;

	check_listeners(decoder, node_get(node, "listeners"),
			gateway->listeners, gateway->listener_count);
	if (!gateway->address_count)
		return 0;
	/* At most 16: all pairs are few. */
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
	  .offset = offsetof(struct gateway, allowed_listeners),
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
	.has_status = true,
	.meta = offsetof(struct gateway, meta),
	.add = add_gateway,
};

/* -------------------------------------------------------- gateway class */

static const struct field class_parameters_fields[] = {
	PARAMETERS_REF_FIELDS,
	{ .name = "namespace", .type = FIELD_STRING,
	  STORE(struct parameters_ref, namespace), .format = &format_label },
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
	  .offset = offsetof(struct gateway_class, parameters_ref),
	  .present = offsetof(struct gateway_class, has_parameters),
	  STORE_LOC(struct gateway_class, parameters_ref.loc) },
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
	.has_status = true,
	.meta = offsetof(struct gateway_class, meta),
	.add = add_class,
};
