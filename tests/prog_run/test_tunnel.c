// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * ICMP errors about packets of dsr-ipip on their way to a backend: the client gets
 * those that concern it, about the packet that it sent.
 */
#include <arpa/inet.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "modes.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "run_as.h"

#define ETH 14

static const char *const us[] = { "10.0.0.1", "2001:db8::1" };
static const char *const client[] = { "10.0.0.2", "2001:db8::2" };
static const char *const router[] = { "10.9.9.9", "2001:db8:9::9" };
/* What says that a packet is too big. */
static const struct {
	uint8_t type, code;
} too_big[] = { { 3, 4 }, { 2, 0 } };

static size_t ip_header(bool v6)
{
	return v6 ? 40 : 20;
}

static const char *listener(enum l4gate_mode mode, bool v6)
{
	return v6 ? modes[mode].six : modes[mode].four;
}

/* A packet from a client, and the one that carries it to the backend. */
struct sent {
	bool v6;
	struct shape shape;
	struct frame inner, outer;
};

static void send_to(struct sent *sent, enum l4gate_mode mode, enum port to,
		    bool v6, bool udp, uint16_t port)
{
	sent->v6 = v6;
	sent->shape = (struct shape){ .v6 = v6, .udp = udp, .src = client[v6],
		.dst = listener(mode, v6), .sport = port, .dport = to,
		.tcp_flags = SYN, .payload = 40 };
	frame_build(&sent->inner, &sent->shape);
	run_as(L4GATE_HOOK_TC_INGRESS, &sent->inner, &sent->outer,
	    to == LOCAL ? L4GATE_TO_LOCAL : L4GATE_TO_BACKEND);
}

static void send_ipip(struct sent *sent, bool v6, bool udp, uint16_t port)
{
	send_to(sent, L4GATE_MODE_DSR_IPIP, GOOD, v6, udp, port);
	assert_int_equal(sent->outer.size, sent->inner.size + ip_header(v6));
}

/* As the backend would get it, from another address or to another one. */
static void wrap(struct sent *sent, const char *src, const char *dst)
{
	struct shape shape = { .v6 = sent->v6, .src = src, .dst = dst,
			       .protocol = sent->v6 ? 41 : 4 };
	size_t size = sent->inner.size - ETH;

	/* TCP's header is in the way of what is carried. */
	frame_build(&sent->outer, &shape);
	memcpy(sent->outer.bytes + ETH + ip_header(sent->v6),
	       sent->inner.bytes + ETH, size);
	sent->outer.size = ETH + ip_header(sent->v6) + size;
}

/* How an error is made, and what is to become of it. */
struct error {
	uint8_t type, code;
	uint32_t rest;
	size_t bytes;		/* behind the inner IP header; 0: all */
	const char *from;	/* NULL: a router */
	const char *to;		/* NULL: this node */
};

static void build(const struct sent *sent, const struct error *error,
		  struct frame *frame)
{
	struct shape shape = { .v6 = sent->v6,
			       .src = error->from ?: router[sent->v6],
			       .dst = error->to ?: us[sent->v6] };
	size_t size = error->bytes ? 2 * ip_header(sent->v6) + error->bytes :
				     sent->outer.size - ETH;

	frame_build_icmp(frame, &shape, error->type, error->code, error->rest,
			 sent->outer.bytes + ETH, size);
}

/* The client gets one of a type that says something, about its own packet. */
static void expect_told(const struct sent *sent, const struct error *error,
			const struct error *told)
{
	struct shape shape = { .v6 = sent->v6,
			       .src = told->from ?: router[sent->v6],
			       .dst = client[sent->v6] };
	size_t size = error->bytes ? ip_header(sent->v6) + error->bytes :
				     sent->inner.size - ETH;
	struct frame in, out, want;

	build(sent, error, &in);
	assert_true(frame_checks(&in));
	if (node.first_hook == L4GATE_HOOK_XDP) {
		assert_int_equal(run_as(L4GATE_HOOK_XDP, &in, &out,
				     L4GATE_DEFER_ICMP), XDP_PASS);
		assert_memory_equal(in.bytes, out.bytes, in.size);
	}
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
			     L4GATE_ICMP_TO_CLIENT), TC_ACT_REDIRECT);
	assert_true(frame_checks(&out));
	frame_build_icmp(&want, &shape, told->type, told->code, told->rest,
			 sent->inner.bytes + ETH, size);
	frame_set_ttl(&want, frame_ttl(&want) - 1);
	assert_int_equal(out.size, want.size);
	/* The MAC addresses are the way's. */
	assert_memory_equal(out.bytes + 12, want.bytes + 12, want.size - 12);
}

static void expect_passed(const struct frame *in)
{
	struct frame out;

	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, in, &out,
			     L4GATE_NOT_OURS), TC_ACT_UNSPEC);
	assert_int_equal(out.size, in->size);
	assert_memory_equal(out.bytes, in->bytes, in->size);
}

static struct error big(bool v6, uint32_t mtu)
{
	return (struct error){ .type = too_big[v6].type,
			       .code = too_big[v6].code, .rest = mtu };
}

static void expect_ignored(const struct sent *sent)
{
	struct error error = big(sent->v6, 1400);
	struct frame in;

	build(sent, &error, &in);
	expect_passed(&in);
}

/* Every length of the quote: what has the ports of the inner packet is enough. */
static void test_cuts(void **state)
{
	struct sent sent;
	struct frame in;
	size_t bytes;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1, udp = i & 2;
		struct error error = big(v6, 1400);
		struct error told = big(v6, v6 ? 1360 : 1380);

		send_ipip(&sent, v6, udp, 1000 + i);
		for (error.bytes = 8; error.bytes <= 48; error.bytes++)
			expect_told(&sent, &error, &told);
		error.bytes = 0;
		expect_told(&sent, &error, &told);
		for (bytes = 0; bytes < 2 * ip_header(v6) + 8; bytes++) {
			struct shape shape = { .v6 = v6, .src = router[v6],
					       .dst = us[v6] };

			frame_build_icmp(&in, &shape, error.type, error.code,
					 1400, sent.outer.bytes + ETH, bytes);
			expect_passed(&in);
			/* The rest may be there, but as padding. */
			in.size += 60;
			expect_passed(&in);
		}
	}
}

/* Room for the outer header is taken off, down to what everybody has to take. */
static void test_mtu(void **state)
{
	static const struct {
		bool v6;
		uint32_t rest, told;
	} rows[] = {
		{ false, 0, 0 }, { false, 1, 68 }, { false, 68, 68 },
		{ false, 88, 68 }, { false, 89, 69 }, { false, 576, 556 },
		{ false, 1500, 1480 }, { false, 65535, 65515 },
		/* The length of RFC 4884 says nothing of what is left. */
		{ false, 0x200578, 1380 }, { false, 0x200000, 0 },
		{ true, 0, 1280 }, { true, 1279, 1280 }, { true, 1280, 1280 },
		{ true, 1320, 1280 }, { true, 1321, 1281 },
		{ true, 1500, 1460 }, { true, 0x10000, 0xffd8 },
		{ true, 0xffffffff, 0xffffffd7 },
	};
	struct sent sent;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = big(rows[i].v6, rows[i].rest);
		struct error told = big(rows[i].v6, rows[i].told);

		send_ipip(&sent, rows[i].v6, i & 1, 1100);
		expect_told(&sent, &error, &told);
	}
}

/* RFC 2003 section 4, RFC 2473 section 8: what is passed on, and as what. */
static void test_kinds(void **state)
{
	static const struct {
		bool v6;
		uint8_t type, code, told_type, told_code;
	} rows[] = {
		{ false, 3, 0, 3, 0 }, { false, 3, 1, 3, 1 },
		{ false, 3, 2, 3, 1 }, { false, 3, 13, 3, 13 },
		{ false, 11, 0, 3, 1 }, { false, 11, 1, 3, 1 },
		{ true, 1, 0, 1, 3 }, { true, 1, 4, 1, 3 },
		{ true, 3, 0, 1, 3 },
		/* Ports, source routes, fields of the outer header. */
		{ .type = 3, .code = 3 }, { .type = 3, .code = 5 },
		{ .type = 12 }, { true, .type = 4, .code = 1 },
		/* No errors, or about the way to us. */
		{ .type = 4 }, { .type = 5, .code = 1 }, { .type = 0 },
		{ true, .type = 137 },
	};
	struct sent sent;
	struct frame in;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = { .type = rows[i].type,
				       .code = rows[i].code,
				       .rest = 0x01020304 };
		struct error told = { .type = rows[i].told_type,
				      .code = rows[i].told_code };

		send_ipip(&sent, rows[i].v6, i & 1, 1200);
		if (told.type) {
			expect_told(&sent, &error, &told);
			continue;
		}
		build(&sent, &error, &in);
		expect_passed(&in);
	}
}

/* A backend that knows no tunnel: to the client it has the listener's name. */
static void test_from_backend(void **state)
{
	struct sent sent;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		const char *backend = i ? backends[GOOD].six :
					  backends[GOOD].four;
		struct error error = { .type = i ? 1 : 3, .code = i ? 4 : 2,
				       .from = backend };
		struct error told = { .type = i ? 1 : 3, .code = i ? 3 : 1,
			.from = listener(L4GATE_MODE_DSR_IPIP, i) };

		send_ipip(&sent, i, false, 1300);
		expect_told(&sent, &error, &told);
	}
}

/* From another address than ours, to nobody that we sent it to, or of no flow. */
static void test_foreign(void **state)
{
	static const char *const others[] = { "10.0.0.77", "2001:db8::77" };
	struct error error, told;
	struct sent sent;
	struct frame in;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1, udp = i & 2;
		const char *backend = v6 ? backends[GOOD].six :
					   backends[GOOD].four;

		send_ipip(&sent, v6, udp, 1400);
		wrap(&sent, us[v6], backend);
		error = big(v6, 1400);
		told = big(v6, v6 ? 1360 : 1380);
		expect_told(&sent, &error, &told);
		/* To one and about another. */
		wrap(&sent, others[v6], backend);
		expect_ignored(&sent);
		/* Another's in all it says. */
		error.to = others[v6];
		build(&sent, &error, &in);
		expect_passed(&in);
		wrap(&sent, us[v6], others[v6]);
		expect_ignored(&sent);
		/* To a backend, but not this flow's. */
		wrap(&sent, us[v6], v6 ? backends[ROUTED].six :
					 backends[ROUTED].four);
		expect_ignored(&sent);
		sent.shape.sport++;
		frame_build(&sent.inner, &sent.shape);
		wrap(&sent, us[v6], backend);
		expect_ignored(&sent);
		/* And none has begun by that. */
		expect_ignored(&sent);
	}
}

/* Flows of which no packet is carried in another one. */
static void test_other_modes(void **state)
{
	enum l4gate_mode mode;
	struct sent sent;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1, udp = i & 2;

		for (mode = 0; mode < L4GATE_MODE_DSR_IPIP; mode++) {
			send_to(&sent, mode, GOOD, v6, udp, 1500);
			wrap(&sent, us[v6], v6 ? backends[GOOD].six :
						 backends[GOOD].four);
			expect_ignored(&sent);
		}
		send_to(&sent, L4GATE_MODE_DSR_IPIP, LOCAL, v6, udp, 1500);
		wrap(&sent, us[v6], us[v6]);
		expect_ignored(&sent);
	}
}

/* One byte of the quote is another. at: from the outer header on */
static void expect_ignored_with(const struct sent *sent, size_t at,
				uint8_t value)
{
	struct sent other = *sent;

	assert_int_not_equal(other.outer.bytes[ETH + at], value);
	other.outer.bytes[ETH + at] = value;
	expect_ignored(&other);
}

/* Headers that say what is not so. */
static void test_hostile_quotes(void **state)
{
	struct error error = big(false, 1400), told = big(false, 1380);
	struct sent sent;

	(void)state;
	send_ipip(&sent, false, false, 1600);
	expect_ignored_with(&sent, 0, 0x65);	/* version */
	expect_ignored_with(&sent, 0, 0x44);	/* header length */
	expect_ignored_with(&sent, 0, 0x46);
	expect_ignored_with(&sent, 0, 0x4f);
	expect_ignored_with(&sent, 6, 0x1f);	/* a later fragment */
	expect_ignored_with(&sent, 9, 41);	/* IPv6 in IPv4 */
	expect_ignored_with(&sent, 20, 0x65);
	expect_ignored_with(&sent, 20, 0x44);
	expect_ignored_with(&sent, 20, 0x46);	/* other ports */
	expect_ignored_with(&sent, 20, 0x4f);
	expect_ignored_with(&sent, 27, 1);	/* a later fragment */
	expect_ignored_with(&sent, 29, 1);	/* never about an error */
	expect_ignored_with(&sent, 29, 4);	/* a tunnel in the tunnel */

	/* Lengths that nobody believes. */
	memset(sent.outer.bytes + ETH + 22, 0xff, 2);
	memset(sent.inner.bytes + ETH + 2, 0xff, 2);
	expect_told(&sent, &error, &told);
	memset(sent.outer.bytes + ETH + 2, 0, 2);
	memset(sent.outer.bytes + ETH + 22, 0, 2);
	memset(sent.inner.bytes + ETH + 2, 0, 2);
	expect_told(&sent, &error, &told);

	send_ipip(&sent, true, false, 1600);
	expect_ignored_with(&sent, 0, 0x40);
	expect_ignored_with(&sent, 6, 4);	/* IPv4 in IPv6 */
	expect_ignored_with(&sent, 6, 60);	/* extension headers */
	expect_ignored_with(&sent, 40, 0x40);
	expect_ignored_with(&sent, 46, 44);
	expect_ignored_with(&sent, 46, 58);
	expect_ignored_with(&sent, 46, 41);
}

/* IP options of the client's are quoted; those of the error itself are in the way. */
static void test_options(void **state)
{
	struct error error = big(false, 1400), told = big(false, 1380);
	struct sent sent;
	struct frame in;
	struct shape shape = { .src = router[0], .dst = us[0], .options = 1 };

	(void)state;
	send_ipip(&sent, false, false, 1700);
	frame_build_icmp(&in, &shape, 3, 4, 1400, sent.outer.bytes + ETH,
			 sent.outer.size - ETH);
	expect_passed(&in);
	/* Where its type would be without them. */
	memcpy(in.bytes + ETH + 20, "\x03\x04", 2);
	expect_passed(&in);
	sent.shape.options = 10;
	frame_build(&sent.inner, &sent.shape);
	wrap(&sent, us[0], backends[GOOD].four);
	expect_told(&sent, &error, &told);
	/* Up to the ports, and one byte less. */
	error.bytes = 40 + 8;
	expect_told(&sent, &error, &told);
	error.bytes = 40 + 7;
	build(&sent, &error, &in);
	expect_passed(&in);
}

/* A frame has a least size: what fills it up stays behind the error. */
static void test_padding(void **state)
{
	struct error error = big(false, 1400);
	struct frame in, out;
	struct sent sent;
	size_t i;

	(void)state;
	error.bytes = 8;
	send_ipip(&sent, false, true, 1800);
	build(&sent, &error, &in);
	in.size += 6;
	for (i = 0; i < 6; i++)
		in.bytes[in.size - 1 - i] = 0xee;
	run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_ICMP_TO_CLIENT);
	assert_int_equal(out.size, in.size - 20);
	assert_true(frame_checks(&out));
	assert_memory_equal(out.bytes + out.size - 6, in.bytes + in.size - 6,
			    6);
}

/* Checksums that were wrong stay so: who gets the error finds out. */
static void test_wrong_checksums(void **state)
{
	struct error error;
	struct frame in, out;
	struct sent sent;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		error = big(i, 1400);
		send_ipip(&sent, i, true, 1900);
		build(&sent, &error, &in);
		in.bytes[in.size - 1] ^= 1;
		assert_false(frame_checks(&in));
		run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_ICMP_TO_CLIENT);
		assert_false(frame_checks(&out));
		out.bytes[out.size - 1] ^= 1;
		assert_true(frame_checks(&out));
	}
}

/* Never an error about an error. */
static void test_ttl(void **state)
{
	struct error error;
	struct frame in, out;
	struct sent sent;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		error = big(i, 1400);
		send_ipip(&sent, i, false, 2000);
		build(&sent, &error, &in);
		frame_set_ttl(&in, 1);
		assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				     L4GATE_DROP_TTL), TC_ACT_SHOT);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_from_backend),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_other_modes),
		cmocka_unit_test(test_hostile_quotes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_wrong_checksums),
		cmocka_unit_test(test_ttl),
	};
	int failed;

	node_enter();
	node_attach(0);
	modes_routes();
	node_shell("ip route add default via 10.0.0.2 && "
		   "ip -6 route add default via 2001:db8::2");
	modes_publish("");
	failed = cmocka_run_group_tests_name("tunnel", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
