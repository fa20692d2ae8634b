/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Numbers of many rounds: their median, a table, a JSON document. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <jansson.h>
#include <stddef.h>

#define ROUNDS_MAX 64

/* What one thing took in each round. */
struct rounds {
	double value[ROUNDS_MAX];
	size_t count;
};

void rounds_add(struct rounds *rounds, double value);
double rounds_median(const struct rounds *rounds);
double rounds_min(const struct rounds *rounds);
double rounds_max(const struct rounds *rounds);

/* Median over rounds of a's value by b's of the same round. */
double rounds_ratio(const struct rounds *a, const struct rounds *b);

/* {"median", "min", "max", "rounds"} */
json_t *rounds_json(const struct rounds *rounds);

/* Machine, kernel, commit and time, for the head of a document. */
json_t *run_json(const char *commit);

void result_write(json_t *document, const char *path);

#endif /* BENCH_RESULT_H */
