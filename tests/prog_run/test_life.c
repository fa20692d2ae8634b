// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The life of a TCP flow: every segment in every state, from both sides, in every
 * mode; and whole lives. Between the two a change of weights sends new flows to
 * another backend, so that a flow that was lost goes there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/*
 * A life in steps: > from the client or < from the backend, and what. Then, if it
 * is checked, = and the state; n is that of a new flow, to the other backend.
 */
static const struct segment {
	char name;
	uint8_t flags;
	uint16_t payload;
} segments[] = {
	{ 'S', SYN, 0 }, { 's', SYN | ACK, 0 }, { 'a', ACK, 0 },
	{ 'd', ACK, 100 }, { 'F', FIN | ACK, 0 }, { 'R', RST, 0 },
};

#define SEGMENTS (sizeof(segments) / sizeof(segments[0]))

/*
 * A weight beside which 1 is one slot of 1021. By the seed of connection.c none of
 * the flows here gets that.
 */
#define ALL 65000

/* Small ports are one's own: no two tests have the same. */
static uint16_t next_port = 1024;

static const struct segment *segment_named(char name)
{
	size_t i;

	for (i = 0; i < SEGMENTS; i++)
		if (segments[i].name == name)
			return &segments[i];
	fail_msg("no segment %c", name);
	return NULL;
}

static bool is_dsr(const struct connection *connection)
{
	return connection->mode == L4GATE_MODE_DSR_IPIP;
}

/* What the backend sends in dsr is not seen. */
static void send_segment(struct connection *connection, enum side from,
			 const struct segment *segment, const char *life)
{
	int backend = connection->backend;

	if (from == BACKEND && is_dsr(connection))
		return;
	if (!connection_send(connection, from, segment->flags,
			     segment->payload, 0))
		fail_msg("mode %d, hook %d, %s: %c%c was not sent on",
			 connection->mode, connection->hook, life,
			 from == CLIENT ? '>' : '<', segment->name);
	if (from == BACKEND)
		connection->backend = backend;
}

static void expect_state(const struct connection *connection, char want,
			 int before, const char *life)
{
	int backend = want == 'n' ? 41 - before : before;
	char state = want == 'n' ? 'h' : want;

	if (connection_state(connection) != state ||
	    connection_backend(connection) != backend)
		fail_msg("mode %d, hook %d, %s: %c to %d, not %c to %d",
			 connection->mode, connection->hook, life,
			 connection_state(connection),
			 connection_backend(connection), state, backend);
}

/* Runs the steps of a life. */
static void live(struct connection *connection, const char *life)
{
	const char *step = life;

	while (*step) {
		enum side from = *step == '>' ? CLIENT : BACKEND;
		int before = connection->backend;

		send_segment(connection, from, segment_named(step[1]), life);
		step += 2;
		if (*step != '=')
			continue;
		if (from == CLIENT || !is_dsr(connection))
			expect_state(connection, step[1],
				     before ?: connection->backend, life);
		step += 2;
	}
}

/* States by how a flow gets there, and what each segment makes of them. */
struct state_case {
	const char *life;
	/* In the order of segments[]; NULL: can't be. */
	const char *client, *backend;
};

static const struct state_case nat_cases[] = {
	{ ">S", "hhhhhh", "hhhhhc" },
	{ ">S<s", "hheefh", "hhhhhc" },
	{ ">S<s>a", "eeeefr", "eeeebc" },
	{ ">S<s>a>F", "fffefr", "hhffcc" },
	{ ">S<s>a<F", "bbbbcr", "hhbebc" },
	{ ">S<s>a>F<F", "nccbcc", "cccfcc" },
	{ ">S<s>a<F>F", "nccbcc", "cccfcc" },
	{ ">S<s>a>R", "rreefr", "hheebc" },
	{ ">S<s>a<R", "nccccc", "hheebc" },
	{ ">S<R", "nccccc", "hhhhhc" },
};

static const struct state_case transparent_cases[] = {
	{ ">S", "hheefh", "hhhhbc" },
	{ ">S<s", "hheefh", "hhhhbc" },
	{ ">S<s>a", "eeeefr", "eeeebc" },
	{ ">S<s>a>F", "fffeff", "hhffcc" },
	{ ">S<s>a<F", "bbbbcr", "hhbebc" },
	{ ">S<s>a>F<F", "nccbcc", "cccfcc" },
	{ ">S<s>a<F>F", "nccbcc", "cccfcc" },
	{ ">S<s>a>R", "rreefr", "hheebc" },
	{ ">S<s>a<R", "nccbcc", "cccfcc" },
	{ ">S<R", "nccbcc", "cccfcc" },
};

static const struct state_case dsr_cases[] = {
	{ ">S", "hheech", NULL },
	{ ">S>a", "eeeecr", NULL },
	{ ">S>a>F", "rrcecc", NULL },
	{ ">S>a>R", "rreecr", NULL },
	{ ">S>a>F>S", "rreecr", NULL },
};

/* A state, a segment and where it comes from: a connection of its own. */
static void expect_next(enum l4gate_mode mode, const struct state_case *cases,
			size_t count)
{
	enum l4gate_hook hooks = L4GATE_HOOK_TC_INGRESS - node.first_hook + 1;
	size_t each = 2 * SEGMENTS, all = count * each * hooks, i;
	struct connection *connections = calloc(all, sizeof(*connections));

	assert_non_null(connections);
	connections_publish(1, 0);
	for (i = 0; i < all; i++) {
		connections[i].mode = mode;
		connections[i].hook = node.first_hook + i / (count * each);
		connections[i].port = next_port++;
		live(&connections[i], cases[i / each % count].life);
	}
	connections_publish(1, ALL);
	for (i = 0; i < all; i++) {
		const struct state_case *at = &cases[i / each % count];
		const char *next = i & 1 ? at->backend : at->client;
		char life[64];

		if (!next)
			continue;
		snprintf(life, sizeof(life), "%c%c=%c", i & 1 ? '<' : '>',
			 segments[i % each / 2].name, next[i % each / 2]);
		live(&connections[i], life);
	}
	free(connections);
}

#define EXPECT_NEXT(mode, cases) \
	expect_next(mode, cases, sizeof(cases) / sizeof((cases)[0]))

static void test_nat(void **state)
{
	(void)state;
	EXPECT_NEXT(L4GATE_MODE_NAT, nat_cases);
}

static void test_transparent(void **state)
{
	(void)state;
	EXPECT_NEXT(L4GATE_MODE_TRANSPARENT, transparent_cases);
}

static void test_dsr(void **state)
{
	(void)state;
	EXPECT_NEXT(L4GATE_MODE_DSR_IPIP, dsr_cases);
}

/* Lives that are alike where both directions are seen. */
static const char *const lives[] = {
	/* Both close at once: each FIN crosses the other. */
	">S<s>a=e>F=f<F=c>a=c<a=c",
	/* Half closed, the backend goes on; then the client does. */
	">S<s>a>F=f<d=f>a=f<d=f>a=f<F=c>a=c",
	">S<s>a<F=b>d=b<a=b>d=b<a=b>F=c<a=c",
	/* Both open at once: the backend has no SYN of its own to send. */
	">S=h<S=h>s=h<a=h>a=e",
	/* The FIN was lost behind us, and comes again. */
	">S<s>a>F=f>F=f<a=f<F=c<F=c>a=c",
	/* The FIN overtook data, which comes behind it: not the end, then. */
	">S<s>a>F=f>d=e>F=f<F=c",
	/* The FIN overtook the ACK of the handshake. */
	">S<s>F=f>a=f<F=c",
	/* A FIN that was nobody's, between a FIN and data. */
	">S<s>a<F=b>F=c>d=b>F=c",
	/* The port is used again, after TIME_WAIT here, or after a RST. */
	">S<s>a>F<F=c>a=c>S=h<s=h>a=e",
	">S<s>a>R=r>S=r<s=h>a=e>d=e",
	">S<s>a>F=f>R>S<s=h>a=e>d=e<F=b",
	/* The backend is not there; then it is. */
	">S<R=c>S=h<s=h>a=e",
	/* A challenge ACK: the connection lives. */
	">S<s>a>S=e<a=e>R=r>d=e",
};

static void test_lives(void **state)
{
	static const enum l4gate_mode modes[] = { L4GATE_MODE_NAT,
						  L4GATE_MODE_TRANSPARENT };
	struct connection connection;
	enum l4gate_hook hook;
	size_t i, j;

	(void)state;
	connections_publish(1, 0);
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
			for (j = 0; j < 2; j++) {
				connection = (struct connection){
					.mode = modes[j],
					.hook = hook,
					.port = next_port++,
				};
				live(&connection, lives[i]);
			}
}

/*
 * A backend that takes no new flows gets none of what may be one: what the client
 * has ended begins elsewhere.
 */
static void test_draining(void **state)
{
	static const struct {
		enum l4gate_mode mode;
		const char *before, *after;
	} cases[] = {
		{ L4GATE_MODE_NAT, ">S<s>a>R=r", ">S=n" },
		{ L4GATE_MODE_NAT, ">S<s>a=e", ">S=e" },
		{ L4GATE_MODE_TRANSPARENT, ">S<s>a>R=r", ">S=n" },
		{ L4GATE_MODE_TRANSPARENT, ">S<s>a=e", ">S=e" },
		{ L4GATE_MODE_DSR_IPIP, ">S>a>R=r", ">S=n" },
		{ L4GATE_MODE_DSR_IPIP, ">S>a>F=c", ">S=n" },
		{ L4GATE_MODE_DSR_IPIP, ">S>a=e", ">S=e" },
	};
	struct connection connections[sizeof(cases) / sizeof(cases[0])] = { 0 };
	size_t i;

	(void)state;
	connections_publish(1, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		connections[i].mode = cases[i].mode;
		connections[i].hook = node.first_hook;
		connections[i].port = next_port++;
		live(&connections[i], cases[i].before);
	}
	connections_publish(0, 1);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		live(&connections[i], cases[i].after);
}

/* Segments that anybody may have sent, as many as the environment says. */
#define BLIND 20000
#define BLIND_FLOWS 64

static uint32_t blind_count(void)
{
	const char *text = getenv("BLIND");

	return text ? strtoul(text, NULL, 10) : BLIND;
}

static void send_blind(struct connection *connections, uint32_t count)
{
	static const uint8_t flags[] = { RST, RST | ACK, FIN, FIN | ACK, SYN,
					 SYN | ACK };
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct connection *to = &connections[rand() % BLIND_FLOWS];
		int backend = to->backend;

		assert_true(connection_send(to, CLIENT,
					    flags[rand() % sizeof(flags)], 0,
					    rand()));
		assert_int_equal(to->backend, backend);
	}
}

static void expect_unharmed(enum l4gate_mode mode)
{
	struct connection connections[BLIND_FLOWS] = { 0 };
	uint32_t i;

	connections_publish(1, 0);
	for (i = 0; i < BLIND_FLOWS; i++) {
		connections[i].mode = mode;
		connections[i].hook = node.first_hook;
		connections[i].port = next_port++;
		live(&connections[i], ">S<s>a=e");
	}
	send_blind(connections, blind_count() / 2);
	connections_publish(1, ALL);
	send_blind(connections, blind_count() / 2);
	for (i = 0; i < BLIND_FLOWS; i++) {
		/* Of another's FIN nothing is left after data. */
		live(&connections[i], mode == L4GATE_MODE_DSR_IPIP ?
		     ">d=e>a=e" : "<d>d=e<d=e>a=e");
		assert_int_equal(connections[i].backend, 20);
	}
}

static void test_blind(void **state)
{
	(void)state;
	srand(1);
	expect_unharmed(L4GATE_MODE_NAT);
	expect_unharmed(L4GATE_MODE_TRANSPARENT);
	expect_unharmed(L4GATE_MODE_DSR_IPIP);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_transparent),
		cmocka_unit_test(test_dsr),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_draining),
		cmocka_unit_test(test_blind),
	};
	int failed;

	node_enter();
	node_shell("ip neigh add 10.0.0.21 lladdr 02:00:00:00:00:20 dev d0");
	node_attach(L4GATE_MIN_FLOWS);
	failed = cmocka_run_group_tests_name("life", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
