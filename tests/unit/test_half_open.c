// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What is counted of half-open flows, as packets leave it in the map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "l4gate/half_open.h"
#include "stats/stats.h"	/* before cmocka.h, which takes its fail() */

#include <cmocka.h>

#define MAX_FLOWS 65536
#define NODE_LIMIT (MAX_FLOWS / 8)
#define USUAL_LIMIT (MAX_FLOWS / 64)
/* Jiffies in a quarter of each timeout, and when the tests are. */
#define TCP_QUARTER 1024
#define UDP_QUARTER 512
#define LISTENER 3

/* A map, and what one needs to read it. */
struct sample {
	struct dataplane dataplane;
	struct l4gate_timeouts timeouts;
	struct l4gate_half_open map[L4GATE_HALF_OPEN_NODES + LISTENER + 1];
	struct flows flows;
};

static void sample_init(struct sample *sample, uint64_t jiffies)
{
	*sample = (struct sample){ .dataplane.meta.max_flows = MAX_FLOWS };
	sample->timeouts.state[L4GATE_FLOW_HALF_OPEN].quarter =
		(UINT64_C(1) << 32) / TCP_QUARTER;
	sample->timeouts.state[L4GATE_FLOW_UNREPLIED].quarter =
		(UINT64_C(1) << 32) / UDP_QUARTER;
	sample->flows = (struct flows){
		.dataplane = &sample->dataplane, .jiffies = jiffies,
		.timeouts = &sample->timeouts, .half_open = sample->map,
	};
}

/* As packets do it in a quarter. */
static void put(struct sample *sample, uint32_t key, uint32_t quarter,
		int32_t count)
{
	struct l4gate_half_open *open = &sample->map[key];

	if (open->quarter != quarter)
		half_open_begin_quarter(open, quarter);
	open->total += count;
}

static struct half_open listener_of(struct sample *sample, bool is_tcp,
				    uint16_t limit)
{
	return half_open_of_listener(&sample->flows, LISTENER, is_tcp, limit);
}

/* Of this quarter and the four before it; by the clock of the protocol. */
static void test_ages(void **state)
{
	const uint32_t key = L4GATE_HALF_OPEN_NODES + LISTENER;
	struct sample sample;
	uint32_t quarter;

	(void)state;
	sample_init(&sample, 100 * TCP_QUARTER);
	for (quarter = 93; quarter <= 100; quarter++)
		put(&sample, key, quarter, 1 << (quarter - 93));
	assert_int_equal(listener_of(&sample, true, 0).flows,
			 8 + 16 + 32 + 64 + 128);
	sample.flows.jiffies += 3 * TCP_QUARTER;
	assert_int_equal(listener_of(&sample, true, 0).flows, 64 + 128);
	sample.flows.jiffies += 2 * TCP_QUARTER;
	assert_int_equal(listener_of(&sample, true, 0).flows, 0);
	sample.flows.jiffies = 102 * UDP_QUARTER;
	assert_int_equal(listener_of(&sample, false, 0).flows, 32 + 64 + 128);
	assert_int_equal(half_open_of_node(&sample.flows, true).flows, 0);
	/* A clock that is behind, or has come around: what was before is over. */
	sample_init(&sample, 99 * TCP_QUARTER);
	put(&sample, key, 100, 5);
	assert_int_equal(listener_of(&sample, true, 0).flows, 5);
	sample.flows.jiffies = (UINT64_C(1) << 32) + 2 * TCP_QUARTER;
	assert_int_equal(listener_of(&sample, true, 0).flows, 0);
	put(&sample, key, 2, 7);
	assert_int_equal(listener_of(&sample, true, 0).flows, 7);
}

/* A CPU reads the clock, and another one begins the next quarter before it goes on. */
static void test_behind(void **state)
{
	const uint32_t key = L4GATE_HALF_OPEN_NODES + LISTENER;
	struct sample sample;

	(void)state;
	sample_init(&sample, 100 * TCP_QUARTER);
	put(&sample, key, 99, 7);
	put(&sample, key, 100, 5);
	put(&sample, key, 99, 1);
	assert_int_equal(listener_of(&sample, true, 0).flows, 13);
	put(&sample, key, 100, 2);
	assert_int_equal(listener_of(&sample, true, 0).flows, 15);
	sample.flows.jiffies += 4 * TCP_QUARTER;
	assert_int_equal(listener_of(&sample, true, 0).flows, 8);
}

/* Flows get further in another quarter than that in which they began. */
static void test_negative(void **state)
{
	const uint32_t key = L4GATE_HALF_OPEN_NODES + LISTENER;
	struct sample sample;

	(void)state;
	sample_init(&sample, 100 * TCP_QUARTER);
	put(&sample, key, 99, 5);
	put(&sample, key, 100, -3);
	assert_int_equal(listener_of(&sample, true, 0).flows, 2);
	put(&sample, key, 100, -3);
	assert_int_equal(listener_of(&sample, true, 0).flows, 0);
	assert_false(listener_of(&sample, true, 1).is_full);
}

static void test_limits(void **state)
{
	const uint32_t key = L4GATE_HALF_OPEN_NODES + LISTENER;
	struct sample sample;

	(void)state;
	sample_init(&sample, 100 * TCP_QUARTER);
	assert_int_equal(listener_of(&sample, true, 0).limit, USUAL_LIMIT);
	assert_int_equal(listener_of(&sample, true, 65535).limit, 65535);
	assert_int_equal(half_open_of_node(&sample.flows, true).limit,
			 NODE_LIMIT);
	put(&sample, key, 100, USUAL_LIMIT - 1);
	assert_false(listener_of(&sample, true, 0).is_full);
	put(&sample, key, 100, 1);
	assert_true(listener_of(&sample, true, 0).is_full);
	assert_false(listener_of(&sample, true, USUAL_LIMIT + 1).is_full);
	assert_false(half_open_of_node(&sample.flows, true).is_full);
}

/* All together are too many: who has few goes on, and so does the other protocol. */
static void test_node(void **state)
{
	const uint32_t key = L4GATE_HALF_OPEN_NODES + LISTENER;
	struct sample sample;

	(void)state;
	sample_init(&sample, 100 * TCP_QUARTER);
	put(&sample, key, 100, 10);
	put(&sample, L4GATE_HALF_OPEN_TCP, 100, NODE_LIMIT - 1);
	assert_false(listener_of(&sample, true, 160).is_full);
	put(&sample, L4GATE_HALF_OPEN_TCP, 100, 1);
	assert_true(half_open_of_node(&sample.flows, true).is_full);
	assert_false(half_open_of_node(&sample.flows, false).is_full);
	assert_true(listener_of(&sample, true, 160).is_full);
	assert_false(listener_of(&sample, true, 176).is_full);
	put(&sample, key, 200, 10);
	assert_false(listener_of(&sample, false, 160).is_full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
