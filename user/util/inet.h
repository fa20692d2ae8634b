/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Addresses as text and back, and what kind of address one is. */
#ifndef L4GATE_UTIL_INET_H
#define L4GATE_UTIL_INET_H

#include <stdbool.h>
#include <stdint.h>

#include "l4gate/abi.h"

struct inet_addr {
	struct l4gate_addr addr;	/* network byte order */
	uint8_t family;			/* enum l4gate_family */
};

/* The addresses whose first length bits are those of addr. */
struct inet_prefix {
	struct inet_addr addr;
	uint8_t length;
};

/* Longest text of inet_format, with the brackets and port of endpoints. */
#define INET_TEXT_MAX 64

/* Parses an IPv4 or IPv6 address without zone; 0 or -EINVAL. */
int inet_parse(const char *text, struct inet_addr *ret_addr);

/*
 * Parses "192.0.2.0/24" or "2001:db8::/32"; 0 or -EINVAL. Bits behind the
 * prefix are kept: inet_mask() clears them.
 */
int inet_parse_prefix(const char *text, struct inet_prefix *ret_prefix);

/* Clears the bits behind the prefix; whether any was set. */
bool inet_mask(struct inet_prefix *prefix);

/* Canonical text (RFC 5952 for IPv6) into text[INET_TEXT_MAX]; returns text. */
const char *inet_format(const struct inet_addr *addr, char *text);

/* "1.2.3.4:80" or "[2001:db8::1]:80"; port in host order. */
const char *inet_format_port(const struct inet_addr *addr, uint16_t port,
			     char *text);

/* Orders by family, then by bytes. */
int inet_compare(const struct inet_addr *a, const struct inet_addr *b);

/* The same for qsort() and bsearch(). */
int inet_compare_items(const void *a, const void *b);

bool inet_is_unspecified(const struct inet_addr *addr);
bool inet_is_loopback(const struct inet_addr *addr);
bool inet_is_broadcast(const struct inet_addr *addr);	/* of all networks */
bool inet_is_multicast(const struct inet_addr *addr);	/* or broadcast */
bool inet_is_link_local(const struct inet_addr *addr);
bool inet_is_mapped(const struct inet_addr *addr);	/* ::ffff:1.2.3.4 */

#endif /* L4GATE_UTIL_INET_H */
