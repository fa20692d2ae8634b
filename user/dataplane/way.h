/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which way the kernel would send something. */
#ifndef L4GATE_DATAPLANE_WAY_H
#define L4GATE_DATAPLANE_WAY_H

#include "util/fail.h"
#include "util/inet.h"

/* The device by which the route to an address goes out. */
int way_to(const struct inet_addr *addr, unsigned int *ret_ifindex,
	   struct fail *fail);

#endif /* L4GATE_DATAPLANE_WAY_H */
