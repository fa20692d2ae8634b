// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/dry.h"

#include <errno.h>
#include <limits.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "l4gate/names.h"
#include "tc.skel.h"
#include "xdp.skel.h"

/* A map that packets write: that of the attached instance, and the copy. */
struct copy {
	int from;		/* 0: none is needed */
	int to;
	size_t size;		/* of all values */
	size_t value_size;
	const void *source;	/* mapped; NULL: to be read by keys, or not at all */
	void *values;		/* the copy, mapped */
	bool counts;		/* begins with zeros */
};

struct dry {
	struct l4gate_xdp_bpf *xdp;
	struct l4gate_tc_bpf *tc;
	struct copy copies[MAP_COUNT];
	const struct dataplane *dataplane;
	int cpus;
};

/* What packets read and user space writes. A map that is not here is copied. */
static bool is_shared(int map)
{
	switch (map) {
	case MAP_CONTROL:
	case MAP_META:
	case MAP_ENDPOINTS:
	case MAP_ENDPOINT_INDEX:
	case MAP_ADDRESS_INDEX:
	case MAP_ORIGIN_INDEX:
	case MAP_PORTS:
	case MAP_ROUTES:
	case MAP_CHUNKS:
	case MAP_SOURCES:
	case MAP_TIMEOUTS:
	case MAP_DEVICES:
		return true;
	default:
		return false;
	}
}

static bool is_counter(int map)
{
	return map >= MAP_LISTENER_STATS;
}

static int map_by_name(const char *name)
{
	int i;

	for (i = 0; i < MAP_COUNT; i++)
		if (!strcmp(map_names[i], name))
			return i;
	return -1;
}

/*
 * The copy of an array is one that can be mapped. One for each CPU is enough for one
 * CPU, where all runs: that of a CPU that hardly anything happens on is as good.
 */
static int shape_copy(struct bpf_map *map, int from, struct fail *fail_)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	int error = 0;

	if (bpf_obj_get_info_by_fd(from, &info, &size))
		return fail(fail_, -errno, "%s: %m", bpf_map__name(map));
	if (info.type == BPF_MAP_TYPE_PERCPU_ARRAY)
		error = bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY) ?:
			bpf_map__set_map_flags(map, BPF_F_MMAPABLE);
	if (!error)
		error = bpf_map__set_max_entries(map, info.max_entries);
	return error ? fail(fail_, error, "%s: can't be copied",
			    bpf_map__name(map)) : 0;
}

/* The maps of a program that is open: those of dataplane, or of their shape. */
static int prepare_maps(const struct dataplane *dataplane,
			struct bpf_object *object, struct bpf_map *copies[],
			struct fail *fail_)
{
	struct bpf_map *map;
	int error;

	bpf_object__for_each_map(map, object) {
		int id = map_by_name(bpf_map__name(map));

		if (id < 0)
			continue;
		if (is_shared(id))
			error = bpf_map__reuse_fd(map, dataplane->maps[id]);
		else if (copies[id])
			error = bpf_map__reuse_fd(map, bpf_map__fd(copies[id]));
		else
			error = shape_copy(map, dataplane->maps[id], fail_);
		if (error)
			return fail_->text[0] ? error :
			       fail(fail_, error, "%s: can't be used: %s",
				    map_names[id], strerror(-error));
		copies[id] = map;
	}
	return 0;
}

/* NULL: it can't be mapped. */
static void *map_values(int fd, size_t size, int protection)
{
	void *values = mmap(NULL, size, protection, MAP_SHARED, fd, 0);

	return values == MAP_FAILED ? NULL : values;
}

/* The pin is opened anew: a map that was opened for reading can't be mapped. */
static int open_copy(struct copy *copy, const struct dataplane *dataplane,
		     int map, const struct bpf_map *to, struct fail *fail_)
{
	char path[PATH_MAX];
	int from = 0;

	dataplane_path(dataplane, map_names[map], path);
	if (!is_counter(map))
		from = bpf_obj_get(path);
	if (from < 0)
		return fail(fail_, -errno, "%s: %m", path);
	*copy = (struct copy){
		.from = from,
		.to = bpf_map__fd(to),
		.value_size = bpf_map__value_size(to),
		.size = (size_t)bpf_map__max_entries(to) *
			((bpf_map__value_size(to) + 7) & ~7U),
		.counts = is_counter(map),
	};
	if (bpf_map__map_flags(to) & BPF_F_MMAPABLE)
		copy->values = map_values(copy->to, copy->size,
					  PROT_READ | PROT_WRITE);
	if (!copy->counts && copy->values)
		copy->source = map_values(from, copy->size, PROT_READ);
	if (copy->counts && !copy->values)
		return fail(fail_, -errno, "%s: the copy can't be mapped: %m",
			    map_names[map]);
	return 0;
}

static int open_copies(struct dry *dry, const struct dataplane *dataplane,
		       struct bpf_map *const maps[], struct fail *fail_)
{
	int i, error = 0;

	for (i = 0; i < MAP_COUNT && !error; i++)
		if (!is_shared(i) && maps[i])
			error = open_copy(&dry->copies[i], dataplane, i,
					  maps[i], fail_);
	return error;
}

static int load(struct dry *dry, const struct dataplane *dataplane,
		struct fail *fail_)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct bpf_map *maps[MAP_COUNT] = { 0 };
	int error;

	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	dry->xdp = l4gate_xdp_bpf__open();
	dry->tc = l4gate_tc_bpf__open();
	if (!dry->xdp || !dry->tc)
		return fail(fail_, -ENOMEM, "no memory for the programs");
	dataplane_configure(dataplane, dry->xdp, dry->tc);
	dry->xdp->rodata->dry = true;
	dry->tc->rodata->dry = true;
	error = prepare_maps(dataplane, dry->xdp->obj, maps, fail_);
	if (error)
		return error;
	error = l4gate_xdp_bpf__load(dry->xdp);
	if (!error)
		error = prepare_maps(dataplane, dry->tc->obj, maps, fail_) ?:
			l4gate_tc_bpf__load(dry->tc);
	if (error)
		return fail_->text[0] ? error :
		       fail(fail_, error, "the kernel refuses a second instance of the programs: %s (-v shows its log)",
			    strerror(-error));
	return open_copies(dry, dataplane, maps, fail_);
}

int dry_open(const struct dataplane *dataplane, struct dry **ret_dry,
	     struct fail *fail_)
{
	struct dry *dry;
	int i, error;

	for (i = 0; i < MAP_COUNT; i++)
		if (dataplane->maps[i] < 0)
			return fail(fail_, -ENOENT, "%s: %s is missing: nothing is attached (l4gate attach DEV)",
				    dataplane->pin_dir, map_names[i]);
	dry = calloc(1, sizeof(*dry));
	if (!dry)
		return fail(fail_, -ENOMEM, "out of memory");
	dry->dataplane = dataplane;
	dry->cpus = libbpf_num_possible_cpus();
	error = load(dry, dataplane, fail_);
	if (error) {
		dry_close(dry);
		return error;
	}
	*ret_dry = dry;
	return 0;
}

void dry_close(struct dry *dry)
{
	int i;

	if (!dry)
		return;
	for (i = 0; i < MAP_COUNT; i++) {
		if (dry->copies[i].values)
			munmap(dry->copies[i].values, dry->copies[i].size);
		if (dry->copies[i].source)
			munmap((void *)dry->copies[i].source,
			       dry->copies[i].size);
		if (dry->copies[i].from)
			close(dry->copies[i].from);
	}
	l4gate_tc_bpf__destroy(dry->tc);
	l4gate_xdp_bpf__destroy(dry->xdp);
	free(dry);
}

/* Of a map with a value for each CPU, that of the one that we are on. */
static int copy_by_keys(const struct copy *copy, int cpus, struct fail *fail_)
{
	const size_t stride = (copy->value_size + 7) & ~7UL;
	int cpu = sched_getcpu(), error = 0;
	uint32_t key, *before = NULL;
	uint8_t *values;

	values = calloc(cpus > 0 ? cpus : 1, stride);
	if (!values)
		return fail(fail_, -ENOMEM, "out of memory");
	while (!error &&
	       !bpf_map_get_next_key(copy->from, before, &key)) {
		const uint8_t *value = values;

		before = &key;
		error = bpf_map_lookup_elem(copy->from, &key, values);
		/* Its type is that of an array: only one for each CPU is mapped. */
		if (copy->values && cpu > 0 && cpu < cpus)
			value += cpu * stride;
		if (!error)
			error = bpf_map_update_elem(copy->to, &key, value,
						    BPF_ANY);
	}
	if (error)
		error = fail(fail_, -errno, "a map can't be copied: %m");
	free(values);
	return error;
}

/* What the attached instance knows now. */
static int refresh(struct dry *dry, struct fail *fail_)
{
	static const struct l4gate_trace nothing;
	uint32_t key = 0;
	int i, error = 0;

	for (i = 0; i < MAP_COUNT && !error; i++) {
		struct copy *copy = &dry->copies[i];

		if (copy->counts)
			memset(copy->values, 0, copy->size);
		else if (copy->source)
			memcpy(copy->values, copy->source, copy->size);
		else if (copy->from)
			error = copy_by_keys(copy, dry->cpus, fail_);
	}
	if (!error &&
	    (bpf_map_update_elem(bpf_map__fd(dry->xdp->maps.trace), &key,
				 &nothing, BPF_ANY) ||
	     bpf_map_update_elem(bpf_map__fd(dry->tc->maps.trace), &key,
				 &nothing, BPF_ANY)))
		error = fail(fail_, -errno, "the trace can't be written: %m");
	return error;
}

/* The first that counted anything of a kind; zeros again for the next hook. */
static uint32_t take_counted(struct dry *dry, enum map_id map, bool *ret_new)
{
	struct l4gate_stats *stats = dry->copies[map].values;
	size_t count = dry->copies[map].size / sizeof(*stats), i;
	static const struct l4gate_stats zeros;

	for (i = 0; i < count; i++) {
		if (!memcmp(&stats[i], &zeros, sizeof(zeros)))
			continue;
		*ret_new |= stats[i].flows > 0;
		stats[i] = zeros;
		return i;
	}
	return DRY_NOWHERE;
}

/* Whether a flow began as surplus. */
static bool take_surplus(struct dry *dry)
{
	uint64_t *counts = dry->copies[MAP_SURPLUS].values;
	size_t count = dry->copies[MAP_SURPLUS].size / sizeof(*counts), i;

	for (i = 0; i < count; i++) {
		if (!counts[i])
			continue;
		counts[i] = 0;
		return true;
	}
	return false;
}

/* Each way out is counted once; what is passed on uncounted is not ours. */
static enum l4gate_reason take_reason(struct dry *dry, enum l4gate_hook hook)
{
	struct l4gate_count *counts = dry->copies[MAP_REASON_STATS].values;
	int i;

	counts += hook * L4GATE_REASON_MAX;
	for (i = 0; i < L4GATE_REASON_MAX; i++)
		if (counts[i].packets)
			return i;
	return L4GATE_NOT_OURS;
}

static void read_step(struct dry *dry, const struct bpf_map *trace,
		      struct dry_step *step)
{
	const struct l4gate_nexthop *nexthops =
		dry->copies[MAP_NEXTHOPS].values;
	uint32_t key = 0, number;

	step->reason = take_reason(dry, step->hook);
	step->listener = take_counted(dry, MAP_LISTENER_STATS, &step->is_new);
	step->route = take_counted(dry, MAP_ROUTE_STATS, &step->is_new);
	step->backend = take_counted(dry, MAP_BACKEND_STATS, &step->is_new);
	step->is_surplus = take_surplus(dry);
	(void)bpf_map_lookup_elem(bpf_map__fd(trace), &key, &step->trace);
	number = step->trace.nexthop;
	if (number && number <= L4GATE_NEXTHOPS)
		step->nexthop = nexthops[number - 1];
}

static enum dry_action xdp_action(uint32_t action)
{
	switch (action) {
	case XDP_PASS:
		return DRY_PASS;
	case XDP_TX:
	case XDP_REDIRECT:
		return DRY_SEND;
	default:
		return DRY_DROP;
	}
}

static enum dry_action tc_action(uint32_t action)
{
	switch ((int)action) {
	case TC_ACT_UNSPEC:
	case TC_ACT_OK:
		return DRY_PASS;
	case TC_ACT_REDIRECT:
		return DRY_SEND;
	default:
		return DRY_DROP;
	}
}

static int run_hook(struct dry *dry, enum l4gate_hook hook,
		    unsigned int ifindex, const void *frame, size_t size,
		    struct dry_step *step)
{
	bool is_xdp = hook == L4GATE_HOOK_XDP;
	struct xdp_md xdp = { .ingress_ifindex = ifindex, .data_end = size };
	struct __sk_buff skb = { .ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
		    .data_size_in = size, .data_out = step->frame,
		    .data_size_out = sizeof(step->frame), .repeat = 1);

	options.ctx_in = is_xdp ? (void *)&xdp : (void *)&skb;
	options.ctx_size_in = is_xdp ? sizeof(xdp) : sizeof(skb);
	if (bpf_prog_test_run_opts(bpf_program__fd(
			is_xdp ? dry->xdp->progs.l4gate_xdp :
				 dry->tc->progs.l4gate_ingress), &options))
		return -errno;
	step->hook = hook;
	step->size = options.data_size_out;
	step->action = is_xdp ? xdp_action(options.retval) :
				tc_action(options.retval);
	read_step(dry, is_xdp ? dry->xdp->maps.trace : dry->tc->maps.trace,
		  step);
	return 0;
}

/* The program that a pinned link attaches; -1: there is none (clsact). */
static int attached_program(const struct dry *dry, enum l4gate_hook hook,
			    unsigned int ifindex)
{
	struct bpf_link_info info = { 0 };
	__u32 size = sizeof(info);
	char name[32], path[PATH_MAX];
	int link, program = -1;

	if (hook == L4GATE_HOOK_XDP)
		snprintf(name, sizeof(name), L4GATE_PIN_XDP, ifindex);
	else
		snprintf(name, sizeof(name), L4GATE_PIN_INGRESS, ifindex);
	link = bpf_obj_get(dataplane_path(dry->dataplane, name, path));
	if (link < 0)
		return -1;
	if (!bpf_obj_get_info_by_fd(link, &info, &size))
		program = bpf_prog_get_fd_by_id(info.prog_id);
	close(link);
	return program;
}

/* Whether that is another program than ours: its tag is a hash of its code. */
static bool is_other(const struct dry *dry, enum l4gate_hook hook,
		     unsigned int ifindex)
{
	int ours = bpf_program__fd(hook == L4GATE_HOOK_XDP ?
				   dry->xdp->progs.l4gate_xdp :
				   dry->tc->progs.l4gate_ingress);
	struct bpf_prog_info attached = { 0 }, own = { 0 };
	__u32 attached_size = sizeof(attached), own_size = sizeof(own);
	int program = attached_program(dry, hook, ifindex);
	bool differs;

	if (program < 0)
		return false;
	differs = !bpf_obj_get_info_by_fd(program, &attached, &attached_size) &&
		  !bpf_obj_get_info_by_fd(ours, &own, &own_size) &&
		  memcmp(attached.tag, own.tag, sizeof(own.tag));
	close(program);
	return differs;
}

int dry_run(struct dry *dry, unsigned int ifindex, bool has_xdp,
	    const void *frame, size_t size, struct dry_run *ret_run,
	    struct fail *fail_)
{
	struct dry_run run = { 0 };
	int error = refresh(dry, fail_);

	if (error)
		return error;
	if (has_xdp) {
		error = run_hook(dry, L4GATE_HOOK_XDP, ifindex, frame, size,
				 &run.steps[0]);
		/* Before 5.15 it runs without the device that a packet came by. */
		run.no_xdp = error == -EINVAL;
		run.count = !error;
	}
	if (error && !run.no_xdp)
		return fail(fail_, error, "BPF_PROG_TEST_RUN: %s",
			    strerror(-error));
	run.is_other = is_other(dry, L4GATE_HOOK_TC_INGRESS, ifindex) ||
		       (has_xdp && is_other(dry, L4GATE_HOOK_XDP, ifindex));
	if (!run.count || run.steps[0].action == DRY_PASS) {
		error = run_hook(dry, L4GATE_HOOK_TC_INGRESS, ifindex, frame,
				 size, &run.steps[run.count]);
		if (error)
			return fail(fail_, error, "BPF_PROG_TEST_RUN: %s",
				    strerror(-error));
		run.count++;
	}
	*ret_run = run;
	return 0;
}
