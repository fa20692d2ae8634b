// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/advice.h"

#include <string.h>

#include "cli/view.h"
#include "compile/condition.h"

static const struct {
	const char *type;	/* NULL: of any type */
	const char *reason;
	const char *advice;
} table[] = {
	{ NULL, "ListenersNotValid",
	  "Look at the listeners that are not accepted: l4gate get listeners -o wide." },
	{ NULL, "InvalidParameters",
	  "Correct or remove the parametersRef." },
	{ NULL, "UnsupportedAddress",
	  "Give addresses of type IPAddress only." },
	{ NULL, "AddressNotAssigned",
	  "Give each address a value, or name none at all, for those of the attached devices (l4gate status shows which are attached)." },
	{ NULL, "AddressNotUsable",
	  "Give an address that clients can send to." },
	{ NULL, "ProtocolConflict",
	  "Give one of the listeners that want the same port another port, or another address." },
	{ NULL, "InvalidRouteKinds",
	  "Take out of allowedRoutes.kinds what the listener's protocol does not have: TCPRoute with TCP, UDPRoute with UDP." },
	{ NULL, "NoMatchingParent",
	  "Correct sectionName or port of the parentRef, or add that listener to the Gateway." },
	{ NULL, "NotAllowedByListeners",
	  "Attach to a listener of the route's protocol, or ask the Gateway's owner to allow the route (allowedRoutes)." },
	{ NULL, "NotAllowed",
	  "Ask the Gateway's owner to allow ListenerSets of this namespace (allowedListeners)." },
	{ NULL, "TooManyListeners",
	  "Take listeners out, here or in older ListenerSets of the node." },
	{ NULL, "ParentNotAccepted",
	  "Look at the Gateway: l4gate get gateway NAME." },
	{ NULL, "ParentNotProgrammed",
	  "Look at the Gateway: l4gate get gateway NAME." },
	{ NULL, "BackendNotFound",
	  "Correct name and port of the backendRef (it is the Service's port, not the target port), or apply with the Service's manifest." },
	{ NULL, "RefNotPermitted",
	  "Ask the owner of the Service's namespace for a ReferenceGrant, and apply with it." },
	{ NULL, "InvalidKind",
	  "Refer to a Service." },
	{ "ResolvedRefs", "UnsupportedProtocol",
	  "Add the port to the Service with the protocol of the route." },
	{ "Accepted", "UnsupportedProtocol",
	  "Give the listener protocol TCP or UDP, or leave it to a Gateway of another class." },
	{ "ResolvedRefs", "UnsupportedValue",
	  "Refer to a Service that has EndpointSlices." },
	{ NULL, "TargetNotFound",
	  "Correct kind and name of the targetRef: the route is in the policy's own namespace." },
	{ NULL, "Conflicted",
	  "Keep one RoutePolicy for the route." },
	{ "Programmed", "Invalid",
	  "Look at the other conditions first: this one follows from them, or its message says what to change." },
};

const char *advice_for(const char *type, const char *reason)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].reason, reason) &&
		    (!table[i].type || !strcmp(table[i].type, type)))
			return table[i].advice;
	return "Change what the message names.";
}

bool advice_is_good(const json_t *json)
{
	struct condition condition = {
		.type = view_text(json, "type"),
		.status = !strcmp(view_text(json, "status"), "True"),
		.reason = view_text(json, "reason"),
	};

	return condition_is_good(&condition);
}

void advice_add(json_t *list, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (!strcmp(json_string_value(item), text))
			return;
	json_array_append_new(list, json_string(text));
}

void advice_collect(json_t *list, const json_t *object)
{
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(object, "conditions"), i, condition)
		if (!advice_is_good(condition))
			advice_add(list, advice_for(
				view_text(condition, "type"),
				view_text(condition, "reason")));
}
