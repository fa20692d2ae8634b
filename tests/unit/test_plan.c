// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The numbers of listeners over several publishes: ListenerSets come and go, and
 * nobody else's listener changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "plan_run.h"	/* before cmocka.h, which takes its fail() */

#include <cmocka.h>

#define API "apiVersion: gateway.networking.k8s.io/v1\n"
#define TCP(name, port)							\
	"  - {name: " name ", port: " port ", protocol: TCP}\n"
#define GATEWAY								\
	API "kind: Gateway\n"						\
	"metadata: {name: gw, namespace: a}\n"				\
	"spec:\n"							\
	"  gatewayClassName: l4\n"					\
	"  addresses: [{value: 192.0.2.1}]\n"				\
	"  allowedListeners: {namespaces: {from: All}}\n"		\
	"  listeners:\n" TCP("web", "80") "---\n"
#define SET(namespace, name, listeners)					\
	API "kind: ListenerSet\n"					\
	"metadata: {name: " name ", namespace: " namespace "}\n"	\
	"spec:\n"							\
	"  parentRef: {name: gw, namespace: a}\n"			\
	"  listeners:\n" listeners "---\n"

/* The time, and whether listeners have had flows, for the plans to come. */
static uint64_t now = 1000;
static bool any_flows;

static const struct sizes sizes = {
	.routes = 4, .listeners = 16, .backends = 16, .chunks = 100,
};
static const struct state empty = { .texts = "", .text_size = 1 };

static bool had_flows(const void *context, uint32_t listener)
{
	(void)context;
	(void)listener;
	return any_flows;
}

static void plan_text(struct run *run, const char *text,
		      const struct state *published)
{
	const struct plan_node node = {
		.now = now, .had_flows = had_flows, .sizes = sizes,
	};

	run_plan(run, text, published, &node);
}

/* The number of the listener of a ListenerSet, or with set NULL its Gateway's. */
static const struct plan_listener *find(const struct run *run, const char *set,
					const char *name)
{
	size_t i;

	for (i = 0; i < run->image->listener_count; i++) {
		const struct image_listener *listener =
			&run->image->listeners[i];

		if (!strcmp(listener->name, name) &&
		    !strcmp(listener->set ?: "", set ?: ""))
			return &run->plan.listeners[i];
	}
	return NULL;
}

static void assert_change(const struct run *run, size_t i, char sign,
			  const char *text)
{
	assert_true(i < run->changes.count);
	assert_int_equal(run->changes.items[i].sign, sign);
	assert_string_equal(run->changes.items[i].text, text);
}

static void test_names(void **state)
{
	struct run run, again;

	(void)state;
	plan_text(&run, GATEWAY SET("a", "one", TCP("web", "81"))
		  SET("b", "one", TCP("web", "82"))
		  SET("b", "two", TCP("web", "83")), &empty);
	assert_int_equal(run.changes.count, 8);
	assert_change(&run, 0, '+', "listener a/gw/web");
	assert_change(&run, 1, '+', "listener a/gw/a/one/web");
	assert_change(&run, 2, '+', "listener a/gw/b/one/web");
	assert_change(&run, 3, '+', "listener a/gw/b/two/web");
	assert_change(&run, 4, '+', "Gateway/a/gw");
	assert_change(&run, 5, '+', "ListenerSet/a/one");
	assert_true(run.plan.reaches_packets);

	plan_text(&again, GATEWAY SET("b", "two", TCP("web", "83"))
		  SET("b", "one", TCP("web", "82"))
		  SET("a", "one", TCP("web", "81")), &run.plan.state);
	assert_int_equal(again.changes.count, 0);
	assert_int_equal(again.plan.state.listener_count, 4);
	run_free(&again);
	run_free(&run);
}

static void test_set_goes(void **state)
{
	struct run before, after;

	(void)state;
	plan_text(&before, GATEWAY SET("a", "one", TCP("x", "70") TCP("w", "90"))
		  SET("a", "two", TCP("x", "71")), &empty);
	plan_text(&after, GATEWAY SET("a", "two", TCP("x", "71")),
		  &before.plan.state);
	assert_int_equal(find(&before, NULL, "web")->id,
			 find(&after, NULL, "web")->id);
	assert_int_equal(find(&before, "two", "x")->id,
			 find(&after, "two", "x")->id);
	assert_false(find(&after, NULL, "web")->is_new);
	assert_false(find(&after, "two", "x")->is_new);
	assert_int_equal(after.changes.count, 4);
	assert_change(&after, 0, '-', "listener a/gw/a/one/x");
	assert_change(&after, 1, '-', "listener a/gw/a/one/w");
	assert_change(&after, 2, '~', "status of Gateway/a/gw");
	assert_change(&after, 3, '-', "ListenerSet/a/one");
	run_free(&after);
	run_free(&before);
}

/* The port goes to the next in turn, under a number that had no flows. */
static void test_next_in_turn(void **state)
{
	struct run before, after;

	(void)state;
	plan_text(&before, GATEWAY SET("a", "one", TCP("x", "81"))
		  SET("a", "two", TCP("x", "81")), &empty);
	assert_non_null(find(&before, "one", "x"));
	assert_null(find(&before, "two", "x"));
	plan_text(&after, GATEWAY SET("a", "two", TCP("x", "81")),
		  &before.plan.state);
	assert_true(find(&after, "two", "x")->is_new);
	assert_int_not_equal(find(&after, "two", "x")->id,
			     find(&before, "one", "x")->id);
	assert_false(find(&after, NULL, "web")->is_new);
	run_free(&after);
	run_free(&before);
}

static const char *const two_routes[] = {
	"kind: TCPRoute\nmetadata: {name: young, namespace: a, creationTimestamp: \"2026-01-02T00:00:00Z\"}\n"
	"spec:\n  parentRefs: [{name: gw}]\n  rules: [{backendRefs: [{name: s, port: 80}]}]\n---\n",
	"kind: TCPRoute\nmetadata: {name: old, namespace: a, creationTimestamp: \"2026-01-01T00:00:00Z\"}\n"
	"spec:\n  parentRefs: [{name: gw}]\n  rules: [{backendRefs: [{name: s, port: 80}]}]\n---\n",
};
#define SERVICE								\
	"apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: a}\n"	\
	"spec: {ports: [{port: 80}]}\n---\n"				\
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: s, namespace: a, labels: {kubernetes.io/service-name: s}}\n" \
	"addressType: IPv4\nports: [{port: 80}]\n"			\
	"endpoints: [%s]\n---\n"
#define ENDPOINT(address) "{addresses: [" address "], conditions: {ready: true}}"

static void routes_text(char text[8192], const char *endpoints,
			const char *first, const char *second)
{
	size_t n = snprintf(text, 8192, GATEWAY SERVICE, endpoints);

	snprintf(text + n, 8192 - n, "%s%s%s%s", first ? API : "", first ?: "",
		 second ? API : "", second ?: "");
}

/*
 * A route that loses its listener keeps the backends that it had, as long as they
 * are given, and gets no new ones.
 */
static void test_standby(void **state)
{
	struct run before, after, again, gone;
	char text[8192];
	uint32_t id;

	(void)state;
	routes_text(text, ENDPOINT("10.0.0.1") ", " ENDPOINT("10.0.0.2"),
		    two_routes[0], NULL);
	plan_text(&before, text, &empty);
	assert_int_equal(before.plan.route_count, 1);
	id = before.plan.routes[0].backends[1].id;
	routes_text(text, ENDPOINT("10.0.0.2") ", " ENDPOINT("10.0.0.3"),
		    two_routes[0], two_routes[1]);
	plan_text(&after, text, &before.plan.state);
	assert_int_equal(after.plan.route_count, 2);
	assert_int_equal(after.plan.routes[1].id, before.plan.routes[0].id);
	assert_int_equal(after.plan.routes[1].image->backend_count, 1);
	assert_true(after.plan.routes[1].image->backends[0].draining);
	assert_int_equal(after.plan.routes[1].backends[0].id, id);
	assert_int_equal(after.plan.backend_used[id], 1);
	assert_int_equal(after.plan.listeners[0].former_count, 1);
	assert_true(after.plan.listeners[0].moved);
	plan_text(&again, text, &after.plan.state);
	assert_int_equal(again.changes.count, 0);
	assert_int_equal(again.plan.route_count, 2);
	routes_text(text, ENDPOINT("10.0.0.2"), two_routes[1], NULL);
	plan_text(&gone, text, &again.plan.state);
	assert_int_equal(gone.plan.route_count, 1);
	assert_int_equal(gone.plan.backend_used[id], 0);
	assert_int_equal(gone.plan.backend_was[id], 1);
	assert_int_equal(gone.plan.listeners[0].former_count, 0);
	assert_true(gone.plan.listeners[0].moved);
	run_free(&gone);
	run_free(&again);
	run_free(&after);
	run_free(&before);
}

/* Where a listener was with flows; until a minute has gone and something changes. */
static void test_retired(void **state)
{
	struct run before, idle, gone, later, back, last;
	uint16_t id;

	(void)state;
	plan_text(&before, GATEWAY SET("a", "one", TCP("x", "81")), &empty);
	id = find(&before, "one", "x")->endpoints[0];
	plan_text(&idle, GATEWAY, &before.plan.state);
	assert_int_equal(idle.plan.retired_count, 0);
	any_flows = true;
	plan_text(&gone, GATEWAY, &before.plan.state);
	assert_int_equal(gone.plan.retired_count, 1);
	assert_int_equal(gone.plan.retired[0].place.endpoint, id);
	assert_int_equal(gone.plan.retired[0].port, 81);
	now += 59;
	plan_text(&later, GATEWAY SET("a", "two", TCP("x", "82")),
		  &gone.plan.state);
	assert_int_equal(later.plan.retired_count, 1);
	assert_int_not_equal(find(&later, "two", "x")->endpoints[0], id);
	plan_text(&back, GATEWAY SET("a", "three", TCP("x", "81")),
		  &later.plan.state);
	assert_int_equal(find(&back, "three", "x")->endpoints[0], id);
	assert_int_equal(back.plan.retired_count, 1);
	assert_int_equal(back.plan.retired[0].port, 82);
	now += 1;
	plan_text(&last, GATEWAY, &later.plan.state);
	assert_int_equal(last.plan.retired_count, 1);
	assert_int_equal(last.plan.retired[0].port, 82);
	any_flows = false;
	run_free(&last);
	run_free(&back);
	run_free(&later);
	run_free(&gone);
	run_free(&idle);
	run_free(&before);
}

/* Names as long as they can be do not get in each other's way. */
static void test_long_names(void **state)
{
	struct run run, again;
	char name[251], text[4096];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	snprintf(text, sizeof(text), GATEWAY SET("a", "%s-a", TCP("%s-a", "81")
		 TCP("%s-b", "82")) SET("a", "%s-b", TCP("%s-a", "83")), name,
		 name, name, name, name);
	plan_text(&run, text, &empty);
	assert_int_equal(run.changes.count, 7);
	assert_string_not_equal(run.changes.items[1].text,
				run.changes.items[2].text);
	plan_text(&again, text, &run.plan.state);
	assert_int_equal(again.changes.count, 0);
	run_free(&again);
	run_free(&run);
}

/*
 * A set that nobody lets in changes what people are told, not what packets meet;
 * a route that carries traffic is told once.
 */
static void test_statuses_alone(void **state)
{
	static const char route[] =
		API "kind: TCPRoute\nmetadata: {name: r, namespace: a}\n"
		"spec:\n  parentRefs: [{name: gw}]\n"
		"  rules: [{backendRefs: [{name: s, port: 80}]}]\n";
	struct run before, after;
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", GATEWAY, route);
	plan_text(&before, text, &empty);
	assert_int_equal(before.changes.count, 3);
	assert_change(&before, 0, '+', "listener a/gw/web");
	assert_change(&before, 1, '+', "route TCPRoute/a/r");
	assert_change(&before, 2, '+', "Gateway/a/gw");
	snprintf(text, sizeof(text), "%s%s%s", GATEWAY,
		 SET("a", "lost", TCP("x", "80")), route);
	plan_text(&after, text, &before.plan.state);
	assert_int_equal(after.changes.count, 1);
	assert_change(&after, 0, '+', "ListenerSet/a/lost");
	assert_false(after.plan.reaches_packets);
	run_free(&after);
	run_free(&before);
}

#define LIMITED								\
	API "kind: Gateway\nmetadata: {name: gw, namespace: a}\n"	\
	"spec:\n  gatewayClassName: l4\n"				\
	"  infrastructure: {parametersRef: {group: l4gate.dev,"		\
	" kind: GatewayParameters, name: p}}\n"				\
	"  addresses: [{value: 192.0.2.1}]\n  listeners:\n"		\
	TCP("web", "80")						\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n" \
	"metadata: {name: p, namespace: a}\nspec: {%s}\n---\n"

/* A limit of half-open flows that changes is a change of its listener alone. */
static void test_max_half_open(void **state)
{
	static const struct {
		const char *spec;
		uint16_t limit;
	} steps[] = {
		{ "maxHalfOpen: 100", 100 }, { "maxHalfOpen: 65535", 65535 },
		{ "mode: nat", 0 },
	};
	struct run before, after;
	char text[2048];
	size_t i;

	(void)state;
	plan_text(&before, GATEWAY, &empty);
	assert_int_equal(before.plan.state.listeners[0].max_half_open, 0);
	run_free(&before);
	snprintf(text, sizeof(text), LIMITED, "maxHalfOpen: 1");
	plan_text(&before, text, &empty);
	assert_int_equal(before.plan.state.listeners[0].max_half_open, 1);
	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), LIMITED, steps[i].spec);
		plan_text(&after, text, &before.plan.state);
		assert_int_equal(after.plan.state.listeners[0].max_half_open,
				 steps[i].limit);
		assert_int_equal(after.changes.count, 1);
		assert_change(&after, 0, '~', "listener a/gw/web");
		assert_true(after.plan.reaches_packets);
		assert_false(after.plan.listeners[0].is_new);
		run_free(&before);
		before = after;
	}
	run_free(&before);
}

/* Rules 22 and 24: every address that packets can reach, each with its type. */
static void test_rule_24_address_types(void **state)
{
	json_t *object, *wanted, *status;
	struct run run;

	(void)state;
	plan_text(&run, GATEWAY SET("a", "one", TCP("web", "81")), &empty);
	object = json_loadb(run.plan.state.texts +
			    run.plan.state.objects[0].json,
			    run.plan.state.objects[0].json_size, 0, NULL);
	status = json_object_get(object, "status");
	wanted = json_pack("[{s:s, s:s}]", "type", "IPAddress", "value",
			   "192.0.2.1");
	assert_true(json_equal(json_object_get(status, "addresses"), wanted));
	assert_int_equal(json_integer_value(json_object_get(
				 status, "attachedListenerSets")), 1);
	json_decref(wanted);
	json_decref(object);
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_set_goes),
		cmocka_unit_test(test_next_in_turn),
		cmocka_unit_test(test_standby),
		cmocka_unit_test(test_retired),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_statuses_alone),
		cmocka_unit_test(test_max_half_open),
		cmocka_unit_test(test_rule_24_address_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
