/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Constants that the loader sets before the kernel sees the program
 * (user/dataplane/object.c). The verifier knows their values, so that what they
 * rule out costs nothing.
 */
#ifndef L4GATE_BPF_CONFIG_H
#define L4GATE_BPF_CONFIG_H

#include "ctx.h"

/* Keys of the hashes: secret, so that nobody can aim at a slot or a line. */
const volatile __u64 hash_key[4];

/* Lines of the flow index, and records, less one; all powers of two. */
const volatile __u32 flow_line_mask = L4GATE_DEFAULT_FLOWS / 8 - 1;
const volatile __u32 record_mask = L4GATE_DEFAULT_FLOWS / 2 - 1;

/* NAT ports: the first one, in host order, and how many. */
const volatile __u32 nat_port_min = 10240;
const volatile __u32 nat_port_count = 22528;

/* A tick is 2^tick_shift jiffies: between half a second and a second. */
const volatile __u32 tick_shift = 7;

/* Idle time after which a flow in a state may be forgotten, in ticks. */
const volatile __u32 flow_timeout[L4GATE_FLOW_STATES];

/* 2^32 / jiffies in a quarter of that time: for the clock in a word. */
const volatile __u32 flow_quarter[L4GATE_FLOW_STATES];

/* Jiffies for which an answer of the FIB is believed: one second. */
const volatile __u32 nexthop_lifetime = 250;

/* Tokens a jiffy and at most, for RST and for ICMP errors. */
const volatile __u32 budget_rate[L4GATE_BUDGETS] = { 40, 4 };
const volatile __u32 budget_burst[L4GATE_BUDGETS] = { 10000, 1000 };

#endif /* L4GATE_BPF_CONFIG_H */
