// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The flow table, read while packets change it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "stats/stats.h"

int flows_open(const struct dataplane *dataplane, struct flows *ret_flows,
	       struct fail *fail_)
{
	struct flows flows = {
		.dataplane = dataplane,
		.line_count = dataplane->meta.max_flows / L4GATE_LINE_WORDS,
		.record_count = dataplane->meta.max_flows / 2,
		.jiffies = dataplane_jiffies(dataplane),
	};
	struct l4gate_control control = { 0 };
	uint32_t key = 0;

	(void)bpf_map_lookup_elem(dataplane->maps[MAP_CONTROL], &key, &control);
	flows.half = control.generation & 1;
	flows.lines = dataplane_map(dataplane, MAP_FLOW_INDEX);
	flows.records = dataplane_map(dataplane, MAP_RECORDS);
	flows.clients6 = dataplane_map(dataplane, MAP_CLIENTS6);
	flows.endpoints = dataplane_map(dataplane, MAP_ENDPOINTS);
	flows.backends = dataplane_map(dataplane, MAP_BACKENDS);
	*ret_flows = flows;
	if (flows.lines && flows.records && flows.clients6 &&
	    flows.endpoints && flows.backends)
		return 0;
	return fail(fail_, -errno, "%s: the flow table can't be mapped: %m",
		    dataplane->pin_dir);
}

void flows_close(struct flows *flows)
{
	const struct dataplane *dataplane = flows->dataplane;

	if (!dataplane)
		return;
	dataplane_unmap(dataplane, MAP_FLOW_INDEX, flows->lines);
	dataplane_unmap(dataplane, MAP_RECORDS, flows->records);
	dataplane_unmap(dataplane, MAP_CLIENTS6, flows->clients6);
	dataplane_unmap(dataplane, MAP_ENDPOINTS, (void *)flows->endpoints);
	dataplane_unmap(dataplane, MAP_BACKENDS, (void *)flows->backends);
	*flows = (struct flows){ 0 };
}

/* Ticks by which a stamp may be ahead of us: packets go on while we read. */
#define AHEAD 600

/* Seconds since the last packet; a stamp has 16 bits of ticks. */
static double record_idle(const struct flows *flows, uint64_t value)
{
	uint16_t ticks = (flows->jiffies >>
			  dataplane_tick_shift(flows->dataplane)) -
			 (value >> L4GATE_RECORD_STAMP_SHIFT);

	if (ticks > UINT16_MAX - AHEAD)
		return 0;
	return ticks * dataplane_tick_seconds(flows->dataplane);
}

static bool record_is_live(const struct flows *flows, uint64_t value)
{
	uint32_t state = value & L4GATE_RECORD_STATE;

	return state > L4GATE_FLOW_CLAIMED &&
	       record_idle(flows, value) <= dataplane_timeout(state);
}

static void read_source(const struct flows *flows, uint64_t value,
			struct flow *flow)
{
	uint32_t number = value >> L4GATE_RECORD_SOURCE_SHIFT &
			  (L4GATE_SOURCES - 1);
	uint32_t key = flow->client.family * L4GATE_SOURCES + number;

	flow->local = number == L4GATE_SOURCE_CLIENT;
	flow->nat = flow->client;
	if (!flow->local)
		(void)bpf_map_lookup_elem(
			flows->dataplane->maps[MAP_SOURCES], &key,
			&flow->nat.addr);
}

bool flow_read(const struct flows *flows, uint32_t number,
	       struct flow *ret_flow)
{
	const struct l4gate_record *record = &flows->records[number];
	uint64_t value = __atomic_load_n(&record->value, __ATOMIC_ACQUIRE);
	uint64_t key = record->key;
	struct flow flow = {
		.client_port = ntohs(key >> 16 & 0xffff),
		.endpoint = &flows->endpoints[flows->half *
					      L4GATE_MAX_ENDPOINTS +
					      (key & 0xffff)],
		.backend_id = value >> L4GATE_RECORD_BACKEND_SHIFT,
		.nat_port = ntohs(value >> L4GATE_RECORD_PORT_SHIFT & 0xffff),
		.state = value & L4GATE_RECORD_STATE,
		.idle = record_idle(flows, value),
	};

	if (!record_is_live(flows, value) ||
	    flow.backend_id >= L4GATE_MAX_BACKENDS)
		return false;
	flow.backend = &flows->backends[flow.backend_id];
	if (value & L4GATE_RECORD_F_IPV6) {
		flow.client.family = L4GATE_IPV6;
		flow.client.addr = flows->clients6[number];
	} else {
		flow.client.addr.w[0] = key >> 32;
	}
	read_source(flows, value, &flow);
	/* It was another's before we had all of it. */
	if ((__atomic_load_n(&record->value, __ATOMIC_ACQUIRE) ^ value) >>
	    L4GATE_RECORD_SERIAL_SHIFT)
		return false;
	*ret_flow = flow;
	return true;
}

/* As bpf/clock.h: the quarters of a state's timeout since a word was touched. */
static bool word_is_live(const struct flows *flows, uint64_t word)
{
	uint32_t state = word >> L4GATE_WORD_STATE_SHIFT & L4GATE_RECORD_STATE;
	uint64_t now = (uint64_t)(uint32_t)flows->jiffies *
		       dataplane_quarter(flows->dataplane, state) >> 32;

	/* 7: touched in the quarter after the one that we live in. */
	return ((now - word + 1) & L4GATE_WORD_CLOCK) <= 5;
}

static void count_line(const struct flows *flows,
		       const struct l4gate_line *line, uint32_t *counts,
		       uint32_t *total)
{
	int i;

	for (i = 0; i < L4GATE_LINE_WORDS; i++) {
		uint64_t word = line->word[i];
		uint32_t backend = word >> L4GATE_WORD_BACKEND_SHIFT &
				   L4GATE_WORD_BACKEND;

		if (!(word & L4GATE_WORD_F_DIRECT) ||
		    !word_is_live(flows, word))
			continue;
		++*total;
		if (backend < L4GATE_MAX_BACKENDS)
			counts[backend]++;
	}
}

uint32_t *flows_by_backend(const struct flows *flows, uint32_t *ret_total)
{
	uint32_t *counts = calloc(L4GATE_MAX_BACKENDS, sizeof(*counts)), i;

	*ret_total = 0;
	for (i = 0; counts && i < flows->record_count; i++) {
		uint64_t value = flows->records[i].value;
		uint32_t backend = value >> L4GATE_RECORD_BACKEND_SHIFT;

		if (!record_is_live(flows, value))
			continue;
		++*ret_total;
		if (backend < L4GATE_MAX_BACKENDS)
			counts[backend]++;
	}
	for (i = 0; counts && i < flows->line_count; i++)
		count_line(flows, &flows->lines[i], counts, ret_total);
	return counts;
}
