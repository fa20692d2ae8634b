// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* explain: what would happen to a packet, and why, without sending it. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/options.h"
#include "cli/output.h"
#include "dataplane/way.h"

struct request {
	struct probe probe;
	const char *device;	/* or NULL: to be found */
	bool has_flags;
	enum output output;
};

enum { OPTION_DEV = 256, OPTION_FLAGS };

static const struct cli_option explain_options[] = {
	{ OPTION_DEV, "dev", "DEV",
	  "the device that it comes in by; the one that is attached, or that "
	  "the route to SRC goes out by" },
	{ OPTION_FLAGS, "flags", "FLAGS", "of TCP, as in SYN|ACK; SYN" },
	{ 'o', "output", "FORM", "text or json" },
	{ 0 },
};

static int take_option(void *context, int id, char *argument)
{
	struct request *request = context;

	switch (id) {
	case OPTION_DEV:
		request->device = argument;
		return EXIT_DONE;
	case OPTION_FLAGS:
		request->has_flags = true;
		if (!probe_parse_flags(argument, &request->probe.flags))
			return EXIT_DONE;
		return say_usage("explain", "--flags %s: expected some of FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, as in SYN|ACK",
				 argument);
	default:
		return output_parse("explain", argument,
				    OUTPUT_TEXT | OUTPUT_JSON,
				    &request->output);
	}
}

static int parse_ends(char *const *rest, struct probe *probe)
{
	if (probe_parse_protocol(rest[0], &probe->protocol))
		return say_usage("explain", "%s: expected tcp or udp", rest[0]);
	if (probe_parse_end(rest[1], &probe->src, &probe->sport))
		return say_usage("explain", "%s: expected ADDRESS:PORT or [ADDRESS]:PORT",
				 rest[1]);
	if (probe_parse_end(rest[2], &probe->dst, &probe->dport))
		return say_usage("explain", "%s: expected ADDRESS:PORT or [ADDRESS]:PORT",
				 rest[2]);
	if (probe->src.family != probe->dst.family)
		return say_usage("explain", "%s, %s: one is IPv4 and one is IPv6",
				 rest[1], rest[2]);
	return EXIT_DONE;
}

static int parse(struct request *request, int argc, char **argv)
{
	struct probe *probe = &request->probe;
	char **rest;
	int code;

	code = options_parse(&command_explain, argc, argv, take_option,
			     request, &rest);
	if (code != EXIT_DONE)
		return code;
	if (!rest[0] || !rest[1] || !rest[2] || rest[3])
		return say_usage("explain", "expected PROTO SRC:PORT DST:PORT");
	code = parse_ends(rest, probe);
	if (code != EXIT_DONE)
		return code;
	if (request->has_flags && probe->protocol != IPPROTO_TCP)
		return say_usage("explain", "--flags: UDP has none");
	if (!request->has_flags && probe->protocol == IPPROTO_TCP)
		probe->flags = PROBE_SYN;
	return EXIT_DONE;
}

static const struct attachment *find_device(const struct attachment *list,
					    size_t count, const char *name,
					    unsigned int ifindex)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (name ? !strcmp(list[i].name, name) :
			   list[i].ifindex == ifindex)
			return &list[i];
	return NULL;
}

/* The attached device that the packet comes in by, or an exit code. */
static int choose_device(const struct request *request,
			 const struct attachment *list, size_t count,
			 const struct attachment **ret_device)
{
	char name[IF_NAMESIZE] = "?";
	unsigned int ifindex = 0;
	struct fail fail = { 0 };

	if (!count)
		return say_failed("nothing is attached (l4gate attach DEV)");
	if (request->device) {
		*ret_device = find_device(list, count, request->device, 0);
		return *ret_device ? EXIT_DONE :
		       say_failed("%s: not attached: what comes in there is not looked at (l4gate status says what is)",
				  request->device);
	}
	*ret_device = list;
	if (count == 1)
		return EXIT_DONE;
	if (way_to(&request->probe.src, &ifindex, &fail))
		return say_failed("%s: which device does it come in by? (--dev)",
				  fail.text);
	*ret_device = find_device(list, count, NULL, ifindex);
	return *ret_device ? EXIT_DONE :
	       say_failed("%s, by which the route to the source goes out, is not attached: which device does it come in by? (--dev)",
			  if_indextoname(ifindex, name) ?: name);
}

static int run_dry(const struct request *request, const struct view *view,
		   const struct attachment *device, struct dry_run *ret_run)
{
	uint8_t frame[PROBE_MAX];
	struct fail fail = { 0 };
	struct dry *dry = NULL;
	size_t size;
	int error;

	size = probe_build(&request->probe, device->mac, frame);
	error = dry_open(view->dataplane, &dry, &fail);
	if (!error)
		error = dry_run(dry, device->ifindex,
				device->xdp != ATTACH_TC, frame, size, ret_run,
				&fail);
	dry_close(dry);
	return error ? say_failed("%s", fail.text) : EXIT_DONE;
}

static int explain(const struct request *request, const struct view *view,
		   const struct attachment *device)
{
	static struct dry_run run;
	const struct explained explained = {
		.view = view, .probe = &request->probe, .device = device,
		.run = &run,
	};
	struct fail fail = { 0 };
	uint64_t generation;
	json_t *document;
	int code;

	code = run_dry(request, view, device, &run);
	if (code != EXIT_DONE)
		return code;
	/* Names and numbers have to be of one config. */
	if (generation_read(view->dataplane, &generation, &fail))
		return say_failed("%s", fail.text);
	if (generation != view->published.generation)
		return say_failed("another config was applied meanwhile: ask again");
	document = explain_document(&explained);
	if (request->output == OUTPUT_JSON || !document)
		return output_print(document, OUTPUT_JSON);
	explain_print(document);
	if (run.no_xdp)
		puts("note      before Linux 5.15 only TC can be asked: XDP may do the same sooner");
	json_decref(document);
	return EXIT_DONE;
}

static int run_explain(const struct globals *globals, int argc, char **argv)
{
	struct request request = { .output = OUTPUT_TEXT };
	const struct attachment *device = NULL;
	struct attachment *list = NULL;
	struct fail fail = { 0 };
	struct view view;
	size_t count = 0;
	int code;

	code = parse(&request, argc, argv);
	if (code == EXIT_DONE)
		code = view_open(globals, &view);
	if (code != EXIT_DONE)
		return code;
	if (device_list(view.dataplane, &list, &count, &fail))
		code = say_failed("%s", fail.text);
	if (code == EXIT_DONE)
		code = choose_device(&request, list, count, &device);
	if (code == EXIT_DONE && device)
		code = explain(&request, &view, device);
	free(list);
	view_close(&view);
	return code;
}

const struct command command_explain = {
	.name = "explain",
	.arguments = "PROTO SRC:PORT DST:PORT",
	.help = "what would happen to a packet, and why",
	.options = explain_options,
	.run = run_explain,
};
