// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/tables.h"

#include <stdio.h>
#include <string.h>

const json_t *condition_of(const json_t *object, const char *type)
{
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(object, "conditions"), i, condition)
		if (!strcmp(view_text(condition, "type"), type))
			return condition;
	return NULL;
}

/* "True", "False", or "-" where there is none. */
static const char *status_of(const json_t *object, const char *type)
{
	const json_t *condition = condition_of(object, type);

	return condition ? view_text(condition, "status") : "-";
}

static void print_conditions(const char *what, const json_t *object)
{
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(object, "conditions"), i, condition)
		printf("    %s%s%s is %s, %s: %s\n", what, *what ? ": " : "",
		       view_text(condition, "type"),
		       view_text(condition, "status"),
		       view_text(condition, "reason"),
		       view_text(condition, "message"));
}

#define COUNT_MAX 48

/* For all parents of a route, or ancestors of a policy: what they have in common, or "1 of 2" into text. */
static const char *status_of_parents(const json_t *parents, const char *type,
				     char *text)
{
	size_t i, good = 0, count = json_array_size(parents);
	json_t *parent;

	json_array_foreach(parents, i, parent)
		good += !strcmp(status_of(parent, type), "True");
	if (!count || good == count || !good)
		return !count ? "-" : good ? "True" : "False";
	snprintf(text, COUNT_MAX, "%zu of %zu", good, count);
	return text;
}

static size_t count_programmed(const json_t *listeners)
{
	json_t *listener;
	size_t i, count = 0;

	json_array_foreach(listeners, i, listener)
		count += !strcmp(status_of(listener, "Programmed"), "True");
	return count;
}

void table_gateways(const struct view *view, const json_t *list, bool wide)
{
	json_t *gateway, *address;
	size_t i, j;

	(void)view;
	printf("%-16s %-24s %-16s %-9s %-10s %-9s %s\n", "NAMESPACE", "NAME",
	       "CLASS", "ACCEPTED", "PROGRAMMED", "LISTENERS", "ADDRESSES");
	json_array_foreach(list, i, gateway) {
		const json_t *status = json_object_get(gateway, "status");
		const json_t *listeners = json_object_get(status, "listeners");

		printf("%-16s %-24s %-16s %-9s %-10s %2zu of %-3zu",
		       view_text(gateway, "namespace"),
		       view_text(gateway, "name"), view_text(gateway, "class"),
		       status_of(status, "Accepted"),
		       status_of(status, "Programmed"),
		       count_programmed(listeners),
		       json_array_size(listeners));
		json_array_foreach(json_object_get(status, "addresses"), j,
				   address)
			printf(" %s", view_text(address, "value"));
		putchar('\n');
		if (wide)
			print_conditions("", status);
	}
}

void table_classes(const struct view *view, const json_t *list, bool wide)
{
	json_t *class;
	size_t i;

	(void)view;
	printf("%-40s %s\n", "NAME", "ACCEPTED");
	json_array_foreach(list, i, class) {
		const json_t *status = json_object_get(class, "status");

		printf("%-40s %s\n", view_text(class, "name"),
		       status_of(status, "Accepted"));
		if (wide)
			print_conditions("", status);
	}
}

void table_listener_sets(const struct view *view, const json_t *list,
			 bool wide)
{
	json_t *set;
	size_t i;

	(void)view;
	printf("%-16s %-24s %-32s %-9s %-10s %s\n", "NAMESPACE", "NAME",
	       "GATEWAY", "ACCEPTED", "PROGRAMMED", "LISTENERS");
	json_array_foreach(list, i, set) {
		const json_t *gateway = json_object_get(set, "gateway");
		const json_t *status = json_object_get(set, "status");
		const json_t *listeners = json_object_get(status, "listeners");
		char name[600];

		snprintf(name, sizeof(name), "%s/%s",
			 view_text(gateway, "namespace"),
			 view_text(gateway, "name"));
		printf("%-16s %-24s %-32s %-9s %-10s %2zu of %zu\n",
		       view_text(set, "namespace"), view_text(set, "name"),
		       name, status_of(status, "Accepted"),
		       status_of(status, "Programmed"),
		       count_programmed(listeners),
		       json_array_size(listeners));
		if (wide)
			print_conditions("", status);
	}
}

/* "12 of 8192", or "-" of a listener that is not programmed. */
static const char *format_half_open(const json_t *open, char *text)
{
	if (!open)
		return "-";
	snprintf(text, COUNT_MAX, "%lld of %lld", view_number(open, "flows"),
		 view_number(open, "limit"));
	return text;
}

void table_listeners(const struct view *view, const json_t *list, bool wide)
{
	json_t *listener, *address;
	size_t i, j;

	printf("%-16s %-20s %-20s %-14s %-5s %-6s %-9s %-10s %-9s %-20s %10s %14s %9s  %s\n",
	       "NAMESPACE", "GATEWAY", "LISTENERSET", "NAME", "PROTO", "PORT",
	       "ACCEPTED", "PROGRAMMED", "RESOLVED", "ROUTE", "NEW FLOWS",
	       "HALF-OPEN", "SURPLUS", "ADDRESSES");
	json_array_foreach(list, i, listener) {
		json_t *id = json_object_get(listener, "route");
		const json_t *route = json_is_integer(id) ?
			view_route(view, json_integer_value(id)) : NULL;
		const json_t *open = json_object_get(listener, "halfOpen");
		const char *set = view_text(listener, "listenerSet");
		char half_open[COUNT_MAX];

		printf("%-16s %-20s %-20s %-14s %-5s %-6lld %-9s %-10s %-9s %-20s %10lld %14s %9lld ",
		       view_text(listener, "namespace"),
		       view_text(listener, "gateway"), *set ? set : "-",
		       view_text(listener, "name"),
		       view_text(listener, "protocol"),
		       view_number(listener, "port"),
		       status_of(listener, "Accepted"),
		       status_of(listener, "Programmed"),
		       status_of(listener, "ResolvedRefs"),
		       route ? view_text(route, "name") :
		       id ? "(rejects)" : "-",
		       view_stat(listener, "flows", NULL),
		       format_half_open(open, half_open),
		       view_number(open, "surplus"));
		json_array_foreach(json_object_get(listener, "addresses"), j,
				   address)
			printf(" %s", json_string_value(address));
		putchar('\n');
		if (wide)
			print_conditions("", listener);
	}
}

void table_parameters(const struct view *view, const json_t *list, bool wide)
{
	json_t *object, *user;
	size_t i, j;

	(void)view;
	printf("%-16s %-24s %-9s %s\n", "NAMESPACE", "NAME", "ACCEPTED",
	       "USED BY");
	json_array_foreach(list, i, object) {
		const json_t *status = json_object_get(object, "status");

		printf("%-16s %-24s %-9s", view_text(object, "namespace"),
		       view_text(object, "name"),
		       status_of(status, "Accepted"));
		json_array_foreach(json_object_get(status, "usedBy"), j, user)
			printf("%s %s/%s", j ? "," : "",
			       view_text(user, "kind"), view_text(user, "name"));
		putchar('\n');
		if (wide)
			print_conditions("", status);
	}
}

void table_policies(const struct view *view, const json_t *list, bool wide)
{
	json_t *object, *ancestor;
	char text[COUNT_MAX];
	size_t i, j;

	(void)view;
	printf("%-16s %-24s %-9s %s\n", "NAMESPACE", "NAME", "ACCEPTED",
	       "TARGETS");
	json_array_foreach(list, i, object) {
		const json_t *ancestors = json_object_get(
			json_object_get(object, "status"), "ancestors");

		printf("%-16s %-24s %-9s", view_text(object, "namespace"),
		       view_text(object, "name"),
		       status_of_parents(ancestors, "Accepted", text));
		json_array_foreach(ancestors, j, ancestor) {
			const json_t *ref = json_object_get(ancestor,
							    "ancestorRef");

			printf("%s %s/%s", j ? "," : "", view_text(ref, "kind"),
			       view_text(ref, "name"));
		}
		putchar('\n');
		if (!wide)
			continue;
		json_array_foreach(ancestors, j, ancestor)
			print_conditions(view_text(json_object_get(
				ancestor, "ancestorRef"), "name"), ancestor);
	}
}

/* Why a route has no backends to show. */
static const char *idle_reason(const json_t *parents)
{
	json_t *parent, *listener;
	bool accepted = false;
	size_t i, j;

	json_array_foreach(parents, i, parent) {
		accepted |= !strcmp(status_of(parent, "Accepted"), "True");
		json_array_foreach(json_object_get(parent, "listeners"), j,
				   listener)
			if (!strcmp(view_text(listener, "fate"), "waits"))
				return "(no traffic: another route goes first)";
	}
	return accepted ? "(no traffic: its listeners are not programmed)" :
			  "(no traffic: not accepted)";
}

static void print_refs(const json_t *route)
{
	json_t *ref;
	size_t i;

	json_array_foreach(json_object_get(route, "refs"), i, ref) {
		const char *verdict = view_text(ref, "verdict");
		bool usable = !strcmp(verdict, "usable");

		if (json_is_true(json_object_get(ref, "gone")))
			continue;
		printf("%s%s:%lld %.1f %%%s%s", i ? ", " : " ",
		       view_text(ref, "name"), view_number(ref, "port"),
		       json_real_value(json_object_get(ref, "wanted")) * 100,
		       usable ? "" : " rejected: ", usable ? "" : verdict);
	}
}

static void print_parents(const json_t *route, const json_t *parents)
{
	char what[600];
	json_t *parent;
	size_t i;

	json_array_foreach(parents, i, parent) {
		const json_t *ref = json_object_get(parent, "parentRef");
		const char *namespace = view_text(ref, "namespace");

		snprintf(what, sizeof(what), "parent %s %s/%s",
			 view_text(ref, "kind"), *namespace ? namespace :
			 view_text(route, "namespace"),
			 view_text(ref, "name"));
		print_conditions(what, parent);
	}
}

void table_routes(const struct view *view, const json_t *list, bool wide)
{
	char accepted[COUNT_MAX], resolved[COUNT_MAX];
	json_t *route;
	size_t i;

	(void)view;
	printf("%-16s %-24s %-9s %-9s %-9s %10s %8s %10s  %s\n", "NAMESPACE",
	       "NAME", "KIND", "ACCEPTED", "RESOLVED", "NEW FLOWS", "ACTIVE",
	       "REJECTED", "BACKENDS");
	json_array_foreach(list, i, route) {
		const json_t *parents = json_object_get(
			json_object_get(route, "status"), "parents");

		printf("%-16s %-24s %-9s %-9s %-9s %10lld %8lld %10lld ",
		       view_text(route, "namespace"), view_text(route, "name"),
		       view_text(route, "kind"),
		       status_of_parents(parents, "Accepted", accepted),
		       status_of_parents(parents, "ResolvedRefs", resolved),
		       view_stat(route, "flows", NULL),
		       view_number(route, "active"),
		       view_stat(route, "rejected", NULL));
		if (json_object_get(route, "id"))
			print_refs(route);
		else
			printf(" %s", idle_reason(parents));
		putchar('\n');
		if (wide)
			print_parents(route, parents);
	}
}

/* The time until the flows of a backend are cut into text, "-" if they are not. */
static const char *format_left(const json_t *backend, char *text)
{
	const json_t *left = json_object_get(backend, "secondsLeft");

	if (!left)
		return "-";
	snprintf(text, COUNT_MAX, "%lld s", json_integer_value(left));
	return text;
}

void table_backends(const struct view *view, const json_t *list, bool wide)
{
	char left[COUNT_MAX];
	json_t *route, *backend;
	size_t i, j;

	(void)view;
	(void)wide;
	printf("%-16s %-20s %-20s %-24s %-9s %8s %8s %10s %8s %12s %12s\n",
	       "NAMESPACE", "ROUTE", "SERVICE", "ADDRESS", "STATE", "LEFT",
	       "WANTED",
	       "NEW FLOWS", "ACTIVE", "PACKETS IN", "PACKETS OUT");
	json_array_foreach(list, i, route) {
		const json_t *refs = json_object_get(route, "refs");

		json_array_foreach(json_object_get(route, "backends"), j,
				   backend)
			printf("%-16s %-20s %-20s %-24s %-9s %8s %6.2f %% %10lld %8lld %12lld %12lld\n",
			       view_text(route, "namespace"),
			       view_text(route, "name"),
			       view_text(json_array_get(refs,
					view_number(backend, "ref")), "name"),
			       view_text(backend, "endpoint"),
			       view_text(backend, "state"),
			       format_left(backend, left),
			       json_real_value(json_object_get(backend,
					"wanted")) * 100,
			       view_stat(backend, "flows", NULL),
			       view_number(backend, "active"),
			       view_stat(backend, "packets", "from_client"),
			       view_stat(backend, "packets", "from_backend"));
	}
}

void table_flows(const struct view *view, const json_t *list, bool wide)
{
	json_t *flow;
	size_t i;

	(void)view;
	(void)wide;
	printf("%-5s %-24s %-24s %-24s %-24s %-19s %s\n", "PROTO", "CLIENT",
	       "LISTENER", "NAT", "BACKEND", "STATE", "IDLE");
	json_array_foreach(list, i, flow) {
		bool surplus = json_is_true(json_object_get(flow, "surplus"));
		char state[40];

		snprintf(state, sizeof(state), "%s%s", view_text(flow, "state"),
			 surplus ? ", surplus" : "");
		printf("%-5s %-24s %-24s %-24s %-24s %-19s %.0f s\n",
		       view_text(flow, "protocol"), view_text(flow, "client"),
		       view_text(flow, "listener"), view_text(flow, "nat"),
		       view_text(flow, "backend"), state,
		       json_real_value(json_object_get(flow, "idle")));
	}
}
