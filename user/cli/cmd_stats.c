// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* stats: counters as a table, JSON, or Prometheus text. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/document.h"
#include "cli/half_open.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/prometheus.h"
#include "cli/view.h"

static json_t *reasons_json(const struct view *view)
{
	json_t *hooks = json_object();
	int hook, reason;

	for (hook = 0; hook < L4GATE_HOOK_MAX; hook++) {
		json_t *reasons = json_object();

		for (reason = 0; reason < L4GATE_REASON_MAX; reason++) {
			struct l4gate_count count =
				stats_reason(view->dataplane, hook, reason);

			json_object_set_new(reasons, reason_names[reason],
				json_pack("{s:s, s:I, s:I}", "class",
					  reason_classes[reason], "packets",
					  (json_int_t)count.packets, "bytes",
					  (json_int_t)count.bytes));
		}
		json_object_set_new(hooks, hook_names[hook], reasons);
	}
	return hooks;
}

static json_t *stats_json(const struct view *view)
{
	return json_pack(
		"{s:i, s:I, s:O, s:O, s:o, s:o, s:i}", "schema", 1, "generation",
		view_number(view->state, "generation"), "listeners",
		json_object_get(view->state, "listeners"), "routes",
		json_object_get(view->state, "routes"), "reasons",
		reasons_json(view), "half_open", half_open_json(view),
		"active_flows", (int)view->active);
}

/* Gives the document back. */
static void emit_document(struct emit *emit, json_t *document)
{
	char *text = json_dumps(document, JSON_COMPACT);

	emit_raw(emit, text ?: "null");
	emit->failed |= !text;
	free(text);
	json_decref(document);
}

static int print_json(const struct view *view)
{
	struct emit emit = { .out = stdout };
	bool failed;

	emit_member(&emit, "{\"schema\":1,\"generation\":",
		    view->published.generation);
	emit_raw(&emit, ",\"listeners\":");
	document_listeners(&emit, view);
	emit_raw(&emit, ",\"routes\":");
	document_routes(&emit, view);
	emit_raw(&emit, ",\n\"reasons\":");
	emit_document(&emit, reasons_json(view));
	emit_raw(&emit, ",\n\"half_open\":");
	emit_document(&emit, half_open_json(view));
	emit_member(&emit, ",\"active_flows\":", view->active);
	emit_raw(&emit, "}\n");
	emit_flush(&emit);
	failed = emit.failed;
	emit_free(&emit);
	return failed ? say_failed("out of memory") : EXIT_DONE;
}

static void print_line(const char *what, const char *name, const json_t *object)
{
	printf("%-9s %-40s %12lld %12lld %14lld %14lld %9lld %9lld\n", what,
	       name, view_stat(object, "packets", "from_client"),
	       view_stat(object, "packets", "from_backend"),
	       view_stat(object, "bytes", "from_client"),
	       view_stat(object, "bytes", "from_backend"),
	       view_stat(object, "flows", NULL),
	       view_stat(object, "rejected", NULL));
}

static void print_reasons(const struct view *view)
{
	int hook, reason;

	printf("\n%-11s %-20s %12s  %s\n", "HOOK", "REASON", "PACKETS",
	       "MEANING");
	for (hook = 0; hook < L4GATE_HOOK_MAX; hook++)
		for (reason = 0; reason < L4GATE_REASON_MAX; reason++) {
			struct l4gate_count count =
				stats_reason(view->dataplane, hook, reason);

			if (count.packets)
				printf("%-11s %-20s %12llu  %s\n",
				       hook_names[hook], reason_names[reason],
				       (unsigned long long)count.packets,
				       reason_texts[reason]);
		}
}

static void print_table(const struct view *view)
{
	json_t *object, *backend;
	char name[960];
	size_t i, j;

	printf("%-9s %-40s %12s %12s %14s %14s %9s %9s\n", "KIND", "NAME",
	       "PACKETS IN", "PACKETS OUT", "BYTES IN", "BYTES OUT",
	       "NEW FLOWS", "REJECTED");
	json_array_foreach(json_object_get(view->state, "listeners"), i,
			   object) {
		const char *set = view_text(object, "listenerSet");

		snprintf(name, sizeof(name), "%s/%s/%s%s%s",
			 view_text(object, "namespace"),
			 view_text(object, "gateway"), set, *set ? "/" : "",
			 view_text(object, "name"));
		print_line("listener", name, object);
	}
	json_array_foreach(json_object_get(view->state, "routes"), i, object) {
		snprintf(name, sizeof(name), "%s/%s",
			 view_text(object, "namespace"),
			 view_text(object, "name"));
		print_line("route", name, object);
		json_array_foreach(json_object_get(object, "backends"), j,
				   backend)
			print_line("  backend", view_text(backend, "endpoint"),
				   backend);
	}
	half_open_print_stats(view);
	print_reasons(view);
}

/* To a file beside the target and over it: a scraper sees the old or the new. */
static int write_textfile(const struct view *view, const char *path)
{
	char temporary[PATH_MAX];
	FILE *file;
	int fd;

	if (snprintf(temporary, sizeof(temporary), "%s.tmp-%d", path,
		     (int)getpid()) >= (int)sizeof(temporary))
		return say_failed("%s: the name is too long", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return say_failed("%s: %s", temporary, strerror(errno));
	prometheus_print(file, view);
	if (fflush(file) || fchmod(fd, 0644) || fsync(fd) ||
	    rename(temporary, path)) {
		int error = errno;

		fclose(file);
		unlink(temporary);
		return say_failed("%s: %s", path, strerror(error));
	}
	fclose(file);
	return EXIT_DONE;
}

#define OPTION_TEXTFILE 256

static const struct cli_option stats_options[] = {
	{ 'o', "output", "FORM", "table, json, yaml or prometheus" },
	{ OPTION_TEXTFILE, "textfile", "PATH",
	  "Prometheus text into this file, at once" },
	{ 0 },
};

struct stats_request {
	enum output output;
	const char *textfile;
};

static int take_option(void *context, int id, char *argument)
{
	struct stats_request *request = context;

	if (id == OPTION_TEXTFILE) {
		request->textfile = argument;
		return EXIT_DONE;
	}
	return output_parse("stats", argument, OUTPUT_TABLE | OUTPUT_JSON |
			    OUTPUT_YAML | OUTPUT_PROMETHEUS, &request->output);
}

static int run_stats(const struct globals *globals, int argc, char **argv)
{
	struct stats_request request = { .output = OUTPUT_TABLE };
	struct view view;
	char **rest;
	int code;

	code = options_parse(&command_stats, argc, argv, take_option, &request,
			     &rest);
	if (code != EXIT_DONE)
		return code;
	if (*rest)
		return say_usage("stats", "%s: unexpected", *rest);
	code = view_open(globals, &view);
	if (code != EXIT_DONE)
		return code;
	if (request.output != OUTPUT_JSON || request.textfile)
		code = view_read(&view);
	if (code != EXIT_DONE)
		;
	else if (request.textfile)
		code = write_textfile(&view, request.textfile);
	else if (request.output == OUTPUT_PROMETHEUS)
		prometheus_print(stdout, &view);
	else if (request.output == OUTPUT_TABLE)
		print_table(&view);
	else if (request.output == OUTPUT_JSON)
		code = print_json(&view);
	else
		code = output_print(stats_json(&view), request.output);
	view_close(&view);
	return code;
}

const struct command command_stats = {
	.name = "stats",
	.arguments = "",
	.help = "counters",
	.options = stats_options,
	.run = run_stats,
};
