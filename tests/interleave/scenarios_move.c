// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Flows that move to their other line. Two full lines; what is in the first can only
 * move back to row 3, which was full when it came, and now has a place. Packets of
 * the one that moves come meanwhile, where a miss would choose another backend.
 */
#include "scenario.h"

#define FOUR_ROWS(mode_)						\
	{ .mode = mode_, .sizes = { .rows = 4, .records = 37 } }
#define DIRECT FOUR_ROWS(L4GATE_MODE_TRANSPARENT)
#define NAT FOUR_ROWS(L4GATE_MODE_NAT)

static struct flow_list movers, others;
/* Whose first packets make room. */
static struct client newcomer, second;
static struct client *mover;

/* Which of them is it that moves? */
static struct client *find_mover(void)
{
	struct client *found = NULL;
	struct passage trial;
	int rows[FLOWS_MAX], i;

	for (i = 0; i < movers.count; i++)
		rows[i] = table_row_of(movers.client[i].hash);
	model_mark();
	world_from_client(&trial, &newcomer, SYN);
	program_run(&trial);
	for (i = 0; i < movers.count; i++)
		if (table_row_of(movers.client[i].hash) != rows[i])
			found = &movers.client[i];
	model_undo();
	if (!found)
		die("nothing moves");
	return found;
}

static void prepare_move(void)
{
	struct flow_list first;

	flows_establish(&first, table_places(), 3, 2);
	flows_establish(&movers, table_places(), 3, 0);
	flows_establish(&others, table_places(), 1, 0);
	table_drop(3, table_places() - 1);
	newcomer = world_client(0, 0, 1);
	second = world_client(1, 0, 1);
	mover = find_mover();
	world_from_client(&packets[0], &newcomer, SYN);
	world_from_client(&packets[1], mover, ACK);
	world_from_client(&packets[2], &second, SYN);
	world_set_half(1, 1);
}

static const char *check_move(void)
{
	if (world_backend(&packets[1], mover) != 0)
		return "a flow that moves was not found";
	if (!flows_live(&movers) || !flows_live(&others))
		return "an established flow is gone";
	if (table_state(newcomer.hash) == L4GATE_FLOW_FREE &&
	    table_state(second.hash) == L4GATE_FLOW_FREE)
		return "no room was made";
	return table_check();
}

static void prepare_move_answer(void)
{
	struct passage last;

	prepare_move();
	world_from_client(&last, mover, ACK);
	program_run(&last);
	world_answer(&packets[1], &last, ACK);
}

static const char *check_move_answer(void)
{
	if (!world_is_to(&packets[1], mover))
		return "a reply of a flow that moves was not sent";
	return flows_live(&movers) && flows_live(&others) ?
	       table_check() : "an established flow is gone";
}

/* It begins to end while it moves. */
static void prepare_move_end(void)
{
	prepare_move();
	world_from_client(&packets[1], mover, FIN | ACK);
}

static const char *check_move_end(void)
{
	if (world_backend(&packets[1], mover) != 0)
		return "a flow that moves was not found";
	if (table_state(mover->hash) == L4GATE_FLOW_FREE || !flows_live(&others))
		return "an established flow is gone";
	return table_check();
}

/* The backend's last packet; the client's came before. */
static void prepare_move_reply(void)
{
	struct passage last;

	prepare_move();
	world_from_client(&last, mover, FIN | ACK);
	program_run(&last);
	world_answer(&packets[1], &last, FIN | ACK);
}

static const char *check_move_reply(void)
{
	if (!world_is_to(&packets[1], mover))
		return "a reply of a flow that moves was not sent";
	if (table_state(mover->hash) != L4GATE_FLOW_CLOSING)
		return "one FIN was forgotten";
	return table_check();
}

const struct scenario move_scenarios[] = {
	{
		.name = "direct: looked for while it moves",
		.world = DIRECT,
		.cpus = 2,
		.prepare = prepare_move,
		.check = check_move,
	},
	{
		.name = "direct: answered while it moves",
		.world = DIRECT,
		.cpus = 2,
		.prepare = prepare_move_answer,
		.check = check_move_answer,
	},
	{
		.name = "direct: ended while it moves",
		.world = DIRECT,
		.cpus = 2,
		.prepare = prepare_move_end,
		.check = check_move_end,
	},
	{
		.name = "direct: looked for while two want its place",
		.world = DIRECT,
		.cpus = 3,
		.prepare = prepare_move,
		.check = check_move,
	},
	{
		.name = "nat: looked for while it moves",
		.world = NAT,
		.cpus = 2,
		.prepare = prepare_move,
		.check = check_move,
	},
	{
		.name = "nat: ended while it moves",
		.world = NAT,
		.cpus = 2,
		.prepare = prepare_move_end,
		.check = check_move_end,
	},
	{
		.name = "nat: ended by a reply while it moves",
		.world = NAT,
		.cpus = 2,
		.prepare = prepare_move_reply,
		.check = check_move_reply,
	},
	{ .name = NULL }
};

const struct scenario move_deep_scenarios[] = {
	{
		.name = "nat: looked for while two want its place",
		.world = NAT,
		.cpus = 3,
		.prepare = prepare_move,
		.check = check_move,
	},
	{ .name = NULL }
};
