// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sourceRanges of a RoutePolicy as packets look them up: the addresses, in order,
 * from which on the answer is another one. What is in a prefix of deny is not let
 * in; nor, where allow is given, what is in none of its prefixes.
 */
#include "compile/ranges.h"

#include <errno.h>
#include <stdlib.h>

#include "model/model.h"

/* An address in host order; IPv4 in the lower 32 bits. */
typedef unsigned __int128 number;

static number number_of(const struct inet_addr *addr)
{
	const uint8_t *bytes = (const uint8_t *)&addr->addr;
	size_t i, size = addr->family == L4GATE_IPV4 ? 4 : 16;
	number value = 0;

	for (i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

static unsigned int family_bits(uint8_t family)
{
	return family == L4GATE_IPV4 ? 32 : 128;
}

/* Bits behind the prefix, all set. */
static number prefix_rest(const struct inet_prefix *prefix)
{
	unsigned int bits = family_bits(prefix->addr.family) - prefix->length;

	return bits == 128 ? ~(number)0 : ((number)1 << bits) - 1;
}

static bool is_in(const struct inet_prefix *list, size_t count, uint8_t family,
		  number at)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].addr.family == family &&
		    (at & ~prefix_rest(&list[i])) == number_of(&list[i].addr))
			return true;
	return false;
}

static bool is_let_in(const struct route_policy *policy, uint8_t family,
		      number at)
{
	size_t allow = policy->settings[POLICY_ALLOW].value;
	size_t deny = policy->settings[POLICY_DENY].value;

	return !is_in(policy->deny, deny, family, at) &&
	       (!allow || is_in(policy->allow, allow, family, at));
}

/* Where a prefix begins, and what lies behind it, if anything does. */
static size_t add_ends(const struct inet_prefix *list, size_t count,
		       uint8_t family, number *to)
{
	number last = prefix_rest(&(struct inet_prefix){
		.addr.family = family });
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		number first = number_of(&list[i].addr);
		number end = first | prefix_rest(&list[i]);

		if (list[i].addr.family != family)
			continue;
		to[n++] = first;
		if (end != last)
			to[n++] = end + 1;
	}
	return n;
}

static int compare_numbers(const void *left, const void *right)
{
	const number *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

int ranges_flatten(struct arena *arena, const struct route_policy *policy,
		   uint8_t family, struct image_ranges *ret_ranges)
{
	size_t allow = policy->settings[POLICY_ALLOW].value;
	size_t deny = policy->settings[POLICY_DENY].value;
	number ends[2 * (RANGES_MAX + RANGES_MAX)];
	size_t count, i;
	bool let_in;

	*ret_ranges = (struct image_ranges){
		.lowest = is_let_in(policy, family, 0),
	};
	count = add_ends(policy->allow, allow, family, ends);
	count += add_ends(policy->deny, deny, family, ends + count);
	qsort(ends, count, sizeof(*ends), compare_numbers);
	ret_ranges->boundaries = arena_array(arena, count + 1,
					     sizeof(*ret_ranges->boundaries));
	if (!ret_ranges->boundaries)
		return -ENOMEM;
	let_in = ret_ranges->lowest;
	for (i = 0; i < count; i++) {
		if (is_let_in(policy, family, ends[i]) == let_in)
			continue;
		let_in = !let_in;
		ret_ranges->boundaries[ret_ranges->count++] =
			(struct image_boundary){
				.upper = ends[i] >> 64, .lower = ends[i],
			};
	}
	return 0;
}
