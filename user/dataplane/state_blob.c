// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * A state as bytes. Who may write a pin may write anything: what is read is
 * checked, so that no number or text of it leads outside.
 */
#include <errno.h>
#include <string.h>

#include "compile/image.h"
#include "dataplane/state.h"

#define MAGIC 0x6574617473346cULL	/* "l4state" */
#define SECTIONS 9

struct header {
	uint64_t magic;
	uint32_t version;
	uint32_t pad;
	uint64_t size;
	uint64_t digest;	/* of all behind it */
	uint64_t generation;
	uint64_t applied;
	uint32_t next_backend;
	uint32_t next_endpoint;
	uint64_t counts[SECTIONS];
};

/* The arrays of a state, in the order in which they lie behind the header. */
static const struct section {
	size_t items;		/* offsets in struct state */
	size_t count;
	size_t size;		/* of a record */
} sections[SECTIONS] = {
#define SECTION(items, count, type)					\
	{ offsetof(struct state, items), offsetof(struct state, count),	\
	  sizeof(type) }
	SECTION(listeners, listener_count, struct state_listener),
	SECTION(places, place_count, struct state_place),
	SECTION(retired, retired_count, struct state_retired),
	SECTION(routes, route_count, struct state_route),
	SECTION(refs, ref_count, struct state_ref),
	SECTION(backends, backend_count, struct state_backend),
	SECTION(origins, origin_count, struct state_origins),
	SECTION(objects, object_count, struct state_object),
	SECTION(texts, text_size, char),
#undef SECTION
};

/* Every array starts at a multiple of eight. */
static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static const void **items_of(struct state *state, const struct section *section)
{
	return (const void **)((char *)state + section->items);
}

static size_t *count_of(struct state *state, const struct section *section)
{
	return (size_t *)((char *)state + section->count);
}

/* Four lanes: it is read at every start, and may have tens of megabytes. */
static uint64_t digest_of(const struct header *header)
{
	const size_t skip = offsetof(struct header, generation);
	const uint64_t *at = &header->generation;
	size_t i, n = (header->size - skip) / sizeof(*at);
	uint64_t lanes[4] = { 1, 2, 3, 4 };

	for (i = 0; i < n; i++)
		lanes[i & 3] = (lanes[i & 3] ^ at[i]) * 0x9e3779b97f4a7c15ULL ^
			       lanes[i & 3] >> 32;
	return lanes[0] ^ lanes[1] * 3 ^ lanes[2] * 5 ^ lanes[3] * 7;
}

size_t state_size(const struct state *state_)
{
	struct state state = *state_;
	size_t i, size = sizeof(struct header);

	for (i = 0; i < SECTIONS; i++)
		size += padded(*count_of(&state, &sections[i]) *
			       sections[i].size);
	return size;
}

void state_pack(const struct state *state_, void *to)
{
	struct state state = *state_;
	struct header *header = to;
	char *at = (char *)(header + 1);
	size_t i;

	*header = (struct header){
		.magic = MAGIC,
		.version = STATE_VERSION,
		.size = state_size(state_),
		.generation = state.generation,
		.applied = state.applied,
		.next_backend = state.next_backend,
		.next_endpoint = state.next_endpoint,
	};
	for (i = 0; i < SECTIONS; i++) {
		size_t size;

		header->counts[i] = *count_of(&state, &sections[i]);
		size = header->counts[i] * sections[i].size;
		if (size)
			memcpy(at, *items_of(&state, &sections[i]), size);
		memset(at + size, 0, padded(size) - size);
		at += padded(size);
	}
	header->digest = digest_of(header);
}

/* Whether first..first + count lies in an array of total. */
static bool is_run(uint64_t first, uint64_t count, size_t total)
{
	return first + count <= total;
}

static bool check_listeners(const struct state *state)
{
	size_t i;

	for (i = 0; i < state->listener_count; i++) {
		const struct state_listener *listener = &state->listeners[i];

		if (listener->namespace >= state->text_size ||
		    listener->gateway >= state->text_size ||
		    listener->set >= state->text_size ||
		    listener->name >= state->text_size ||
		    !is_run(listener->place, listener->place_count,
			    state->place_count) ||
		    listener->former_count > STATE_FORMERS_MAX ||
		    listener->protocol > PROTOCOL_UDP ||
		    listener->mode >= L4GATE_MODES)
			return false;
	}
	for (i = 0; i < state->retired_count; i++)
		if (state->retired[i].former_count > STATE_FORMERS_MAX ||
		    state->retired[i].mode >= L4GATE_MODES ||
		    state->retired[i].place.family >= L4GATE_FAMILIES ||
		    state->retired[i].place.endpoint >= L4GATE_MAX_ENDPOINTS)
			return false;
	for (i = 0; i < state->place_count; i++)
		if (state->places[i].family >= L4GATE_FAMILIES ||
		    state->places[i].endpoint >= L4GATE_MAX_ENDPOINTS)
			return false;
	return true;
}

static bool check_backends(const struct state *state,
			   const struct state_route *route)
{
	const struct state_backend *backend = state->backends + route->backend;
	size_t i;

	for (i = 0; i < route->backend_count; i++)
		if (backend[i].ref >= route->ref_count ||
		    backend[i].family >= L4GATE_FAMILIES)
			return false;
	return true;
}

static bool check_routes(const struct state *state)
{
	size_t i;

	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];

		if (route->namespace >= state->text_size ||
		    route->name >= state->text_size ||
		    route->policy >= state->text_size ||
		    route->asks_for >= state->text_size ||
		    route->protocol > PROTOCOL_UDP ||
		    !is_run(route->ref, route->ref_count, state->ref_count) ||
		    !is_run(route->backend, route->backend_count,
			    state->backend_count) ||
		    route->gone_refs > route->ref_count ||
		    route->gone_backends > route->backend_count ||
		    !check_backends(state, route))
			return false;
	}
	for (i = 0; i < state->ref_count; i++)
		if (state->refs[i].namespace >= state->text_size ||
		    state->refs[i].name >= state->text_size ||
		    state->refs[i].verdict > REF_INVALID)
			return false;
	return true;
}

static bool check_objects(const struct state *state)
{
	size_t i;

	for (i = 0; i < state->object_count; i++)
		if (state->objects[i].kind >= state->text_size ||
		    state->objects[i].namespace >= state->text_size ||
		    state->objects[i].name >= state->text_size ||
		    !is_run(state->objects[i].json, state->objects[i].json_size,
			    state->text_size))
			return false;
	for (i = 0; i < state->origin_count; i++)
		if (state->origins[i].count > L4GATE_MAX_ORIGINS)
			return false;
	return true;
}

int state_unpack(const void *from, size_t size, struct state *ret_state)
{
	const struct header *header = from;
	struct state state = { 0 };
	size_t i, at = sizeof(*header);

	if (size < at || header->magic != MAGIC ||
	    header->version != STATE_VERSION || header->size != size ||
	    size % 8 || header->digest != digest_of(header))
		return -EBADMSG;
	state.generation = header->generation;
	state.applied = header->applied;
	state.next_backend = header->next_backend;
	state.next_endpoint = header->next_endpoint;
	for (i = 0; i < SECTIONS; i++) {
		if (header->counts[i] > (size - at) / sections[i].size)
			return -EBADMSG;
		*items_of(&state, &sections[i]) = (const char *)from + at;
		*count_of(&state, &sections[i]) = header->counts[i];
		at += padded(header->counts[i] * sections[i].size);
		if (at > size)
			return -EBADMSG;
	}
	if (at != size || !state.text_size || state.texts[0] ||
	    state.texts[state.text_size - 1] || !check_listeners(&state) ||
	    !check_routes(&state) || !check_objects(&state))
		return -EBADMSG;
	*ret_state = state;
	return 0;
}
