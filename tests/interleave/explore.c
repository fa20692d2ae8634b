// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STEPS 8192
#define STACK (256 << 10)
/* Words of one access. */
#define OP_WORDS 8
#define NOBODY (-1)

/* Times are steps plus one; 0: never. Of each CPU the last that is known of. */
struct clock {
	uint32_t of[EXPLORE_CPUS];
};

struct op {
	enum op_kind kind;
	uint32_t first;
	uint32_t count;
};

struct cpu {
	ucontext_t context;
	void *stack;
	struct op op;		/* what it is about to do */
	struct clock clock;
};

/* A choice in the schedule at hand. Sets of CPUs are bits. */
struct node {
	struct op op[EXPLORE_CPUS];	/* of all CPUs, before it */
	int choice;
	uint8_t enabled;
	uint8_t wanted;		/* to be tried here */
	uint8_t sleep;		/* need not be tried, or has been */
	struct clock clock;	/* of the step */
	/* The last step of each other CPU that it depends on, plus one. */
	uint32_t last[EXPLORE_CPUS];
};

struct word {
	struct clock read, written;	/* all that happened before these */
	uint32_t last_read[EXPLORE_CPUS];
	uint32_t last_write[EXPLORE_CPUS];
	int holder;		/* of a lock, plus one */
	bool touched;
};

static struct {
	struct exploration *exploration;
	struct cpu cpus[EXPLORE_CPUS];
	ucontext_t main;
	int running;
	bool is_starting;
	struct node nodes[STEPS];
	uint32_t depth;		/* steps done */
	uint32_t known;		/* nodes that are given */
	struct word *words;
	uint32_t *touched;
	uint32_t touched_count;
} state = { .running = NOBODY };

static void stop(const char *why)
{
	fprintf(stderr, "explore: %s\n", why);
	exit(2);
}

static void join(struct clock *clock, const struct clock *other)
{
	int i;

	for (i = 0; i < EXPLORE_CPUS; i++)
		if (other->of[i] > clock->of[i])
			clock->of[i] = other->of[i];
}

static struct word *word_of(uint32_t number)
{
	struct word *word = &state.words[number];

	if (!word->touched) {
		word->touched = true;
		state.touched[state.touched_count++] = number;
	}
	return word;
}

static bool overlap(const struct op *a, const struct op *b)
{
	return a->first < b->first + b->count && b->first < a->first + a->count;
}

/* Whether it matters in which order two CPUs do these. */
static bool depends(const struct op *a, const struct op *b)
{
	return a->kind != OP_END && b->kind != OP_END && overlap(a, b) &&
	       (a->kind != OP_READ || b->kind != OP_READ);
}

/* The last step of another CPU that what one is about to do depends on, plus one. */
static uint32_t last_dependent(const struct op *op, int other)
{
	uint32_t last = 0, i;

	if (op->kind == OP_UNLOCK || op->kind == OP_END)
		return 0;
	for (i = 0; i < op->count; i++) {
		const struct word *word = word_of(op->first + i);

		if (word->last_write[other] > last)
			last = word->last_write[other];
		if (op->kind == OP_WRITE && word->last_read[other] > last)
			last = word->last_read[other];
	}
	return last;
}

/* Whether a step came before another, for whoever looks at what is shared. */
static bool is_before(uint32_t step, const struct clock *clock)
{
	return clock->of[state.nodes[step].choice] > step;
}

/*
 * Who could have gone first at a step, so that all that does not depend on it comes
 * before it, and at the end what a CPU has done last: those whose own first step
 * of that depends on nobody else's. One of them has to be tried there.
 */
static uint8_t find_initials(uint32_t step)
{
	uint32_t first[EXPLORE_CPUS] = { 0 }, i;
	uint8_t initials = 0;
	int cpu, other;

	for (i = step + 1; i < state.depth; i++) {
		const struct node *node = &state.nodes[i];
		bool is_last = i == state.depth - 1, is_first = true;

		cpu = node->choice;
		if (first[cpu] || (is_before(step, &node->clock) && !is_last))
			continue;
		for (other = 0; other < state.exploration->cpus; other++)
			if (first[other] &&
			    node->clock.of[other] >= first[other])
				is_first = false;
		first[cpu] = i + 1;
		if (is_first)
			initials |= 1 << cpu;
	}
	return initials;
}

/*
 * What a CPU has just done could have come before a step of another, if nothing
 * that it knew of came after that.
 */
static void find_races(int cpu, const struct clock *known)
{
	const struct node *now = &state.nodes[state.depth - 1];
	int other;

	for (other = 0; other < state.exploration->cpus; other++) {
		uint32_t last = now->last[other];
		struct node *node;
		uint8_t initials;

		if (other == cpu || !last || known->of[other] >= last)
			continue;
		node = &state.nodes[last - 1];
		initials = find_initials(last - 1) & node->enabled;
		if (!initials)
			node->wanted |= node->enabled;
		else if (!(initials & (node->wanted | node->sleep)))
			node->wanted |= initials & -initials;
	}
}

static uint8_t find_enabled(void)
{
	uint8_t enabled = 0;
	int i;

	for (i = 0; i < state.exploration->cpus; i++) {
		const struct op *op = &state.cpus[i].op;

		if (op->kind == OP_END ||
		    (op->kind == OP_LOCK && word_of(op->first)->holder))
			continue;
		enabled |= 1 << i;
	}
	return enabled;
}

static void note_access(struct cpu *cpu, int number, const struct op *op)
{
	uint32_t i, now = state.depth + 1;

	for (i = 0; i < op->count; i++) {
		join(&cpu->clock, &word_of(op->first + i)->written);
		if (op->kind == OP_WRITE)
			join(&cpu->clock, &word_of(op->first + i)->read);
	}
	cpu->clock.of[number] = now;
	for (i = 0; i < op->count; i++) {
		struct word *word = word_of(op->first + i);

		if (op->kind == OP_READ) {
			join(&word->read, &cpu->clock);
			word->last_read[number] = now;
			continue;
		}
		word->written = cpu->clock;
		if (op->kind != OP_UNLOCK)
			word->last_write[number] = now;
	}
}

/* A step: the CPU does what it was about to, as soon as it runs. */
static void take_step(int number)
{
	struct node *node = &state.nodes[state.depth];
	struct cpu *cpu = &state.cpus[number];
	struct clock known = cpu->clock;
	struct op *op = &cpu->op;
	int i;

	for (i = 0; i < state.exploration->cpus; i++)
		node->last[i] = last_dependent(op, i);
	if (op->kind == OP_LOCK)
		word_of(op->first)->holder = number + 1;
	if (op->kind == OP_UNLOCK)
		word_of(op->first)->holder = 0;
	note_access(cpu, number, op);
	node->clock = cpu->clock;
	state.depth++;
	if (!state.exploration->all)
		find_races(number, &known);
}

/* Who need not be tried after a step: who slept before it, and does not depend. */
static uint8_t find_sleep(void)
{
	const struct node *node;
	uint8_t sleep = 0;
	int i;

	if (!state.depth || state.exploration->all)
		return 0;
	node = &state.nodes[state.depth - 1];
	for (i = 0; i < state.exploration->cpus; i++)
		if (node->sleep & 1 << i && i != node->choice &&
		    !depends(&node->op[i], &node->op[node->choice]))
			sleep |= 1 << i;
	return sleep;
}

/* A choice that is not given: who runs already goes on, if it can. */
static bool make_node(struct node *node, uint8_t enabled)
{
	uint8_t sleep = find_sleep(), awake = enabled & ~sleep;
	int i;

	*node = (struct node){ .enabled = enabled, .sleep = sleep };
	for (i = 0; i < state.exploration->cpus; i++)
		node->op[i] = state.cpus[i].op;
	if (!awake)
		return false;
	node->choice = state.running != NOBODY && awake & 1 << state.running ?
		       state.running : __builtin_ctz(awake);
	node->wanted = state.exploration->all ? enabled : 1 << node->choice;
	return true;
}

/* Takes the next step; the CPU whose it is, or NOBODY: the schedule ends here. */
static int choose(void)
{
	uint8_t enabled = find_enabled();
	struct node *node;
	int i;

	if (state.exploration->watch)
		state.exploration->watch(state.exploration->data);
	if (!enabled)
		return NOBODY;
	if (state.depth == STEPS)
		stop("too many steps");
	node = &state.nodes[state.depth];
	if (state.depth >= state.known) {
		if (!make_node(node, enabled))
			return NOBODY;
		state.known = state.depth + 1;
	}
	i = node->choice;
	take_step(i);
	return i;
}

static void switch_to(int next)
{
	int self = state.running;

	if (next == self)
		return;
	state.running = next;
	swapcontext(&state.cpus[self].context, next == NOBODY ? &state.main :
		    &state.cpus[next].context);
}

void explore_op(enum op_kind kind, uint32_t first, uint32_t count)
{
	if (state.running == NOBODY)
		return;
	if (count > OP_WORDS)
		stop("an access to too many words");
	state.cpus[state.running].op = (struct op){ kind, first, count };
	switch_to(state.is_starting ? NOBODY : choose());
}

int explore_cpu(void)
{
	return state.running;
}

uint32_t explore_steps(void)
{
	return state.depth;
}

int explore_step(uint32_t step, enum op_kind *ret_kind, uint32_t *ret_word)
{
	const struct node *node = &state.nodes[step];

	*ret_kind = node->op[node->choice].kind;
	*ret_word = node->op[node->choice].first;
	return node->choice;
}

static void run_cpu(void)
{
	state.exploration->run(state.exploration->data, state.running);
	explore_op(OP_END, 0, 0);
	stop("a CPU runs on after its end");
}

/* Runs a CPU up to its first access. */
static void start_cpu(int number)
{
	struct cpu *cpu = &state.cpus[number];

	cpu->clock = (struct clock){ { 0 } };
	getcontext(&cpu->context);
	cpu->context.uc_stack.ss_sp = cpu->stack;
	cpu->context.uc_stack.ss_size = STACK;
	makecontext(&cpu->context, run_cpu, 0);
	state.running = number;
	swapcontext(&state.main, &cpu->context);
	state.running = NOBODY;
}

/* Runs one schedule; whether it came to its end. */
static bool run_schedule(void)
{
	struct exploration *exploration = state.exploration;
	int i, first;

	exploration->start(exploration->data);
	while (state.touched_count)
		state.words[state.touched[--state.touched_count]] =
			(struct word){ .touched = false };
	state.depth = 0;
	state.is_starting = true;
	for (i = 0; i < exploration->cpus; i++)
		start_cpu(i);
	state.is_starting = false;

	first = choose();
	if (first != NOBODY) {
		state.running = first;
		swapcontext(&state.main, &state.cpus[first].context);
	}
	state.running = NOBODY;
	if (state.depth > exploration->longest)
		exploration->longest = state.depth;
	for (i = 0; i < exploration->cpus; i++)
		if (state.cpus[i].op.kind != OP_END) {
			exploration->deadlock |= !find_enabled();
			return false;
		}
	return true;
}

/* The last choice that has another one left; false if there is none. */
static bool next_schedule(void)
{
	while (state.known) {
		struct node *node = &state.nodes[state.known - 1];
		uint8_t left;

		node->sleep |= 1 << node->choice;
		left = node->wanted & node->enabled & ~node->sleep;
		if (left) {
			node->choice = __builtin_ctz(left);
			return true;
		}
		state.known--;
	}
	return false;
}

static void prepare(struct exploration *exploration)
{
	int i;

	state.exploration = exploration;
	state.known = 0;
	state.touched_count = 0;
	state.words = calloc(exploration->words, sizeof(*state.words));
	state.touched = calloc(exploration->words, sizeof(*state.touched));
	for (i = 0; i < EXPLORE_CPUS; i++) {
		if (!state.cpus[i].stack)
			state.cpus[i].stack = malloc(STACK);
		if (!state.cpus[i].stack || !state.words || !state.touched)
			stop("no memory");
	}
}

void explore(struct exploration *exploration)
{
	prepare(exploration);
	do {
		if (exploration->schedules + exploration->cut ==
		    exploration->limit) {
			exploration->at_limit = true;
			break;
		}
		if (!run_schedule()) {
			if (exploration->deadlock)
				break;
			exploration->cut++;
			continue;
		}
		exploration->schedules++;
		if (!exploration->check(exploration->data))
			break;
	} while (next_schedule());
	free(state.words);
	free(state.touched);
}
