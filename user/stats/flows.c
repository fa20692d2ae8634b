// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The flow table, read while packets change it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "l4gate/half_open.h"
#include "l4gate/hash.h"
#include "stats/stats.h"
#include "util/byteorder.h"

const char *const flow_state_names[L4GATE_FLOW_STATES] = {
	[L4GATE_FLOW_FREE] = "free",
	[L4GATE_FLOW_CLAIMED] = "claimed",
	[L4GATE_FLOW_RESET] = "reset",
	[L4GATE_FLOW_CLOSING] = "closing",
	[L4GATE_FLOW_HALF_OPEN] = "half-open",
	[L4GATE_FLOW_UNREPLIED] = "unreplied",
	[L4GATE_FLOW_ESTABLISHED] = "established",
	[L4GATE_FLOW_REPLIED] = "replied",
};

int flows_open(const struct dataplane *dataplane, struct flows *ret_flows,
	       struct fail *fail_)
{
	struct flows flows = {
		.dataplane = dataplane,
		.rows = dataplane_rows(dataplane),
		.jiffies = dataplane_jiffies(dataplane),
	};
	struct l4gate_control control = { 0 };
	uint32_t key = 0;

	(void)bpf_map_lookup_elem(dataplane->maps[MAP_CONTROL], &key, &control);
	flows.half = control.generation & 1;
	flows.word_lines = flows.rows.words * L4GATE_SHARDS;
	flows.record_count = flows.rows.records * L4GATE_SHARDS;
	flows.words = dataplane_map(dataplane, MAP_WORDS);
	flows.entries = dataplane_map(dataplane, MAP_ENTRIES);
	flows.records = dataplane_map(dataplane, MAP_RECORDS);
	flows.clients6 = dataplane_map(dataplane, MAP_CLIENTS6);
	flows.endpoints = dataplane_map(dataplane, MAP_ENDPOINTS);
	flows.backends = dataplane_map(dataplane, MAP_BACKENDS);
	flows.timeouts = dataplane_map(dataplane, MAP_TIMEOUTS);
	flows.half_open = dataplane_map(dataplane, MAP_HALF_OPEN);
	*ret_flows = flows;
	if (flows.words && flows.entries && flows.records && flows.clients6 &&
	    flows.endpoints && flows.backends && flows.timeouts &&
	    flows.half_open)
		return 0;
	return fail(fail_, -errno, "%s: the flow table can't be mapped: %m",
		    dataplane->pin_dir);
}

void flows_close(struct flows *flows)
{
	const struct dataplane *dataplane = flows->dataplane;

	if (!dataplane)
		return;
	dataplane_unmap(dataplane, MAP_WORDS, flows->words);
	dataplane_unmap(dataplane, MAP_ENTRIES, flows->entries);
	dataplane_unmap(dataplane, MAP_RECORDS, flows->records);
	dataplane_unmap(dataplane, MAP_CLIENTS6, flows->clients6);
	dataplane_unmap(dataplane, MAP_ENDPOINTS, (void *)flows->endpoints);
	dataplane_unmap(dataplane, MAP_BACKENDS, (void *)flows->backends);
	dataplane_unmap(dataplane, MAP_TIMEOUTS, (void *)flows->timeouts);
	dataplane_unmap(dataplane, MAP_HALF_OPEN, (void *)flows->half_open);
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

/* As bpf/timeouts.h: the timeout of a flow in a state, which may have the mark. */
static const struct l4gate_idle *timeout_of(const struct flows *flows,
					    uint64_t flow, uint32_t backend,
					    uint32_t state)
{
	uint8_t class = 0;

	if (flow & L4GATE_FLOW_TIMED &&
	    backend < flows->dataplane->sizes.backends)
		class = flows->backends[backend].timeouts;
	return &flows->timeouts[class].state[state];
}

/* Whether flows with a mark are kept beyond their time. */
static bool is_kept(const struct flows *flows, uint64_t flow,
		    const struct l4gate_idle *idle)
{
	uint64_t tick = flows->jiffies >>
			dataplane_tick_shift(flows->dataplane);

	return flow & L4GATE_FLOW_TIMED && tick < idle->keep;
}

static bool record_is_live(const struct flows *flows, uint64_t value)
{
	uint32_t state = value & L4GATE_RECORD_STATE;
	const struct l4gate_idle *idle = timeout_of(
		flows, value, value >> L4GATE_RECORD_BACKEND_SHIFT, state);

	return state > L4GATE_FLOW_CLAIMED &&
	       (is_kept(flows, value, idle) ||
		record_idle(flows, value) <=
		idle->timeout * dataplane_tick_seconds(flows->dataplane));
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

uint64_t flows_entry(const struct flows *flows, uint64_t hash)
{
	uint32_t row = row_first(hash, flows->rows.entries), i, j;

	for (i = 0; i < 2; i++) {
		const struct l4gate_line *line =
			&flows->entries[line_number(row, hash)];

		for (j = 0; j < L4GATE_LINE_ENTRIES; j++)
			if (line->word[j] == hash)
				return line->word[L4GATE_LINE_ENTRIES + j];
		row = row_other(row, hash, flows->rows.entries);
	}
	return 0;
}

/* The NAT port is in the flow's other half. */
static uint16_t read_port(const struct flows *flows, const struct flow *flow,
			  uint64_t key)
{
	uint64_t hash = hash_place(flows->dataplane->meta.key[0],
				   flow->client.family, &flow->client.addr,
				   (L4GATE_FORCE __be16)(key >> 16), key);

	return ntohs(flows_entry(flows, hash) >> L4GATE_RECORD_PORT_SHIFT &
		     0xffff);
}

bool flow_read(const struct flows *flows, uint32_t number,
	       struct flow *ret_flow)
{
	const struct l4gate_record *record = &flows->records[number];
	uint64_t value = __atomic_load_n(&record->value, __ATOMIC_ACQUIRE);
	uint64_t key = record->key, now;
	struct flow flow = {
		.client_port = ntohs(key >> 16 & 0xffff),
		.endpoint = &flows->endpoints[flows->half *
					      L4GATE_MAX_ENDPOINTS +
					      (key & 0xffff)],
		.backend_id = value >> L4GATE_RECORD_BACKEND_SHIFT,
		.state = value & L4GATE_RECORD_STATE,
		.idle = record_idle(flows, value),
		.is_surplus = record_is_surplus(value),
	};

	if (!record_is_live(flows, value) ||
	    flow.backend_id >= flows->dataplane->sizes.backends)
		return false;
	flow.backend = &flows->backends[flow.backend_id];
	if (value & L4GATE_RECORD_F_IPV6) {
		flow.client.family = L4GATE_IPV6;
		flow.client.addr = flows->clients6[number];
	} else {
		flow.client.addr.w[0] = (L4GATE_FORCE __be32)(key >> 32);
	}
	read_source(flows, value, &flow);
	flow.nat_port = read_port(flows, &flow, key);
	/* It was another's before we had all of it. */
	now = __atomic_load_n(&record->value, __ATOMIC_ACQUIRE);
	if (!flow.nat_port || ((now ^ value) & L4GATE_RECORD_OWNER))
		return false;
	*ret_flow = flow;
	return true;
}

/* As bpf/clock.h: the quarters of a state's timeout since a word was touched. */
static bool word_is_live(const struct flows *flows, uint64_t word)
{
	uint32_t state = word >> L4GATE_WORD_STATE_SHIFT & L4GATE_RECORD_STATE;
	const struct l4gate_idle *idle = timeout_of(
		flows, word, word >> L4GATE_WORD_BACKEND_SHIFT &
			     L4GATE_WORD_BACKEND, state);
	uint64_t now = (uint64_t)(uint32_t)flows->jiffies * idle->quarter >> 32;

	/* 7: touched in the quarter after the one that we live in. */
	return ((now - word + 1) & L4GATE_WORD_CLOCK) <= 5 ||
	       is_kept(flows, word, idle);
}

/* The word with a hash, or 0. */
static uint64_t flows_word(const struct flows *flows, uint64_t hash)
{
	uint32_t row = row_first(hash, flows->rows.words), i, j;

	for (i = 0; i < 2; i++) {
		const struct l4gate_line *line =
			&flows->words[line_number(row, hash)];

		for (j = 0; j < L4GATE_LINE_WORDS; j++)
			if (line->word[j] && !((line->word[j] ^ hash) >>
					       L4GATE_PAYLOAD_BITS))
				return line->word[j];
		row = row_other(row, hash, flows->rows.words);
	}
	return 0;
}

bool flow_find(const struct flows *flows, const struct inet_addr *client,
	       uint16_t port, uint16_t endpoint, enum l4gate_mode mode,
	       struct known_flow *ret_flow)
{
	uint64_t hash = hash_place(flows->dataplane->meta.key[0],
				   client->family, &client->addr, port_to_net(port),
				   endpoint), value;

	if (mode == L4GATE_MODE_NAT) {
		value = flows_entry(flows, hash);
		if (!value || !record_is_live(flows, value))
			return false;
		*ret_flow = (struct known_flow){
			.backend = value >> L4GATE_RECORD_BACKEND_SHIFT,
			.state = value & L4GATE_RECORD_STATE,
			.idle = record_idle(flows, value),
			.is_surplus = record_is_surplus(value),
		};
		return true;
	}
	value = flows_word(flows, hash);
	if (!value || !word_is_live(flows, value))
		return false;
	*ret_flow = (struct known_flow){
		.backend = value >> L4GATE_WORD_BACKEND_SHIFT &
			   L4GATE_WORD_BACKEND,
		.state = value >> L4GATE_WORD_STATE_SHIFT & L4GATE_RECORD_STATE,
		.is_word = true,
	};
	ret_flow->is_surplus = value & L4GATE_WORD_F_SURPLUS &&
			       is_half_open(ret_flow->state);
	return true;
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

		if (!word || !word_is_live(flows, word))
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
	for (i = 0; counts && i < flows->word_lines; i++)
		count_line(flows, &flows->words[i], counts, ret_total);
	return counts;
}
