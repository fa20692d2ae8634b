// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * GatewayParameters and RoutePolicy, group l4gate.dev: what is allowed here is
 * what the CRDs in scripts/deploy/crds allow, and a test holds them together.
 * Whether a value can be carried out is not decided here (compile/setting.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "l4gate/limits.h"
#include "model/kinds.h"
#include "util/array.h"

/* Where a setting goes, and what it is if it is not given. */
#define STORE_SETTING(type, index)					\
	STORE(type, settings[index].value),				\
	STORE_LOC(type, settings[index].loc)
#define STORE_TEXTS(type, texts, index)					\
	STORE_LIST(type, texts, settings[index].value),			\
	STORE_LOC(type, settings[index].loc)

#define SECOND	1000
#define HOUR	(3600 * SECOND)

/*
 * No timeout is of use below the tick of the flow table; and a flow of nat has the time
 * of its last packet in 16 bits of such ticks, which are nine hours.
 */
#define IDLE_RANGE .min = SECOND, .max = 8 * HOUR

const char *const forwarding_mode_words[] = {
	[MODE_NAT] = "nat", [MODE_TRANSPARENT] = "transparent",
	[MODE_DSR_L2] = "dsr-l2", [MODE_DSR_IPIP] = "dsr-ipip",
	NULL,
};

const char *const announcement_words[] = {
	[ANNOUNCE_NONE] = "none", [ANNOUNCE_ARP] = "arp", NULL,
};

const char *const session_affinity_words[] = {
	[AFFINITY_NONE] = "None", [AFFINITY_CLIENT_IP] = "ClientIP", NULL,
};

/* ---------------------------------------------------------- parameters */

static const struct field timeouts_fields[] = {
	{ .name = "tcpHalfOpen", .type = FIELD_DURATION, IDLE_RANGE,
	  STORE_SETTING(struct parameters, PARAMETER_TCP_HALF_OPEN),
	  .initial = NOT_GIVEN },
	{ .name = "tcpEstablished", .type = FIELD_DURATION, IDLE_RANGE,
	  STORE_SETTING(struct parameters, PARAMETER_TCP_ESTABLISHED),
	  .initial = NOT_GIVEN },
	{ .name = "tcpClosing", .type = FIELD_DURATION, IDLE_RANGE,
	  STORE_SETTING(struct parameters, PARAMETER_TCP_CLOSING),
	  .initial = NOT_GIVEN },
	{ .name = "udpUnreplied", .type = FIELD_DURATION, IDLE_RANGE,
	  STORE_SETTING(struct parameters, PARAMETER_UDP_UNREPLIED),
	  .initial = NOT_GIVEN },
	{ .name = "udpReplied", .type = FIELD_DURATION, IDLE_RANGE,
	  STORE_SETTING(struct parameters, PARAMETER_UDP_REPLIED),
	  .initial = NOT_GIVEN },
	{ 0 }
};

static const struct schema schema_timeouts = { .fields = timeouts_fields };

/* The item of a list by number. */
static const struct node *item_at(const struct node *list, size_t i)
{
	const struct node *item = list->first;

	while (i--)
		item = item->next;
	return item;
}

/* Two ways to write an address are one address. */
static int read_nat_addresses(struct decoder *decoder, const struct node *node,
			      struct parameters *parameters)
{
	const struct node *list = node_get(node, "natAddresses");
	struct inet_addr *addresses;
	size_t i, j, count;

	count = parameters->settings[PARAMETER_NAT_ADDRESSES].value;
	addresses = arena_array(&decoder->model->arena, count,
				sizeof(*addresses));
	if (!addresses)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		inet_parse(parameters->nat_texts[i], &addresses[i]);
		for (j = 0; j < i; j++)
			if (!inet_compare(&addresses[i], &addresses[j]))
				break;
		if (j == i)
			continue;
		decode_error(decoder, item_at(list, i),
			     "natAddresses \"%s\": given twice",
			     parameters->nat_texts[i]);
		diag_add(decoder->diags, DIAG_NOTE,
			 node_loc(decoder->source, item_at(list, j)),
			 "the first is here");
	}
	qsort(addresses, count, sizeof(*addresses), inet_compare_items);
	parameters->nat_addresses = addresses;
	return 0;
}

/* 32 digits, the first 16 of them the first number. */
static void read_seed(struct parameters *parameters)
{
	char digits[17];
	size_t i;

	for (i = 0; i < 2; i++) {
		memcpy(digits, parameters->seed_text + i * 16, 16);
		digits[16] = 0;
		parameters->seed[i] = strtoull(digits, NULL, 16);
	}
}

static int check_parameters(struct decoder *decoder, const struct node *node,
			    void *object)
{
	struct parameters *parameters = object;

	if (parameters->seed_text)
		read_seed(parameters);
	if (!parameters->settings[PARAMETER_NAT_ADDRESSES].value)
		return 0;
	return read_nat_addresses(decoder, node, parameters);
}

/*
 * Nothing has a default here: a Gateway's own parameters go over those of its
 * class field by field, so what is not given must stay so.
 */
static const struct field parameters_spec_fields[] = {
	{ .name = "mode", .type = FIELD_ENUM,
	  STORE_SETTING(struct parameters, PARAMETER_MODE),
	  .initial = NOT_GIVEN, .words = forwarding_mode_words },
	{ .name = "natAddresses", .type = FIELD_STRINGS, .min = 1, .max = 16,
	  STORE_TEXTS(struct parameters, nat_texts, PARAMETER_NAT_ADDRESSES),
	  .format = &format_nat_address },
	{ .name = "seed", .type = FIELD_STRING, .nullable = true,
	  STORE(struct parameters, seed_text), .format = &format_seed },
	{ .name = "timeouts", .type = FIELD_OBJECT,
	  .schema = &schema_timeouts },
	{ .name = "drainTimeout", .type = FIELD_DURATION, .max = 24 * HOUR,
	  STORE_SETTING(struct parameters, PARAMETER_DRAIN_TIMEOUT),
	  .initial = NOT_GIVEN },
	{ .name = "announce", .type = FIELD_ENUM,
	  STORE_SETTING(struct parameters, PARAMETER_ANNOUNCE),
	  .initial = NOT_GIVEN, .words = announcement_words },
	{ .name = "maxHalfOpen", .type = FIELD_INT, .min = 1,
	  .max = UINT16_MAX,
	  STORE_SETTING(struct parameters, PARAMETER_MAX_HALF_OPEN),
	  .initial = NOT_GIVEN },
	{ 0 }
};

static const struct schema schema_parameters_spec = {
	.fields = parameters_spec_fields, .check = check_parameters,
};

static const struct field parameters_fields[] = {
	OBJECT_FIELDS(struct gateway_parameters),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .offset = offsetof(struct gateway_parameters, spec),
	  .schema = &schema_parameters_spec },
	{ 0 }
};

static const struct schema schema_parameters = { .fields = parameters_fields };

DEFINE_ADD(add_parameters, struct gateway_parameters, parameters)

const struct kind kind_gateway_parameters = {
	.group = OWN_GROUP,
	.kind = "GatewayParameters",
	.versions = { "v1alpha1" },
	.schema = &schema_parameters,
	.name_format = &format_subdomain,
	.has_status = true,
	.meta = offsetof(struct gateway_parameters, meta),
	.add = add_parameters,
};

/* -------------------------------------------------------- route policy */

static const char *const target_group_words[] = { GATEWAY_GROUP, NULL };

static const char *const target_kind_words[] = {
	[PROTOCOL_TCP] = "TCPRoute", [PROTOCOL_UDP] = "UDPRoute", NULL,
};

static const struct field target_fields[] = {
	{ .name = "group", .type = FIELD_ENUM, .required = true,
	  .words = target_group_words },
	{ .name = "kind", .type = FIELD_ENUM, .required = true,
	  STORE(struct policy_target, protocol), .words = target_kind_words },
	{ .name = "name", .type = FIELD_STRING, .required = true,
	  STORE(struct policy_target, name), .format = &format_object_name },
	{ 0 }
};

static const struct schema schema_target = {
	.fields = target_fields, .size = sizeof(struct policy_target),
	.has_loc = true, .loc = offsetof(struct policy_target, loc),
};

static int check_affinity(struct decoder *decoder, const struct node *node,
			  void *object)
{
	const struct route_policy *policy = object;

	if (policy->settings[POLICY_AFFINITY].value != AFFINITY_CLIENT_IP &&
	    policy->settings[POLICY_AFFINITY_TIMEOUT].value != NOT_GIVEN)
		decode_error(decoder, decode_at(node, "timeout"),
			     "timeout: allowed with type ClientIP only");
	return 0;
}

/* A day at most, as the sessionAffinityConfig of a Service. */
static const struct field affinity_fields[] = {
	{ .name = "type", .type = FIELD_ENUM,
	  STORE_SETTING(struct route_policy, POLICY_AFFINITY),
	  .initial = AFFINITY_NONE, .words = session_affinity_words },
	{ .name = "timeout", .type = FIELD_DURATION,
	  .min = SECOND, .max = 24 * HOUR,
	  STORE_SETTING(struct route_policy, POLICY_AFFINITY_TIMEOUT),
	  .initial = NOT_GIVEN },
	{ 0 }
};

static const struct schema schema_affinity = {
	.fields = affinity_fields, .check = check_affinity,
};

/*
 * A range with bits behind its prefix is a slip of the pen, and nobody can say
 * whether the bits or the length are wrong.
 */
static int read_ranges(struct decoder *decoder, const struct node *list,
		       const char *name, const char *const *texts,
		       size_t count, struct inet_prefix **ret_ranges)
{
	struct inet_prefix *ranges;
	char text[INET_TEXT_MAX];
	size_t i;

	ranges = arena_array(&decoder->model->arena, count, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		inet_parse_prefix(texts[i], &ranges[i]);
		if (inet_mask(&ranges[i]))
			decode_error(decoder, item_at(list, i),
				     "%s \"%s\": bits behind the prefix are set, did you mean %s/%u?",
				     name, texts[i],
				     inet_format(&ranges[i].addr, text),
				     ranges[i].length);
	}
	*ret_ranges = ranges;
	return 0;
}

static int check_ranges(struct decoder *decoder, const struct node *node,
			void *object)
{
	struct route_policy *policy = object;
	size_t allow = policy->settings[POLICY_ALLOW].value;
	size_t deny = policy->settings[POLICY_DENY].value;

	if (!allow && !deny)
		decode_error(decoder, node,
			     "sourceRanges: expected allow or deny in it");
	return read_ranges(decoder, node_get(node, "allow"), "allow",
			   policy->allow_texts, allow, &policy->allow) ?:
	       read_ranges(decoder, node_get(node, "deny"), "deny",
			   policy->deny_texts, deny, &policy->deny);
}

/* The longest match of a packet's source in 64 ranges is a bounded search. */
static const struct field ranges_fields[] = {
	{ .name = "allow", .type = FIELD_STRINGS, .min = 1, .max = 64,
	  STORE_TEXTS(struct route_policy, allow_texts, POLICY_ALLOW),
	  .format = &format_range },
	{ .name = "deny", .type = FIELD_STRINGS, .min = 1, .max = 64,
	  STORE_TEXTS(struct route_policy, deny_texts, POLICY_DENY),
	  .format = &format_range },
	{ 0 }
};

static const struct schema schema_ranges = {
	.fields = ranges_fields, .check = check_ranges,
};

/* More flows than the largest table has are no limit. */
static const struct field connection_limit_fields[] = {
	{ .name = "maxFlows", .type = FIELD_INT, .required = true,
	  .min = 1, .max = L4GATE_MAX_FLOWS,
	  STORE_SETTING(struct route_policy, POLICY_MAX_FLOWS),
	  .initial = NOT_GIVEN },
	{ 0 }
};

static const struct schema schema_connection_limit = {
	.fields = connection_limit_fields,
};

/* A million new flows a second is more than a node can open. */
#define RATE_RANGE .min = 1, .max = 1000000

static int check_rate_limit(struct decoder *decoder, const struct node *node,
			    void *object)
{
	struct route_policy *policy = object;

	(void)decoder, (void)node;
	if (policy->settings[POLICY_BURST].value == NOT_GIVEN)
		policy->settings[POLICY_BURST] =
			policy->settings[POLICY_NEW_FLOWS];
	return 0;
}

static const struct field rate_limit_fields[] = {
	{ .name = "newFlowsPerSecond", .type = FIELD_INT, .required = true,
	  STORE_SETTING(struct route_policy, POLICY_NEW_FLOWS),
	  RATE_RANGE, .initial = NOT_GIVEN },
	{ .name = "burst", .type = FIELD_INT,
	  STORE_SETTING(struct route_policy, POLICY_BURST),
	  RATE_RANGE, .initial = NOT_GIVEN },
	{ 0 }
};

static const struct schema schema_rate_limit = {
	.fields = rate_limit_fields, .check = check_rate_limit,
};

static int check_policy(struct decoder *decoder, const struct node *node,
			void *object)
{
	const struct route_policy *policy = object;
	size_t i, j;

	(void)node;
	for (i = 0; i < policy->target_count; i++)
		for (j = 0; j < i; j++) {
			const struct policy_target *a = &policy->targets[j];
			const struct policy_target *b = &policy->targets[i];

			if (a->protocol != b->protocol ||
			    strcmp(a->name, b->name))
				continue;
			decode_report(decoder, DIAG_ERROR, b->loc,
				      "targetRefs: %s \"%s\" is given twice",
				      target_kind_words[b->protocol],
				      SHOW(b->name));
			diag_add(decoder->diags, DIAG_NOTE, a->loc,
				 "the first is here");
		}
	return 0;
}

static const struct field policy_spec_fields[] = {
	{ .name = "targetRefs", .type = FIELD_LIST, .required = true,
	  .min = 1, .max = 16,
	  STORE_LIST(struct route_policy, targets, target_count),
	  .schema = &schema_target },
	{ .name = "sessionAffinity", .type = FIELD_OBJECT,
	  .schema = &schema_affinity },
	{ .name = "sourceRanges", .type = FIELD_OBJECT,
	  .schema = &schema_ranges },
	{ .name = "connectionLimit", .type = FIELD_OBJECT,
	  .schema = &schema_connection_limit },
	{ .name = "rateLimit", .type = FIELD_OBJECT,
	  .schema = &schema_rate_limit },
	{ .name = "idleTimeout", .type = FIELD_DURATION, IDLE_RANGE,
	  STORE_SETTING(struct route_policy, POLICY_IDLE_TIMEOUT),
	  .initial = NOT_GIVEN },
	{ 0 }
};

static const struct schema schema_policy_spec = {
	.fields = policy_spec_fields, .check = check_policy,
};

static const struct field policy_fields[] = {
	OBJECT_FIELDS(struct route_policy),
	{ .name = "spec", .type = FIELD_OBJECT, .required = true,
	  .schema = &schema_policy_spec },
	{ 0 }
};

static const struct schema schema_policy = { .fields = policy_fields };

DEFINE_ADD(add_policy, struct route_policy, policies)

const struct kind kind_route_policy = {
	.group = OWN_GROUP,
	.kind = "RoutePolicy",
	.versions = { "v1alpha1" },
	.schema = &schema_policy,
	.name_format = &format_subdomain,
	.has_status = true,
	.meta = offsetof(struct route_policy, meta),
	.add = add_policy,
};
