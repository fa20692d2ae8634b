/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel that the programs of bpf/ run on here: maps, locks, a clock, a FIB.
 * program.c is compiled with -fsanitize=thread, so that each access to memory, plain
 * or volatile, calls a function of ours first; one to a shared map is a step of the
 * schedule (explore.h). What has changed since model_mark() can be undone.
 */
#ifndef INTERLEAVE_MODEL_H
#define INTERLEAVE_MODEL_H

#include <stddef.h>
#include <stdint.h>

enum model_kind {
	MODEL_SHARED,		/* accesses are steps */
	MODEL_PER_CPU,
	MODEL_CONFIG,		/* that no program writes */
};

void model_map(void *map, const char *name, enum model_kind kind, size_t size,
	       uint32_t entries);

/* A value, for the test; of a per-CPU map that of a CPU. */
void *model_value(const void *map, uint32_t key);
void *model_cpu_value(const void *map, uint32_t key, int cpu);

/* Sum over all CPUs of the 64 bits at an offset. */
uint64_t model_sum(const void *map, uint32_t key, size_t offset);

void model_empty(const void *map);
void model_clear(void);		/* forgets all maps */
void model_mark(void);
void model_undo(void);
uint32_t model_words(void);	/* of shared maps */

/* "l4gate_records[3] + 8", for a word of a shared map. */
const char *model_name(uint32_t word);

extern uint64_t model_jiffies;

/* The helpers. */
void *model_lookup(void *map, const void *key);
void model_lock(void *lock);
void model_unlock(void *lock);
void model_zero(void *to, size_t size);

#endif /* INTERLEAVE_MODEL_H */
