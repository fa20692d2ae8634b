// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What golden files can't show: models that no manifest gives, sizes, and how
 * long it takes. Models are put together by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "compile/compile.h"
#include "compile/condition.h"
#include "compile/text.h"
#include "util/array.h"

static const char *const claimed[] = { "l4" };

/* ----------------------------------------------------------- builders */

static struct object_meta meta(struct model *model, const char *namespace,
			       const char *format, int number)
{
	char name[64];

	snprintf(name, sizeof(name), format, number);
	return (struct object_meta){
		.namespace = namespace,
		.name = arena_strdup(&model->arena, name),
	};
}

static struct gateway *add_gateway(struct model *model, int number,
				   size_t listeners)
{
	struct gateway *gateway = array_append(&model->gateways);

	gateway->meta = meta(model, "a", "gw-%d", number);
	gateway->class_name = "l4";
	gateway->allowed_listeners.from = FROM_SAME;
	gateway->listener_count = listeners;
	gateway->listeners = arena_array(&model->arena, listeners,
					 sizeof(*gateway->listeners));
	gateway->address_count = 1;
	gateway->addresses = arena_array(&model->arena, 1,
					 sizeof(*gateway->addresses));
	gateway->addresses[0].value = "192.0.2.x";
	inet_parse("192.0.2.0", &gateway->addresses[0].addr);
	gateway->addresses[0].addr.addr.w[0] += htobe32(number);
	return gateway;
}

static void name_listener(struct model *model, struct listener *listener,
			  size_t i, uint16_t port, const char *protocol)
{
	listener->name = meta(model, "", "l-%d", i).name;
	listener->port = port;
	listener->protocol = protocol;
}

static void set_listener(struct model *model, struct gateway *gateway,
			 size_t i, uint16_t port, const char *protocol)
{
	name_listener(model, &gateway->listeners[i], i, port, protocol);
}

/* A ListenerSet of a Gateway with TCP ports from first on. */
static struct listener_set *add_set(struct model *model, int number,
				    int gateway, uint16_t first,
				    size_t listeners)
{
	struct listener_set *set = array_append(&model->listener_sets);
	size_t i;

	set->meta = meta(model, "a", "set-%05d", number);
	set->parent = (struct parent_ref){
		.group = GATEWAY_GROUP, .kind = "Gateway", .namespace = "a",
		.name = meta(model, "", "gw-%d", gateway).name,
	};
	set->listener_count = listeners;
	set->listeners = arena_array(&model->arena, listeners,
				     sizeof(*set->listeners));
	for (i = 0; i < listeners; i++)
		name_listener(model, &set->listeners[i], i, first + i, "TCP");
	return set;
}

/* A TCPRoute to one listener of a Gateway with refs to s-<number>:80. */
static struct route *add_route(struct model *model, int number, int gateway,
			       int listener, size_t refs)
{
	struct route *route = array_append(&model->routes);
	struct arena *arena = &model->arena;
	size_t i;

	route->meta = meta(model, "a", "r-%d", number);
	route->parent_ref_count = 1;
	route->parent_refs = arena_array(arena, 1, sizeof(*route->parent_refs));
	route->parent_refs[0] = (struct parent_ref){
		.group = GATEWAY_GROUP, .kind = "Gateway", .namespace = "a",
		.name = meta(model, "", "gw-%d", gateway).name,
		.section_name = meta(model, "", "l-%d", listener).name,
	};
	route->rule_count = 1;
	route->rules = arena_array(arena, 1, sizeof(*route->rules));
	route->rules[0].backend_ref_count = refs;
	route->rules[0].backend_refs =
		arena_array(arena, refs, sizeof(struct backend_ref));
	for (i = 0; i < refs; i++)
		route->rules[0].backend_refs[i] = (struct backend_ref){
			.group = "", .kind = "Service", .namespace = "a",
			.name = meta(model, "", "s-%d", number + i).name,
			.port = 80, .weight = 1,
		};
	return route;
}

static void add_service(struct model *model, int number)
{
	struct service *service = array_append(&model->services);

	service->meta = meta(model, "a", "s-%d", number);
	service->port_count = 1;
	service->ports = arena_array(&model->arena, 1, sizeof(*service->ports));
	service->ports[0] = (struct service_port){ .name = "", .port = 80 };
}

/* A slice of s-<service> with endpoints 10.x.y.z:8080, numbered from first. */
static void add_slice(struct model *model, int number, int service,
		      uint32_t first, size_t count)
{
	struct endpoint_slice *slice = array_append(&model->slices);
	size_t i;

	slice->meta = meta(model, "a", "slice-%d", number);
	slice->service = meta(model, "", "s-%d", service).name;
	slice->usable = true;
	slice->port_count = 1;
	slice->ports = arena_array(&model->arena, 1, sizeof(*slice->ports));
	slice->ports[0] = (struct endpoint_port){ .name = "", .port = 8080 };
	slice->endpoint_count = count;
	slice->endpoints = arena_array(&model->arena, count,
				       sizeof(*slice->endpoints));
	for (i = 0; i < count; i++) {
		slice->endpoints[i].addr.addr.w[0] =
			htobe32(0x0a000000 + first + i);
		slice->endpoints[i].ready = true;
	}
}

static int run(const struct model *model, struct image **ret_image,
	       struct diags *diags)
{
	const struct compile_options options = {
		.claimed_classes = claimed, .claimed_class_count = 1,
		.seed = { 3, 4 },
	};

	return compile(model, &options, ret_image, diags);
}

static struct image *compile_model(const struct model *model)
{
	struct diags diags = { 0 };
	struct image *image = NULL;

	assert_int_equal(run(model, &image, &diags), 0);
	assert_int_equal(diags.count, 0);
	diags_free(&diags);
	return image;
}

static void assert_condition(const struct conditions *conditions,
			     const char *type, bool status, const char *reason)
{
	const struct condition *condition = condition_find(conditions, type);

	assert_non_null(condition);
	assert_int_equal(condition->status, status);
	assert_string_equal(condition->reason, reason);
}

/* --------------------------------------------------------------- tests */

static void test_nothing(void **state)
{
	struct model model = { 0 };
	struct image *image = compile_model(&model);

	(void)state;
	assert_int_equal(image->listener_count, 0);
	assert_int_equal(image->route_count, 0);
	image_free(image);
	image_free(NULL);
	model_free(&model);
}

static void assert_conflict(const struct listener_status *listener)
{
	const struct conditions *of = &listener->conditions;

	assert_condition(of, "Accepted", false, "ProtocolConflict");
	assert_condition(of, "Programmed", false, "ProtocolConflict");
	assert_condition(of, "Conflicted", true, "ProtocolConflict");
	assert_condition(of, "ResolvedRefs", true, "ResolvedRefs");
}

/*
 * Rules 18 and 20: no winner among listeners of one object that are the same. (A
 * cluster's validation refuses such a Gateway, and so does the reader.)
 */
static void test_same_port_twice(void **state)
{
	struct model model = { 0 };
	struct gateway *gateway = add_gateway(&model, 1, 3);
	struct listener_set *set = add_set(&model, 1, 1, 81, 2);
	const struct gateway_status *status;
	struct image *image;
	size_t i;

	(void)state;
	set_listener(&model, gateway, 0, 53, "UDP");
	set_listener(&model, gateway, 1, 53, "UDP");
	set_listener(&model, gateway, 2, 53, "TCP");
	set->listeners[1].port = 81;
	image = compile_model(&model);
	status = &image->gateways[0];
	assert_condition(&status->conditions, "Accepted", true,
			 "ListenersNotValid");
	assert_condition(&status->conditions, "Programmed", true, "Programmed");
	assert_condition(&image->sets[0].conditions, "Accepted", false,
			 "ListenersNotValid");
	assert_int_equal(status->attached_sets, 0);
	for (i = 0; i < 2; i++) {
		assert_conflict(&status->listeners[i]);
		assert_conflict(&image->sets[0].listeners[i]);
	}
	assert_int_equal(image->listener_count, 1);
	assert_string_equal(image->listeners[0].name, "l-2");
	image_free(image);
	model_free(&model);
}

static size_t count_too_many(const struct listener_set_status *set)
{
	size_t i, count = 0;

	for (i = 0; i < set->listener_count; i++) {
		const struct condition *accepted = condition_find(
			&set->listeners[i].conditions, "Accepted");

		count += !accepted->status &&
			 !strcmp(accepted->reason, "TooManyListeners");
	}
	return count;
}

/*
 * 256 ListenerSets of 64 listeners, and one listener of the Gateway: one too
 * many for the node. The youngest ListenerSet has one left out, whatever its
 * name.
 */
static void test_too_many_listeners(void **state)
{
	struct model model = { 0 };
	struct image *image;
	size_t i, sum = 0;

	(void)state;
	set_listener(&model, add_gateway(&model, 1, 1), 0, 65000, "TCP");
	for (i = 0; i < L4GATE_MIN_LISTENERS / 64; i++)
		add_set(&model, i, 1, 1 + i * 64, 64)->meta.created = 1000 - i;
	model.listener_sets.items[7].meta.created = 2000;
	image = compile_model(&model);
	assert_int_equal(image->listener_count, L4GATE_MIN_LISTENERS);
	assert_int_equal(image->gateways[0].attached_sets,
			 L4GATE_MIN_LISTENERS / 64);
	for (i = 0; i < image->set_count; i++)
		sum += count_too_many(&image->sets[i]);
	assert_int_equal(sum, 1);
	assert_string_equal(image->sets[7].set->meta.name, "set-00007");
	assert_int_equal(count_too_many(&image->sets[7]), 1);
	image_free(image);

	/* Without timestamps the last name is the one. */
	for (i = 0; i < model.listener_sets.count; i++)
		model.listener_sets.items[i].meta.created = 0;
	image = compile_model(&model);
	assert_int_equal(image->listener_count, L4GATE_MIN_LISTENERS);
	assert_int_equal(count_too_many(&image->sets[image->set_count - 1]), 1);
	image_free(image);
	model_free(&model);
}

/* Addresses of listeners have a limit, too: here 16 each. */
static void test_too_many_endpoints(void **state)
{
	struct model model = { 0 };
	struct gateway *gateway;
	struct image *image;
	size_t i;

	(void)state;
	gateway = add_gateway(&model, 1, 1);
	set_listener(&model, gateway, 0, 65000, "TCP");
	gateway->address_count = 16;
	gateway->addresses = arena_array(&model.arena, 16,
					 sizeof(*gateway->addresses));
	for (i = 0; i < 16; i++)
		gateway->addresses[i] = (struct gateway_address){
			.value = "192.0.2.x",
			.addr.addr.w[0] = htobe32(0xc0000200 + i),
		};
	for (i = 0; i < 64; i++)
		add_set(&model, i, 1, 1 + i * 64, 64);
	image = compile_model(&model);
	assert_int_equal(image->listener_count, L4GATE_MAX_ENDPOINTS / 16);
	assert_int_equal(count_too_many(&image->sets[63]), 1);
	image_free(image);
	model_free(&model);
}

/* Two Gateways without addresses meet although nobody knows the node's own. */
static void test_no_addresses_offline(void **state)
{
	struct model model = { 0 };
	struct image *image;
	int i;

	(void)state;
	for (i = 1; i <= 2; i++) {
		struct gateway *gateway = add_gateway(&model, i, 1);

		gateway->address_count = 0;
		set_listener(&model, gateway, 0, 80, "TCP");
	}
	image = compile_model(&model);
	assert_int_equal(image->listener_count, 1);
	assert_string_equal(image->listeners[0].gateway, "gw-1");
	assert_int_equal(image->gateways[0].address_count, 0);
	image_free(image);
	model_free(&model);
}

static void test_too_many_backends(void **state)
{
	struct model model = { 0 };
	struct diags diags = { 0 };
	struct image *image = NULL;
	size_t i, sum = 0;

	(void)state;
	set_listener(&model, add_gateway(&model, 1, 1), 0, 80, "TCP");
	add_route(&model, 1, 1, 0, 1);
	add_service(&model, 1);
	add_slice(&model, 1, 1, 0, 65521);
	image = compile_model(&model);
	assert_int_equal(image->routes[0].tables[0].slot_count, 65521);
	for (i = 0; i < image->routes[0].backend_count; i++)
		sum += image->routes[0].backends[i].slots == 1;
	assert_int_equal(sum, 65521);
	image_free(image);

	add_slice(&model, 2, 1, 65521, 14);
	image = NULL;
	assert_int_equal(run(&model, &image, &diags), -EINVAL);
	assert_null(image);
	assert_int_equal(diags.count, 1);
	assert_string_equal(diags.items[0].text,
			    "TCPRoute a/r-1 needs 65535 backends of 65534 that a route can have");
	diags_free(&diags);
	model_free(&model);
}

/* A ref that is put before others moves none of their slots to each other. */
static void test_ref_in_front(void **state)
{
	struct model model = { 0 };
	const struct image_route *before, *after;
	struct image *images[2];
	size_t i, moved = 0;
	struct route *route;

	(void)state;
	set_listener(&model, add_gateway(&model, 1, 1), 0, 80, "TCP");
	route = add_route(&model, 1, 1, 0, 3);
	for (i = 1; i <= 3; i++) {
		add_service(&model, i);
		add_slice(&model, i, i, i * 100, 1);
	}
	/* s-2, s-3; then s-1, s-2, s-3 */
	route->rules[0].backend_refs++;
	route->rules[0].backend_ref_count = 2;
	images[0] = compile_model(&model);
	route->rules[0].backend_refs--;
	route->rules[0].backend_ref_count = 3;
	images[1] = compile_model(&model);

	before = &images[0]->routes[0];
	after = &images[1]->routes[0];
	assert_int_equal(before->tables[0].slot_count, 1021);
	assert_int_equal(after->tables[0].slot_count, 1021);
	for (i = 0; i < 1021; i++)
		moved += after->tables[0].slots[i] != 0 &&
			 after->tables[0].slots[i] !=
			 before->tables[0].slots[i] + 1;
	assert_true(moved < 50);
	image_free(images[0]);
	image_free(images[1]);
	model_free(&model);
}

/* Shares and counts of an image agree with its tables. */
static void check_table(const struct image_route *route, int family)
{
	const struct image_table *table = &route->tables[family];
	uint32_t sum = 0, count[16] = { 0 }, rejected = 0;
	size_t i;

	for (i = 0; i < table->slot_count; i++) {
		uint16_t slot = table->slots[i];

		if (slot == L4GATE_SLOT_REJECT) {
			rejected++;
			continue;
		}
		assert_true(slot < route->backend_count);
		assert_int_equal(route->backends[slot].addr.family, family);
		assert_false(route->backends[slot].draining);
		count[route->backends[slot].ref]++;
	}
	for (i = 0; i < route->ref_count; i++) {
		assert_int_equal(count[i], route->refs[i].slots[family]);
		sum += route->refs[i].slots[family] +
		       route->refs[i].rejected[family];
		rejected -= route->refs[i].rejected[family];
	}
	assert_int_equal(sum, table->slot_count);
	assert_int_equal(rejected, 0);
}

/* routes routes with ten endpoints each, sixty to a Gateway. */
static void fill_model(struct model *model, int routes)
{
	struct gateway *gateway = NULL;
	int i;

	for (i = 0; i < routes; i++) {
		if (i % 60 == 0)
			gateway = add_gateway(model, i / 60, 60);
		set_listener(model, gateway, i % 60, 1000 + i % 60, "TCP");
		add_route(model, i, i / 60, i % 60, 1);
		add_service(model, i);
		add_slice(model, i, i, i * 10, 10);
	}
	while (i % 60) {
		set_listener(model, gateway, i % 60, 1000 + i % 60, "TCP");
		i++;
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double measure(int routes)
{
	struct model model = { 0 };
	struct image *image;
	double start, time;
	size_t i;

	fill_model(&model, routes);
	start = now();
	image = compile_model(&model);
	time = now() - start;
	assert_int_equal(image->route_count, routes);
	for (i = 0; i < image->route_count; i++)
		check_table(&image->routes[i], L4GATE_IPV4);
	print_message("%d routes, %d endpoints: %.0f ms\n", routes,
		      routes * 10, time);
	image_free(image);
	model_free(&model);
	return time;
}

/* Ten times the routes take about ten times as long, not a hundred times. */
static void test_speed(void **state)
{
	double small, large;

	(void)state;
	small = measure(1000);
	large = measure(10000);
	assert_true(large < small * 30);
	assert_true(large < 10000);
}

/*
 * Ten thousand of each in one namespace, with everything referring to something
 * else: a grant for each reference, one Service with many slices.
 */
static void test_one_namespace(void **state)
{
	struct model model = { 0 };
	struct image *image;
	double start;
	int i;

	(void)state;
	fill_model(&model, 10000);
	for (i = 0; i < 10000; i++) {
		struct reference_grant *grant = array_append(&model.grants);
		struct service *service = array_append(&model.services);

		grant->meta = meta(&model, "b", "g-%d", i);
		grant->from_count = grant->to_count = 1;
		grant->from = arena_array(&model.arena, 1,
					  sizeof(*grant->from));
		grant->from[0] = (struct grant_from){ GATEWAY_GROUP,
						      "TCPRoute", "a" };
		grant->to = arena_array(&model.arena, 1, sizeof(*grant->to));
		grant->to[0] = (struct grant_to){
			"", "Service", model.services.items[i].meta.name };
		*service = model.services.items[i];
		service->meta.namespace = "b";
		model.routes.items[i].rules[0].backend_refs[0].namespace = "b";
		model.slices.items[i].meta.namespace = "b";
	}
	start = now();
	image = compile_model(&model);
	print_message("10,000 grants: %.0f ms\n", now() - start);
	assert_true(now() - start < 10000);
	for (i = 0; i < 10000; i++)
		assert_int_equal(image->routes[i].refs[0].verdict, REF_USABLE);
	image_free(image);
	model_free(&model);
}

/* Forty-thousand routes that all want one listener. */
static void test_one_listener(void **state)
{
	struct model model = { 0 };
	struct image *image;
	double start;
	int i;

	(void)state;
	set_listener(&model, add_gateway(&model, 1, 1), 0, 80, "TCP");
	add_service(&model, 1);
	add_slice(&model, 1, 1, 0, 2);
	for (i = 1; i <= 40000; i++) {
		struct route *route = add_route(&model, i, 1, 0, 1);

		route->meta.created = 100000 - i;
		route->rules[0].backend_refs[0].name = "s-1";
	}
	start = now();
	image = compile_model(&model);
	assert_true(now() - start < 10000);
	assert_int_equal(image->route_count, 1);
	assert_string_equal(image->routes[0].name, "r-40000");
	assert_int_equal(image->gateways[0].listeners[0].attached_routes,
			 40000);
	assert_int_equal(image->route_status_count, 40000);
	image_free(image);
	model_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_same_port_twice),
		cmocka_unit_test(test_too_many_listeners),
		cmocka_unit_test(test_too_many_endpoints),
		cmocka_unit_test(test_no_addresses_offline),
		cmocka_unit_test(test_too_many_backends),
		cmocka_unit_test(test_ref_in_front),
		cmocka_unit_test(test_speed),
		cmocka_unit_test(test_one_namespace),
		cmocka_unit_test(test_one_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
