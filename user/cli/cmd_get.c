// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* get: what is published, with live numbers, as tables or for machines. */
#include <stdio.h>
#include <string.h>

#include "cli/join.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tables.h"

struct query {
	const struct get_kind *kind;
	const char *name;	/* or NULL: all */
	const char *namespace;	/* or NULL: all */
	enum output output;
};

static const struct get_kind {
	const char *plural;
	const char *singular;
	json_t *(*list)(const struct view *view);
	void (*print)(const struct view *view, const json_t *list, bool wide);
} kinds[] = {
	{ "classes", "class", join_classes, table_classes },
	{ "gateways", "gateway", join_gateways, table_gateways },
	{ "listenersets", "listenerset", join_listener_sets,
	  table_listener_sets },
	{ "listeners", "listener", join_listeners, table_listeners },
	{ "routes", "route", join_routes, table_routes },
	{ "backends", "backend", join_backends, table_backends },
	{ "flows", "flow", join_flows, table_flows },
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

static bool is_wanted(const struct query *query, const json_t *object)
{
	return (!query->namespace || is_in(object, query->namespace)) &&
	       (!query->name ||
		!strcmp(query->name, view_text(object, "name")));
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
	"classes, gateways, listenersets, listeners, routes, backends or flows"

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

static int run_get(const struct globals *globals, int argc, char **argv)
{
	struct query query = { .output = OUTPUT_TABLE };
	struct view view;
	json_t *list;
	int code;

	code = parse(&query, argc, argv);
	if (code != EXIT_DONE)
		return code;
	code = view_open(globals, &view);
	if (code != EXIT_DONE)
		return code;
	list = select_objects(&view, &query);
	if (query.output == OUTPUT_JSON || query.output == OUTPUT_YAML)
		code = output_print(json_pack(
			"{s:i, s:I, s:O}", "schema", 1, "generation",
			view_number(view.state, "generation"),
			query.kind->plural, list), query.output);
	else
		query.kind->print(&view, list, query.output == OUTPUT_WIDE);
	json_decref(list);
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
