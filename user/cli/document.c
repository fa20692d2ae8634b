// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/document.h"

#include <string.h>

#include "cli/half_open.h"
#include "compile/condition.h"
#include "dataplane/plan.h"
#include "util/table.h"

/* Between the elements of an array, of which this is the i-th. */
static void separate(struct emit *emit, size_t i, const char *before_first,
		     const char *before_others)
{
	emit_raw(emit, i ? before_others : before_first);
}

static void write_address(struct emit *emit, const struct l4gate_addr *addr,
			  uint8_t family)
{
	const uint8_t *byte = (const uint8_t *)addr->w;
	const struct inet_addr other = { .addr = *addr, .family = family };
	char text[INET_TEXT_MAX];
	int i;

	if (family != L4GATE_IPV4) {
		emit_raw(emit, inet_format(&other, text));
		return;
	}
	for (i = 0; i < 4; i++)
		emit_member(emit, i ? "." : "", byte[i]);
}

static void write_stats(struct emit *emit, const struct l4gate_stats *stats)
{
	emit_member(emit, ",\"stats\":{\"packets\":{\"from_client\":",
		    stats->packets[L4GATE_FROM_CLIENT]);
	emit_member(emit, ",\"from_backend\":",
		    stats->packets[L4GATE_FROM_BACKEND]);
	emit_member(emit, "},\"bytes\":{\"from_client\":",
		    stats->bytes[L4GATE_FROM_CLIENT]);
	emit_member(emit, ",\"from_backend\":",
		    stats->bytes[L4GATE_FROM_BACKEND]);
	emit_member(emit, "},\"flows\":", stats->flows);
	emit_member(emit, ",\"rejected\":", stats->rejected);
	emit_raw(emit, "}");
}

static void write_addresses(struct emit *emit, const struct state *state,
			    const struct state_listener *listener)
{
	const struct state_place *place = state->places + listener->place;
	uint32_t i;

	emit_raw(emit, ",\"addresses\":[");
	for (i = 0; i < listener->place_count; i++) {
		separate(emit, i, "\"", ",\"");
		write_address(emit, &place[i].addr, place[i].family);
		emit_raw(emit, "\"");
	}
	emit_raw(emit, "],\"endpoints\":[");
	for (i = 0; i < listener->place_count; i++)
		emit_member(emit, i ? "," : "", place[i].endpoint);
	emit_raw(emit, "],\"formerRoutes\":[");
	for (i = 0; i < listener->former_count; i++)
		emit_member(emit, i ? "," : "", listener->formers[i]);
	emit_raw(emit, "]");
}

static void write_listener(struct emit *emit, const struct view *view,
			   const struct state_listener *listener)
{
	const struct state *state = &view->published;

	emit_member(emit, "{\"id\":", listener->id);
	emit_member_text(emit, ",\"namespace\":",
			 state_text_of(state, listener->namespace));
	emit_member_text(emit, ",\"gateway\":",
			 state_text_of(state, listener->gateway));
	if (listener->set)
		emit_member_text(emit, ",\"listenerSet\":",
				 state_text_of(state, listener->set));
	emit_member_text(emit, ",\"name\":",
			 state_text_of(state, listener->name));
	emit_member_text(emit, ",\"protocol\":",
			 plan_protocol_names[listener->protocol]);
	emit_member(emit, ",\"port\":", listener->port);
	emit_member_text(emit, ",\"mode\":", plan_mode_names[listener->mode]);
	write_addresses(emit, state, listener);
	emit_raw(emit, listener->moved ? ",\"moved\":true" : ",\"moved\":false");
	if (listener->route == STATE_NO_ROUTE)
		emit_raw(emit, ",\"route\":null");
	else
		emit_member(emit, ",\"route\":", listener->route);
	half_open_write(emit, view, listener);
	write_stats(emit, view_stats(&view->listener_stats, listener->id));
	emit_raw(emit, "}");
}

void document_listeners(struct emit *emit, const struct view *view)
{
	size_t i;

	emit_raw(emit, "[");
	for (i = 0; i < view->published.listener_count; i++) {
		separate(emit, i, "\n", ",\n");
		write_listener(emit, view, &view->published.listeners[i]);
	}
	emit_raw(emit, "]");
}

static void write_tables(struct emit *emit, const struct state_route *route)
{
	int i;

	for (i = 0; i < L4GATE_FAMILIES; i++) {
		const struct state_table *table = &route->tables[i];

		emit_raw(emit, i ? "},\"" : ",\"tables\":{\"");
		emit_raw(emit, plan_family_names[i]);
		emit_member(emit, "\":{\"chunk\":", table->chunk);
		emit_member(emit, ",\"chunks\":", table->chunks);
		emit_member(emit, ",\"slots\":", table->slots);
		/* Readers take integers for signed ones. */
		emit_member(emit, ",\"digest\":", table->digest >> 1);
	}
	emit_raw(emit, "}}");
}

static void write_refs(struct emit *emit, const struct state *state,
		       const struct state_route *route)
{
	const struct state_ref *ref = state->refs + route->ref;
	uint32_t i;

	emit_raw(emit, ",\"refs\":[");
	for (i = 0; i < route->ref_count; i++, ref++) {
		emit_member_text(emit, i ? ",{\"namespace\":" : "{\"namespace\":",
				 state_text_of(state, ref->namespace));
		emit_member_text(emit, ",\"name\":",
				 state_text_of(state, ref->name));
		emit_member(emit, ",\"port\":", ref->port);
		emit_member(emit, ",\"weight\":", ref->weight);
		emit_member_text(emit, ",\"verdict\":",
				 ref_verdict_name(ref->verdict));
		emit_raw(emit, ",\"wanted\":");
		emit_real(emit, ref->wanted);
		emit_member(emit, ",\"slots\":[", ref->slots[0]);
		emit_member(emit, ",", ref->slots[1]);
		emit_member(emit, "],\"rejected\":[", ref->rejected[0]);
		emit_member(emit, ",", ref->rejected[1]);
		emit_raw(emit, i < route->ref_count - route->gone_refs ?
			 "]}" : "],\"gone\":true}");
	}
	emit_raw(emit, "]");
}

static uint32_t active_of(const struct view *view, uint32_t id)
{
	return view->by_backend && id < L4GATE_MAX_BACKENDS ?
	       view->by_backend[id] : 0;
}

/* What a backend is to new flows, and how long those that it has may go on. */
static void write_backend_state(struct emit *emit, const struct view *view,
				const struct state_backend *backend, bool gone)
{
	uint32_t now = view->flows.jiffies >>
		       dataplane_tick_shift(view->dataplane);
	int32_t left = backend->until - now;

	emit_member_text(emit, ",\"state\":", gone ? "gone" :
			 backend->draining ? "draining" : "active");
	if (backend->until)
		emit_member(emit, ",\"secondsLeft\":", left <= 0 ? 0 :
			    left * dataplane_tick_seconds(view->dataplane));
}

static void write_backend(struct emit *emit, const struct view *view,
			  const struct state_backend *backend, bool gone)
{
	emit_member(emit, "{\"id\":", backend->id);
	emit_member(emit, ",\"ref\":", backend->ref);
	emit_raw(emit, ",\"address\":\"");
	write_address(emit, &backend->addr, backend->family);
	emit_member(emit, "\",\"port\":", backend->port);
	emit_raw(emit, backend->family == L4GATE_IPV4 ? ",\"endpoint\":\"" :
							",\"endpoint\":\"[");
	write_address(emit, &backend->addr, backend->family);
	emit_member(emit, backend->family == L4GATE_IPV4 ? ":" : "]:",
		    backend->port);
	emit_raw(emit, "\"");
	write_backend_state(emit, view, backend, gone);
	emit_raw(emit, ",\"wanted\":");
	emit_real(emit, backend->wanted);
	emit_member(emit, ",\"slots\":", backend->slots);
	write_stats(emit, view_stats(&view->backend_stats, backend->id));
	emit_member(emit, ",\"active\":", active_of(view, backend->id));
	emit_raw(emit, "}");
}

static void write_policy(struct emit *emit, const struct state *state,
			 const struct state_route *route)
{
	if (!*state_text_of(state, route->asks_for))
		return;
	emit_member_text(emit, ",\"policy\":{\"name\":",
			 state_text_of(state, route->policy));
	emit_member_text(emit, ",\"asksFor\":",
			 state_text_of(state, route->asks_for));
	emit_raw(emit, "}");
}

/* What packets meet of a route, behind its name. */
static void write_traffic(struct emit *emit, const struct view *view,
			  const struct state_route *route)
{
	const struct state *state = &view->published;
	const struct state_backend *backend = state->backends + route->backend;
	uint64_t active = 0;
	uint32_t i;

	emit_member(emit, ",\"id\":", route->id);
	if (route->gone)
		emit_raw(emit, ",\"gone\":true");
	write_policy(emit, state, route);
	write_tables(emit, route);
	write_refs(emit, state, route);
	emit_raw(emit, ",\"backends\":[");
	for (i = 0; i < route->backend_count; i++) {
		separate(emit, i, "\n ", ",\n ");
		write_backend(emit, view, &backend[i],
			      i >= route->backend_count - route->gone_backends);
		active += active_of(view, backend[i].id);
	}
	emit_raw(emit, "]");
	write_stats(emit, view_stats(&view->route_stats, route->id));
	emit_member(emit, ",\"active\":", active);
	emit_raw(emit, "}");
}

void document_routes(struct emit *emit, const struct view *view)
{
	const struct state *state = &view->published;
	size_t i;

	emit_raw(emit, "[");
	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];

		separate(emit, i, "\n", ",\n");
		emit_member_text(emit, "{\"kind\":",
				 plan_kind_names[route->protocol]);
		emit_member_text(emit, ",\"namespace\":",
				 state_text_of(state, route->namespace));
		emit_member_text(emit, ",\"name\":",
				 state_text_of(state, route->name));
		write_traffic(emit, view, route);
	}
	emit_raw(emit, "]");
}

static uint64_t name_hash(const char *kind, const char *namespace,
			  const char *name)
{
	return table_hash_text(table_hash_text(table_hash_text(
		TABLE_HASH, kind), namespace), name);
}

static const struct state_route *find_route(const struct state *state,
					    const struct table *index,
					    const struct state_object *object)
{
	const char *kind = state_text_of(state, object->kind);
	const char *namespace = state_text_of(state, object->namespace);
	const char *name = state_text_of(state, object->name);
	uint64_t hash = name_hash(kind, namespace, name);
	uint32_t at = 0, i;

	while ((i = table_next(index, hash, &at)) != TABLE_NONE) {
		const struct state_route *route = &state->routes[i];

		if (!strcmp(plan_kind_names[route->protocol], kind) &&
		    !strcmp(state_text_of(state, route->namespace),
			    namespace) &&
		    !strcmp(state_text_of(state, route->name), name))
			return route;
	}
	return NULL;
}

static bool is_wanted(const struct state *state,
		      const struct state_object *object, const char *namespace)
{
	const char *kind = state_text_of(state, object->kind);

	return (!strcmp(kind, plan_kind_names[0]) ||
		!strcmp(kind, plan_kind_names[1])) &&
	       (!namespace ||
		!strcmp(namespace, state_text_of(state, object->namespace)));
}

static void write_objects(struct emit *emit, const struct view *view,
			  const struct table *index, const char *namespace)
{
	const struct state *state = &view->published;
	size_t i, n = 0;

	for (i = 0; i < state->object_count; i++) {
		const struct state_object *object = &state->objects[i];
		const struct state_route *route;

		if (!is_wanted(state, object, namespace) || !object->json_size)
			continue;
		separate(emit, n++, "\n", ",\n");
		route = find_route(state, index, object);
		/* Less the closing brace, where there is more to come. */
		emit_bytes(emit, state->texts + object->json,
			   object->json_size - !!route);
		if (route)
			write_traffic(emit, view, route);
	}
}

void document_route_objects(struct emit *emit, const struct view *view,
			    const char *namespace)
{
	const struct state *state = &view->published;
	struct arena arena = { 0 };
	struct table index;
	size_t i;

	emit_raw(emit, "[");
	if (table_init(&arena, &index, state->route_count)) {
		emit->failed = true;
	} else {
		for (i = 0; i < state->route_count; i++) {
			const struct state_route *route = &state->routes[i];

			table_add(&index, name_hash(
				plan_kind_names[route->protocol],
				state_text_of(state, route->namespace),
				state_text_of(state, route->name)), i);
		}
		write_objects(emit, view, &index, namespace);
	}
	arena_free(&arena);
	emit_raw(emit, "]");
}

json_t *document_make(const struct view *view)
{
	const struct state *state = &view->published;
	struct emit emit = { 0 };
	json_t *document = NULL;
	size_t i;

	emit_member(&emit, "{\"schema\":1,\"generation\":", state->generation);
	emit_member(&emit, ",\"applied\":", state->applied);
	emit_raw(&emit, ",\"listeners\":");
	document_listeners(&emit, view);
	emit_raw(&emit, ",\"routes\":");
	document_routes(&emit, view);
	emit_raw(&emit, ",\"objects\":[");
	for (i = 0; i < state->object_count; i++) {
		separate(&emit, i, "", ",");
		emit_bytes(&emit, state->texts + state->objects[i].json,
			   state->objects[i].json_size);
	}
	emit_raw(&emit, "]}");
	if (!emit.failed)
		document = json_loadb(emit.text, emit.used, 0, NULL);
	emit_free(&emit);
	return document;
}
