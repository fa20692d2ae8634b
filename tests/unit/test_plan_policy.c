// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What RoutePolicies ask for, over several publishes: what stays as it was is not
 * written again, and what packets may read now is not written over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "plan_run.h"	/* before cmocka.h, which takes its fail() */

#include <cmocka.h>

#define API "apiVersion: gateway.networking.k8s.io/v1\n"
#define ROUTED								\
	API "kind: Gateway\nmetadata: {name: gw, namespace: a}\n"	\
	"spec:\n  gatewayClassName: l4\n"				\
	"  addresses: [{value: 192.0.2.1}]\n"				\
	"  listeners: [{name: web, port: 80, protocol: TCP}]\n---\n"	\
	API "kind: TCPRoute\nmetadata: {name: r, namespace: a}\n"	\
	"spec:\n  parentRefs: [{name: gw}]\n"				\
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n---\n"	\
	"apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: a}\n" \
	"spec: {ports: [{port: 80}]}\n---\n"				\
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: s, namespace: a, labels: {kubernetes.io/service-name: s}}\n" \
	"addressType: IPv4\nports: [{port: 80}]\n"
#define ONE "endpoints: [{addresses: [10.0.0.1]}]\n---\n"
#define OTHER "endpoints: [{addresses: [10.0.0.2]}]\n---\n"
#define POLICY(spec)							\
	"apiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"		\
	"metadata: {name: p, namespace: a}\nspec:\n  targetRefs:\n"	\
	"  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: r}\n" \
	"  " spec "\n"

/* 20 boundaries, of which a chunk has 8. */
#define LONG								\
	"198.51.100.0/32, 198.51.100.2/32, 198.51.100.4/32, "		\
	"198.51.100.6/32, 198.51.100.8/32, 198.51.100.10/32, "		\
	"198.51.100.12/32, 198.51.100.14/32, 198.51.100.16/32, "	\
	"198.51.100.18/32"
#define ALL								\
	POLICY("sourceRanges: {allow: [198.51.100.0/24, '2001:db8::/32'], deny: [" \
	       LONG "]}\n"						\
	       "  rateLimit: {newFlowsPerSecond: 5, burst: 7}\n"	\
	       "  sessionAffinity: {type: ClientIP, timeout: 90s}")

/* Each plan is made over the one before it. */
static void plan_over(struct run *run, const char *text,
		      const struct run *before)
{
	const struct plan_node node = {
		.sizes = { .routes = 4, .listeners = 4, .backends = 8,
			   .chunks = 400 },
	};

	run_plan(run, text, before ? &before->plan.state : NULL, &node);
}

static const struct plan_table *ranges_of(const struct run *run, int family)
{
	return &run->plan.routes[0].ranges[family];
}

static const char *asks_for(const struct run *run)
{
	return state_text_of(&run->plan.state,
			     run->plan.state.routes[0].asks_for);
}

static void assert_apart(const struct plan_table *a, const struct plan_table *b)
{
	assert_true(a->chunk + a->chunks <= b->chunk ||
		    b->chunk + b->chunks <= a->chunk);
}

/* The only change is that of the route. */
static void assert_route_changed(const struct run *run)
{
	assert_int_equal(run->changes.count, 1);
	assert_int_equal(run->changes.items[0].sign, '~');
	assert_string_equal(run->changes.items[0].text, "route TCPRoute/a/r");
	assert_true(run->plan.reaches_packets);
}

static void test_twice(void **state)
{
	struct run first, again;
	int family;

	(void)state;
	plan_over(&first, ROUTED ONE ALL, NULL);
	assert_int_equal(first.plan.routes[0].flags,
			 L4GATE_ROUTE_F_RANGES | L4GATE_ROUTE_F_RATE |
			 L4GATE_ROUTE_F_AFFINITY);
	assert_string_equal(asks_for(&first),
			    "source ranges 2 allowed, 10 denied; 5 new flows a second, burst 7; clients stay for 1m30s");
	plan_over(&again, ROUTED ONE ALL, &first);
	assert_int_equal(again.changes.count, 0);
	assert_false(again.plan.reaches_packets);
	assert_false(again.plan.routes[0].new_rate);
	for (family = 0; family < L4GATE_FAMILIES; family++) {
		const struct plan_table *was = ranges_of(&first, family);
		const struct plan_table *is = ranges_of(&again, family);

		assert_true(was->chunks && was->is_new);
		assert_false(is->is_new);
		assert_int_equal(is->chunk, was->chunk);
		assert_int_equal(is->chunks, was->chunks);
	}
	run_free(&again);
	run_free(&first);
}

/* Old and new lie side by side, for packets may still read the old ones. */
static void test_changed_ranges(void **state)
{
	struct run before, after;
	const struct plan_route *was, *is;

	(void)state;
	plan_over(&before, ROUTED ONE
		  POLICY("sourceRanges: {deny: ['2001:db8::/32', " LONG "]}"),
		  NULL);
	plan_over(&after, ROUTED ONE
		  POLICY("sourceRanges: {deny: ['2001:db8::/32', 10.1.0.0/16, " LONG "]}"),
		  &before);
	assert_route_changed(&after);
	was = &before.plan.routes[0];
	is = &after.plan.routes[0];
	assert_int_equal(was->ranges[L4GATE_IPV4].chunks, 3);
	assert_true(is->ranges[L4GATE_IPV4].is_new);
	assert_apart(&is->ranges[L4GATE_IPV4], &was->ranges[L4GATE_IPV4]);
	assert_apart(&is->ranges[L4GATE_IPV4], &was->ranges[L4GATE_IPV6]);
	assert_apart(&is->ranges[L4GATE_IPV4], &was->tables[L4GATE_IPV4]);
	/* Those of IPv6 have not changed, nor has the slot table. */
	assert_false(is->ranges[L4GATE_IPV6].is_new);
	assert_int_equal(is->ranges[L4GATE_IPV6].chunk,
			 was->ranges[L4GATE_IPV6].chunk);
	assert_false(is->tables[L4GATE_IPV4].is_new);
	run_free(&after);
	run_free(&before);
}

/* As many of them, at other places. */
static void test_moved_range(void **state)
{
	struct run before, after;

	(void)state;
	plan_over(&before, ROUTED ONE
		  POLICY("sourceRanges: {deny: [198.51.100.0/24]}"), NULL);
	plan_over(&after, ROUTED ONE
		  POLICY("sourceRanges: {deny: [198.51.101.0/24]}"), &before);
	assert_route_changed(&after);
	assert_true(ranges_of(&after, L4GATE_IPV4)->is_new);
	assert_apart(ranges_of(&after, L4GATE_IPV4),
		     ranges_of(&before, L4GATE_IPV4));
	run_free(&after);
	run_free(&before);
}

/* Packets meet the same, and people are told what is written now. */
static void test_other_words(void **state)
{
	struct run before, after;

	(void)state;
	plan_over(&before, ROUTED ONE
		  POLICY("sourceRanges: {deny: [198.51.100.0/24]}"), NULL);
	plan_over(&after, ROUTED ONE
		  POLICY("sourceRanges: {deny: [198.51.100.0/25, 198.51.100.128/25]}"),
		  &before);
	assert_route_changed(&after);
	assert_string_equal(asks_for(&after), "source ranges 2 denied");
	assert_false(ranges_of(&after, L4GATE_IPV4)->is_new);
	assert_int_equal(ranges_of(&after, L4GATE_IPV4)->chunk,
			 ranges_of(&before, L4GATE_IPV4)->chunk);
	run_free(&after);
	run_free(&before);
}

/* A bucket that is emptied stays so until its rate is another one. */
static void test_rate(void **state)
{
	static const struct {
		const char *text;
		bool is_new;
	} steps[] = {
		{ ROUTED ONE POLICY("rateLimit: {newFlowsPerSecond: 5}"), true },
		{ ROUTED OTHER POLICY("rateLimit: {newFlowsPerSecond: 5}"),
		  false },
		{ ROUTED OTHER
		  POLICY("rateLimit: {newFlowsPerSecond: 5, burst: 5}\n"
			 "  sourceRanges: {deny: [198.51.100.0/24]}"), false },
		{ ROUTED OTHER
		  POLICY("rateLimit: {newFlowsPerSecond: 5, burst: 6}"), true },
		{ ROUTED OTHER
		  POLICY("rateLimit: {newFlowsPerSecond: 4, burst: 6}"), true },
		{ ROUTED OTHER, true },
		{ ROUTED OTHER
		  POLICY("rateLimit: {newFlowsPerSecond: 4, burst: 6}"), true },
	};
	struct run runs[sizeof(steps) / sizeof(*steps)];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		plan_over(&runs[i], steps[i].text, i ? &runs[i - 1] : NULL);
		assert_int_equal(runs[i].plan.routes[0].new_rate,
				 steps[i].is_new);
		assert_true(runs[i].plan.reaches_packets);
	}
	while (i--)
		run_free(&runs[i]);
}

/* A policy that goes leaves nothing behind. */
static void test_policy_goes(void **state)
{
	struct run before, after;

	(void)state;
	plan_over(&before, ROUTED ONE ALL, NULL);
	plan_over(&after, ROUTED ONE, &before);
	assert_int_equal(after.plan.routes[0].flags, 0);
	assert_int_equal(ranges_of(&after, L4GATE_IPV4)->chunks, 0);
	assert_int_equal(ranges_of(&after, L4GATE_IPV6)->chunks, 0);
	assert_string_equal(asks_for(&after), "");
	assert_true(after.plan.reaches_packets);
	run_free(&after);
	run_free(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_changed_ranges),
		cmocka_unit_test(test_moved_range),
		cmocka_unit_test(test_other_words),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_policy_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
