/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Weights into a slot table. Two steps of largest remainder: slots over the
 * backendRefs by weight, then each ref's slots over its endpoints in equal
 * parts, so that a ref's share never depends on how many endpoints it has.
 * Slots are then handed out by Maglev-like permutations keyed with a seed, so
 * that a change of one backend moves few of the others' slots. Nothing depends
 * on the order of refs or claims: equal identities, weights and seed give equal
 * tables.
 */
#ifndef L4GATE_COMPILE_SLOTS_H
#define L4GATE_COMPILE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* One claimant of slots: an endpoint, or the rejection of a ref. */
struct slot_claim {
	uint64_t identity[3];	/* names it for the permutation; same on all nodes */
	uint16_t slot;		/* what to write: a member, L4GATE_SLOT_REJECT */
	uint16_t ref;		/* index of the ref that it belongs to */
	uint32_t count;		/* result: slots that it got */
};

/* Errors of a share that are worth a larger table are above this. */
#define SLOTS_TOLERANCE		0.001

/*
 * Number of slots for a table with this many claims: a prime, with about a
 * hundred slots a claim as far as L4GATE_MAX_SLOTS allows.
 */
uint32_t slots_size(size_t claims);

/*
 * The number of slots for these weights and claims (as in slots_build): at
 * least slots_size(claim_count), and more where that is what keeps each ref's
 * share within SLOTS_TOLERANCE and gives every claim a slot.
 */
uint32_t slots_size_for(const uint32_t *weights, size_t ref_count,
			const struct slot_claim *claims, size_t claim_count);

/*
 * Fills slots[size]. weights[ref_count] are the refs' weights (all zero is
 * allowed only with claim_count 0); claims are sorted by ref, and every ref
 * with a weight above zero has at least one. Writes claims[].count.
 * Returns 0, -ENOMEM, or -ERANGE when a ref with a weight above zero would get
 * no slot although size has been chosen as large as it gets.
 */
int slots_build(const uint32_t *weights, size_t ref_count,
		struct slot_claim *claims, size_t claim_count,
		const uint64_t seed[2], uint16_t *slots, uint32_t size);

#endif /* L4GATE_COMPILE_SLOTS_H */
