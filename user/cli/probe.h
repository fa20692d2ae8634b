/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The packet that is asked about: from the command line, and as a frame. */
#ifndef L4GATE_CLI_PROBE_H
#define L4GATE_CLI_PROBE_H

#include <stddef.h>

#include "util/inet.h"

/* Longest frame of a probe: it carries no data. */
#define PROBE_MAX 128

#define PROBE_SYN 0x02

struct probe {
	struct inet_addr src;
	struct inet_addr dst;
	uint16_t sport;		/* host order */
	uint16_t dport;
	uint8_t protocol;	/* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t flags;		/* of TCP */
};

/* "tcp" or "UDP"; 0 or -EINVAL, as the others. */
int probe_parse_protocol(const char *text, uint8_t *ret_protocol);

/* "192.0.2.1:80" or "[2001:db8::1]:80". */
int probe_parse_end(const char *text, struct inet_addr *ret_addr,
		    uint16_t *ret_port);

/* "SYN|ACK", also with commas, in any case. */
int probe_parse_flags(const char *text, uint8_t *ret_flags);

/* The same back, into text[PROBE_FLAGS_MAX]. */
#define PROBE_FLAGS_MAX 40
const char *probe_format_flags(uint8_t flags, char *text);

/* Writes it as a frame to a device with that MAC address; its size. */
size_t probe_build(const struct probe *probe, const uint8_t mac[6],
		   uint8_t frame[PROBE_MAX]);

/* The ends of an untagged frame of TCP or UDP without options; false: of others. */
bool probe_read(const uint8_t *frame, size_t size, struct probe *ret_probe);

#endif /* L4GATE_CLI_PROBE_H */
