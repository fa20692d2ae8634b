// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Over several publishes: when backends that get no new flows begin to drain, how
 * long, and what becomes of their numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_run.h"	/* before cmocka.h, which takes its fail() */

#include <cmocka.h>

#define API "apiVersion: gateway.networking.k8s.io/v1\n"
#define GATEWAY(name, address, drain)					\
	API "kind: Gateway\nmetadata: {name: " name ", namespace: a}\n"	\
	"spec:\n  gatewayClassName: l4\n"				\
	"  addresses: [{value: " address "}]\n"				\
	"  listeners:\n"						\
	"  - {name: tcp, port: 80, protocol: TCP}\n"			\
	"  - {name: udp, port: 80, protocol: UDP}\n"			\
	"  infrastructure: {parametersRef: {group: l4gate.dev, "	\
	"kind: GatewayParameters, name: " name "}}\n---\n"		\
	"apiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"	\
	"metadata: {name: " name ", namespace: a}\n"			\
	"spec: {drainTimeout: " drain ", mode: transparent}\n---\n"
#define ROUTE(kind, name, time, refs)					\
	API "kind: " kind "\nmetadata: {name: " name ", namespace: a, "	\
	"creationTimestamp: \"2026-01-01T0" time ":00:00Z\"}\n"		\
	"spec:\n  parentRefs: [{name: one}, {name: two}]\n"		\
	"  rules: [{backendRefs: [" refs "]}]\n---\n"
#define TCP(refs) ROUTE("TCPRoute", "r", "1", refs)
#define REF(service) "{name: " service ", port: 80}"
#define SERVICE(name, endpoints)					\
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name ", namespace: a}\n" \
	"spec: {ports: [{name: t, port: 80}, {name: u, port: 80, protocol: UDP}]}\n---\n" \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: " name ", namespace: a, labels: {kubernetes.io/service-name: " name "}}\n" \
	"addressType: IPv4\n"						\
	"ports: [{name: t, port: 80}, {name: u, port: 80, protocol: UDP}]\n" \
	"endpoints: [" endpoints "]\n---\n"
#define READY(address) "{addresses: [" address "]}, "
#define LEAVES(address)							\
	"{addresses: [" address "], conditions: {ready: false, serving: true, terminating: true}}, "
#define NOT_READY(address)						\
	"{addresses: [" address "], conditions: {ready: false, serving: true}}, "

#define ONE GATEWAY("one", "192.0.2.1", "30s")
#define BOTH SERVICE("s", READY("10.0.0.1") READY("10.0.0.2"))

/* Of the plans to come. */
static uint32_t tick;

static void plan_text(struct run *run, const char *text,
		      const struct run *before)
{
	const struct plan_node node = {
		.tick = tick, .tick_seconds = 0.5, .sizes = {
			.routes = 4, .listeners = 8, .backends = 8,
			.chunks = 200,
		},
	};

	run_plan(run, text, before ? &before->plan.state : NULL, &node);
}

/* What is given twice changes nothing, whenever. */
static void assert_settled(const char *text, const struct run *before)
{
	struct run again;

	plan_text(&again, text, before);
	assert_int_equal(again.changes.count, 0);
	run_free(&again);
}

static void runs_free(struct run *runs, size_t count)
{
	while (count--)
		run_free(runs++);
}

/* The only backend at 10.0.0.N in the state, or NULL. */
static const struct state_backend *find(const struct run *run, uint8_t n)
{
	const struct state *state = &run->plan.state;
	size_t i;

	for (i = 0; i < state->backend_count; i++)
		if (((const uint8_t *)&state->backends[i].addr)[3] == n)
			return &state->backends[i];
	return NULL;
}

static void assert_drains(const struct run *run, uint8_t n, uint32_t id,
			  uint32_t until)
{
	const struct state_backend *backend = find(run, n);

	assert_non_null(backend);
	assert_int_equal(backend->id, id);
	assert_true(backend->draining);
	assert_int_equal(backend->until, until);
	assert_int_equal(backend->slots, 0);
	assert_int_equal(run->plan.backend_used[id], 1);
}

static void assert_told(const struct run *run, const char *text)
{
	size_t i;

	for (i = 0; i < run->changes.count; i++)
		if (run->changes.items[i].sign == '~' &&
		    !strcmp(run->changes.items[i].text, text))
			return;
	fail_msg("not told: %s", text);
}

/*
 * From given over terminating to gone: one clock, which no publish starts anew. At
 * its end the number is free, once something changes.
 */
static void test_clock(void **state)
{
	static const char ready[] = ONE TCP(REF("s")) BOTH;
	static const char leaves[] = ONE TCP(REF("s"))
		SERVICE("s", READY("10.0.0.1") LEAVES("10.0.0.2"));
	static const char gone[] = ONE TCP(REF("s"))
		SERVICE("s", READY("10.0.0.1"));
	static const char more[] = ONE TCP(REF("s"))
		SERVICE("s", READY("10.0.0.1") READY("10.0.0.3"));
	struct run runs[5];
	uint32_t id;

	(void)state;
	tick = 1000;
	plan_text(&runs[0], ready, NULL);
	id = find(&runs[0], 2)->id;
	assert_int_equal(find(&runs[0], 2)->until, 0);
	plan_text(&runs[1], leaves, &runs[0]);
	assert_drains(&runs[1], 2, id, 1061);
	assert_told(&runs[1], "route TCPRoute/a/r: 10.0.0.2:80 drains for 30s");
	tick = 1010;
	assert_settled(leaves, &runs[1]);
	plan_text(&runs[2], gone, &runs[1]);
	assert_drains(&runs[2], 2, id, 1061);
	assert_int_equal(runs[2].plan.state.routes[0].gone_backends, 1);
	assert_int_equal(runs[2].changes.count, 1);
	tick = 1060;
	assert_settled(gone, &runs[2]);
	plan_text(&runs[3], more, &runs[2]);
	assert_drains(&runs[3], 2, id, 1061);
	assert_int_not_equal(find(&runs[3], 3)->id, id);
	tick = 1061;
	assert_settled(gone, &runs[2]);
	plan_text(&runs[4], more, &runs[2]);
	assert_null(find(&runs[4], 2));
	assert_int_equal(runs[4].plan.backend_used[id], 0);
	assert_int_equal(runs[4].plan.backend_was[id], 1);
	/* Given out last. */
	assert_int_not_equal(find(&runs[4], 3)->id, id);
	runs_free(runs, 5);
}

/* One that comes back has its number, and a clock of its own the next time. */
static void test_back(void **state)
{
	static const char ready[] = ONE TCP(REF("s")) BOTH;
	static const char gone[] = ONE TCP(REF("s"))
		SERVICE("s", READY("10.0.0.1"));
	struct run runs[4];
	uint32_t id;

	(void)state;
	/* Where ticks wrap. */
	tick = UINT32_MAX - 10;
	plan_text(&runs[0], ready, NULL);
	id = find(&runs[0], 2)->id;
	plan_text(&runs[1], gone, &runs[0]);
	assert_drains(&runs[1], 2, id, 50);
	assert_told(&runs[1], "route TCPRoute/a/r: 10.0.0.2:80 drains for 30s");
	tick = 49;
	assert_settled(gone, &runs[1]);
	plan_text(&runs[2], ready, &runs[1]);
	assert_int_equal(find(&runs[2], 2)->id, id);
	assert_int_equal(find(&runs[2], 2)->until, 0);
	assert_false(find(&runs[2], 2)->draining);
	assert_int_equal(runs[2].plan.state.routes[0].gone_backends, 0);
	plan_text(&runs[3], gone, &runs[2]);
	assert_drains(&runs[3], 2, id, 49 + 61);
	runs_free(runs, 4);
}

/* A weight of 0, and not being ready, never cut flows. */
static void test_no_clock(void **state)
{
	static const char ready[] = ONE TCP(REF("s")) BOTH;
	static const char still[] = ONE
		TCP("{name: s, port: 80, weight: 0}")
		SERVICE("s", READY("10.0.0.1") NOT_READY("10.0.0.2"));
	struct run runs[2];

	(void)state;
	tick = 1000;
	plan_text(&runs[0], ready, NULL);
	plan_text(&runs[1], still, &runs[0]);
	assert_drains(&runs[1], 1, find(&runs[0], 1)->id, 0);
	assert_drains(&runs[1], 2, find(&runs[0], 2)->id, 0);
	runs_free(runs, 2);
}

/* Without a drainTimeout, and of UDP, what is gone is gone at once. */
static void test_at_once(void **state)
{
	static const char *const texts[][3] = {
		{ GATEWAY("one", "192.0.2.1", "0s") TCP(REF("s")) BOTH,
		  GATEWAY("one", "192.0.2.1", "0s") TCP(REF("s"))
		  SERVICE("s", READY("10.0.0.1") LEAVES("10.0.0.2")),
		  GATEWAY("one", "192.0.2.1", "0s") TCP(REF("s"))
		  SERVICE("s", READY("10.0.0.1")) },
		{ ONE ROUTE("UDPRoute", "r", "1", REF("s")) BOTH,
		  ONE ROUTE("UDPRoute", "r", "1", REF("s"))
		  SERVICE("s", READY("10.0.0.1") LEAVES("10.0.0.2")),
		  ONE },
	};
	struct run runs[3];
	uint32_t id;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		tick = 1000;
		plan_text(&runs[0], texts[i][0], NULL);
		id = find(&runs[0], 2)->id;
		plan_text(&runs[1], texts[i][1], &runs[0]);
		assert_drains(&runs[1], 2, id, 0);
		plan_text(&runs[2], texts[i][2], &runs[1]);
		assert_null(find(&runs[2], 2));
		assert_int_equal(runs[2].plan.backend_used[id], 0);
		runs_free(runs, 3);
	}
}

/* The longest of two Gateways' times. */
static void test_two_gateways(void **state)
{
	struct run runs[2];

	(void)state;
	tick = 1000;
	plan_text(&runs[0], GATEWAY("one", "192.0.2.1", "30s")
		  GATEWAY("two", "192.0.2.2", "90s") TCP(REF("s")) BOTH, NULL);
	plan_text(&runs[1], GATEWAY("one", "192.0.2.1", "30s")
		  GATEWAY("two", "192.0.2.2", "90s") TCP(REF("s"))
		  SERVICE("s", READY("10.0.0.1")), &runs[0]);
	assert_drains(&runs[1], 2, find(&runs[0], 2)->id, 1181);
	runs_free(runs, 2);
}

/*
 * A route that is deleted is told once, and keeps what its listeners need to find its
 * flows, whoever they belong to now. When it comes back, it is what it was.
 */
static void test_route_goes(void **state)
{
	static const char before[] = ONE TCP(REF("s")) BOTH;
	static const char without[] = GATEWAY("one", "192.0.2.1", "0s");
	static const char other[] = GATEWAY("one", "192.0.2.1", "0s")
		ROUTE("TCPRoute", "other", "2", REF("o"))
		SERVICE("o", READY("10.0.0.9"));
	const struct state_route *routes;
	struct run runs[5];
	uint32_t id, route;

	(void)state;
	tick = 1000;
	plan_text(&runs[0], before, NULL);
	id = find(&runs[0], 2)->id;
	route = runs[0].plan.routes[0].id;
	plan_text(&runs[1], without, &runs[0]);
	assert_drains(&runs[1], 2, id, 1061);
	assert_told(&runs[1], "route TCPRoute/a/r: 2 backends drain for 30s");
	assert_int_equal(runs[1].changes.items[1].sign, '-');
	assert_string_equal(runs[1].changes.items[1].text,
			    "route TCPRoute/a/r");
	assert_true(runs[1].plan.state.routes[0].gone);
	assert_int_equal(runs[1].plan.listeners[0].former_count, 1);
	assert_int_equal(runs[1].plan.origin_count, 2);
	assert_settled(without, &runs[1]);
	tick = 1020;
	plan_text(&runs[2], other, &runs[1]);
	routes = runs[2].plan.state.routes;
	assert_int_equal(runs[2].plan.state.route_count, 2);
	assert_int_equal(routes[1].id, route);
	assert_int_not_equal(routes[0].id, route);
	assert_drains(&runs[2], 2, id, 1061);
	assert_int_equal(runs[2].plan.origin_count, 3);
	assert_settled(other, &runs[2]);
	plan_text(&runs[3], before, &runs[2]);
	assert_int_equal(runs[3].plan.routes[0].id, route);
	assert_int_equal(find(&runs[3], 2)->id, id);
	assert_int_equal(find(&runs[3], 2)->until, 0);
	tick = 2000;
	assert_settled(other, &runs[2]);
	plan_text(&runs[4], without, &runs[2]);
	/* The time of r is over; other had none. */
	assert_int_equal(runs[4].plan.state.route_count, 0);
	assert_int_equal(runs[4].plan.state.backend_count, 0);
	runs_free(runs, 5);
}

/* A ref that is removed, and comes back beside another one of the same name. */
static void test_ref_goes(void **state)
{
	static const char both[] = ONE TCP(REF("s") ", " REF("o")) BOTH
		SERVICE("o", READY("10.0.0.9"));
	static const char left[] = ONE TCP(REF("o")) BOTH
		SERVICE("o", READY("10.0.0.9"));
	const struct state_route *route;
	struct run runs[3];
	uint32_t id;

	(void)state;
	tick = 1000;
	plan_text(&runs[0], both, NULL);
	id = find(&runs[0], 2)->id;
	plan_text(&runs[1], left, &runs[0]);
	assert_drains(&runs[1], 1, find(&runs[0], 1)->id, 1061);
	assert_drains(&runs[1], 2, id, 1061);
	assert_int_equal(find(&runs[1], 9)->id, find(&runs[0], 9)->id);
	route = &runs[1].plan.state.routes[0];
	assert_int_equal(route->ref_count, 2);
	assert_int_equal(route->gone_refs, 1);
	assert_int_equal(find(&runs[1], 2)->ref, 1);
	assert_string_equal(runs[1].plan.state.texts +
			    runs[1].plan.state.refs[1].name, "s");
	assert_settled(left, &runs[1]);
	plan_text(&runs[2], both, &runs[1]);
	assert_int_equal(find(&runs[2], 2)->id, id);
	assert_false(find(&runs[2], 2)->draining);
	assert_int_equal(runs[2].plan.state.routes[0].gone_refs, 0);
	runs_free(runs, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_no_clock),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_two_gateways),
		cmocka_unit_test(test_route_goes),
		cmocka_unit_test(test_ref_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
