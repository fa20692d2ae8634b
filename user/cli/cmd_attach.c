// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* attach and detach. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "dataplane/announce.h"
#include "dataplane/attach.h"

static const char *const mode_names[] = {
	[ATTACH_AUTO] = "auto",
	[ATTACH_NATIVE] = "native",
	[ATTACH_GENERIC] = "generic",
	[ATTACH_TC] = "tc",
};

static int parse_mode(const char *text, enum attach_mode *ret_mode)
{
	size_t i;

	for (i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
		if (!strcmp(text, mode_names[i])) {
			*ret_mode = i;
			return EXIT_DONE;
		}
	return say_usage("attach", "--mode %s: expected auto, native, generic or tc", text);
}

static int parse_number(const char *option, const char *text, uint32_t least,
			uint32_t most, uint32_t *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (!*text || *end || number < least || number > most)
		return say_usage("attach", "--%s %s: expected a number from %u to %u",
				 option, text, least, most);
	*ret_number = number;
	return EXIT_DONE;
}

static int attach_all(const struct dataplane *dataplane, char **devices,
		      int count, enum attach_mode mode)
{
	int i;

	for (i = 0; i < count; i++) {
		struct attachment attachment;
		struct fail fail = { 0 };

		if (device_attach(dataplane, devices[i], mode, &attachment,
				  &fail))
			return say_failed("%s", fail.text);
		printf("%s: attached, %s%s, %s (%s)\n", attachment.name,
		       attachment.xdp == ATTACH_TC ? "tc" : "xdp ",
		       attachment.xdp == ATTACH_TC ? "" :
		       mode_names[attachment.xdp], attachment.tc,
		       attachment.why);
		if (attachment.warning[0])
			fprintf(stderr, "l4gate: warning: %s\n",
				attachment.warning);
	}
	return EXIT_DONE;
}

/* What is published is announced out of all devices, or no longer. */
static void announce_published(const struct dataplane *dataplane, bool begin)
{
	struct state state = { 0 };
	struct fail fail = { 0 };

	if (dataplane->is_foreign)
		return;
	if (state_read(dataplane, &state, &fail) ||
	    announce(dataplane, begin ? NULL : &state, begin ? &state : NULL,
		     &fail))
		fprintf(stderr, "l4gate: warning: %s\n", fail.text);
	state_free(&state);
}

#define OPTION_MAX_FLOWS 256
#define OPTION_MAX_ROUTES 257

struct attach_request {
	enum attach_mode mode;
	struct open_options open;
};

static const struct cli_option attach_options[] = {
	{ 'm', "mode", "MODE",
	  "auto, native (XDP in the driver), generic (XDP behind it) or tc" },
	{ OPTION_MAX_FLOWS, "max-flows", "N",
	  "flows that live side by side; when the maps are made" },
	{ OPTION_MAX_ROUTES, "max-routes", "N",
	  "routes with traffic; ten endpoints each; when the maps are made" },
	{ 0 },
};

static int take_attach_option(void *context, int id, char *argument)
{
	struct attach_request *request = context;

	if (id == 'm')
		return parse_mode(argument, &request->mode);
	if (id == OPTION_MAX_ROUTES)
		return parse_number("max-routes", argument, L4GATE_MIN_ROUTES,
				    L4GATE_MAX_ROUTES,
				    &request->open.max_routes);
	return parse_number("max-flows", argument, L4GATE_MIN_FLOWS,
			    L4GATE_MAX_FLOWS, &request->open.max_flows);
}

static int run_attach(const struct globals *globals, int argc, char **argv)
{
	struct attach_request request = {
		.mode = ATTACH_AUTO, .open.pin_dir = globals->pin_dir,
	};
	struct dataplane *dataplane;
	struct fail fail = { 0 };
	char **devices;
	int code, count;

	code = options_parse(&command_attach, argc, argv, take_attach_option,
			     &request, &devices);
	if (code != EXIT_DONE)
		return code;
	count = argc - (devices - argv);
	if (!count)
		return say_usage("attach", "which device?");
	if (dataplane_open(&request.open, OPEN_LOAD, &dataplane, &fail))
		return say_failed("%s", fail.text);
	code = attach_all(dataplane, devices, count, request.mode);
	if (code == EXIT_DONE)
		announce_published(dataplane, true);
	dataplane_close(dataplane);
	return code;
}

const struct command command_attach = {
	.name = "attach",
	.arguments = "DEV...",
	.help = "attach to devices, or update in place",
	.options = attach_options,
	.run = run_attach,
};

static bool is_named(const struct attachment *attachment, char **names,
		     int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], attachment->name))
			return true;
	return !count;
}

static int detach_some(struct dataplane *dataplane, char **names, int count)
{
	struct attachment *list = NULL;
	struct fail fail = { 0 };
	size_t i, total, left;
	int code = EXIT_DONE, found = 0;

	if (device_list(dataplane, &list, &total, &fail))
		return say_failed("%s", fail.text);
	left = total;
	announce_published(dataplane, false);
	for (i = 0; i < total && code == EXIT_DONE; i++) {
		if (!is_named(&list[i], names, count))
			continue;
		if (device_detach(dataplane, list[i].ifindex, &fail)) {
			code = say_failed("%s", fail.text);
			break;
		}
		printf("%s: detached\n", list[i].name[0] ? list[i].name :
		       "(a device that is gone)");
		found++;
		left--;
	}
	free(list);
	if (left)
		announce_published(dataplane, true);
	if (code == EXIT_DONE && found < count)
		return say_failed("not every device that was named is attached");
	if (code == EXIT_DONE && !left && dataplane_remove(dataplane, &fail))
		return say_failed("%s", fail.text);
	return code;
}

static const struct cli_option detach_options[] = { { 0 } };

static int take_nothing(void *context, int id, char *argument)
{
	(void)context, (void)id, (void)argument;
	return EXIT_DONE;
}

static int run_detach(const struct globals *globals, int argc, char **argv)
{
	struct open_options open = { .pin_dir = globals->pin_dir };
	struct dataplane *dataplane;
	struct fail fail = { 0 };
	int error, code, count;
	char **devices;

	code = options_parse(&command_detach, argc, argv, take_nothing, NULL,
			     &devices);
	if (code != EXIT_DONE)
		return code;
	count = argc - (devices - argv);
	error = dataplane_open(&open, OPEN_REMOVE, &dataplane, &fail);
	if (error == -ENOENT && !count) {
		puts("nothing is attached");
		return EXIT_DONE;
	}
	if (error)
		return say_failed("%s", fail.text);
	code = detach_some(dataplane, devices, count);
	dataplane_close(dataplane);
	return code;
}

const struct command command_detach = {
	.name = "detach",
	.arguments = "[DEV...]",
	.help = "detach from devices, or from all and remove everything",
	.options = detach_options,
	.run = run_detach,
};
