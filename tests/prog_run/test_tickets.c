// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* connectionLimit: which flows count, and what the limit lets in over time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "dataplane/flow_tables.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define POLICY								\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"	\
	"metadata: {name: p}\nspec:\n  targetRefs:\n"			\
	"  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: r}\n"	\
	"  connectionLimit: {maxFlows: %u}\n"

static uint16_t next_port = 1024;

static void limit(uint32_t max_flows)
{
	char policy[512];

	snprintf(policy, sizeof(policy), POLICY, max_flows);
	connections_publish_with(policy);
}

/* The same with tickets of which none is given out. */
static void limit_anew(uint32_t max_flows)
{
	connections_publish_with("");
	limit(max_flows);
}

static bool open_half(struct connection *connection)
{
	return connection_send(connection, CLIENT, SYN, 0, 0);
}

static bool open_connection(struct connection *connection)
{
	int backend;

	if (!open_half(connection))
		return false;
	backend = connection->backend;
	if (connection->mode != L4GATE_MODE_DSR_IPIP)
		assert_true(connection_send(connection, BACKEND, SYN | ACK, 0, 0));
	assert_true(connection_send(connection, CLIENT, ACK, 0, 0));
	assert_int_equal(connection->backend, backend);
	return true;
}

static void end_by_rst(struct connection *connection)
{
	assert_true(connection_send(connection, CLIENT, RST, 0, 0));
}

static void end_by_fins(struct connection *connection)
{
	assert_true(connection_send(connection, CLIENT, FIN | ACK, 0, 0));
	if (connection->mode != L4GATE_MODE_DSR_IPIP)
		assert_true(connection_send(connection, BACKEND, FIN | ACK, 0, 0));
}

static void end_by_backend(struct connection *connection)
{
	if (connection->mode == L4GATE_MODE_DSR_IPIP)
		end_by_rst(connection);
	else
		assert_true(connection_send(connection, BACKEND, RST, 0, 0));
}

/* More than four hours, of which a stamp knows nine. */
#define LONG_TICKS UINT64_C(30000)

/* Nothing was heard of any flow for as long as an established one lives. */
static void end_by_time(struct connection *connection)
{
	const struct dataplane *dataplane = node.dataplane;
	struct flow_rows rows = dataplane_rows(dataplane);
	struct l4gate_line *entries = dataplane_map(dataplane, MAP_ENTRIES);
	struct l4gate_line *words = dataplane_map(dataplane, MAP_WORDS);
	size_t i, j;

	(void)connection;
	assert_non_null(entries);
	assert_non_null(words);
	for (i = 0; i < rows.entries * L4GATE_SHARDS; i++)
		for (j = 0; j < L4GATE_LINE_ENTRIES; j++)
			if (entries[i].word[j])
				entries[i].word[L4GATE_LINE_ENTRIES + j] -=
					LONG_TICKS << L4GATE_RECORD_STAMP_SHIFT;
	for (i = 0; i < rows.words * L4GATE_SHARDS; i++)
		for (j = 0; j < L4GATE_LINE_WORDS; j++)
			if (words[i].word[j])
				words[i].word[j] =
					(words[i].word[j] & ~(uint64_t)L4GATE_WORD_CLOCK) |
					((words[i].word[j] - 5) & L4GATE_WORD_CLOCK);
	dataplane_unmap(dataplane, MAP_ENTRIES, entries);
	dataplane_unmap(dataplane, MAP_WORDS, words);
}

static const enum l4gate_mode tried[] = {
	L4GATE_MODE_NAT, L4GATE_MODE_TRANSPARENT, L4GATE_MODE_DSR_IPIP,
};

#define TRIED (sizeof(tried) / sizeof(*tried))

/* Calls something for each hook and mode, with a connection of its own. */
static void each(void (*call)(struct connection *, unsigned int),
		 unsigned int argument)
{
	struct connection connection = { 0 };
	size_t i;

	for (connection.hook = node.first_hook;
	     connection.hook <= L4GATE_HOOK_TC_INGRESS; connection.hook++)
		for (i = 0; i < TRIED; i++) {
			connection.mode = tried[i];
			connection.port = next_port;
			next_port += 64;
			call(&connection, argument);
		}
}

static void (*const ends[])(struct connection *) = {
	end_by_rst, end_by_fins, end_by_backend, end_by_time,
};

/* All of them in, one more not; when one has ended, the next at once. */
static void fill(struct connection *first, unsigned int max_flows)
{
	struct connection connections[17], next = *first;
	unsigned int i, end;

	for (end = 0; end < sizeof(ends) / sizeof(*ends); end++) {
		limit_anew(max_flows);
		for (i = 0; i < max_flows; i++) {
			next.port = first->port++;
			assert_true(open_connection(&next));
			connections[i] = next;
		}
		next.port = first->port++;
		assert_false(open_connection(&next));
		assert_int_equal(connection_state(&next), '-');
		/* Those that there are go on. */
		assert_true(connection_send(&connections[0], CLIENT, ACK, 10, 0));
		ends[end](&connections[max_flows / 2]);
		if (!open_connection(&next))
			fail_msg("hook %d, mode %d, %u: no room by end %u",
				 next.hook, next.mode, max_flows, end);
		next.port = first->port++;
		if (ends[end] != end_by_time)
			assert_false(open_connection(&next));
	}
	next_port += 64;
}

static void test_small(void **state)
{
	(void)state;
	each(fill, 1);
	each(fill, 7);
	each(fill, 16);
}

/* A client's port that is used again and again has one ticket. */
static void reopen(struct connection *connection, unsigned int unused)
{
	int i;

	(void)unused;
	limit_anew(3);
	for (i = 0; i < 40; i++) {
		if (!open_connection(connection))
			fail_msg("hook %d, mode %d: not open anew",
				 connection->hook, connection->mode);
		end_by_fins(connection);
	}
	assert_true(open_connection(connection));
	for (i = 0; i < 2; i++) {
		connection->port++;
		assert_true(open_connection(connection));
	}
	connection->port++;
	assert_false(open_connection(connection));
}

static void test_reopened(void **state)
{
	(void)state;
	each(reopen, 0);
}

/* Connections that another node had go on, whatever they number. */
static void take_over(struct connection *connection, unsigned int unused)
{
	int i;

	(void)unused;
	if (connection->mode == L4GATE_MODE_NAT)
		return;
	limit_anew(4);
	for (i = 0; i < 8; i++) {
		connection->port++;
		assert_true(connection_send(connection, CLIENT, ACK, 0, 0));
	}
	connection->port++;
	assert_false(open_connection(connection));
}

static void test_taken_over(void **state)
{
	(void)state;
	each(take_over, 0);
}

/* Another limit counts the flows that there are. */
static void change(struct connection *connection, unsigned int unused)
{
	struct connection ten[10];
	int i;

	(void)unused;
	limit_anew(10);
	for (i = 0; i < 10; i++) {
		connection->port++;
		assert_true(open_connection(connection));
		ten[i] = *connection;
	}
	limit(4);
	for (i = 0; i < 7; i++) {
		connection->port++;
		assert_false(open_connection(connection));
		end_by_fins(&ten[i]);
	}
	assert_true(open_connection(connection));
	connection->port++;
	assert_false(open_connection(connection));
	/* To chunks of their own; what is over comes along. */
	limit(24);
	for (i = 0; i < 24 - 4; i++) {
		connection->port++;
		assert_true(open_connection(connection));
	}
	connection->port++;
	assert_false(open_connection(connection));
}

static void test_changed(void **state)
{
	(void)state;
	each(change, 0);
}

#define MANY 1000

/* Flows that come and go for a long time. */
struct crowd {
	struct connection live[MANY];
	unsigned int count;
	unsigned int fewest;	/* flows beside which one was refused */
	unsigned int refused;
};

static void come(struct crowd *crowd)
{
	struct connection next = {
		.mode = tried[rand() % TRIED],
		.hook = rand() & 1 ? node.first_hook : L4GATE_HOOK_TC_INGRESS,
		.port = next_port++,
	};

	if (open_connection(&next)) {
		/* Never above. */
		assert_true(crowd->count < MANY);
		crowd->live[crowd->count++] = next;
		return;
	}
	crowd->refused++;
	if (crowd->count < crowd->fewest)
		crowd->fewest = crowd->count;
}

static void go(struct crowd *crowd)
{
	unsigned int who = rand() % crowd->count;

	ends[rand() % 3](&crowd->live[who]);
	crowd->live[who] = crowd->live[--crowd->count];
}

/*
 * At a standstill and in waves: always fewer than the limit says, and refused only
 * close to it.
 */
static void test_many(void **state)
{
	static struct crowd crowd;
	int i;

	(void)state;
	srand(1);
	limit_anew(MANY);
	crowd = (struct crowd){ .fewest = MANY };
	for (i = 0; i < 20000; i++) {
		/* Mostly more that come, at times more that go. */
		if (crowd.count && rand() % 100 < (i / 4000 % 2 ? 70 : 30))
			go(&crowd);
		else
			come(&crowd);
	}
	print_message("%u refused, with %u flows of %u at least\n",
		      crowd.refused, crowd.fewest, MANY);
	assert_true(crowd.refused > 100);
	assert_true(crowd.fewest >= MANY * 85 / 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_reopened),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_many),
	};
	int failed;

	node_enter();
	node_shell("ip neigh add 10.0.0.21 lladdr 02:00:00:00:00:21 dev d0");
	node_attach(0);
	failed = cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
