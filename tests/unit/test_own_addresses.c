// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a Gateway without addresses gets, by what is known of the node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/compile.h"
#include "compile/condition.h"
#include "model/manifest.h"

static const char text[] =
	"apiVersion: gateway.networking.k8s.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: gw}\n"
	"spec:\n"
	"  gatewayClassName: l4\n"
	"  allowedListeners: {namespaces: {from: Same}}\n"
	"  listeners:\n"
	"  - {name: web, port: 80, protocol: TCP}\n"
	"---\n"
	"apiVersion: gateway.networking.k8s.io/v1\n"
	"kind: ListenerSet\n"
	"metadata: {name: more}\n"
	"spec:\n"
	"  parentRef: {name: gw}\n"
	"  listeners:\n"
	"  - {name: web, port: 81, protocol: TCP}\n";

struct known {
	const struct inet_addr *addresses;	/* NULL: nothing is known */
	size_t count;
	const char *programmed;	/* reason of the Gateway's condition */
	const char *set_programmed;
	size_t listeners;	/* that packets can reach */
};

static void check(const struct known *known)
{
	static const char *const classes[] = { "l4" };
	const struct compile_options options = {
		.claimed_classes = classes, .claimed_class_count = 1,
		.own_addresses = known->addresses,
		.own_address_count = known->count,
	};
	struct model model = { 0 };
	struct diags diags = { 0 };
	struct image *image;

	assert_int_equal(manifest_read_text("t", text, strlen(text), NULL,
					    &model, &diags), 0);
	assert_int_equal(compile(&model, &options, &image, &diags), 0);
	assert_string_equal(condition_find(&image->gateways[0].conditions,
					   "Programmed")->reason,
			    known->programmed);
	assert_string_equal(condition_find(&image->sets[0].conditions,
					   "Programmed")->reason,
			    known->set_programmed);
	assert_true(condition_find(&image->gateways[0].conditions,
				   "Accepted")->status);
	assert_int_equal(image->gateways[0].address_count, known->count);
	assert_int_equal(image->listener_count, known->listeners);
	image_free(image);
	model_free(&model);
	diags_free(&diags);
}

static void test_not_known(void **state)
{
	(void)state;
	check(&(struct known){ NULL, 0, "Programmed", "Programmed", 2 });
}

static void test_some(void **state)
{
	struct inet_addr addresses[2] = { 0 };

	(void)state;
	assert_int_equal(inet_parse("192.0.2.1", &addresses[0]), 0);
	assert_int_equal(inet_parse("192.0.2.2", &addresses[1]), 0);
	check(&(struct known){ addresses, 2, "Programmed", "Programmed", 2 });
}

/* Rule 22: none is assigned. */
static void test_none(void **state)
{
	static const struct inet_addr unused;

	(void)state;
	check(&(struct known){ &unused, 0, "AddressNotAssigned",
			       "ParentNotProgrammed", 0 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_some),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
