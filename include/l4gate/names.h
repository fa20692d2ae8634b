/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Names that outlive a process: pins, and the kernel's names of programs and
 * maps (which it cuts at 15 characters). A map's pin is its name.
 */
#ifndef L4GATE_NAMES_H
#define L4GATE_NAMES_H

#define L4GATE_PIN_DIR		"/sys/fs/bpf/l4gate"

/* Pinned links, one a hook and device: "xdp-7" for ifindex 7. */
#define L4GATE_PIN_XDP		"xdp-%u"
#define L4GATE_PIN_INGRESS	"ingress-%u"
#define L4GATE_PIN_EGRESS	"egress-%u"

/* What is published, as user space knows it: one blob for a generation. */
#define L4GATE_PIN_STATE	"state-%llu"

/* clsact (kernels before 6.6): our filters, by handle and priority. */
#define L4GATE_TC_HANDLE	0x14a7e
#define L4GATE_TC_PRIORITY	0x4a7e

#define L4GATE_CONTROLLER	"l4gate.dev/gateway-controller"

/* The condition of a route that a RoutePolicy is on (GEP-713). */
#define L4GATE_POLICY_AFFECTED	"l4gate.dev/PolicyAffected"

#endif /* L4GATE_NAMES_H */
