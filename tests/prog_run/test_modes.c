// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The same packets in each mode, of both families and protocols, on both hooks: what
 * comes out, and what it is counted as. A row stands for all that it names.
 */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include "capture.h"
#include "modes.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { TCP4, TCP6, UDP4, UDP6, KINDS };
static const char *const kind_names[KINDS] = { "tcp4", "tcp6", "udp4",
					       "udp6" };

/* Sets of kinds and of modes. */
#define TCP (1 << TCP4 | 1 << TCP6)
#define UDP (1 << UDP4 | 1 << UDP6)
#define FOUR (1 << TCP4 | 1 << UDP4)
#define SIX (1 << TCP6 | 1 << UDP6)
#define ANY (TCP | UDP)
#define NAT (1 << L4GATE_MODE_NAT)
#define TRANSPARENT (1 << L4GATE_MODE_TRANSPARENT)
#define DSR_L2 (1 << L4GATE_MODE_DSR_L2)
#define IPIP (1 << L4GATE_MODE_DSR_IPIP)
#define REPLIES (NAT | TRANSPARENT)
#define DSR (DSR_L2 | IPIP)
#define DIRECT (TRANSPARENT | DSR)
#define ALL (NAT | DIRECT)

/* What was of the flow before the packet. */
enum before {
	NOTHING,
	BEGUN,		/* its first packet */
	UP,		/* the handshake; of UDP an answer, too */
	CLOSED,		/* then FIN of both sides that we see */
	RESET_BY_CLIENT,
};

enum outcome {
	PASSES,		/* byte-identical */
	FORWARDED,	/* as the mode has it */
	REJECTED,	/* a RST, or an ICMP error */
	DROPPED,
};

struct row {
	const char *name;
	uint8_t kinds, modes;
	enum outcome outcome;
	/* The reasons on XDP and on TC: what XDP defers is unchanged there. */
	enum l4gate_reason xdp, tc;
	enum before before;
	bool from_backend;
	uint16_t port;		/* the listener's; 0: GOOD */
	uint16_t client_port;	/* 0: one that no other case has */
	uint16_t to_port;	/* of what a backend sends; 0: the flow's */
	struct shape packet;	/* flags, TTL, lengths */
};

#define BOTH(reason) L4GATE_##reason, L4GATE_##reason
#define DEFERS(how, reason) L4GATE_DEFER_##how, L4GATE_##reason
#define FLAGS(flags) .packet = { .tcp_flags = flags }
#define PSH 0x08
#define URG 0x20
#define DF 0x4000
/* Payloads that make a frame as long as the MTU allows, for each kind of headers. */
#define FULL_TCP4 1460
#define FULL_TCP6 1440
#define FULL_UDP4 1472
#define FULL_UDP6 1452

static const struct row rows[] = {
	{ "new flow", ANY, ALL, FORWARDED, BOTH(TO_BACKEND), FLAGS(SYN) },
	{ "first packet again", ANY, ALL, FORWARDED, BOTH(TO_BACKEND), BEGUN,
	  FLAGS(SYN) },
	{ "data of a flow", ANY, ALL, FORWARDED, BOTH(TO_BACKEND), UP,
	  .packet = { .tcp_flags = ACK | PSH, .payload = 33 } },
	{ "first answer", ANY, REPLIES, FORWARDED, BOTH(TO_CLIENT), BEGUN,
	  .from_backend = true, FLAGS(SYN | ACK) },
	{ "reply", ANY, REPLIES, FORWARDED, BOTH(TO_CLIENT), UP,
	  .from_backend = true,
	  .packet = { .tcp_flags = ACK, .payload = 100 } },
	{ "rejected", ANY, ALL, REJECTED, BOTH(REJECT_SLOT), .port = MISSING,
	  FLAGS(SYN) },
	{ "listener without route", ANY, ALL, REJECTED, BOTH(REJECT_NO_ROUTE),
	  .port = ROUTELESS, FLAGS(SYN) },
	{ "port of no listener", ANY, ALL, PASSES, BOTH(NOT_OURS),
	  .port = PORTS, FLAGS(SYN) },
	{ "port 65535", TCP, NAT, PASSES, BOTH(NOT_OURS), .port = 65535,
	  FLAGS(SYN) },

	/* A switch that floods shows us what is for another host. */
	{ "new flow for another host", ANY, ALL, PASSES, BOTH(NOT_OURS),
	  .packet = { .tcp_flags = SYN, .poke = { { 5, 0x77 } } } },
	{ "no flow for another host", TCP, ALL, PASSES, BOTH(NOT_OURS),
	  .packet = { .tcp_flags = ACK, .poke = { { 1, 0x77 } } } },
	{ "rejected for another host", ANY, ALL, PASSES, BOTH(NOT_OURS),
	  .port = MISSING,
	  .packet = { .tcp_flags = SYN, .poke = { { 5, 0x77 } } } },
	{ "of a flow for another host", ANY, ALL, PASSES, BOTH(NOT_OURS), UP,
	  .packet = { .tcp_flags = ACK, .poke = { { 3, 0x77 } } } },
	{ "reply for another host", ANY, REPLIES, PASSES, BOTH(NOT_OURS), UP,
	  .from_backend = true,
	  .packet = { .tcp_flags = ACK, .poke = { { 4, 0x77 } } } },

	/* What a client's port may be. */
	{ "client port 65535", ANY, ALL, FORWARDED, BOTH(TO_BACKEND),
	  .client_port = 65535, FLAGS(SYN) },
	{ "client port 1", ANY, NAT, FORWARDED, BOTH(TO_BACKEND),
	  .client_port = 1, FLAGS(SYN) },
	{ "client port first of nat", ANY, NAT, FORWARDED, BOTH(TO_BACKEND),
	  .client_port = 10240, FLAGS(SYN) },

	/* Flags without a flow, and with one. */
	{ "ack of no flow", TCP, NAT, REJECTED, BOTH(REJECT_NO_FLOW),
	  FLAGS(ACK) },
	{ "ack of no flow", TCP, DIRECT, FORWARDED, BOTH(TO_BACKEND),
	  FLAGS(ACK) },
	{ "no flags, no flow", TCP, NAT, REJECTED, BOTH(REJECT_NO_FLOW),
	  FLAGS(0) },
	{ "no flags, no flow", TCP, DIRECT, FORWARDED, BOTH(TO_BACKEND),
	  FLAGS(0) },
	{ "xmas of no flow", TCP, NAT, REJECTED, BOTH(REJECT_NO_FLOW),
	  FLAGS(FIN | PSH | URG) },
	{ "xmas of no flow", TCP, DIRECT, FORWARDED, BOTH(TO_BACKEND),
	  FLAGS(FIN | PSH | URG) },
	{ "syn ack of no flow", TCP, NAT, REJECTED, BOTH(REJECT_NO_FLOW),
	  FLAGS(SYN | ACK) },
	{ "rst of no flow", TCP, NAT, DROPPED, BOTH(DROP_RST_NO_FLOW),
	  FLAGS(RST) },
	{ "rst of no flow", TCP, DIRECT, FORWARDED, BOTH(TO_BACKEND),
	  FLAGS(RST) },
	{ "rst to a rejected listener", TCP, ALL, DROPPED,
	  BOTH(DROP_RST_NO_FLOW), .port = MISSING, FLAGS(RST | ACK) },
	{ "syn fin", TCP, NAT, FORWARDED, BOTH(TO_BACKEND), FLAGS(SYN | FIN) },
	{ "syn of a flow that is up", TCP, ALL, FORWARDED, BOTH(TO_BACKEND),
	  UP, FLAGS(SYN) },
	{ "xmas of a flow", TCP, REPLIES, FORWARDED, BOTH(TO_BACKEND), UP,
	  FLAGS(FIN | PSH | URG) },
	{ "fin of a flow", TCP, ALL, FORWARDED, BOTH(TO_BACKEND), UP,
	  FLAGS(FIN | ACK) },
	{ "rst of a flow", TCP, ALL, FORWARDED, BOTH(TO_BACKEND), UP,
	  FLAGS(RST) },
	{ "rst of the backend", TCP, REPLIES, FORWARDED, BOTH(TO_CLIENT), UP,
	  .from_backend = true, FLAGS(RST | ACK) },
	{ "last ack of a closed flow", TCP, ALL, FORWARDED, BOTH(TO_BACKEND),
	  CLOSED, FLAGS(ACK) },
	{ "syn behind a closed flow", TCP, ALL, FORWARDED, BOTH(TO_BACKEND),
	  CLOSED, FLAGS(SYN) },
	{ "syn behind a rst", TCP, ALL, FORWARDED, BOTH(TO_BACKEND),
	  RESET_BY_CLIENT, FLAGS(SYN) },
	{ "data behind a rst", TCP, ALL, FORWARDED, BOTH(TO_BACKEND),
	  RESET_BY_CLIENT, .packet = { .tcp_flags = ACK, .payload = 5 } },

	/* What comes from a backend and is of no flow. */
	{ "reply to the port below nat's", ANY, NAT, PASSES, BOTH(NOT_OURS),
	  .from_backend = true, .to_port = 10239, FLAGS(ACK) },
	{ "reply to the first port of nat", ANY, NAT, PASSES, BOTH(NOT_OURS),
	  .from_backend = true, .to_port = 10240, FLAGS(ACK) },
	{ "reply to the last port of nat", ANY, NAT, PASSES, BOTH(NOT_OURS),
	  .from_backend = true, .to_port = 32767, FLAGS(ACK) },
	{ "reply to the port above nat's", ANY, NAT, PASSES, BOTH(NOT_OURS),
	  .from_backend = true, .to_port = 32768, FLAGS(ACK) },
	{ "reply to a client without a flow", ANY, TRANSPARENT, PASSES,
	  BOTH(NOT_OURS), .from_backend = true, .to_port = 999, FLAGS(ACK) },

	/* Lifetimes of packets. */
	{ "ttl 1", ANY, ALL, REJECTED, DEFERS(REJECT, TOLD_TTL),
	  .packet = { .tcp_flags = SYN, .ttl = 1 } },
	{ "ttl 1 of a flow", ANY, REPLIES, REJECTED, DEFERS(REJECT, TOLD_TTL), UP,
	  .packet = { .tcp_flags = ACK, .ttl = 1 } },
	{ "ttl 1 of a reply", ANY, REPLIES, REJECTED, DEFERS(REJECT, TOLD_TTL), UP,
	  .from_backend = true, .packet = { .tcp_flags = ACK, .ttl = 1 } },
	{ "ttl 2", ANY, ALL, FORWARDED, BOTH(TO_BACKEND),
	  .packet = { .tcp_flags = SYN, .ttl = 2 } },
	{ "ttl 255", ANY, REPLIES, FORWARDED, BOTH(TO_BACKEND),
	  .packet = { .tcp_flags = SYN, .ttl = 255 } },

	/* Where a backend may be. */
	{ "backend on the node", ANY, ALL, FORWARDED,
	  DEFERS(NEXT_HOP, TO_LOCAL), .port = LOCAL, FLAGS(SYN) },
	{ "backend behind another device", ANY, REPLIES, FORWARDED,
	  DEFERS(NEXT_HOP, TO_BACKEND), .port = UNATTACHED, FLAGS(SYN) },
	{ "backend that is unreachable", ANY, ALL, DROPPED, BOTH(DROP_NO_ROUTE),
	  .port = NOWHERE, FLAGS(SYN) },
	{ "neighbour that is not known", ANY, ALL, FORWARDED,
	  DEFERS(NEXT_HOP, TO_BACKEND), .port = UNRESOLVED, FLAGS(SYN) },
	{ "backend behind a router", ANY, REPLIES | IPIP, FORWARDED,
	  BOTH(TO_BACKEND), .port = ROUTED, FLAGS(SYN) },
	{ "backend behind a router", ANY, DSR_L2, DROPPED,
	  BOTH(DROP_NOT_ON_LINK), .port = ROUTED, FLAGS(SYN) },

	/* Lengths. */
	{ "as long as may be", 1 << TCP4, REPLIES | DSR_L2, FORWARDED,
	  BOTH(TO_BACKEND), UP,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP4 } },
	{ "as long as may be", 1 << TCP6, REPLIES | DSR_L2, FORWARDED,
	  BOTH(TO_BACKEND), UP,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP6 } },
	{ "as long as may be", 1 << UDP4, REPLIES | DSR_L2, FORWARDED,
	  BOTH(TO_BACKEND), .packet = { .payload = FULL_UDP4 } },
	{ "as long as may be", 1 << UDP6, REPLIES | DSR_L2, FORWARDED,
	  BOTH(TO_BACKEND), .packet = { .payload = FULL_UDP6 } },
	{ "as long as fits into another", 1 << TCP4, IPIP, FORWARDED,
	  BOTH(TO_BACKEND), UP,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP4 - 20 } },
	{ "as long as fits into another", 1 << UDP6, IPIP, FORWARDED,
	  BOTH(TO_BACKEND), .packet = { .payload = FULL_UDP6 - 40 } },
	{ "a byte too long for another", 1 << TCP4, IPIP, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG), UP,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP4 - 19,
		      .fragment = DF } },
	{ "a byte too long for another", 1 << UDP6, IPIP, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG),
	  .packet = { .payload = FULL_UDP6 - 39 } },
	{ "a byte too long", 1 << TCP4, REPLIES | DSR_L2, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG), UP,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP4 + 1,
		      .fragment = DF } },
	{ "a byte too long", 1 << TCP6, REPLIES | DSR_L2, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG), UP,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP6 + 1 } },
	{ "a byte too long", 1 << UDP4, REPLIES | DSR_L2, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG),
	  .packet = { .payload = FULL_UDP4 + 1, .fragment = DF } },
	{ "a byte too long", 1 << UDP6, REPLIES | DSR_L2, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG),
	  .packet = { .payload = FULL_UDP6 + 1 } },
	{ "a byte too long, may be cut", 1 << UDP4, ALL, DROPPED,
	  DEFERS(NEXT_HOP, DROP_TOO_BIG),
	  .packet = { .payload = FULL_UDP4 + 1 } },
	{ "a reply a byte too long", 1 << TCP4, REPLIES, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG), UP, .from_backend = true,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP4 + 1,
		      .fragment = DF } },
	{ "a reply a byte too long", 1 << TCP6, REPLIES, REJECTED,
	  DEFERS(NEXT_HOP, TOLD_TOO_BIG), UP, .from_backend = true,
	  .packet = { .tcp_flags = ACK, .payload = FULL_TCP6 + 1 } },
	{ "no payload", UDP, ALL, FORWARDED, BOTH(TO_BACKEND), FLAGS(0) },
	{ "odd length", ANY, ALL, FORWARDED, BOTH(TO_BACKEND),
	  .packet = { .tcp_flags = SYN, .payload = 1 } },
	{ "padding", ANY, ALL, FORWARDED, BOTH(TO_BACKEND),
	  .packet = { .tcp_flags = SYN, .payload = 2, .padding = 5 } },
	{ "padding of a reply", ANY, REPLIES, FORWARDED, BOTH(TO_CLIENT), UP,
	  .from_backend = true,
	  .packet = { .tcp_flags = ACK, .padding = 6 } },
	{ "df", FOUR, ALL, FORWARDED, BOTH(TO_BACKEND),
	  .packet = { .tcp_flags = SYN, .fragment = DF } },
	{ "options in ip", FOUR, ALL, FORWARDED, DEFERS(HEADER, TO_BACKEND),
	  .packet = { .tcp_flags = SYN, .options = 4 } },
	{ "no checksum", UDP, ALL, FORWARDED, BOTH(TO_BACKEND),
	  .packet = { .payload = 3, .no_udp_check = true } },
	{ "no checksum of a reply", UDP, REPLIES, FORWARDED, BOTH(TO_CLIENT),
	  UP, .from_backend = true,
	  .packet = { .payload = 3, .no_udp_check = true } },
};

/* ------------------------------------------------------------ one case */

struct test_case {
	const struct row *row;
	enum l4gate_mode mode;
	unsigned int kind;
	enum l4gate_hook hook;
	uint16_t client_port;
};

static bool is_v6(const struct test_case *test)
{
	return 1 << test->kind & SIX;
}

static uint16_t listener_port(const struct test_case *test)
{
	return test->row->port ?: GOOD;
}

static const char *backend_of(const struct test_case *test)
{
	uint16_t port = listener_port(test);

	return is_v6(test) ? backends[port].six : backends[port].four;
}

static const char *listener_of(const struct test_case *test)
{
	return is_v6(test) ? modes[test->mode].six : modes[test->mode].four;
}

static const char *client_of(const struct test_case *test)
{
	return is_v6(test) ? "2001:db8::2" : "10.0.0.2";
}

/* Who a backend takes for its client. */
static const char *seen_client(const struct test_case *test)
{
	if (test->mode != L4GATE_MODE_NAT)
		return client_of(test);
	if (listener_port(test) == LOCAL || listener_port(test) == UNATTACHED)
		return client_of(test);
	return is_v6(test) ? "2001:db8::1" : "10.0.0.1";
}

/* Gives a packet its ends; seen is the client's port as the backend knows it. */
static void address(struct shape *shape, const struct test_case *test,
		    bool from_backend, uint16_t seen)
{
	shape->v6 = is_v6(test);
	shape->udp = 1 << test->kind & UDP;
	if (shape->udp)
		shape->tcp_flags = 0;
	if (from_backend) {
		shape->src = backend_of(test);
		shape->sport = 8080;
		shape->dst = seen_client(test);
		shape->dport = seen;
		return;
	}
	shape->src = client_of(test);
	shape->sport = test->client_port;
	shape->dst = listener_of(test);
	shape->dport = listener_port(test);
}

/* A packet before the one that counts; the client's port that comes out of it. */
static uint16_t lead_in(const struct test_case *test, bool from_backend,
			uint16_t seen, uint8_t flags)
{
	struct shape shape = { .tcp_flags = flags };
	struct frame in, out;

	if (from_backend && !(1 << test->mode & REPLIES))
		return seen;
	address(&shape, test, from_backend, seen);
	frame_build(&in, &shape);
	node_run(test->hook, &in, &out);
	return from_backend ? seen : frame_sport(&out);
}

/* All that was before; the client's port as the backend knows it. */
static uint16_t prepare(const struct test_case *test)
{
	enum before before = test->row->before;
	uint16_t seen = 0;

	if (before == NOTHING)
		return test->client_port;
	seen = lead_in(test, false, 0, SYN);
	if (before == BEGUN)
		return seen;
	lead_in(test, true, seen, SYN | ACK);
	lead_in(test, false, seen, ACK);
	if (before == CLOSED) {
		lead_in(test, false, seen, FIN | ACK);
		lead_in(test, true, seen, FIN | ACK);
	} else if (before == RESET_BY_CLIENT) {
		lead_in(test, false, seen, RST);
	}
	return seen;
}

/* What a mode has to leave alone, behind what it puts in front. */
static void check_inner(const struct frame *in, const struct frame *out,
			uint32_t room)
{
	assert_int_equal(out->size, in->size + room);
	assert_memory_equal(out->bytes + 14 + room, in->bytes + 14,
			    in->size - 14);
}

static void check_outer(const struct test_case *test, const struct frame *out)
{
	static const uint8_t inner_protocol[] = { IPPROTO_IPIP, IPPROTO_IPV6 };

	assert_int_equal(frame_protocol(out), inner_protocol[is_v6(test)]);
	assert_true(frame_has_ends(out, is_v6(test) ? "2001:db8::1" :
				   "10.0.0.1", backend_of(test)));
}

static void check_rewritten(const struct test_case *test,
			    const struct frame *in, const struct frame *out)
{
	bool routed = listener_port(test) != LOCAL;

	assert_int_equal(out->size, in->size);
	assert_int_equal(frame_ttl(out), frame_ttl(in) - routed);
	assert_true(frame_checks(out));
	if (test->row->packet.no_udp_check)
		assert_int_equal(frame_l4_check(out), 0);
	if (test->row->from_backend) {
		assert_true(frame_has_ends(out, listener_of(test),
					   client_of(test)));
		assert_int_equal(frame_sport(out), listener_port(test));
		assert_int_equal(frame_dport(out), test->client_port);
		return;
	}
	assert_true(frame_has_ends(out, seen_client(test), backend_of(test)));
	assert_int_equal(frame_dport(out), 8080);
	if (test->mode == L4GATE_MODE_NAT)
		assert_in_range(frame_sport(out),
				node.dataplane->meta.nat_port_min,
				node.dataplane->meta.nat_port_max);
	else
		assert_int_equal(frame_sport(out), test->client_port);
}

static void check_forwarded(const struct test_case *test, int action,
			    const struct frame *in, const struct frame *out)
{
	bool local = listener_port(test) == LOCAL;

	if (test->hook == L4GATE_HOOK_XDP)
		assert_int_equal(action, XDP_TX);
	else if (!local && listener_port(test) != UNATTACHED)
		assert_int_equal(action, TC_ACT_REDIRECT);
	if (1 << test->mode & REPLIES) {
		check_rewritten(test, in, out);
		return;
	}
	if (test->mode == L4GATE_MODE_DSR_L2 || local) {
		check_inner(in, out, 0);
		return;
	}
	check_inner(in, out, is_v6(test) ? 40 : 20);
	check_outer(test, out);
}

/* A RST from where the packet was sent to; or an ICMP error, whoever it is of. */
static void check_rejected(const struct shape *shape,
			   enum l4gate_hook hook, int action,
			   const struct frame *out, bool is_error)
{
	assert_int_equal(action, hook == L4GATE_HOOK_XDP ? XDP_TX :
			 TC_ACT_REDIRECT);
	assert_true(frame_checks(out));
	if (shape->udp || is_error) {
		assert_int_equal(frame_protocol(out), shape->v6 ?
				 IPPROTO_ICMPV6 : IPPROTO_ICMP);
		return;
	}
	assert_true(frame_has_ends(out, shape->dst, shape->src));
	assert_int_equal(frame_sport(out), shape->dport);
	assert_int_equal(frame_dport(out), shape->sport);
	assert_true(frame_tcp_flags(out) & RST);
}

static void check_outcome(const struct test_case *test, enum outcome outcome,
			  const struct shape *shape, int action,
			  const struct frame *in, const struct frame *out)
{
	switch (outcome) {
	case PASSES:
		assert_int_equal(action, test->hook == L4GATE_HOOK_XDP ?
				 XDP_PASS : TC_ACT_UNSPEC);
		assert_int_equal(out->size, in->size);
		assert_memory_equal(out->bytes, in->bytes, in->size);
		break;
	case FORWARDED:
		check_forwarded(test, action, in, out);
		break;
	case REJECTED:
		check_rejected(shape, test->hook, action, out,
			       test->row->tc == L4GATE_TOLD_TOO_BIG ||
			       test->row->tc == L4GATE_TOLD_TTL);
		break;
	case DROPPED:
		assert_int_equal(action, test->hook == L4GATE_HOOK_XDP ?
				 XDP_DROP : TC_ACT_SHOT);
		break;
	}
}

static void run_case(void **state)
{
	const struct test_case *test = *state;
	const struct row *row = test->row;
	bool xdp = test->hook == L4GATE_HOOK_XDP;
	enum l4gate_reason reason = xdp ? row->xdp : row->tc;
	struct shape shape = row->packet;
	struct frame in, out;
	uint64_t before;
	uint16_t seen;
	int action;

	if (test->hook < node.first_hook)
		skip();
	seen = prepare(test);
	address(&shape, test, row->from_backend, row->to_port ?: seen);
	frame_build(&in, &shape);
	before = stats_reason(node.dataplane, test->hook, reason).packets;
	action = node_run(test->hook, &in, &out);
	if (stats_reason(node.dataplane, test->hook, reason).packets !=
	    before + 1)
		fail_msg("not counted as %s", reason_names[reason]);
	check_outcome(test, xdp && row->xdp != row->tc ? PASSES : row->outcome,
		      &shape, action, &in, &out);
}

/* ------------------------------------------------------------ all of them */

#define ROWS (sizeof(rows) / sizeof(*rows))
#define CASES_MAX (ROWS * L4GATE_MODES * KINDS * 2)

static struct test_case cases[CASES_MAX];
static struct CMUnitTest tests[CASES_MAX];
static char names[CASES_MAX][80];

static size_t add_cases(size_t count, const struct row *row,
			enum l4gate_hook hook)
{
	unsigned int kind, mode;

	for (mode = 0; mode < L4GATE_MODES; mode++)
		for (kind = 0; kind < KINDS; kind++) {
			if (!(row->modes & 1 << mode) ||
			    !(row->kinds & 1 << kind))
				continue;
			cases[count] = (struct test_case){
				.row = row, .mode = mode, .kind = kind,
				.hook = hook,
				.client_port = row->client_port ?:
					       2000 + count,
			};
			snprintf(names[count], sizeof(names[count]),
				 "%s: %s %s, %s",
				 hook == L4GATE_HOOK_XDP ? "xdp" : "tc",
				 modes[mode].name, kind_names[kind],
				 row->name);
			tests[count] = (struct CMUnitTest){
				.name = names[count],
				.test_func = run_case,
				.initial_state = &cases[count],
			};
			count++;
		}
	return count;
}

int main(void)
{
	enum l4gate_hook hook;
	size_t count = 0, i;
	int failed;

	node_enter();
	node_attach(0);
	modes_routes();
	modes_publish("");
	for (hook = L4GATE_HOOK_XDP; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		for (i = 0; i < ROWS; i++)
			count = add_cases(count, &rows[i], hook);
	failed = capture_run_tests("modes", tests, count);
	node_detach();
	return failed != 0;
}
