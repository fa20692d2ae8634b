// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/sizes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>

struct sizes sizes_for(uint32_t routes)
{
	struct sizes sizes = {
		.routes = routes,
		.listeners = L4GATE_LISTENERS(routes),
		.backends = L4GATE_BACKENDS(routes),
		.chunks = L4GATE_CHUNKS(routes),
	};

	sizes.origin_rows = L4GATE_ORIGIN_ROWS(sizes.backends);
	return sizes;
}

uint32_t sizes_entries(const struct sizes *sizes, int id)
{
	switch (id) {
	case MAP_ROUTES:
		return sizes->routes * 2;
	case MAP_BUCKETS:
	case MAP_ROUTE_STATS:
		return sizes->routes;
	case MAP_LISTENER_STATS:
	case MAP_SURPLUS:
		return sizes->listeners;
	case MAP_HALF_OPEN:
		return L4GATE_HALF_OPEN_NODES + sizes->listeners;
	case MAP_BACKENDS:
	case MAP_BACKEND_STATS:
		return sizes->backends;
	case MAP_CHUNKS:
		return sizes->chunks;
	case MAP_ORIGIN_INDEX:
		return sizes->origin_rows * L4GATE_SHARDS * 2;
	default:
		return 0;
	}
}

int sizes_read(struct dataplane *dataplane, int routes_fd,
	       struct fail *fail_)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(routes_fd, &info, &size))
		return fail(fail_, -errno, "%s: %m", map_names[MAP_ROUTES]);
	dataplane->sizes = sizes_for(info.max_entries / 2);
	return 0;
}

int sizes_settle(struct dataplane *dataplane,
		 const struct open_options *options, struct fail *fail_)
{
	char path[PATH_MAX];
	int fd, error;

	dataplane->sizes = sizes_for(options->max_routes ?:
				     L4GATE_DEFAULT_ROUTES);
	fd = bpf_obj_get(dataplane_path(dataplane, map_names[MAP_ROUTES],
					path));
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(fail_, -errno, "%s: %m", path);
	error = sizes_read(dataplane, fd, fail_);
	close(fd);
	return error;
}

uint64_t dataplane_map_bytes(const struct dataplane *dataplane, enum map_id map)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
		 dataplane->maps[map]);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(file);
	return bytes;
}
