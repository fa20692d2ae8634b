/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A config with a number of routes: its manifests, and what a publish takes. */
#ifndef BENCH_ROUTES_H
#define BENCH_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "result.h"

/* One number of routes; seconds but for packets (ns) and memory (bytes). */
struct scale {
	unsigned int routes;
	unsigned int endpoints;		/* of each */
	struct rounds hit, spread, first, compile, load, change, visible, apply, read,
		get, stats;
	double memory;
};

/* A clock, in seconds. */
double scale_now(void);

/* Listeners, and where that of a route is; host order. */
unsigned int scale_listeners(const struct scale *scale);
uint32_t scale_address(unsigned int route);
uint16_t scale_port(unsigned int route);

/* A directory of manifests; changed: of one route one endpoint is another. */
void scale_write(const char *directory, const struct scale *scale,
		 bool changed);

/* Maps with room for it. */
void scale_attach(const struct scale *scale);

/* Two configs that differ by one backend, in turn, in maps that are made anew. */
void scale_publish(struct scale *scale, unsigned int rounds,
		   const char *directory, const char *changed);

#endif /* BENCH_ROUTES_H */
