/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Text of manifests read into a model, for tests of what it holds then. */
#ifndef TESTS_READING_H
#define TESTS_READING_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/manifest.h"

struct reading {
	struct model model;
	struct diags diags;
};

static inline int setup(void **state)
{
	*state = calloc(1, sizeof(struct reading));
	return *state ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct reading *reading = *state;

	diags_free(&reading->diags);
	model_free(&reading->model);
	free(reading);
	return 0;
}

static inline int read_text(struct reading *reading, const char *text)
{
	return manifest_read_text("test.yaml", text, strlen(text), NULL,
				  &reading->model, &reading->diags);
}

/* Reads text in which nothing is wrong, nor suspicious. */
static inline void read_good(struct reading *reading, const char *text)
{
	int err = read_text(reading, text);

	if (err || reading->diags.count)
		fail_msg("%d: %s", err, reading->diags.count ?
			 reading->diags.items[0].text : "no message");
}

/* Reads text whose first mistake is the one given. */
static inline void read_bad(struct reading *reading, const char *text,
		     const char *message)
{
	assert_int_equal(read_text(reading, text), -EINVAL);
	assert_true(reading->diags.count > 0);
	if (!strstr(reading->diags.items[0].text, message))
		fail_msg("got \"%s\"", reading->diags.items[0].text);
}

#define ROUTE "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
#define GATEWAY "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
#define SERVICE "apiVersion: v1\nkind: Service\n"
#define NAMESPACE "apiVersion: v1\nkind: Namespace\n"
#define SLICE "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"

#endif /* TESTS_READING_H */
