// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/timeouts.h"

#include <string.h>

#include "dataplane/flow_tables.h"

static uint32_t tick_now(const struct publisher *publisher)
{
	return publisher->jiffies >> dataplane_tick_shift(publisher->dataplane);
}

/* Ticks after which a flow that has had no packet is over by either timeout. */
static uint32_t settle_ticks(const struct l4gate_idle *a,
			     const struct l4gate_idle *b, uint32_t state)
{
	uint32_t longer = a->timeout > b->timeout ? a->timeout : b->timeout;

	/* A word has twice the time there: see flow_tables.c. */
	if (state == L4GATE_FLOW_CLOSING)
		longer *= 2;
	/* A word is over up to a quarter after its time. */
	return longer + longer / 4 + 1;
}

/* Flows of a class may have their time by another one from now on. */
static void keep_flows(const struct publisher *publisher,
		       struct l4gate_timeouts *class,
		       const struct l4gate_timeouts *was)
{
	uint32_t now = tick_now(publisher), i;

	for (i = 0; i < L4GATE_FLOW_STATES; i++) {
		struct l4gate_idle *idle = &class->state[i];
		uint32_t until = now + settle_ticks(idle, &was->state[i], i);

		if (until < was->state[i].keep)
			until = was->state[i].keep;
		if (idle->keep < until)
			__atomic_store_n(&idle->keep, until, __ATOMIC_RELEASE);
	}
}

static bool is_same(const struct l4gate_timeouts *a,
		    const struct l4gate_timeouts *b)
{
	uint32_t i;

	for (i = 0; i < L4GATE_FLOW_STATES; i++)
		if (memcmp(&a->state[i], &b->state[i],
			   offsetof(struct l4gate_idle, keep)))
			return false;
	return true;
}

/* Whether backends have a class: only a publish that was killed leaves such. */
static bool is_seen(const struct publisher *publisher, uint32_t class)
{
	uint32_t id;

	for (id = 0; id < publisher->plan->sizes.backends; id++)
		if (publisher->backends[id].timeouts == class &&
		    publisher->backends[id].state != L4GATE_BACKEND_FREE)
			return true;
	return false;
}

static void write_class(const struct publisher *publisher, uint32_t number,
			const struct image_timeouts *timeouts)
{
	struct l4gate_timeouts *to = &publisher->timeouts[number], class, was;

	dataplane_timeouts(publisher->dataplane, timeouts, &class);
	if (is_same(to, &class))
		return;
	was = *to;
	if (is_seen(publisher, number))
		keep_flows(publisher, &class, &was);
	*to = class;
}

void timeouts_write(const struct publisher *publisher)
{
	const struct state *state = publisher->state;
	bool is_written[L4GATE_TIMEOUTS] = { true };
	size_t i;

	write_class(publisher, 0, &dataplane_usual_timeouts);
	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];

		if (!is_written[route->class])
			write_class(publisher, route->class, &route->timeouts);
		is_written[route->class] = true;
	}
}

/*
 * Of class 0 no flow has a mark, unless some route had another one not long ago: and
 * those without a mark go on by their own time.
 */
static bool usual_has_marks(const struct publisher *publisher)
{
	uint32_t now = tick_now(publisher), i;

	for (i = 0; i < L4GATE_FLOW_STATES; i++)
		if (publisher->timeouts[0].state[i].keep >= now)
			return true;
	return false;
}

/* The time of flows first: who sees the class knows of it. */
static void change_class(const struct publisher *publisher,
			 struct l4gate_backend *backend, uint8_t class,
			 bool has_marks)
{
	if (has_marks)
		keep_flows(publisher, &publisher->timeouts[class],
			   &publisher->timeouts[backend->timeouts]);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	backend->timeouts = class;
}

void timeouts_settle(const struct publisher *publisher)
{
	const struct state *state = publisher->state;
	/* Before some of its flows are those that begin to have it now. */
	const bool usual = usual_has_marks(publisher);
	size_t i, j;

	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];
		const struct state_backend *from =
			state->backends + route->backend;

		for (j = 0; j < route->backend_count; j++) {
			struct l4gate_backend *backend =
				&publisher->backends[from[j].id];

			if (backend->timeouts != route->class)
				change_class(publisher, backend, route->class,
					     backend->timeouts || usual);
		}
	}
}
