// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* GatewayParameters and RoutePolicy: what the model holds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/manifest.h"

#define PARAMETERS "apiVersion: l4gate.dev/v1alpha1\n"			\
		   "kind: GatewayParameters\n"				\
		   "metadata: {name: fast, namespace: infra}\n"
#define POLICY "apiVersion: l4gate.dev/v1alpha1\n"			\
	       "kind: RoutePolicy\n"					\
	       "metadata: {name: limits, namespace: shop}\n"
#define TARGETS "spec:\n"						\
		"  targetRefs:\n"					\
		"  - {group: gateway.networking.k8s.io, kind: UDPRoute,"\
		" name: r}\n"						\
		"  - {group: gateway.networking.k8s.io, kind: TCPRoute,"\
		" name: r}\n"

struct reading {
	struct model model;
	struct diags diags;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct reading));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct reading *reading = *state;

	diags_free(&reading->diags);
	model_free(&reading->model);
	free(reading);
	return 0;
}

/* Reads text in which nothing is wrong, nor suspicious. */
static void read_good(struct reading *reading, const char *text)
{
	int error = manifest_read_text("test.yaml", text, strlen(text), NULL,
				       &reading->model, &reading->diags);

	if (error || reading->diags.count)
		fail_msg("%d: %s", error, reading->diags.count ?
			 reading->diags.items[0].text : "no message");
}

static void assert_setting(const struct setting *settings, size_t i,
			   int64_t value, unsigned int line)
{
	if (settings[i].value != value || settings[i].loc.line != line)
		fail_msg("setting %zu: %lld, line %u", i,
			 (long long)settings[i].value, settings[i].loc.line);
}

static void test_parameters(void **state)
{
	struct reading *reading = *state;
	const struct parameters *spec;
	char text[INET_TEXT_MAX];

	read_good(reading, PARAMETERS
		  "spec:\n"
		  "  mode: dsr-l2\n"
		  "  natAddresses: [2001:db8::1, 192.0.2.2, 192.0.2.1]\n"
		  "  seed: 0123456789abcdefFEDCBA9876543210\n"
		  "  timeouts:\n"
		  "    tcpHalfOpen: 1s\n"
		  "    tcpEstablished: 8h\n"
		  "    tcpClosing: 1m\n"
		  "    udpUnreplied: 1500ms\n"
		  "    udpReplied: 3m\n"
		  "  drainTimeout: 0s\n"
		  "  announce: arp\n"
		  "  maxHalfOpen: 65535\n");
	spec = &reading->model.parameters.items[0].spec;
	assert_string_equal(reading->model.parameters.items[0].meta.namespace,
			    "infra");
	assert_setting(spec->settings, PARAMETER_MODE, MODE_DSR_L2, 5);
	assert_setting(spec->settings, PARAMETER_NAT_ADDRESSES, 3, 6);
	assert_setting(spec->settings, PARAMETER_TCP_HALF_OPEN, 1000, 9);
	assert_setting(spec->settings, PARAMETER_TCP_ESTABLISHED, 28800000,
		       10);
	assert_setting(spec->settings, PARAMETER_TCP_CLOSING, 60000, 11);
	assert_setting(spec->settings, PARAMETER_UDP_UNREPLIED, 1500, 12);
	assert_setting(spec->settings, PARAMETER_UDP_REPLIED, 180000, 13);
	assert_setting(spec->settings, PARAMETER_DRAIN_TIMEOUT, 0, 14);
	assert_setting(spec->settings, PARAMETER_ANNOUNCE, ANNOUNCE_ARP, 15);
	assert_setting(spec->settings, PARAMETER_MAX_HALF_OPEN, 65535, 16);
	assert_true(spec->seed[0] == 0x0123456789abcdef);
	assert_true(spec->seed[1] == 0xfedcba9876543210);
	assert_string_equal(spec->nat_texts[0], "2001:db8::1");
	assert_string_equal(inet_format(&spec->nat_addresses[0], text),
			    "192.0.2.1");
	assert_string_equal(inet_format(&spec->nat_addresses[2], text),
			    "2001:db8::1");
}

/* What is not given is not the default: the class may give it. */
static void test_no_parameters(void **state)
{
	struct reading *reading = *state;
	const struct parameters *spec;
	size_t i;

	read_good(reading, PARAMETERS "spec: {mode: null, timeouts: {}}\n");
	spec = &reading->model.parameters.items[0].spec;
	for (i = 0; i < PARAMETER_MAX; i++)
		if (i != PARAMETER_NAT_ADDRESSES)
			assert_setting(spec->settings, i, NOT_GIVEN, 0);
	assert_setting(spec->settings, PARAMETER_NAT_ADDRESSES, 0, 0);
	assert_null(spec->seed_text);
}

static void test_policy(void **state)
{
	struct reading *reading = *state;
	const struct route_policy *policy;
	char text[INET_TEXT_MAX];

	read_good(reading, POLICY TARGETS
		  "  sessionAffinity: {type: ClientIP, timeout: 3h}\n"
		  "  sourceRanges:\n"
		  "    allow: [192.0.2.0/24, '::/0']\n"
		  "    deny: [192.0.2.7/32]\n"
		  "  connectionLimit: {maxFlows: 8388608}\n"
		  "  rateLimit: {newFlowsPerSecond: 100, burst: 250}\n"
		  "  idleTimeout: 5m\n");
	policy = &reading->model.policies.items[0];
	assert_int_equal(policy->target_count, 2);
	assert_int_equal(policy->targets[0].protocol, PROTOCOL_UDP);
	assert_int_equal(policy->targets[1].protocol, PROTOCOL_TCP);
	assert_int_equal(policy->targets[1].loc.line, 7);
	assert_string_equal(policy->targets[1].name, "r");
	assert_setting(policy->settings, POLICY_AFFINITY, AFFINITY_CLIENT_IP,
		       8);
	assert_setting(policy->settings, POLICY_AFFINITY_TIMEOUT, 10800000, 8);
	assert_setting(policy->settings, POLICY_ALLOW, 2, 10);
	assert_setting(policy->settings, POLICY_DENY, 1, 11);
	assert_setting(policy->settings, POLICY_MAX_FLOWS, 8388608, 12);
	assert_setting(policy->settings, POLICY_NEW_FLOWS, 100, 13);
	assert_setting(policy->settings, POLICY_BURST, 250, 13);
	assert_setting(policy->settings, POLICY_IDLE_TIMEOUT, 300000, 14);
	assert_string_equal(inet_format(&policy->allow[0].addr, text),
			    "192.0.2.0");
	assert_int_equal(policy->allow[0].length, 24);
	assert_int_equal(policy->allow[1].addr.family, L4GATE_IPV6);
	assert_int_equal(policy->deny[0].length, 32);
}

static void test_policy_defaults(void **state)
{
	struct reading *reading = *state;
	const struct route_policy *policy;

	read_good(reading, POLICY TARGETS
		  "  sessionAffinity: {}\n"
		  "  rateLimit: {newFlowsPerSecond: 7}\n");
	policy = &reading->model.policies.items[0];
	assert_setting(policy->settings, POLICY_AFFINITY, AFFINITY_NONE, 0);
	assert_setting(policy->settings, POLICY_AFFINITY_TIMEOUT, NOT_GIVEN, 0);
	assert_setting(policy->settings, POLICY_ALLOW, 0, 0);
	assert_setting(policy->settings, POLICY_MAX_FLOWS, NOT_GIVEN, 0);
	assert_setting(policy->settings, POLICY_BURST, 7, 9);
	assert_setting(policy->settings, POLICY_IDLE_TIMEOUT, NOT_GIVEN, 0);
}

/* --lenient is for fields of newer Gateway APIs, not for slips in ours. */
static void test_never_lenient(void **state)
{
	struct manifest_options lenient = { .lenient = true };
	const char *text = POLICY TARGETS "  sourceRange: {}\n";
	struct reading *reading = *state;

	assert_int_equal(manifest_read_text("x", text, strlen(text), &lenient,
					    &reading->model, &reading->diags),
			 -EINVAL);
	assert_string_equal(reading->diags.items[0].text,
			    "sourceRange: unknown field, did you mean sourceRanges?");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parameters),
		TEST(test_no_parameters),
		TEST(test_policy),
		TEST(test_policy_defaults),
		TEST(test_never_lenient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
