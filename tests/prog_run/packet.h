/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Frames built by hand, and looked into again, with checksums computed whole. */
#ifndef TESTS_PACKET_H
#define TESTS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 512

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t size;
};

struct shape {
	bool v6;
	bool udp;
	const char *src, *dst;
	uint16_t sport, dport;
	uint8_t tcp_flags;
	uint8_t ttl;		/* 0: 64 */
	uint8_t options;	/* words of IPv4 options */
	uint16_t fragment;	/* IPv4 fragment field, host order */
	uint16_t payload;	/* bytes */
	uint8_t next_header;	/* IPv6: instead of TCP or UDP */
	bool no_udp_check;
	bool vlan;
};

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

void frame_build(struct frame *frame, const struct shape *shape);

/* Whether the checksums of an untagged frame are right. */
bool frame_checks(const struct frame *frame);

/* Fields of an untagged frame without options. */
uint8_t frame_ttl(const struct frame *frame);
uint8_t frame_protocol(const struct frame *frame);
uint16_t frame_sport(const struct frame *frame);
uint16_t frame_dport(const struct frame *frame);
uint8_t frame_tcp_flags(const struct frame *frame);
bool frame_has_ends(const struct frame *frame, const char *src,
		    const char *dst);

#endif /* TESTS_PACKET_H */
