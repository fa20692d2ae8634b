// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Properties of slot tables, over many random lists of weights. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "compile/slots.h"
#include "l4gate/limits.h"

#define REFS_MAX 40
#define CLAIMS_MAX 2000

static const uint64_t seed[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
static uint16_t slots[L4GATE_MAX_SLOTS], others[L4GATE_MAX_SLOTS];

/* A list of refs, each with some claims. */
struct input {
	uint32_t weights[REFS_MAX];
	size_t ref_count;
	struct slot_claim claims[CLAIMS_MAX];
	size_t claim_count;
};

/* xorshift64*: the same lists in every run. */
static uint64_t state = 88172645463325252ULL;

static uint64_t draw(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL % below;
}

static void add_claims(struct input *input, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct slot_claim *claim = &input->claims[input->claim_count];

		*claim = (struct slot_claim){
			.identity = { draw(UINT64_MAX), draw(UINT64_MAX), 7 },
			.slot = input->claim_count,
			.ref = input->ref_count,
		};
		input->claim_count++;
	}
}

static void add_ref(struct input *input, uint32_t weight, size_t claims)
{
	add_claims(input, claims);
	input->weights[input->ref_count++] = weight;
}

static uint32_t draw_weight(void)
{
	switch (draw(4)) {
	case 0:
		return 1 + draw(10);
	case 1:
		return 1 + draw(100);
	case 2:
		return 1 + draw(1000000);
	default:
		return draw(8) ? 1000000 : 1;
	}
}

static void draw_input(struct input *input)
{
	size_t refs = 1 + draw(16), i;

	*input = (struct input){ 0 };
	for (i = 0; i < refs; i++) {
		if (i && !draw(5))
			add_ref(input, 0, 0);
		else
			add_ref(input, draw_weight(), 1 + draw(12));
	}
}

static uint32_t size_for(const struct input *input)
{
	return slots_size_for(input->weights, input->ref_count, input->claims,
			      input->claim_count);
}

static void build(struct input *input, uint16_t *table, uint32_t size)
{
	assert_int_equal(slots_build(input->weights, input->ref_count,
				     input->claims, input->claim_count, seed,
				     table, size), 0);
}

/* Slots of the table by claim, which must be what the claims say. */
static void check_counts(const struct input *input, uint32_t size)
{
	uint32_t counts[CLAIMS_MAX] = { 0 };
	size_t i;

	for (i = 0; i < size; i++) {
		assert_true(slots[i] < input->claim_count);
		counts[slots[i]]++;
	}
	for (i = 0; i < input->claim_count; i++)
		assert_int_equal(counts[i], input->claims[i].count);
}

/* Of a ref: all of its slots, and those of its poorest and richest claim. */
static uint32_t ref_slots(const struct input *input, size_t ref,
			  uint32_t *ret_least, uint32_t *ret_most)
{
	uint32_t sum = 0, count;
	size_t i;

	*ret_least = UINT32_MAX;
	*ret_most = 0;
	for (i = 0; i < input->claim_count; i++) {
		if (input->claims[i].ref != ref)
			continue;
		count = input->claims[i].count;
		sum += count;
		if (count < *ret_least)
			*ret_least = count;
		if (count > *ret_most)
			*ret_most = count;
	}
	return sum;
}

/*
 * Every ref within a tenth of a point, its claims equal but for one slot, and
 * nobody without any as long as there is a larger table.
 */
static void test_shares(void **unused)
{
	struct input input;
	int round;

	(void)unused;
	for (round = 0; round < 4000; round++) {
		uint32_t size, least, most, count;
		double sum = 0, exact;
		size_t i;

		draw_input(&input);
		size = size_for(&input);
		build(&input, slots, size);
		check_counts(&input, size);
		for (i = 0; i < input.ref_count; i++)
			sum += input.weights[i];
		for (i = 0; i < input.ref_count; i++) {
			if (!input.weights[i])
				continue;
			count = ref_slots(&input, i, &least, &most);
			exact = input.weights[i] / sum;
			assert_true(count / (double)size - exact <= 0.001);
			assert_true(exact - count / (double)size <= 0.001);
			assert_true(least > 0 ||
				    size == L4GATE_MAX_SLOTS);
			assert_true(most - least <= 1);
		}
	}
}

/* Largest remainder, worked out by hand. */
static void test_remainders(void **unused)
{
	struct input input = { 0 };
	uint32_t least, most;

	(void)unused;
	add_ref(&input, 3, 1);	/* 3 * 1021 / 6 = 510 remainder 3 */
	add_ref(&input, 2, 1);	/* 340 remainder 2 */
	add_ref(&input, 1, 1);	/* 170 remainder 1 */
	build(&input, slots, 1021);
	assert_int_equal(ref_slots(&input, 0, &least, &most), 511);
	assert_int_equal(ref_slots(&input, 1, &least, &most), 340);
	assert_int_equal(ref_slots(&input, 2, &least, &most), 170);
}

/* 1 beside 1,000,000: at least one slot, taken from the largest. */
static void test_least(void **unused)
{
	struct input input = { 0 };
	uint32_t least, most;
	size_t i;

	(void)unused;
	for (i = 0; i < 15; i++)
		add_ref(&input, i == 4 ? 1000000 : 1, 1);
	build(&input, slots, 1021);
	for (i = 0; i < 15; i++)
		assert_int_equal(ref_slots(&input, i, &least, &most),
				 i == 4 ? 1021 - 14 : 1);
	/* 14 slots of 1021 are too much to take: the table grows instead. */
	assert_int_equal(size_for(&input), 16381);
}

static void test_too_small(void **unused)
{
	struct input input = { 0 };
	size_t i;

	(void)unused;
	for (i = 0; i < 12; i++)
		add_ref(&input, 1, 1);
	assert_int_equal(slots_build(input.weights, input.ref_count,
				     input.claims, input.claim_count, seed,
				     slots, 11), -ERANGE);
	build(&input, slots, 13);
}

/* Ten endpoints at weight 30 get no more than one at weight 70 leaves. */
static void test_endpoints_do_not_count(void **unused)
{
	struct input input = { 0 };
	uint32_t least, most;

	(void)unused;
	add_ref(&input, 70, 1);
	add_ref(&input, 30, 10);
	assert_int_equal(size_for(&input), 2039);
	build(&input, slots, 2039);
	assert_int_equal(ref_slots(&input, 0, &least, &most), 1427);
	assert_int_equal(ref_slots(&input, 1, &least, &most), 612);
}

static bool is_prime(uint32_t n)
{
	uint32_t i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return n > 1;
}

static void test_sizes(void **unused)
{
	uint32_t last = 0;
	size_t claims;

	(void)unused;
	for (claims = 1; claims < 70000; claims++) {
		uint32_t size = slots_size(claims);

		assert_true(size >= last && size <= L4GATE_MAX_SLOTS);
		if (size != last)
			assert_true(is_prime(size));
		assert_true(size >= claims * 100 || size == L4GATE_MAX_SLOTS);
		last = size;
	}
	assert_int_equal(slots_size(1), 1021);
	assert_int_equal(slots_size(10), 1021);
	assert_int_equal(last, L4GATE_MAX_SLOTS);
}

/*
 * Claims within a ref, and the refs themselves, in any order: the same table.
 * Slots are named after claims here, so that they go along.
 */
static void test_order(void **unused)
{
	int round;

	(void)unused;
	for (round = 0; round < 500; round++) {
		struct input input, mixed = { 0 };
		size_t refs[REFS_MAX], i, j;
		uint32_t size;

		draw_input(&input);
		size = size_for(&input);
		for (i = 0; i < input.ref_count; i++) {
			j = draw(i + 1);
			refs[i] = refs[j];
			refs[j] = i;
		}
		for (i = 0; i < input.ref_count; i++) {
			for (j = input.claim_count; j-- > 0;) {
				struct slot_claim claim = input.claims[j];

				if (claim.ref != refs[i])
					continue;
				claim.ref = i;
				mixed.claims[mixed.claim_count++] = claim;
			}
			mixed.weights[i] = input.weights[refs[i]];
		}
		mixed.ref_count = input.ref_count;
		assert_int_equal(size_for(&mixed), size);
		build(&input, slots, size);
		build(&mixed, others, size);
		assert_memory_equal(slots, others, size * sizeof(*slots));
	}
}

static void test_seed(void **unused)
{
	const uint64_t other[2] = { seed[0], seed[1] ^ 1 };
	struct input input = { 0 };
	size_t i, same = 0;

	(void)unused;
	add_ref(&input, 1, 10);
	build(&input, slots, 1021);
	assert_int_equal(slots_build(input.weights, 1, input.claims, 10, other,
				     others, 1021), 0);
	for (i = 0; i < 1021; i++)
		same += slots[i] == others[i];
	assert_true(same > 50 && same < 160);	/* a tenth by chance */
}

/*
 * Percentage of slots that moved although their claim is still there when one
 * of count goes: on average over all that can go, or the worst one.
 */
static double moved(size_t count, uint32_t size, double *ret_worst)
{
	static struct input input, less;
	size_t gone, i, collateral = 0, worst = 0, n;

	input = (struct input){ 0 };
	add_ref(&input, 1, count);
	build(&input, slots, size);
	for (gone = 0; gone < count; gone++) {
		less = input;
		memmove(&less.claims[gone], &less.claims[gone + 1],
			(count - gone - 1) * sizeof(less.claims[0]));
		less.claim_count--;
		build(&less, others, size);
		for (i = 0, n = 0; i < size; i++)
			n += slots[i] != gone && slots[i] != others[i];
		collateral += n;
		worst = n > worst ? n : worst;
	}
	*ret_worst = 100.0 * worst / size;
	return 100.0 * collateral / count / size;
}

static void test_stability(void **unused)
{
	double worst, worst_of_ten = 0, sum = 0;
	int round;

	(void)unused;
	for (round = 0; round < 20; round++) {
		sum += moved(10, 1021, &worst);
		if (worst > worst_of_ten)
			worst_of_ten = worst;
	}
	print_message("one of 10 goes: %.2f %% of other slots move (at most %.2f)\n",
		      sum / round, worst_of_ten);
	assert_true(sum / round < 3);
	sum = moved(100, slots_size(100), &worst);
	print_message("one of 100 goes: %.2f %% (at most %.2f)\n", sum, worst);
	assert_true(worst < 5);
}

/* From 90:10 to 80:20 a tenth has to move, and little else does. */
static void test_weight_change(void **unused)
{
	struct input input = { 0 };
	size_t i, n = 0;

	(void)unused;
	add_ref(&input, 90, 3);
	add_ref(&input, 10, 3);
	build(&input, slots, 1021);
	input.weights[0] = 80;
	input.weights[1] = 20;
	build(&input, others, 1021);
	for (i = 0; i < 1021; i++)
		n += slots[i] != others[i];
	assert_in_range(n, 102, 200);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* Far from what it takes, so that only a blunder in the algorithm fails. */
static void test_speed(void **unused)
{
	struct input input = { 0 };
	double start = now();
	int i;

	(void)unused;
	add_ref(&input, 90, 5);
	add_ref(&input, 10, 5);
	for (i = 0; i < 10000; i++) {
		input.claims[i % 10].identity[0]++;
		build(&input, slots, 1021);
	}
	print_message("10,000 tables: %.0f ms\n", now() - start);
	assert_true(now() - start < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_remainders),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_endpoints_do_not_count),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_stability),
		cmocka_unit_test(test_weight_change),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
