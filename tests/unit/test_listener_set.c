// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* ListenerSets as they are read. What they compile to is in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/manifest.h"

#define API "apiVersion: gateway.networking.k8s.io/v1\n"

static void read_text(struct model *model, const char *text)
{
	struct diags diags = { 0 };

	if (manifest_read_text("t.yaml", text, strlen(text), NULL, model,
			       &diags)) {
		char *line = diag_format(&diags.items[0]);

		print_error("%s", line);
		free(line);
		fail();
	}
	assert_int_equal(diags.count, 0);
	diags_free(&diags);
}

static void test_defaults(void **state)
{
	const struct listener_set *set;
	struct model model = { 0 };

	(void)state;
	read_text(&model, API "kind: ListenerSet\nmetadata: {name: more}\n"
		  "spec:\n"
		  "  parentRef: {name: edge}\n"
		  "  listeners:\n"
		  "  - {name: tcp, protocol: TCP, port: 80}\n"
		  "status: {conditions: nonsense}\n");
	assert_int_equal(model.listener_sets.count, 1);
	set = &model.listener_sets.items[0];
	assert_string_equal(set->meta.name, "more");
	assert_string_equal(set->meta.namespace, "default");
	assert_string_equal(set->parent.group, GATEWAY_GROUP);
	assert_string_equal(set->parent.kind, "Gateway");
	assert_string_equal(set->parent.namespace, "default");
	assert_false(set->parent.has_namespace);
	assert_null(set->parent.section_name);
	assert_int_equal(set->parent.port, 0);
	assert_int_equal(set->parent.loc.line, 5);
	assert_int_equal(set->listener_count, 1);
	assert_int_equal(set->listeners[0].allowed.from, FROM_SAME);
	model_free(&model);
}

static void test_full(void **state)
{
	const struct listener_set *set;
	const struct listener *listener;
	struct model model = { 0 };

	(void)state;
	read_text(&model, API "kind: ListenerSet\n"
		  "metadata: {name: more, namespace: shop}\n"
		  "spec:\n"
		  "  parentRef: {group: gateway.networking.k8s.io,\n"
		  "    kind: Gateway, name: edge, namespace: infra}\n"
		  "  listeners:\n"
		  "  - {name: web, protocol: HTTPS, port: 8443,\n"
		  "     hostname: a.b, tls: {certificateRefs: [{name: c}]}}\n"
		  "  - name: udp\n"
		  "    protocol: UDP\n"
		  "    port: 53\n"
		  "    allowedRoutes:\n"
		  "      kinds: [{kind: UDPRoute}]\n"
		  "      namespaces:\n"
		  "        from: Selector\n"
		  "        selector: {matchLabels: {team: shop}}\n");
	set = &model.listener_sets.items[0];
	assert_string_equal(set->parent.namespace, "infra");
	assert_true(set->parent.has_namespace);
	assert_int_equal(set->listener_count, 2);
	assert_string_equal(set->listeners[0].protocol, "HTTPS");
	listener = &set->listeners[1];
	assert_string_equal(listener->name, "udp");
	assert_int_equal(listener->port, 53);
	assert_int_equal(listener->kind_count, 1);
	assert_int_equal(listener->allowed.from, FROM_SELECTOR);
	assert_int_equal(listener->allowed.selector.term_count, 1);
	model_free(&model);
}

/* Gateways keep ListenerSets out unless they say otherwise. */
static void test_allowed_listeners(void **state)
{
	static const struct {
		const char *text;
		enum from_namespaces from;
		bool selector;
	} cases[] = {
		{ "", FROM_NONE, false },
		{ "  allowedListeners: {}\n", FROM_NONE, false },
		{ "  allowedListeners: {namespaces: {}}\n", FROM_NONE, false },
		{ "  allowedListeners: {namespaces: {from: None}}\n",
		  FROM_NONE, false },
		{ "  allowedListeners: {namespaces: {from: Same}}\n",
		  FROM_SAME, false },
		{ "  allowedListeners: {namespaces: {from: All}}\n",
		  FROM_ALL, false },
		{ "  allowedListeners: {namespaces: {from: Selector,"
		  " selector: {}}}\n", FROM_SELECTOR, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct allowed_namespaces *allowed;
		struct model model = { 0 };
		char text[512];

		snprintf(text, sizeof(text), API "kind: Gateway\n"
			 "metadata: {name: edge}\nspec:\n"
			 "  gatewayClassName: l4gate\n%s  listeners:\n"
			 "  - {name: tcp, protocol: TCP, port: 80}\n",
			 cases[i].text);
		read_text(&model, text);
		allowed = &model.gateways.items[0].allowed_listeners;
		assert_int_equal(allowed->from, cases[i].from);
		assert_int_equal(allowed->selector.present, cases[i].selector);
		model_free(&model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_allowed_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
