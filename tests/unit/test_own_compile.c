// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What golden files can't show of GatewayParameters and RoutePolicies: the
 * numbers in slots, and what the image holds for the data path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/compile.h"
#include "dataplane/flow_tables.h"	/* before cmocka's macro fail() */
#include "model/manifest.h"

#include <cmocka.h>

#define SEED_A "'0123456789abcdef00000000000000aa'"
#define SEED_B "'fedcba98765432100000000000000bbb'"

static const uint64_t seed_a[2] = { 0x0123456789abcdef, 0xaa };
static const uint64_t seed_b[2] = { 0xfedcba9876543210, 0xbbb };
static const uint64_t other_seed[2] = { 1, 2 };

#define CLASS(spec)							\
	"apiVersion: gateway.networking.k8s.io/v1\n"			\
	"kind: GatewayClass\n"						\
	"metadata: {name: l4}\n"					\
	"spec: {controllerName: l4gate.dev/gateway-controller" spec "}\n---\n"
#define REF "parametersRef: {group: l4gate.dev, kind: GatewayParameters"
#define CLASS_WITH_PARAMETERS CLASS(", " REF ", namespace: a, name: all}")
#define GATEWAY(name, address, spec)					\
	"apiVersion: gateway.networking.k8s.io/v1\n"			\
	"kind: Gateway\n"						\
	"metadata: {name: " name ", namespace: a}\n"			\
	"spec:\n"							\
	"  gatewayClassName: l4\n"					\
	"  addresses: [{value: '" address "'}]\n"			\
	"  infrastructure: {" spec "}\n"				\
	"  listeners: [{name: web, port: 80, protocol: TCP}]\n---\n"
#define ROUTE(parents)							\
	"apiVersion: gateway.networking.k8s.io/v1\n"			\
	"kind: TCPRoute\n"						\
	"metadata: {name: r, namespace: a}\n"				\
	"spec:\n"							\
	"  parentRefs: [" parents "]\n"					\
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n---\n"
#define SERVICE								\
	"apiVersion: v1\n"						\
	"kind: Service\n"						\
	"metadata: {name: s, namespace: a}\n"				\
	"spec: {ports: [{port: 80}]}\n---\n"				\
	"apiVersion: discovery.k8s.io/v1\n"				\
	"kind: EndpointSlice\n"						\
	"metadata: {name: s-1, namespace: a,\n"				\
	"  labels: {kubernetes.io/service-name: s}}\n"			\
	"addressType: IPv4\n"						\
	"ports: [{port: 8080}]\n"					\
	"endpoints:\n"							\
	"- {addresses: [10.0.0.1]}\n"					\
	"- {addresses: [10.0.0.2]}\n"					\
	"- {addresses: [10.0.0.3]}\n---\n"
#define PARAMETERS(name, spec)						\
	"apiVersion: l4gate.dev/v1alpha1\n"				\
	"kind: GatewayParameters\n"					\
	"metadata: {name: " name ", namespace: a}\n"			\
	"spec: {" spec "}\n---\n"
#define POLICY(spec)							\
	"apiVersion: l4gate.dev/v1alpha1\n"				\
	"kind: RoutePolicy\n"						\
	"metadata: {name: p, namespace: a}\n"				\
	"spec:\n"							\
	"  targetRefs: [{group: gateway.networking.k8s.io,\n"		\
	"    kind: TCPRoute, name: r}]\n" spec

struct compiled {
	struct model model;
	struct image *image;
};

static void compile_text(struct compiled *compiled, const uint64_t seed[2],
			 const char *text)
{
	struct compile_options options = { .seed = { seed[0], seed[1] } };
	struct diags diags = { 0 };

	*compiled = (struct compiled){ 0 };
	if (manifest_read_text("test.yaml", text, strlen(text), NULL,
			       &compiled->model, &diags))
		fail_msg("%s", diags.items[0].text);
	assert_int_equal(compile(&compiled->model, &options, &compiled->image,
				 &diags), 0);
	diags_free(&diags);
}

static void compiled_free(struct compiled *compiled)
{
	image_free(compiled->image);
	model_free(&compiled->model);
}

static const struct image_table *table_of(const struct compiled *compiled)
{
	assert_int_equal(compiled->image->route_count, 1);
	assert_true(compiled->image->routes[0].tables[0].slot_count > 1000);
	return &compiled->image->routes[0].tables[0];
}

/* Whether text, compiled with another seed, has the table of this seed. */
static bool has_seed(const char *text, const uint64_t seed[2])
{
	const char *plain = CLASS("") GATEWAY("gw", "192.0.2.1", "")
			    ROUTE("{name: gw}") SERVICE;
	const struct image_table *table, *want;
	struct compiled compiled, reference;
	bool same;

	compile_text(&reference, seed, plain);
	compile_text(&compiled, other_seed, text);
	want = table_of(&reference);
	table = table_of(&compiled);
	assert_int_equal(table->slot_count, want->slot_count);
	same = !memcmp(table->slots, want->slots,
		       table->slot_count * sizeof(*table->slots));
	compiled_free(&compiled);
	compiled_free(&reference);
	return same;
}

static void test_seed_of_gateway(void **state)
{
	const char *text = CLASS("")
		GATEWAY("gw", "192.0.2.1", REF ", name: own}")
		ROUTE("{name: gw}") SERVICE PARAMETERS("own", "seed: " SEED_A);
	const char *without = CLASS("")
		GATEWAY("gw", "192.0.2.1", REF ", name: own}")
		ROUTE("{name: gw}") SERVICE PARAMETERS("own", "mode: nat");

	(void)state;
	assert_true(has_seed(text, seed_a));
	assert_false(has_seed(text, other_seed));
	assert_false(has_seed(text, seed_b));
	assert_true(has_seed(without, other_seed));
}

static void test_seed_of_class(void **state)
{
	const char *text = CLASS_WITH_PARAMETERS
		GATEWAY("gw", "192.0.2.1", "") ROUTE("{name: gw}") SERVICE
		PARAMETERS("all", "seed: " SEED_A);
	const char *kept = CLASS_WITH_PARAMETERS
		GATEWAY("gw", "192.0.2.1", REF ", name: own}")
		ROUTE("{name: gw}") SERVICE PARAMETERS("all", "seed: " SEED_A)
		PARAMETERS("own", "announce: none");
	const char *overridden = CLASS_WITH_PARAMETERS
		GATEWAY("gw", "192.0.2.1", REF ", name: own}")
		ROUTE("{name: gw}") SERVICE PARAMETERS("all", "seed: " SEED_A)
		PARAMETERS("own", "seed: " SEED_B);

	(void)state;
	assert_true(has_seed(text, seed_a));
	assert_true(has_seed(kept, seed_a));
	assert_true(has_seed(overridden, seed_b));
}

/* The first Gateway by name that has one, in any order of parentRefs. */
static void test_seed_of_shared_route(void **state)
{
#define SHARED(parents) CLASS("") GATEWAY("gw-0", "192.0.2.9", "")	\
	GATEWAY("gw-1", "192.0.2.1", REF ", name: one}")		\
	GATEWAY("gw-2", "192.0.2.2", REF ", name: two}")		\
	ROUTE(parents) SERVICE PARAMETERS("one", "seed: " SEED_A)	\
	PARAMETERS("two", "seed: " SEED_B)

	(void)state;
	assert_true(has_seed(SHARED("{name: gw-1}, {name: gw-2}"), seed_a));
	assert_true(has_seed(SHARED("{name: gw-2}, {name: gw-1}"), seed_a));
	assert_true(has_seed(SHARED("{name: gw-2}, {name: gw-0}"), seed_b));
	assert_true(has_seed(SHARED("{name: gw-0}"), other_seed));
}

static void assert_value(const struct parameters *parameters,
			 enum parameter parameter, int64_t value)
{
	assert_int_equal(parameters->settings[parameter].value, value);
}

/*
 * Values that differ from the usual ones are refused so far: what goes over
 * what can be seen by the seed and by the places of settings.
 */
static void test_field_by_field(void **state)
{
	const char *text = CLASS_WITH_PARAMETERS
		GATEWAY("gw", "192.0.2.1", REF ", name: own}")
		GATEWAY("gw-2", "192.0.2.2", "")
		"apiVersion: l4gate.dev/v1alpha1\n"
		"kind: GatewayParameters\n"
		"metadata: {name: all, namespace: a}\n"
		"spec:\n"
		"  mode: nat\n"
		"  seed: " SEED_A "\n"
		"  drainTimeout: 0s\n"
		"---\n" PARAMETERS("own", "mode: nat");
	const struct parameters *own, *class;
	struct compiled compiled;

	(void)state;
	compile_text(&compiled, other_seed, text);
	assert_int_equal(compiled.image->listener_count, 2);
	own = compiled.image->listeners[0].parameters;
	class = compiled.image->listeners[1].parameters;
	assert_value(own, PARAMETER_MODE, MODE_NAT);
	assert_true(own->settings[PARAMETER_MODE].loc.line >
		    class->settings[PARAMETER_MODE].loc.line);
	assert_int_equal(own->settings[PARAMETER_DRAIN_TIMEOUT].loc.line,
			 class->settings[PARAMETER_DRAIN_TIMEOUT].loc.line);
	assert_true(own->settings[PARAMETER_DRAIN_TIMEOUT].loc.line > 0);
	assert_int_equal(own->settings[PARAMETER_ANNOUNCE].loc.line, 0);
	assert_value(own, PARAMETER_ANNOUNCE, ANNOUNCE_NONE);
	assert_value(own, PARAMETER_NAT_ADDRESSES, 0);
	assert_memory_equal(own->seed, seed_a, sizeof(seed_a));
	assert_memory_equal(class->seed, seed_a, sizeof(seed_a));
	compiled_free(&compiled);
}

/* Without parameters every setting has a value: what the data path does. */
static void test_usual_values(void **state)
{
	const struct parameters *parameters;
	struct compiled compiled;
	size_t i;

	(void)state;
	compile_text(&compiled, other_seed,
		     CLASS("") GATEWAY("gw", "192.0.2.1", ""));
	parameters = compiled.image->listeners[0].parameters;
	for (i = 0; i < IDLE_TIMEOUTS; i++)
		assert_value(parameters, PARAMETER_TCP_HALF_OPEN + i,
			     dataplane_usual_timeouts.ms[i]);
	assert_value(parameters, PARAMETER_MODE, MODE_NAT);
	assert_value(parameters, PARAMETER_NAT_ADDRESSES, 0);
	assert_value(parameters, PARAMETER_DRAIN_TIMEOUT, 0);
	assert_value(parameters, PARAMETER_ANNOUNCE, ANNOUNCE_NONE);
	assert_value(parameters, PARAMETER_MAX_HALF_OPEN, 0);
	assert_null(parameters->seed_text);
	compiled_free(&compiled);
}

/* A policy may ask for nothing. */
static void test_open_route(void **state)
{
	struct compiled compiled;

	(void)state;
	compile_text(&compiled, other_seed,
		     CLASS("") GATEWAY("gw", "192.0.2.1", "")
		     ROUTE("{name: gw}") SERVICE
		     POLICY("  sessionAffinity: {type: None}\n"));
	(void)table_of(&compiled);
	assert_string_equal(compiled.image->routes[0].policy->meta.name, "p");
	assert_string_equal(compiled.image->routes[0].asks_for, "");
	compiled_free(&compiled);
}

/* It is on the route all the same: the route may come to us. */
static void test_route_of_others(void **state)
{
	const struct conditions *conditions;
	struct compiled compiled;

	(void)state;
	compile_text(&compiled, other_seed,
		     CLASS("") GATEWAY("gw", "192.0.2.1", "")
		     ROUTE("{name: other}") SERVICE POLICY(""));
	conditions = &compiled.image->policies[0].targets[0].conditions;
	assert_true(conditions->items[0].status);
	assert_string_equal(conditions->items[0].message,
			    "the policy is on TCPRoute a/r, which is at no Gateway of l4gate");
	compiled_free(&compiled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seed_of_gateway),
		cmocka_unit_test(test_seed_of_class),
		cmocka_unit_test(test_seed_of_shared_route),
		cmocka_unit_test(test_field_by_field),
		cmocka_unit_test(test_usual_values),
		cmocka_unit_test(test_open_route),
		cmocka_unit_test(test_route_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
