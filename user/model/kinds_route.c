// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * TCPRoute, UDPRoute and ReferenceGrant: fields, limits and rules of the CRDs
 * of Gateway API 1.6, standard channel (apis/v1/tcproute_types.go,
 * udproute_types.go, shared_types.go, referencegrant_types.go).
 */
#include <errno.h>
#include <string.h>

#include "model/kinds.h"
#include "util/array.h"

/* -------------------------------------------------------------- routes */

static const struct field parent_ref_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .fallback = GATEWAY_GROUP,
	  STORE(struct parent_ref, group), .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .fallback = "Gateway",
	  STORE(struct parent_ref, kind), .format = &format_kind },
	{ .name = "namespace", .type = FIELD_STRING,
	  STORE(struct parent_ref, namespace),
	  .present = offsetof(struct parent_ref, has_namespace),
	  .format = &format_label },
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  STORE(struct parent_ref, name), .format = &format_object_name },
	{ .name = "sectionName", .type = FIELD_STRING, .nullable = true,
	  STORE(struct parent_ref, section_name),
	  .format = &format_section_name },
	{ .name = "port", .type = FIELD_INT, STORE(struct parent_ref, port),
	  PORT_RANGE },
	{ 0 }
};

static const struct schema schema_parent_ref = {
	.fields = parent_ref_fields, .size = sizeof(struct parent_ref),
	.has_loc = true, .loc = offsetof(struct parent_ref, loc),
};

static int check_backend_ref(struct decoder *decoder, const struct node *node,
			     void *object)
{
	const struct backend_ref *ref = object;

	if (!ref->port && !*ref->group && !strcmp(ref->kind, "Service"))
		decode_error(decoder, node,
			     "port: required to refer to a Service");
	return 0;
}

static const struct field backend_ref_fields[] = {
	{ .name = "group", .type = FIELD_STRING,
	  STORE(struct backend_ref, group), .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .fallback = "Service",
	  STORE(struct backend_ref, kind), .format = &format_kind },
	{ .name = "namespace", .type = FIELD_STRING,
	  STORE(struct backend_ref, namespace), .format = &format_label },
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  STORE(struct backend_ref, name), .format = &format_object_name },
	{ .name = "port", .type = FIELD_INT, STORE(struct backend_ref, port),
	  PORT_RANGE },
	{ .name = "weight", .type = FIELD_INT, .max = 1000000, .initial = 1,
	  STORE(struct backend_ref, weight) },
	{ 0 }
};

static const struct schema schema_backend_ref = {
	.fields = backend_ref_fields, .size = sizeof(struct backend_ref),
	.has_loc = true, .loc = offsetof(struct backend_ref, loc),
	.check = check_backend_ref,
};

static const struct field rule_fields[] = {
	{ .name = "name", .type = FIELD_STRING, .nullable = true,
	  STORE(struct route_rule, name), .format = &format_section_name },
	{ .name = "backendRefs", .type = FIELD_LIST, .required = true,
	  .min = 1, .max = 16,
	  STORE_LIST(struct route_rule, backend_refs, backend_ref_count),
	  .schema = &schema_backend_ref },
	{ 0 }
};

static const struct schema schema_rule = {
	.fields = rule_fields, .size = sizeof(struct route_rule),
	.has_loc = true, .loc = offsetof(struct route_rule, loc),
};

/* Namespaces that are not given are the route's own. */
static void fill_namespaces(struct route *route)
{
	struct backend_ref *ref;
	size_t i, j;

	for (i = 0; i < route->parent_ref_count; i++)
		if (!*route->parent_refs[i].namespace)
			route->parent_refs[i].namespace = route->meta.namespace;
	for (i = 0; i < route->rule_count; i++)
		for (j = 0; j < route->rules[i].backend_ref_count; j++) {
			ref = &route->rules[i].backend_refs[j];
			if (!*ref->namespace)
				ref->namespace = route->meta.namespace;
		}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/*
 * References to one parent need sectionNames that differ. (The experimental
 * channel lets them differ by port, too; the standard one does not.) As to the
 * API, a namespace that is given and one that is left out are two, whatever the
 * route's own is: what a cluster holds must not fail here.
 */
static void check_parent_pair(struct decoder *decoder,
			      const struct parent_ref *a,
			      const struct parent_ref *b)
{
	if (a->has_namespace != b->has_namespace ||
	    strcmp(a->group, b->group) || strcmp(a->kind, b->kind) ||
	    strcmp(a->namespace, b->namespace) || strcmp(a->name, b->name))
		return;
	if (!a->section_name != !b->section_name)
		decode_report(decoder, DIAG_ERROR, b->loc,
			      "parentRefs: %s \"%s\" is given twice, sectionName "
			      "must be set in both or in none", b->kind,
			      SHOW(b->name));
	else if (same_text(a->section_name, b->section_name))
		decode_report(decoder, DIAG_ERROR, b->loc,
			      "parentRefs: %s \"%s\" is given twice%s%s%s, "
			      "expected different sectionNames", b->kind,
			      SHOW(b->name), b->section_name ? " with " : "",
			      b->section_name ? "sectionName " : "",
			      b->section_name ? b->section_name : "");
	else
		return;
	diag_add(decoder->diags, DIAG_NOTE, a->loc, "the first is here");
}

static void check_rules(struct decoder *decoder, const struct node *node,
			const struct route *route)
{
	bool is_v1 = !strcmp(decoder->version, "v1");
	size_t i, j, max = is_v1 ? 1 : 16;

	if (route->rule_count > max)
		decode_error(decoder, node_get(node, "rules"),
			     "%zu rules, at most %zu in %s%s",
			     route->rule_count, max, decoder->version,
			     is_v1 ? " (16 in v1alpha2)" : "");
	for (i = 0; i < route->rule_count && i < 16; i++)
		for (j = 0; j < i; j++) {
			if (!route->rules[i].name || !route->rules[j].name ||
			    strcmp(route->rules[i].name, route->rules[j].name))
				continue;
			decode_report(decoder, DIAG_ERROR, route->rules[i].loc,
				      "name \"%s\": another rule has it, too",
				      route->rules[i].name);
		}
}

static int check_route(struct decoder *decoder, const struct node *node,
		       void *object)
{
	struct route *route = object;
	size_t i, j;

	if (!*route->meta.namespace)
		route->meta.namespace = decoder->default_namespace;
	fill_namespaces(route);
	for (i = 0; i < route->parent_ref_count; i++)
		for (j = 0; j < i; j++)
			check_parent_pair(decoder, &route->parent_refs[j],
					  &route->parent_refs[i]);
	check_rules(decoder, node_get(node, "spec"), route);
	return 0;
}

static const struct field route_spec_fields[] = {
	{ .name = "parentRefs", .type = FIELD_LIST, .max = 32,
	  STORE_LIST(struct route, parent_refs, parent_ref_count),
	  .schema = &schema_parent_ref },
	{ .name = "rules", .type = FIELD_LIST, .required = true, .min = 1,
	  STORE_LIST(struct route, rules, rule_count),
	  .schema = &schema_rule },
	{ .name = "useDefaultGateways", .type = FIELD_ANY },
	{ 0 }
};

static const struct schema schema_route_spec = { .fields = route_spec_fields };

static const struct field route_fields[] = {
	OBJECT_FIELDS(struct route),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_route_spec },
	{ 0 }
};

static const struct schema schema_route = {
	.fields = route_fields, .check = check_route,
};

static int add_route(struct model *model, const void *object,
		     enum protocol protocol)
{
	struct route *route = array_append(&model->routes);

	if (!route)
		return -ENOMEM;
	*route = *(const struct route *)object;
	route->protocol = protocol;
	return 0;
}

static int add_tcp_route(struct model *model, const void *object)
{
	return add_route(model, object, PROTOCOL_TCP);
}

static int add_udp_route(struct model *model, const void *object)
{
	return add_route(model, object, PROTOCOL_UDP);
}

const struct kind kind_tcp_route = {
	.group = GATEWAY_GROUP,
	.kind = "TCPRoute",
	.versions = { "v1", "v1alpha2" },
	.schema = &schema_route,
	.name_format = &format_subdomain,
	.has_status = true,
	.meta = offsetof(struct route, meta),
	.add = add_tcp_route,
};

const struct kind kind_udp_route = {
	.group = GATEWAY_GROUP,
	.kind = "UDPRoute",
	.versions = { "v1", "v1alpha2" },
	.schema = &schema_route,
	.name_format = &format_subdomain,
	.has_status = true,
	.meta = offsetof(struct route, meta),
	.add = add_udp_route,
};

/* ------------------------------------------------------ reference grant */

static const struct field grant_from_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .required = true,
	  STORE(struct grant_from, group), .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .required = true,
	  STORE(struct grant_from, kind), .format = &format_kind },
	{ .name = "namespace", .type = FIELD_STRING, .required = true,
	  STORE(struct grant_from, namespace), .format = &format_label },
	{ 0 }
};

static const struct schema schema_grant_from = {
	.fields = grant_from_fields, .size = sizeof(struct grant_from),
};

static const struct field grant_to_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .required = true,
	  STORE(struct grant_to, group), .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .required = true,
	  STORE(struct grant_to, kind), .format = &format_kind },
	{ .name = "name", .type = FIELD_STRING, STORE(struct grant_to, name),
	  .format = &format_object_name },
	{ 0 }
};

static const struct schema schema_grant_to = {
	.fields = grant_to_fields, .size = sizeof(struct grant_to),
};

static const struct field grant_spec_fields[] = {
	{ .name = "from", .type = FIELD_LIST, .required = true,
	  .min = 1, .max = 16,
	  STORE_LIST(struct reference_grant, from, from_count),
	  .schema = &schema_grant_from },
	{ .name = "to", .type = FIELD_LIST, .required = true,
	  .min = 1, .max = 16,
	  STORE_LIST(struct reference_grant, to, to_count),
	  .schema = &schema_grant_to },
	{ 0 }
};

static const struct schema schema_grant_spec = { .fields = grant_spec_fields };

static const struct field grant_fields[] = {
	OBJECT_FIELDS(struct reference_grant),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_grant_spec },
	{ 0 }
};

static const struct schema schema_grant = { .fields = grant_fields };

DEFINE_ADD(add_grant, struct reference_grant, grants)

const struct kind kind_reference_grant = {
	.group = GATEWAY_GROUP,
	.kind = "ReferenceGrant",
	.versions = { "v1", "v1beta1" },
	.schema = &schema_grant,
	.name_format = &format_subdomain,
	.meta = offsetof(struct reference_grant, meta),
	.add = add_grant,
};
