// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* sourceRanges flattened, against the definition of what is let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/ranges.h"

#define SETS 2000
#define PROBES 64

/* xorshift64*: the same sets in every run. */
static uint64_t state_ = 88172645463325252ULL;

static uint64_t draw(uint64_t below)
{
	state_ ^= state_ >> 12;
	state_ ^= state_ << 25;
	state_ ^= state_ >> 27;
	return (state_ * 0x2545f4914f6cdd1dULL >> 8) % below;
}

/* Few different bytes, so that prefixes lie in each other and side by side. */
static struct inet_addr draw_addr(uint8_t family)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
	struct inet_addr addr = { .family = family };
	size_t i, size = family == L4GATE_IPV4 ? 4 : 16;

	for (i = 0; i < size; i++)
		((uint8_t *)&addr.addr)[i] = bytes[draw(sizeof(bytes))];
	return addr;
}

static void draw_prefixes(struct inet_prefix *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		uint8_t family = draw(2);

		list[i].addr = draw_addr(family);
		list[i].length = draw((family == L4GATE_IPV4 ? 32 : 128) + 1);
		inet_mask(&list[i]);
	}
}

static bool contains(const struct inet_prefix *list, size_t count,
		     const struct inet_addr *addr)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct inet_prefix other = {
			.addr = *addr, .length = list[i].length,
		};

		if (list[i].addr.family != addr->family)
			continue;
		inet_mask(&other);
		if (!inet_compare(&other.addr, &list[i].addr))
			return true;
	}
	return false;
}

/* How packets read them (bpf/admit.h). */
static bool is_let_in(const struct image_ranges *ranges,
		      const struct inet_addr *addr)
{
	const uint8_t *bytes = (const uint8_t *)&addr->addr;
	uint64_t number[2] = { 0 };
	size_t i, size = addr->family == L4GATE_IPV4 ? 4 : 16;
	uint32_t below = 0;

	for (i = 0; i < size; i++) {
		uint64_t *half = &number[size == 16 && i < 8 ? 0 : 1];

		*half = *half << 8 | bytes[i];
	}
	for (i = 0; i < ranges->count; i++)
		below += ranges->boundaries[i].upper < number[0] ||
			 (ranges->boundaries[i].upper == number[0] &&
			  ranges->boundaries[i].lower <= number[1]);
	return ranges->lowest ^ (below & 1);
}

static void check_probes(const struct route_policy *policy, uint8_t family,
			 const struct image_ranges *ranges)
{
	size_t allow = policy->settings[POLICY_ALLOW].value;
	size_t deny = policy->settings[POLICY_DENY].value, i;

	for (i = 0; i < PROBES; i++) {
		struct inet_addr addr = draw_addr(family);
		bool wanted = !contains(policy->deny, deny, &addr) &&
			      (!allow || contains(policy->allow, allow, &addr));

		if (is_let_in(ranges, &addr) != wanted) {
			char text[INET_TEXT_MAX];

			fail_msg("%s: want %d", inet_format(&addr, text),
				 wanted);
		}
	}
}

static void test_random(void **state)
{
	struct inet_prefix allow[RANGES_MAX], deny[RANGES_MAX];
	struct route_policy policy = { .allow = allow, .deny = deny };
	struct arena arena = { 0 };
	int i;

	(void)state;
	for (i = 0; i < SETS; i++) {
		/* Often few, sometimes as many as there may be. */
		size_t most = draw(8) ? 4 : RANGES_MAX;
		uint8_t family;

		policy.settings[POLICY_ALLOW].value = draw(most + 1);
		policy.settings[POLICY_DENY].value = draw(most + 1);
		draw_prefixes(allow, policy.settings[POLICY_ALLOW].value);
		draw_prefixes(deny, policy.settings[POLICY_DENY].value);
		for (family = 0; family < L4GATE_FAMILIES; family++) {
			struct image_ranges ranges;

			assert_int_equal(ranges_flatten(&arena, &policy, family,
							&ranges), 0);
			assert_in_range(ranges.count, 0, L4GATE_MAX_BOUNDARIES);
			check_probes(&policy, family, &ranges);
		}
	}
	arena_free(&arena);
}

/* All of one family denied leaves no boundary, and yet it is a list. */
static void test_everything(void **state)
{
	struct inet_prefix all = { .addr.family = L4GATE_IPV4 };
	struct route_policy policy = { .deny = &all };
	struct arena arena = { 0 };
	struct image_ranges ranges;

	(void)state;
	policy.settings[POLICY_DENY].value = 1;
	assert_int_equal(ranges_flatten(&arena, &policy, L4GATE_IPV4, &ranges),
			 0);
	assert_int_equal(ranges.count, 0);
	assert_false(ranges.lowest);
	assert_int_equal(ranges_flatten(&arena, &policy, L4GATE_IPV6, &ranges),
			 0);
	assert_int_equal(ranges.count, 0);
	assert_true(ranges.lowest);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
