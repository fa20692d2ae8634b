// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Established flows under attack, as fast as packets can be made, none of them
 * sending anything meanwhile: floods of SYNs, of segments of no connection, and
 * of UDP, each of ten times as many clients as the flow table is made for; and
 * a million segments in the name of the flows' own ends with sequence numbers
 * that are guessed. Afterwards each flow has to be where it was, though the
 * slot tables have changed since it began.
 *
 *   survive [MAX-FLOWS...]
 *
 * MAX-FLOWS are sizes of flow tables; the smallest if none is given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flows.h"

/* Of TCP, half of them IPv4, half IPv6; and half as many of UDP. */
#define FLOWS 10000
#define BACKENDS 64
#define FLOOD_TIMES 10
/* A quarter of 30 s, and a tick, in seconds. */
#define UDP_QUARTER 9
/* Of each kind; three kinds from the client, and three from the backend. */
#define GUESSES 340000

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const mode_names[L4GATE_MODES] = {
	[L4GATE_MODE_NAT] = "nat",
	[L4GATE_MODE_TRANSPARENT] = "transparent",
	[L4GATE_MODE_DSR_L2] = "dsr-l2",
	[L4GATE_MODE_DSR_IPIP] = "dsr-ipip",
};

static struct feed feed;
static struct gateway gateway;
static struct {
	struct flow_set set;
	uint64_t before[FLOWS / 2], after[FLOWS / 2];
} sets[3];
static unsigned int passed, failed;

static void open_flows(enum l4gate_mode mode, uint32_t max_flows)
{
	size_t i;

	gateway_open(&gateway, &feed, mode, max_flows, BACKENDS);
	for (i = 0; i < COUNT(sets); i++) {
		flow_set_open(&gateway, &sets[i].set, i == 1, i == 2,
			      FLOWS / 2);
		flow_set_places(&gateway, &sets[i].set, sets[i].before);
	}
	gateway_change(&gateway, 2 * BACKENDS);
}

/* Flows of which a packet in some direction is not forwarded any more. */
static uint32_t count_lost(struct flow_set *set)
{
	uint32_t lost, replies;

	if (!set->udp)
		stream_change_tcp(&feed, &set->client, set->count, ACK, 1000);
	lost = set->count - gateway_run_once(&gateway, &set->client, set->count,
					     L4GATE_TO_BACKEND);
	if (!has_replies(gateway.mode))
		return lost;
	if (!set->udp)
		stream_change_tcp(&feed, &set->reply, set->count, ACK, 1000);
	replies = set->count - gateway_run_once(&gateway, &set->reply,
						set->count, L4GATE_TO_CLIENT);
	return lost > replies ? lost : replies;
}

static void judge(const char *what, uint64_t packets)
{
	uint32_t flows = 0, lost = 0, moved = 0, i, j;

	for (i = 0; i < COUNT(sets); i++) {
		struct flow_set *set = &sets[i].set;

		/* Of the modes but nat, a packet makes anew what was lost. */
		flow_set_places(&gateway, set, sets[i].after);
		flows += set->count;
		lost += count_lost(set);
		for (j = 0; j < set->count; j++)
			moved += sets[i].after[j] != sets[i].before[j];
	}
	printf("%s %-12s %8u %-26s %8llu packets: %u flows, %u lost, %u "
	       "moved\n",
	       lost || moved ? "FAIL" : "ok  ", mode_names[gateway.mode],
	       gateway.max_flows, what, (unsigned long long)packets, flows,
	       lost, moved);
	fflush(stdout);
	if (lost || moved)
		failed++;
	else
		passed++;
}

/* One packet of each of many clients that were not there before. */
static void flood(const char *what, bool udp, uint8_t flags)
{
	uint32_t share = gateway.max_flows / 2, i, j;
	struct stream streams[2];

	for (i = 0; i < COUNT(streams); i++) {
		later_clients_open(&gateway, &streams[i], i, udp, 2 * FLOWS,
				   FLOOD_TIMES * share);
		if (!udp)
			stream_change_tcp(&feed, &streams[i],
					  FLOOD_TIMES * share, flags, 1000);
	}
	for (j = 0; j < FLOOD_TIMES; j++)
		for (i = 0; i < COUNT(streams); i++) {
			uint32_t action;

			(void)feed_run(&feed, L4GATE_HOOK_XDP,
				       node.dataplane->xdp_fd, &streams[i],
				       streams[i].room, share, &action);
		}
	judge(what, 2ULL * FLOOD_TIMES * share);
}

/* One packet for each flow, all with the same guess. */
static void guess(struct flow_set *set, bool from_backend, uint8_t flags)
{
	struct stream *stream = from_backend ? &set->reply : &set->client;
	uint32_t action;

	stream_change_tcp(&feed, stream, set->count, flags, bench_random());
	stream->feed.next = 0;
	(void)feed_run(&feed, L4GATE_HOOK_XDP, node.dataplane->xdp_fd, stream,
		       set->count, set->count, &action);
}

static void guesses(const char *what, bool from_backend, uint8_t flags)
{
	uint32_t sent = 0;
	size_t i;

	if (from_backend && !has_replies(gateway.mode))
		return;
	while (sent < GUESSES)
		for (i = 0; i < COUNT(sets); i++) {
			if (sets[i].set.udp)
				continue;
			guess(&sets[i].set, from_backend, flags);
			sent += sets[i].set.count;
		}
	judge(what, sent);
}

/*
 * No answers come by in the dsr modes: a flow of UDP is taken for answered when its
 * client goes on after a quarter of the time that one that is not is kept (README.md,
 * "Idle timeouts"). Before, it is as good as any other packet of the flood.
 */
static void wait_for_udp(void)
{
	if (has_replies(gateway.mode))
		return;
	sleep(UDP_QUARTER);
	judge("flows of UDP that go on", 0);
}

static void attack(enum l4gate_mode mode, uint32_t max_flows)
{
	open_flows(mode, max_flows);
	wait_for_udp();
	flood("flood of SYNs", false, SYN);
	flood("flood of ACKs", false, ACK);
	flood("flood of RSTs", false, RST);
	flood("flood of UDP", true, 0);
	guesses("RST of the client", false, RST);
	guesses("RST of the backend", true, RST | ACK);
	guesses("SYN of the client", false, SYN);
	guesses("SYN of the backend", true, SYN | ACK);
	guesses("FIN of the client", false, FIN | ACK);
	guesses("FIN of the backend", true, FIN | ACK);
	gateway_close(&gateway);
}

int main(int argc, char **argv)
{
	enum l4gate_mode mode;
	int i;

	node_enter();
	gateway_routes();
	feed_open(&feed, node.ifindex);
	for (mode = 0; mode < L4GATE_MODES; mode++) {
		if (argc < 2)
			attack(mode, L4GATE_MIN_FLOWS);
		for (i = 1; i < argc; i++)
			attack(mode, strtoul(argv[i], NULL, 10));
	}
	feed_close(&feed);
	printf("survive: %u passed, %u failed\n", passed, failed);
	return failed != 0;
}
