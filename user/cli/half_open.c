// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/half_open.h"

#include <stdio.h>

#include "dataplane/plan.h"

/* Lines of status: under an attack on all listeners the first few say it. */
#define FULL_LINES 8

static struct half_open read_listener(const struct view *view,
				      const struct state_listener *listener)
{
	return half_open_of_listener(&view->flows, listener->id,
				     listener->protocol == PROTOCOL_TCP,
				     listener->max_half_open);
}

static uint64_t surplus_of(const struct view *view,
			   const struct state_listener *listener)
{
	return listener->id < view->listener_stats.count ?
	       view->surplus[listener->id] : 0;
}

void half_open_write(struct emit *emit, const struct view *view,
		     const struct state_listener *listener)
{
	struct half_open open = read_listener(view, listener);

	emit_member(emit, ",\"halfOpen\":{\"flows\":", open.flows);
	emit_member(emit, ",\"limit\":", open.limit);
	emit_raw(emit, open.is_full ? ",\"full\":true" : ",\"full\":false");
	emit_member(emit, ",\"surplus\":", surplus_of(view, listener));
	emit_raw(emit, "}");
}

json_t *half_open_json(const struct view *view)
{
	json_t *node = json_object();
	int i;

	for (i = PROTOCOL_TCP; i <= PROTOCOL_UDP; i++) {
		struct half_open open = half_open_of_node(
			&view->flows, i == PROTOCOL_TCP);

		json_object_set_new(node, plan_protocol_names[i], json_pack(
			"{s:I, s:I, s:b}", "flows", (json_int_t)open.flows,
			"limit", (json_int_t)open.limit, "full", open.is_full));
	}
	return node;
}

json_t *half_open_full(const struct view *view)
{
	const struct state *state = &view->published;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < state->listener_count; i++) {
		const struct state_listener *listener = &state->listeners[i];
		struct half_open open = read_listener(view, listener);

		if (!open.is_full)
			continue;
		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:I}",
			"namespace", state_text_of(state, listener->namespace),
			"gateway", state_text_of(state, listener->gateway),
			"listenerSet", state_text_of(state, listener->set),
			"name", state_text_of(state, listener->name), "flows",
			(json_int_t)open.flows, "limit",
			(json_int_t)open.limit, "full", open.is_full, "surplus",
			(json_int_t)surplus_of(view, listener)));
	}
	return list;
}

/* "namespace/gateway/name", or with the ListenerSet in between. */
static const char *format_name(const json_t *listener, char text[960])
{
	const char *set = view_text(listener, "listenerSet");

	snprintf(text, 960, "%s/%s/%s%s%s", view_text(listener, "namespace"),
		 view_text(listener, "gateway"), set, *set ? "/" : "",
		 view_text(listener, "name"));
	return text;
}

void half_open_print_stats(const struct view *view)
{
	json_t *node = half_open_json(view), *open;
	const char *protocol;
	json_t *listener;
	char name[960];
	size_t i;

	printf("\n%-9s %-40s %12s %12s %14s\n", "HALF-OPEN", "", "FLOWS",
	       "LIMIT", "SURPLUS SO FAR");
	json_object_foreach(node, protocol, open)
		printf("%-9s %-40s %12lld %12lld\n", "all", protocol,
		       view_number(open, "flows"), view_number(open, "limit"));
	json_decref(node);
	json_array_foreach(json_object_get(view->state, "listeners"), i,
			   listener) {
		open = json_object_get(listener, "halfOpen");
		if (view_number(open, "surplus"))
			printf("%-9s %-40s %12lld %12lld %14lld\n", "listener",
			       format_name(listener, name),
			       view_number(open, "flows"),
			       view_number(open, "limit"),
			       view_number(open, "surplus"));
	}
}

void half_open_print_status(const json_t *node, const json_t *full)
{
	const json_t *tcp = json_object_get(node, "TCP");
	const json_t *udp = json_object_get(node, "UDP");
	size_t count = json_array_size(full), i;
	json_t *listener;
	char name[960];

	printf("half-open   %lld of TCP and %lld of UDP, of %lld each\n",
	       view_number(tcp, "flows"), view_number(udp, "flows"),
	       view_number(tcp, "limit"));
	json_array_foreach(full, i, listener) {
		if (i == FULL_LINES) {
			printf("full        and %zu listeners more (l4gate get listeners)\n",
			       count - i);
			break;
		}
		printf("full        listener %s has %lld half-open flows of %lld: new ones are surplus, %lld so far\n",
		       format_name(listener, name),
		       view_number(listener, "flows"),
		       view_number(listener, "limit"),
		       view_number(listener, "surplus"));
	}
}
