// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "dataplane/flow_tables.h"
#include "dataplane/meta.h"
#include "dataplane/sizes.h"
#include "l4gate/names.h"
#include "tc.skel.h"
#include "xdp.skel.h"

#define LOCK_WAIT_MS 10000
#define LOCK_STEP_MS 20

const char *const map_names[MAP_COUNT] = {
	[MAP_CONTROL] = "l4gate_control",
	[MAP_META] = "l4gate_meta",
	[MAP_ENDPOINTS] = "l4gate_endpoints",
	[MAP_ENDPOINT_INDEX] = "l4gate_endpoint_index",
	[MAP_ADDRESS_INDEX] = "l4gate_address_index",
	[MAP_ORIGIN_INDEX] = "l4gate_origin_index",
	[MAP_PORTS] = "l4gate_ports",
	[MAP_ROUTES] = "l4gate_routes",
	[MAP_BUCKETS] = "l4gate_buckets",
	[MAP_CHUNKS] = "l4gate_chunks",
	[MAP_BACKENDS] = "l4gate_backends",
	[MAP_WORDS] = "l4gate_words",
	[MAP_ENTRIES] = "l4gate_entries",
	[MAP_RECORDS] = "l4gate_records",
	[MAP_CLIENTS6] = "l4gate_clients6",
	[MAP_SOURCES] = "l4gate_sources",
	[MAP_AFFINITY] = "l4gate_affinity",
	[MAP_TIMEOUTS] = "l4gate_timeouts",
	[MAP_HALF_OPEN] = "l4gate_half_open",
	[MAP_SHARDS] = "l4gate_shards",
	[MAP_DEVICES] = "l4gate_devices",
	[MAP_NEXTHOPS] = "l4gate_nexthops",
	[MAP_NEXTHOP_INDEX] = "l4gate_nexthop_index",
	[MAP_BUDGETS] = "l4gate_budgets",
	[MAP_LISTENER_STATS] = "l4gate_listener_stats",
	[MAP_SURPLUS] = "l4gate_surplus_stats",
	[MAP_ROUTE_STATS] = "l4gate_route_stats",
	[MAP_BACKEND_STATS] = "l4gate_backend_stats",
	[MAP_REASON_STATS] = "l4gate_reason_stats",
};

const char *dataplane_path(const struct dataplane *dataplane, const char *name,
			   char *path)
{
	snprintf(path, PATH_MAX, "%s/%s", dataplane->pin_dir, name);
	return path;
}

static int check_directory(const char *path, struct fail *fail_)
{
	struct statfs fs;
	struct stat st;

	if (lstat(path, &st))
		return fail(fail_, -errno, errno == ENOENT ?
			    "%s: nothing is attached (l4gate attach DEV makes it)" :
			    "%s: %m", path);
	if (statfs(path, &fs) || fs.f_type != BPF_FS_MAGIC)
		return fail(fail_, -EINVAL, "%s: not on a bpf file system (mount -t bpf bpf /sys/fs/bpf; inside \"ip netns exec\" it is hidden: use nsenter --net)",
			    path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 0027))
		return fail(fail_, -EPERM, "%s: must be a directory of uid %u with mode 0750 at most, is %04o of uid %u: refusing to trust it",
			    path, geteuid(), st.st_mode & 07777, st.st_uid);
	return 0;
}

static int make_directory(const char *path, struct fail *fail_)
{
	if (!mkdir(path, 0750) || errno == EEXIST)
		return 0;
	switch (errno) {
	case EROFS:
		return fail(fail_, -EROFS, "%s: the file system is read-only (mount -o remount,rw /sys/fs/bpf)", path);
	case ENOENT:
	case EPERM:
		return fail(fail_, -errno, "%s: can't be made: is a bpf file system mounted? (mount -t bpf bpf /sys/fs/bpf)", path);
	default:
		return fail(fail_, -errno, "%s: can't be made: %m", path);
	}
}

static int take_lock(struct dataplane *dataplane, struct fail *fail_)
{
	int waited, fd;

	fd = open(dataplane->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(fail_, -errno, "%s: %m", dataplane->pin_dir);
	for (waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += LOCK_STEP_MS) {
		struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000 };

		if (errno != EWOULDBLOCK || waited >= LOCK_WAIT_MS) {
			close(fd);
			return fail(fail_, -EBUSY, "%s: another l4gate has been writing for ten seconds (fuser -v %s names it)",
				    dataplane->pin_dir, dataplane->pin_dir);
		}
		nanosleep(&step, NULL);
	}
	dataplane->lock_fd = fd;
	return 0;
}

/* What readers map. */
static bool is_mapped(int map)
{
	return map == MAP_WORDS || map == MAP_ENTRIES ||
	       map == MAP_RECORDS || map == MAP_CLIENTS6 || map == MAP_ENDPOINTS ||
	       map == MAP_BACKENDS || map == MAP_TIMEOUTS ||
	       map == MAP_HALF_OPEN;
}

/* Without which maps there is no instance, or none that can be written to. */
static bool is_needed(enum map_id map, enum open_mode mode)
{
	return mode == OPEN_REMOVE ? map == MAP_DEVICES : mode > OPEN_REMOVE;
}

static int open_maps(struct dataplane *dataplane, enum open_mode mode,
		     struct fail *fail_)
{
	LIBBPF_OPTS(bpf_obj_get_opts, read_only, .file_flags = BPF_F_RDONLY);
	char path[PATH_MAX];
	int i, error;

	for (i = 0; i < MAP_COUNT; i++) {
		dataplane_path(dataplane, map_names[i], path);
		/* A map opened for reading can't be mapped (EINVAL, 6.18). */
		if (mode == OPEN_READ && !is_mapped(i))
			dataplane->maps[i] = bpf_obj_get_opts(path, &read_only);
		else
			dataplane->maps[i] = bpf_obj_get(path);
	}
	error = meta_open(dataplane, mode, fail_);
	if (error)
		return error;
	for (i = 0; i < MAP_COUNT; i++) {
		if (dataplane->maps[i] >= 0 || !is_needed(i, mode))
			continue;
		errno = -dataplane->maps[i];
		return fail(fail_, -errno, errno == ENOENT ?
			    "%s: missing: nothing is attached (l4gate attach DEV)" :
			    "%s: %m",
			    dataplane_path(dataplane, map_names[i], path));
	}
	if (dataplane->maps[MAP_ROUTES] >= 0 && !dataplane->is_foreign &&
	    sizes_read(dataplane, dataplane->maps[MAP_ROUTES], fail_))
		return -errno;
	return 0;
}

static int map_order(const char *name)
{
	int i;

	for (i = 0; i < MAP_COUNT; i++)
		if (!strcmp(map_names[i], name))
			return i;
	return -1;
}

/* Rows of a map that --max-flows sizes; 0: of another. */
static uint32_t map_rows(const struct dataplane *dataplane, int id)
{
	struct flow_rows rows = dataplane_rows(dataplane);

	switch (id) {
	case MAP_WORDS:
		return rows.words;
	case MAP_ENTRIES:
		return rows.entries;
	case MAP_RECORDS:
	case MAP_CLIENTS6:
		return rows.records;
	case MAP_NEXTHOP_INDEX:
		return rows.addresses;
	default:
		return 0;
	}
}

/* Sizes and pins of an object's maps; pinned ones are reused by libbpf. */
static int prepare_maps(struct dataplane *dataplane, struct bpf_object *object)
{
	char path[PATH_MAX];
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		int id = map_order(bpf_map__name(map)), error = 0;

		if (id < 0)
			continue;
		if (map_rows(dataplane, id))
			error = bpf_map__set_max_entries(
				map, map_rows(dataplane, id) * L4GATE_SHARDS);
		if (sizes_entries(&dataplane->sizes, id))
			error = bpf_map__set_max_entries(
				map, sizes_entries(&dataplane->sizes, id));
		dataplane_path(dataplane, map_names[id], path);
		if (error || bpf_map__set_pin_path(map, path))
			return -ENOMEM;
	}
	return 0;
}

/* Constants of one program: a macro, because each skeleton has its own type. */
#define SET_CONFIG(rodata, dataplane) do {				\
	const struct l4gate_meta *meta_ = &(dataplane)->meta;		\
	struct flow_rows rows_ = dataplane_rows(dataplane);		\
	uint32_t hz_ = meta_->hz, i_;					\
	struct l4gate_timeouts usual_;					\
	memcpy((void *)(rodata)->hash_key, meta_->key,			\
	       sizeof(meta_->key));					\
	(rodata)->word_rows = rows_.words;				\
	(rodata)->entry_rows = rows_.entries;				\
	(rodata)->record_rows = rows_.records;				\
	(rodata)->record_run_mask = dataplane_run_mask(dataplane);		\
	(rodata)->address_rows = rows_.addresses;			\
	(rodata)->origin_rows = (dataplane)->sizes.origin_rows;		\
	(rodata)->nat_port_min = meta_->nat_port_min;			\
	(rodata)->nat_port_count = dataplane_nat_ports(dataplane);	\
	(rodata)->tick_shift = dataplane_tick_shift(dataplane);				\
	dataplane_timeouts(dataplane, &dataplane_usual_timeouts, &usual_); \
	for (i_ = 0; i_ < L4GATE_FLOW_STATES; i_++) {			\
		(rodata)->flow_timeout[i_] = usual_.state[i_].timeout;	\
		(rodata)->flow_refresh[i_] = usual_.state[i_].refresh;	\
		(rodata)->flow_quarter[i_] = usual_.state[i_].quarter;	\
	}								\
	(rodata)->flow_timeout[L4GATE_FLOW_CLAIMED] = UINT32_MAX;	\
	(rodata)->half_open_most = L4GATE_FLOW_HALF_OPEN_MAX(meta_->max_flows); \
	(rodata)->half_open_usual =					\
		L4GATE_LISTENER_HALF_OPEN_MAX(meta_->max_flows);	\
	(rodata)->jiffies_second = hz_;					\
	(rodata)->budget_rate[L4GATE_BUDGET_RST] = 10000 / hz_ ?: 1;	\
	(rodata)->budget_rate[L4GATE_BUDGET_ICMP] = 1000 / hz_ ?: 1;	\
} while (0)

void dataplane_configure(const struct dataplane *dataplane,
			 struct l4gate_xdp_bpf *xdp, struct l4gate_tc_bpf *tc)
{
	SET_CONFIG(xdp->rodata, dataplane);
	SET_CONFIG(tc->rodata, dataplane);
}

static int load_error(int error, struct fail *fail_)
{
	if (error == -EPERM)
		return fail(fail_, error, "the kernel refuses to load the programs: CAP_BPF and CAP_NET_ADMIN are needed (and, before Linux 5.11, a larger RLIMIT_MEMLOCK)");
	if (error == -ENOMEM)
		return fail(fail_, error, "the kernel has no memory for the maps (smaller --max-flows and --max-routes need less)");
	return fail(fail_, error, "the kernel refuses to load the programs: %s (-v shows its log)",
		    strerror(-error));
}

static int load(struct dataplane *dataplane, const struct open_options *options,
		struct fail *fail_)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct l4gate_xdp_bpf *xdp;
	struct l4gate_tc_bpf *tc;
	uint32_t key = 0;
	bool fresh = false;
	int error;

	/* Before Linux 5.11 maps count against it; if it can't be, load says so. */
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	dataplane->skeletons[0] = xdp = l4gate_xdp_bpf__open();
	dataplane->skeletons[1] = tc = l4gate_tc_bpf__open();
	if (!xdp || !tc)
		return fail(fail_, -ENOMEM, "no memory for the programs");
	error = meta_settle(dataplane, xdp->obj, options, &fresh, fail_);
	if (!error)
		error = sizes_settle(dataplane, options, fail_);
	if (error)
		return error;
	dataplane_configure(dataplane, xdp, tc);
	error = prepare_maps(dataplane, xdp->obj) ?:
		prepare_maps(dataplane, tc->obj);
	if (error)
		return fail(fail_, error, "no memory for the programs");
	error = l4gate_xdp_bpf__load(xdp);
	if (!error)
		error = l4gate_tc_bpf__load(tc);
	if (error)
		return load_error(error, fail_);
	if (fresh && bpf_map_update_elem(bpf_map__fd(xdp->maps.l4gate_meta),
					 &key, &dataplane->meta, BPF_ANY))
		return fail(fail_, -errno, "%s: can't be written: %m",
			    map_names[MAP_META]);
	dataplane->xdp_fd = bpf_program__fd(xdp->progs.l4gate_xdp);
	dataplane->ingress_fd = bpf_program__fd(tc->progs.l4gate_ingress);
	dataplane->egress_fd = bpf_program__fd(tc->progs.l4gate_egress);
	return 0;
}

/*
 * A scraper needs to read counters, and nothing else: 0440. A writer without
 * CAP_DAC_OVERRIDE could not open them then, so they are 0640 while it does.
 */
static void set_modes(const struct dataplane *dataplane, mode_t stats_mode)
{
	char path[PATH_MAX];
	int i;

	for (i = 0; i < MAP_COUNT; i++) {
		dataplane_path(dataplane, map_names[i], path);
		(void)chmod(path, i >= MAP_LISTENER_STATS ? stats_mode : 0600);
	}
}

int dataplane_open(const struct open_options *options, enum open_mode mode,
		   struct dataplane **ret_dataplane, struct fail *fail_)
{
	struct dataplane *dataplane;
	int error, i;

	dataplane = calloc(1, sizeof(*dataplane));
	if (!dataplane)
		return -ENOMEM;
	dataplane->lock_fd = dataplane->xdp_fd = -1;
	dataplane->ingress_fd = dataplane->egress_fd = -1;
	for (i = 0; i < MAP_COUNT; i++)
		dataplane->maps[i] = -1;
	dataplane->pin_dir = strdup(options->pin_dir);
	error = dataplane->pin_dir ? 0 : -ENOMEM;

	if (!error && mode == OPEN_LOAD)
		error = make_directory(dataplane->pin_dir, fail_);
	if (!error)
		error = check_directory(dataplane->pin_dir, fail_);
	if (!error && mode != OPEN_READ)
		error = take_lock(dataplane, fail_);
	if (!error && mode != OPEN_READ)
		set_modes(dataplane, 0640);
	if (!error && mode == OPEN_LOAD)
		error = load(dataplane, options, fail_);
	if (!error)
		error = open_maps(dataplane, mode, fail_);
	if (dataplane->lock_fd >= 0)
		set_modes(dataplane, 0440);
	if (error) {
		dataplane_close(dataplane);
		return error;
	}
	*ret_dataplane = dataplane;
	return 0;
}

/* Sizes as the kernel has them: a pin may be older than this binary. */
static size_t values_size(const struct dataplane *dataplane, enum map_id map)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(dataplane->maps[map], &info, &size))
		return 0;
	return (size_t)info.max_entries * info.value_size;
}

void *dataplane_map(const struct dataplane *dataplane, enum map_id map)
{
	size_t size = values_size(dataplane, map);
	void *values;

	if (!size)
		return NULL;
	values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      dataplane->maps[map], 0);
	return values == MAP_FAILED ? NULL : values;
}

void dataplane_unmap(const struct dataplane *dataplane, enum map_id map,
		     void *values)
{
	if (values)
		munmap(values, values_size(dataplane, map));
}

void dataplane_close(struct dataplane *dataplane)
{
	int i;

	if (!dataplane)
		return;
	for (i = 0; i < MAP_COUNT; i++)
		if (dataplane->maps[i] >= 0)
			close(dataplane->maps[i]);
	l4gate_xdp_bpf__destroy(dataplane->skeletons[0]);
	l4gate_tc_bpf__destroy(dataplane->skeletons[1]);
	if (dataplane->lock_fd >= 0)
		close(dataplane->lock_fd);
	free(dataplane->pin_dir);
	free(dataplane);
}

int dataplane_remove(struct dataplane *dataplane, struct fail *fail_)
{
	DIR *directory = opendir(dataplane->pin_dir);
	char path[PATH_MAX];
	struct dirent *entry;

	if (!directory)
		return fail(fail_, -errno, "%s: %m", dataplane->pin_dir);
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, "l4gate_", 7) &&
		    strncmp(entry->d_name, "state-", 6))
			continue;
		unlink(dataplane_path(dataplane, entry->d_name, path));
	}
	closedir(directory);
	if (rmdir(dataplane->pin_dir))
		return fail(fail_, -errno, "%s: %m", dataplane->pin_dir);
	return 0;
}
