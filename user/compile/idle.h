/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Idle timeouts of a route's flows. */
#ifndef L4GATE_COMPILE_IDLE_H
#define L4GATE_COMPILE_IDLE_H

#include <stdint.h>

/* In the order of enum parameter. */
enum idle_timeout {
	IDLE_TCP_HALF_OPEN,
	IDLE_TCP_ESTABLISHED,
	IDLE_TCP_CLOSING,
	IDLE_UDP_UNREPLIED,
	IDLE_UDP_REPLIED,
	IDLE_TIMEOUTS
};

struct image_timeouts {
	uint32_t ms[IDLE_TIMEOUTS];
};

#endif /* L4GATE_COMPILE_IDLE_H */
