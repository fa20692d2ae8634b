// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/attach.h"
#include "send.skel.h"
#include "util/checksum.h"
#include "util/inet.h"

/* ARP for IPv4 over Ethernet (RFC 826). */
struct arp_frame {
	struct ether_header eth;
	struct arphdr arp;
	uint8_t sender[ETH_ALEN];
	uint8_t sender_ip[4];
	uint8_t target[ETH_ALEN];
	uint8_t target_ip[4];
} __attribute__((packed));

struct advertisement_frame {
	struct ether_header eth;
	struct ip6_hdr ip;
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[ETH_ALEN];
} __attribute__((packed));

/* One device, and how frames get out of it. */
struct sender {
	int program;
	unsigned int ifindex;
	const char *device;
	uint8_t mac[ETH_ALEN];
	struct fail *fail;
};

static int send_frame(const struct sender *sender, const void *frame,
		      size_t size)
{
	struct __sk_buff context = { .mark = sender->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, options,
		.data_in = frame,
		.data_size_in = size,
		.ctx_in = &context,
		.ctx_size_in = sizeof(context),
	);
	int error = bpf_prog_test_run_opts(sender->program, &options);

	if (!error)
		error = (int)options.retval;
	if (!error)
		return 0;
	return fail(sender->fail, error, "%s: addresses can't be announced: %s",
		    sender->device, strerror(-error));
}

/* Who asks for its own address, of all, tells it to all. */
static int send_arp(const struct sender *sender, const struct inet_addr *addr)
{
	struct arp_frame frame = {
		.eth.ether_type = htons(ETHERTYPE_ARP),
		.arp = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETHERTYPE_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = sizeof(frame.sender_ip),
			.ar_op = htons(ARPOP_REQUEST),
		},
	};

	memset(frame.eth.ether_dhost, 0xff, ETH_ALEN);
	memcpy(frame.eth.ether_shost, sender->mac, ETH_ALEN);
	memcpy(frame.sender, sender->mac, ETH_ALEN);
	memcpy(frame.sender_ip, &addr->addr, sizeof(frame.sender_ip));
	memcpy(frame.target_ip, &addr->addr, sizeof(frame.target_ip));
	return send_frame(sender, &frame, sizeof(frame));
}

/* RFC 4443 section 2.3: over the pseudo header, too. */
static uint16_t advertisement_sum(const struct advertisement_frame *frame)
{
	const size_t length = sizeof(*frame) -
			      offsetof(struct advertisement_frame, advert);
	uint32_t sum = htons(length) + htons(IPPROTO_ICMPV6);

	sum = checksum_add(sum, &frame->ip.ip6_src,
			   2 * sizeof(struct in6_addr));
	sum = checksum_add(sum, (const uint8_t *)frame + sizeof(*frame) - length,
			   length);
	return checksum_finish(sum);
}

static int send_advertisement(const struct sender *sender,
			      const struct inet_addr *addr)
{
	static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct advertisement_frame frame = {
		.eth.ether_type = htons(ETHERTYPE_IPV6),
		.ip = {
			.ip6_plen = htons(sizeof(frame) -
				offsetof(struct advertisement_frame, advert)),
			.ip6_nxt = IPPROTO_ICMPV6,
			.ip6_hlim = 255,
			.ip6_dst.s6_addr = { 0xff, 2, [15] = 1 },
		},
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT,
		.advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE,
		.option = {
			.nd_opt_type = ND_OPT_TARGET_LINKADDR,
			.nd_opt_len = 1,
		},
	};

	/* Of a union with the length: one initializer would undo the other. */
	frame.ip.ip6_vfc = 6 << 4;
	memcpy(frame.eth.ether_dhost, all_nodes_mac, ETH_ALEN);
	memcpy(frame.eth.ether_shost, sender->mac, ETH_ALEN);
	memcpy(&frame.ip.ip6_src, &addr->addr, sizeof(frame.ip.ip6_src));
	memcpy(&frame.advert.nd_na_target, &addr->addr,
	       sizeof(frame.advert.nd_na_target));
	memcpy(frame.mac, sender->mac, ETH_ALEN);
	frame.advert.nd_na_cksum = advertisement_sum(&frame);
	return send_frame(sender, &frame, sizeof(frame));
}

/*
 * Solicitations come to a multicast address that follows from the one in question
 * (RFC 4291 section 2.7.1, RFC 2464 section 7): the device has to let it in. The
 * kernel keeps such a wish of ours as it is until it is taken back, and one that it
 * has already is fine.
 */
static int listen_for(const struct sender *sender,
		      const struct inet_addr *addr, bool join)
{
	const uint8_t *bytes = (const uint8_t *)&addr->addr;
	struct ifreq ifr = { 0 };
	uint8_t *mac = (uint8_t *)ifr.ifr_hwaddr.sa_data;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	mac[0] = mac[1] = 0x33;
	mac[2] = 0xff;
	memcpy(mac + 3, bytes + 13, 3);
	memcpy(ifr.ifr_name, sender->device, sizeof(ifr.ifr_name));
	if (fd < 0 || ioctl(fd, join ? SIOCADDMULTI : SIOCDELMULTI, &ifr))
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (!error || !join)
		return 0;
	return fail(sender->fail, error, "%s: neighbour solicitations can't be let in: %s",
		    sender->device, strerror(-error));
}

/* The announced addresses of a state, each once, sorted. */
struct announced {
	struct inet_addr *items;
	size_t count;
};

/* state may be NULL. 0 or -ENOMEM; items are to be freed. */
static int collect(const struct state *state, struct announced *ret_announced)
{
	struct announced list = { 0 };
	size_t i, n = 0;

	list.items = calloc(state ? state->place_count + 1 : 1,
			    sizeof(*list.items));
	if (!list.items)
		return -ENOMEM;
	for (i = 0; state && i < state->place_count; i++)
		if (state->places[i].flags & L4GATE_ADDRESS_F_ANNOUNCE)
			list.items[n++] = (struct inet_addr){
				.addr = state->places[i].addr,
				.family = state->places[i].family,
			};
	qsort(list.items, n, sizeof(*list.items), inet_compare_items);
	for (i = 0; i < n; i++)
		if (!i || inet_compare(&list.items[i - 1], &list.items[i]))
			list.items[list.count++] = list.items[i];
	*ret_announced = list;
	return 0;
}

static bool is_in(const struct announced *list, const struct inet_addr *addr)
{
	return bsearch(addr, list->items, list->count, sizeof(*addr),
		       inet_compare_items);
}

static int announce_one(const struct sender *sender,
			const struct inet_addr *addr)
{
	if (addr->family == L4GATE_IPV4)
		return send_arp(sender, addr);
	return listen_for(sender, addr, true) ?:
	       send_advertisement(sender, addr);
}

static int announce_device(const struct dataplane *dataplane,
			   const struct attachment *attachment,
			   struct sender sender, const struct announced *before,
			   const struct announced *now)
{
	struct l4gate_device device;
	int error = 0;
	size_t i;

	if (!attachment->name[0] ||
	    bpf_map_lookup_elem(dataplane->maps[MAP_DEVICES],
				&attachment->ifindex, &device))
		return 0;
	sender.ifindex = attachment->ifindex;
	sender.device = attachment->name;
	memcpy(sender.mac, device.mac, sizeof(sender.mac));
	for (i = 0; i < before->count; i++)
		if (before->items[i].family == L4GATE_IPV6 &&
		    !is_in(now, &before->items[i]))
			(void)listen_for(&sender, &before->items[i], false);
	for (i = 0; i < now->count; i++)
		error = announce_one(&sender, &now->items[i]) ?: error;
	return error;
}

static int announce_all(const struct dataplane *dataplane,
			const struct announced *before,
			const struct announced *now, struct fail *fail_)
{
	struct attachment *attachments = NULL;
	struct l4gate_send_bpf *send;
	struct sender sender = { .fail = fail_ };
	size_t count = 0, i;
	int error;

	send = l4gate_send_bpf__open_and_load();
	if (!send)
		return fail(fail_, -errno, "the program that announces addresses can't be loaded: %m");
	sender.program = bpf_program__fd(send->progs.l4gate_send);
	error = device_list(dataplane, &attachments, &count, fail_);
	for (i = 0; i < count; i++)
		error = announce_device(dataplane, &attachments[i], sender,
					before, now) ?: error;
	free(attachments);
	l4gate_send_bpf__destroy(send);
	return error;
}

int announce(const struct dataplane *dataplane, const struct state *before,
	     const struct state *now, struct fail *fail_)
{
	struct announced old = { 0 }, new = { 0 };
	int error;

	error = collect(before, &old) ?: collect(now, &new);
	if (error)
		(void)fail(fail_, error, "out of memory");
	else if (old.count || new.count)
		error = announce_all(dataplane, &old, &new, fail_);
	free(old.items);
	free(new.items);
	return error;
}
