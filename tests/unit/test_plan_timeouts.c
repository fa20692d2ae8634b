// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Classes of idle timeouts, over several publishes: who shares one, who keeps it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_run.h"	/* before cmocka.h, which takes its fail() */

#include <cmocka.h>

#define API "apiVersion: gateway.networking.k8s.io/v1\n"
/* As many listeners as a Gateway may have. */
#define PER_GATEWAY 64
#define GATEWAY								\
	"---\n" API "kind: Gateway\nmetadata: {name: g%zu, namespace: a}\n"	\
	"spec:\n  gatewayClassName: l4\n"				\
	"  addresses: [{value: 192.0.2.%zu}]\n  listeners:\n"
#define LISTENER							\
	"  - {name: p%zu, port: %zu, protocol: TCP}\n"
#define BACKENDS							\
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: a}\n" \
	"spec: {ports: [{port: 80}]}\n---\n"				\
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: s, namespace: a, labels: {kubernetes.io/service-name: s}}\n" \
	"addressType: IPv4\nports: [{port: 80}]\n"			\
	"endpoints: [{addresses: [10.0.0.1]}]\n"
#define ROUTE								\
	"---\n" API "kind: TCPRoute\nmetadata: {name: r%03zu, namespace: a}\n"	\
	"spec:\n  parentRefs: [{name: g%zu, sectionName: p%zu}]\n"		\
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
#define POLICY								\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"	\
	"metadata: {name: p%zu, namespace: a}\nspec:\n  targetRefs: "	\
	"[{group: gateway.networking.k8s.io, kind: TCPRoute, name: r%03zu}]\n" \
	"  idleTimeout: %us\n"

static const struct plan_node roomy = {
	.tick_seconds = 0.5, .sizes = { .routes = 600, .listeners = 600,
					.backends = 600, .chunks = 12000 },
};

/* Routes r000 ..., with these idle timeouts in seconds; 0: none of its own. */
static char *manifest(const uint32_t *seconds, size_t count)
{
	char *text;
	size_t size, i;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	for (i = 0; i < count; i++) {
		if (i % PER_GATEWAY == 0)
			fprintf(file, GATEWAY, i / PER_GATEWAY,
				i / PER_GATEWAY + 1);
		fprintf(file, LISTENER, i, i + 1);
	}
	fputs(BACKENDS, file);
	for (i = 0; i < count; i++) {
		fprintf(file, ROUTE, i, i / PER_GATEWAY, i);
		if (seconds[i])
			fprintf(file, POLICY, i, i, seconds[i]);
	}
	fclose(file);
	return text;
}

/* A plan over that of a run; its classes into ret_classes. */
static void plan_seconds(struct run *run, const uint32_t *seconds, size_t count,
			 const struct run *before, uint8_t *ret_classes)
{
	char *text = manifest(seconds, count);
	size_t i;

	run_plan(run, text, before ? &before->plan.state : NULL, &roomy);
	free(text);
	for (i = 0; i < count; i++) {
		ret_classes[i] = run->plan.routes[i].class;
		assert_int_equal(run->plan.state.routes[i].class,
				 ret_classes[i]);
	}
}

/* Equal ones share a class, and those that are the usual ones are in class 0. */
static void test_shared(void **state)
{
	static const uint32_t seconds[] = { 10, 0, 20, 10, 7440, 20 };
	uint8_t class[6];
	struct run run;

	(void)state;
	plan_seconds(&run, seconds, 6, NULL, class);
	assert_int_not_equal(class[0], 0);
	assert_int_equal(class[1], 0);
	assert_int_not_equal(class[2], 0);
	assert_int_not_equal(class[2], class[0]);
	assert_int_equal(class[3], class[0]);
	assert_int_equal(class[4], 0);
	assert_int_equal(class[5], class[2]);
	run_free(&run);
}

/* A number stays with its timeouts, and is nobody else's in the next config. */
static void test_numbers(void **state)
{
	static const uint32_t first[] = { 10, 20 }, second[] = { 30, 20 };
	static const uint32_t third[] = { 30, 10 };
	uint8_t a[2], b[2], c[2], again[2];
	struct run runs[4];
	int i;

	(void)state;
	plan_seconds(&runs[0], first, 2, NULL, a);
	plan_seconds(&runs[1], first, 2, &runs[0], again);
	assert_memory_equal(a, again, sizeof(a));
	assert_int_equal(runs[1].changes.count, 0);

	plan_seconds(&runs[2], second, 2, &runs[0], b);
	assert_int_equal(b[1], a[1]);
	assert_int_not_equal(b[0], a[0]);
	assert_int_not_equal(b[0], a[1]);
	assert_true(runs[2].plan.reaches_packets);
	assert_string_equal(runs[2].changes.items[0].text,
			    "route TCPRoute/a/r000");

	plan_seconds(&runs[3], third, 2, &runs[2], c);
	assert_int_equal(c[0], b[0]);
	assert_int_not_equal(c[1], b[1]);
	assert_int_not_equal(c[1], 0);
	for (i = 0; i < 4; i++)
		run_free(&runs[i]);
}

/* All classes in use, and one more: also if only those of before leave no room. */
static void test_limit(void **state)
{
	static const struct state empty = { .texts = "", .text_size = 1 };
	const char *message = "too many idle timeouts: routes can have 255 combinations at most (and those being replaced)";
	uint32_t seconds[256];
	uint8_t class[256];
	struct run full, more;
	struct fail fail = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 256; i++)
		seconds[i] = 1 + i;
	plan_seconds(&full, seconds, 255, NULL, class);
	for (i = 0; i < 255; i++)
		assert_int_not_equal(class[i], 0);
	seconds[255] = 9;
	plan_seconds(&more, seconds, 256, &full, class);
	assert_int_equal(class[255], class[8]);
	changes_free(&more.changes);
	plan_free(&more.plan);

	more.image->routes[255].timeouts.ms[IDLE_TCP_ESTABLISHED] = 1000000;
	assert_int_equal(plan_make(more.image, &empty, &roomy, &more.plan,
				   &more.changes, &fail), -E2BIG);
	assert_string_equal(fail.text, message);
	changes_free(&more.changes);
	plan_free(&more.plan);
	/* One instead of another: there is no number for it beside that. */
	more.image->routes[255].timeouts.ms[IDLE_TCP_ESTABLISHED] = 2000;
	more.image->routes[0].timeouts.ms[IDLE_TCP_ESTABLISHED] = 1000000;
	assert_int_equal(plan_make(more.image, &full.plan.state, &roomy,
				   &more.plan, &more.changes, &fail), -E2BIG);
	assert_string_equal(fail.text, message);
	run_free(&more);
	run_free(&full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
