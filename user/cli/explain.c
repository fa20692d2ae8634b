// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/explain.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compile/image.h"
#include "dataplane/plan.h"
#include "util/byteorder.h"

#define TEXT_MAX 512

/* Who has what of a packet. */
struct met {
	const struct state_listener *listener;
	const struct state_route *route;
	const struct state_backend *backend;
	struct probe client;	/* the flow's: as its client sends it */
	uint16_t endpoint;
	bool is_reply;
	bool is_known;		/* there was a flow */
	struct known_flow flow;
};

static const struct dry_step *last_step(const struct explained *explained)
{
	return &explained->run->steps[explained->run->count - 1];
}

static bool is_place(const struct state_place *place,
		     const struct inet_addr *addr)
{
	return place->family == addr->family &&
	       !memcmp(&place->addr, &addr->addr, sizeof(addr->addr));
}

static bool is_protocol(const struct state_listener *listener, uint8_t protocol)
{
	return !strcmp(plan_protocol_names[listener->protocol],
		       protocol == IPPROTO_TCP ? "TCP" : "UDP");
}

static const struct state_place *
listener_place(const struct state *state, const struct state_listener *listener,
	       const struct inet_addr *addr)
{
	const struct state_place *place = state->places + listener->place;
	uint32_t i;

	for (i = 0; i < listener->place_count; i++)
		if (is_place(&place[i], addr))
			return &place[i];
	return NULL;
}

/* The listener that a client's packet is sent to. */
static void find_listener(const struct state *state, struct met *met)
{
	const struct probe *client = &met->client;
	const struct state_place *place;
	size_t i;

	for (i = 0; i < state->listener_count; i++) {
		const struct state_listener *listener = &state->listeners[i];

		if (listener->port != client->dport ||
		    !is_protocol(listener, client->protocol))
			continue;
		place = listener_place(state, listener, &client->dst);
		if (!place)
			continue;
		met->listener = listener;
		met->endpoint = place->endpoint;
		return;
	}
}

static const struct state_route *find_route(const struct state *state,
					    uint32_t id)
{
	size_t i;

	for (i = 0; i < state->route_count; i++)
		if (state->routes[i].id == id)
			return &state->routes[i];
	return NULL;
}

/* A backend by its number, and the route that has it. */
static void find_backend(const struct state *state, uint32_t id,
			 struct met *met)
{
	size_t i;
	uint32_t j;

	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];

		for (j = 0; j < route->backend_count; j++) {
			if (state->backends[route->backend + j].id != id)
				continue;
			met->backend = &state->backends[route->backend + j];
			met->route = route;
			return;
		}
	}
}

/*
 * Of a reply the frame that goes out says who its client is, and from which listener
 * it seems to come.
 */
static void find_client(const struct explained *explained, struct met *met)
{
	const struct dry_step *last = last_step(explained);
	struct probe sent;

	met->client = *explained->probe;
	if (last->reason != L4GATE_TO_CLIENT ||
	    !probe_read(last->frame, last->size, &sent))
		return;
	met->is_reply = true;
	met->client = sent;
	met->client.src = sent.dst;
	met->client.sport = sent.dport;
	met->client.dst = sent.src;
	met->client.dport = sent.sport;
}

static struct met find_all(const struct explained *explained)
{
	const struct state *state = &explained->view->published;
	const struct dry_step *last = last_step(explained);
	struct met met = { 0 };
	uint32_t backend = last->backend;

	find_client(explained, &met);
	find_listener(state, &met);
	if (met.listener) {
		met.route = find_route(state, met.listener->route);
		met.is_known = flow_find(&explained->view->flows,
					 &met.client.src, met.client.sport,
					 met.endpoint, met.listener->mode,
					 &met.flow);
	}
	/* Chosen, though the packet can't go there. */
	if (backend == DRY_NOWHERE && last->trace.backend)
		backend = last->trace.backend - 1;
	if (backend == DRY_NOWHERE && met.is_known)
		backend = met.flow.backend;
	if (backend != DRY_NOWHERE)
		find_backend(state, backend, &met);
	return met;
}

static json_t *packet_json(const struct probe *probe)
{
	char src[INET_TEXT_MAX], dst[INET_TEXT_MAX], flags[PROBE_FLAGS_MAX];

	return json_pack("{s:s, s:s, s:s, s:s}", "protocol",
			 probe->protocol == IPPROTO_TCP ? "TCP" : "UDP",
			 "source", inet_format_port(&probe->src, probe->sport,
						    src), "destination",
			 inet_format_port(&probe->dst, probe->dport, dst),
			 "flags", probe_format_flags(probe->flags, flags));
}

static json_t *device_json(const struct attachment *device)
{
	const char *mode = device->xdp == ATTACH_NATIVE ? "native" :
			   device->xdp == ATTACH_GENERIC ? "generic" : "tc";

	return json_pack("{s:s, s:i, s:s}", "name", device->name, "ifindex",
			 (int)device->ifindex, "mode", mode);
}

static json_t *hooks_json(const struct dry_run *run)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < run->count; i++) {
		enum l4gate_reason reason = run->steps[i].reason;

		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:s}", "hook",
			hook_names[run->steps[i].hook], "reason",
			reason_names[reason], "class", reason_classes[reason],
			"text", reason_texts[reason]));
	}
	return list;
}

static json_t *listener_json(const struct state *state, const struct met *met)
{
	const struct state_listener *listener = met->listener;

	if (!listener)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "namespace",
			 state_text_of(state, listener->namespace), "gateway",
			 state_text_of(state, listener->gateway),
			 "listenerSet", state_text_of(state, listener->set),
			 "name", state_text_of(state, listener->name), "mode",
			 plan_mode_names[listener->mode]);
}

static json_t *route_json(const struct state *state, const struct met *met)
{
	char kind[16];

	if (!met->route)
		return json_null();
	snprintf(kind, sizeof(kind), "%sRoute",
		 plan_protocol_names[met->route->protocol]);
	return json_pack("{s:s, s:s, s:s}", "kind", kind, "namespace",
			 state_text_of(state, met->route->namespace), "name",
			 state_text_of(state, met->route->name));
}

static const struct state_ref *backend_ref(const struct state *state,
					   const struct met *met)
{
	return &state->refs[met->route->ref + met->backend->ref];
}

static json_t *slot_json(const struct state *state, const struct met *met,
			 const struct l4gate_trace *trace)
{
	bool rejects = trace->member == L4GATE_SLOT_REJECT;
	json_t *share = NULL;

	if (!trace->slots)
		return json_null();
	if (!rejects && met->backend) {
		const struct state_ref *ref = backend_ref(state, met);

		share = json_real((double)ref->slots[met->backend->family] /
				  trace->slots);
	}
	return json_pack("{s:i, s:i, s:b, s:o}", "position",
			 (int)trace->position, "of", (int)trace->slots,
			 "rejects", rejects, "share", share ?: json_null());
}

static const char *flow_state_name(const struct known_flow *flow)
{
	if (flow->is_word && flow->state == L4GATE_WORD_FIN_BACKEND)
		return "fin-backend";
	if (flow->is_word && flow->state == L4GATE_WORD_FIN_CLIENT)
		return "fin-client";
	return flow_state_names[flow->state];
}

static bool begins_surplus(const struct explained *explained)
{
	size_t i;

	for (i = 0; i < explained->run->count; i++)
		if (explained->run->steps[i].is_surplus)
			return true;
	return false;
}

static json_t *flow_json(const struct explained *explained,
			 const struct met *met)
{
	bool is_new = false;
	size_t i;

	if (!met->listener)
		return json_null();
	for (i = 0; i < explained->run->count; i++)
		is_new = is_new || explained->run->steps[i].is_new;
	return json_pack("{s:b, s:b, s:s?, s:o, s:b}", "known", met->is_known,
			 "new", is_new, "state",
			 met->is_known ? flow_state_name(&met->flow) : NULL,
			 "idle", met->is_known && !met->flow.is_word ?
			 json_real(met->flow.idle) : json_null(), "surplus",
			 is_new ? begins_surplus(explained) :
				  met->flow.is_surplus);
}

static json_t *backend_json(const struct state *state, const struct met *met)
{
	const struct state_backend *backend = met->backend;
	struct inet_addr addr = { 0 };
	char text[INET_TEXT_MAX];
	const struct state_ref *ref;
	bool is_gone;

	if (!backend)
		return json_null();
	ref = backend_ref(state, met);
	addr.addr = backend->addr;
	addr.family = backend->family;
	is_gone = backend - state->backends >=
		  (ptrdiff_t)(met->route->backend + met->route->backend_count -
			      met->route->gone_backends);
	return json_pack("{s:i, s:s, s:s, s:i, s:s, s:s}", "id",
			 (int)backend->id, "namespace",
			 state_text_of(state, ref->namespace), "service",
			 state_text_of(state, ref->name), "port",
			 (int)ref->port, "endpoint",
			 inet_format_port(&addr, backend->port, text), "state",
			 is_gone ? "gone" : backend->draining ? "draining" :
								"active");
}

static const char *nexthop_kind(const struct l4gate_nexthop *nexthop)
{
	static const uint8_t unknown[6];

	switch (nexthop->kind) {
	case L4GATE_NEXTHOP_LOCAL:
		return "local";
	case L4GATE_NEXTHOP_UNATTACHED:
		return "unattached";
	case L4GATE_NEXTHOP_UNREACHABLE:
		return "unreachable";
	default:
		return memcmp(nexthop->mac, unknown, sizeof(unknown)) ?
		       "known" : "unresolved";
	}
}

static json_t *nexthop_json(const struct l4gate_nexthop *nexthop)
{
	const struct inet_addr addr = { .addr = nexthop->gateway,
					.family = nexthop->family };
	char text[INET_TEXT_MAX], device[IF_NAMESIZE] = "", mac[18] = "";
	const char *kind = nexthop_kind(nexthop);
	const uint8_t *m = nexthop->mac;

	if (nexthop->kind == L4GATE_NEXTHOP_NONE)
		return json_null();
	if (nexthop->kind != L4GATE_NEXTHOP_UNREACHABLE)
		if_indextoname(nexthop->ifindex, device);
	if (!strcmp(kind, "known"))
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
			 m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_pack("{s:s, s:s, s:s, s:s}", "address",
			 inet_format(&addr, text), "device", device, "kind",
			 kind, "mac", mac);
}

/* What leaves for a backend or a client. */
static json_t *sent_json(const struct dry_step *last)
{
	char src[INET_TEXT_MAX], dst[INET_TEXT_MAX];
	struct probe sent;

	if (strcmp(reason_classes[last->reason], "forward") ||
	    !probe_read(last->frame, last->size, &sent))
		return json_null();
	return json_pack("{s:s, s:s}", "source",
			 inet_format_port(&sent.src, sent.sport, src),
			 "destination",
			 inet_format_port(&sent.dst, sent.dport, dst));
}

static void add_why(json_t *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_why(json_t *list, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_array_append_new(list, json_string(text));
}

/* "TCP 80, UDP 53": where listeners are at an address, as much as there is room. */
static bool format_ports(const struct state *state, const struct inet_addr *addr,
			 char *text, size_t size)
{
	size_t n = 0, i;

	*text = 0;
	for (i = 0; i < state->listener_count && n < size; i++)
		if (listener_place(state, &state->listeners[i], addr))
			n += snprintf(text + n, size - n, "%s%s %d",
				      n ? ", " : "",
				      plan_protocol_names[state->listeners[i].protocol],
				      state->listeners[i].port);
	if (n >= size)
		memcpy(text + size - 4, "...", 4);
	return n;
}

/* A backend that a packet seems to come from. */
static const struct state_route *source_route(const struct state *state,
					      const struct probe *probe)
{
	size_t i;
	uint32_t j;

	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];

		for (j = 0; j < route->backend_count; j++) {
			const struct state_backend *backend =
				&state->backends[route->backend + j];

			if (backend->port == probe->sport &&
			    backend->family == probe->src.family &&
			    !memcmp(&backend->addr, &probe->src.addr,
				    sizeof(backend->addr)))
				return route;
		}
	}
	return NULL;
}

/* Why a packet is not ours, as far as the published state can tell. */
static void why_not_ours(const struct state *state, const struct probe *probe,
			 json_t *list)
{
	const struct state_route *route = source_route(state, probe);
	char addr[INET_TEXT_MAX], ports[256];

	inet_format(&probe->dst, addr);
	if (!state->generation)
		add_why(list, "Nothing has been applied yet.");
	else if (format_ports(state, &probe->dst, ports, sizeof(ports)))
		add_why(list, "No listener of %s has %s port %d; there are: %s.",
			addr, probe->protocol == IPPROTO_TCP ? "TCP" : "UDP",
			probe->dport, ports);
	else
		add_why(list, "%s is not the address of a listener.", addr);
	if (route)
		add_why(list, "It comes from a backend of %sRoute %s/%s, but is of no flow that lives.",
			plan_protocol_names[route->protocol],
			state_text_of(state, route->namespace),
			state_text_of(state, route->name));
}

/* Which backendRefs of a route have slots that reject. */
static void why_rejected(const struct state *state,
			 const struct state_route *route, uint8_t family,
			 json_t *list)
{
	uint32_t i;

	for (i = 0; i < route->ref_count - route->gone_refs; i++) {
		const struct state_ref *ref = &state->refs[route->ref + i];

		if (ref->verdict == REF_USABLE && !ref->rejected[family])
			continue;
		add_why(list, ref->verdict == REF_INVALID ?
			"BackendRef %s/%s port %d is not valid." :
			"BackendRef %s/%s port %d has no endpoints for it.",
			state_text_of(state, ref->namespace),
			state_text_of(state, ref->name), ref->port);
	}
}

static void why_surplus(const struct explained *explained,
			const struct state_listener *listener, json_t *list)
{
	const struct flows *flows = &explained->view->flows;
	bool is_tcp = listener->protocol == PROTOCOL_TCP;
	struct half_open open = half_open_of_listener(
		flows, listener->id, is_tcp, listener->max_half_open);
	struct half_open node = half_open_of_node(flows, is_tcp);

	add_why(list, "The listener has %u half-open flows of %u, the node %u of %u: in a flood the flow may be forgotten until it has an answer.",
		open.flows, open.limit, node.flows, node.limit);
}

static json_t *why_json(const struct explained *explained,
			const struct met *met)
{
	const struct state *state = &explained->view->published;
	json_t *list = json_array();

	switch (last_step(explained)->reason) {
	case L4GATE_NOT_OURS:
		why_not_ours(state, explained->probe, list);
		break;
	case L4GATE_REJECT_SLOT:
		if (met->route)
			why_rejected(state, met->route,
				     explained->probe->dst.family, list);
		break;
	case L4GATE_REJECT_NO_ROUTE:
		if (!met->listener)
			add_why(list, "A listener was there: what comes for it is rejected for some time.");
		break;
	default:
		break;
	}
	if (begins_surplus(explained) && met->listener)
		why_surplus(explained, met->listener, list);
	return list;
}

json_t *explain_document(const struct explained *explained)
{
	const struct state *state = &explained->view->published;
	const struct dry_step *last = last_step(explained);
	struct met met = find_all(explained);

	return json_pack("{s:i, s:I, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o}",
			 "schema", 1, "generation",
			 (json_int_t)state->generation, "packet",
			 packet_json(explained->probe), "device",
			 device_json(explained->device), "otherBuild",
			 explained->run->is_other, "hooks",
			 hooks_json(explained->run), "listener",
			 listener_json(state, &met), "route",
			 route_json(state, &met), "slot",
			 slot_json(state, &met, &last->trace), "flow",
			 flow_json(explained, &met), "backend",
			 backend_json(state, &met), "nextHop",
			 nexthop_json(&last->nexthop), "sent",
			 sent_json(last), "verdict",
			 reason_classes[last->reason], "hook",
			 hook_names[last->hook], "reason",
			 reason_names[last->reason], "why",
			 why_json(explained, &met));
}
