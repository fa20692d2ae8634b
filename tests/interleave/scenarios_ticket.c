// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Flows of a route that may have so many at once, and no more (bpf/ticket.h). */
#include "scenario.h"

#define LIMITED(mode_, max_flows_, ...) {				\
	.mode = L4GATE_MODE_##mode_, .max_flows = (max_flows_),		\
	.sizes = { .rows = 2, .records = 17 }, __VA_ARGS__		\
}

/* Longer than any flow lives; a word knows twice that. */
#define LONG_TIME (3 * PROGRAM_OWN_TIMEOUT)

static int max_flows;
static int client_count;
static struct client client[EXPLORE_CPUS + 1], later[4];

static struct client *next_client(void)
{
	client[client_count] = world_client(0, -1, -1);
	return &client[client_count++];
}

static void first_packet(int cpu)
{
	world_from_client(&packets[cpu], next_client(), SYN);
}

/* Also what shall come when all is over. */
static void begin(int limit)
{
	int i;

	max_flows = limit;
	client_count = 0;
	for (i = 0; i < limit + 1; i++)
		later[i] = world_client(0, -1, -1);
}

static bool is_live(const struct client *of)
{
	int state = table_state(of->hash);

	return state != L4GATE_FLOW_FREE && state != L4GATE_FLOW_RESET &&
	       state != L4GATE_FLOW_CLOSING;
}

static const char *check_live(void)
{
	int live = 0, i;

	for (i = 0; i < client_count; i++) {
		if (!is_live(&client[i]))
			continue;
		live++;
		if (!world_has_ticket(&client[i]))
			return "a flow without a ticket";
	}
	if (live > max_flows)
		return "more flows than there may be";
	if (world_tickets(0) < 0 || world_tickets(0) > max_flows)
		return "tickets are miscounted";
	return table_check();
}

/* When all flows are over, there may be as many again. */
static const char *check_later(void)
{
	struct passage passage;
	int sent = 0, i;

	for (i = 0; i < max_flows + 1; i++) {
		world_from_client(&passage, &later[i], SYN);
		program_run(&passage);
		sent += passage.sent;
	}
	if (sent < max_flows)
		return "a ticket is lost";
	return sent > max_flows ? "one ticket too many" : NULL;
}

static const char *check_tickets(void)
{
	uint64_t now = model_jiffies;
	const char *wrong = check_live();

	if (wrong)
		return wrong;
	model_jiffies += LONG_TIME;
	wrong = check_later();
	model_jiffies = now;
	return wrong;
}

/* One is left. */
static void prepare_last(void)
{
	struct passage passage;

	begin(2);
	world_establish(&passage, next_client());
	first_packet(0);
	first_packet(1);
}

static const char *check_last(void)
{
	const char *wrong = check_tickets();

	if (wrong)
		return wrong;
	return packets[0].sent == packets[1].sent ?
	       "not one of two got the ticket" : NULL;
}

/* All are over, and two look for one at once. */
static void prepare_both_review(void)
{
	struct passage passage;

	begin(1);
	world_establish(&passage, next_client());
	client_count = 0;
	model_jiffies += LONG_TIME;
	first_packet(0);
	first_packet(1);
}

/* A connection that both ends have closed, and a SYN from its port. */
static void prepare_closed(void)
{
	struct passage before, passage;
	struct client *first = next_client();

	world_establish(&before, first);
	world_answer(&passage, &before, FIN | ACK);
	program_run(&passage);
	world_from_client(&passage, first, FIN | ACK);
	program_run(&passage);
	world_from_client(&packets[0], first, SYN);
}

/* Its ticket is wanted. */
static void prepare_reopen(void)
{
	begin(1);
	prepare_closed();
	first_packet(1);
}

/* By two. */
static void prepare_reopen_three(void)
{
	prepare_reopen();
	first_packet(2);
}

/* A flow whose time is over, and the next datagram of its client. */
static void prepare_late(void)
{
	struct passage passage;

	begin(1);
	world_establish(&passage, next_client());
	model_jiffies += LONG_TIME;
	world_from_client(&packets[0], &client[0], 0);
	first_packet(1);
}

/* The first packet of one flow at two CPUs, and that of another. */
static void prepare_same(void)
{
	prepare_last();
	packets[2] = packets[0];
}

static const char *check_one(void)
{
	int sent = 0, cpu;

	for (cpu = 0; cpu < EXPLORE_CPUS; cpu++)
		sent += packets[cpu].sent;
	return sent ? check_tickets() : "nobody got the ticket";
}

#define SCENARIO(name_, cpus_, prepare_, check_, ...) {			\
	.name = "ticket: " name_, .world = LIMITED(__VA_ARGS__),		\
	.cpus = (cpus_), .prepare = (prepare_), .check = (check_),		\
}

const struct scenario ticket_scenarios[] = {
	SCENARIO("two flows, one left, transparent", 2, prepare_last,
		 check_last, TRANSPARENT, 2),
	SCENARIO("two flows, one left, transparent, UDP", 2, prepare_last,
		 check_last, TRANSPARENT, 2, .udp = true),
	SCENARIO("two flows, one left, nat", 2, prepare_last, check_last,
		 NAT, 2),
	SCENARIO("two flows, one left, nat, UDP", 2, prepare_last, check_last,
		 NAT, 2, .udp = true),
	SCENARIO("two look for one, transparent", 2, prepare_both_review,
		 check_last, TRANSPARENT, 1),
	SCENARIO("taken back while reopened, transparent", 2, prepare_reopen,
		 check_last, TRANSPARENT, 1),
	SCENARIO("taken back while reopened, nat", 2, prepare_reopen,
		 check_last, NAT, 1),
	SCENARIO("taken back while it goes on, transparent, UDP", 2,
		 prepare_late, check_last, TRANSPARENT, 1, .udp = true),
	{ .name = NULL }
};

const struct scenario ticket_deep_scenarios[] = {
	SCENARIO("two look for one, nat", 2, prepare_both_review, check_last,
		 NAT, 1),
	SCENARIO("taken back while it goes on, nat, UDP", 2, prepare_late,
		 check_last, NAT, 1, .udp = true),
	SCENARIO("one of two at two CPUs, transparent", 3, prepare_same,
		 check_one, TRANSPARENT, 2),
	SCENARIO("one of two at two CPUs, nat", 3, prepare_same, check_one,
		 NAT, 2),
	SCENARIO("taken back by two while reopened, transparent", 3,
		 prepare_reopen_three, check_one, TRANSPARENT, 1),
	SCENARIO("taken back by two while reopened, nat", 3,
		 prepare_reopen_three, check_one, NAT, 1),
	{ .name = NULL }
};
