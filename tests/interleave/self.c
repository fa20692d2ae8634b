// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "self.h"

#include <stdio.h>
#include <string.h>

#include "explore.h"

#define CELLS 4
#define LOCK_A 4
#define LOCK_B 5
#define WORDS 6
#define ENDS 4096

/* Small programs, and all that they can end with. */
struct toy {
	const char *name;
	int cpus;
	void (*run)(int cpu);
	bool deadlocks;
};

static uint32_t cells[CELLS], seen[EXPLORE_CPUS];
static const struct toy *toy;

struct ends {
	uint32_t value[ENDS];
	int count;
};

static uint32_t get(int cell)
{
	explore_op(OP_READ, cell, 1);
	return cells[cell];
}

static void set(int cell, uint32_t value)
{
	explore_op(OP_WRITE, cell, 1);
	cells[cell] = value;
}

static void lock(int number)
{
	explore_op(OP_LOCK, number, 1);
}

static void unlock(int number)
{
	explore_op(OP_UNLOCK, number, 1);
}

/* What is added without a lock may get lost. */
static void add(int cpu)
{
	set(0, get(0) * 3 + cpu);
	seen[cpu] = get(0);
	set(0, get(0) * 3 + cpu);
}

static void publish(int cpu)
{
	set(cpu, 1);
	seen[cpu] = get((cpu + 1) % 3) + 2 * get((cpu + 2) % 3);
}

static void locked(int cpu)
{
	seen[cpu] = get(1);
	lock(LOCK_A);
	set(0, get(0) * 3 + cpu + 1);
	unlock(LOCK_A);
	if (cpu)
		set(1, cpu);
}

/* What the first CPU does depends on what it reads. */
static void choose(int cpu)
{
	if (cpu == 0) {
		if (get(0))
			set(2, get(1));
		else
			set(1, 1);
		seen[0] = get(2);
	} else if (cpu == 1) {
		set(1, 5);
		set(0, 1);
		seen[1] = get(1);
	} else {
		set(2, 7);
		seen[2] = get(0);
	}
}

static void both_ways(int cpu)
{
	lock(cpu ? LOCK_B : LOCK_A);
	lock(cpu ? LOCK_A : LOCK_B);
	unlock(cpu ? LOCK_A : LOCK_B);
	unlock(cpu ? LOCK_B : LOCK_A);
}

static void start(void *data)
{
	(void)data;
	memset(cells, 0, sizeof(cells));
	memset(seen, 0, sizeof(seen));
}

static void run(void *data, int cpu)
{
	(void)data;
	toy->run(cpu);
}

static bool collect(void *data)
{
	struct ends *ends = data;
	uint32_t end = 0;
	int i;

	for (i = 0; i < CELLS; i++)
		end = end * 31 + cells[i];
	for (i = 0; i < EXPLORE_CPUS; i++)
		end = end * 31 + seen[i];
	for (i = 0; i < ends->count; i++)
		if (ends->value[i] == end)
			return true;
	if (ends->count == ENDS)
		return false;
	ends->value[ends->count++] = end;
	return true;
}

static bool is_in(const struct ends *ends, uint32_t value)
{
	int i;

	for (i = 0; i < ends->count; i++)
		if (ends->value[i] == value)
			return true;
	return false;
}

static struct exploration explore_toy(struct ends *ends, bool all)
{
	struct exploration exploration = {
		.cpus = toy->cpus,
		.words = WORDS,
		.all = all,
		.start = start,
		.run = run,
		.check = collect,
		.data = ends,
		.limit = 1000000,
	};

	ends->count = 0;
	explore(&exploration);
	return exploration;
}

static bool check_toy(void)
{
	static struct ends ends[2];
	struct exploration reduced = explore_toy(&ends[0], false);
	struct exploration all = explore_toy(&ends[1], true);
	bool same = ends[0].count == ends[1].count && !all.at_limit;
	int i;

	for (i = 0; i < ends[0].count; i++)
		same &= is_in(&ends[1], ends[0].value[i]);
	same &= reduced.deadlock == toy->deadlocks &&
		all.deadlock == toy->deadlocks;
	printf("explore: %-47s %8llu schedules for %llu, %d ends%s\n",
	       toy->name, (unsigned long long)reduced.schedules,
	       (unsigned long long)all.schedules, ends[1].count,
	       same ? "" : ": not the same");
	return same;
}

bool self_check(void)
{
	static const struct toy toys[] = {
		{ "additions that get lost", 2, add, false },
		{ "each reads the others", 3, publish, false },
		{ "under a lock", 3, locked, false },
		{ "what is read decides", 3, choose, false },
		{ "two locks in both orders", 2, both_ways, true },
	};
	bool same = true;
	size_t i;

	for (i = 0; i < sizeof(toys) / sizeof(*toys); i++) {
		toy = &toys[i];
		same &= check_toy();
	}
	return same;
}
