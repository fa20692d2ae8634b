// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/checksum.h"

/* The least that Ethernet carries, less its checksum. */
#define FRAME_MIN 60
#define PROBE_TTL 64

static const char *const flag_names[] = { "FIN", "SYN", "RST", "PSH", "ACK",
					  "URG", "ECE", "CWR" };
#define FLAGS (sizeof(flag_names) / sizeof(*flag_names))

int probe_parse_protocol(const char *text, uint8_t *ret_protocol)
{
	if (!strcasecmp(text, "tcp"))
		*ret_protocol = IPPROTO_TCP;
	else if (!strcasecmp(text, "udp"))
		*ret_protocol = IPPROTO_UDP;
	else
		return -EINVAL;
	return 0;
}

int probe_parse_end(const char *text, struct inet_addr *ret_addr,
		    uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	char host[INET_TEXT_MAX], *end;
	struct inet_addr addr;
	unsigned long port;
	size_t length;

	if (!colon || !colon[1] || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	length = colon - text - 2 * brackets;
	if (length >= sizeof(host) || (brackets && colon[-1] != ']'))
		return -EINVAL;
	memcpy(host, text + brackets, length);
	host[length] = 0;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX || inet_parse(host, &addr) ||
	    brackets != (addr.family == L4GATE_IPV6))
		return -EINVAL;
	*ret_addr = addr;
	*ret_port = port;
	return 0;
}

int probe_parse_flags(const char *text, uint8_t *ret_flags)
{
	uint8_t flags = 0;
	size_t n, i;

	for (;; text += n + 1) {
		n = strcspn(text, "|,");
		for (i = 0; i < FLAGS; i++)
			if (strlen(flag_names[i]) == n &&
			    !strncasecmp(text, flag_names[i], n))
				break;
		if (i == FLAGS)
			return -EINVAL;
		flags |= 1U << i;
		if (!text[n])
			break;
	}
	*ret_flags = flags;
	return 0;
}

const char *probe_format_flags(uint8_t flags, char *text)
{
	size_t i;

	*text = 0;
	for (i = 0; i < FLAGS; i++) {
		if (!(flags >> i & 1))
			continue;
		if (*text)
			strcat(text, "|");
		strcat(text, flag_names[i]);
	}
	return text;
}

static size_t build_l4(const struct probe *probe, uint8_t *at)
{
	uint32_t sum = htons(probe->protocol);
	struct tcphdr tcp = { 0 };
	struct udphdr udp = { 0 };

	/* Of IPv4's addresses the rest is zero. */
	sum = checksum_add(sum, &probe->src.addr, sizeof(probe->src.addr));
	sum = checksum_add(sum, &probe->dst.addr, sizeof(probe->dst.addr));
	if (probe->protocol == IPPROTO_TCP) {
		tcp.source = htons(probe->sport);
		tcp.dest = htons(probe->dport);
		tcp.seq = htonl(1);
		tcp.doff = sizeof(tcp) / 4;
		tcp.window = htons(UINT16_MAX);
		((uint8_t *)&tcp)[13] = probe->flags;
		sum += htons(sizeof(tcp));
		tcp.check = checksum_finish(checksum_add(sum, &tcp, sizeof(tcp)));
		memcpy(at, &tcp, sizeof(tcp));
		return sizeof(tcp);
	}
	udp.source = htons(probe->sport);
	udp.dest = htons(probe->dport);
	udp.len = htons(sizeof(udp));
	sum += udp.len;
	udp.check = checksum_finish(checksum_add(sum, &udp, sizeof(udp))) ?: UINT16_MAX;
	memcpy(at, &udp, sizeof(udp));
	return sizeof(udp);
}

static size_t build_ip(const struct probe *probe, uint8_t *at)
{
	struct iphdr four = {
		.version = 4, .ihl = 5, .ttl = PROBE_TTL,
		.frag_off = htons(IP_DF), .protocol = probe->protocol,
	};
	struct ip6_hdr six = {
		.ip6_flow = htonl(6U << 28), .ip6_nxt = probe->protocol,
		.ip6_hlim = PROBE_TTL,
	};
	size_t size;

	if (probe->src.family == L4GATE_IPV4) {
		size = sizeof(four) + build_l4(probe, at + sizeof(four));
		four.tot_len = htons(size);
		memcpy(&four.saddr, &probe->src.addr, sizeof(four.saddr));
		memcpy(&four.daddr, &probe->dst.addr, sizeof(four.daddr));
		four.check = checksum_finish(checksum_add(0, &four, sizeof(four)));
		memcpy(at, &four, sizeof(four));
		return size;
	}
	size = build_l4(probe, at + sizeof(six));
	six.ip6_plen = htons(size);
	memcpy(&six.ip6_src, &probe->src.addr, sizeof(six.ip6_src));
	memcpy(&six.ip6_dst, &probe->dst.addr, sizeof(six.ip6_dst));
	memcpy(at, &six, sizeof(six));
	return sizeof(six) + size;
}

size_t probe_build(const struct probe *probe, const uint8_t mac[6],
		   uint8_t frame[PROBE_MAX])
{
	struct ether_header eth = {
		/* Anybody's, of those that are given away locally. */
		.ether_shost = { 0x02 },
		.ether_type = htons(probe->src.family == L4GATE_IPV4 ?
				    ETHERTYPE_IP : ETHERTYPE_IPV6),
	};
	size_t size;

	memset(frame, 0, PROBE_MAX);
	memcpy(eth.ether_dhost, mac, sizeof(eth.ether_dhost));
	memcpy(frame, &eth, sizeof(eth));
	size = sizeof(eth) + build_ip(probe, frame + sizeof(eth));
	return size < FRAME_MIN ? FRAME_MIN : size;
}

bool probe_read(const uint8_t *frame, size_t size, struct probe *ret_probe)
{
	const uint8_t *ip = frame + sizeof(struct ether_header), *l4;
	struct probe probe = { 0 };
	uint16_t port;

	if (size < FRAME_MIN)
		return false;
	if (ip[0] == 0x45) {
		memcpy(&probe.src.addr, ip + 12, 4);
		memcpy(&probe.dst.addr, ip + 16, 4);
		probe.protocol = ip[9];
		l4 = ip + sizeof(struct iphdr);
	} else if (ip[0] >> 4 == 6) {
		probe.src.family = probe.dst.family = L4GATE_IPV6;
		memcpy(&probe.src.addr, ip + 8, 16);
		memcpy(&probe.dst.addr, ip + 24, 16);
		probe.protocol = ip[6];
		l4 = ip + sizeof(struct ip6_hdr);
	} else {
		return false;
	}
	if (probe.protocol != IPPROTO_TCP && probe.protocol != IPPROTO_UDP)
		return false;
	memcpy(&port, l4, sizeof(port));
	probe.sport = ntohs(port);
	memcpy(&port, l4 + 2, sizeof(port));
	probe.dport = ntohs(port);
	*ret_probe = probe;
	return true;
}
