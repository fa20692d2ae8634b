// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the number of routes costs: a packet, compiling, the first publish, one
 * backend that changes, and the commands as a whole.
 *
 *   routes [-n ROUNDS] [-o FILE] [-c COMMIT] -l L4GATE [ROUTES...]
 *
 * Ten endpoints a route up to 10,000 routes, one beyond. Exits 1 if a packet of a
 * flow of one route takes more than GATE times what it takes without the others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "l4gate/names.h"
#include "path.h"
#include "routes.h"

#define GATE 1.15
#define GATE_ROUTES 10000

/* Flows of the packets that are measured. */
#define FLOWS 1024

static struct {
	unsigned int rounds;
	const char *l4gate;
	const char *output;
	const char *commit;
} options = { .rounds = 5, .commit = "unknown" };

static struct bench bench = { .packets = 500000 };

static double timed(const char *arguments, const char *path)
{
	char command[400];
	double start;

	snprintf(command, sizeof(command),
		 "%s --pin-dir %s %s %s 2>&1 | cat >/dev/null", options.l4gate,
		 L4GATE_PIN_DIR, arguments, path);
	start = scale_now();
	node_shell(command);
	return scale_now() - start;
}

/* Whole processes, from start to end, what they print going through a pipe. */
static void measure_commands(struct scale *scale, const char *directory,
			     const char *changed)
{
	unsigned int i;

	/* They take the lock that this process holds as the one that attached. */
	dataplane_close(node.dataplane);
	node.dataplane = NULL;
	for (i = 0; i < options.rounds; i++) {
		rounds_add(&scale->read, timed("validate -f", directory));
		(void)timed("apply -f", changed);
		rounds_add(&scale->apply, timed("apply -f", directory));
		rounds_add(&scale->get, timed("get routes -o json", ""));
		rounds_add(&scale->stats, timed("stats -o json", ""));
	}
}

/* --------------------------------------------------------------- packets */

/* First packets of flows: over all listeners, or to that in the middle alone. */
static void open_stream(struct stream *stream, const struct scale *scale,
			bool spread)
{
	const struct shape shape = { .udp = true, .payload = 18,
				     .src = "0.0.0.0", .dst = "0.0.0.0" };
	unsigned int listeners = scale_listeners(scale);
	uint32_t i;

	stream_open(&bench.feed, stream, FLOWS);
	stream_shape(stream, &shape);
	for (i = 0; i < FLOWS; i++) {
		unsigned int route = spread ? (uint64_t)i * listeners / FLOWS :
				      listeners / 2;
		struct ends ends = {
			.src = htonl(0x0a800000 + i / FLOWS_PER_CLIENT),
			.dst = htonl(scale_address(route)),
			.sport = htons(20000 + i % FLOWS_PER_CLIENT),
			.dport = htons(scale_port(route)),
		};

		stream_set(&bench.feed, stream, i, &ends);
	}
	stream_shuffle(&bench.feed, stream);
}

/* Each round makes the flows anew, and then has packets of them. */
static void add_paths(struct stream *stream)
{
	path_add(&bench, &(struct path){ .name = "new flow", .fresh = true,
		 .hook = L4GATE_HOOK_XDP, .stream = stream, .flows = FLOWS,
		 .reason = L4GATE_TO_BACKEND });
	path_add(&bench, &(struct path){ .name = "hit",
		 .hook = L4GATE_HOOK_XDP, .stream = stream, .flows = FLOWS,
		 .reason = L4GATE_TO_BACKEND });
}

static void measure_packets(struct scale *scale)
{
	struct stream hot, spread;
	struct fail fail = { 0 };

	bench.gateway = (struct gateway){
		.feed = &bench.feed, .mode = L4GATE_MODE_NAT,
		.max_flows = node.dataplane->meta.max_flows,
	};
	if (flows_open(node.dataplane, &bench.gateway.flows, &fail))
		die("%s", fail.text);
	feed_forget(&bench.feed);
	open_stream(&hot, scale, false);
	open_stream(&spread, scale, true);
	floor_open(&bench.floor, FLOWS, 1);
	add_paths(&hot);
	add_paths(&spread);
	paths_measure(&bench, 3 * options.rounds);
	scale->first = bench.paths[0].net;
	scale->hit = bench.paths[1].net;
	scale->spread = bench.paths[3].net;
	paths_clear(&bench);
	floor_close(&bench.floor);
	flows_close(&bench.gateway.flows);
}

/* --------------------------------------------------------------- results */

static double map_bytes(void)
{
	double bytes = 0;
	int map;

	for (map = 0; map < MAP_COUNT; map++)
		if (map < MAP_WORDS || map >= MAP_LISTENER_STATS)
			bytes += dataplane_map_bytes(node.dataplane, map);
	return bytes;
}

static json_t *scale_json(const struct scale *scale)
{
	return json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f}",
			 "routes", (int)scale->routes, "endpoints",
			 (int)scale->endpoints,
			 "hit_ns", rounds_json(&scale->hit),
			 "spread_ns", rounds_json(&scale->spread),
			 "first_ns", rounds_json(&scale->first),
			 "compile_s", rounds_json(&scale->compile),
			 "load_s", rounds_json(&scale->load),
			 "change_s", rounds_json(&scale->change),
			 "visible_s", rounds_json(&scale->visible),
			 "validate_s", rounds_json(&scale->read),
			 "apply_s", rounds_json(&scale->apply),
			 "get_s", rounds_json(&scale->get),
			 "stats_s", rounds_json(&scale->stats),
			 "map_bytes", scale->memory);
}

static void print_scale(const struct scale *scale)
{
	printf("%7u x %-2u %5.0f %6.0f %6.0f %9.1f %9.1f %9.1f %9.2f %9.0f %9.0f %7.0f %7.0f %7.1f\n",
	       scale->routes, scale->endpoints, rounds_median(&scale->hit),
	       rounds_median(&scale->spread),
	       rounds_median(&scale->first),
	       rounds_median(&scale->compile) * 1e3,
	       rounds_median(&scale->load) * 1e3,
	       rounds_median(&scale->change) * 1e3,
	       rounds_median(&scale->visible) * 1e3,
	       rounds_median(&scale->read) * 1e3,
	       rounds_median(&scale->apply) * 1e3,
	       rounds_median(&scale->get) * 1e3,
	       rounds_median(&scale->stats) * 1e3, scale->memory / 1e6);
}

static struct scale measure(unsigned int routes)
{
	struct scale scale = { .routes = routes,
			       .endpoints = routes > 10000 ? 1 : 10 };
	char same[] = "/tmp/l4gate-routes-XXXXXX";
	char changed[] = "/tmp/l4gate-routes-XXXXXX";
	struct fail fail = { 0 };
	char command[100];

	if (!mkdtemp(same) || !mkdtemp(changed))
		die("/tmp: %s", strerror(errno));
	scale_write(same, &scale, false);
	scale_write(changed, &scale, true);
	scale_attach(&scale);
	scale.memory = map_bytes();
	scale_publish(&scale, options.rounds, same, changed);
	measure_packets(&scale);
	measure_commands(&scale, same, changed);
	if (dataplane_open(&(struct open_options){ .pin_dir = L4GATE_PIN_DIR },
			   OPEN_WRITE, &node.dataplane, &fail))
		die("%s", fail.text);
	node_detach();
	snprintf(command, sizeof(command), "rm -r %s %s", same, changed);
	node_shell(command);
	return scale;
}

static int parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:o:c:l:")) >= 0) {
		if (option == 'n')
			options.rounds = atoi(optarg);
		else if (option == 'o')
			options.output = optarg;
		else if (option == 'c')
			options.commit = optarg;
		else if (option == 'l')
			options.l4gate = optarg;
		else
			return -EINVAL;
	}
	return options.l4gate && options.rounds &&
	       3 * options.rounds <= ROUNDS_MAX ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static char *const all[] = { "1", "10", "100", "1000", "10000",
				     "100000", NULL };
	char *const *sizes = all;
	json_t *scales = json_array();
	double one = 0, ratio = 0;

	if (parse_options(argc, argv)) {
		fputs("routes [-n ROUNDS] [-o FILE] [-c COMMIT] -l L4GATE [ROUTES...]\n",
		      stderr);
		return 2;
	}
	if (optind < argc)
		sizes = argv + optind;
	bench_prepare();
	node_enter();
	gateway_routes();
	feed_open(&bench.feed, node.ifindex);
	puts("medians; net ns a packet, then ms, then MB of maps without flows\n"
	     " routes      hit spread  first   compile      load    change   visible  validate     apply     get   stats  memory");
	for (; *sizes; sizes++) {
		struct scale scale = measure(atoi(*sizes));

		print_scale(&scale);
		fflush(stdout);
		json_array_append_new(scales, scale_json(&scale));
		if (scale.routes == 1)
			one = rounds_median(&scale.hit);
		if (scale.routes == GATE_ROUTES && one > 0)
			ratio = rounds_median(&scale.hit) / one;
	}
	feed_close(&bench.feed);
	puts("\nOf 1,024 flows: a hit and a first packet of those of one route; "
	     "spread: a hit of flows of\nas many routes. How much of the cache "
	     "the tables take beside a node's other work, and what\nmore CPUs "
	     "and a NIC add, these numbers can't tell.");
	if (ratio > 0)
		printf("gate: a hit with %d routes, at most %.2f times one "
		       "with 1: %.2f, %s\n", GATE_ROUTES, GATE, ratio,
		       ratio <= GATE ? "reached" : "NOT reached");
	if (options.output)
		result_write(json_pack("{s:o, s:f, s:f, s:o}", "run",
				       run_json(options.commit), "ratio", ratio,
				       "limit", GATE, "scales", scales),
			     options.output);
	return ratio > GATE;
}
