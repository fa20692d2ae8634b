// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/describe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/advice.h"
#include "cli/join.h"

#define NAME_MAX 640
#define TIME_MAX 32

static const char *const families[L4GATE_FAMILIES] = { "IPv4", "IPv6" };
static const char *const family_keys[L4GATE_FAMILIES] = { "ipv4", "ipv6" };

/* ------------------------------------------------------------ working out */

/* Who a route is, for another one's explanation. */
static json_t *name_json(const json_t *route)
{
	return json_pack("{s:s, s:s, s:s, s:I}",
			 "kind", view_text(route, "kind"),
			 "namespace", view_text(route, "namespace"),
			 "name", view_text(route, "name"),
			 "created", view_number(route, "created"));
}

/* Whether a parentRef of a route means the owner of this listener. */
static bool is_parent(const json_t *route, const json_t *ref,
		      const json_t *listener)
{
	const char *set = view_text(listener, "listenerSet");
	const char *namespace = view_text(ref, "namespace");
	char name[NAME_MAX], owner[NAME_MAX];

	if (!strcmp(view_text(ref, "kind"), "ListenerSet") != (*set != 0))
		return false;
	if (!*namespace)
		namespace = view_text(route, "namespace");
	snprintf(name, sizeof(name), "%s/%s", namespace,
		 view_text(ref, "name"));
	snprintf(owner, sizeof(owner), "%s/%s",
		 view_text(listener, "namespace"),
		 view_text(listener, "gateway"));
	return !strcmp(name, *set ? set : owner);
}

/* What comes of a route at a listener: an entry of a parent's, or NULL. */
static const json_t *find_attached(const json_t *route, const json_t *listener)
{
	json_t *parent, *entry;
	size_t i, j;

	json_array_foreach(json_object_get(json_object_get(route, "status"),
					   "parents"), i, parent) {
		if (!is_parent(route, json_object_get(parent, "parentRef"),
			       listener))
			continue;
		json_array_foreach(json_object_get(parent, "listeners"), j,
				   entry)
			if (!strcmp(view_text(entry, "name"),
				    view_text(listener, "name")))
				return entry;
	}
	return NULL;
}

/* By which rule one of two routes goes first. */
static const char *rule_of(const json_t *attached, const json_t *a,
			   const json_t *b)
{
	if (json_is_true(json_object_get(attached, "byName")))
		return "byName";
	return view_number(a, "created") == view_number(b, "created") ?
	       "name" : "older";
}

static void add_rivals(json_t *entry, const json_t *attached,
		       const json_t *route, const json_t *listener,
		       const json_t *routes)
{
	bool waits = !strcmp(view_text(attached, "fate"), "waits");
	json_t *losers = json_array(), *other;
	size_t i;

	json_array_foreach(routes, i, other) {
		const json_t *theirs = find_attached(other, listener);
		const char *fate = view_text(theirs, "fate");

		if (!theirs || json_equal(json_object_get(other, "status"),
					  json_object_get(route, "status")))
			continue;
		if (waits && !strcmp(fate, "serves"))
			json_object_set_new(entry, "winner", name_json(other));
		else if (!waits && !strcmp(fate, "waits"))
			json_array_append_new(losers, name_json(other));
		else
			continue;
		json_object_set_new(entry, "rule", json_string(
			rule_of(attached, route, other)));
	}
	if (json_array_size(losers))
		json_object_set(entry, "losers", losers);
	json_decref(losers);
}

static json_int_t table_size(const json_t *route, int family)
{
	return view_number(json_object_get(json_object_get(route, "tables"),
					   family_keys[family]), "slots");
}

/* Whether the route serves an address of the family. */
static bool serves_family(const json_t *route, int family)
{
	json_t *listener, *address;
	size_t i, j;

	json_array_foreach(json_object_get(route, "listeners"), i, listener) {
		if (strcmp(view_text(listener, "fate"), "serves"))
			continue;
		json_array_foreach(json_object_get(listener, "addresses"), j,
				   address)
			if (!strchr(json_string_value(address), ':') ==
			    (family == L4GATE_IPV4))
				return true;
	}
	return false;
}

/* What no condition says. */
static void advise_route(json_t *advice, const json_t *route)
{
	int family;
	json_t *ref;
	size_t i;

	for (family = 0; family < L4GATE_FAMILIES; family++)
		if (serves_family(route, family) && !table_size(route, family))
			advice_add(advice, family == L4GATE_IPV4 ?
				   "IPv4 clients get nothing but rejections: give a backend endpoints of IPv4, or take the Gateway's IPv4 addresses out." :
				   "IPv6 clients get nothing but rejections: give a backend endpoints of IPv6, or take the Gateway's IPv6 addresses out.");

	json_array_foreach(json_object_get(route, "refs"), i, ref)
		if (!json_is_true(json_object_get(ref, "gone")) &&
		    !strcmp(view_text(ref, "verdict"), "no endpoints"))
			advice_add(advice, "Look why the Service has no ready endpoints: do its pods run, are they ready, are its EndpointSlices among the manifests?");
	json_array_foreach(json_object_get(route, "listeners"), i, ref)
		if (!strcmp(view_text(ref, "fate"), "waits"))
			advice_add(advice, "To get traffic from a listener that another route serves: attach to another listener, or remove the other route. One route is served a listener; nothing is merged.");
	json_array_foreach(json_object_get(route, "listeners"), i, ref)
		if (!strcmp(view_text(ref, "fate"), "idle"))
			advice_add(advice, "Look at the Gateway of the listener that is not programmed: l4gate get gateway NAME.");
}

void describe_route(const struct view *view, json_t *route)
{
	json_t *all = join_listeners(view), *routes = join_routes(view);
	json_t *list = json_array(), *advice = json_array();
	json_t *listener, *parent;
	size_t i;

	json_array_foreach(all, i, listener) {
		const json_t *attached = find_attached(route, listener);
		json_t *entry;

		if (!attached)
			continue;
		entry = json_pack("{s:O, s:O, s:O*, s:O, s:O, s:O, s:O*, s:O}",
			"namespace", json_object_get(listener, "namespace"),
			"gateway", json_object_get(listener, "gateway"),
			"listenerSet", json_object_get(listener, "listenerSet"),
			"name", json_object_get(listener, "name"),
			"protocol", json_object_get(listener, "protocol"),
			"port", json_object_get(listener, "port"),
			"addresses", json_object_get(listener, "addresses"),
			"fate", json_object_get(attached, "fate"));
		add_rivals(entry, attached, route, listener, routes);
		json_array_append_new(list, entry);
	}
	json_object_set_new(route, "listeners", list);
	json_array_foreach(json_object_get(json_object_get(route, "status"),
					   "parents"), i, parent)
		advice_collect(advice, parent);
	advise_route(advice, route);
	json_object_set_new(route, "advice", advice);
	json_decref(all);
	json_decref(routes);
}

/* -------------------------------------------------------------- sentences */

static const char *format_time(const json_t *object, char *text)
{
	time_t created = view_number(object, "created");
	struct tm tm;

	gmtime_r(&created, &tm);
	strftime(text, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

/* Why the first of two goes first. */
static void print_rule(const char *rule, const json_t *first,
		       const json_t *second)
{
	char a[TIME_MAX], b[TIME_MAX];

	if (!strcmp(rule, "older"))
		printf("it is older (%s, %s)", format_time(first, a),
		       format_time(second, b));
	else
		printf("%s, and %s/%s comes before %s/%s by name",
		       strcmp(rule, "name") ?
		       "not all routes of this listener have a creationTimestamp" :
		       "both are as old",
		       view_text(first, "namespace"), view_text(first, "name"),
		       view_text(second, "namespace"),
		       view_text(second, "name"));
}

static void print_listener(const json_t *listener)
{
	const char *set = view_text(listener, "listenerSet");
	json_t *address;
	size_t i;

	printf("  listener %s of ", view_text(listener, "name"));
	if (*set)
		printf("ListenerSet %s at ", set);
	printf("Gateway %s/%s: %s port %lld",
	       view_text(listener, "namespace"), view_text(listener, "gateway"),
	       view_text(listener, "protocol"), view_number(listener, "port"));
	json_array_foreach(json_object_get(listener, "addresses"), i, address)
		printf("%s%s", i ? ", " : " of ", json_string_value(address));
	putchar('\n');
}

static void print_rivals(const json_t *route, const json_t *listener)
{
	const json_t *winner = json_object_get(listener, "winner");
	const char *rule = view_text(listener, "rule");
	json_t *loser;
	size_t i;

	if (winner) {
		printf("    waits for %s %s/%s, which goes first: ",
		       view_text(winner, "kind"),
		       view_text(winner, "namespace"),
		       view_text(winner, "name"));
		print_rule(rule, winner, route);
		putchar('\n');
	}
	json_array_foreach(json_object_get(listener, "losers"), i, loser) {
		printf("    goes before %s %s/%s, which gets nothing here: ",
		       view_text(loser, "kind"), view_text(loser, "namespace"),
		       view_text(loser, "name"));
		print_rule(rule, route, loser);
		putchar('\n');
	}
}

static void print_fate(const json_t *route, const char *fate, const char *title)
{
	bool first = true;
	json_t *listener;
	size_t i;

	json_array_foreach(json_object_get(route, "listeners"), i, listener) {
		if (strcmp(view_text(listener, "fate"), fate))
			continue;
		if (first)
			puts(title);
		first = false;
		print_listener(listener);
		print_rivals(route, listener);
	}
	if (!first)
		putchar('\n');
}

/* "70.03 % of IPv4" for each family that has a table. */
static void print_real(const json_t *route, const json_int_t slots[L4GATE_FAMILIES])
{
	const char *separator = "; ";
	int family;

	for (family = 0; family < L4GATE_FAMILIES; family++) {
		json_int_t size = table_size(route, family);

		if (!size)
			continue;
		printf("%s%.2f %% of %s", separator, 100.0 * slots[family] /
		       size, families[family]);
		separator = ", ";
	}
}

/* What a backend that gets no new flows does for those that it has. */
static void print_draining(const json_t *backend)
{
	const json_t *left = json_object_get(backend, "secondsLeft");
	bool gone = !strcmp(view_text(backend, "state"), "gone");

	if (!left)
		printf("draining: keeps its flows, gets no new ones");
	else if (!json_integer_value(left))
		printf("%s: its time is over, what its flows still send gets a RST",
		       gone ? "gone" : "draining");
	else
		printf("%s: gets no new flows, keeps those that it has for %lld s",
		       gone ? "gone, and draining" : "draining",
		       json_integer_value(left));
}

static void print_backends(const json_t *route, size_t ref)
{
	json_t *backend;
	size_t i;

	json_array_foreach(json_object_get(route, "backends"), i, backend) {
		json_int_t slots[L4GATE_FAMILIES] = { 0 };
		int family = !!strchr(view_text(backend, "address"), ':');

		if ((size_t)view_number(backend, "ref") != ref)
			continue;
		slots[family] = view_number(backend, "slots");
		printf("    %-24s ", view_text(backend, "endpoint"));
		if (strcmp(view_text(backend, "state"), "active"))
			print_draining(backend);
		else
			printf("%.2f %% of %s", table_size(route, family) ?
			       100.0 * slots[family] /
			       table_size(route, family) : 0.0,
			       families[family]);
		printf("; %lld new flows so far, %lld alive\n",
		       view_stat(backend, "flows", NULL),
		       view_number(backend, "active"));
	}
}

static void print_ref(const json_t *route, const json_t *ref, size_t index)
{
	const char *verdict = view_text(ref, "verdict");
	json_int_t served[L4GATE_FAMILIES], rejected[L4GATE_FAMILIES];
	int family;

	if (json_is_true(json_object_get(ref, "gone"))) {
		printf("  Service %s/%s port %lld: not a backendRef any more\n",
		       view_text(ref, "namespace"), view_text(ref, "name"),
		       view_number(ref, "port"));
		print_backends(route, index);
		return;
	}
	for (family = 0; family < L4GATE_FAMILIES; family++) {
		served[family] = json_integer_value(json_array_get(
			json_object_get(ref, "slots"), family));
		rejected[family] = json_integer_value(json_array_get(
			json_object_get(ref, "rejected"), family));
	}
	printf("  Service %s/%s port %lld, weight %lld: %.2f %% wanted",
	       view_text(ref, "namespace"), view_text(ref, "name"),
	       view_number(ref, "port"), view_number(ref, "weight"),
	       100 * json_real_value(json_object_get(ref, "wanted")));
	if (!strcmp(verdict, "usable")) {
		print_real(route, served);
	} else {
		printf(", REJECTED (%s)", strcmp(verdict, "invalid") ?
		       "it has no ready endpoints" :
		       "the reference is not valid, see ResolvedRefs below");
		print_real(route, rejected);
	}
	putchar('\n');
	for (family = 0; family < L4GATE_FAMILIES; family++)
		if (!strcmp(verdict, "usable") && rejected[family])
			printf("    %s: rejected, it has no ready endpoints of this family\n",
			       families[family]);
	print_backends(route, index);
}

static void print_policy(const json_t *route)
{
	const json_t *policy = json_object_get(route, "policy");
	const char *asks_for = view_text(policy, "asksFor");

	if (*asks_for)
		printf("RoutePolicy %s/%s: %s\n\n",
		       view_text(route, "namespace"), view_text(policy, "name"),
		       asks_for);
}

static void print_refs(const json_t *route)
{
	json_t *ref;
	int family;
	size_t i;

	puts("New flows go to");
	json_array_foreach(json_object_get(route, "refs"), i, ref)
		print_ref(route, ref, i);
	for (family = 0; family < L4GATE_FAMILIES; family++)
		if (!table_size(route, family))
			printf("  %s: every new flow is rejected, no backendRef with a weight has ready endpoints\n",
			       families[family]);
	printf("  %lld new flows so far, %lld alive, %lld packets rejected\n\n",
	       view_stat(route, "flows", NULL), view_number(route, "active"),
	       view_stat(route, "rejected", NULL));
}

static void print_wrong(const json_t *route)
{
	bool wrong = false;
	json_t *parent;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(route, "status"),
					   "parents"), i, parent) {
		const json_t *ref = json_object_get(parent, "parentRef");
		const char *namespace = view_text(ref, "namespace");
		char indent[NAME_MAX];

		snprintf(indent, sizeof(indent), "At %s %s/%s: ",
			 view_text(ref, "kind"), *namespace ? namespace :
			 view_text(route, "namespace"), view_text(ref, "name"));
		wrong |= print_bad_conditions(indent, parent);
	}
	if (wrong)
		putchar('\n');
}

void print_route(const json_t *route)
{
	bool carries = json_object_get(route, "id");

	printf("%s %s/%s%s\n\n", view_text(route, "kind"),
	       view_text(route, "namespace"), view_text(route, "name"),
	       carries ? "" : " carries no traffic.");
	print_fate(route, "serves", "It serves");
	print_fate(route, "waits", "It is attached, but gets nothing from");
	print_fate(route, "idle", "It is attached, but nothing is programmed of");
	print_policy(route);
	if (carries)
		print_refs(route);
	print_wrong(route);
	print_advice(json_object_get(route, "advice"));
}
