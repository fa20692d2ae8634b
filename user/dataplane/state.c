// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/state.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "l4gate/names.h"

/* Readers that meet a publish in the middle start again this often. */
#define READ_TRIES 20

int generation_read(const struct dataplane *dataplane,
		    uint64_t *ret_generation, struct fail *fail_)
{
	struct l4gate_control control;
	uint32_t key = 0;

	if (bpf_map_lookup_elem(dataplane->maps[MAP_CONTROL], &key, &control))
		return fail(fail_, -errno, "%s: can't be read: %m",
			    map_names[MAP_CONTROL]);
	*ret_generation = control.generation;
	return 0;
}

static const char *state_path(const struct dataplane *dataplane,
			      uint64_t generation, char *path)
{
	char name[64];

	snprintf(name, sizeof(name), L4GATE_PIN_STATE,
		 (unsigned long long)generation);
	return dataplane_path(dataplane, name, path);
}

/* The document of one generation; -ENOENT if it is gone. */
static int read_generation(const struct dataplane *dataplane,
			   uint64_t generation, json_t **ret_state)
{
	LIBBPF_OPTS(bpf_obj_get_opts, read_only, .file_flags = BPF_F_RDONLY);
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info), key = 0;
	char path[PATH_MAX], *text = NULL;
	int fd, error = 0;

	fd = bpf_obj_get_opts(state_path(dataplane, generation, path),
			      &read_only);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		error = -errno;
		goto out;
	}
	text = calloc(1, info.value_size + 1);
	if (!text) {
		error = -ENOMEM;
		goto out;
	}
	if (bpf_map_lookup_elem(fd, &key, text)) {
		error = -errno;
		goto out;
	}
	*ret_state = json_loads(text, 0, NULL);
	if (!*ret_state)
		error = -EBADMSG;
out:
	free(text);
	close(fd);
	return error;
}

int state_read(const struct dataplane *dataplane, json_t **ret_state,
	       struct fail *fail_)
{
	uint64_t generation = 0;
	int tries, error;

	for (tries = 0; tries < READ_TRIES; tries++) {
		error = generation_read(dataplane, &generation, fail_);
		if (error)
			return error;
		if (!generation) {
			*ret_state = json_pack(
				"{s:i, s:I, s:[], s:[], s:[]}", "schema", 1,
				"generation", (json_int_t)0, "listeners",
				"routes", "objects");
			return *ret_state ? 0 : -ENOMEM;
		}
		error = read_generation(dataplane, generation, ret_state);
		if (error != -ENOENT)
			break;
	}
	if (error)
		return fail(fail_, error, "%s: the state of generation %llu can't be read: %s",
			    dataplane->pin_dir, (unsigned long long)generation,
			    strerror(-error));
	return 0;
}

int state_write(const struct dataplane *dataplane, json_t *state,
		uint64_t generation, struct fail *fail_)
{
	char path[PATH_MAX], aside[PATH_MAX], *text;
	__u32 key = 0;
	int fd, error = 0;
	size_t size;

	text = json_dumps(state, JSON_COMPACT);
	if (!text)
		return fail(fail_, -ENOMEM, "no memory for the state");
	size = strlen(text) + 1;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "l4gate_state", sizeof(key),
			    size, 1, NULL);
	if (fd < 0) {
		error = fail(fail_, -errno, "the state (%zu bytes) can't be kept in a map: %m", size);
		goto out;
	}
	dataplane_path(dataplane, "state-new", aside);
	state_path(dataplane, generation, path);
	/* One that an apply left behind when it was killed. */
	unlink(aside);
	if (bpf_map_update_elem(fd, &key, text, BPF_ANY) ||
	    bpf_obj_pin(fd, aside) || rename(aside, path))
		error = fail(fail_, -errno, "%s: can't be written: %m", path);
	close(fd);
out:
	free(text);
	return error;
}

void state_sweep(const struct dataplane *dataplane, uint64_t generation)
{
	DIR *directory = opendir(dataplane->pin_dir);
	char path[PATH_MAX], keep[64];
	struct dirent *entry;

	if (!directory)
		return;
	snprintf(keep, sizeof(keep), L4GATE_PIN_STATE,
		 (unsigned long long)generation);
	while ((entry = readdir(directory)))
		if (!strncmp(entry->d_name, "state-", 6) &&
		    strcmp(entry->d_name, keep))
			unlink(dataplane_path(dataplane, entry->d_name, path));
	closedir(directory);
}
