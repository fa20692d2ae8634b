// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Frames that are not ours go on as they came, whatever they are: random ones, and
 * pieces of those that would be ours.
 *
 *   test_others [FRAMES [SEED]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "node.h"
#include "packet.h"
#include "random.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "expect.h"

#define FRAMES 200000
#define LEAST 60	/* of Ethernet; the kernel runs no less than IP's header */

static uint64_t frames = FRAMES, seed = 1;

static void fill(uint8_t *at, size_t size)
{
	while (size--)
		*at++ = next();
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* Nothing but a size. */
static void build_noise(struct frame *frame)
{
	memset(frame, 0, sizeof(*frame));
	frame->size = LEAST + below(one_in(8) ? 1440 : 100);
	fill(frame->bytes, frame->size);
}

/* An Ethernet header that says what follows, and that it isn't. */
static void build_ethertype(struct frame *frame)
{
	static const uint16_t types[] = {
		0x0800, 0x86dd, 0x0806, 0x88cc, 0x8847, 0x8863, 0x8864, 0x88e5,
		0x888e, 0x8809, 0x8100, 0x88a8, 0x9100, 0x0026, 0x05ff,
	};
	uint8_t *at = frame->bytes + 12;

	build_noise(frame);
	do {
		put16(at, ONE_OF(types));
		at += 4;
	} while (one_in(2) && at < frame->bytes + 32);
}

/* Packets of all kinds to nobody we know: they may be changed at will. */
static void shape_stranger(struct shape *shape)
{
	static const uint8_t protocols[] = {
		0, 1, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 89, 103,
		112, 115, 132, 135, 136, 139, 140, 253,
	};
	static const uint16_t fragments[] = { 0x2000, 0x2001, 100, 0x4000,
					      0x8000, 0x1fff };

	shape->src = shape->v6 ? "2001:db8::2" : "10.0.0.2";
	shape->dst = shape->v6 ? "fd77:6262:5353:4444:3535:2626:1717:909" :
				 "203.113.98.77";
	if (one_in(3))
		shape->protocol = ONE_OF(protocols);
	if (one_in(4))
		shape->fragment = ONE_OF(fragments);
	shape->dport = one_in(2) ? 80 + below(2) : next();
}

/* To a listener's address, and no port of its own, in one piece. */
static void shape_neighbour(struct shape *shape)
{
	static const char *const v4[] = { "10.0.0.9", "10.0.0.10", "10.0.0.11" };
	static const char *const v6[] = { "2001:db8::9", "2001:db8::a",
					  "2001:db8::b" };

	shape->src = shape->v6 ? "2001:db8::2" : "10.0.0.2";
	shape->dst = shape->v6 ? ONE_OF(v6) : ONE_OF(v4);
	shape->dport = 82 + below(65000);
}

/* From a backend, or to a NAT port, without a flow. */
static void shape_reply(struct shape *shape)
{
	shape->src = shape->v6 ? "2001:db8::20" : "10.0.0.20";
	shape->dst = shape->v6 ? "2001:db8::1" : "10.0.0.1";
	shape->sport = 8080;
	shape->dport = 10240 + below(22528);
}

/* A few bytes wrong: too few to make one of our addresses of the stranger's. */
static void damage(struct frame *frame)
{
	uint32_t count = below(4);

	while (count--)
		frame->bytes[below(frame->size)] = next();
	if (one_in(4))
		frame->size -= below(frame->size - LEAST + 1);
}

static void build_packet(struct frame *frame)
{
	static const char *const chains[] = { "h", "d", "hd", "D", "hdrddd",
					      "DDD", "f", "a", "hR", "0" };
	struct shape shape = {
		.v6 = one_in(2), .udp = one_in(2), .sport = next(),
		.tcp_flags = next(), .ttl = below(4) ? 0 : next(),
		.payload = one_in(8) ? below(1400) : below(64),
		.padding = 26 + below(20),
	};
	uint32_t kind = below(4);

	if (one_in(4))
		shape.options = below(11);
	if (one_in(4))
		shape.tag = one_in(2) ? 0x8100 : 0x88a8;
	if (shape.tag && one_in(2))
		shape.inner_tag = 0x8100;
	if (kind == 0)
		shape_neighbour(&shape);
	else if (kind == 1)
		shape_reply(&shape);
	else
		shape_stranger(&shape);
	if (shape.v6 && kind && one_in(3))
		shape.chain = ONE_OF(chains);
	frame_build(frame, &shape);
	if (kind > 1)
		damage(frame);
}

static void build_other(struct frame *frame)
{
	switch (below(8)) {
	case 0:
		build_noise(frame);
		break;
	case 1:
		build_ethertype(frame);
		break;
	default:
		build_packet(frame);
	}
}

/* What the program answers is right if it says so of the frame as it was. */
static void expect_untouched(enum l4gate_hook hook, const struct frame *in,
			     const char *what, uint64_t number)
{
	struct frame out;
	int action = node_run(hook, in, &out);
	uint32_t i;

	if (action == pass_of(hook) && out.size == in->size &&
	    !memcmp(out.bytes, in->bytes, in->size))
		return;
	fprintf(stderr, "seed %" PRIu64 ", %s %" PRIu64 ", hook %d, action %d:\n",
		seed, what, number, hook, action);
	for (i = 0; i < in->size; i++)
		fprintf(stderr, "%02x", in->bytes[i]);
	fputc('\n', stderr);
	fail_msg("a frame that is not ours did not pass as it came");
}

static void test_random(void **state)
{
	enum l4gate_hook hook;
	struct frame in;
	uint64_t i;

	(void)state;
	random_state = seed;
	for (i = 0; i < frames; i++) {
		build_other(&in);
		for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS;
		     hook++)
			expect_untouched(hook, &in, "frame", i);
	}
	printf("%" PRIu64 " frames on each hook, seed %" PRIu64 "\n", frames,
	       seed);
}

#define SEEDS 200

/* A packet that would be ours if it were whole. */
static void shape_ours(struct shape *shape)
{
	static const char *const chains[] = { "h", "d", "hdr", "hdrddd", "DD" };
	static const char *const v4[] = { "10.0.0.9", "10.0.0.10", "10.0.0.11" };
	static const char *const v6[] = { "2001:db8::9", "2001:db8::a",
					  "2001:db8::b" };

	*shape = (struct shape){
		.v6 = one_in(2), .udp = one_in(2), .sport = 1024 + below(9000),
		.dport = 80 + below(2), .tcp_flags = one_in(2) ? SYN : ACK,
		.payload = below(40),
	};
	shape->src = shape->v6 ? "2001:db8::2" : "10.0.0.2";
	shape->dst = shape->v6 ? ONE_OF(v6) : ONE_OF(v4);
	if (shape->v6 && one_in(2))
		shape->chain = ONE_OF(chains);
	if (!shape->v6 && one_in(2))
		shape->options = below(11);
	if (one_in(3))
		shape->tag = one_in(2) ? 0x8100 : 0x88a8;
	if (shape->tag && one_in(2))
		shape->inner_tag = 0x8100;
}

/* Every beginning of it is less than it says, or too little to say anything. */
static void test_prefixes(void **state)
{
	enum l4gate_hook hook;
	struct shape shape;
	struct frame in;
	uint64_t i;

	(void)state;
	random_state = seed;
	for (i = 0; i < SEEDS; i++) {
		uint32_t least;

		shape_ours(&shape);
		frame_build(&in, &shape);
		/* Runs on less are refused, by TC below IP's header. */
		least = shape.v6 ? 54 : 34;
		for (in.size--; in.size >= least; in.size--)
			for (hook = node.first_hook;
			     hook <= L4GATE_HOOK_TC_INGRESS; hook++)
				expect_untouched(hook, &in, "prefix of", i);
		for (; in.size >= 14 && node.first_hook == L4GATE_HOOK_XDP;
		     in.size--)
			expect_untouched(L4GATE_HOOK_XDP, &in, "prefix of", i);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_prefixes),
	};
	int failed;

	if (argc > 1)
		frames = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	node_enter();
	node_attach(0);
	node_publish(frames_manifest);
	failed = cmocka_run_group_tests_name("others", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
