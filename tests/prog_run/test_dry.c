// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What a dry run says of a packet is what the programs then do with it, and the dry
 * run has changed no byte of any map. Random packets, in random configs.
 *
 *   test_dry [PACKETS [SEED]]
 */
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "dataplane/dry.h"
#include "l4gate/names.h"
#include "modes.h"
#include "node.h"
#include "packet.h"
#include "random.h"
#include "snapshot.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define PACKETS 2000
/* Packets of one config. */
#define RUN 25
/* Packets for each that counters are looked at around, too: they are many. */
#define COUNTED 10
/* In a guest without KVM as many as go into this have to do. */
#define SECONDS_MAX 60

static uint64_t packets = PACKETS, seed;
static struct dry *dry;
static struct snapshot before, after;

static void print_gateway(FILE *file, enum l4gate_mode mode, uint32_t mask)
{
	enum port port;

	fprintf(file, "---\napiVersion: l4gate.dev/v1alpha1\n"
		"kind: GatewayParameters\nmetadata: {name: %s}\n"
		"spec: {mode: %s%s%s}\n"
		"---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: %s}\nspec:\n"
		"  gatewayClassName: l\n"
		"  addresses: [{value: '%s'}, {value: '%s'}]\n"
		"  infrastructure: {parametersRef: {group: l4gate.dev, "
		"kind: GatewayParameters, name: %s}}\n  listeners:\n",
		modes[mode].name, modes[mode].name,
		one_in(2) ? ", drainTimeout: 1h" : "",
		one_in(4) ? "" : ", maxHalfOpen: 1", modes[mode].name,
		modes[mode].four, modes[mode].six, modes[mode].name);
	for (port = GOOD; port < PORTS; port++)
		if (port == GOOD || mask >> (port - GOOD) & 1)
			fprintf(file, "  - {name: t%d, port: %d, protocol: TCP}\n"
				"  - {name: u%d, port: %d, protocol: UDP}\n",
				port, port, port, port);
}

static void print_route(FILE *file, const char *kind, enum port port)
{
	uint32_t count = 1 + below(3);
	enum l4gate_mode mode;

	fprintf(file, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: %s\nmetadata: {name: r%d}\nspec:\n  parentRefs:\n",
		kind, port);
	for (mode = 0; mode < L4GATE_MODES; mode++)
		fprintf(file, "  - {name: %s, port: %d}\n", modes[mode].name,
			port);
	fprintf(file, "  rules:\n  - backendRefs:\n");
	while (count--)
		fprintf(file, "    - {name: s%d, port: 80, weight: %u}\n",
			one_in(2) ? GOOD : GOOD + (int)below(PORTS - GOOD),
			below(4));
	if (one_in(3))
		fprintf(file, "---\napiVersion: l4gate.dev/v1alpha1\n"
			"kind: RoutePolicy\nmetadata: {name: p%c%d}\n"
			"spec: {targetRefs: [{group: gateway.networking.k8s.io, "
			"kind: %s, name: r%d}], %s}\n",
			kind[0] == 'T' ? 't' : 'u', port, kind, port,
			one_in(2) ? "sessionAffinity: {type: ClientIP, timeout: 100s}" :
			"sourceRanges: {allow: [10.0.0.2/32, '2001:db8::2/128']}");
}

static void print_service(FILE *file, enum port port)
{
	const char *ready = one_in(6) ? ", conditions: {ready: false}" : "";

	fprintf(file, "---\napiVersion: v1\nkind: Service\n"
		"metadata: {name: s%d}\nspec:\n"
		"  ports: [{name: t, port: 80, protocol: TCP}, "
		"{name: u, port: 80, protocol: UDP}]\n", port);
	if (one_in(8))
		return;
	fprintf(file, "---\napiVersion: discovery.k8s.io/v1\n"
		"kind: EndpointSlice\nmetadata: {name: s%d-4, "
		"labels: {kubernetes.io/service-name: s%d}}\n"
		"addressType: IPv4\nendpoints: [{addresses: ['%s']%s}]\n"
		"ports: [{name: t, port: 8080, protocol: TCP}, "
		"{name: u, port: 8080, protocol: UDP}]\n"
		"---\napiVersion: discovery.k8s.io/v1\n"
		"kind: EndpointSlice\nmetadata: {name: s%d-6, "
		"labels: {kubernetes.io/service-name: s%d}}\n"
		"addressType: IPv6\nendpoints: [{addresses: ['%s']%s}]\n"
		"ports: [{name: t, port: 8080, protocol: TCP}, "
		"{name: u, port: 8080, protocol: UDP}]\n",
		port, port, backends[port].four, ready, port, port,
		backends[port].six, ready);
}

static void publish_random(void)
{
	enum l4gate_mode mode;
	enum port port;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		abort();
	for (mode = 0; mode < L4GATE_MODES; mode++)
		print_gateway(file, mode, next());
	for (port = GOOD; port < PORTS; port++) {
		if (!one_in(8) && port != ROUTELESS) {
			print_route(file, "TCPRoute", port);
			print_route(file, "UDPRoute", port);
		}
		if (backends[port].four)
			print_service(file, port);
	}
	fclose(file);
	node_publish(text);
	free(text);
}

/* The last few that were sent on: their answers and successors are of flows. */
static struct seen {
	struct shape shape;	/* of the client's packet */
	struct frame out;	/* what the backend got */
} seen[16];

static const uint8_t flags_of[] = { SYN, SYN, SYN, ACK, ACK, FIN | ACK, RST,
				    SYN | ACK, RST | ACK };

/* To a listener, more or less. */
static void shape_client(struct shape *shape)
{
	static const char *const v4[] = { "10.0.0.2", "10.0.0.2", "10.0.0.3",
					  "10.8.0.2", "127.0.0.1" };
	static const char *const v6[] = { "2001:db8::2", "2001:db8::2",
					  "2001:db8::3", "2001:db8:8::2",
					  "ff02::1" };
	enum l4gate_mode mode = below(L4GATE_MODES);

	*shape = (struct shape){
		.v6 = one_in(2), .udp = one_in(2), .sport = 1024 + below(8),
		.dport = GOOD + below(PORTS - GOOD + 1),
		.tcp_flags = ONE_OF(flags_of), .padding = 26,
		.ttl = one_in(16) ? 1 : 0,
		.payload = one_in(12) ? 1400 + below(100) : below(40),
	};
	shape->src = shape->v6 ? ONE_OF(v6) : ONE_OF(v4);
	shape->dst = shape->v6 ? modes[mode].six : modes[mode].four;
	if (one_in(20))
		shape->dst = shape->v6 ? "2001:db8:77::77" : "10.77.0.77";
	if (one_in(20) && !shape->v6)
		shape->options = below(11);
	if (one_in(20) && shape->v6)
		shape->chain = CHAIN_HOPS;
	if (one_in(30) && !shape->v6)
		shape->fragment = 0x2000;
	if (one_in(40))
		shape->tag = 0x8100;
}

/* What a backend answers: both ends of what it got, the other way around. */
static void build_reply(struct frame *frame, const struct seen *to)
{
	const uint8_t *at = to->out.bytes + 14;
	uint8_t *ip = frame->bytes + 14;
	size_t size = to->shape.v6 ? 16 : 4, src = to->shape.v6 ? 8 : 12;
	struct shape shape = to->shape;

	shape.sport = frame_dport(&to->out);
	shape.dport = frame_sport(&to->out);
	shape.tcp_flags = one_in(2) ? SYN | ACK : ONE_OF(flags_of);
	shape.options = 0;
	shape.chain = NULL;
	shape.fragment = shape.tag = 0;
	frame_build(frame, &shape);
	memcpy(ip + src, at + src + size, size);
	memcpy(ip + src + size, at + src, size);
}

static void build_random(struct frame *frame, struct shape *shape)
{
	const struct seen *old = &ONE_OF(seen);

	shape->src = NULL;
	if (old->shape.src && one_in(3)) {
		build_reply(frame, old);
		return;
	}
	shape_client(shape);
	if (old->shape.src && one_in(3)) {
		uint8_t flags = shape->tcp_flags;

		*shape = old->shape;
		shape->tcp_flags = flags;
	}
	frame_build(frame, shape);
}

static enum dry_action action_of(enum l4gate_hook hook, int action)
{
	if (hook == L4GATE_HOOK_XDP)
		return action == XDP_PASS ? DRY_PASS :
		       action == XDP_DROP ? DRY_DROP : DRY_SEND;
	return action == TC_ACT_UNSPEC ? DRY_PASS :
	       action == TC_ACT_SHOT ? DRY_DROP : DRY_SEND;
}

/* Counters of the instance that packets run through. */
static uint64_t reason_count(enum l4gate_hook hook, int reason)
{
	return stats_reason(node.dataplane, hook, reason).packets;
}

/* Those up to the highest number that was given away. */
static struct l4gate_stats *backend_counts(uint32_t *ret_count)
{
	static const struct l4gate_backend *all;
	struct l4gate_stats *stats;
	uint32_t count = node.dataplane->sizes.backends;

	if (!all)
		all = dataplane_map(node.dataplane, MAP_BACKENDS);
	assert_non_null(all);
	while (count > 1 && all[count - 1].state == L4GATE_BACKEND_FREE)
		count--;
	stats = stats_read_all(node.dataplane, MAP_BACKEND_STATS, count,
			       ret_count);
	assert_non_null(stats);
	return stats;
}

/* More ids than there are listeners. */
#define LISTENERS 128

static uint64_t surplus_count(void)
{
	uint64_t *counts = stats_surplus(node.dataplane, LISTENERS), sum = 0;
	uint32_t i;

	assert_non_null(counts);
	for (i = 0; i < LISTENERS; i++)
		sum += counts[i];
	free(counts);
	return sum;
}

/* Changes when old half-open flows are counted no more (bpf/half_open.h). */
static uint32_t quarters(void)
{
	uint64_t now = (uint32_t)dataplane_jiffies(node.dataplane);
	struct l4gate_timeouts usual;

	dataplane_timeouts(node.dataplane, &dataplane_usual_timeouts, &usual);
	return (now * usual.state[L4GATE_FLOW_HALF_OPEN].quarter >> 32) +
	       (now * usual.state[L4GATE_FLOW_UNREPLIED].quarter >> 32);
}

/* Runs a packet in earnest; what happened, as a dry run tells it. */
static void run_step(enum l4gate_hook hook, const struct frame *in,
		     struct dry_step *step, struct frame *out)
{
	uint64_t reasons[L4GATE_REASON_MAX], surplus = surplus_count();
	struct l4gate_stats *old, *new;
	uint32_t count, i;

	for (i = 0; i < L4GATE_REASON_MAX; i++)
		reasons[i] = reason_count(hook, i);
	old = backend_counts(&count);
	step->action = action_of(hook, node_run(hook, in, out));
	step->hook = hook;
	step->reason = L4GATE_REASON_MAX;
	for (i = 0; i < L4GATE_REASON_MAX; i++)
		if (reason_count(hook, i) != reasons[i])
			step->reason = i;
	new = backend_counts(&count);
	step->backend = DRY_NOWHERE;
	step->is_new = false;
	for (i = 0; i < count; i++) {
		if (memcmp(&old[i], &new[i], sizeof(*old)))
			step->backend = i;
		step->is_new |= old[i].flows != new[i].flows;
	}
	step->is_surplus = surplus_count() != surplus;
	free(old);
	free(new);
}

static void expect_step(const struct dry_step *said, const struct dry_step *is,
			const struct frame *out, uint64_t number)
{
	const char *what = NULL;

	if (said->hook != is->hook || said->action != is->action)
		what = "another action";
	else if (said->reason != is->reason)
		what = "another reason";
	else if (said->backend != is->backend)
		what = "another backend";
	else if (said->is_new != is->is_new)
		what = "a new flow, or none";
	else if (said->is_surplus != is->is_surplus)
		what = "surplus, or not";
	else if (said->size != out->size ||
		 memcmp(said->frame, out->bytes, out->size))
		what = "another frame";
	if (what)
		fail_msg("seed %" PRIu64 ", packet %" PRIu64 ", %s: %s: said %d %s %u, is %d %s %u",
			 seed, number, hook_names[is->hook], what,
			 said->action, reason_names[said->reason],
			 said->backend, is->action,
			 is->reason < L4GATE_REASON_MAX ?
			 reason_names[is->reason] : "(uncounted)",
			 is->backend);
}

static void say_dry(const struct frame *in, bool with_counters,
		    struct dry_run *run)
{
	bool has_xdp = node.first_hook == L4GATE_HOOK_XDP;
	struct fail fail = { 0 };
	const char *map;

	snapshot_take(node.dataplane, with_counters, &before);
	if (dry_run(dry, node.ifindex, has_xdp, in->bytes, in->size, run,
		    &fail))
		fail_msg("%s", fail.text);
	snapshot_take(node.dataplane, with_counters, &after);
	map = snapshot_difference(&before, &after);
	if (map)
		fail_msg("seed %" PRIu64 ": a dry run changed %s", seed, map);
}

/* How often each of these was seen: none may be missing. */
static uint32_t seen_new, seen_known, seen_reply, seen_rejected, seen_deferred,
		seen_surplus;

static void count_kind(const struct dry_run *run)
{
	const struct dry_step *last = &run->steps[run->count - 1];

	seen_new += last->is_new;
	seen_surplus += last->is_surplus;
	seen_known += last->reason == L4GATE_TO_BACKEND && !last->is_new;
	seen_reply += last->reason == L4GATE_TO_CLIENT;
	seen_rejected += !strcmp(reason_classes[last->reason], "reject");
	seen_deferred += !strcmp(reason_classes[run->steps[0].reason],
				 "defer");
}

static void try_packet(const struct frame *in, const struct shape *shape,
		       uint64_t number)
{
	struct dry_run said;
	struct dry_step is;
	struct frame out;
	const uint32_t quarter = quarters();
	size_t i;

	say_dry(in, number % COUNTED == 0, &said);
	for (i = 0; i < said.count; i++) {
		run_step(said.steps[i].hook, in, &is, &out);
		if (quarters() != quarter)
			said.steps[i].is_surplus = is.is_surplus;
		expect_step(&said.steps[i], &is, &out, number);
	}
	/* It has said where the packet's way ends. */
	assert_true(said.count && (is.action != DRY_PASS ||
				   is.hook == L4GATE_HOOK_TC_INGRESS));
	count_kind(&said);
	if (shape->src && is.reason == L4GATE_TO_BACKEND && !shape->tag)
		ONE_OF(seen) = (struct seen){ *shape, out };
}

static void test_random(void **state)
{
	const time_t start = time(NULL);
	struct shape shape;
	struct frame in;
	uint64_t i;

	(void)state;
	random_state = seed;
	printf("%" PRIu64 " packets, seed %" PRIu64 "\n", packets, seed);
	for (i = 0; i < packets && time(NULL) - start < SECONDS_MAX; i++) {
		if (i % RUN == 0)
			publish_random();
		build_random(&in, &shape);
		try_packet(&in, &shape, i);
	}
	printf("%" PRIu64 " of them: new %u (%u surplus), of a flow %u, replies %u, rejected %u, deferred %u\n",
	       i, seen_new, seen_surplus, seen_known, seen_reply, seen_rejected,
	       seen_deferred);
	if (i < PACKETS)
		return;
	assert_true(seen_new > 20 && seen_known > 20 && seen_reply > 20 &&
		    seen_rejected > 20 && seen_surplus > 5);
	assert_true(seen_deferred > 20 || node.first_hook != L4GATE_HOOK_XDP);
}

static const char limited_manifest[] =
	"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
	"metadata: {name: g}\nspec:\n  gatewayClassName: l\n"
	"  addresses: [{value: 10.0.1.9}]\n"
	"  listeners: [{name: u, port: 80, protocol: UDP}]\n"
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\n"
	"metadata: {name: r}\nspec:\n  parentRefs: [{name: g}]\n"
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
	"spec: {ports: [{port: 80, protocol: UDP}]}\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: s, labels: {kubernetes.io/service-name: s}}\n"
	"addressType: IPv4\nendpoints: [{addresses: [10.0.0.20]}]\n"
	"ports: [{port: 8080, protocol: UDP}]\n"
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"
	"metadata: {name: p}\nspec:\n  targetRefs:\n"
	"  - {group: gateway.networking.k8s.io, kind: UDPRoute, name: r}\n"
	"  rateLimit: {newFlowsPerSecond: 1, burst: 2}\n";

/* A packet of a client's port that is new each time; where it ends, dry or not. */
static enum l4gate_reason limited(bool is_dry)
{
	static struct shape shape = {
		.udp = true, .src = "10.0.0.2", .dst = "10.0.1.9",
		.sport = 3000, .dport = 80, .padding = 26,
	};
	struct dry_run run;
	struct dry_step is;
	struct frame in, out;

	shape.sport++;
	frame_build(&in, &shape);
	if (is_dry) {
		say_dry(&in, false, &run);
		return run.steps[run.count - 1].reason;
	}
	run_step(node.first_hook, &in, &is, &out);
	return is.reason;
}

/* A limit is asked as often as one likes, and nothing is taken from it. */
static void test_limit(void **state)
{
	int i;

	(void)state;
	node_publish(limited_manifest);
	for (i = 0; i < 4; i++)
		assert_int_equal(limited(true), L4GATE_TO_BACKEND);
	assert_int_equal(limited(false), L4GATE_TO_BACKEND);
	/* A token may come at any time: but not between two that found none. */
	for (i = 0; i < 20; i++) {
		enum l4gate_reason before = limited(false);
		enum l4gate_reason said = limited(true);

		if (before != L4GATE_REJECT_RATE ||
		    limited(false) != L4GATE_REJECT_RATE)
			continue;
		assert_int_equal(said, L4GATE_REJECT_RATE);
		return;
	}
	fail_msg("the limit was never reached");
}

/* A link whose program was replaced is one that explain does not know. */
static void test_other_build(void **state)
{
	const struct shape shape = { .src = "10.0.0.2", .dst = "10.0.1.9",
				     .dport = 99, .tcp_flags = SYN };
	char name[32], path[PATH_MAX];
	struct dry_run run;
	struct frame in;
	int link;

	(void)state;
	snprintf(name, sizeof(name), L4GATE_PIN_INGRESS, node.ifindex);
	link = bpf_obj_get(dataplane_path(node.dataplane, name, path));
	if (link < 0)
		skip();
	frame_build(&in, &shape);
	say_dry(&in, false, &run);
	assert_false(run.is_other);
	assert_int_equal(bpf_link_update(link, node.dataplane->egress_fd,
					 NULL), 0);
	say_dry(&in, false, &run);
	assert_true(run.is_other);
	assert_int_equal(bpf_link_update(link, node.dataplane->ingress_fd,
					 NULL), 0);
	close(link);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_other_build),
	};
	struct fail fail = { 0 };
	cpu_set_t cpu;
	int failed;

	if (argc > 1)
		packets = strtoull(argv[1], NULL, 10);
	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	/* Budgets are per CPU: the packets come in where the dry run was. */
	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	(void)sched_setaffinity(0, sizeof(cpu), &cpu);
	node.max_routes = L4GATE_MIN_ROUTES;
	node_enter();
	node_attach(L4GATE_MIN_FLOWS);
	modes_routes();
	if (dry_open(node.dataplane, &dry, &fail)) {
		fprintf(stderr, "%s\n", fail.text);
		return 1;
	}
	failed = cmocka_run_group_tests_name("dry", tests, NULL, NULL);
	dry_close(dry);
	snapshot_free(&before);
	snapshot_free(&after);
	node_detach();
	return failed != 0;
}
