// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Packets a second through systems that stand between a client and a backend in
 * network namespaces, in turn: frames go into the client's device, and are
 * counted where they come out. All of it happens on one CPU, so that a rate is
 * one by the sum of what generator, system and sink take.
 *
 *   wire [-n ROUNDS] [-s SECONDS] [-o FILE] [-c COMMIT] SYSTEM...
 *
 * A system is NAME:CLIENT:SINK:ADDRESS:PORT, client and sink being a namespace
 * whose device eth0 it is, and one of these behind it:
 *   :redirect=NAMESPACE   a program that redirects all from cl0 to be0 there
 *   :tx=NAMESPACE         one that sends all back that comes in on cl0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_wire.skel.h"
#include "feed.h"
#include "result.h"

#define SYSTEMS_MAX 16
#define FLOWS 1024
#define BATCH 64
#define BURST 65536

struct system {
	char *name;
	int client_ns;
	unsigned int client;		/* ifindex, in its namespace */
	struct bench_wire_bpf *wire;
	struct stream stream;
	struct rounds mpps;
	double delivered;		/* least share of frames that arrived */
};

static struct feed feed;
static struct system systems[SYSTEMS_MAX];
static size_t system_count;

/* Moves this process into a namespace; the file stays open. */
static int enter(const char *namespace)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("%s: %s", path, strerror(errno));
	return fd;
}

static unsigned int device(const char *name)
{
	unsigned int ifindex = if_nametoindex(name);

	if (!ifindex)
		die("%s: %s", name, strerror(errno));
	return ifindex;
}

static void attach(struct bpf_program *program, const char *name)
{
	/* Never released: the links, and what they attach, go with us. */
	if (!bpf_program__attach_xdp(program, device(name)))
		die("%s: %s", name, strerror(errno));
}

static void attach_limit(struct system *system, const char *kind,
			 const char *namespace)
{
	struct bench_wire_bpf *wire = system->wire;

	enter(namespace);
	if (!strcmp(kind, "tx")) {
		attach(wire->progs.wire_tx, "cl0");
		return;
	}
	wire->bss->wire_out = device("be0");
	attach(wire->progs.wire_redirect, "cl0");
	/* A redirect to a device without a program would be refused (veth). */
	attach(wire->progs.wire_pass, "be0");
}

static void set_packets(struct system *system, const char *address,
			const char *port)
{
	struct shape shape = { .udp = true, .src = "0.0.0.0",
			       .dst = "0.0.0.0", .payload = 18 };
	struct ends ends = { .src = inet_addr("10.1.0.2"),
			     .dst = inet_addr(address),
			     .dport = htons(atoi(port)) };
	uint32_t i;

	stream_open(&feed, &system->stream, FLOWS);
	stream_shape(&system->stream, &shape);
	for (i = 0; i < FLOWS; i++) {
		ends.sport = htons(20000 + i);
		stream_set(&feed, &system->stream, i, &ends);
	}
	stream_shuffle(&feed, &system->stream);
}

static char *part(char **rest)
{
	char *word = strsep(rest, ":");

	if (!word)
		die("NAME:CLIENT:SINK:ADDRESS:PORT[:redirect=NAMESPACE|:tx=NAMESPACE]");
	return word;
}

static void add_system(char *text)
{
	struct system *system = &systems[system_count++];
	char *client, *sink, *address;

	if (system_count > SYSTEMS_MAX)
		die("more than %d systems", SYSTEMS_MAX);
	system->name = part(&text);
	system->delivered = 1;
	client = part(&text);
	sink = part(&text);
	address = part(&text);
	set_packets(system, address, part(&text));

	system->wire = bench_wire_bpf__open_and_load();
	if (!system->wire)
		die("wire.bpf.o does not load: %s", strerror(errno));
	enter(sink);
	attach(system->wire->progs.wire_sink, "eth0");
	if (text) {
		char *kind = strsep(&text, "=");

		if (!text)
			die("%s: which namespace?", kind);
		attach_limit(system, kind, text);
	}
	system->client_ns = enter(client);
	system->client = device("eth0");
}

static uint64_t arrived(const struct system *system)
{
	int map = bpf_map__fd(system->wire->maps.wire_count);
	int cpus = libbpf_num_possible_cpus(), i;
	uint64_t counts[cpus], sum = 0;
	uint32_t key = 0;

	if (bpf_map_lookup_elem(map, &key, counts))
		die("wire_count: %s", strerror(errno));
	for (i = 0; i < cpus; i++)
		sum += counts[i];
	return sum;
}

/* Sends for some seconds; millions that arrived a second. */
static double send_for(struct system *system, double seconds)
{
	uint64_t before, sent = 0, took;
	double elapsed = 0;

	if (setns(system->client_ns, CLONE_NEWNET))
		die("%s: %s", system->name, strerror(errno));
	before = arrived(system);
	do {
		elapsed += feed_live(&feed, system->client, &system->stream,
				     FLOWS, BURST, BATCH);
		sent += BURST;
	} while (elapsed < seconds);
	took = arrived(system) - before;
	if ((double)took / sent < system->delivered)
		system->delivered = (double)took / sent;
	return took / elapsed / 1e6;
}

static void measure(unsigned int rounds, double seconds)
{
	unsigned int i;
	size_t j;

	for (j = 0; j < system_count; j++)
		(void)send_for(&systems[j], 0.2);
	for (j = 0; j < system_count; j++)
		systems[j].delivered = 1;
	for (i = 0; i < rounds; i++)
		for (j = 0; j < system_count; j++)
			rounds_add(&systems[j].mpps,
				   send_for(&systems[j], seconds));
}

static void report(const char *output, const char *commit)
{
	json_t *list = json_object();
	size_t i;

	printf("%-20s %8s  %s  %s\n", "system", "Mpps", "[min..max]",
	       "delivered");
	for (i = 0; i < system_count; i++) {
		const struct system *system = &systems[i];
		json_t *values = json_array();
		size_t j;

		printf("%-20s %8.2f  [%.2f..%.2f]  %.3f\n", system->name,
		       rounds_median(&system->mpps),
		       rounds_min(&system->mpps), rounds_max(&system->mpps),
		       system->delivered);
		for (j = 0; j < system->mpps.count; j++)
			json_array_append_new(values,
				json_real(system->mpps.value[j]));
		json_object_set_new(list, system->name, values);
	}
	if (output)
		result_write(json_pack("{s:o, s:o}", "run", run_json(commit),
				       "mpps", list), output);
}

int main(int argc, char **argv)
{
	const char *output = NULL, *commit = "unknown";
	unsigned int rounds = 5;
	double seconds = 1;
	int option;

	while ((option = getopt(argc, argv, "n:s:o:c:")) >= 0) {
		if (option == 'n')
			rounds = atoi(optarg);
		else if (option == 's')
			seconds = atof(optarg);
		else if (option == 'o')
			output = optarg;
		else if (option == 'c')
			commit = optarg;
		else
			return 2;
	}
	bench_prepare();
	feed_open(&feed, 0);
	for (; optind < argc; optind++)
		add_system(argv[optind]);
	measure(rounds, seconds);
	report(output, commit);
	return 0;
}
