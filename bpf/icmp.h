/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ICMP (RFC 792) and ICMPv6 (RFC 4443): headers, types. */
#ifndef L4GATE_BPF_ICMP_H
#define L4GATE_BPF_ICMP_H

#include "ctx.h"

/* <linux/icmp.h> drags in libc; both versions begin alike. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 rest;		/* the MTU, where it is about that */
};

/* Type << 8 | code. */
#define ICMPV4_HOST_UNREACHABLE (3 << 8 | 1)
#define ICMPV4_PROTOCOL_UNREACHABLE (3 << 8 | 2)
#define ICMPV4_PORT_UNREACHABLE (3 << 8 | 3)
#define ICMPV4_FRAG_NEEDED (3 << 8 | 4)
#define ICMPV4_SOURCE_ROUTE_FAILED (3 << 8 | 5)
#define ICMPV4_TIME_EXCEEDED (11 << 8)
#define ICMPV4_ECHO_REPLY (0 << 8)
#define ICMPV4_ECHO_REQUEST (8 << 8)
#define ICMPV6_ECHO_REQUEST (128 << 8)
#define ICMPV6_ECHO_REPLY (129 << 8)
#define ICMPV6_ADDRESS_UNREACHABLE (1 << 8 | 3)
#define ICMPV6_PORT_UNREACHABLE (1 << 8 | 4)
#define ICMPV6_TOO_BIG (2 << 8)
#define ICMPV6_TIME_EXCEEDED (3 << 8)

/*
 * Destination unreachable, packet too big, time exceeded, parameter problem. Not
 * source quench, which is obsolete (RFC 6633), nor a redirect, which is for the
 * sender's first hop.
 */
static __always_inline bool icmp_is_error(__u8 family, __u8 type)
{
	if (family == L4GATE_IPV4)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

#endif /* L4GATE_BPF_ICMP_H */
