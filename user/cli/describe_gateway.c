// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/describe.h"

#include <stdio.h>
#include <string.h>

#include "cli/advice.h"
#include "cli/join.h"

bool print_bad_conditions(const char *indent, const json_t *object)
{
	bool found = false;
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(object, "conditions"), i,
			   condition) {
		if (advice_is_good(condition))
			continue;
		found = true;
		printf("%s%s is %s, %s: %s\n", indent,
		       view_text(condition, "type"),
		       view_text(condition, "status"),
		       view_text(condition, "reason"),
		       view_text(condition, "message"));
	}
	return found;
}

void print_advice(const json_t *advice)
{
	json_t *text;
	size_t i;

	if (!json_array_size(advice)) {
		puts("Nothing is wrong.");
		return;
	}
	puts("What to do");
	json_array_foreach(advice, i, text)
		printf("  - %s\n", json_string_value(text));
}

static bool is_of(const json_t *object, const json_t *gateway)
{
	return !strcmp(view_text(object, "namespace"),
		       view_text(gateway, "namespace")) &&
	       !strcmp(view_text(object, "gateway"),
		       view_text(gateway, "name"));
}

/* The name of the route with that id in what packets meet. */
static json_t *served_by(const struct view *view, const json_t *listener)
{
	json_t *id = json_object_get(listener, "route");
	const json_t *route = json_is_integer(id) ?
		view_route(view, json_integer_value(id)) : NULL;

	if (!route)
		return NULL;
	return json_pack("{s:O, s:O, s:O}",
			 "kind", json_object_get(route, "kind"),
			 "namespace", json_object_get(route, "namespace"),
			 "name", json_object_get(route, "name"));
}

/* Whether new flows of a listener are surplus. */
static bool is_full(const json_t *listener)
{
	return json_is_true(json_object_get(json_object_get(listener,
							    "halfOpen"),
					    "full"));
}

void describe_gateway(const struct view *view, json_t *gateway)
{
	json_t *all = join_listeners(view), *sets = join_listener_sets(view);
	json_t *list = json_array(), *advice = json_array(), *object;
	size_t i;

	advice_collect(advice, json_object_get(gateway, "status"));
	json_array_foreach(all, i, object) {
		json_t *route;

		if (!is_of(object, gateway))
			continue;
		route = served_by(view, object);
		json_object_set_new(object, "servedBy",
				    route ? route : json_null());
		json_array_append(list, object);
		advice_collect(advice, object);
		if (is_full(object))
			advice_add(advice, "See where the half-open flows come from (l4gate get flows); a listener that needs more of them can have a higher maxHalfOpen (GatewayParameters).");
	}
	json_object_set_new(gateway, "listeners", list);
	list = json_array();
	json_array_foreach(sets, i, object) {
		const json_t *parent = json_object_get(object, "gateway");

		if (strcmp(view_text(parent, "namespace"),
			   view_text(gateway, "namespace")) ||
		    strcmp(view_text(parent, "name"),
			   view_text(gateway, "name")))
			continue;
		json_array_append(list, object);
		advice_collect(advice, json_object_get(object, "status"));
	}
	json_object_set_new(gateway, "listenerSets", list);
	json_object_set_new(gateway, "advice", advice);
	json_decref(sets);
	json_decref(all);
}

static void print_half_open(const json_t *listener)
{
	const json_t *open = json_object_get(listener, "halfOpen");

	if (is_full(listener))
		printf("    has %lld half-open flows of %lld: new ones are surplus, %lld so far\n",
		       view_number(open, "flows"), view_number(open, "limit"),
		       view_number(open, "surplus"));
}

static void print_listener(const json_t *listener)
{
	const json_t *route = json_object_get(listener, "servedBy");
	bool programmed = json_object_get(listener, "id");
	const char *set = view_text(listener, "listenerSet");

	printf("  %s%s%s%s, %s port %lld: ", view_text(listener, "name"),
	       *set ? " (of ListenerSet " : "", set, *set ? ")" : "",
	       view_text(listener, "protocol"), view_number(listener, "port"));
	if (!programmed)
		printf("is not programmed");
	else if (json_is_null(route))
		printf("rejects everything, as no route is attached");
	else
		printf("is served by %s %s/%s", view_text(route, "kind"),
		       view_text(route, "namespace"), view_text(route, "name"));
	if (view_number(listener, "attachedRoutes") > 1)
		printf(", one of %lld that are attached",
		       view_number(listener, "attachedRoutes"));
	if (programmed)
		printf("; %lld new flows so far",
		       view_stat(listener, "flows", NULL));
	putchar('\n');
	print_half_open(listener);
	(void)print_bad_conditions("    ", listener);
}

void print_gateway(const json_t *gateway)
{
	const json_t *status = json_object_get(gateway, "status");
	bool wrong = false;
	json_t *object;
	size_t i;

	printf("Gateway %s/%s of class %s", view_text(gateway, "namespace"),
	       view_text(gateway, "name"), view_text(gateway, "class"));
	json_array_foreach(json_object_get(status, "addresses"), i, object)
		printf("%s%s", i ? ", " : ", at ", view_text(object, "value"));
	puts("\n\nIts listeners");
	json_array_foreach(json_object_get(gateway, "listeners"), i, object)
		print_listener(object);
	putchar('\n');
	wrong = print_bad_conditions("", status);
	json_array_foreach(json_object_get(gateway, "listenerSets"), i, object) {
		char indent[640];

		snprintf(indent, sizeof(indent), "ListenerSet %s/%s: ",
			 view_text(object, "namespace"),
			 view_text(object, "name"));
		wrong |= print_bad_conditions(indent, json_object_get(object,
								      "status"));
	}
	if (wrong)
		putchar('\n');
	print_advice(json_object_get(gateway, "advice"));
}
