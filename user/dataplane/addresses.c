// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

bool address_read(const struct sockaddr *from, struct inet_addr *to)
{
	*to = (struct inet_addr){ 0 };
	if (from && from->sa_family == AF_INET) {
		to->family = L4GATE_IPV4;
		memcpy(&to->addr, &((struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from && from->sa_family == AF_INET6) {
		to->family = L4GATE_IPV6;
		memcpy(&to->addr, &((struct sockaddr_in6 *)from)->sin6_addr,
		       16);
	} else {
		return false;
	}
	return !inet_is_link_local(to);
}

static bool is_attached(const struct attachment *attachments, size_t count,
			const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(attachments[i].name, name))
			return true;
	return false;
}

/* Of the attachments, or (NULL) of all interfaces. */
static int list_addresses(const struct attachment *attachments, size_t count,
			  struct inet_addr **ret_addresses, size_t *ret_count,
			  struct fail *fail_)
{
	struct inet_addr *addresses = NULL, addr;
	struct ifaddrs *list, *item;
	size_t n = 0;

	if (getifaddrs(&list))
		return fail(fail_, -errno, "getifaddrs: %m");
	for (item = list; item; item = item->ifa_next)
		n++;
	addresses = calloc(n + 1, sizeof(*addresses));
	n = 0;
	for (item = list; addresses && item; item = item->ifa_next)
		if ((!attachments ||
		     is_attached(attachments, count, item->ifa_name)) &&
		    address_read(item->ifa_addr, &addr))
			addresses[n++] = addr;
	freeifaddrs(list);
	if (!addresses)
		return fail(fail_, -ENOMEM, "out of memory");
	qsort(addresses, n, sizeof(*addresses), inet_compare_items);
	*ret_addresses = addresses;
	*ret_count = n;
	return 0;
}

int device_addresses(const struct attachment *attachments, size_t count,
		     struct inet_addr **ret_addresses, size_t *ret_count,
		     struct fail *fail_)
{
	return list_addresses(attachments, count, ret_addresses, ret_count,
			      fail_);
}

int node_addresses(struct inet_addr **ret_addresses, size_t *ret_count,
		   struct fail *fail_)
{
	return list_addresses(NULL, 0, ret_addresses, ret_count, fail_);
}
