/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Programs and maps: loaded by `attach`, found by their pins by everyone else.
 */
#ifndef L4GATE_DATAPLANE_OBJECT_H
#define L4GATE_DATAPLANE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "l4gate/abi.h"
#include "util/fail.h"

enum map_id {
	MAP_CONTROL,
	MAP_META,
	MAP_ENDPOINTS,
	MAP_ENDPOINT_INDEX,
	MAP_ADDRESS_INDEX,
	MAP_ORIGIN_INDEX,
	MAP_PORTS,
	MAP_ROUTES,
	MAP_BUCKETS,
	MAP_CHUNKS,
	MAP_BACKENDS,
	MAP_WORDS,
	MAP_ENTRIES,
	MAP_RECORDS,
	MAP_CLIENTS6,
	MAP_SOURCES,
	MAP_AFFINITY,
	MAP_TIMEOUTS,
	MAP_HALF_OPEN,
	MAP_SHARDS,
	MAP_DEVICES,
	MAP_NEXTHOPS,
	MAP_NEXTHOP_INDEX,
	MAP_BUDGETS,
	MAP_LISTENER_STATS,
	MAP_SURPLUS,
	MAP_ROUTE_STATS,
	MAP_BACKEND_STATS,
	MAP_REASON_STATS,
	MAP_COUNT
};

extern const char *const map_names[MAP_COUNT];

enum open_mode {
	OPEN_READ,		/* maps that can be read; missing ones are -1 */
	OPEN_REMOVE,		/* of any version, and the writer's lock */
	OPEN_WRITE,		/* all maps, and the lock */
	OPEN_LOAD,		/* as OPEN_WRITE, and the programs, loaded anew */
};

/* What there is room for: attach --max-routes, and what follows from it. */
struct sizes {
	uint32_t routes;
	uint32_t listeners;
	uint32_t backends;
	uint32_t chunks;
	uint32_t origin_rows;
};

struct sizes sizes_for(uint32_t routes);

struct dataplane {
	char *pin_dir;
	int lock_fd;		/* -1: no lock */
	int maps[MAP_COUNT];	/* negative: not open */
	int xdp_fd;		/* programs, with OPEN_LOAD only; else -1 */
	int ingress_fd;
	int egress_fd;
	struct l4gate_meta meta;
	struct sizes sizes;
	bool is_foreign;	/* of another version, with OPEN_REMOVE only */
	void *skeletons[2];
};

struct open_options {
	const char *pin_dir;
	uint32_t max_flows;	/* 0: the default; used when maps are made, */
	uint32_t max_routes;	/* both */
};

/*
 * Opens the instance in pin_dir. OPEN_LOAD makes directory and maps where they
 * are missing. Waits for another writer's lock, up to ten seconds.
 * -ENOENT: there is no instance; -EBUSY: another writer; -EPROTO: maps of
 * another ABI. Says why in fail.
 */
int dataplane_open(const struct open_options *options, enum open_mode mode,
		   struct dataplane **ret_dataplane, struct fail *fail);

/* NULL is fine. */
void dataplane_close(struct dataplane *dataplane);

/*
 * The values of an array map that packets read in place, all of them, mapped for
 * reading and writing; to be given back with dataplane_unmap(). NULL, with errno.
 */
void *dataplane_map(const struct dataplane *dataplane, enum map_id map);
void dataplane_unmap(const struct dataplane *dataplane, enum map_id map,
		     void *values);

/* Bytes of kernel memory of a map; 0 if they can't be told. */
uint64_t dataplane_map_bytes(const struct dataplane *dataplane,
			     enum map_id map);

/* "PIN_DIR/name" into path[PATH_MAX]; returns path. */
const char *dataplane_path(const struct dataplane *dataplane, const char *name,
			   char *path);

/* Removes all that is pinned, and the directory, when no link is left. */
int dataplane_remove(struct dataplane *dataplane, struct fail *fail);

struct l4gate_xdp_bpf;
struct l4gate_tc_bpf;

/* Sets the constants of programs that are open and not loaded yet. */
void dataplane_configure(const struct dataplane *dataplane,
			 struct l4gate_xdp_bpf *xdp, struct l4gate_tc_bpf *tc);

#endif /* L4GATE_DATAPLANE_OBJECT_H */
