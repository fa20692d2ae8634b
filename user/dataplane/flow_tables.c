// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/flow_tables.h"

#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

/*
 * Idle timeouts, in seconds. ESTABLISHED outlives Linux's first keepalive, two
 * hours (RFC 5382 REQ-5); CLOSING is Linux's TIME_WAIT; UDP is RFC 4787 REQ-5.
 * A RST takes no time from a flow: it may not have been believed.
 */
static const uint32_t timeouts[L4GATE_FLOW_STATES] = {
	[L4GATE_FLOW_RESET] = 7440,
	[L4GATE_FLOW_CLOSING] = 60,
	[L4GATE_FLOW_HALF_OPEN] = 60,
	[L4GATE_FLOW_UNREPLIED] = 30,
	[L4GATE_FLOW_ESTABLISHED] = 7440,
	[L4GATE_FLOW_REPLIED] = 180,
};

uint32_t dataplane_timeout(enum l4gate_flow_state state)
{
	return state < L4GATE_FLOW_STATES ? timeouts[state] : 0;
}

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
 * In words. A flow that one side has ended is as good as established; and in dsr
 * the client's FIN alone makes it CLOSING, so that it has to hold for longer.
 */
static uint32_t word_timeout(uint32_t state)
{
	switch (state) {
	case L4GATE_WORD_FIN_BACKEND:
	case L4GATE_WORD_FIN_CLIENT:
		return timeouts[L4GATE_FLOW_ESTABLISHED];
	case L4GATE_FLOW_CLOSING:
		return 2 * timeouts[L4GATE_FLOW_CLOSING];
	default:
		return timeouts[state];
	}
}

static uint32_t quarter(uint32_t hz, uint32_t state)
{
	return (UINT64_C(4) << 32) / (word_timeout(state) * hz);
}

static uint32_t ticks(uint32_t hz, uint32_t seconds)
{
	return ((uint64_t)seconds * hz) >> tick_shift(hz);
}

/*
 * Ticks after which the time of a flow's last packet is written down once more:
 * seldom, for it costs a lock; and often enough to say how long it has been idle.
 */
#define REFRESH_SECONDS 16

static uint32_t refresh_ticks(uint32_t hz, uint32_t state)
{
	uint32_t seconds = timeouts[state] / 16;

	return ticks(hz, seconds < REFRESH_SECONDS ? seconds :
						     REFRESH_SECONDS);
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

uint32_t dataplane_quarter(const struct dataplane *dataplane,
			   enum l4gate_flow_state state)
{
	return quarter(meta_hz(dataplane), state);
}

uint32_t dataplane_refresh_ticks(const struct dataplane *dataplane,
				 enum l4gate_flow_state state)
{
	return refresh_ticks(meta_hz(dataplane), state);
}

/* The time that was not written down comes on top. */
uint32_t dataplane_timeout_ticks(const struct dataplane *dataplane,
				 enum l4gate_flow_state state)
{
	uint32_t hz = meta_hz(dataplane);

	return ticks(hz, timeouts[state]) + refresh_ticks(hz, state);
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
