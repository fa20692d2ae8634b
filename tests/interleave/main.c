// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Runs the programs of bpf/ on two or three CPUs in all schedules (explore.h), in
 * scenarios where they get in each other's way.
 *
 *   interleave [-d] [-l LIMIT] [-a] [WORD...]
 *
 * Those whose name has a WORD in it; all without one. -d: also those that take
 * minutes, and of which not all may be tried. LIMIT: of schedules for each. -a: without
 * reduction, which is for very small ones.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model.h"
#include "scenario.h"
#include "self.h"

struct passage packets[EXPLORE_CPUS];

static struct {
	uint64_t limit;
	bool all;
	bool deep;
	char **words;
} options = { .limit = 2000000 };

static const struct scenario *current;
static const char *wrong;

void die(const char *text)
{
	fprintf(stderr, "%s: %s\n", current ? current->name : "interleave",
		text);
	exit(2);
}

void flows_establish(struct flow_list *list, int count, int first, int second)
{
	struct passage passage;

	for (list->count = 0; list->count < count; list->count++) {
		struct client *client = &list->client[list->count];

		*client = world_client(list->count % LISTENERS, first, second);
		world_establish(&passage, client);
	}
}

bool flows_live(const struct flow_list *list)
{
	int i;

	for (i = 0; i < list->count; i++)
		if (table_state(list->client[i].hash) !=
		    L4GATE_FLOW_ESTABLISHED)
			return false;
	return true;
}

static void start(void *data)
{
	(void)data;
	model_undo();
	if (current->start)
		current->start();
}

static void watch(void *data)
{
	(void)data;
	current->watch();
}

static void run(void *data, int cpu)
{
	(void)data;
	program_run(&packets[cpu]);
}

static bool check(void *data)
{
	(void)data;
	wrong = current->check();
	return !wrong;
}

static void print_schedule(void)
{
	static const char *const names[] = { "reads", "writes", "locks",
					     "unlocks", "ends" };
	uint32_t i;

	for (i = 0; i < explore_steps(); i++) {
		enum op_kind kind;
		uint32_t word;
		int cpu = explore_step(i, &kind, &word);

		printf("    %*sCPU %d %s %s\n", cpu * 24, "", cpu,
		       names[kind], model_name(word));
	}
}

/* Runs a scenario in all schedules, or up to the limit; whether it held. */
static bool run_scenario(const struct scenario *scenario, bool may_stop)
{
	struct exploration exploration = {
		.cpus = scenario->cpus,
		.all = options.all,
		.start = start,
		.run = run,
		.watch = scenario->watch ? watch : NULL,
		.check = check,
		.limit = options.limit,
	};
	clock_t begin = clock();

	current = scenario;
	wrong = NULL;
	world_open(&scenario->world);
	scenario->prepare();
	program_begin_quarter();
	exploration.words = model_words();
	model_mark();
	explore(&exploration);
	if (exploration.deadlock)
		wrong = "a deadlock";
	if (!wrong && exploration.at_limit && !may_stop)
		wrong = "more schedules than the limit";
	printf("%-56s %8llu schedules of up to %u steps%s, %.1f s%s%s\n",
	       scenario->name, (unsigned long long)exploration.schedules,
	       exploration.longest, exploration.at_limit ? " (not all)" : "",
	       (double)(clock() - begin) / CLOCKS_PER_SEC,
	       wrong ? ": " : "", wrong ? wrong : "");
	if (wrong && !exploration.at_limit)
		print_schedule();
	return !wrong;
}

static bool is_chosen(const struct scenario *scenario)
{
	char **word;

	for (word = options.words; *word; word++)
		if (strstr(scenario->name, *word))
			return true;
	return !*options.words;
}

static void run_list(const struct scenario *scenarios, bool may_stop,
		     int *counts)
{
	for (; scenarios->name; scenarios++)
		if (is_chosen(scenarios))
			counts[run_scenario(scenarios, may_stop)]++;
}

int main(int argc, char **argv)
{
	int counts[2] = { 0 }, option;

	while ((option = getopt(argc, argv, "l:ad")) >= 0) {
		if (option == 'l')
			options.limit = strtoull(optarg, NULL, 10);
		else if (option == 'a')
			options.all = true;
		else if (option == 'd')
			options.deep = true;
		else
			return 2;
	}
	options.words = argv + optind;
	if (!*options.words)
		counts[self_check()]++;
	run_list(direct_scenarios, false, counts);
	run_list(move_scenarios, false, counts);
	run_list(nat_scenarios, false, counts);
	run_list(ticket_scenarios, false, counts);
	if (options.deep) {
		run_list(move_deep_scenarios, true, counts);
		run_list(nat_deep_scenarios, true, counts);
		run_list(ticket_deep_scenarios, true, counts);
	}
	printf("interleave: %d passed, %d failed\n", counts[1], counts[0]);
	return counts[0] != 0;
}
