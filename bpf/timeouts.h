/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Idle timeouts that a route has of its own. They are a class (l4gate_timeouts),
 * which the route's backends name; so no flow has the number of a class, only that
 * of its backend. A mark in it (L4GATE_FLOW_TIMED) says that what is written down
 * of its time is by its backend's class. Flows without the mark are judged by the
 * constants of config.h: those of most routes pay a compare, and no look at their
 * backend if they are not at hand.
 *
 * When the timeouts of a route change, its backends get another class, at any
 * instant. Each flow follows with its next packet. Until then
 * - one without the mark is judged by class 0, as before;
 * - one with the mark is judged by the new class, though its time was written down by
 *   the old one: in a word that may mean anything, in a record less than it should,
 *   by the old refresh. So before a class gets a backend of another one, user space
 *   raises its keep, to the longer of both timeouts from then on and a quarter more:
 *   until then no flow of the class is over. After that those with no packet since
 *   the change are over by either, whatever is read.
 * So a flow may live for longer than its timeout after a change, and never less.
 */
#ifndef L4GATE_BPF_TIMEOUTS_H
#define L4GATE_BPF_TIMEOUTS_H

#include "clock.h"
#include "table.h"

static __always_inline __u32 word_state(__u64 word)
{
	return word >> L4GATE_WORD_STATE_SHIFT & L4GATE_RECORD_STATE;
}

static __always_inline __u32 word_backend(__u64 word)
{
	return word >> L4GATE_WORD_BACKEND_SHIFT & L4GATE_WORD_BACKEND;
}

static __always_inline __u32 record_state(__u64 value)
{
	return value & L4GATE_RECORD_STATE;
}

static __always_inline __u32 record_backend(__u64 value)
{
	return value >> L4GATE_RECORD_BACKEND_SHIFT;
}

/* Ticks since the last packet, less those that were not written down. */
static __always_inline __u32 record_idle(__u64 value, __u64 now)
{
	return (__u16)(clock_ticks(now) - (value >> L4GATE_RECORD_STAMP_SHIFT));
}

/* All ones for a word, or a record's value, with the mark; else 0. */
static __always_inline __u64 timed_mask(__u64 flow)
{
	return -(flow / L4GATE_FLOW_TIMED & 1);
}

static __always_inline const struct l4gate_idle *timed_idle(__u32 timeouts,
							    __u32 state)
{
	struct l4gate_timeouts *class;

	class = bpf_map_lookup_elem(&l4gate_timeouts, &timeouts);
	return class ? &class->state[state & L4GATE_RECORD_STATE] : NULL;
}

static __always_inline const struct l4gate_idle *
timed_idle_of(__u32 number, __u32 state)
{
	struct l4gate_backend *backend;

	backend = bpf_map_lookup_elem(&l4gate_backends, &number);
	return backend ? timed_idle(backend->timeouts, state) : NULL;
}

static __always_inline bool timed_keeps(const struct l4gate_idle *idle,
					__u64 now)
{
	return clock_ticks(now) < READ_ONCE(idle->keep);
}

/*
 * The clock in a word, as clock_quarters(), in a class of timeouts, and the mark. All
 * of these are global: they are rare, and the verifier shall look at them once. They
 * give numbers that take the place of others: where an answer of theirs decided, it
 * would follow apart what is decided behind it (8,000 instructions more, clang 19).
 */
__u32 timed_quarters(__u32 timeouts, __u32 state, __u64 now);

__noinline __u32 timed_quarters(__u32 timeouts, __u32 state, __u64 now)
{
	const struct l4gate_idle *idle = timed_idle(timeouts, state);

	if (!idle)
		return L4GATE_FLOW_TIMED;
	return ((__u64)(__u32)now * idle->quarter >> 32 & L4GATE_WORD_CLOCK) |
	       L4GATE_FLOW_TIMED;
}

static __always_inline __u32 timed_age(__u64 word, __u64 now)
{
	const struct l4gate_idle *idle;
	__u32 age;

	idle = timed_idle_of(word_backend(word), word_state(word));
	if (!idle)
		return 0;
	age = ((__u64)(__u32)now * idle->quarter >> 32) - word;
	age &= L4GATE_WORD_CLOCK;
	return age > 4 && timed_keeps(idle, now) ? 4 : age;
}

/* The age of a word with the mark: above four its time has passed. */
__u32 timed_word_age(__u64 word, __u64 now);

__noinline __u32 timed_word_age(__u64 word, __u64 now)
{
	return timed_age(word, now);
}

/* 0 for a word with the mark whose time has passed, else FLOW_KEPT. */
__u64 timed_word_worth(__u64 word, __u64 now);

__noinline __u64 timed_word_worth(__u64 word, __u64 now)
{
	return word & L4GATE_FLOW_TIMED && timed_age(word, now) > 4 ? 0 :
								      FLOW_KEPT;
}

static __always_inline __u32 timed_timeout(__u64 value, __u64 now)
{
	const struct l4gate_idle *idle;

	idle = timed_idle_of(record_backend(value), record_state(value));
	return idle && !timed_keeps(idle, now) ? idle->timeout : ~0U;
}

/* As flow_timeout, of a flow of nat with the mark. */
__u32 timed_record_timeout(__u64 value, __u64 now);

__noinline __u32 timed_record_timeout(__u64 value, __u64 now)
{
	return timed_timeout(value, now);
}

/* As timed_word_worth(), of a flow of nat. */
static __always_inline __u64 timed_worth(__u64 value, __u64 now)
{
	return value & L4GATE_FLOW_TIMED &&
	       record_idle(value, now) > timed_timeout(value, now) ? 0 :
								     FLOW_KEPT;
}

/*
 * As flow_refresh, of a flow of nat whose backend has a class of timeouts: less than 0
 * if the mark is to be set or taken away.
 */
int timed_record_refresh(__u64 value, __u32 timeouts);

__noinline int timed_record_refresh(__u64 value, __u32 timeouts)
{
	const struct l4gate_idle *idle;

	if (!timeouts || !(value & L4GATE_FLOW_TIMED))
		return -1;
	idle = timed_idle_of(record_backend(value), record_state(value));
	return idle ? idle->refresh : 0;
}

#endif /* L4GATE_BPF_TIMEOUTS_H */
