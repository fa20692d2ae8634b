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

#include "compile/compile.h"
#include "dataplane/plan.h"	/* before cmocka.h, which takes its fail() */
#include "model/manifest.h"

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

/* One compile and the plan that came of it. */
struct run {
	struct model model;
	struct image *image;
	struct plan plan;
	struct changes changes;
};

static void plan_text(struct run *run, const char *text,
		      const json_t *published)
{
	static const char *const classes[] = { "l4" };
	const struct compile_options options = {
		.claimed_classes = classes, .claimed_class_count = 1,
	};
	struct diags diags = { 0 };
	struct fail fail = { 0 };

	*run = (struct run){ 0 };
	assert_int_equal(manifest_read_text("t", text, strlen(text), NULL,
					    &run->model, &diags), 0);
	assert_int_equal(compile(&run->model, &options, &run->image, &diags),
			 0);
	assert_int_equal(diags.errors, 0);
	diags_free(&diags);
	assert_int_equal(plan_make(run->image, published, NULL, 0,
				   &run->plan, &run->changes, &fail), 0);
}

static void run_free(struct run *run)
{
	changes_free(&run->changes);
	plan_free(&run->plan);
	image_free(run->image);
	model_free(&run->model);
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
	json_t *empty = json_object();
	struct run run, again;

	(void)state;
	plan_text(&run, GATEWAY SET("a", "one", TCP("web", "81"))
		  SET("b", "one", TCP("web", "82"))
		  SET("b", "two", TCP("web", "83")), empty);
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
		  SET("a", "one", TCP("web", "81")), run.plan.state);
	assert_int_equal(again.changes.count, 0);
	assert_int_equal(json_array_size(json_object_get(again.plan.state,
							 "listeners")), 4);
	run_free(&again);
	run_free(&run);
	json_decref(empty);
}

static void test_set_goes(void **state)
{
	json_t *empty = json_object();
	struct run before, after;

	(void)state;
	plan_text(&before, GATEWAY SET("a", "one", TCP("x", "70") TCP("w", "90"))
		  SET("a", "two", TCP("x", "71")), empty);
	plan_text(&after, GATEWAY SET("a", "two", TCP("x", "71")),
		  before.plan.state);
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
	json_decref(empty);
}

/* The port goes to the next in turn, under a number that had no flows. */
static void test_next_in_turn(void **state)
{
	json_t *empty = json_object();
	struct run before, after;

	(void)state;
	plan_text(&before, GATEWAY SET("a", "one", TCP("x", "81"))
		  SET("a", "two", TCP("x", "81")), empty);
	assert_non_null(find(&before, "one", "x"));
	assert_null(find(&before, "two", "x"));
	plan_text(&after, GATEWAY SET("a", "two", TCP("x", "81")),
		  before.plan.state);
	assert_true(find(&after, "two", "x")->is_new);
	assert_int_not_equal(find(&after, "two", "x")->id,
			     find(&before, "one", "x")->id);
	assert_false(find(&after, NULL, "web")->is_new);
	run_free(&after);
	run_free(&before);
	json_decref(empty);
}

/* Names as long as they can be do not get in each other's way. */
static void test_long_names(void **state)
{
	json_t *empty = json_object();
	struct run run, again;
	char name[251], text[4096];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	snprintf(text, sizeof(text), GATEWAY SET("a", "%s-a", TCP("%s-a", "81")
		 TCP("%s-b", "82")) SET("a", "%s-b", TCP("%s-a", "83")), name,
		 name, name, name, name);
	plan_text(&run, text, empty);
	assert_int_equal(run.changes.count, 7);
	assert_string_not_equal(run.changes.items[1].text,
				run.changes.items[2].text);
	plan_text(&again, text, run.plan.state);
	assert_int_equal(again.changes.count, 0);
	run_free(&again);
	run_free(&run);
	json_decref(empty);
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
	json_t *empty = json_object();
	struct run before, after;
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", GATEWAY, route);
	plan_text(&before, text, empty);
	assert_int_equal(before.changes.count, 3);
	assert_change(&before, 0, '+', "listener a/gw/web");
	assert_change(&before, 1, '+', "route TCPRoute/a/r");
	assert_change(&before, 2, '+', "Gateway/a/gw");
	snprintf(text, sizeof(text), "%s%s%s", GATEWAY,
		 SET("a", "lost", TCP("x", "80")), route);
	plan_text(&after, text, before.plan.state);
	assert_int_equal(after.changes.count, 1);
	assert_change(&after, 0, '+', "ListenerSet/a/lost");
	assert_false(after.plan.reaches_packets);
	run_free(&after);
	run_free(&before);
	json_decref(empty);
}

/* Rules 22 and 24: every address that packets can reach, each with its type. */
static void test_rule_24_address_types(void **state)
{
	json_t *empty = json_object(), *wanted, *status;
	struct run run;

	(void)state;
	plan_text(&run, GATEWAY SET("a", "one", TCP("web", "81")), empty);
	status = json_object_get(json_array_get(json_object_get(
		run.plan.state, "objects"), 0), "status");
	wanted = json_pack("[{s:s, s:s}]", "type", "IPAddress", "value",
			   "192.0.2.1");
	assert_true(json_equal(json_object_get(status, "addresses"), wanted));
	assert_int_equal(json_integer_value(json_object_get(
				 status, "attachedListenerSets")), 1);
	json_decref(wanted);
	run_free(&run);
	json_decref(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_set_goes),
		cmocka_unit_test(test_next_in_turn),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_statuses_alone),
		cmocka_unit_test(test_rule_24_address_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
