// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* get: what is published, with live numbers, as tables or for machines. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/document.h"
#include "cli/describe.h"
#include "cli/join.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tables.h"

struct query {
	const struct get_kind *kind;
	const char *name;	/* or NULL: all; "TCPRoute/name" */
	const char *namespace;	/* or NULL: all */
	enum output output;
};

static const struct get_kind {
	const char *plural;
	const char *singular;
	json_t *(*list)(const struct view *view);
	void (*print)(const struct view *view, const json_t *list, bool wide);
	/* Of one that is named; NULL: there is nothing to describe. */
	void (*describe)(const struct view *view, json_t *object);
	void (*print_one)(const json_t *object);
} kinds[] = {
	{ .plural = "classes", .singular = "class", .list = join_classes,
	  .print = table_classes },
	{ .plural = "gateways", .singular = "gateway", .list = join_gateways,
	  .print = table_gateways, .describe = describe_gateway,
	  .print_one = print_gateway },
	{ .plural = "listenersets", .singular = "listenerset",
	  .list = join_listener_sets, .print = table_listener_sets },
	{ .plural = "parameters", .singular = "parameters",
	  .list = join_parameters, .print = table_parameters },
	{ .plural = "policies", .singular = "policy", .list = join_policies,
	  .print = table_policies },
	{ .plural = "listeners", .singular = "listener",
	  .list = join_listeners, .print = table_listeners },
	{ .plural = "routes", .singular = "route", .list = join_routes,
	  .print = table_routes, .describe = describe_route,
	  .print_one = print_route },
	{ .plural = "backends", .singular = "backend", .list = join_backends,
	  .print = table_backends },
	{ .plural = "flows", .singular = "flow", .list = join_flows,
	  .print = table_flows },
};

static const struct get_kind *find_kind(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].plural, name) ||
		    !strcmp(kinds[i].singular, name))
			return &kinds[i];
	return NULL;
}

/*
 * What is in no namespace is in any; a listener of a ListenerSet is in two.
 */
static bool is_in(const json_t *object, const char *namespace)
{
	const char *set = view_text(object, "listenerSet");
	size_t n = strlen(namespace);

	return !json_object_get(object, "namespace") ||
	       !strcmp(namespace, view_text(object, "namespace")) ||
	       (!strncmp(set, namespace, n) && set[n] == '/');
}

/* By its name alone or, where kinds have names in common, with its kind. */
static bool has_name(const json_t *object, const char *name)
{
	const char *slash = strchr(name, '/');
	const char *kind = view_text(object, "kind");
	size_t n = slash ? slash - name : 0;

	if (slash && (strncasecmp(name, kind, n) || kind[n]))
		return false;
	return !strcmp(slash ? slash + 1 : name, view_text(object, "name"));
}

static bool is_wanted(const struct query *query, const json_t *object)
{
	return (!query->namespace || is_in(object, query->namespace)) &&
	       (!query->name || has_name(object, query->name));
}

/* The objects of the kind that were asked for. */
static json_t *select_objects(const struct view *view,
			      const struct query *query)
{
	json_t *all = query->kind->list(view), *object;
	json_t *list = json_array();
	size_t i;

	json_array_foreach(all, i, object)
		if (is_wanted(query, object))
			json_array_append(list, object);
	json_decref(all);
	return list;
}

#define EXPECTED							\
	"classes, parameters, gateways, listenersets, listeners, routes, policies, backends or flows"

static const struct cli_option get_options[] = {
	{ 'n', "namespace", "NS", "only what is in this namespace" },
	{ 'o', "output", "FORM",
	  "table, wide (with every condition), json or yaml" },
	{ 0 },
};

static int take_option(void *context, int id, char *argument)
{
	struct query *query = context;

	if (id == 'n') {
		query->namespace = argument;
		return EXIT_DONE;
	}
	return output_parse("get", argument, OUTPUT_TABLE | OUTPUT_WIDE |
			    OUTPUT_JSON | OUTPUT_YAML, &query->output);
}

static int parse(struct query *query, int argc, char **argv)
{
	char **rest;
	int code = options_parse(&command_get, argc, argv, take_option, query,
				 &rest);

	if (code != EXIT_DONE)
		return code;
	if (!rest[0] || (rest[1] && rest[2]))
		return say_usage("get", "expected KIND [NAME]: " EXPECTED);
	query->kind = find_kind(rest[0]);
	if (!query->kind)
		return say_usage("get", "%s: expected " EXPECTED, rest[0]);
	query->name = rest[1];
	return EXIT_DONE;
}

/* The one object that was named, or an exit code after saying why not. */
static int find_one(const struct query *query, const json_t *list,
		    json_t **ret_object)
{
	const char *namespace = query->namespace;
	json_t *object;
	size_t i;

	if (!json_array_size(list))
		return say_failed("%s %s%s%s: there is none that was applied",
				  query->kind->singular, query->name,
				  namespace ? " of namespace " : "",
				  namespace ? namespace : "");
	*ret_object = json_array_get(list, 0);
	if (json_array_size(list) == 1)
		return EXIT_DONE;
	fprintf(stderr, "l4gate: error: %s %s: which one? (-n NAMESPACE, KIND/NAME)\n",
		query->kind->singular, query->name);
	json_array_foreach(list, i, object)
		fprintf(stderr, "  -n %s %s/%s\n",
			view_text(object, "namespace"),
			view_text(object, "kind"), view_text(object, "name"));
	return EXIT_FAILED;
}

static bool is_for_machines(enum output output)
{
	return output == OUTPUT_JSON || output == OUTPUT_YAML;
}

static int print_object(const struct view *view, const struct query *query,
			const json_t *list)
{
	json_t *object = NULL;
	int code = find_one(query, list, &object);

	if (code != EXIT_DONE)
		return code;
	query->kind->describe(view, object);
	if (is_for_machines(query->output))
		return output_print(json_pack(
			"{s:i, s:I, s:O}", "schema", 1, "generation",
			view_number(view->state, "generation"),
			query->kind->singular, object), query->output);
	query->kind->print_one(object);
	return EXIT_DONE;
}

static int print_objects(const struct view *view, const struct query *query,
			 json_t *list)
{
	if (is_for_machines(query->output))
		return output_print(json_pack(
			"{s:i, s:I, s:O}", "schema", 1, "generation",
			view_number(view->state, "generation"),
			query->kind->plural, list), query->output);
	query->kind->print(view, list, query->output == OUTPUT_WIDE);
	return EXIT_DONE;
}

/* Without a document in between: there may be many. */
static int print_routes(const struct view *view, const char *namespace)
{
	struct emit emit = { .out = stdout };
	bool failed;

	emit_member(&emit, "{\"schema\":1,\"generation\":",
		    view->published.generation);
	emit_raw(&emit, ",\"routes\":");
	document_route_objects(&emit, view, namespace);
	emit_raw(&emit, "}\n");
	emit_flush(&emit);
	failed = emit.failed;
	emit_free(&emit);
	return failed ? say_failed("out of memory") : EXIT_DONE;
}

static int print_list(struct view *view, const struct query *query)
{
	json_t *list;
	int code = view_read(view);

	if (code != EXIT_DONE)
		return code;
	list = select_objects(view, query);
	if (query->name && query->kind->describe &&
	    query->output != OUTPUT_TABLE && query->output != OUTPUT_WIDE)
		code = print_object(view, query, list);
	else
		code = print_objects(view, query, list);
	json_decref(list);
	return code;
}

static int run_get(const struct globals *globals, int argc, char **argv)
{
	struct query query = { .output = OUTPUT_UNSET };
	struct view view;
	int code;

	code = parse(&query, argc, argv);
	if (code != EXIT_DONE)
		return code;
	code = view_open(globals, &view);
	if (code != EXIT_DONE)
		return code;
	if (query.kind->list == join_routes && !query.name &&
	    query.output == OUTPUT_JSON)
		code = print_routes(&view, query.namespace);
	else
		code = print_list(&view, &query);
	view_close(&view);
	return code;
}

const struct command command_get = {
	.name = "get",
	.arguments = "KIND [NAME]",
	.help = EXPECTED ", with live numbers",
	.options = get_options,
	.run = run_get,
};
