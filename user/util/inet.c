// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "l4gate/force.h"

int inet_parse(const char *text, struct inet_addr *ret_addr)
{
	struct inet_addr addr = { 0 };

	if (inet_pton(AF_INET, text, &addr.addr) == 1)
		addr.family = L4GATE_IPV4;
	else if (inet_pton(AF_INET6, text, &addr.addr) == 1)
		addr.family = L4GATE_IPV6;
	else
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

int inet_parse_prefix(const char *text, struct inet_prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	struct inet_prefix prefix = { 0 };
	char host[INET_TEXT_MAX];
	unsigned int max;
	size_t digits;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, slash - text);
	host[slash - text] = 0;
	if (inet_parse(host, &prefix.addr))
		return -EINVAL;
	max = prefix.addr.family == L4GATE_IPV4 ? 32 : 128;
	digits = strspn(slash + 1, "0123456789");
	if (!digits || digits > 3 || slash[1 + digits] ||
	    (slash[1] == '0' && digits > 1) || atoi(slash + 1) > (int)max)
		return -EINVAL;
	prefix.length = atoi(slash + 1);
	*ret_prefix = prefix;
	return 0;
}

bool inet_mask(struct inet_prefix *prefix)
{
	size_t size = prefix->addr.family == L4GATE_IPV4 ? 4 : 16, i;
	uint8_t *byte = (uint8_t *)prefix->addr.addr.w;
	bool was_set = false;

	for (i = 0; i < size; i++) {
		int left = prefix->length - (int)i * 8;
		uint8_t mask = left >= 8 ? 0xff : left <= 0 ? 0 :
			       0xff << (8 - left);

		was_set = was_set || (byte[i] & ~mask);
		byte[i] &= mask;
	}
	return was_set;
}

const char *inet_format(const struct inet_addr *addr, char *text)
{
	int family = addr->family == L4GATE_IPV4 ? AF_INET : AF_INET6;

	return inet_ntop(family, &addr->addr, text, INET_TEXT_MAX);
}

const char *inet_format_port(const struct inet_addr *addr, uint16_t port,
			     char *text)
{
	char host[INET_TEXT_MAX];

	inet_format(addr, host);
	snprintf(text, INET_TEXT_MAX,
		 addr->family == L4GATE_IPV4 ? "%.48s:%u" : "[%.48s]:%u", host,
		 port);
	return text;
}

int inet_compare(const struct inet_addr *a, const struct inet_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

int inet_compare_items(const void *a, const void *b)
{
	return inet_compare(a, b);
}

static const uint8_t *bytes(const struct inet_addr *addr)
{
	return (const uint8_t *)addr->addr.w;
}

bool inet_is_unspecified(const struct inet_addr *addr)
{
	static const struct l4gate_addr zero;

	return !memcmp(&addr->addr, &zero, sizeof(zero));
}

bool inet_is_loopback(const struct inet_addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == L4GATE_IPV4)
		return bytes(addr)[0] == 127;
	return !memcmp(bytes(addr), one, sizeof(one));
}

bool inet_is_broadcast(const struct inet_addr *addr)
{
	return addr->family == L4GATE_IPV4 &&
	       (L4GATE_FORCE uint32_t)addr->addr.w[0] == INADDR_BROADCAST;
}

bool inet_is_multicast(const struct inet_addr *addr)
{
	if (addr->family == L4GATE_IPV4)
		return (bytes(addr)[0] >= 224 && bytes(addr)[0] < 240) ||
		       inet_is_broadcast(addr);
	return bytes(addr)[0] == 0xff;
}

bool inet_is_link_local(const struct inet_addr *addr)
{
	if (addr->family == L4GATE_IPV4)
		return bytes(addr)[0] == 169 && bytes(addr)[1] == 254;
	return bytes(addr)[0] == 0xfe && (bytes(addr)[1] & 0xc0) == 0x80;
}

bool inet_is_mapped(const struct inet_addr *addr)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return addr->family == L4GATE_IPV6 &&
	       !memcmp(bytes(addr), prefix, sizeof(prefix));
}
