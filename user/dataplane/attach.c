// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/attach.h"

#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/addresses.h"
#include "l4gate/names.h"
#include "util/inet.h"

/* Linux 6.6 names; libbpf 1.1 has none for them, the syscall takes numbers. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS ((enum bpf_attach_type)47)

static const char *pin_path(const struct dataplane *dataplane,
			    const char *format, unsigned int ifindex,
			    char *path)
{
	char name[64];

	/* The formats are those of names.h. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), format, ifindex);
#pragma GCC diagnostic pop
	return dataplane_path(dataplane, name, path);
}

static int device_ioctl(const char *device, unsigned long request,
			struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", device);
	if (ioctl(fd, request, ifr))
		error = -errno;
	close(fd);
	return error;
}

/*
 * Devices that a local stack sends through: their packets may have unfinished
 * checksums, which XDP can't see and a redirect would lose.
 */
static bool is_virtual(const char *device, char driver[32])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };

	driver[0] = 0;
	if (device_ioctl(device, SIOCETHTOOL, &ifr))
		return false;
	snprintf(driver, 32, "%.31s", info.driver);
	return !strcmp(driver, "veth") || !strcmp(driver, "tun") ||
	       !strcmp(driver, "bridge");
}

static bool forwarding_is_off(const char *family, const char *device)
{
	char path[128];
	FILE *file;
	int value = '1';

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding",
		 family, device);
	file = fopen(path, "re");
	if (file) {
		value = fgetc(file);
		fclose(file);
	}
	return value == '0';
}

static void warn_forwarding(const char *device, struct attachment *attachment)
{
	bool v4 = forwarding_is_off("ipv4", device);
	bool v6 = forwarding_is_off("ipv6", device);

	if (v4 || v6)
		snprintf(attachment->warning, sizeof(attachment->warning),
			 "%s: IP forwarding is off: packets reach backends on this node only (sysctl -w%s%s)",
			 device, v4 ? " net.ipv4.ip_forward=1" : "",
			 v6 ? " net.ipv6.conf.all.forwarding=1" : "");
}

/* Two silent losses of native XDP on virtual devices. */
static void warn_veth(const char *device, const char *driver,
		      struct attachment *attachment)
{
	size_t used = strlen(attachment->warning);

	snprintf(attachment->warning + used,
		 sizeof(attachment->warning) - used,
		 "%s%s is a %s: its peer loses redirected packets unless it has GRO on or an XDP program, and must send finished checksums (ethtool -K PEER gro on tx off)",
		 used ? "; " : "", device, driver);
}

/* Whether an attached device sends from a numbered source. */
static bool source_is_used(const struct dataplane *dataplane, uint8_t family,
			   uint8_t number)
{
	int fd = dataplane->maps[MAP_DEVICES];
	struct l4gate_device device;
	uint32_t key, *at = NULL;

	for (; !bpf_map_get_next_key(fd, at, &key); at = &key)
		if (!bpf_map_lookup_elem(fd, &key, &device) &&
		    device.addr[family].w[0] && device.source[family] == number)
			return true;
	return false;
}

/*
 * The number of an address in l4gate_sources: the one that it has, else one that
 * was never given out, else that of an address which no device has any more.
 */
static int number_source(const struct dataplane *dataplane, uint8_t family,
			 const struct l4gate_addr *addr, uint8_t *ret_number)
{
	static const struct l4gate_addr none;
	struct l4gate_addr value;
	int free_number = -1, old_number = -1;
	uint32_t number, key;

	for (number = 0; number < L4GATE_SOURCE_CLIENT; number++) {
		key = family * L4GATE_SOURCES + number;
		if (bpf_map_lookup_elem(dataplane->maps[MAP_SOURCES], &key,
					&value))
			return -errno;
		if (!memcmp(&value, addr, sizeof(value))) {
			*ret_number = number;
			return 0;
		}
		if (!memcmp(&value, &none, sizeof(value))) {
			if (free_number < 0)
				free_number = number;
		} else if (old_number < 0 &&
			   !source_is_used(dataplane, family, number)) {
			old_number = number;
		}
	}
	if (free_number < 0)
		free_number = old_number;
	if (free_number < 0)
		return -ENOSPC;
	*ret_number = free_number;
	key = family * L4GATE_SOURCES + free_number;
	return bpf_map_update_elem(dataplane->maps[MAP_SOURCES], &key, addr,
				   BPF_ANY) ? -errno : 0;
}

static int write_device(const struct dataplane *dataplane,
			const struct attachment *attachment, struct fail *fail_)
{
	struct l4gate_device value = { .mtu = attachment->mtu };
	struct ifreq ifr = { 0 };
	struct ifaddrs *list, *item;
	struct inet_addr addr;
	uint8_t family;
	int error = 0;

	if (attachment->xdp != ATTACH_TC)
		value.flags = L4GATE_DEVICE_F_XDP;
	if (!device_ioctl(attachment->name, SIOCGIFHWADDR, &ifr))
		memcpy(value.mac, ifr.ifr_hwaddr.sa_data, sizeof(value.mac));
	if (getifaddrs(&list))
		return fail(fail_, -errno, "getifaddrs: %m");
	for (item = list; item; item = item->ifa_next) {
		if (strcmp(item->ifa_name, attachment->name) ||
		    !address_read(item->ifa_addr, &addr))
			continue;
		/* The first one is the primary one. */
		if (!value.addr[addr.family].w[0])
			value.addr[addr.family] = addr.addr;
	}
	freeifaddrs(list);
	for (family = 0; !error && family < L4GATE_FAMILIES; family++)
		if (value.addr[family].w[0])
			error = number_source(dataplane, family,
					      &value.addr[family],
					      &value.source[family]);
	if (error == -ENOSPC)
		return fail(fail_, error, "%s: more than %u addresses to send from",
			    attachment->name, L4GATE_SOURCE_CLIENT);
	if (error)
		return fail(fail_, error, "%s: can't be written: %s",
			    map_names[MAP_SOURCES], strerror(-error));
	if (bpf_map_update_elem(dataplane->maps[MAP_DEVICES],
				&attachment->ifindex, &value, BPF_ANY))
		return fail(fail_, -errno, "%s: can't be written: %m",
			    map_names[MAP_DEVICES]);
	return 0;
}

static int explain_xdp(int error, const struct attachment *attachment,
		       struct fail *fail_)
{
	struct bpf_prog_info info = { 0 };
	__u32 id = 0, size = sizeof(info);
	int fd;

	switch (error) {
	case -EBUSY:
	case -EEXIST:
		(void)bpf_xdp_query_id(attachment->ifindex, 0, &id);
		fd = id ? bpf_prog_get_fd_by_id(id) : -1;
		if (fd >= 0) {
			(void)bpf_obj_get_info_by_fd(fd, &info, &size);
			close(fd);
		}
		return fail(fail_, error, "%s: XDP is taken by program %u (%s): detach it, or use --mode tc, which lives beside it",
			    attachment->name, id,
			    info.name[0] ? info.name : "no name");
	case -ERANGE:
		return fail(fail_, error, "%s: an MTU of %u is too large for native XDP on this driver (try --mode tc, or a smaller MTU)",
			    attachment->name, attachment->mtu);
	case -EOPNOTSUPP:
		return fail(fail_, error, "%s: the driver has no native XDP (try --mode tc or generic)",
			    attachment->name);
	case -EPERM:
		return fail(fail_, error, "%s: not permitted: CAP_BPF and CAP_NET_ADMIN are needed",
			    attachment->name);
	default:
		return fail(fail_, error, "%s: XDP can't be attached: %s",
			    attachment->name, strerror(-error));
	}
}

/*
 * A pinned link gets the new program in place; one whose device is gone is
 * replaced (ENOLINK). *ret_new: there was none before.
 */
static int attach_link(const char *path, int prog_fd, unsigned int ifindex,
		       enum bpf_attach_type type, __u32 flags, bool *ret_new)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	int fd, error = 0;

	*ret_new = false;
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		error = bpf_link_update(fd, prog_fd, NULL) ? -errno : 0;
		close(fd);
		if (error != -ENOLINK)
			return error;
		unlink(path);
	}
	fd = bpf_link_create(prog_fd, ifindex, type, &options);
	if (fd < 0)
		return -errno;
	error = bpf_obj_pin(fd, path) ? -errno : 0;
	close(fd);
	*ret_new = !error;
	return error;
}

/*
 * Detaches and unpins a link. Unlinking alone detaches, too, but only when the
 * kernel gets round to it, and till then another link is refused (EBUSY).
 */
static int drop_link(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd >= 0) {
		(void)bpf_link_detach(fd);
		close(fd);
	}
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

static int attach_clsact(unsigned int ifindex, enum bpf_tc_attach_point point,
			 int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = L4GATE_TC_HANDLE,
		    .priority = L4GATE_TC_PRIORITY, .prog_fd = prog_fd,
		    .flags = BPF_TC_F_REPLACE);
	int error;

	error = bpf_tc_hook_create(&hook);
	if (error && error != -EEXIST)
		return error;
	return bpf_tc_attach(&hook, &options);
}

static void detach_clsact(unsigned int ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = L4GATE_TC_HANDLE,
		    .priority = L4GATE_TC_PRIORITY);

	(void)bpf_tc_detach(&hook, &options);
}

static int attach_tc(const struct dataplane *dataplane,
		     struct attachment *attachment, struct fail *fail_)
{
	char ingress[PATH_MAX], egress[PATH_MAX];
	unsigned int ifindex = attachment->ifindex;
	bool created;
	int error;

	pin_path(dataplane, L4GATE_PIN_INGRESS, ifindex, ingress);
	pin_path(dataplane, L4GATE_PIN_EGRESS, ifindex, egress);
	attachment->tc = "tcx";
	error = attach_link(ingress, dataplane->ingress_fd, ifindex,
			    TCX_INGRESS, 0, &created);
	if (!error)
		error = attach_link(egress, dataplane->egress_fd, ifindex,
				    TCX_EGRESS, 0, &created);
	if (error == -EINVAL) {
		attachment->tc = "clsact";
		error = attach_clsact(ifindex, BPF_TC_INGRESS,
				      dataplane->ingress_fd) ?:
			attach_clsact(ifindex, BPF_TC_EGRESS,
				      dataplane->egress_fd);
	}
	if (error)
		return fail(fail_, error, error == -EPERM ?
			    "%s: TC: not permitted: CAP_BPF and CAP_NET_ADMIN are needed (%s)" :
			    "%s: TC programs can't be attached: %s",
			    attachment->name, strerror(-error));
	return 0;
}

static int attach_xdp(const struct dataplane *dataplane,
		      struct attachment *attachment, enum attach_mode mode)
{
	char path[PATH_MAX];
	bool created;
	int error;

	pin_path(dataplane, L4GATE_PIN_XDP, attachment->ifindex, path);
	error = attach_link(path, dataplane->xdp_fd, attachment->ifindex,
			    BPF_XDP, mode == ATTACH_GENERIC ?
			    XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE, &created);
	if (!error)
		attachment->xdp = mode;
	return error;
}

/* What XDP mode a device is in now, by our own pin. */
static enum attach_mode current_mode(const struct dataplane *dataplane,
				     unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	char path[PATH_MAX];

	pin_path(dataplane, L4GATE_PIN_XDP, ifindex, path);
	if (access(path, F_OK) || bpf_xdp_query(ifindex, 0, &query))
		return ATTACH_TC;
	return query.attach_mode == XDP_ATTACHED_SKB ? ATTACH_GENERIC :
						       ATTACH_NATIVE;
}

/* Settles `auto` and attaches XDP as far as wanted. */
static int attach_fast_path(const struct dataplane *dataplane,
			    struct attachment *attachment,
			    enum attach_mode mode, struct fail *fail_)
{
	unsigned int ifindex = attachment->ifindex;
	char path[PATH_MAX], driver[32];
	int error;

	attachment->xdp = ATTACH_TC;
	pin_path(dataplane, L4GATE_PIN_XDP, ifindex, path);
	if (mode == ATTACH_AUTO && is_virtual(attachment->name, driver)) {
		snprintf(attachment->why, sizeof(attachment->why),
			 "a %s device: local stacks leave checksums unfinished, which XDP can't see", driver);
		mode = ATTACH_TC;
	}
	/* A link keeps its mode: another one needs another link. */
	if (mode != ATTACH_AUTO && mode != current_mode(dataplane, ifindex))
		(void)drop_link(path);
	if (mode == ATTACH_TC) {
		if (!attachment->why[0])
			snprintf(attachment->why, sizeof(attachment->why),
				 "as asked");
		return 0;
	}
	error = attach_xdp(dataplane, attachment,
			   mode == ATTACH_AUTO ? ATTACH_NATIVE : mode);
	if (error && mode == ATTACH_AUTO &&
	    (error == -EOPNOTSUPP || error == -ERANGE)) {
		if (error == -ERANGE)
			snprintf(attachment->why, sizeof(attachment->why),
				 "the driver has no native XDP for an MTU of %u",
				 attachment->mtu);
		else
			snprintf(attachment->why, sizeof(attachment->why),
				 "the driver has no native XDP for this device");
		return 0;
	}
	if (error)
		return explain_xdp(error, attachment, fail_);
	snprintf(attachment->why, sizeof(attachment->why), "%s",
		 mode == ATTACH_AUTO ? "the driver supports it" : "as asked");
	return 0;
}

int device_attach(const struct dataplane *dataplane, const char *device,
		  enum attach_mode mode, struct attachment *ret_attachment,
		  struct fail *fail_)
{
	struct attachment attachment = { 0 };
	char path[PATH_MAX];
	char driver[32];
	struct ifreq ifr = { 0 };
	bool was_there;
	int error;

	attachment.ifindex = if_nametoindex(device);
	if (!attachment.ifindex)
		return fail(fail_, -ENODEV, "%s: no such device", device);
	snprintf(attachment.name, sizeof(attachment.name), "%s", device);
	if (!device_ioctl(device, SIOCGIFMTU, &ifr))
		attachment.mtu = ifr.ifr_mtu;
	pin_path(dataplane, L4GATE_PIN_INGRESS, attachment.ifindex, path);
	was_there = !access(path, F_OK);

	/* XDP last: what it leaves to TC must find TC there. */
	error = attach_tc(dataplane, &attachment, fail_);
	if (!error)
		error = attach_fast_path(dataplane, &attachment, mode, fail_);
	if (!error)
		error = write_device(dataplane, &attachment, fail_);
	if (error) {
		if (!was_there)
			(void)device_detach(dataplane, attachment.ifindex,
					    fail_);
		return error;
	}
	warn_forwarding(device, &attachment);
	if (attachment.xdp == ATTACH_NATIVE && is_virtual(device, driver))
		warn_veth(device, driver, &attachment);
	*ret_attachment = attachment;
	return 0;
}

int device_detach(const struct dataplane *dataplane, unsigned int ifindex,
		  struct fail *fail_)
{
	static const char *const pins[] = { L4GATE_PIN_XDP, L4GATE_PIN_INGRESS,
					    L4GATE_PIN_EGRESS };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(pins) / sizeof(*pins); i++) {
		pin_path(dataplane, pins[i], ifindex, path);
		if (drop_link(path))
			return fail(fail_, -errno, "%s: %m", path);
	}
	detach_clsact(ifindex, BPF_TC_INGRESS);
	detach_clsact(ifindex, BPF_TC_EGRESS);
	(void)bpf_map_delete_elem(dataplane->maps[MAP_DEVICES], &ifindex);
	return 0;
}

static int compare_attachments(const void *left, const void *right)
{
	const struct attachment *a = left, *b = right;

	return a->ifindex < b->ifindex ? -1 : a->ifindex > b->ifindex;
}

/* The entries of l4gate_devices are the attached devices. */
int device_list(const struct dataplane *dataplane,
		struct attachment **ret_attachments, size_t *ret_count,
		struct fail *fail_)
{
	__u32 key, *at = NULL;
	struct attachment *list;
	size_t count = 0;

	list = calloc(L4GATE_MAX_DEVICES, sizeof(*list));
	if (!list)
		return fail(fail_, -ENOMEM, "out of memory");
	while (count < L4GATE_MAX_DEVICES &&
	       !bpf_map_get_next_key(dataplane->maps[MAP_DEVICES], at, &key)) {
		struct attachment *to = &list[count++];
		struct l4gate_device value;
		char path[PATH_MAX];

		at = &key;
		to->ifindex = key;
		if_indextoname(key, to->name);
		to->xdp = current_mode(dataplane, key);
		pin_path(dataplane, L4GATE_PIN_INGRESS, key, path);
		to->tc = access(path, F_OK) ? "clsact" : "tcx";
		/* Of another version it may be of another size. */
		if (!dataplane->is_foreign &&
		    !bpf_map_lookup_elem(dataplane->maps[MAP_DEVICES], &key,
					 &value)) {
			to->mtu = value.mtu;
			memcpy(to->mac, value.mac, sizeof(to->mac));
		}
	}
	qsort(list, count, sizeof(*list), compare_attachments);
	*ret_attachments = list;
	*ret_count = count;
	return 0;
}
