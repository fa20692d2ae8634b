// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/flow_tables.h"

#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

/*
 * ESTABLISHED outlives Linux's first keepalive, two hours (RFC 5382 REQ-5); CLOSING is
 * Linux's TIME_WAIT; UDP is RFC 4787 REQ-5.
 */
const struct image_timeouts dataplane_usual_timeouts = { .ms = {
	[IDLE_TCP_HALF_OPEN] = 60 * 1000,
	[IDLE_TCP_ESTABLISHED] = 7440 * 1000,
	[IDLE_TCP_CLOSING] = 60 * 1000,
	[IDLE_UDP_UNREPLIED] = 30 * 1000,
	[IDLE_UDP_REPLIED] = 180 * 1000,
} };

/* The resolution of the coarse clock is a jiffy. */
uint32_t dataplane_hz(void)
{
	struct timespec jiffy;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy) || jiffy.tv_sec ||
	    jiffy.tv_nsec <= 0)
		return 250;
	return (1000000000 + jiffy.tv_nsec / 2) / jiffy.tv_nsec;
}

/* log2 of the jiffies in a tick: as close below a second as a shift gets. */
static uint32_t tick_shift(uint32_t hz)
{
	uint32_t shift = 0;

	while ((2u << shift) <= hz)
		shift++;
	return shift;
}

/*
 * Of a flow in a state, in ms. A RST takes no time from it: it may not have been
 * believed. In words, two states say that one side has ended, which is as good as
 * established.
 */
static uint32_t state_timeout(const struct image_timeouts *timeouts,
			      uint32_t state)
{
	switch (state) {
	case L4GATE_FLOW_CLOSING:
		return timeouts->ms[IDLE_TCP_CLOSING];
	case L4GATE_FLOW_HALF_OPEN:
		return timeouts->ms[IDLE_TCP_HALF_OPEN];
	case L4GATE_FLOW_UNREPLIED:
		return timeouts->ms[IDLE_UDP_UNREPLIED];
	case L4GATE_FLOW_REPLIED:
		return timeouts->ms[IDLE_UDP_REPLIED];
	default:
		return timeouts->ms[IDLE_TCP_ESTABLISHED];
	}
}

/* In dsr the client's FIN alone makes a word CLOSING, so that it has to hold longer. */
static uint32_t quarter(uint32_t hz, uint32_t state, uint32_t ms)
{
	if (state == L4GATE_FLOW_CLOSING)
		ms *= 2;
	return (UINT64_C(4000) << 32) / ((uint64_t)ms * hz);
}

/* Whole ticks in a time, of which a shorter one may be left over. */
static uint32_t ticks(uint32_t hz, uint32_t ms)
{
	return ((uint64_t)ms * hz / 1000) >> tick_shift(hz);
}

/*
 * Ticks after which the time of a flow's last packet is written down once more:
 * seldom, for it costs a lock; and often enough to say how long it has been idle.
 */
#define REFRESH_MS 16000

static uint32_t refresh_ticks(uint32_t hz, uint32_t ms)
{
	return ticks(hz, ms / 16 < REFRESH_MS ? ms / 16 : REFRESH_MS);
}

static uint32_t meta_hz(const struct dataplane *dataplane)
{
	return dataplane->meta.hz ?: dataplane_hz();
}

uint32_t dataplane_tick_shift(const struct dataplane *dataplane)
{
	return tick_shift(meta_hz(dataplane));
}

double dataplane_tick_seconds(const struct dataplane *dataplane)
{
	return (double)(1u << dataplane_tick_shift(dataplane)) /
	       meta_hz(dataplane);
}

/* The time that was not written down comes on top. */
void dataplane_timeouts(const struct dataplane *dataplane,
			const struct image_timeouts *timeouts,
			struct l4gate_timeouts *ret_class)
{
	uint32_t hz = meta_hz(dataplane), i;

	for (i = 0; i < L4GATE_FLOW_STATES; i++) {
		uint32_t ms = state_timeout(timeouts, i);
		uint32_t refresh = refresh_ticks(hz, ms);

		ret_class->state[i] = (struct l4gate_idle){
			.timeout = ticks(hz, ms) + 1 + refresh,
			.refresh = refresh,
			.quarter = quarter(hz, i, ms),
		};
	}
}

/*
 * The lower half of jiffies, as packets see it; or -errno. The monotonic clock is not
 * that: NTP slews it, and a time namespace may shift it.
 */
static int64_t jiffies_low(void)
{
	static const struct bpf_insn program[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* As short as a frame can be. */
	char frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
		    .data_size_in = sizeof(frame), .repeat = 1);
	int fd, error;

	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "l4gate_clock",
			   "Dual BSD/GPL", program,
			   sizeof(program) / sizeof(*program), NULL);
	if (fd < 0)
		return fd;
	error = bpf_prog_test_run_opts(fd, &options);
	close(fd);
	return error ?: (int64_t)options.retval;
}

/* jiffies_64 starts five minutes before its low half wraps (INITIAL_JIFFIES). */
static uint64_t jiffies_guess(const struct dataplane *dataplane)
{
	uint32_t hz = meta_hz(dataplane);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)(-300 * (int64_t)hz) + (uint64_t)now.tv_sec * hz +
	       (uint64_t)now.tv_nsec * hz / 1000000000;
}

uint64_t dataplane_jiffies(const struct dataplane *dataplane)
{
	const uint64_t guess = jiffies_guess(dataplane);
	const int64_t low = jiffies_low();

	return low < 0 ? guess : guess + (int32_t)((uint32_t)low - (uint32_t)guess);
}

/* Of a number of rows that fits the data path's arithmetic: small. */
static uint32_t next_prime(uint32_t number)
{
	uint32_t divisor = 2;

	while (divisor * divisor <= number)
		if (number % divisor++ == 0) {
			number++;
			divisor = 2;
		}
	return number;
}

/* Rows of records are a prime number: bpf/record.h says why. */
struct flow_rows dataplane_rows(const struct dataplane *dataplane)
{
	uint32_t flows = dataplane->meta.max_flows;

	return (struct flow_rows){
		.words = L4GATE_ROWS(L4GATE_FLOW_WORDS(flows),
				     L4GATE_LINE_WORDS),
		.entries = L4GATE_ROWS(L4GATE_FLOW_ENTRIES(flows),
				       L4GATE_LINE_ENTRIES),
		.records = next_prime(L4GATE_ROWS(L4GATE_FLOW_RECORDS(flows),
						  1)),
		.addresses = L4GATE_ROWS(L4GATE_FLOW_ADDRESSES(flows),
					 L4GATE_LINE_WORDS),
	};
}

/* NAT ports of each source and backend: each shard of flows has as many. */
uint32_t dataplane_nat_ports(const struct dataplane *dataplane)
{
	uint32_t count = dataplane->meta.nat_port_max -
			 dataplane->meta.nat_port_min + 1;

	return count / L4GATE_SHARDS * L4GATE_SHARDS;
}

/* The ports of a shard are shuffled within a power of two (bpf/record.h). */
uint32_t dataplane_run_mask(const struct dataplane *dataplane)
{
	uint32_t mask = 1;

	while (mask + 1 < dataplane_nat_ports(dataplane) / L4GATE_SHARDS)
		mask = mask * 2 + 1;
	return mask;
}
