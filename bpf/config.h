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

/* Rows of the flow tables, each of L4GATE_SHARDS lines or records. */
const volatile __u32 word_rows = 1;
const volatile __u32 entry_rows = 1;
const volatile __u32 record_rows = 1;

/* Ports of a shard, rounded up to a power of two, less one. */
const volatile __u32 record_run_mask = 0;

/* Rows of the index of next hops. */
const volatile __u32 address_rows = 1;

/* Rows of each half of the index of backends that answer themselves. */
const volatile __u32 origin_rows = 1;

/* NAT ports: the first one, in host order, and how many, of all shards alike. */
const volatile __u32 nat_port_min = 10240;
const volatile __u32 nat_port_count = 22528;

/* A tick is 2^tick_shift jiffies: between half a second and a second. */
const volatile __u32 tick_shift = 7;

/* Idle time after which a flow in a state may be forgotten, in ticks. */
const volatile __u32 flow_timeout[L4GATE_FLOW_STATES];

/* Ticks after which a flow's last packet is written down once more. */
const volatile __u32 flow_refresh[L4GATE_FLOW_STATES];

/* 2^32 / jiffies in a quarter of that time: for the clock in a word. */
const volatile __u32 flow_quarter[L4GATE_FLOW_STATES];

/* Half-open flows of all listeners, and of one of which nothing else is said. */
const volatile __u32 half_open_most = 65536;
const volatile __u32 half_open_usual = 8192;

/* Jiffies in a second. */
const volatile __u32 jiffies_second = 250;

/* Tokens a jiffy and at most, for RST and for ICMP errors. */
const volatile __u32 budget_rate[L4GATE_BUDGETS] = { 40, 4 };
const volatile __u32 budget_burst[L4GATE_BUDGETS] = { 10000, 1000 };

/* Whether this is an instance that explains (trace.h): no packet runs through it. */
const volatile bool dry = false;

#endif /* L4GATE_BPF_CONFIG_H */
