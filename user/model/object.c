// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/kinds.h"
#include "util/array.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Kinds that are counted apart; a hostile file could name a million. */
#define MAX_SKIPPED_KINDS 256

static const struct kind *const kinds[] = {
	&kind_gateway_class,
	&kind_gateway,
	&kind_listener_set,
	&kind_tcp_route,
	&kind_udp_route,
	&kind_reference_grant,
	&kind_service,
	&kind_endpoint_slice,
	&kind_namespace,
	&kind_gateway_parameters,
	&kind_route_policy,
};

/* Kinds of the API's group that are none of ours, by their right names. */
static const char *const other_kinds[] = {
	"HTTPRoute", "GRPCRoute", "TLSRoute", "BackendTLSPolicy",
	"BackendLBPolicy", "ReferencePolicy",
};

/* Of metadata: everything that an API server writes there, too. */
static const struct field meta_fields[] = {
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  STORE(struct object_meta, name), STORE_LOC(struct object_meta, loc),
	  .format = &format_object_name },
	{ .name = "namespace", .type = FIELD_STRING,
	  STORE(struct object_meta, namespace),
	  .format = &format_optional_label },
	{ .name = "labels", .type = FIELD_MAP,
	  STORE_LIST(struct object_meta, labels, label_count),
	  .format = &format_label_value },
	{ .name = "annotations", .type = FIELD_MAP,
	  .format = &format_annotation_value },
	{ .name = "creationTimestamp", .type = FIELD_TIME,
	  STORE(struct object_meta, created) },
	{ .name = "generation", .type = FIELD_INT, .max = INT64_MAX,
	  STORE(struct object_meta, generation) },
	{ .name = "deletionTimestamp", .type = FIELD_TIME },
	{ .name = "deletionGracePeriodSeconds", .type = FIELD_ANY },
	{ .name = "finalizers", .type = FIELD_ANY },
	{ .name = "generateName", .type = FIELD_ANY },
	{ .name = "managedFields", .type = FIELD_ANY },
	{ .name = "ownerReferences", .type = FIELD_ANY },
	{ .name = "resourceVersion", .type = FIELD_ANY },
	{ .name = "selfLink", .type = FIELD_ANY },
	{ .name = "uid", .type = FIELD_ANY },
	{ .name = "clusterName", .type = FIELD_ANY },
	{ 0 }
};

const struct schema schema_meta = { .fields = meta_fields };

void objects_begin(struct object_reader *reader,
		   const struct manifest_options *options, struct model *model,
		   struct diags *diags)
{
	*reader = (struct object_reader){
		.model = model,
		.diags = diags,
		.lenient = options && options->lenient,
		.before = {
			[LIST_CLASSES] = model->classes.count,
			[LIST_GATEWAYS] = model->gateways.count,
			[LIST_LISTENER_SETS] = model->listener_sets.count,
			[LIST_ROUTES] = model->routes.count,
			[LIST_GRANTS] = model->grants.count,
			[LIST_SERVICES] = model->services.count,
			[LIST_SLICES] = model->slices.count,
			[LIST_NAMESPACES] = model->namespaces.count,
			[LIST_PARAMETERS] = model->parameters.count,
			[LIST_POLICIES] = model->policies.count,
		},
	};
}

/* What an object says it is. */
struct identity {
	const char *api_version;
	const char *version;	/* in api_version, behind the group */
	size_t group_size;
	const char *kind;
	struct loc kind_loc;
};

static bool has_group(const struct identity *identity, const char *group)
{
	return strlen(group) == identity->group_size &&
	       !memcmp(identity->api_version, group, identity->group_size);
}

/* Letters, digits, '-', '.' and '/', as many as a name can have. */
static bool is_identity(const char *text)
{
	return strlen(text) < 512 &&
	       !text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./")];
}

/* apiVersion or kind of an object; NULL, with an error, if there is none. */
static const char *read_identity(struct object_reader *reader,
				 const struct node *root, const char *name)
{
	const struct node *node = node_get(root, name);
	struct loc loc = node_loc(reader->source, node ? node : root);

	if (!node || node_is_null(node))
		diag_error(reader->diags, loc, "%s: required, but missing", name);
	else if (!node_is_string(node) || !node->size)
		diag_error(reader->diags, loc,
			   "%s: expected a name as a string, got %s", name,
			   node->size ? node_describe(node) : "an empty one");
	else if (!is_identity(node->text))
		diag_error(reader->diags, loc, "%s \"%s\": expected a name such "
			   "as %s", name, SHOW(node->text), *name == 'k' ?
			   "TCPRoute" : GATEWAY_GROUP "/v1");
	else
		return node->text;
	return NULL;
}

/* What compile itself prints: it can be given back without a word. */
static bool is_output(const struct identity *identity)
{
	return has_group(identity, OWN_GROUP) &&
	       !strcmp(identity->kind, "CompiledTables");
}

/* A kind that is not known: was one of ours meant? */
static void warn_unknown_kind(struct object_reader *reader,
			      const struct identity *identity)
{
	unsigned int distance;
	size_t i;

	if (has_group(identity, OWN_GROUP)) {
		diag_warning(reader->diags, identity->kind_loc,
			     "%s: this version of l4gate does not know this "
			     "kind, it has no effect", identity->kind);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(other_kinds); i++)
		if (!strcmp(identity->kind, other_kinds[i]))
			return;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		distance = word_distance(identity->kind, kinds[i]->kind);
		if (!has_group(identity, kinds[i]->group) ||
		    !word_is_close(identity->kind, distance))
			continue;
		diag_warning(reader->diags, identity->kind_loc,
			     "%s: unknown kind, skipped; did you mean %s?",
			     identity->kind, kinds[i]->kind);
		return;
	}
}

static struct skipped_kind *find_skipped(struct model *model,
					 const char *api_version,
					 const char *kind)
{
	size_t i;

	for (i = 0; i < model->skipped.count; i++) {
		struct skipped_kind *skipped = &model->skipped.items[i];

		if (!strcmp(skipped->kind, kind) &&
		    !strcmp(skipped->api_version, api_version))
			return skipped;
	}
	return NULL;
}

static int skip(struct object_reader *reader, const struct identity *identity)
{
	const char *api_version = identity->api_version;
	struct model *model = reader->model;
	const char *kind = identity->kind;
	struct skipped_kind *skipped;

	if (model->skipped.count >= MAX_SKIPPED_KINDS) {
		api_version = "*";
		kind = "others";
	}
	skipped = find_skipped(model, api_version, kind);
	if (skipped) {
		skipped->count++;
		return 0;
	}
	warn_unknown_kind(reader, identity);
	api_version = arena_strdup(&model->arena, api_version);
	kind = arena_strdup(&model->arena, kind);
	if (!api_version || !kind)
		return -ENOMEM;
	skipped = array_append(&model->skipped);
	if (!skipped)
		return -ENOMEM;
	*skipped = (struct skipped_kind){ api_version, kind, 1 };
	return 0;
}

/* Name and namespace for messages, before they are decoded. */
static const char *peek(const struct node *root, const char *name)
{
	const struct node *node = node_get(node_get(root, "metadata"), name);

	return node && node->kind == NODE_SCALAR ? node->text : NULL;
}

/*
 * Whether an object may be in a file of a namespace's own. What is in no
 * namespace concerns them all, and only the operator of the node may give it.
 */
static bool check_team(struct object_reader *reader,
		       const struct identity *identity,
		       const struct node *root, bool cluster_scoped)
{
	const struct node *metadata = node_get(root, "metadata");
	const struct node *node = node_get(metadata, "namespace");
	const char *namespace = peek(root, "namespace");

	if (!reader->team)
		return true;
	if (cluster_scoped)
		diag_error(reader->diags, identity->kind_loc,
			   "%s: is in no namespace, and this is the directory of namespace %s",
			   identity->kind, reader->team);
	else if (namespace && *namespace && !node_is_null(node) &&
		 strcmp(namespace, reader->team))
		diag_error(reader->diags, node_loc(reader->source, node),
			   "namespace \"%s\": this is the directory of namespace %s",
			   SHOW(namespace), reader->team);
	else
		return true;
	return false;
}

/* The rules of metadata that differ from kind to kind. */
static void finish_meta(struct decoder *decoder, const struct kind *kind,
			const struct node *root, struct object_meta *meta)
{
	const struct node *node = node_get(root, "metadata");
	const struct format *format = kind->name_format;

	if (kind->cluster_scoped && *meta->namespace)
		decode_error(decoder, decode_at(node, "namespace"),
			     "namespace: a %s is in none", kind->kind);
	if (!kind->cluster_scoped && !*meta->namespace)
		meta->namespace = decoder->default_namespace;
	if (*meta->name && strlen(meta->name) > format->max)
		decode_error(decoder, decode_at(node, "name"),
			     "name: %zu bytes, at most %zu for a %s",
			     strlen(meta->name), format->max, kind->kind);
	else if (*meta->name && !format->match(meta->name))
		decode_error(decoder, decode_at(node, "name"),
			     "name \"%s\": expected %s", SHOW(meta->name),
			     format->expected);
}

static const char *default_namespace(const struct object_reader *reader)
{
	return reader->team ?: "default";
}

static int keep_node(struct arena *arena, const struct node *root,
		     const char *name, const struct node **ret_node)
{
	const struct node *node = node_get(root, name);

	if (!node || node_is_null(node))
		return 0;
	*ret_node = node_copy(arena, node);
	return *ret_node ? 0 : -ENOMEM;
}

/* The parts of an object that are given back as they were written. */
static int keep_given(struct arena *arena, const struct kind *kind,
		      const char *version, const struct node *root,
		      struct object_meta *meta)
{
	struct given *given = arena_alloc(arena, sizeof(*given));

	if (!given)
		return -ENOMEM;
	given->api_version = arena_printf(arena, "%s/%s", kind->group, version);
	if (!given->api_version)
		return -ENOMEM;
	if (meta->created) {
		given->created = arena_strdup(arena,
					      peek(root, "creationTimestamp"));
		if (!given->created)
			return -ENOMEM;
	}
	meta->given = given;
	return keep_node(arena, root, "spec", &given->spec) ?:
	       keep_node(arena, root, "status", &given->status);
}

/*
 * Never in our own kinds: a field that is left out of a RoutePolicy could be
 * the one that keeps strangers away.
 */
static bool may_have_unknown(const struct object_reader *reader,
			     const struct kind *kind)
{
	return kind->core ||
	       (reader->lenient && strcmp(kind->group, OWN_GROUP));
}

static int read_known(struct object_reader *reader, const struct kind *kind,
		      const char *version, const struct node *root)
{
	struct decoder decoder = {
		.model = reader->model,
		.diags = reader->diags,
		.source = reader->source,
		.warn_unknown = may_have_unknown(reader, kind),
		.kind = kind->kind,
		.version = version,
		.namespace = kind->cluster_scoped ? "" :
			     peek(root, "namespace") ?:
			     default_namespace(reader),
		.default_namespace = default_namespace(reader),
		.name = peek(root, "name"),
	};
	union any_object object = { 0 };
	struct object_meta *meta = (void *)((char *)&object + kind->meta);
	int err;

	decode_defaults(kind->schema, &object);
	meta->loc = node_loc(reader->source, root);
	err = decode_object(&decoder, kind->schema, root, &object);
	if (err)
		return err;
	finish_meta(&decoder, kind, root, meta);
	if (kind->has_status &&
	    keep_given(&reader->model->arena, kind, version, root, meta))
		return -ENOMEM;
	reader->model->object_count++;
	return kind->add(reader->model, &object);
}

static void report_version(struct object_reader *reader,
			   const struct kind *kind,
			   const struct identity *identity,
			   const struct node *root)
{
	const struct node *node = node_get(root, "apiVersion");

	diag_error(reader->diags, node_loc(reader->source, node ? node : root),
		   "apiVersion \"%s\" of %s: expected %s%s%s%s%s",
		   identity->api_version, kind->kind, kind->group,
		   *kind->group ? "/" : "", kind->versions[0],
		   kind->versions[1] ? " or " : "",
		   kind->versions[1] ? kind->versions[1] : "");
}

static int read_object(struct object_reader *reader,
		       const struct identity *identity, const struct node *root)
{
	size_t i, v;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *kind = kinds[i];

		if (strcmp(kind->kind, identity->kind) ||
		    !has_group(identity, kind->group))
			continue;
		if (!check_team(reader, identity, root, kind->cluster_scoped))
			return 0;
		for (v = 0; kind->versions[v]; v++)
			if (!strcmp(kind->versions[v], identity->version))
				return read_known(reader, kind,
						  kind->versions[v], root);
		report_version(reader, kind, identity, root);
		return 0;
	}
	if (is_output(identity) || !check_team(reader, identity, root, false))
		return 0;
	return skip(reader, identity);
}

/*
 * A list of objects: "List", or "TCPRouteList", whose items need not repeat
 * apiVersion and kind. Returns 0 or -ENOMEM.
 */
static int read_list(struct object_reader *reader,
		     const struct identity *identity, const struct node *items)
{
	size_t kind_size = strlen(identity->kind) - strlen("List");
	const struct node *item;
	struct identity inherited;
	char *kind;
	int err = 0;

	if (items->kind != NODE_LIST) {
		diag_error(reader->diags, node_loc(reader->source, items),
			   "items: expected a list, got %s",
			   node_describe(items));
		return 0;
	}
	kind = strndup(identity->kind, kind_size);
	if (!kind)
		return -ENOMEM;
	inherited = *identity;
	inherited.kind = kind;
	for (item = items->first; item && !err; item = item->next) {
		if (kind_size && item->kind == NODE_MAP &&
		    !node_get(item, "kind") && !node_get(item, "apiVersion")) {
			reader->seen++;
			inherited.kind_loc = node_loc(reader->source, item);
			err = read_object(reader, &inherited, item);
		} else {
			err = object_read(reader, item);
		}
	}
	free(kind);
	return err;
}

static bool is_list(const struct identity *identity)
{
	size_t n = strlen(identity->kind);

	return n >= 4 && !strcmp(identity->kind + n - 4, "List");
}

int object_read(struct object_reader *reader, const struct node *root)
{
	struct identity identity;
	const struct node *items;
	const char *slash;

	reader->seen++;
	if (root->kind != NODE_MAP) {
		diag_error(reader->diags, node_loc(reader->source, root),
			   "expected an object with apiVersion and kind, got "
			   "%s", node_describe(root));
		return 0;
	}
	if (!node_get(root, "apiVersion") && !node_get(root, "kind")) {
		diag_error(reader->diags, node_loc(reader->source, root),
			   "no apiVersion and no kind: expected an object of "
			   "Kubernetes");
		return 0;
	}
	identity.api_version = read_identity(reader, root, "apiVersion");
	identity.kind = read_identity(reader, root, "kind");
	if (!identity.api_version || !identity.kind)
		return 0;
	identity.kind_loc = node_loc(reader->source, node_get(root, "kind"));
	slash = strchr(identity.api_version, '/');
	identity.version = slash ? slash + 1 : identity.api_version;
	identity.group_size = slash ? slash - identity.api_version : 0;

	items = node_get(root, "items");
	if (is_list(&identity) && items && !node_is_null(items))
		return read_list(reader, &identity, items);
	if (is_list(&identity))
		return 0;
	return read_object(reader, &identity, root);
}
