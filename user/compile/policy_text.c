// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/policy_text.h"

#include <inttypes.h>

#include "compile/condition.h"
#include "model/format.h"

/* One piece of the line, or none. */
typedef void (*describe)(const struct image_route *route, struct phrase *line);

static void describe_sources(const struct image_route *route,
			     struct phrase *line)
{
	const struct setting *settings = route->policy->settings;
	int64_t allow = settings[POLICY_ALLOW].value;
	int64_t deny = settings[POLICY_DENY].value;
	struct phrase counts = { 0 };

	if (allow)
		phrase_add(&counts, ", ", "%" PRId64 " allowed", allow);
	if (deny)
		phrase_add(&counts, ", ", "%" PRId64 " denied", deny);
	if (counts.used)
		phrase_add(line, "; ", "source ranges %s", phrase_end(&counts));
}

static void describe_rate(const struct image_route *route, struct phrase *line)
{
	if (route->rate)
		phrase_add(line, "; ", "%" PRIu32
			   " new flows a second, burst %" PRIu32, route->rate,
			   route->burst);
}

static void describe_max_flows(const struct image_route *route,
			       struct phrase *line)
{
	if (route->max_flows)
		phrase_add(line, "; ", "at most %" PRIu32 " flows at once",
			   route->max_flows);
}

static void describe_affinity(const struct image_route *route,
			      struct phrase *line)
{
	char time[DURATION_TEXT_MAX];

	if (route->affinity)
		phrase_add(line, "; ", "clients stay for %s",
			   duration_format(route->affinity * INT64_C(1000),
					   time));
}

static void describe_idle(const struct image_route *route, struct phrase *line)
{
	int64_t timeout = route->policy->settings[POLICY_IDLE_TIMEOUT].value;
	char time[DURATION_TEXT_MAX];

	if (timeout != NOT_GIVEN)
		phrase_add(line, "; ", "flows may be idle for %s",
			   duration_format(timeout, time));
}

const char *policy_text(struct arena *arena, const struct image_route *route)
{
	static const describe pieces[] = {
		describe_sources,
		describe_rate,
		describe_max_flows,
		describe_affinity,
		describe_idle,
	};
	struct phrase line = { 0 };
	size_t i;

	for (i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		pieces[i](route, &line);
	return arena_strdup(arena, phrase_end(&line));
}
