// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/way.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t addr[16];
};

/* Sends it and gets the answer; bytes, or -errno. */
static ssize_t ask(const struct question *question, void *answer, size_t size)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = -1;

	if (fd >= 0 && send(fd, question, question->header.nlmsg_len, 0) >= 0)
		n = recv(fd, answer, size, 0);
	if (n < 0)
		n = -errno;
	if (fd >= 0)
		close(fd);
	return n;
}

static int read_device(const struct nlmsghdr *header, ssize_t size,
		       unsigned int *ret_ifindex)
{
	const struct rtattr *attribute;
	const struct nlmsgerr *error;
	int left;

	if (size < 0)
		return size;
	if (!NLMSG_OK(header, (size_t)size))
		return -EBADMSG;
	if (header->nlmsg_type == NLMSG_ERROR) {
		error = NLMSG_DATA(header);
		return error->error ?: -EBADMSG;
	}
	left = RTM_PAYLOAD(header);
	for (attribute = RTM_RTA(NLMSG_DATA(header)); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type != RTA_OIF)
			continue;
		memcpy(ret_ifindex, RTA_DATA(attribute), sizeof(*ret_ifindex));
		return 0;
	}
	return -ENODEV;
}

int way_to(const struct inet_addr *addr, unsigned int *ret_ifindex,
	   struct fail *fail_)
{
	size_t size = addr->family == L4GATE_IPV4 ? 4 : 16;
	struct question question = {
		.header = {
			.nlmsg_len = offsetof(struct question, addr) + size,
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.route = {
			.rtm_family = addr->family == L4GATE_IPV4 ? AF_INET :
								    AF_INET6,
			.rtm_dst_len = size * 8,
		},
		.attribute = {
			.rta_len = RTA_LENGTH(size),
			.rta_type = RTA_DST,
		},
	};
	char answer[4096] __attribute__((aligned(8))) = { 0 };
	char text[INET_TEXT_MAX];
	int error;

	memcpy(question.addr, &addr->addr, size);
	error = read_device((const struct nlmsghdr *)answer,
			    ask(&question, answer, sizeof(answer)),
			    ret_ifindex);
	return error ? fail(fail_, error, "no route to %s: %s",
			    inet_format(addr, text), strerror(-error)) : 0;
}
