// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/meta.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/flow_tables.h"
#include "l4gate/limits.h"
#include "xdp.skel.h"

/* FNV-1a over what the maps of this binary look like. */
static uint64_t abi_hash(struct bpf_object *object)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		char text[128];
		size_t i;

		if (strncmp(bpf_map__name(map), "l4gate_", 7))
			continue;
		snprintf(text, sizeof(text), "%u %s %u %u %u %u;",
			 L4GATE_ABI_VERSION, bpf_map__name(map),
			 bpf_map__type(map), bpf_map__key_size(map),
			 bpf_map__value_size(map), bpf_map__map_flags(map));
		for (i = 0; text[i]; i++)
			hash = (hash ^ (unsigned char)text[i]) *
			       0x100000001b3ULL;
	}
	return hash;
}

/* Maps are read and written as this version has them, or not at all. */
static int check_abi(const struct dataplane *dataplane, uint64_t abi,
		     struct fail *fail_)
{
	if (dataplane->meta.abi == abi)
		return 0;
	return fail(fail_, -EPROTO, "%s: the maps there are of another version of l4gate (ABI %016llx, this one has %016llx): l4gate detach ends their flows and makes room for new ones",
		    dataplane->pin_dir,
		    (unsigned long long)dataplane->meta.abi,
		    (unsigned long long)abi);
}

/* The same of this binary, whose programs are not to be loaded. */
static int check_version(const struct dataplane *dataplane, struct fail *fail_)
{
	struct l4gate_xdp_bpf *xdp = l4gate_xdp_bpf__open();
	int error;

	if (!xdp)
		return fail(fail_, -ENOMEM, "no memory for the programs");
	error = check_abi(dataplane, abi_hash(xdp->obj), fail_);
	l4gate_xdp_bpf__destroy(xdp);
	return error;
}

/* An ABI that no version has: the meta data is of another size. */
#define ABI_UNKNOWN	(~0ULL)

static int read_meta(int fd, struct l4gate_meta *meta, struct fail *fail_)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info), key = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) ||
	    (info.value_size == sizeof(*meta) &&
	     bpf_map_lookup_elem(fd, &key, meta)))
		return fail(fail_, -errno, "%s: can't be read: %m",
			    map_names[MAP_META]);
	if (info.value_size != sizeof(*meta))
		meta->abi = ABI_UNKNOWN;
	return 0;
}

int meta_open(struct dataplane *dataplane, enum open_mode mode,
	      struct fail *fail_)
{
	int error;

	if (dataplane->maps[MAP_META] < 0)
		return 0;
	error = read_meta(dataplane->maps[MAP_META], &dataplane->meta, fail_);
	if (error || mode == OPEN_LOAD)
		return error;
	/* None have been made if attach was killed early. */
	if (!dataplane->meta.abi)
		return mode != OPEN_WRITE ? 0 :
			fail(fail_, -ENOENT, "%s: nothing is attached (l4gate attach DEV)",
			     dataplane->pin_dir);
	error = check_version(dataplane, fail_);
	if (mode != OPEN_REMOVE)
		return error;
	dataplane->is_foreign = error;
	*fail_ = (struct fail){ 0 };
	return 0;
}

static int read_port_range(uint32_t *ret_low, uint32_t *ret_high)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int n;

	if (!file)
		return -errno;
	n = fscanf(file, "%u %u", ret_low, ret_high);
	fclose(file);
	return n == 2 ? 0 : -EINVAL;
}

/*
 * NAT ports lie apart from those that the node's own connections get: below its
 * local port range if there is room, else above it.
 */
static int choose_nat_ports(struct l4gate_meta *meta, struct fail *fail_)
{
	uint32_t low = 0, high = 0;

	if (read_port_range(&low, &high)) {
		low = 32768;
		high = 60999;
	}
	if (low >= 10240 + 4096) {
		meta->nat_port_min = 10240;
		meta->nat_port_max = low - 1;
	} else if (high <= 65535 - 4096) {
		meta->nat_port_min = high + 1;
		meta->nat_port_max = 65535;
	} else {
		return fail(fail_, -ERANGE, "net.ipv4.ip_local_port_range is %u-%u: that leaves no 4096 ports for NAT below it (from 10240) or above it",
			    low, high);
	}
	return 0;
}

static int new_meta(struct dataplane *dataplane, uint64_t abi,
		    const struct open_options *options, struct fail *fail_)
{
	struct l4gate_meta *meta = &dataplane->meta;

	*meta = (struct l4gate_meta){
		.abi = abi,
		.max_flows = options->max_flows ?: L4GATE_DEFAULT_FLOWS,
		.hz = dataplane_hz(),
	};
	if (getrandom(meta->key, sizeof(meta->key), 0) != sizeof(meta->key))
		return fail(fail_, -errno, "getrandom: %m");
	return choose_nat_ports(meta, fail_);
}

int meta_settle(struct dataplane *dataplane, struct bpf_object *object,
		const struct open_options *options, bool *ret_new,
		struct fail *fail_)
{
	uint64_t abi = abi_hash(object);
	char path[PATH_MAX];
	int fd, error;

	dataplane_path(dataplane, map_names[MAP_META], path);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT) {
		*ret_new = true;
		return new_meta(dataplane, abi, options, fail_);
	}
	if (fd < 0)
		return fail(fail_, -errno, "%s: %m", path);
	error = read_meta(fd, &dataplane->meta, fail_);
	close(fd);
	if (error)
		return error;
	/* Killed between making the map and writing it: nothing was attached. */
	*ret_new = !dataplane->meta.abi;
	if (*ret_new)
		return new_meta(dataplane, abi, options, fail_);
	return check_abi(dataplane, abi, fail_);
}
