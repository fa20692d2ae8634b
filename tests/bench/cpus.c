// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What a packet costs when two CPUs run the program at the same time, beside one of
 * them alone, in the same run. Lines of memory that both write would show here; so
 * would what the CPUs themselves share (two threads of one core, a clock that falls),
 * which is why an empty program and a floor stand beside; and a program that writes
 * to one line from both, to be seen.
 *
 *   cpus [-n ROUNDS] [-p PACKETS] [-o FILE] [-c COMMIT]
 *
 * What CPUs share in the program: counters, budgets and scratch are per-CPU maps,
 * whose parts the kernel keeps in lines of their own; locks are padded to a line.
 * Lines of words and entries, and records (four of them in a line) are shared with
 * the flows beside them, but an established flow writes to them once in some seconds.
 * A backend has a line with another one, and is written as seldom.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"
#include "flows.h"
#include "result.h"

#define XDP L4GATE_HOOK_XDP
#define CPUS 2
/* Established flows, half of them for each CPU. */
#define FLOWS 4096
#define BACKENDS 64
/* First packets, on each CPU, in a table that has room for them. */
#define NEW_FLOWS 131072
#define TABLE 524288
/* ns: between two cores of one chip a line takes tens of them. */
#define SHARING_SEEN 10

static struct {
	unsigned int rounds;
	uint32_t packets;
	const char *output;
	const char *commit;
} options = { .rounds = 7, .packets = 500000, .commit = "unknown" };

static struct feed feeds[CPUS];
static struct gateway gateway;
static struct floor floor_;
static json_t *results;
/* ns that a line costs more that both CPUs write. */
static double sharing;

/* What one CPU is to run. */
struct job {
	int cpu;
	int program;
	struct stream *stream;
	uint32_t flows, packets;
	double ns;
	struct timespec begin, end;
	pthread_barrier_t *start;
};

static double seconds(const struct timespec *time)
{
	return time->tv_sec + time->tv_nsec / 1e9;
}

/* How much of the time of two jobs both were running. */
static double overlap(const struct job *a, const struct job *b)
{
	double begin[2] = { seconds(&a->begin), seconds(&b->begin) };
	double end[2] = { seconds(&a->end), seconds(&b->end) };
	double both = (end[0] < end[1] ? end[0] : end[1]) -
		      (begin[0] > begin[1] ? begin[0] : begin[1]);
	double any = (end[0] > end[1] ? end[0] : end[1]) -
		     (begin[0] < begin[1] ? begin[0] : begin[1]);

	return both > 0 ? both / any : 0;
}

static void *run_job(void *argument)
{
	struct job *job = argument;
	cpu_set_t cpus;
	uint32_t action;

	CPU_ZERO(&cpus);
	CPU_SET(job->cpu, &cpus);
	if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus))
		die("CPU %d is not to be had", job->cpu);
	feed_set_program(&feeds[job->cpu], XDP, job->program);
	pthread_barrier_wait(job->start);
	clock_gettime(CLOCK_MONOTONIC, &job->begin);
	job->ns = feed_run(&feeds[job->cpu], XDP, job->program, job->stream,
			   job->flows, job->packets, &action);
	clock_gettime(CLOCK_MONOTONIC, &job->end);
	return NULL;
}

/* Runs jobs at the same time. */
static void run_jobs(struct job *jobs, int count)
{
	pthread_barrier_t start;
	pthread_t threads[CPUS];
	int i;

	pthread_barrier_init(&start, NULL, count);
	for (i = 0; i < count; i++) {
		jobs[i].start = &start;
		if (pthread_create(&threads[i], NULL, run_job, &jobs[i]))
			die("no thread");
	}
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

/* Things that two CPUs do: each with a stream of its own feed. */
struct pair {
	const char *name;
	int program;
	struct stream *stream[CPUS];
	uint32_t flows;
	bool fresh;		/* each packet a new flow, table empty */
};

static void prepare(const struct pair *pair)
{
	if (!pair->fresh)
		return;
	gateway_empty(&gateway);
	pair->stream[0]->feed.next = pair->stream[1]->feed.next = 0;
}

/* ns a packet, of both CPUs at once or of one after the other. */
static double run_pair(const struct pair *pair, int program, bool together,
		       double *ret_overlap)
{
	struct job jobs[CPUS];
	int i;

	for (i = 0; i < CPUS; i++)
		jobs[i] = (struct job){
			.cpu = i, .program = program,
			.stream = pair->stream[i], .flows = pair->flows,
			.packets = pair->fresh ? pair->flows :
						 options.packets,
		};
	if (together) {
		run_jobs(jobs, CPUS);
		*ret_overlap = overlap(&jobs[0], &jobs[1]);
	} else {
		run_jobs(&jobs[0], 1);
		run_jobs(&jobs[1], 1);
	}
	return (jobs[0].ns + jobs[1].ns) / CPUS;
}

static double measure(const struct pair *pair)
{
	struct rounds empty[2] = { 0 }, net[2] = { 0 }, overlaps = { 0 };
	unsigned int i, together;
	double share = 0, ratio;

	for (i = 0; i < options.rounds; i++)
		for (together = 0; together < 2; together++) {
			double least = run_pair(pair, floor_.xdp_empty,
						together, &share);

			prepare(pair);
			rounds_add(&empty[together], least);
			rounds_add(&net[together],
				   run_pair(pair, pair->program, together,
					    &share) - least);
			if (together)
				rounds_add(&overlaps, share);
		}
	ratio = rounds_ratio(&net[1], &net[0]);
	json_array_append_new(results, json_pack(
		"{s:s, s:i, s:o, s:o, s:o, s:f, s:f}", "case", pair->name,
		"flows", (int)pair->flows,
		"alone_ns", rounds_json(&net[0]),
		"together_ns", rounds_json(&net[1]),
		"ratio", isfinite(ratio) ? json_real(ratio) : json_null(),
		"empty_ratio", rounds_ratio(&empty[1], &empty[0]),
		"overlap", rounds_median(&overlaps)));
	printf("%-38s %7.0f %7.0f [%.0f..%.0f] %10.2f %8.2f %8.2f\n", pair->name,
	       rounds_median(&net[0]), rounds_median(&net[1]),
	       rounds_min(&net[1]), rounds_max(&net[1]),
	       ratio,
	       rounds_ratio(&empty[1], &empty[0]), rounds_median(&overlaps));
	fflush(stdout);
	return rounds_median(&net[1]) - rounds_median(&net[0]);
}

/* A copy of packets of a stream, for a CPU. */
static void copy_stream(struct stream *copy, int cpu, const struct stream *from,
			uint32_t first, uint32_t count)
{
	uint32_t at;

	stream_open(&feeds[cpu], copy, count);
	at = copy->feed.first;
	*copy = *from;
	copy->feed.first = at;
	copy->feed.next = 0;
	copy->room = count;
	memcpy(&feeds[cpu].tuples[at],
	       &feeds[0].tuples[from->feed.first + first],
	       count * sizeof(*feeds[cpu].tuples));
}

static void open_tables(uint32_t max_flows, uint32_t backends)
{
	gateway_open(&gateway, &feeds[0], L4GATE_MODE_NAT, max_flows, backends);
	feed_forget(&feeds[1]);
	floor_open(&floor_, TABLE, backends);
}

static void close_tables(void)
{
	floor_close(&floor_);
	gateway_close(&gateway);
}

/* Established flows to many backends, or to one. */
static void measure_hits(uint32_t backends, const char *name, const char *both)
{
	struct stream half[CPUS], one[CPUS], replies;
	struct flow_set set;
	int program, i;

	open_tables(0, backends);
	program = node.dataplane->xdp_fd;
	flow_set_open(&gateway, &set, false, false, FLOWS);
	floor_fill(&floor_, &feeds[0], &set.client, FLOWS);
	for (i = 0; i < CPUS; i++)
		copy_stream(&half[i], i, &set.client, i * FLOWS / CPUS,
			    FLOWS / CPUS);
	copy_stream(&replies, 1, &set.reply, 0, FLOWS / CPUS);
	copy_stream(&one[0], 0, &set.client, 0, 1);
	copy_stream(&one[1], 1, &set.client, 0, 1);
	if (backends > 1) {
		measure(&(struct pair){ "floor: hit", floor_.hit,
			{ &half[0], &half[1] }, FLOWS / CPUS, false });
		sharing = measure(&(struct pair){
			"floor: a number that both write", floor_.shared,
			{ &half[0], &half[1] }, FLOWS / CPUS, false });
	}
	measure(&(struct pair){ name, program, { &half[0], &half[1] },
		FLOWS / CPUS, false });
	measure(&(struct pair){ both, program, { &half[0], &replies },
		FLOWS / CPUS, false });
	if (backends == 1)
		measure(&(struct pair){ "TCP hit, one flow", program,
			{ &one[0], &one[1] }, 1, false });
	close_tables();
}

static void measure_new(void)
{
	struct stream first, second, later;

	open_tables(TABLE, BACKENDS);
	later_clients_open(&gateway, &first, false, false, 0, NEW_FLOWS);
	later_clients_open(&gateway, &later, false, false, NEW_FLOWS, NEW_FLOWS);
	copy_stream(&second, 1, &later, 0, NEW_FLOWS);
	measure(&(struct pair){ "new flow: SYN", node.dataplane->xdp_fd,
		{ &first, &second }, NEW_FLOWS, true });
	close_tables();
}

static int parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:p:o:c:")) >= 0) {
		if (option == 'n')
			options.rounds = atoi(optarg);
		else if (option == 'p')
			options.packets = atoi(optarg);
		else if (option == 'o')
			options.output = optarg;
		else if (option == 'c')
			options.commit = optarg;
		else
			return -EINVAL;
	}
	return options.rounds && options.rounds <= ROUNDS_MAX &&
	       options.packets && optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	int i;

	if (parse_options(argc, argv)) {
		fputs("cpus [-n ROUNDS] [-p PACKETS] [-o FILE] [-c COMMIT]\n",
		      stderr);
		return 2;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < CPUS)
		die("one CPU only");
	bench_prepare();
	node_enter();
	gateway_routes();
	for (i = 0; i < CPUS; i++)
		feed_open(&feeds[i], node.ifindex);
	results = json_array();
	printf("%-38s %7s %7s %s %11s %8s %8s\n", "net ns a packet", "alone",
	       "both", "[min..max]", "both/alone", "empty", "overlap");
	measure_hits(BACKENDS, "TCP hit, 64 backends",
		     "TCP hit and its replies");
	measure_hits(1, "TCP hit, one backend",
		     "TCP hit and its replies, one backend");
	measure_new();
	for (i = 0; i < CPUS; i++)
		feed_close(&feeds[i]);
	if (sharing < SHARING_SEEN)
		puts("\nA line that both CPUs write costs hardly more than one "
		     "that one writes: they are\ntwo threads of one core, or "
		     "as good as that, and can't show false sharing.");
	if (options.output)
		result_write(json_pack("{s:o, s:o, s:b}", "run",
				       run_json(options.commit), "pairs",
				       results, "shows_sharing",
				       sharing >= SHARING_SEEN),
			     options.output);
	return 0;
}
