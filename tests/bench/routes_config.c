// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "compile/compile.h"
#include "dataplane/publish.h"
#include "feed.h"
#include "model/manifest.h"
#include "node.h"

/* Known neighbours among the backends, 10.1.0.1 and on (flows.c). */
#define NEIGHBOURS 960
#define PORTS 64		/* listeners of a Gateway */
#define ROUTES_A_FILE 5000
#define LISTENERS 50000		/* routes beyond wait for the first ones' */

double scale_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

unsigned int scale_listeners(const struct scale *scale)
{
	return scale->routes < LISTENERS ? scale->routes : LISTENERS;
}

uint32_t scale_address(unsigned int route)
{
	return 0x0ac80000 + route / PORTS;	/* 10.200.0.0 */
}

uint16_t scale_port(unsigned int route)
{
	return 1000 + route % PORTS;
}

static void write_gateway(FILE *out, unsigned int first, unsigned int end)
{
	struct in_addr address = { htonl(scale_address(first)) };
	unsigned int i;

	fprintf(out, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: g%u}\n"
		"spec:\n  gatewayClassName: l\n"
		"  addresses: [{value: %s}]\n  listeners:\n", first / PORTS,
		inet_ntoa(address));
	for (i = first; i < end; i++)
		fprintf(out, "  - {name: l%u, port: %u, protocol: UDP}\n", i,
			scale_port(i));
}

/* Its endpoints: each once in all; changed: one that no other has. */
static void write_route(FILE *out, unsigned int route, unsigned int endpoints,
			bool changed)
{
	unsigned int listener = route % LISTENERS, i;

	fprintf(out, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: UDPRoute\nmetadata: {name: r%u, creationTimestamp: "
		"\"2026-01-01T%02u:00:00Z\"}\nspec:\n"
		"  parentRefs: [{name: g%u, sectionName: l%u}]\n"
		"  rules: [{backendRefs: [{name: s%u, port: 80}]}]\n"
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: s%u}\n"
		"spec: {ports: [{port: 80, protocol: UDP}]}\n"
		"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
		"metadata: {name: s%u, labels: "
		"{kubernetes.io/service-name: s%u}}\naddressType: IPv4\n"
		"ports: [{port: %u, protocol: UDP}]\nendpoints:\n", route,
		route / LISTENERS, listener / PORTS, listener, route, route,
		route, route, 2000 + route * endpoints / NEIGHBOURS);
	for (i = 0; i < endpoints; i++) {
		unsigned int host = (route * endpoints + i) % NEIGHBOURS + 1;

		fprintf(out, "- {addresses: [10.1.%u.%u]}\n",
			host >> 8 | (changed && !i ? 4 : 0), host & 255);
	}
}

static FILE *open_part(const char *directory, unsigned int route)
{
	char path[200];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%06u.yaml", directory,
		 route / ROUTES_A_FILE);
	out = fopen(path, "w");
	if (!out)
		die("%s: %s", path, strerror(errno));
	return out;
}

void scale_write(const char *directory, const struct scale *scale, bool changed)
{
	unsigned int left = scale_listeners(scale), i;
	FILE *out = NULL;

	for (i = 0; i < scale->routes; i++) {
		if (i % ROUTES_A_FILE == 0) {
			if (out)
				fclose(out);
			out = open_part(directory, i);
		}
		if (!i)
			fputs("apiVersion: gateway.networking.k8s.io/v1\n"
			      "kind: GatewayClass\nmetadata: {name: l}\nspec: "
			      "{controllerName: l4gate.dev/gateway-controller}\n",
			      out);
		if (i < left && i % PORTS == 0)
			write_gateway(out, i, i + PORTS < left ? i + PORTS :
								 left);
		write_route(out, i, scale->endpoints,
			    changed && i == left / 2);
	}
	fclose(out);
}

struct config {
	struct model model;
	struct image *image;
};

/* Reads and compiles; seconds of the latter. */
static double config_open(struct config *config, const char *directory)
{
	const struct compile_options compile_options = {
		.max_listeners = node.dataplane->sizes.listeners,
	};
	struct diags diags = { 0 };
	double start;

	*config = (struct config){ 0 };
	if (manifest_read(directory, NULL, &config->model, &diags))
		die("%s", diags.count ? diags.items[0].text : directory);
	start = scale_now();
	if (compile(&config->model, &compile_options, &config->image, &diags))
		die("%s", diags.count ? diags.items[0].text : directory);
	start = scale_now() - start;
	diags_free(&diags);
	return start;
}

static void config_close(struct config *config)
{
	image_free(config->image);
	model_free(&config->model);
}

/* Seconds of a publish, without what comes behind the write that is seen. */
static double put_in_force(const struct config *config,
			   struct publish_times *ret_times)
{
	struct changes changes = { 0 };
	struct fail fail = { 0 };

	if (publish(node.dataplane, config->image, NULL, 0, false, &changes,
		    &fail))
		die("%s", fail.text);
	*ret_times = changes.times;
	changes_free(&changes);
	return ret_times->read + ret_times->plan + ret_times->maps +
	       ret_times->state + ret_times->last;
}

void scale_attach(const struct scale *scale)
{
	node.max_routes = scale->routes > 10000 ? L4GATE_MAX_ROUTES : 0;
	node_attach(0);
}

void scale_publish(struct scale *scale, unsigned int rounds,
		   const char *directory, const char *changed)
{
	struct publish_times times;
	struct config configs[2];
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		if (i)
			scale_attach(scale);
		rounds_add(&scale->compile,
			   config_open(&configs[0], directory));
		(void)config_open(&configs[1], changed);
		rounds_add(&scale->load, put_in_force(&configs[0], &times));
		(void)put_in_force(&configs[1], &times);
		rounds_add(&scale->change, put_in_force(&configs[0], &times));
		rounds_add(&scale->visible, times.maps + times.last);
		config_close(&configs[0]);
		config_close(&configs[1]);
		if (i + 1 < rounds)
			node_detach();
	}
}
