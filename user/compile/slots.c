// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/slots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "l4gate/limits.h"

/*
 * Primes, so that every stride visits every slot; each about twice the one
 * before, so that a table is at most twice as large as it needs to be.
 */
static const uint32_t sizes[] = {
	1021, 2039, 4093, 8191, 16381, 32749, L4GATE_MAX_SLOTS,
};

#define SIZE_COUNT (sizeof(sizes) / sizeof(sizes[0]))
#define SLOTS_PER_CLAIM 100

/* Not a member (there are fewer) and not L4GATE_SLOT_REJECT. */
#define SLOT_FREE 0xfffe

/* A backendRef while slots are shared out. */
struct share {
	uint64_t key;		/* breaks ties */
	uint64_t remainder;
	uint32_t weight;
	uint32_t slots;
	uint32_t claims;
	uint32_t extra;		/* claims that get one slot more than others */
};

/* A claim's walk through all slots: at, at + stride, ... */
struct walk {
	uint32_t at;
	uint32_t stride;
	uint32_t left;		/* slots still to take */
	uint16_t slot;
};

struct turn {
	uint64_t key;
	uint32_t claim;
};

uint32_t slots_size(size_t claims)
{
	size_t i;

	for (i = 0; i + 1 < SIZE_COUNT; i++)
		if (claims <= sizes[i] / SLOTS_PER_CLAIM)
			break;
	return sizes[i];
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 of the identity: without the seed nobody can aim at a slot. */
static uint64_t claim_key(const uint64_t identity[3], const uint64_t seed[2])
{
	const uint64_t words[4] = {
		identity[0], identity[1], identity[2],
		24ULL << 56,	/* the length closes the message */
	};
	uint64_t v[4] = {
		seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573,
	};
	size_t i;

	for (i = 0; i < 4; i++) {
		v[3] ^= words[i];
		sip_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static int share_compare(const void *a, const void *b)
{
	const struct share *x = *(const struct share *const *)a;
	const struct share *y = *(const struct share *const *)b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The share that can best do without a slot. */
static struct share *largest(struct share *shares, size_t count)
{
	struct share *best = shares;
	size_t i;

	for (i = 1; i < count; i++)
		if (shares[i].slots > best->slots ||
		    (shares[i].slots == best->slots &&
		     shares[i].key < best->key))
			best = &shares[i];
	return best;
}

/*
 * Largest remainder: each share its whole number of slots, and what is left
 * over one by one to the largest remainders. Then no weight stays without any.
 */
static int share_out(struct share *shares, struct share **order, size_t count,
		     uint32_t size)
{
	uint64_t sum = 0, product;
	uint32_t left = size;
	size_t i;

	for (i = 0; i < count; i++)
		sum += shares[i].weight;
	if (!sum)
		return 0;
	for (i = 0; i < count; i++) {
		product = (uint64_t)shares[i].weight * size;
		shares[i].slots = product / sum;
		shares[i].remainder = product % sum;
		left -= shares[i].slots;
		order[i] = &shares[i];
	}
	qsort(order, count, sizeof(*order), share_compare);
	for (i = 0; i < left; i++)
		order[i]->slots++;

	for (i = 0; i < count; i++) {
		struct share *donor;

		if (!shares[i].weight || shares[i].slots)
			continue;
		donor = largest(shares, count);
		if (donor->slots < 2)
			return -ERANGE;
		donor->slots--;
		shares[i].slots = 1;
	}
	return 0;
}

static bool precise(const struct share *shares, size_t count, uint32_t size)
{
	double sum = 0, error;
	size_t i;

	for (i = 0; i < count; i++)
		sum += shares[i].weight;
	for (i = 0; i < count; i++) {
		error = shares[i].slots / (double)size - shares[i].weight / sum;
		if (error > SLOTS_TOLERANCE || error < -SLOTS_TOLERANCE)
			return false;
		if (shares[i].weight && shares[i].slots < shares[i].claims)
			return false;
	}
	return true;
}

uint32_t slots_size_for(const uint32_t *weights, size_t ref_count,
			const struct slot_claim *claims, size_t claim_count)
{
	uint32_t size = slots_size(claim_count);
	struct share **order;
	struct share *shares;
	size_t i;

	shares = calloc(ref_count + 1, sizeof(*shares));
	order = calloc(ref_count + 1, sizeof(struct share *));
	if (!shares || !order)
		goto out;
	for (i = 0; i < ref_count; i++)
		shares[i].weight = weights[i];
	for (i = 0; i < claim_count; i++)
		shares[claims[i].ref].claims++;
	for (i = 0; i < SIZE_COUNT; i++) {
		if (sizes[i] < size)
			continue;
		size = sizes[i];
		if (!share_out(shares, order, ref_count, size) &&
		    precise(shares, ref_count, size))
			break;
	}
out:
	free(order);
	free(shares);
	return size;
}

static int turn_compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->claim < y->claim ? -1 : x->claim > y->claim;
}

/*
 * One slot a step at most for every walk, for steps steps: the one that it is
 * at, if that is free. Written without a branch on it, for there is nothing
 * harder to predict.
 */
static void walk_on(struct walk *walks, size_t count, uint16_t *slots,
		    uint32_t size, uint32_t steps)
{
	struct walk *end = walks + count;
	struct walk *walk;

	while (steps--) {
		for (walk = walks; walk < end; walk++) {
			uint32_t at = walk->at, next = at + walk->stride;
			uint32_t wrapped = next - size;
			uint16_t old = slots[at];
			uint16_t take = (old == SLOT_FREE) & (walk->left > 0);

			walk->at = next >= size ? wrapped : next;
			walk->left -= take;
			slots[at] = old ^ ((old ^ walk->slot) & -take);
		}
	}
}

/* Moves those that still have slots to take to the front; their number. */
static size_t unfinished(struct walk *walks, size_t count)
{
	size_t i, n = 0;

	for (i = 0; i < count; i++)
		if (walks[i].left)
			walks[n++] = walks[i];
	return n;
}

/*
 * Every claim walks through all slots with a start and stride of its own, all
 * at one pace, and takes what it finds free until it has its number. So the
 * slots of a claim depend little on who else is there.
 */
static void fill(struct walk *walks, size_t count, uint16_t *slots,
		 uint32_t size)
{
	uint32_t i;

	for (i = 0; i < size; i++)
		slots[i] = SLOT_FREE;
	while ((count = unfinished(walks, count)) > 0)
		walk_on(walks, count, slots, size, 32);
}

/* Claims in order of their keys take their equal parts of the ref's slots. */
static void start_walks(struct walk *walks, const struct turn *turns,
			struct share *shares, struct slot_claim *claims,
			size_t count, uint32_t size)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct slot_claim *claim = &claims[turns[i].claim];
		struct share *share = &shares[claim->ref];
		uint64_t key = turns[i].key;

		claim->count = share->slots / share->claims;
		if (share->extra) {
			share->extra--;
			claim->count++;
		}
		walks[i].at = (key >> 32) * size >> 32;
		walks[i].stride = ((key & 0xffffffff) * (size - 1) >> 32) + 1;
		walks[i].left = claim->count;
		walks[i].slot = claim->slot;
	}
}

int slots_build(const uint32_t *weights, size_t ref_count,
		struct slot_claim *claims, size_t claim_count,
		const uint64_t seed[2], uint16_t *slots, uint32_t size)
{
	struct share *shares = calloc(ref_count + 1, sizeof(*shares));
	struct share **order = calloc(ref_count + 1, sizeof(struct share *));
	struct turn *turns = calloc(claim_count + 1, sizeof(*turns));
	struct walk *walks = calloc(claim_count + 1, sizeof(*walks));
	int err = -ENOMEM;
	size_t i;

	if (!shares || !order || !turns || !walks)
		goto out;
	for (i = 0; i < ref_count; i++) {
		shares[i].weight = weights[i];
		shares[i].key = UINT64_MAX;
	}
	for (i = 0; i < claim_count; i++) {
		struct share *share = &shares[claims[i].ref];

		turns[i].key = claim_key(claims[i].identity, seed);
		turns[i].claim = i;
		share->claims++;
		if (turns[i].key < share->key)
			share->key = turns[i].key;
	}
	err = share_out(shares, order, ref_count, size);
	if (err)
		goto out;
	for (i = 0; i < ref_count; i++)
		if (shares[i].claims)
			shares[i].extra = shares[i].slots % shares[i].claims;
	qsort(turns, claim_count, sizeof(*turns), turn_compare);
	start_walks(walks, turns, shares, claims, claim_count, size);
	fill(walks, claim_count, slots, size);
out:
	free(walks);
	free(turns);
	free(order);
	free(shares);
	return err;
}
