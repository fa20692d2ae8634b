// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "packet.h"

#include <arpa/inet.h>
#include <string.h>

#define ETH 14

static uint64_t sum_bytes(const uint8_t *bytes, size_t size)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum += i & 1 ? bytes[i] : (uint64_t)bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static bool is_v6(const struct frame *frame)
{
	return get16(frame->bytes + 12) == 0x86dd;
}

/* What the letters of a chain are in the header before them. */
static uint8_t chain_protocol(char letter)
{
	switch (letter) {
	case 'h':
		return IPPROTO_HOPOPTS;
	case 'd':
	case 'D':
		return IPPROTO_DSTOPTS;
	case 'f':
		return IPPROTO_FRAGMENT;
	case 'a':
		return IPPROTO_AH;
	default:
		return IPPROTO_ROUTING;
	}
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

/* Of the field that says what the last header is, and of that header. */
static void find_l4(const struct frame *frame, size_t *ret_field,
		    size_t *ret_l4)
{
	*ret_field = ETH + 6;
	*ret_l4 = ETH + 40;
	while (is_extension(frame->bytes[*ret_field])) {
		size_t next = *ret_l4 + 8 + frame->bytes[*ret_l4 + 1] * 8;

		if (next >= frame->size)
			break;
		*ret_field = *ret_l4;
		*ret_l4 = next;
	}
}

static size_t l4_offset(const struct frame *frame)
{
	size_t field, l4;

	if (!is_v6(frame))
		return ETH + (frame->bytes[ETH] & 15) * 4;
	find_l4(frame, &field, &l4);
	return l4;
}

uint8_t frame_protocol(const struct frame *frame)
{
	size_t field, l4;

	if (!is_v6(frame))
		return frame->bytes[ETH + 9];
	find_l4(frame, &field, &l4);
	return frame->bytes[field];
}

/* Where the IP packet ends, as its header says: padding may follow. */
static size_t ip_end(const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + ETH;

	return ETH + (is_v6(frame) ? 40 + get16(ip + 4) : get16(ip + 2));
}

/* Where TCP or UDP has its checksum. */
static size_t check_offset(const struct frame *frame)
{
	return l4_offset(frame) +
	       (frame_protocol(frame) == IPPROTO_UDP ? 6 : 16);
}

/* Sum over pseudo header and L4, as the checksum wants it; 0xffff: right. */
static uint16_t l4_sum(const struct frame *frame)
{
	size_t l4 = l4_offset(frame), size = ip_end(frame) - l4;
	uint64_t sum = sum_bytes(frame->bytes + l4, size);
	uint8_t protocol = frame_protocol(frame);

	if (protocol == IPPROTO_ICMP)
		return fold(sum);
	sum += protocol + size;
	if (is_v6(frame))
		sum += sum_bytes(frame->bytes + ETH + 8, 32);
	else
		sum += sum_bytes(frame->bytes + ETH + 12, 8);
	return fold(sum);
}

bool frame_checks(const struct frame *frame)
{
	size_t l4 = l4_offset(frame);

	if (!is_v6(frame) &&
	    fold(sum_bytes(frame->bytes + ETH, l4 - ETH)) != 0xffff)
		return false;
	if (frame_protocol(frame) == IPPROTO_UDP && !frame_l4_check(frame))
		return true;
	return l4_sum(frame) == 0xffff;
}

/* Writes a chain behind the IPv6 header; bytes of it. */
static size_t build_chain(uint8_t *ip, const char *chain, uint8_t protocol)
{
	uint8_t *field = ip + 6, *at = ip + 40;

	for (; *chain; chain++) {
		size_t size = *chain == 'D' ? 128 : 8;

		*field = chain_protocol(*chain);
		field = at;
		memset(at, 0, size);
		at[1] = size / 8 - 1;
		at[2] = *chain == 'r' ? 4 : *chain == 'R' ? 4 : 0;
		at[3] = *chain == 'R';
		/* PadN: options have to end where the header does. */
		if (strchr("hdD", *chain)) {
			at[2] = 1;
			at[3] = size - 4;
		}
		at += size;
	}
	*field = protocol;
	return at - ip - 40;
}

static size_t build_ip(struct frame *frame, const struct shape *shape,
		       size_t l4_size, uint8_t protocol)
{
	uint8_t *ip = frame->bytes + ETH;
	size_t header = 20 + shape->options * 4;

	if (shape->v6) {
		size_t chain = build_chain(ip, shape->chain ?: "",
					   shape->protocol ?: protocol);

		ip[0] = 0x60;
		put16(ip + 4, chain + l4_size);
		ip[7] = shape->ttl ?: 64;
		inet_pton(AF_INET6, shape->src, ip + 8);
		inet_pton(AF_INET6, shape->dst, ip + 24);
		return ETH + 40 + chain;
	}
	ip[0] = 0x40 | header / 4;
	put16(ip + 2, header + l4_size);
	put16(ip + 6, shape->fragment);
	ip[8] = shape->ttl ?: 64;
	ip[9] = shape->protocol ?: protocol;
	inet_pton(AF_INET, shape->src, ip + 12);
	inet_pton(AF_INET, shape->dst, ip + 16);
	memset(ip + 20, 1, header - 20);	/* NOP */
	put16(ip + 10, ~fold(sum_bytes(ip, header)));
	return ETH + header;
}

static void add_tag(struct frame *frame, uint16_t ethertype)
{
	memmove(frame->bytes + 16, frame->bytes + 12, frame->size - 12);
	put16(frame->bytes + 12, ethertype);
	put16(frame->bytes + 14, 7);
	frame->size += 4;
}

/* RFC 768: a UDP checksum of 0 is sent as 0xffff, for 0 says that there is none. */
static void write_check(struct frame *frame, bool udp)
{
	uint8_t *at = frame->bytes + l4_offset(frame) + (udp ? 6 : 16);
	uint16_t check;

	put16(at, 0);
	check = ~l4_sum(frame);
	put16(at, udp && !check ? 0xffff : check);
}

void frame_build(struct frame *frame, const struct shape *shape)
{
	size_t l4_size = (shape->udp ? 8 : 20) + shape->payload, l4, i;
	uint8_t protocol = shape->udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint8_t *at;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	put16(frame->bytes + 12, shape->v6 ? 0x86dd : 0x0800);
	l4 = build_ip(frame, shape, l4_size, protocol);
	frame->size = l4 + l4_size;
	at = frame->bytes + l4;
	put16(at, shape->sport);
	put16(at + 2, shape->dport);
	if (shape->udp) {
		put16(at + 4, l4_size);
	} else {
		put16(at + 4, shape->sequence >> 16);
		put16(at + 6, shape->sequence ?: 1000);
		put16(at + 10, 2000);	/* acknowledgement */
		at[12] = 0x50;
		at[13] = shape->tcp_flags;
	}
	for (i = l4_size - shape->payload; i < l4_size; i++)
		at[i] = i;
	if (!shape->udp || !shape->no_udp_check)
		write_check(frame, shape->udp);
	frame->size += shape->padding;
	for (i = 0; i < 2; i++)
		if (shape->poke[i].at)
			frame->bytes[shape->poke[i].at] = shape->poke[i].value;
	if (shape->ethertype)
		put16(frame->bytes + 12, shape->ethertype);
	if (shape->inner_tag)
		add_tag(frame, shape->inner_tag);
	if (shape->tag)
		add_tag(frame, shape->tag);
}

void frame_build_icmp(struct frame *frame, const struct shape *shape,
		      uint8_t type, uint8_t code, uint32_t rest,
		      const uint8_t *quote, size_t size)
{
	uint8_t protocol = shape->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	uint8_t *at;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	put16(frame->bytes + 12, shape->v6 ? 0x86dd : 0x0800);
	at = frame->bytes + build_ip(frame, shape, 8 + size, protocol);
	frame->size = at + 8 + size - frame->bytes;
	at[0] = type;
	at[1] = code;
	put16(at + 4, rest >> 16);
	put16(at + 6, rest);
	memcpy(at + 8, quote, size);
	put16(at + 2, ~l4_sum(frame));
}

static void write_ip_check(struct frame *frame)
{
	uint8_t *ip = frame->bytes + ETH;

	put16(ip + 10, 0);
	put16(ip + 10, ~fold(sum_bytes(ip, (ip[0] & 15) * 4)));
}

void frame_set_ttl(struct frame *frame, uint8_t ttl)
{
	frame->bytes[is_v6(frame) ? ETH + 7 : ETH + 8] = ttl;
	if (!is_v6(frame))
		write_ip_check(frame);
}

void frame_set_dst(struct frame *frame, const char *dst)
{
	inet_pton(is_v6(frame) ? AF_INET6 : AF_INET, dst,
		  frame->bytes + (is_v6(frame) ? ETH + 24 : ETH + 16));
	if (!is_v6(frame))
		write_ip_check(frame);
}

void frame_set_payload(struct frame *frame, uint16_t word)
{
	bool udp = frame_protocol(frame) == IPPROTO_UDP;

	put16(frame->bytes + l4_offset(frame) + (udp ? 8 : 20), word);
	write_check(frame, udp);
}

uint16_t frame_l4_check(const struct frame *frame)
{
	return get16(frame->bytes + check_offset(frame));
}

uint8_t frame_ttl(const struct frame *frame)
{
	return frame->bytes[is_v6(frame) ? ETH + 7 : ETH + 8];
}

uint16_t frame_sport(const struct frame *frame)
{
	return get16(frame->bytes + l4_offset(frame));
}

uint16_t frame_dport(const struct frame *frame)
{
	return get16(frame->bytes + l4_offset(frame) + 2);
}

uint8_t frame_tcp_flags(const struct frame *frame)
{
	return frame->bytes[l4_offset(frame) + 13];
}

bool frame_has_ends(const struct frame *frame, const char *src,
		    const char *dst)
{
	uint8_t want[32];

	if (is_v6(frame)) {
		inet_pton(AF_INET6, src, want);
		inet_pton(AF_INET6, dst, want + 16);
		return !memcmp(frame->bytes + ETH + 8, want, 32);
	}
	inet_pton(AF_INET, src, want);
	inet_pton(AF_INET, dst, want + 4);
	return !memcmp(frame->bytes + ETH + 12, want, 8);
}
