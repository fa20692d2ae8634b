// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Flows of the modes that leave the client's address alone: one word each. */
#include "scenario.h"

/* Two lines, where every flow of the shard is in one or in the other. */
#define TWO_ROWS { .mode = L4GATE_MODE_TRANSPARENT, .sizes = { .rows = 2, .records = 1 } }
#define TWO_FULL (2 * L4GATE_LINE_WORDS)

static struct flow_list others;
static struct client client[EXPLORE_CPUS];

static void first_packet(int cpu, int listener, int first, int second)
{
	client[cpu] = world_client(listener, first, second);
	world_from_client(&packets[cpu], &client[cpu], SYN);
}

/* The second CPU sees the next config, and would choose another backend. */
static void prepare_same(void)
{
	first_packet(0, 0, 0, 1);
	packets[1] = packets[0];
	world_set_half(1, 1);
}

static const char *check_same(void)
{
	if (world_backend(&packets[0], &client[0]) < 0 ||
	    world_backend(&packets[0], &client[0]) !=
		    world_backend(&packets[1], &client[0]))
		return "two backends for one flow";
	if (table_used() != 1)
		return "not one word";
	if (world_new_flows() != 1)
		return "not counted once";
	return table_check();
}

/* Behind another: two that begin a quarter at once may count as one. */
static void prepare_two(void)
{
	first_packet(1, 1, 0, 1);
	program_run(&packets[1]);
	first_packet(0, 0, 0, 1);
	first_packet(1, 1, 0, 1);
}

static const char *check_two(void)
{
	if (table_used() != 3 || program_half_open() != 3)
		return "not all half-open flows are counted";
	return table_check();
}

/* And another is not half open any more. */
static void prepare_one_ends(void)
{
	first_packet(1, 1, 0, 1);
	program_run(&packets[1]);
	first_packet(0, 0, 0, 1);
	world_from_client(&packets[1], &client[1], ACK);
}

static const char *check_one_ends(void)
{
	if (table_used() != 2 || program_half_open() != 1)
		return "not one half-open flow";
	return table_check();
}

static void prepare_last_place(void)
{
	flows_establish(&others, TWO_FULL - 1, 0, 1);
	first_packet(0, 0, 0, 1);
	first_packet(1, 1, 0, 1);
}

static const char *check_places(void)
{
	if (!flows_live(&others))
		return "an established flow is gone";
	if (table_used() != TWO_FULL)
		return "a place is left";
	return table_check();
}

static const char *check_last_place(void)
{
	if (table_state(client[0].hash) == L4GATE_FLOW_FREE &&
	    table_state(client[1].hash) == L4GATE_FLOW_FREE)
		return "neither of two got the place";
	return check_places();
}

/* A half-open flow's first ACK, while its place is wanted. */
static void prepare_evict(void)
{
	flows_establish(&others, TWO_FULL - 1, 0, 1);
	first_packet(1, 0, 0, 1);
	program_run(&packets[1]);
	world_from_client(&packets[1], &client[1], ACK);
	first_packet(0, 1, 0, 1);
}

static bool was_established;

static void start_evict(void)
{
	was_established = false;
}

static void watch_evict(void)
{
	was_established |= table_state(client[1].hash) ==
			   L4GATE_FLOW_ESTABLISHED;
}

static const char *check_evict(void)
{
	int states[2] = { table_state(client[0].hash),
			  table_state(client[1].hash) };

	if (!states[0] == !states[1])
		return "not one of two has the place";
	if (was_established && states[1] != L4GATE_FLOW_ESTABLISHED)
		return "an established flow was evicted";
	if (world_backend(&packets[1], &client[1]) < -1)
		return "sent to another flow's backend";
	return check_places();
}

static void prepare_evict_answer(void)
{
	prepare_evict();
	world_from_client(&packets[1], &client[1], SYN);
	program_run(&packets[1]);
	world_answer(&packets[1], &packets[1], SYN | ACK);
}

static const char *check_evict_answer(void)
{
	if (packets[1].sent && !world_is_to(&packets[1], &client[1]))
		return "an answer to the wrong client";
	if (!table_state(client[0].hash) == !table_state(client[1].hash))
		return "not one of two has the place";
	return check_places();
}

/* A new connection from the ports of one that has ended, and a late packet. */
static void prepare_reopen(void)
{
	struct passage reply;

	client[0] = world_client(0, -1, -1);
	world_establish(&packets[1], &client[0]);
	world_answer(&reply, &packets[1], FIN | ACK);
	program_run(&reply);
	world_from_client(&packets[1], &client[0], FIN | ACK);
	program_run(&packets[1]);
	world_from_client(&packets[0], &client[0], SYN);
}

static const char *check_one_flow(void)
{
	if (world_backend(&packets[0], &client[0]) < 0 ||
	    world_backend(&packets[1], &client[0]) < 0)
		return "a packet was not sent";
	if (table_used() != 1)
		return "not one word";
	return table_check();
}

static void prepare_reopen_twice(void)
{
	prepare_reopen();
	packets[1] = packets[0];
}

/* The handshake's last packet, and a FIN that overtook it. */
static void prepare_states(void)
{
	client[0] = world_client(0, -1, -1);
	world_from_client(&packets[0], &client[0], SYN);
	program_run(&packets[0]);
	world_from_client(&packets[0], &client[0], ACK);
	world_from_client(&packets[1], &client[0], FIN | ACK);
}

static const char *check_states(void)
{
	int state = table_state(client[0].hash);

	if (state != L4GATE_FLOW_ESTABLISHED && state != L4GATE_WORD_FIN_CLIENT)
		return "neither packet counted";
	return check_one_flow();
}

/* The last flow is over by its own time, but not by the usual one; no other is. */
static void prepare_timed_out(void)
{
	struct passage passage;
	int i;

	flows_establish(&others, TWO_FULL, 0, 1);
	others.count--;
	model_jiffies += PROGRAM_OWN_TIMEOUT * 3 / 4;
	for (i = 0; i < others.count; i++) {
		world_from_client(&passage, &others.client[i], ACK);
		program_run(&passage);
	}
	model_jiffies += PROGRAM_OWN_TIMEOUT * 3 / 4;
	first_packet(0, 0, 0, 1);
	first_packet(1, 1, 0, 1);
}

/* A half-open flow may take the place of another. */
static const char *check_timed_out(void)
{
	if (table_state(others.client[others.count].hash) != L4GATE_FLOW_FREE)
		return "who is over is still there";
	return check_last_place();
}

const struct scenario direct_scenarios[] = {
	{
		.name = "direct: one flow, opened twice",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_same,
		.check = check_same,
	},
	{
		.name = "direct: two flows",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_two,
		.check = check_two,
	},
	{
		.name = "direct: a flow, and a handshake that ends",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_one_ends,
		.check = check_one_ends,
	},
	{
		.name = "direct: two flows, one place",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_last_place,
		.check = check_last_place,
	},
	{
		.name = "direct: evicted while it is established",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_evict,
		.check = check_evict,
		.start = start_evict,
		.watch = watch_evict,
	},
	{
		.name = "direct: evicted while its answer comes",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_evict_answer,
		.check = check_evict_answer,
	},
	{
		.name = "direct: reopened while a late packet comes",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_reopen,
		.check = check_one_flow,
	},
	{
		.name = "direct: reopened twice",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_reopen_twice,
		.check = check_one_flow,
	},
	{
		.name = "direct: two changes of state",
		.world = TWO_ROWS,
		.cpus = 2,
		.prepare = prepare_states,
		.check = check_states,
	},
	{
		.name = "direct: evicted while it is established, own timeouts",
		.world = { .mode = L4GATE_MODE_TRANSPARENT, .timeouts = 1,
			   .sizes = { .rows = 2, .records = 1 } },
		.cpus = 2,
		.prepare = prepare_evict,
		.check = check_evict,
		.start = start_evict,
		.watch = watch_evict,
	},
	{
		.name = "direct: two flows, where the own time of others is over",
		.world = { .mode = L4GATE_MODE_TRANSPARENT, .timeouts = 1,
			   .sizes = { .rows = 2, .records = 1 } },
		.cpus = 2,
		.prepare = prepare_timed_out,
		.check = check_timed_out,
	},
	{ .name = NULL }
};
