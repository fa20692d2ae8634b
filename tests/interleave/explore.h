/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * All schedules of some CPUs that share memory. Each CPU is a coroutine that stops
 * before each access to shared words, and before it takes or gives a lock; who goes
 * on is chosen here, and all choices are tried one after the other, each by running
 * everything once more from the beginning.
 *
 * Two schedules that differ only in the order of accesses that do not touch each
 * other (different words, or reads) end alike, and one of them is enough: dynamic
 * partial order reduction with source sets (Abdulla and others, 2014) and sleep sets. No bound
 * is set to the number of switches. Accesses are seen by all CPUs at once and in
 * their order, which is more than x86 promises: a CPU may read past its own stores.
 */
#ifndef INTERLEAVE_EXPLORE_H
#define INTERLEAVE_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_CPUS 3

enum op_kind {
	OP_READ,
	OP_WRITE,
	OP_LOCK,
	OP_UNLOCK,
	OP_END,			/* the CPU has nothing more to do */
};

/* What is explored. Words are numbered from 0 on. */
struct exploration {
	int cpus;
	uint32_t words;
	bool all;		/* no reduction */
	void (*start)(void *data);	/* puts everything back */
	void (*run)(void *data, int cpu);
	void (*watch)(void *data);	/* between two steps; or NULL */
	/* At the end of a schedule; false: don't go on. */
	bool (*check)(void *data);
	void *data;
	uint64_t limit;		/* of schedules */
	/* Results: */
	uint64_t schedules;	/* run to the end */
	uint64_t cut;		/* given up, for they were like another */
	uint32_t longest;	/* steps */
	bool deadlock;
	bool at_limit;
};

void explore(struct exploration *exploration);

/* Within run(): the CPU is about to do this to words from first on. */
void explore_op(enum op_kind kind, uint32_t first, uint32_t count);

/* The CPU that runs, or -1 out of run(). */
int explore_cpu(void);

/* Steps of the schedule at hand, for check(). */
uint32_t explore_steps(void);
int explore_step(uint32_t step, enum op_kind *ret_kind, uint32_t *ret_word);

#endif /* INTERLEAVE_EXPLORE_H */
