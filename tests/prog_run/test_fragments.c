// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Fragments at TC, in any order: those that are forwarded make the datagram again
 * that was sent, with the addresses that it is to have. XDP leaves them alone.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "capture.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "expect.h"

#define TC L4GATE_HOOK_TC_INGRESS
#define ETHERNET 14
#define PART 512		/* bytes of all fragments but the last */
#define PARTS 3

/* A datagram, and what it is cut into. */
struct datagram {
	struct shape shape;
	struct frame whole;
	struct frame part[PARTS];
};

static uint32_t next_id = 1;
static uint16_t next_port = 2000;

static uint16_t header_sum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < size; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put16(uint8_t *to, uint16_t value)
{
	to[0] = value >> 8;
	to[1] = value;
}

/* The bytes of a datagram from an offset on, as a fragment. */
static void cut4(struct frame *to, const struct frame *whole, uint32_t offset,
		 uint32_t size, bool more, uint32_t id)
{
	uint8_t *ip = to->bytes + ETHERNET;

	memset(to, 0, sizeof(*to));
	memcpy(to->bytes, whole->bytes, ETHERNET + 20);
	memcpy(ip + 20, whole->bytes + ETHERNET + 20 + offset, size);
	put16(ip + 2, 20 + size);
	put16(ip + 4, id);
	put16(ip + 6, offset >> 3 | (more ? 0x2000 : 0));
	put16(ip + 10, 0);
	put16(ip + 10, ~header_sum(ip, 20));
	to->size = ETHERNET + 20 + size;
}

static void cut6(struct frame *to, const struct frame *whole, uint32_t offset,
		 uint32_t size, bool more, uint32_t id)
{
	uint8_t *ip = to->bytes + ETHERNET, *head = ip + 40;

	memset(to, 0, sizeof(*to));
	memcpy(to->bytes, whole->bytes, ETHERNET + 40);
	memcpy(head + 8, whole->bytes + ETHERNET + 40 + offset, size);
	put16(ip + 4, 8 + size);
	head[0] = ip[6];
	ip[6] = 44;
	put16(head + 2, offset | more);
	put16(head + 6, id);
	to->size = ETHERNET + 48 + size;
}

static uint32_t ip_header(bool v6)
{
	return ETHERNET + (v6 ? 40 : 20);
}

static void cut(struct datagram *datagram)
{
	uint32_t header = ip_header(datagram->shape.v6), i;
	uint32_t length = datagram->whole.size - header;

	next_id++;
	for (i = 0; i < PARTS; i++) {
		bool more = i < PARTS - 1;

		(datagram->shape.v6 ? cut6 : cut4)(
			&datagram->part[i], &datagram->whole, i * PART,
			more ? PART : length - i * PART, more, next_id);
	}
}

static void make(struct datagram *datagram, const struct shape *shape)
{
	memset(datagram, 0, sizeof(*datagram));
	datagram->shape = *shape;
	datagram->shape.sport = next_port++;
	datagram->shape.payload = 2 * PART + 100;
	frame_build(&datagram->whole, &datagram->shape);
	cut(datagram);
}

/* Puts together what came out, in the order of the datagram. */
static void join(const struct datagram *datagram, const struct frame *out,
		 struct frame *whole)
{
	bool v6 = datagram->shape.v6;
	uint32_t header = ip_header(v6), at = header, i;

	memset(whole, 0, sizeof(*whole));
	memcpy(whole->bytes, out[0].bytes, header);
	for (i = 0; i < PARTS; i++) {
		uint32_t skip = header + (v6 ? 8 : 0);

		memcpy(whole->bytes + at, out[i].bytes + skip,
		       out[i].size - skip);
		at += out[i].size - skip;
	}
	whole->size = at;
	if (v6) {
		put16(whole->bytes + ETHERNET + 4, at - header);
		whole->bytes[ETHERNET + 6] = out[0].bytes[header];
		return;
	}
	put16(whole->bytes + ETHERNET + 2, at - ETHERNET);
	put16(whole->bytes + ETHERNET + 6, 0);
	put16(whole->bytes + ETHERNET + 10, 0);
	put16(whole->bytes + ETHERNET + 10,
	      ~header_sum(whole->bytes + ETHERNET, 20));
}

/* All fragments of IPv4 have one id, and headers that are right. */
static void check_parts(const struct datagram *datagram,
			const struct frame *out)
{
	uint32_t i;

	for (i = 0; i < PARTS; i++) {
		assert_int_equal(out[i].size, datagram->part[i].size);
		if (datagram->shape.v6)
			continue;
		assert_memory_equal(out[i].bytes + ETHERNET + 4,
				    out[0].bytes + ETHERNET + 4, 2);
		assert_int_equal(header_sum(out[i].bytes + ETHERNET, 20),
				 0xffff);
	}
}

static void check_datagram(const struct datagram *datagram,
			   const struct frame *out, const char *src)
{
	const char *dst = datagram->shape.v6 ? "2001:db8::20" : "10.0.0.20";
	struct frame whole;

	check_parts(datagram, out);
	join(datagram, out, &whole);
	assert_true(frame_checks(&whole));
	assert_true(frame_has_ends(&whole, src, dst));
	assert_int_equal(frame_dport(&whole), 8080);
}

/* Of nat, and of transparent. */
static const struct {
	struct shape shape;
	const char *src;
} kinds[] = {
	{ { V4, .udp = true, .dport = 80 }, "10.0.0.1" },
	{ { V6, .udp = true, .dport = 80 }, "2001:db8::1" },
	{ { .src = "10.0.0.2", .dst = "10.0.0.10", .udp = true, .dport = 80 },
	  "10.0.0.2" },
	{ { .v6 = true, .src = "2001:db8::2", .dst = "2001:db8::a",
	    .udp = true, .dport = 80 }, "2001:db8::2" },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void test_in_order(void **state)
{
	struct frame out[PARTS];
	struct datagram datagram;
	size_t i, j;

	(void)state;
	for (i = 0; i < KINDS; i++) {
		make(&datagram, &kinds[i].shape);
		for (j = 0; j < PARTS; j++)
			assert_int_equal(run_as(TC, &datagram.part[j], &out[j],
						L4GATE_TO_BACKEND),
					 TC_ACT_REDIRECT);
		check_datagram(&datagram, out, kinds[i].src);
		/* And once more: they may come twice. */
		run_as(TC, &datagram.part[1], &out[1], L4GATE_TO_BACKEND);
		check_datagram(&datagram, out, kinds[i].src);
	}
}

static void test_xdp_passes(void **state)
{
	struct datagram datagram;
	struct frame out;
	size_t i, j;

	(void)state;
	if (node.first_hook != L4GATE_HOOK_XDP)
		return;
	for (i = 0; i < KINDS; i++) {
		make(&datagram, &kinds[i].shape);
		for (j = 0; j < PARTS; j++) {
			run_as(L4GATE_HOOK_XDP, &datagram.part[j], &out,
			       L4GATE_DEFER_HEADER);
			expect_same(&datagram.part[j], &out);
		}
	}
}

/* Waits until so many more packets were counted. */
static void expect_count(enum l4gate_reason reason, uint64_t before,
			 uint64_t more)
{
	int tries;

	for (tries = 0; tries < 200; tries++) {
		if (stats_reason(node.dataplane, TC, reason).packets >=
		    before + more)
			break;
		usleep(10000);
	}
	assert_int_equal(stats_reason(node.dataplane, TC, reason).packets,
			 before + more);
}

/* Tails first: they are sent in behind the first fragment, by the device. */
static void test_reversed(void **state)
{
	struct datagram datagram;
	struct frame out;
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++) {
		uint64_t before;
		int j;

		make(&datagram, &kinds[i].shape);
		before = stats_reason(node.dataplane, TC,
				      L4GATE_TO_BACKEND).packets;
		for (j = PARTS - 1; j > 0; j--)
			assert_int_equal(run_as(TC, &datagram.part[j], &out,
						L4GATE_HELD_FRAGMENT),
					 TC_ACT_SHOT);
		assert_int_equal(node_run(TC, &datagram.part[0], &out),
				 TC_ACT_REDIRECT);
		assert_int_equal(out.size, datagram.part[0].size);
		expect_count(L4GATE_TO_BACKEND, before, PARTS);
	}
}

/* Two clients of nat with one id, at the same time: their backend sees two. */
static void test_ids_differ(void **state)
{
	struct datagram a, b;
	struct frame out[2];

	(void)state;
	make(&a, &kinds[0].shape);
	make(&b, &kinds[0].shape);
	b.shape.src = "10.0.0.3";
	frame_build(&b.whole, &b.shape);
	next_id--;
	cut(&b);
	next_id--;
	cut(&a);
	run_as(TC, &a.part[0], &out[0], L4GATE_TO_BACKEND);
	run_as(TC, &b.part[0], &out[1], L4GATE_TO_BACKEND);
	assert_memory_not_equal(out[0].bytes + ETHERNET + 4,
				out[1].bytes + ETHERNET + 4, 2);
}

/* What a first fragment is answered with, its tails are dropped for. */
static void test_rejected(void **state)
{
	struct datagram datagram;
	struct frame out;
	int v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		struct shape shape = kinds[v6].shape;

		shape.dport = 81;
		make(&datagram, &shape);
		run_as(TC, &datagram.part[0], &out, L4GATE_REJECT_NO_ROUTE);
		assert_int_equal(run_as(TC, &datagram.part[1], &out,
					L4GATE_DROP_FRAGMENT), TC_ACT_SHOT);
	}
}

/* RFC 1858 and RFC 3128: headers that are cut, or written over. */
static void test_tiny(void **state)
{
	struct shape shape = { V4, .sport = 900, .dport = 80,
			       .tcp_flags = SYN, .payload = 64 };
	struct frame whole, part, out;
	int v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		shape.v6 = v6;
		shape.src = kinds[v6].shape.src;
		shape.dst = kinds[v6].shape.dst;
		frame_build(&whole, &shape);
		next_id++;
		(v6 ? cut6 : cut4)(&part, &whole, 0, 16, true, next_id);
		assert_int_equal(run_as(TC, &part, &out, L4GATE_DROP_FRAGMENT),
				 TC_ACT_SHOT);
		(v6 ? cut6 : cut4)(&part, &whole, 8, 16, true, next_id);
		run_as(TC, &part, &out, L4GATE_DROP_FRAGMENT);
		/* It ends behind the longest datagram. */
		(v6 ? cut6 : cut4)(&part, &whole, 0, 64, false, next_id);
		put16(part.bytes + ip_header(v6) + (v6 ? 2 : -14),
		      v6 ? 0xfff8 : 0x1fff);
		if (!v6) {
			put16(part.bytes + ETHERNET + 10, 0);
			put16(part.bytes + ETHERNET + 10,
			      ~header_sum(part.bytes + ETHERNET, 20));
		}
		run_as(TC, &part, &out, L4GATE_MALFORMED);
		expect_same(&part, &out);
	}
}

/* To others, whatever they are a part of. */
static void test_not_ours(void **state)
{
	struct shape shape = { .src = "10.0.0.2", .dst = "10.0.0.8",
			       .udp = true, .dport = 80 };
	struct datagram datagram;
	struct frame out;
	int j;

	(void)state;
	make(&datagram, &shape);
	for (j = PARTS - 1; j > 0; j--) {
		run_as(TC, &datagram.part[j], &out, L4GATE_FRAGMENT);
		expect_same(&datagram.part[j], &out);
	}
	run_as(TC, &datagram.part[0], &out, L4GATE_NOT_OURS);
	expect_same(&datagram.part[0], &out);
}

/* One sender may have 256 wait; of others that many still may. */
static void test_limit(void **state)
{
	struct datagram datagram;
	struct frame out;
	int i, held = 0;

	(void)state;
	for (i = 0; i < 300; i++) {
		uint64_t before = stats_reason(node.dataplane, TC,
					       L4GATE_HELD_FRAGMENT).packets;

		make(&datagram, &kinds[0].shape);
		node_run(TC, &datagram.part[1], &out);
		held += stats_reason(node.dataplane, TC,
				     L4GATE_HELD_FRAGMENT).packets != before;
	}
	assert_in_range(held, 256, 299);
	make(&datagram, &kinds[1].shape);
	run_as(TC, &datagram.part[1], &out, L4GATE_HELD_FRAGMENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_xdp_passes),
		cmocka_unit_test(test_reversed),
		cmocka_unit_test(test_ids_differ),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_limit),
	};
	int failed;

	node_enter();
	node_shell("ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 dev d0");
	node_attach(0);
	node_publish(frames_manifest);
	failed = capture_run_tests("fragments", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
