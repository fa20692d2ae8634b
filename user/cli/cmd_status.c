// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* status: what is attached, where and how, and how full it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/half_open.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/view.h"
#include "dataplane/attach.h"

static const char *mode_name(const struct attachment *attachment)
{
	switch (attachment->xdp) {
	case ATTACH_NATIVE:
		return "native";
	case ATTACH_GENERIC:
		return "generic";
	default:
		return "tc";
	}
}

/* How much of what there is room for is in use. */
static json_t *limits_json(const struct view *view)
{
	const struct state *state = &view->published;
	const struct sizes *sizes = &view->dataplane->sizes;
	size_t addresses = state->place_count + state->retired_count;
	size_t chunks = state->origin_count, i, j;

	for (i = 0; i < state->route_count; i++)
		for (j = 0; j < L4GATE_FAMILIES; j++)
			chunks += state->routes[i].tables[j].chunks +
				  state->routes[i].ranges[j].chunks;
	return json_pack(
		"{s:{s:I,s:I}, s:{s:I,s:I}, s:{s:I,s:I}, s:{s:I,s:I}, s:{s:I,s:I}}",
		"listeners", "used", (json_int_t)state->listener_count, "max",
		(json_int_t)sizes->listeners,
		"addresses", "used", (json_int_t)addresses, "max",
		(json_int_t)L4GATE_MAX_ENDPOINTS,
		"routes", "used", (json_int_t)state->route_count, "max",
		(json_int_t)sizes->routes,
		"backends", "used", (json_int_t)state->backend_count, "max",
		(json_int_t)sizes->backends,
		"chunks", "used", (json_int_t)chunks, "max",
		(json_int_t)sizes->chunks);
}

/* Kernel memory of the maps that grow with flows, and of all others. */
static json_t *memory_json(const struct view *view)
{
	uint64_t config = 0, flows = 0;
	int map;

	for (map = 0; map < MAP_COUNT; map++) {
		uint64_t bytes = dataplane_map_bytes(view->dataplane, map);

		if (map < MAP_WORDS || map == MAP_HALF_OPEN ||
		    map >= MAP_LISTENER_STATS)
			config += bytes;
		else
			flows += bytes;
	}
	return json_pack("{s:I, s:I}", "config", (json_int_t)config, "flows",
			 (json_int_t)flows);
}

static json_t *status_json(const struct globals *globals,
			   const struct view *view,
			   const struct attachment *list, size_t count)
{
	json_t *devices = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(devices, json_pack(
			"{s:s, s:i, s:s, s:s, s:i, s:b}", "name", list[i].name,
			"ifindex", (int)list[i].ifindex, "mode",
			mode_name(&list[i]), "tc", list[i].tc, "mtu",
			(int)list[i].mtu, "alive", list[i].name[0] != 0));
	return json_pack(
		"{s:i, s:s, s:I, s:I, s:o, s:{s:i,s:i}, s:i, s:i, s:[i,i], s:o, s:o, s:o, s:o}",
		"schema", 1, "pin_dir", globals->pin_dir, "generation",
		(json_int_t)view->published.generation, "applied",
		(json_int_t)view->published.applied, "devices", devices,
		"flows", "active", (int)view->active, "max",
		(int)view->dataplane->meta.max_flows, "listeners",
		(int)view->published.listener_count,
		"routes",
		(int)view->published.route_count,
		"nat_ports", (int)view->dataplane->meta.nat_port_min,
		(int)view->dataplane->meta.nat_port_max, "limits",
		limits_json(view), "map_bytes", memory_json(view), "half_open",
		half_open_json(view), "full_listeners", half_open_full(view));
}

static void print_limits(const json_t *status)
{
	json_t *limits = json_object_get(status, "limits"), *limit;
	const char *name;

	json_object_foreach(limits, name, limit)
		printf("%-11s %lld of %lld\n", name,
		       view_number(limit, "used"), view_number(limit, "max"));
}

static void print_table(const json_t *status)
{
	const json_t *bytes = json_object_get(status, "map_bytes");
	const json_t *flows = json_object_get(status, "flows");
	const json_t *ports = json_object_get(status, "nat_ports");
	json_t *device;
	size_t i;

	printf("%-16s %-8s %-8s %-7s %s\n", "DEVICE", "IFINDEX", "MODE", "TC",
	       "MTU");
	json_array_foreach(json_object_get(status, "devices"), i, device)
		printf("%-16s %-8lld %-8s %-7s %lld\n",
		       view_text(device, "name")[0] ?
		       view_text(device, "name") : "(gone)",
		       view_number(device, "ifindex"),
		       view_text(device, "mode"), view_text(device, "tc"),
		       view_number(device, "mtu"));
	printf("\npins        %s\ngeneration  %lld\n",
	       view_text(status, "pin_dir"),
	       view_number(status, "generation"));
	print_limits(status);
	printf("flows       %lld of %lld\n", view_number(flows, "active"),
	       view_number(flows, "max"));
	half_open_print_status(json_object_get(status, "half_open"),
			       json_object_get(status, "full_listeners"));
	printf("NAT ports   %lld to %lld for each backend\nmap memory  %.1f MB, and %.1f MB for flows\n",
	       json_integer_value(json_array_get(ports, 0)),
	       json_integer_value(json_array_get(ports, 1)),
	       view_number(bytes, "config") / 1e6,
	       view_number(bytes, "flows") / 1e6);
}

static const struct cli_option status_options[] = {
	{ 'o', "output", "FORM", "table, json or yaml" },
	{ 0 },
};

static int take_option(void *context, int id, char *argument)
{
	(void)id;
	return output_parse("status", argument, OUTPUT_TABLE | OUTPUT_JSON |
			    OUTPUT_YAML, context);
}

static int run_status(const struct globals *globals, int argc, char **argv)
{
	struct attachment *list = NULL;
	struct fail fail = { 0 };
	enum output output = OUTPUT_TABLE;
	struct view view;
	json_t *status;
	size_t count;
	char **rest;
	int code;

	code = options_parse(&command_status, argc, argv, take_option, &output,
			     &rest);
	if (code != EXIT_DONE)
		return code;
	if (*rest)
		return say_usage("status", "%s: unexpected", *rest);
	code = view_open(globals, &view);
	if (code != EXIT_DONE)
		return code;
	if (device_list(view.dataplane, &list, &count, &fail)) {
		view_close(&view);
		return say_failed("%s", fail.text);
	}
	status = status_json(globals, &view, list, count);
	if (output != OUTPUT_TABLE) {
		code = output_print(status, output);
	} else {
		print_table(status);
		json_decref(status);
	}
	free(list);
	view_close(&view);
	return code;
}

const struct command command_status = {
	.name = "status",
	.arguments = "",
	.help = "what is attached, and how full it is",
	.options = status_options,
	.run = run_status,
};
