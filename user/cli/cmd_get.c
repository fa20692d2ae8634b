// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* get: gateways, listeners, routes, backends and flows, with live numbers. */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view.h"
#include "util/inet.h"

struct query {
	const char *kind;
	const char *name;	/* or NULL: all */
	const char *namespace;	/* or NULL: all */
	bool json;
};

/* A listener of a ListenerSet is in two namespaces. */
static bool is_in(const json_t *object, const char *namespace)
{
	const char *set = view_text(object, "listenerSet");
	size_t n = strlen(namespace);

	return !strcmp(namespace, view_text(object, "namespace")) ||
	       (!strncmp(set, namespace, n) && set[n] == '/');
}

static bool wanted(const struct query *query, const json_t *object)
{
	return (!query->namespace || is_in(object, query->namespace)) &&
	       (!query->name || !strcmp(query->name, view_text(object, "name")));
}

static const char *condition_reason(const json_t *object, const char *type)
{
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(object, "conditions"), i, condition)
		if (!strcmp(view_text(condition, "type"), type))
			return view_text(condition, "reason");
	return "-";
}

static void print_gateways(const struct view *view, const struct query *query)
{
	json_t *gateway;
	size_t i;

	printf("%-20s %-24s %-16s %-9s %-20s %s\n", "NAMESPACE", "NAME",
	       "CLASS", "LISTENERS", "ACCEPTED", "PROGRAMMED");
	json_array_foreach(json_object_get(view->state, "gateways"), i, gateway)
		if (wanted(query, gateway))
			printf("%-20s %-24s %-16s %-9zu %-20s %s\n",
			       view_text(gateway, "namespace"),
			       view_text(gateway, "name"),
			       view_text(gateway, "class"),
			       json_array_size(json_object_get(gateway,
							       "listeners")),
			       condition_reason(gateway, "Accepted"),
			       condition_reason(gateway, "Programmed"));
}

static void print_listeners(const struct view *view, const struct query *query)
{
	json_t *listener, *address;
	size_t i, j;

	printf("%-16s %-20s %-20s %-14s %-5s %-6s %-24s %10s  %s\n",
	       "NAMESPACE", "GATEWAY", "LISTENERSET", "NAME", "PROTO", "PORT",
	       "ROUTE", "NEW FLOWS", "ADDRESSES");
	json_array_foreach(json_object_get(view->state, "listeners"), i,
			   listener) {
		json_t *id = json_object_get(listener, "route");
		const json_t *route = json_is_integer(id) ?
			view_route(view, json_integer_value(id)) : NULL;
		const char *set = view_text(listener, "listenerSet");

		if (!wanted(query, listener))
			continue;
		printf("%-16s %-20s %-20s %-14s %-5s %-6lld %-24s %10lld ",
		       view_text(listener, "namespace"),
		       view_text(listener, "gateway"), *set ? set : "-",
		       view_text(listener, "name"),
		       view_text(listener, "protocol"),
		       view_number(listener, "port"),
		       route ? view_text(route, "name") : "(rejects)",
		       view_stat(listener, "flows", NULL));
		json_array_foreach(json_object_get(listener, "addresses"), j,
				   address)
			printf(" %s", json_string_value(address));
		putchar('\n');
	}
}

static void print_routes(const struct view *view, const struct query *query)
{
	json_t *route, *ref;
	size_t i, j;

	printf("%-16s %-24s %-9s %10s %8s %10s  %s\n", "NAMESPACE", "NAME",
	       "KIND", "NEW FLOWS", "ACTIVE", "REJECTED", "BACKENDS");
	json_array_foreach(json_object_get(view->state, "routes"), i, route) {
		if (!wanted(query, route))
			continue;
		printf("%-16s %-24s %-9s %10lld %8lld %10lld ",
		       view_text(route, "namespace"), view_text(route, "name"),
		       view_text(route, "kind"),
		       view_stat(route, "flows", NULL),
		       view_number(route, "active"),
		       view_stat(route, "rejected", NULL));
		json_array_foreach(json_object_get(route, "refs"), j, ref) {
			const char *verdict = view_text(ref, "verdict");

			printf("%s%s:%lld %.1f %%%s%s", j ? ", " : " ",
			       view_text(ref, "name"), view_number(ref, "port"),
			       json_real_value(json_object_get(ref, "wanted")) *
			       100, strcmp(verdict, "usable") ? " rejected: " :
			       "", strcmp(verdict, "usable") ? verdict : "");
		}
		putchar('\n');
	}
}

static void print_backends(const struct view *view, const struct query *query)
{
	json_t *route, *backend;
	size_t i, j;

	printf("%-16s %-20s %-20s %-24s %-9s %8s %10s %8s %12s %12s\n",
	       "NAMESPACE", "ROUTE", "SERVICE", "ADDRESS", "STATE", "WANTED",
	       "NEW FLOWS", "ACTIVE", "PACKETS IN", "PACKETS OUT");
	json_array_foreach(json_object_get(view->state, "routes"), i, route) {
		const json_t *refs = json_object_get(route, "refs");

		if (!wanted(query, route))
			continue;
		json_array_foreach(json_object_get(route, "backends"), j,
				   backend)
			printf("%-16s %-20s %-20s %-24s %-9s %6.2f %% %10lld %8lld %12lld %12lld\n",
			       view_text(route, "namespace"),
			       view_text(route, "name"),
			       view_text(json_array_get(refs,
					view_number(backend, "ref")), "name"),
			       view_text(backend, "endpoint"),
			       view_text(backend, "state"),
			       json_real_value(json_object_get(backend,
					"wanted")) * 100,
			       view_stat(backend, "flows", NULL),
			       view_number(backend, "active"),
			       view_stat(backend, "packets", "from_client"),
			       view_stat(backend, "packets", "from_backend"));
	}
}

static const char *const state_names[L4GATE_FLOW_STATES] = {
	[L4GATE_FLOW_FREE] = "free",
	[L4GATE_FLOW_CLAIMED] = "claimed",
	[L4GATE_FLOW_CLOSING] = "closing",
	[L4GATE_FLOW_HALF_OPEN] = "half-open",
	[L4GATE_FLOW_UNREPLIED] = "unreplied",
	[L4GATE_FLOW_ESTABLISHED] = "established",
	[L4GATE_FLOW_REPLIED] = "replied",
};

/* "address:port" of one end of a flow. */
static const char *format_end(const struct l4gate_flow *flow,
			      enum l4gate_flow_end end, char *text)
{
	struct inet_addr addr = { .family = flow->family };

	if (flow->family == L4GATE_IPV4)
		addr.addr.w[0] = flow->addr4[end];
	else
		addr.addr = flow->addr6[end];
	return inet_format_port(&addr, ntohs(flow->port[end]), text);
}

static json_t *flow_json(const struct flows *flows,
			 const struct l4gate_flow *flow)
{
	char text[L4GATE_ENDS][INET_TEXT_MAX];
	int end;

	for (end = 0; end < L4GATE_ENDS; end++)
		format_end(flow, end, text[end]);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:b, s:i}",
			 "protocol", flow->protocol == IPPROTO_TCP ? "TCP" :
			 "UDP", "client", text[L4GATE_END_CLIENT], "listener",
			 text[L4GATE_END_LISTENER], "nat",
			 text[L4GATE_END_NAT], "backend",
			 text[L4GATE_END_BACKEND], "state",
			 state_names[flow->state], "idle",
			 (int32_t)(flows->now - flow->stamp) * flows->tick,
			 "local", !!(flow->flags & L4GATE_FLOW_F_LOCAL),
			 "backend_id", (int)flow->backend);
}

static json_t *list_flows(const struct view *view)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < view->flows.count; i++)
		if (flow_is_live(&view->flows, &view->flows.records[i]))
			json_array_append_new(list, flow_json(
				&view->flows, &view->flows.records[i]));
	return list;
}

static void print_flows(const struct view *view, const struct query *query)
{
	json_t *list = list_flows(view), *flow;
	size_t i;

	(void)query;
	printf("%-5s %-24s %-24s %-24s %-24s %-12s %s\n", "PROTO", "CLIENT",
	       "LISTENER", "NAT", "BACKEND", "STATE", "IDLE");
	json_array_foreach(list, i, flow)
		printf("%-5s %-24s %-24s %-24s %-24s %-12s %.0f s\n",
		       view_text(flow, "protocol"), view_text(flow, "client"),
		       view_text(flow, "listener"), view_text(flow, "nat"),
		       view_text(flow, "backend"), view_text(flow, "state"),
		       json_real_value(json_object_get(flow, "idle")));
	json_decref(list);
}

static const struct {
	const char *kind;
	void (*print)(const struct view *view, const struct query *query);
} kinds[] = {
	{ "gateways", print_gateways },
	{ "listeners", print_listeners },
	{ "routes", print_routes },
	{ "backends", print_backends },
	{ "flows", print_flows },
};

/* What of the state a kind's JSON holds; backends come with their routes. */
static json_t *select_json(const struct view *view, const struct query *query)
{
	json_t *list = json_array(), *object;
	const char *key = strcmp(query->kind, "backends") ? query->kind :
							    "routes";
	size_t i;

	if (!strcmp(query->kind, "flows")) {
		json_decref(list);
		return list_flows(view);
	}
	json_array_foreach(json_object_get(view->state, key), i, object)
		if (wanted(query, object))
			json_array_append(list, object);
	return list;
}

static int parse(struct query *query, int argc, char **argv)
{
	int option;

	optind = 0;	/* anew: main() parsed its options in another order */
	while ((option = getopt(argc, argv, "n:o:")) >= 0) {
		if (option == 'n')
			query->namespace = optarg;
		else if (option == 'o' && !strcmp(optarg, "json"))
			query->json = true;
		else if (option != 'o' || (strcmp(optarg, "table") &&
					   strcmp(optarg, "wide")))
			return say_usage("get", "expected -n NAMESPACE or -o table|wide|json");
	}
	if (optind < argc)
		query->kind = argv[optind++];
	if (optind < argc)
		query->name = argv[optind++];
	if (!query->kind || optind < argc)
		return say_usage("get", "expected KIND [NAME]: gateways, listeners, routes, backends or flows");
	return EXIT_DONE;
}

int cmd_get(const struct globals *globals, int argc, char **argv)
{
	struct query query = { 0 };
	struct view view;
	size_t i;
	int code;

	code = parse(&query, argc, argv);
	if (code != EXIT_DONE)
		return code;
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].kind, query.kind))
			break;
	if (i == sizeof(kinds) / sizeof(*kinds))
		return say_usage("get", "%s: expected gateways, listeners, routes, backends or flows",
				 query.kind);
	code = view_open(globals, &view);
	if (code != EXIT_DONE)
		return code;
	if (query.json) {
		code = output_print(json_pack(
			"{s:i, s:I, s:o}", "schema", 1, "generation",
			view_number(view.state, "generation"), query.kind,
			select_json(&view, &query)), OUTPUT_JSON);
	} else {
		kinds[i].print(&view, &query);
	}
	view_close(&view);
	return code;
}
