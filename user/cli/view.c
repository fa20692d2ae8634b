// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/state.h"

const char *view_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

json_int_t view_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

json_int_t view_stat(const json_t *object, const char *key, const char *sub)
{
	const json_t *stats = json_object_get(object, "stats");

	if (!sub)
		return view_number(stats, key);
	return view_number(json_object_get(stats, key), sub);
}

json_t *view_route(const struct view *view, json_int_t id)
{
	json_t *route;
	size_t i;

	json_array_foreach(json_object_get(view->state, "routes"), i, route)
		if (view_number(route, "id") == id)
			return route;
	return NULL;
}

static void add_stats(const struct view *view, json_t *object,
		      enum map_id map)
{
	struct l4gate_stats stats = stats_read(view->dataplane, map,
					       view_number(object, "id"));
	const __u64 *packets = stats.packets, *bytes = stats.bytes;

	json_object_set_new(object, "stats", json_pack(
		"{s:{s:I,s:I}, s:{s:I,s:I}, s:I, s:I}",
		"packets", "from_client",
		(json_int_t)packets[L4GATE_FROM_CLIENT], "from_backend",
		(json_int_t)packets[L4GATE_FROM_BACKEND],
		"bytes", "from_client", (json_int_t)bytes[L4GATE_FROM_CLIENT],
		"from_backend", (json_int_t)bytes[L4GATE_FROM_BACKEND],
		"flows", (json_int_t)stats.flows,
		"rejected", (json_int_t)stats.rejected));
}

static void add_all(struct view *view)
{
	uint32_t *active = flows_by_backend(&view->flows, &view->active);
	json_t *object, *backend;
	size_t i, j;

	json_array_foreach(json_object_get(view->state, "listeners"), i, object)
		add_stats(view, object, MAP_LISTENER_STATS);
	json_array_foreach(json_object_get(view->state, "routes"), i, object) {
		json_int_t total = 0;

		add_stats(view, object, MAP_ROUTE_STATS);
		json_array_foreach(json_object_get(object, "backends"), j,
				   backend) {
			json_int_t id = view_number(backend, "id");
			json_int_t flows = active && id < L4GATE_MAX_BACKENDS ?
					   active[id] : 0;

			add_stats(view, backend, MAP_BACKEND_STATS);
			json_object_set_new(backend, "active",
					    json_integer(flows));
			total += flows;
		}
		json_object_set_new(object, "active", json_integer(total));
	}
	free(active);
}

int view_open(const struct globals *globals, struct view *view)
{
	struct open_options open = { .pin_dir = globals->pin_dir };
	struct fail fail = { 0 };
	int error;

	*view = (struct view){ 0 };
	error = dataplane_open(&open, OPEN_READ, &view->dataplane, &fail);
	if (!error)
		error = state_read(view->dataplane, &view->state, &fail);
	if (!error)
		error = flows_open(view->dataplane, &view->flows, &fail);
	if (error) {
		view_close(view);
		return say_failed("%s", fail.text);
	}
	add_all(view);
	return EXIT_DONE;
}

void view_close(struct view *view)
{
	flows_close(&view->flows);
	json_decref(view->state);
	dataplane_close(view->dataplane);
	*view = (struct view){ 0 };
}
