// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A line for each stage that the packet comes to. */
#include <stdio.h>
#include <string.h>

#include "cli/explain.h"

static bool has(const json_t *object, const char *key)
{
	return !json_is_null(json_object_get(object, key));
}

static void print_packet(const json_t *document)
{
	const json_t *packet = json_object_get(document, "packet");
	const json_t *device = json_object_get(document, "device");
	const char *flags = view_text(packet, "flags");
	bool is_tcp = !strcmp(view_text(packet, "protocol"), "TCP");

	printf("packet    %s %s to %s%s%s, in by %s (%s)\n",
	       view_text(packet, "protocol"), view_text(packet, "source"),
	       view_text(packet, "destination"), is_tcp ? ", " : "",
	       is_tcp && !*flags ? "no flags" : flags, view_text(device, "name"),
	       view_text(device, "mode"));
}

static void print_listener(const json_t *document)
{
	const json_t *listener = json_object_get(document, "listener");
	const char *set = view_text(listener, "listenerSet");

	if (!has(document, "listener"))
		return;
	printf("listener  %s of Gateway %s/%s%s%s, mode %s\n",
	       view_text(listener, "name"), view_text(listener, "namespace"),
	       view_text(listener, "gateway"), *set ? ", ListenerSet " : "",
	       set, view_text(listener, "mode"));
}

static void print_route_line(const json_t *document)
{
	const json_t *route = json_object_get(document, "route");

	if (has(document, "route"))
		printf("route     %s %s/%s\n", view_text(route, "kind"),
		       view_text(route, "namespace"), view_text(route, "name"));
	else if (has(document, "listener"))
		printf("route     none\n");
}

static void print_slot(const json_t *document)
{
	const json_t *slot = json_object_get(document, "slot");
	const json_t *share = json_object_get(slot, "share");

	if (!has(document, "slot")) {
		if (json_is_true(json_object_get(
			json_object_get(document, "flow"), "new")))
			puts("slot      none was asked: sessionAffinity knows the client");
		return;
	}
	printf("slot      %lld of %lld", view_number(slot, "position"),
	       view_number(slot, "of"));
	if (json_is_true(json_object_get(slot, "rejects")))
		printf(": of a backendRef that can't be served\n");
	else
		printf(": of a backendRef that has %.2f %% of new flows\n",
		       json_number_value(share) * 100);
}

static void print_flow(const json_t *document)
{
	const json_t *flow = json_object_get(document, "flow");
	const json_t *idle = json_object_get(flow, "idle");
	bool is_new = json_is_true(json_object_get(flow, "new"));
	const char *surplus = json_is_true(json_object_get(flow, "surplus")) ?
			      ", surplus" : "";

	if (!has(document, "flow"))
		return;
	if (!json_is_true(json_object_get(flow, "known"))) {
		printf("flow      %s%s\n", is_new ? "a new one" : "none", surplus);
		return;
	}
	printf("flow      %s%s", view_text(flow, "state"),
	       is_new ? "" : surplus);
	if (json_is_real(idle))
		printf(", idle for %.0f s", json_real_value(idle));
	if (is_new)
		printf("; this packet begins another one%s", surplus);
	putchar('\n');
}

static void print_backend(const json_t *document)
{
	const json_t *backend = json_object_get(document, "backend");

	if (has(document, "backend"))
		printf("backend   %s of Service %s/%s port %lld, %s\n",
		       view_text(backend, "endpoint"),
		       view_text(backend, "namespace"),
		       view_text(backend, "service"),
		       view_number(backend, "port"),
		       view_text(backend, "state"));
}

static void print_nexthop(const json_t *document)
{
	const json_t *nexthop = json_object_get(document, "nextHop");
	const char *kind = view_text(nexthop, "kind");
	const char *address = view_text(nexthop, "address");
	const char *device = view_text(nexthop, "device");

	if (!has(document, "nextHop"))
		return;
	printf("next hop  ");
	if (!strcmp(kind, "known"))
		printf("%s by %s, %s\n", address, device,
		       view_text(nexthop, "mac"));
	else if (!strcmp(kind, "unresolved"))
		printf("%s by %s, whose MAC address is not known yet: the kernel asks for it\n",
		       address, device);
	else if (!strcmp(kind, "unattached"))
		printf("%s by %s, which is not attached: the kernel sends it\n",
		       address, device);
	else if (!strcmp(kind, "local"))
		printf("this node itself, or none that it has a route for\n");
	else
		printf("%s can't be reached\n", address);
}

static void print_hooks(const json_t *document)
{
	const json_t *hooks = json_object_get(document, "hooks"), *hook;
	size_t i;

	json_array_foreach(hooks, i, hook)
		printf("%-10s%s: %s\n",
		       !strcmp(view_text(hook, "hook"), "xdp") ? "XDP" : "TC",
		       view_text(hook, "reason"), view_text(hook, "text"));
}

static const char *verdict_text(const char *verdict)
{
	static const struct {
		const char *verdict;
		const char *text;
	} texts[] = {
		{ "forward", "sent on" },
		{ "pass", "left to the kernel, as it came" },
		{ "reject", "answered with a RST or an ICMP error" },
		{ "answer", "answered" },
		{ "drop", "dropped" },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!strcmp(texts[i].verdict, verdict))
			return texts[i].text;
	return verdict;
}

void explain_print(const json_t *document)
{
	const json_t *sent = json_object_get(document, "sent");
	const json_t *why = json_object_get(document, "why"), *sentence;
	size_t i;

	print_packet(document);
	print_listener(document);
	print_route_line(document);
	print_flow(document);
	print_slot(document);
	print_backend(document);
	print_nexthop(document);
	print_hooks(document);
	if (has(document, "sent"))
		printf("sent as   %s to %s\n", view_text(sent, "source"),
		       view_text(sent, "destination"));
	json_array_foreach(why, i, sentence)
		printf("why       %s\n", json_string_value(sentence));
	if (json_is_true(json_object_get(document, "otherBuild")))
		printf("note      what is attached is of another build than this: l4gate attach %s updates it\n",
		       view_text(json_object_get(document, "device"), "name"));
	printf("verdict   %s, by %s\n",
	       verdict_text(view_text(document, "verdict")),
	       strcmp(view_text(document, "hook"), "xdp") ? "TC" : "XDP");
}
