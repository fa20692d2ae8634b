/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ports in the byte order of packets and back; libc's htons() has no types. */
#ifndef L4GATE_UTIL_BYTEORDER_H
#define L4GATE_UTIL_BYTEORDER_H

#include <arpa/inet.h>
#include <stdint.h>

#include <linux/types.h>

#include "l4gate/force.h"

static inline __be16 port_to_net(uint16_t port)
{
	return (L4GATE_FORCE __be16)htons(port);
}

static inline uint16_t port_from_net(__be16 port)
{
	return ntohs((L4GATE_FORCE uint16_t)port);
}

#endif /* L4GATE_UTIL_BYTEORDER_H */
