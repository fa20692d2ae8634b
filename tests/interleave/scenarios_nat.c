// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Flows of nat: what leads to them from the client, and from the backend. */
#include "scenario.h"

#define NAT(records_, ...) {						\
	.mode = L4GATE_MODE_NAT, .sizes = { .rows = 2, .records = records_ }, \
	__VA_ARGS__							\
}

static struct flow_list others;
static struct client client[EXPLORE_CPUS];
/* The last of its packets that was sent before. */
static struct passage before;

static void first_packet(int cpu, int listener)
{
	client[cpu] = world_client(listener, -1, -1);
	world_from_client(&packets[cpu], &client[cpu], SYN);
}

/* The half-open (for UDP: unanswered) flow of a client. */
static void open_first(int cpu, int listener)
{
	first_packet(cpu, listener);
	before = packets[cpu];
	program_run(&before);
	if (!before.sent)
		die("no flow");
}

static const char *check_flows(int count)
{
	if (!flows_live(&others))
		return "an established flow is gone";
	if (table_used() != count)
		return "not as many flows as there should be";
	return table_check();
}

/* The second CPU sees the next config, and would choose another backend. */
static void prepare_same(void)
{
	others.count = 0;
	first_packet(0, 0);
	packets[1] = packets[0];
	world_set_half(1, 1);
}

static const char *check_same(void)
{
	if (world_backend(&packets[0], &client[0]) < 0 ||
	    world_backend(&packets[0], &client[0]) !=
		    world_backend(&packets[1], &client[0]))
		return "two backends for one flow";
	if (packets[0].sport != packets[1].sport)
		return "two NAT ports for one flow";
	if (world_new_flows() != 1)
		return "not counted once";
	return check_flows(1);
}

/*
 * While the only record is being written it is nobody's, and who looks for one may be
 * told that there is none.
 */
static const char *check_same_record(void)
{
	if (!packets[0].sent && !packets[1].sent)
		return "neither packet was sent";
	return packets[0].sent && packets[1].sent ? check_same() :
						    check_flows(1);
}

static void prepare_same_three(void)
{
	prepare_same();
	packets[2] = packets[0];
}

static const char *check_same_three(void)
{
	if (world_backend(&packets[2], &client[0]) !=
	    world_backend(&packets[0], &client[0]))
		return "two backends for one flow";
	return check_same();
}

static void prepare_last(void)
{
	flows_establish(&others, 1, -1, -1);
	first_packet(0, 0);
	first_packet(1, 1);
}

/* Both may be sent, if one evicts the other. */
static const char *check_last(void)
{
	if (!packets[0].sent && !packets[1].sent)
		return "neither of two got the record";
	return check_flows(2);
}

/* The flow that has the record is over by its own time, but not by the usual one. */
static void prepare_timed_out(void)
{
	flows_establish(&others, 1, -1, -1);
	others.count = 0;
	model_jiffies += PROGRAM_OWN_TIMEOUT * 3 / 2;
	first_packet(0, 0);
	first_packet(1, 1);
}

static const char *check_timed_out(void)
{
	if (!packets[0].sent && !packets[1].sent)
		return "neither of two got the record";
	return check_flows(1);
}

/* A half-open flow's record is wanted while its handshake ends. */
static void prepare_evict(void)
{
	others.count = 0;
	open_first(1, 0);
	world_answer(&packets[1], &before, SYN | ACK);
	program_run(&packets[1]);
	world_from_client(&packets[1], &client[1], ACK);
	first_packet(0, 0);
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
	if (was_established &&
	    table_state(client[1].hash) != L4GATE_FLOW_ESTABLISHED)
		return "an established flow was evicted";
	if (packets[1].sent && world_backend(&packets[1], &client[1]) != 0)
		return "sent to another flow's backend";
	if (packets[1].sent && packets[1].sport != before.sport)
		return "sent from another flow's port";
	return check_flows(1);
}

/* A reply by a way that changes hands: to the one or to the other, and no mix. */
static void prepare_reply(void)
{
	others.count = 0;
	open_first(1, 0);
	world_answer(&packets[1], &before, SYN | ACK);
	/* Once before, so that the way to the client is known. */
	program_run(&packets[1]);
	first_packet(0, 0);
}

static bool is_to_either(const struct passage *passage)
{
	return !passage->sent || world_is_to(passage, &client[0]) ||
	       world_is_to(passage, &client[1]);
}

static const char *check_reply(void)
{
	if (!is_to_either(&packets[1]))
		return "a reply to a mix of two flows";
	return check_flows(1);
}

/* The new flow's own replies, and those to the old one. */
static void prepare_reply_other(void)
{
	prepare_reply();
	client[0] = world_client(1, -1, -1);
	world_from_client(&packets[0], &client[0], SYN);
	packets[2] = packets[1];
}

static const char *check_reply_other(void)
{
	if (packets[1].sent && !world_is_to(&packets[1], &client[1]))
		return "a reply to another backend's flow";
	if (!is_to_either(&packets[2]))
		return "a reply to a mix of two flows";
	return check_flows(1);
}

/* Two full lines, one of whose flows is worth less than a new one. */
static void prepare_evict_entry(void)
{
	flows_establish(&others, 2 * L4GATE_LINE_ENTRIES - 1, 0, 1);
	client[1] = world_client(0, 0, 1);
	world_from_client(&before, &client[1], SYN);
	program_run(&before);
	if (!before.sent)
		die("no flow");
	world_answer(&packets[1], &before, SYN | ACK);
	program_run(&packets[1]);
	world_from_client(&packets[1], &client[1], ACK);
	client[0] = world_client(1, 0, 1);
	world_from_client(&packets[0], &client[0], SYN);
}

static const char *check_evict_entry(void)
{
	if (was_established &&
	    table_state(client[1].hash) != L4GATE_FLOW_ESTABLISHED)
		return "an established flow was evicted";
	if (packets[1].sent && packets[1].sport != before.sport)
		return "sent from another flow's port";
	return check_flows(2 * L4GATE_LINE_ENTRIES);
}

static void prepare_evict_answer(void)
{
	prepare_evict_entry();
	world_answer(&packets[1], &before, SYN | ACK);
}

static const char *check_evict_answer(void)
{
	if (packets[1].sent && !world_is_to(&packets[1], &client[1]))
		return "a reply to the wrong client";
	return check_flows(2 * L4GATE_LINE_ENTRIES);
}

static void prepare_two_evict(void)
{
	others.count = 0;
	open_first(2, 0);
	world_answer(&packets[2], &before, SYN | ACK);
	first_packet(0, 0);
	first_packet(1, 1);
}

static const char *check_two_evict(void)
{
	if (!packets[0].sent && !packets[1].sent)
		return "neither of two got the record";
	return check_flows(1);
}

static const char *check_two_evict_reply(void)
{
	if (packets[2].sent && !world_is_to(&packets[2], &client[0]) &&
	    !world_is_to(&packets[2], &client[2]))
		return "a reply to a mix of two flows";
	return check_two_evict();
}

/* A new connection from the ports of one that has ended, and a late reply. */
static void prepare_reopen(void)
{
	struct passage reply;

	others.count = 0;
	client[0] = world_client(0, -1, -1);
	world_establish(&before, &client[0]);
	world_answer(&packets[1], &before, ACK);
	world_answer(&reply, &before, FIN | ACK);
	program_run(&reply);
	world_from_client(&reply, &client[0], FIN | ACK);
	program_run(&reply);
	world_from_client(&packets[0], &client[0], SYN);
}

static const char *check_reopen(void)
{
	if (!packets[0].sent)
		return "a new connection was refused";
	if (packets[1].sent && !world_is_to(&packets[1], &client[0]))
		return "a late reply to the wrong client";
	return check_flows(1);
}

static void prepare_reopen_late(void)
{
	prepare_reopen();
	world_from_client(&packets[1], &client[0], ACK);
}

static const char *check_reopen_late(void)
{
	if (!packets[0].sent)
		return "a new connection was refused";
	if (packets[1].sent && world_backend(&packets[1], &client[0]) < 0)
		return "sent to another flow's backend";
	return check_flows(1);
}

static void prepare_reopen_twice(void)
{
	prepare_reopen();
	packets[1] = packets[0];
}

static const char *check_reopen_twice(void)
{
	if (!packets[0].sent || !packets[1].sent)
		return "a new connection was refused";
	return check_flows(1);
}

/* Its record is free for an instant, and another flow looks for one. */
static void prepare_reopen_take(void)
{
	prepare_reopen();
	client[1] = world_client(1, -1, -1);
	world_from_client(&packets[1], &client[1], SYN);
}

static void prepare_reopen_three(void)
{
	prepare_reopen();
	packets[2] = packets[1];
	client[1] = world_client(1, -1, -1);
	world_from_client(&packets[1], &client[1], SYN);
}

static const char *check_reopen_take(void)
{
	if (!packets[0].sent && !packets[1].sent)
		return "neither of two got the record";
	return check_flows(1);
}

/* Both sides' FIN at once. */
static void prepare_states(void)
{
	others.count = 0;
	client[0] = world_client(0, -1, -1);
	world_establish(&before, &client[0]);
	world_answer(&packets[1], &before, FIN | ACK);
	world_from_client(&packets[0], &client[0], FIN | ACK);
}

static const char *check_states(void)
{
	if (world_backend(&packets[0], &client[0]) != 0 ||
	    !world_is_to(&packets[1], &client[0]))
		return "a packet was not sent";
	if (table_state(client[0].hash) != L4GATE_FLOW_CLOSING)
		return "one FIN was forgotten";
	return check_flows(1);
}

const struct scenario nat_scenarios[] = {
	{
		.name = "nat: one flow, opened twice",
		.world = NAT(5),
		.cpus = 2,
		.prepare = prepare_same,
		.check = check_same,
	},
	{
		.name = "nat: one flow, opened twice, IPv6",
		.world = NAT(5, .v6 = true),
		.cpus = 2,
		.prepare = prepare_same,
		.check = check_same,
	},
	{
		.name = "nat: one flow, opened twice, UDP",
		.world = NAT(5, .udp = true),
		.cpus = 2,
		.prepare = prepare_same,
		.check = check_same,
	},
	{
		.name = "nat: one flow, opened twice, one record",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_same,
		.check = check_same_record,
	},
	{
		.name = "nat: two flows, one record",
		.world = NAT(2),
		.cpus = 2,
		.prepare = prepare_last,
		.check = check_last,
	},
	{
		.name = "nat: evicted while it is established",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_evict,
		.check = check_evict,
		.start = start_evict,
		.watch = watch_evict,
	},
	{
		.name = "nat: a reply while the record changes hands",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_reply,
		.check = check_reply,
	},
	{
		.name = "nat: a reply while the record changes hands, IPv6",
		.world = NAT(1, .v6 = true),
		.cpus = 2,
		.prepare = prepare_reply,
		.check = check_reply,
	},
	{
		.name = "nat: evicted from full lines while it is established",
		.world = NAT(17),
		.cpus = 2,
		.prepare = prepare_evict_entry,
		.check = check_evict_entry,
		.start = start_evict,
		.watch = watch_evict,
	},
	{
		.name = "nat: evicted from full lines while its answer comes",
		.world = NAT(17),
		.cpus = 2,
		.prepare = prepare_evict_answer,
		.check = check_evict_answer,
	},
	{
		.name = "nat: reopened while a late reply comes",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_reopen,
		.check = check_reopen,
	},
	{
		.name = "nat: reopened while a late packet comes",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_reopen_late,
		.check = check_reopen_late,
	},
	{
		.name = "nat: reopened twice",
		.world = NAT(2),
		.cpus = 2,
		.prepare = prepare_reopen_twice,
		.check = check_reopen_twice,
	},
	{
		.name = "nat: two FINs",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_states,
		.check = check_states,
	},
	{
		.name = "nat: evicted while it is established, own timeouts",
		.world = NAT(1, .timeouts = 1),
		.cpus = 2,
		.prepare = prepare_evict,
		.check = check_evict,
		.start = start_evict,
		.watch = watch_evict,
	},
	{ .name = NULL }
};

const struct scenario nat_deep_scenarios[] = {
	{
		.name = "nat: replies while another backend's flow comes",
		.world = NAT(1),
		.cpus = 3,
		.prepare = prepare_reply_other,
		.check = check_reply_other,
	},
	{
		.name = "nat: two evict one",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_two_evict,
		.check = check_two_evict,
	},
	{
		.name = "nat: reopened while its record is wanted",
		.world = NAT(1),
		.cpus = 2,
		.prepare = prepare_reopen_take,
		.check = check_reopen_take,
	},
	{
		.name = "nat: two evict, and a reply",
		.world = NAT(1),
		.cpus = 3,
		.prepare = prepare_two_evict,
		.check = check_two_evict_reply,
	},
	{
		.name = "nat: one flow, opened three times",
		.world = NAT(5),
		.cpus = 3,
		.prepare = prepare_same_three,
		.check = check_same_three,
	},
	{
		.name = "nat: reopened, a late reply, a new flow",
		.world = NAT(1),
		.cpus = 3,
		.prepare = prepare_reopen_three,
		.check = check_reopen_take,
	},
	{
		.name = "nat: two flows, one record, whose own time is over",
		.world = NAT(1, .timeouts = 1),
		.cpus = 2,
		.prepare = prepare_timed_out,
		.check = check_timed_out,
	},
	{ .name = NULL }
};
