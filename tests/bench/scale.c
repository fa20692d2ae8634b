// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What it takes to read and compile many routes of ten endpoints each:
 *
 *   scale ROUTES...        a table, with the growth from line to line
 *   scale --check          the limits that the tests hold us to
 *
 * Manifests are YAML as kubectl prints it, over files of ten MiB. Each size has
 * a process of its own, for its peak of memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <yaml.h>

#include "compile/compile.h"
#include "model/manifest.h"

#define ENDPOINTS	10
#define LISTENERS	64	/* of a Gateway, as many as it can have */
#define ROUTES_A_FILE	5000

/* Limits for 10,000 routes, and for what ten times as many may take. */
#define CHECK_ROUTES	10000
#define MAX_SECONDS	1.0
#define MAX_MIB		300
#define MAX_GROWTH	15
#define ATTEMPTS	3	/* the best counts */

struct result {
	double bytes;
	double parse;		/* libyaml alone: there is no way below this */
	double read;		/* parse, decode and validate */
	double compile;
	double peak;		/* MiB */
};

/* Of the processor: what others do on the machine counts little. */
static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* ----------------------------------------------------------- manifests */

static void write_class(FILE *out)
{
	fputs("apiVersion: gateway.networking.k8s.io/v1\n"
	      "kind: GatewayClass\n"
	      "metadata:\n"
	      "  name: l4gate\n"
	      "spec:\n"
	      "  controllerName: l4gate.dev/gateway-controller\n", out);
}

static void write_gateway(FILE *out, int gateway, int listeners)
{
	int i;

	fprintf(out, "---\n"
		"apiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\n"
		"metadata:\n"
		"  name: gateway-%d\n"
		"  namespace: infra\n"
		"spec:\n"
		"  gatewayClassName: l4gate\n"
		"  addresses:\n"
		"  - type: IPAddress\n"
		"    value: 198.18.%d.%d\n"
		"  listeners:\n", gateway, gateway >> 8, gateway & 255);
	for (i = 0; i < listeners; i++)
		fprintf(out,
			"  - name: port-%d\n"
			"    port: %d\n"
			"    protocol: TCP\n"
			"    allowedRoutes:\n"
			"      namespaces:\n"
			"        from: All\n", i, 1000 + i);
}

static void write_route(FILE *out, int route)
{
	fprintf(out, "---\n"
		"apiVersion: gateway.networking.k8s.io/v1\n"
		"kind: TCPRoute\n"
		"metadata:\n"
		"  creationTimestamp: \"2026-01-01T00:00:00Z\"\n"
		"  generation: 1\n"
		"  name: route-%d\n"
		"  namespace: team-%d\n"
		"spec:\n"
		"  parentRefs:\n"
		"  - group: gateway.networking.k8s.io\n"
		"    kind: Gateway\n"
		"    name: gateway-%d\n"
		"    namespace: infra\n"
		"    sectionName: port-%d\n"
		"  rules:\n"
		"  - backendRefs:\n"
		"    - group: \"\"\n"
		"      kind: Service\n"
		"      name: service-%d\n"
		"      port: 80\n"
		"      weight: 1\n", route, route % 100, route / LISTENERS,
		route % LISTENERS, route);
}

static void write_service(FILE *out, int route)
{
	fprintf(out, "---\n"
		"apiVersion: v1\n"
		"kind: Service\n"
		"metadata:\n"
		"  name: service-%d\n"
		"  namespace: team-%d\n"
		"spec:\n"
		"  ports:\n"
		"  - name: main\n"
		"    port: 80\n"
		"    protocol: TCP\n"
		"    targetPort: 8080\n"
		"  selector:\n"
		"    app: service-%d\n"
		"  type: ClusterIP\n", route, route % 100, route);
}

static void write_slice(FILE *out, int route)
{
	int i;

	fprintf(out, "---\n"
		"addressType: IPv4\n"
		"apiVersion: discovery.k8s.io/v1\n"
		"kind: EndpointSlice\n"
		"metadata:\n"
		"  labels:\n"
		"    kubernetes.io/service-name: service-%d\n"
		"  name: service-%d-x\n"
		"  namespace: team-%d\n"
		"ports:\n"
		"- name: main\n"
		"  port: 8080\n"
		"  protocol: TCP\n"
		"endpoints:\n", route, route, route % 100);
	for (i = 0; i < ENDPOINTS; i++) {
		unsigned int number = route * ENDPOINTS + i;

		fprintf(out,
			"- addresses:\n"
			"  - 10.%u.%u.%u\n"
			"  conditions:\n"
			"    ready: true\n"
			"    serving: true\n"
			"    terminating: false\n"
			"  nodeName: node-%u\n", number >> 16,
			number >> 8 & 255, number & 255, number % 50);
	}
}

static FILE *open_part(const char *directory, int part)
{
	char path[200];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%06d.yaml", directory, part);
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		exit(1);
	}
	return out;
}

static void write_manifests(const char *directory, int routes)
{
	FILE *out = NULL;
	int i, left;

	for (i = 0; i < routes; i++) {
		if (i % ROUTES_A_FILE == 0) {
			if (out)
				fclose(out);
			out = open_part(directory, i / ROUTES_A_FILE);
			if (!i)
				write_class(out);
		}
		left = routes - i;
		if (i % LISTENERS == 0)
			write_gateway(out, i / LISTENERS,
				      left < LISTENERS ? left : LISTENERS);
		write_route(out, i);
		write_service(out, i);
		write_slice(out, i);
	}
	fclose(out);
}

static void remove_manifests(const char *directory, int routes)
{
	char path[200];
	int i;

	for (i = 0; i < routes; i += ROUTES_A_FILE) {
		snprintf(path, sizeof(path), "%s/%06d.yaml", directory,
			 i / ROUTES_A_FILE);
		unlink(path);
	}
	rmdir(directory);
}

/* ------------------------------------------------------------ measuring */

/* Seconds that libyaml takes for its events; the bytes go to *ret_bytes. */
static double parse_only(const char *directory, int routes, double *ret_bytes)
{
	double start = now();
	struct stat st;
	char path[200];
	int i;

	*ret_bytes = 0;
	for (i = 0; i < routes; i += ROUTES_A_FILE) {
		yaml_parser_t parser;
		yaml_event_t event;
		bool at_end = false;
		FILE *in;

		snprintf(path, sizeof(path), "%s/%06d.yaml", directory,
			 i / ROUTES_A_FILE);
		in = fopen(path, "r");
		if (!in || fstat(fileno(in), &st) ||
		    !yaml_parser_initialize(&parser))
			exit(1);
		*ret_bytes += st.st_size;
		yaml_parser_set_input_file(&parser, in);
		while (!at_end && yaml_parser_parse(&parser, &event)) {
			at_end = event.type == YAML_STREAM_END_EVENT;
			yaml_event_delete(&event);
		}
		yaml_parser_delete(&parser);
		fclose(in);
	}
	return now() - start;
}

static void print_errors(const struct diags *diags)
{
	size_t i;

	for (i = 0; i < diags->count; i++)
		fprintf(stderr, "%s\n", diags->items[i].text);
}

/* In a process of its own; what it finds goes to a pipe. */
static void measure(const char *directory, int routes, struct result *result)
{
	const struct compile_options options = { .seed = { 1, 2 } };
	struct model model = { 0 };
	struct diags diags = { 0 };
	struct image *image;
	struct rusage usage;
	double start = now();

	if (manifest_read(directory, NULL, &model, &diags)) {
		print_errors(&diags);
		exit(1);
	}
	result->read = now() - start;
	start = now();
	if (compile(&model, &options, &image, &diags) || diags.count ||
	    image->route_count != (size_t)routes) {
		print_errors(&diags);
		exit(1);
	}
	result->compile = now() - start;
	getrusage(RUSAGE_SELF, &usage);
	result->peak = usage.ru_maxrss / 1024.0;
	image_free(image);
	diags_free(&diags);
	model_free(&model);
}

static struct result run(int routes)
{
	char directory[] = "/tmp/l4gate-scale-XXXXXX";
	struct result result = { 0 };
	int pipes[2], status;
	pid_t child;

	if (!mkdtemp(directory) || pipe(pipes))
		exit(1);
	write_manifests(directory, routes);
	result.parse = parse_only(directory, routes, &result.bytes);
	child = fork();
	if (!child) {
		measure(directory, routes, &result);
		exit(write(pipes[1], &result, sizeof(result)) !=
		     sizeof(result));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status ||
	    read(pipes[0], &result, sizeof(result)) != sizeof(result)) {
		fprintf(stderr, "%d routes: failed\n", routes);
		exit(1);
	}
	close(pipes[0]);
	close(pipes[1]);
	remove_manifests(directory, routes);
	return result;
}

static double total(const struct result *result)
{
	return result->read + result->compile;
}

static void print_header(void)
{
	printf("%8s %9s %12s %10s %10s %10s %10s %14s\n", "routes", "MiB",
	       "libyaml, ms", "read, ms", "compile", "together", "peak, MiB",
	       "growth: ms MiB");
}

static void print_result(int routes, const struct result *result,
			 const struct result *before)
{
	printf("%8d %9.1f %12.0f %10.0f %10.0f %10.0f %10.0f", routes,
	       result->bytes / (1 << 20), result->parse * 1e3,
	       result->read * 1e3, result->compile * 1e3,
	       total(result) * 1e3, result->peak);
	if (before)
		printf(" %8.1f %5.1f", total(result) / total(before),
		       result->peak / before->peak);
	putchar('\n');
}

/* ------------------------------------------------------------- checking */

static struct result best_of(int attempts, int routes)
{
	struct result result, best = { 0 };
	int i;

	for (i = 0; i < attempts; i++) {
		result = run(routes);
		if (!i || total(&result) < total(&best))
			best = result;
	}
	return best;
}

static int expect(bool good, const char *what)
{
	printf("%s %s\n", good ? "ok:  " : "FAIL:", what);
	return !good;
}

static int check(void)
{
	struct result small = best_of(ATTEMPTS, CHECK_ROUTES / 10);
	struct result large = best_of(ATTEMPTS, CHECK_ROUTES);
	int failed = 0;

	print_header();
	print_result(CHECK_ROUTES / 10, &small, NULL);
	print_result(CHECK_ROUTES, &large, &small);
	failed += expect(total(&large) < MAX_SECONDS,
			 "10,000 routes are read and compiled in a second");
	failed += expect(large.peak < MAX_MIB, "in less than 300 MiB");
	failed += expect(total(&large) < MAX_GROWTH * total(&small),
			 "ten times the routes take about ten times as long");
	printf("scale: %d passed, %d failed, 0 skipped\n", 3 - failed, failed);
	return failed > 0;
}

int main(int argc, char **argv)
{
	struct result result, before;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--check"))
		return check();
	if (argc < 2) {
		fprintf(stderr, "usage: scale ROUTES... | --check\n");
		return 2;
	}
	print_header();
	for (i = 1; i < argc; i++) {
		result = run(atoi(argv[i]));
		print_result(atoi(argv[i]), &result, i > 1 ? &before : NULL);
		before = result;
	}
	return 0;
}
