// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* States as bytes: what was written is read again, and nothing else is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/state.h"	/* before cmocka.h, which takes its fail() */

#include <cmocka.h>

#define TEXTS "\0ns\0gw\0r\0{\"kind\":\"Gateway\"}"

/* A state with one of everything, for tests to spoil. */
struct sample {
	struct state_listener listener;
	struct state_place place;
	struct state_retired retired;
	struct state_route route;
	struct state_ref ref;
	struct state_backend backends[3];
	struct state_origins origins;
	struct state_object object;
	struct state state;
};

static void sample_init(struct sample *sample)
{
	*sample = (struct sample){
		.listener = { .namespace = 1, .gateway = 4, .name = 7, .id = 3,
			      .route = 5, .place_count = 1, .port = 80 },
		.place = { .endpoint = 9 },
		.retired = { .place.endpoint = 8, .since = 77, .port = 81 },
		.route = { .namespace = 1, .name = 7, .id = 5, .ref_count = 1,
			   .backend_count = 3 },
		.ref = { .wanted = 1, .namespace = 1, .name = 7, .port = 8080 },
		.backends = { { .id = 1 }, { .id = 2 }, { .id = 3 } },
		.origins = { .chunk = 6, .count = 2, .endpoint = { 8, 9 } },
		.object = { .kind = 4, .namespace = 1, .name = 7, .json = 9,
			    .json_size = 18 },
	};
	sample->state = (struct state){
		.generation = 12, .applied = 1000, .next_backend = 4,
		.next_endpoint = 10, .listeners = &sample->listener,
		.places = &sample->place, .retired = &sample->retired,
		.routes = &sample->route, .refs = &sample->ref,
		.backends = sample->backends, .origins = &sample->origins,
		.objects = &sample->object, .texts = TEXTS,
		.listener_count = 1, .place_count = 1, .retired_count = 1,
		.route_count = 1, .ref_count = 1, .backend_count = 3,
		.origin_count = 1, .object_count = 1,
		.text_size = sizeof(TEXTS),
	};
}

/* The bytes in a block of exactly their size, for ASan; to be freed. */
static void *pack(const struct sample *sample, size_t *ret_size)
{
	void *bytes;

	*ret_size = state_size(&sample->state);
	bytes = aligned_alloc(8, *ret_size);
	assert_non_null(bytes);
	state_pack(&sample->state, bytes);
	return bytes;
}

static int repack(const struct sample *sample)
{
	struct state state;
	size_t size;
	void *bytes = pack(sample, &size);
	int error = state_unpack(bytes, size, &state);

	free(bytes);
	return error;
}

static void test_again(void **unused)
{
	struct sample sample;
	struct state state;
	size_t size;
	void *bytes;

	(void)unused;
	sample_init(&sample);
	bytes = pack(&sample, &size);
	assert_int_equal(state_unpack(bytes, size, &state), 0);
	assert_int_equal(state.generation, 12);
	assert_int_equal(state.applied, 1000);
	assert_int_equal(state.next_backend, 4);
	assert_int_equal(state.next_endpoint, 10);
	assert_int_equal(state.backend_count, 3);
	assert_memory_equal(state.listeners, &sample.listener,
			    sizeof(sample.listener));
	assert_memory_equal(state.retired, &sample.retired,
			    sizeof(sample.retired));
	assert_memory_equal(state.routes, &sample.route, sizeof(sample.route));
	assert_memory_equal(state.backends, sample.backends,
			    sizeof(sample.backends));
	assert_memory_equal(state.origins, &sample.origins,
			    sizeof(sample.origins));
	assert_string_equal(state_text_of(&state, state.objects[0].kind), "gw");
	assert_memory_equal(state.texts + state.objects[0].json,
			    "{\"kind\":\"Gateway\"}", 18);
	free(bytes);
}

/* One bit, anywhere; and every length that is too short. */
static void test_corrupt(void **unused)
{
	struct sample sample;
	struct state state;
	unsigned char *bytes;
	size_t size, i;
	int bit;

	(void)unused;
	sample_init(&sample);
	bytes = pack(&sample, &size);
	for (i = 0; i < size; i++)
		for (bit = 0; bit < 8; bit++) {
			int error;

			bytes[i] ^= 1 << bit;
			error = state_unpack(bytes, size, &state);
			/* But for the padding behind the version. */
			assert_int_equal(error, i >= 12 && i < 16 ? 0 :
							    -EBADMSG);
			bytes[i] ^= 1 << bit;
		}
	assert_int_equal(state_unpack(bytes, size, &state), 0);
	for (i = 0; i < size; i++) {
		void *shorter = malloc(i + 1);

		memcpy(shorter, bytes, i);
		assert_int_equal(state_unpack(shorter, i, &state), -EBADMSG);
		free(shorter);
	}
	free(bytes);
}

/* What another writer could write: the digest is right, the numbers are not. */
#define SPOILED(member, value)						\
	do {								\
		sample_init(&sample);					\
		assert_int_equal(repack(&sample), 0);			\
		sample.member = (value);				\
		assert_int_equal(repack(&sample), -EBADMSG);		\
	} while (0)

static void test_foreign(void **unused)
{
	struct sample sample;

	(void)unused;
	SPOILED(listener.namespace, sizeof(TEXTS));
	SPOILED(listener.gateway, UINT32_MAX);
	SPOILED(listener.set, sizeof(TEXTS));
	SPOILED(listener.name, sizeof(TEXTS));
	SPOILED(listener.place, 1);
	SPOILED(listener.place_count, UINT32_MAX);
	SPOILED(listener.former_count, STATE_FORMERS_MAX + 1);
	SPOILED(listener.protocol, 2);
	SPOILED(listener.mode, L4GATE_MODES);
	SPOILED(place.family, L4GATE_FAMILIES);
	SPOILED(place.endpoint, L4GATE_MAX_ENDPOINTS);
	SPOILED(retired.former_count, STATE_FORMERS_MAX + 1);
	SPOILED(retired.mode, L4GATE_MODES);
	SPOILED(retired.place.endpoint, L4GATE_MAX_ENDPOINTS);
	SPOILED(retired.place.family, L4GATE_FAMILIES);
	SPOILED(route.namespace, sizeof(TEXTS));
	SPOILED(route.name, sizeof(TEXTS));
	SPOILED(route.policy, sizeof(TEXTS));
	SPOILED(route.asks_for, UINT32_MAX);
	SPOILED(route.protocol, 2);
	SPOILED(route.ref, UINT32_MAX);
	SPOILED(route.ref_count, 2);
	SPOILED(route.backend, 1);
	SPOILED(route.backend_count, 4);
	SPOILED(route.gone_refs, 2);
	SPOILED(route.gone_backends, 4);
	SPOILED(ref.namespace, sizeof(TEXTS));
	SPOILED(ref.name, sizeof(TEXTS));
	SPOILED(ref.verdict, 3);
	SPOILED(backends[2].ref, 1);
	SPOILED(backends[2].family, L4GATE_FAMILIES);
	SPOILED(origins.count, L4GATE_MAX_ORIGINS + 1);
	SPOILED(object.kind, sizeof(TEXTS));
	SPOILED(object.namespace, sizeof(TEXTS));
	SPOILED(object.name, sizeof(TEXTS));
	SPOILED(object.json, sizeof(TEXTS));
	SPOILED(object.json_size, UINT32_MAX);
	SPOILED(state.text_size, 0);
	SPOILED(state.text_size, sizeof(TEXTS) - 1);
	SPOILED(state.texts, "no empty text at the beginning");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
