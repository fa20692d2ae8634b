// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Frames as they are in real networks: extension headers, sources that can't be,
 * padding. Each on both hooks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "expect.h"

static void expect_dropped(const struct shape *shape, enum l4gate_reason reason)
{
	enum l4gate_hook hook;
	struct frame in, out;

	frame_build(&in, shape);
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		assert_int_equal(run_as(hook, &in, &out, reason),
				 drop_of(hook));
}

/* What nobody may touch: bytes of the headers between IPv6 and L4. */
static void expect_chain(const struct frame *in, const struct frame *out,
			 size_t size)
{
	assert_int_equal(out->bytes[14 + 6], in->bytes[14 + 6]);
	assert_memory_equal(out->bytes + 54, in->bytes + 54, size);
}

/* ---------------------------------------------------------------- IPv6 */

/* There through TC, and what the backend answers back, each with the headers. */
static void chain_goes_through(const char *chain, size_t size, bool udp,
			       uint16_t port)
{
	struct shape there = { V6, .udp = udp, .sport = port, .dport = 80,
			       .tcp_flags = SYN, .payload = 6, .chain = chain };
	struct shape back = { .v6 = true, .udp = udp, .src = "2001:db8::20",
			      .dst = "2001:db8::1", .sport = 8080,
			      .tcp_flags = SYN | ACK, .chain = chain };
	struct frame in, out;

	frame_build(&in, &there);
	expect_deferred(&in);
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				L4GATE_TO_BACKEND), TC_ACT_REDIRECT);
	assert_int_equal(out.size, in.size);
	assert_true(frame_checks(&out));
	assert_true(frame_has_ends(&out, "2001:db8::1", "2001:db8::20"));
	assert_int_equal(frame_dport(&out), 8080);
	assert_int_equal(frame_ttl(&out), 63);
	expect_chain(&in, &out, size);

	back.dport = frame_sport(&out);
	frame_build(&in, &back);
	expect_deferred(&in);
	run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_TO_CLIENT);
	assert_true(frame_checks(&out));
	assert_true(frame_has_ends(&out, "2001:db8::9", "2001:db8::2"));
	assert_int_equal(frame_sport(&out), 80);
	assert_int_equal(frame_dport(&out), port);
	expect_chain(&in, &out, size);
}

static void test_extension_headers(void **state)
{
	static const struct {
		const char *chain;
		size_t size;
	} chains[] = {
		{ CHAIN_HOPS, 8 },
		{ CHAIN_OPTIONS, 8 },
		{ CHAIN_ROUTED, 8 },
		{ CHAIN_LONG, 128 },
		{ CHAIN_HOPS CHAIN_OPTIONS CHAIN_ROUTED CHAIN_OPTIONS, 32 },
		{ "hdrddd", 48 },
		{ "DD", 256 },
		/* RFC 6946: a datagram in one fragment. */
		{ CHAIN_FRAGMENT, 8 },
		{ CHAIN_HOPS CHAIN_FRAGMENT, 16 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		chain_goes_through(chains[i].chain, chains[i].size, false,
				   6000 + i);
		chain_goes_through(chains[i].chain, chains[i].size, true,
				   6000 + i);
	}
}

/* Beyond the bound, or what has no ports behind it. */
static void test_extension_bounds(void **state)
{
	static const struct {
		const char *chain;
		enum l4gate_reason tc;
	} chains[] = {
		{ "hdrdddd", L4GATE_EXTENSION },
		{ "hddddddddddddddddddd", L4GATE_EXTENSION },
		{ "DDd", L4GATE_EXTENSION },
		{ "dh", L4GATE_EXTENSION },
		{ "hda", L4GATE_NOT_OURS },
	};
	struct shape shape = { V6, .sport = 6100, .dport = 80,
			       .tcp_flags = SYN };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		shape.chain = chains[i].chain;
		expect_passed(&shape, L4GATE_DEFER_HEADER, chains[i].tc);
	}
	shape.chain = CHAIN_HOPS;
	shape.protocol = 59;	/* no next header */
	expect_passed(&shape, L4GATE_DEFER_HEADER, L4GATE_NOT_OURS);
	shape.protocol = 50;	/* ESP */
	expect_passed(&shape, L4GATE_DEFER_HEADER, L4GATE_NOT_OURS);
}

/* A header that says that it is longer than the packet, or than 2,048 bytes. */
static void test_extension_lengths(void **state)
{
	struct shape shape = { V6, .sport = 6200, .dport = 80,
			       .tcp_flags = SYN, .chain = "d" };
	int length;

	(void)state;
	for (length = 1; length < 256; length++) {
		struct frame in, out;

		frame_build(&in, &shape);
		in.bytes[55] = length;
		expect_deferred(&in);
		assert_int_equal(node_run(L4GATE_HOOK_TC_INGRESS, &in, &out),
				 TC_ACT_UNSPEC);
		expect_same(&in, &out);
	}
}

static void test_routing_header(void **state)
{
	struct shape shape = { V6, .sport = 6300, .dport = 80,
			       .tcp_flags = SYN };
	static const char *const chains[] = {
		CHAIN_ROUTE, CHAIN_TYPE0, CHAIN_HOPS CHAIN_ROUTE,
		CHAIN_TYPE0 CHAIN_OPTIONS,
	};
	struct frame in, out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		shape.chain = chains[i];
		shape.dst = "2001:db8::9";
		frame_build(&in, &shape);
		expect_deferred(&in);
		assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
					L4GATE_DROP_ROUTING_HEADER),
				 TC_ACT_SHOT);
		/* To others it is none of our business. */
		shape.dst = "2001:db8::8";
		expect_passed(&shape, L4GATE_DEFER_HEADER, L4GATE_EXTENSION);
	}
}

/* A RST has no extension headers; a quote of them has no place in an error. */
static void test_extension_rejected(void **state)
{
	struct shape shape = { V6, .sport = 6400, .dport = 81,
			       .tcp_flags = SYN, .payload = 5, .chain = "hd" };
	struct frame in, out;

	(void)state;
	frame_build(&in, &shape);
	expect_deferred(&in);
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				L4GATE_REJECT_NO_ROUTE), TC_ACT_REDIRECT);
	assert_int_equal(out.size, 14 + 40 + 20);
	assert_int_equal(out.bytes[14 + 6], 6);
	assert_true(frame_checks(&out));
	assert_true(frame_has_ends(&out, shape.dst, shape.src));
	/* The SYN and five bytes after sequence number 1000. */
	assert_int_equal(out.bytes[54 + 8] << 24 | out.bytes[54 + 9] << 16 |
			 out.bytes[54 + 10] << 8 | out.bytes[54 + 11],
			 1000 + 6);
	shape.udp = true;
	frame_build(&in, &shape);
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				L4GATE_REJECT_NO_ROUTE), TC_ACT_SHOT);
}

/* ---------------------------------------------------------------- IPv4 */

static void test_ipv4_options(void **state)
{
	struct shape shape = { V4, .dport = 80, .tcp_flags = SYN,
			       .payload = 3 };
	struct frame in, out;
	uint8_t words;

	(void)state;
	for (words = 1; words <= 10; words++) {
		shape.options = words;
		shape.sport = 6500 + words;
		frame_build(&in, &shape);
		expect_deferred(&in);
		assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
					L4GATE_TO_BACKEND), TC_ACT_REDIRECT);
		assert_true(frame_checks(&out));
		assert_true(frame_has_ends(&out, "10.0.0.1", "10.0.0.20"));
		assert_int_equal(frame_dport(&out), 8080);
		assert_memory_equal(out.bytes + 34, in.bytes + 34, words * 4);
	}
	shape.options = 0;
	for (words = 0; words < 5; words++) {
		shape.poke[0] = (struct poke){ 14, 0x40 | words };
		expect_passed(&shape, L4GATE_MALFORMED, L4GATE_MALFORMED);
	}
}

/* ---------------------------------------------------------------- martians */

static const char *const martians4[] = {
	"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1",
	"239.255.255.255", "255.255.255.255",
};

static const char *const martians6[] = {
	"::", "::1", "ff02::1", "ff0e::1", "::ffff:10.0.0.2",
};

/* Close to those that are not. */
static const char *const clients4[] = {
	"1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255",
	"240.0.0.1", "255.255.255.254",
};

static const char *const clients6[] = {
	"::2", "::fffe:10.0.0.2", "0:1::ffff:10.0.0.2", "fe80::1", "fd00::1",
};

static void expect_forwarded(const struct shape *shape)
{
	enum l4gate_hook hook;
	struct frame in, out;

	frame_build(&in, shape);
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		run_as(hook, &in, &out, L4GATE_TO_BACKEND);
		assert_true(frame_checks(&out));
	}
}

static void from_all(struct shape *shape, const char *const *sources,
		     size_t count, void (*expect)(const struct shape *))
{
	static const uint16_t ports[] = { 80, 81 };
	size_t i, k;

	for (i = 0; i < count; i++)
		for (k = 0; k < 4; k++) {
			shape->src = sources[i];
			shape->udp = k & 1;
			shape->dport = ports[k / 2];
			if (expect != expect_forwarded || shape->dport == 80)
				expect(shape);
		}
}

static void expect_martian(const struct shape *shape)
{
	expect_dropped(shape, L4GATE_DROP_MARTIAN);
}

#define ALL(array) array, sizeof(array) / sizeof(*(array))

/* In the modes, on a listener with a route and on one without. */
static void test_martians(void **state)
{
	static const char *const v4[] = { "10.0.0.9", "10.0.0.10", "10.0.0.11" };
	static const char *const v6[] = { "2001:db8::9", "2001:db8::a",
					  "2001:db8::b" };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct shape shape4 = { .dst = v4[i], .sport = 6600,
					.tcp_flags = SYN };
		struct shape shape6 = { .v6 = true, .dst = v6[i],
					.sport = 6600, .tcp_flags = SYN };

		from_all(&shape4, ALL(martians4), expect_martian);
		from_all(&shape6, ALL(martians6), expect_martian);
		from_all(&shape4, ALL(clients4), expect_forwarded);
		from_all(&shape6, ALL(clients6), expect_forwarded);
		/* Land: the listener writes to itself. */
		shape4.src = shape4.dst;
		shape6.src = shape6.dst;
		shape4.sport = shape4.dport = 80;
		shape6.sport = shape6.dport = 80;
		expect_martian(&shape4);
		expect_martian(&shape6);
		/* No RST to them either. */
		shape4.tcp_flags = ACK;
		shape4.src = "224.0.0.1";
		expect_martian(&shape4);
	}
}

/* A frame to everybody is not for us to answer, nor to carry on. */
static void test_group_frames(void **state)
{
	struct shape shape = { V4, .sport = 6700, .dport = 80,
			       .tcp_flags = SYN };
	static const uint8_t groups[] = { 0xff, 0x01, 0x33 };
	enum l4gate_hook hook;
	struct frame in, out;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(groups); i++) {
		shape.udp = i & 1;
		frame_build(&in, &shape);
		in.bytes[0] = groups[i / 2];
		for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS;
		     hook++)
			assert_int_equal(run_as(hook, &in, &out,
						L4GATE_DROP_MARTIAN),
					 drop_of(hook));
	}
}

/* ---------------------------------------------------------------- the rest */

/* RFC 768: a source port of 0 says that no answer is wanted. None listens on 0. */
static void test_port_0(void **state)
{
	struct shape shape = { V4, .dport = 80, .tcp_flags = SYN };

	(void)state;
	expect_forwarded(&shape);
	shape.udp = true;
	expect_forwarded(&shape);
	shape.sport = 6800;
	shape.dport = 0;
	expect_passed(&shape, L4GATE_NOT_OURS, L4GATE_NOT_OURS);
	shape.udp = false;
	expect_passed(&shape, L4GATE_NOT_OURS, L4GATE_NOT_OURS);
}

/* Frames are 60 bytes long at least: what is behind the packet is not of it. */
static void test_padding(void **state)
{
	enum l4gate_hook hook;
	struct frame in, out;
	uint16_t payload, port;

	(void)state;
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		for (port = 80; port <= 81; port++)
			for (payload = 0; payload <= 18; payload++) {
				struct shape shape = { V4, .udp = true,
					.sport = 6900, .dport = port,
					.payload = payload,
					.padding = 18 - payload };

				frame_build(&in, &shape);
				memset(in.bytes + 42 + payload, 0xee,
				       shape.padding);
				node_run(hook, &in, &out);
				assert_true(frame_checks(&out));
				assert_int_equal(out.size, port == 80 ? 60 :
						 14 + 20 + 8 + 20 + 8);
				if (port == 80)
					assert_memory_equal(out.bytes + 42,
							    in.bytes + 42, 18);
			}
}

/* IP packets too short for TCP or UDP, in frames that are long enough. */
static void test_short_packets(void **state)
{
	uint8_t length;

	(void)state;
	for (length = 20; length < 40; length++) {
		struct shape tcp = { V4, .sport = 7000, .dport = 80,
				     .tcp_flags = SYN, .padding = 6,
				     .poke = { { 17, length } } };
		struct shape udp = { V4, .udp = true, .sport = 7000,
				     .dport = 80, .padding = 18,
				     .poke = { { 17, length } } };

		expect_passed(&tcp, L4GATE_MALFORMED, L4GATE_MALFORMED);
		if (length < 28)
			expect_passed(&udp, L4GATE_MALFORMED,
				      L4GATE_MALFORMED);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_extension_bounds),
		cmocka_unit_test(test_extension_lengths),
		cmocka_unit_test(test_routing_header),
		cmocka_unit_test(test_extension_rejected),
		cmocka_unit_test(test_ipv4_options),
		cmocka_unit_test(test_martians),
		cmocka_unit_test(test_group_frames),
		cmocka_unit_test(test_port_0),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_short_packets),
	};
	int failed;

	node_enter();
	node_attach(0);
	node_publish(frames_manifest);
	failed = cmocka_run_group_tests_name("frames", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
