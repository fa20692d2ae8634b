// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/view.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/document.h"

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

const struct l4gate_stats *view_stats(const struct view_counters *counters,
				      uint32_t id)
{
	static const struct l4gate_stats none;

	return id < counters->count ? &counters->items[id] : &none;
}

/* Those up to the highest number that is in use. */
static int read_counters(const struct view *view, enum map_id map,
			 uint32_t highest, struct view_counters *counters)
{
	counters->items = stats_read_all(view->dataplane, map, highest + 1,
					 &counters->count);
	return counters->items ? 0 : -ENOMEM;
}

static int read_all_counters(struct view *view)
{
	const struct state *state = &view->published;
	uint32_t listener = 0, route = 0, backend = 0;
	size_t i;

	for (i = 0; i < state->listener_count; i++)
		if (state->listeners[i].id > listener)
			listener = state->listeners[i].id;
	for (i = 0; i < state->route_count; i++)
		if (state->routes[i].id > route)
			route = state->routes[i].id;
	for (i = 0; i < state->backend_count; i++)
		if (state->backends[i].id > backend)
			backend = state->backends[i].id;
	view->by_backend = flows_by_backend(&view->flows, &view->active);
	view->surplus = stats_surplus(view->dataplane, listener + 1);
	if (!view->surplus)
		return -ENOMEM;
	return read_counters(view, MAP_LISTENER_STATS, listener,
			     &view->listener_stats) ?:
	       read_counters(view, MAP_ROUTE_STATS, route,
			     &view->route_stats) ?:
	       read_counters(view, MAP_BACKEND_STATS, backend,
			     &view->backend_stats);
}

int view_open(const struct globals *globals, struct view *view)
{
	struct open_options open = { .pin_dir = globals->pin_dir };
	struct fail fail = { 0 };
	int error;

	*view = (struct view){ 0 };
	error = dataplane_open(&open, OPEN_READ, &view->dataplane, &fail);
	if (!error)
		error = state_read(view->dataplane, &view->published, &fail);
	if (!error)
		error = flows_open(view->dataplane, &view->flows, &fail);
	if (error) {
		view_close(view);
		return say_failed("%s", fail.text);
	}
	if (read_all_counters(view)) {
		view_close(view);
		return say_failed("out of memory");
	}
	return EXIT_DONE;
}

int view_read(struct view *view)
{
	view->state = document_make(view);
	return view->state ? EXIT_DONE : say_failed("out of memory");
}

void view_close(struct view *view)
{
	free(view->listener_stats.items);
	free(view->route_stats.items);
	free(view->backend_stats.items);
	free(view->surplus);
	free(view->by_backend);
	flows_close(&view->flows);
	state_free(&view->published);
	json_decref(view->state);
	dataplane_close(view->dataplane);
	*view = (struct view){ 0 };
}
