/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Numbers that a seed decides, for tests that make up packets. To be included by one
 * file of a test, which sets random_state.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

static uint64_t random_state;

/* Vigna's splitmix64. */
static inline uint64_t next(void)
{
	uint64_t x = random_state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static inline uint32_t below(uint32_t bound)
{
	return next() % bound;
}

static inline bool one_in(uint32_t count)
{
	return !below(count);
}

#define ONE_OF(array) (array)[below(sizeof(array) / sizeof(*(array)))]

#endif /* TESTS_RANDOM_H */
