/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a dry run of a packet met, by names:
 *
 * { "schema": 1, "generation": N,
 *   "packet": { "protocol": "TCP", "source": "ADDRESS:PORT", "destination",
 *               "flags": "SYN" or "" (UDP) },
 *   "device": { "name", "ifindex", "mode": "native" | "generic" | "tc" },
 *   "otherBuild": whether other programs are attached there than were asked,
 *   "hooks": [ { "hook": "xdp" | "tc_ingress", "reason", "class", "text": as in
 *                stats } ], in the order in which they see it,
 *   "listener": { "namespace", "gateway", "listenerSet": "" if it is from none,
 *                 "name", "mode" } or null,
 *   "route": { "kind", "namespace", "name" } or null,
 *   "slot": { "position", "of", "rejects", "share": of the backendRef, 0 to 1, or
 *             null if it rejects } or null: no slot table was asked,
 *   "flow": { "known": there was one, "new": the packet begins one,
 *             "state": null if none was known, "idle": seconds or null,
 *             "surplus": it is half open, beyond a limit (of the new one, if there
 *             is) } or null: it is to no listener, and of no flow,
 *   "backend": { "id", "namespace", "service", "port", "endpoint", "state" } or
 *              null,
 *   "nextHop": { "address", "device", "kind": "known" | "unresolved" | "local" |
 *                "unattached" | "unreachable", "mac": "" if not known } or null,
 *   "sent": { "source", "destination" } or null: it is not sent on as TCP or UDP,
 *   "verdict": class of the last hook's reason, "hook", "reason",
 *   "why": [ "..." ] sentences about a packet that is not ours, is
 *          rejected for what was applied, or begins a flow that is surplus }
 */
#ifndef L4GATE_CLI_EXPLAIN_H
#define L4GATE_CLI_EXPLAIN_H

#include "cli/probe.h"
#include "cli/view.h"
#include "dataplane/attach.h"
#include "dataplane/dry.h"

struct explained {
	const struct view *view;
	const struct probe *probe;
	const struct attachment *device;
	const struct dry_run *run;
};

/* The document, to be released; NULL without memory. */
json_t *explain_document(const struct explained *explained);

/* The same for a person. */
void explain_print(const json_t *document);

#endif /* L4GATE_CLI_EXPLAIN_H */
