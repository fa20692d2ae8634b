// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Listeners, which Gateway and ListenerSet have alike, and ListenerSet: fields,
 * limits and rules of the CRDs of Gateway API 1.6 (apis/v1/gateway_types.go,
 * listenerset_types.go).
 */
#include <errno.h>
#include <string.h>

#include "model/kinds.h"
#include "util/array.h"

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

/* -------------------------------------------------- allowed namespaces */

static int decode_allowed_selector(struct decoder *decoder,
				   const struct node *node, void *object)
{
	struct allowed_namespaces *allowed = object;

	return decode_selector(decoder, node, &allowed->selector);
}

static const char *const from_words[] = {
	[FROM_SAME] = "Same", [FROM_ALL] = "All", [FROM_SELECTOR] = "Selector",
	NULL,
};

static const struct field route_namespaces_fields[] = {
	{ .name = "from", .type = FIELD_ENUM,
	  STORE(struct allowed_namespaces, from), .words = from_words },
	{ .name = "selector", .type = FIELD_CUSTOM,
	  .decode = decode_allowed_selector },
	{ 0 }
};

static const struct schema schema_route_namespaces = {
	.fields = route_namespaces_fields,
};

/* ListenerSets can be kept out altogether, and are if nothing is said. */
static const char *const from_words_or_none[] = {
	[FROM_SAME] = "Same", [FROM_ALL] = "All", [FROM_SELECTOR] = "Selector",
	[FROM_NONE] = "None", NULL,
};

static const struct field listener_namespaces_fields[] = {
	{ .name = "from", .type = FIELD_ENUM, .initial = FROM_NONE,
	  STORE(struct allowed_namespaces, from),
	  .words = from_words_or_none },
	{ .name = "selector", .type = FIELD_CUSTOM,
	  .decode = decode_allowed_selector },
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

const struct schema schema_allowed_listeners = {
	.fields = allowed_listeners_fields,
};

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

static const struct field allowed_routes_fields[] = {
	{ .name = "namespaces", .type = FIELD_OBJECT,
	  .offset = offsetof(struct listener, allowed),
	  .schema = &schema_route_namespaces },
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

static const struct field certificate_fields[] = {
	{ .name = "group", .type = FIELD_STRING, .format = &format_group },
	{ .name = "kind", .type = FIELD_STRING, .format = &format_kind },
	{ .name = "namespace", .type = FIELD_STRING, .format = &format_label },
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  .format = &format_object_name },
	{ 0 }
};

static const struct schema schema_certificate = {
	.fields = certificate_fields,
};

static const struct field tls_fields[] = {
	{ .name = "mode", .type = FIELD_ENUM, .words = tls_mode_words },
	{ .name = "certificateRefs", .type = FIELD_LIST, .max = 64,
	  .schema = &schema_certificate },
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

static uint32_t given_size(const struct node *node, const char *name)
{
	const struct node *child = given(node, name);

	return child ? child->size : 0;
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
	else if (tls && strcmp(mode, "Passthrough") &&
		 !given_size(tls, "certificateRefs") &&
		 !given_size(tls, "options"))
		decode_error(decoder, tls,
			     "tls: certificateRefs or options required with mode Terminate (the default)");
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

const struct schema schema_listener = {
	.fields = listener_fields, .size = sizeof(struct listener),
	.has_loc = true, .loc = offsetof(struct listener, loc),
	.check = check_listener,
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

/* At most 64: all pairs are few. */
void check_listeners(struct decoder *decoder, const struct node *list,
		     const struct listener *listeners, size_t count)
{
	const struct node *first, *second = list->first;
	size_t i, j;

	for (i = 0; i < count; i++, second = second->next) {
		first = list->first;
		for (j = 0; j < i; j++, first = first->next)
			check_listener_pair(decoder, first, &listeners[j],
					    second, &listeners[i]);
	}
}

/* -------------------------------------------------------- listener set */

/* A parentRef of routes without sectionName and port: it is the Gateway. */
static const struct field set_parent_fields[] = {
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
	{ 0 }
};

static const struct schema schema_set_parent = { .fields = set_parent_fields };

static int check_set_spec(struct decoder *decoder, const struct node *node,
			  void *object)
{
	const struct listener_set *set = object;

	check_listeners(decoder, node_get(node, "listeners"), set->listeners,
			set->listener_count);
	return 0;
}

static const struct field set_spec_fields[] = {
	{ .name = "parentRef", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_set_parent,
	  .offset = offsetof(struct listener_set, parent),
	  STORE_LOC(struct listener_set, parent.loc) },
	{ .name = "listeners", .type = FIELD_LIST, .required = true,
	  .min = 1, .max = 64,
	  STORE_LIST(struct listener_set, listeners, listener_count),
	  .schema = &schema_listener },
	{ 0 }
};

static const struct schema schema_set_spec = {
	.fields = set_spec_fields, .check = check_set_spec,
};

static const struct field set_fields[] = {
	OBJECT_FIELDS(struct listener_set),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_set_spec },
	{ 0 }
};

/* A parent's namespace that is not given is the ListenerSet's own. */
static int check_set(struct decoder *decoder, const struct node *node,
		     void *object)
{
	struct listener_set *set = object;

	(void)node;
	if (!*set->parent.namespace)
		set->parent.namespace = *set->meta.namespace ?
					set->meta.namespace :
					decoder->default_namespace;
	return 0;
}

static const struct schema schema_set = {
	.fields = set_fields, .check = check_set,
};

DEFINE_ADD(add_set, struct listener_set, listener_sets)

const struct kind kind_listener_set = {
	.group = GATEWAY_GROUP,
	.kind = "ListenerSet",
	.versions = { "v1" },
	.schema = &schema_set,
	.name_format = &format_subdomain,
	.has_status = true,
	.meta = offsetof(struct listener_set, meta),
	.add = add_set,
};
