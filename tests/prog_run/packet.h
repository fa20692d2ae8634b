/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Frames built by hand, and looked into again, with checksums computed whole. */
#ifndef TESTS_PACKET_H
#define TESTS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than a link's MTU, less than a page, which is what the kernel runs. */
#define FRAME_MAX 2048

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t size;
	/* Of a superframe, for TC: what it will be cut into. */
	uint32_t gso_size;
	uint32_t gso_segs;
};

/* A byte of the finished frame that is made wrong; at 0: none. */
struct poke {
	uint8_t at;
	uint8_t value;
};

struct shape {
	bool v6;
	bool udp;
	const char *src, *dst;
	uint16_t sport, dport;
	uint8_t tcp_flags;
	uint32_t sequence;	/* 0: 1000 */
	uint8_t ttl;		/* 0: 64 */
	uint8_t options;	/* words of IPv4 options */
	uint16_t fragment;	/* IPv4 fragment field, host order */
	const char *chain;	/* IPv6 extension headers, see CHAIN_* */
	uint16_t payload;	/* bytes */
	uint8_t protocol;	/* in the IP header, instead of TCP or UDP */
	uint16_t ethertype;	/* instead of IP's */
	uint16_t tag;		/* ethertype of a VLAN tag, 0: none */
	uint16_t inner_tag;	/* and of another one in it */
	uint8_t padding;	/* bytes behind the IP packet */
	bool no_udp_check;
	struct poke poke[2];
};

/* Letters of a chain, each a header of eight bytes, but for CHAIN_LONG. */
#define CHAIN_HOPS "h"		/* hop-by-hop options */
#define CHAIN_OPTIONS "d"	/* destination options */
#define CHAIN_LONG "D"		/* 128 bytes of them */
#define CHAIN_ROUTED "r"	/* a routing header that is used up */
#define CHAIN_ROUTE "R"		/* one with an address left */
#define CHAIN_TYPE0 "0"		/* one of type 0, used up */
#define CHAIN_FRAGMENT "f"	/* of a packet in one piece */
#define CHAIN_AUTH "a"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

void frame_build(struct frame *frame, const struct shape *shape);

/*
 * An ICMP packet (ICMPv6 if the shape is IPv6) with four bytes after its checksum,
 * that quotes some bytes.
 */
void frame_build_icmp(struct frame *frame, const struct shape *shape,
		      uint8_t type, uint8_t code, uint32_t rest,
		      const uint8_t *quote, size_t size);

/* Changes the IP header, with its checksum; not those that cover its addresses. */
void frame_set_ttl(struct frame *frame, uint8_t ttl);
void frame_set_dst(struct frame *frame, const char *dst);

/* Writes the first two bytes of a payload, and the checksum that goes with it. */
void frame_set_payload(struct frame *frame, uint16_t word);

/* Whether the checksums of an untagged frame are right. */
bool frame_checks(const struct frame *frame);

/* The checksum of TCP or UDP as it is in an untagged frame. */
uint16_t frame_l4_check(const struct frame *frame);

/* Fields of an untagged frame. */
uint8_t frame_ttl(const struct frame *frame);
uint8_t frame_protocol(const struct frame *frame);
uint16_t frame_sport(const struct frame *frame);
uint16_t frame_dport(const struct frame *frame);
uint8_t frame_tcp_flags(const struct frame *frame);
bool frame_has_ends(const struct frame *frame, const char *src,
		    const char *dst);

#endif /* TESTS_PACKET_H */
