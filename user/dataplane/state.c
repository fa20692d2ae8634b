// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/state.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
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

/* Reads one generation; -ENOENT if it is gone. */
static int read_generation(const struct dataplane *dataplane,
			   uint64_t generation, struct state *ret_state)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	char path[PATH_MAX];
	void *bytes;
	int fd, error;

	/* A map opened for reading can't be mapped (EINVAL, 6.18). */
	fd = bpf_obj_get(state_path(dataplane, generation, path));
	if (fd < 0)
		return -errno;
	error = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	if (!error && (info.max_entries != 1 ||
		       !(info.map_flags & BPF_F_MMAPABLE)))
		error = -EBADMSG;
	bytes = error ? MAP_FAILED : mmap(NULL, info.value_size, PROT_READ,
					  MAP_SHARED | MAP_POPULATE, fd, 0);
	if (!error && bytes == MAP_FAILED)
		error = -errno;
	close(fd);
	if (error)
		return error;
	error = state_unpack(bytes, info.value_size, ret_state);
	if (error) {
		munmap(bytes, info.value_size);
		return error;
	}
	ret_state->mapping = bytes;
	ret_state->mapping_size = info.value_size;
	return 0;
}

void state_free(struct state *state)
{
	if (state->mapping)
		munmap(state->mapping, state->mapping_size);
	*state = (struct state){ 0 };
}

static const char *why(int error)
{
	return error == -EBADMSG ?
	       "it is corrupt, or of another version of l4gate" :
	       strerror(-error);
}

int state_read(const struct dataplane *dataplane, struct state *ret_state,
	       struct fail *fail_)
{
	uint64_t generation = 0;
	int tries, error;

	for (tries = 0; tries < READ_TRIES; tries++) {
		error = generation_read(dataplane, &generation, fail_);
		if (error)
			return error;
		if (!generation) {
			*ret_state = (struct state){ .texts = "",
						     .text_size = 1 };
			return 0;
		}
		error = read_generation(dataplane, generation, ret_state);
		if (error != -ENOENT)
			break;
	}
	if (error)
		return fail(fail_, error, "%s: the state of generation %llu can't be read: %s",
			    dataplane->pin_dir, (unsigned long long)generation,
			    why(error));
	return 0;
}

/* A map with the state as its value; a descriptor or -errno. */
static int pack_into_map(const struct state *state)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	size_t size = state_size(state);
	int fd, error = 0;
	void *to;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "l4gate_state",
			    sizeof(uint32_t), size, 1, &options);
	if (fd < 0)
		return -errno;
	to = mmap(NULL, size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, fd, 0);
	if (to == MAP_FAILED) {
		error = -errno;
		close(fd);
		return error;
	}
	state_pack(state, to);
	munmap(to, size);
	return fd;
}

int state_write(const struct dataplane *dataplane, struct state *state,
		uint64_t generation, struct fail *fail_)
{
	char path[PATH_MAX], aside[PATH_MAX];
	int fd, error = 0;

	state->generation = generation;
	state->applied = time(NULL);
	fd = pack_into_map(state);
	if (fd < 0)
		return fail(fail_, fd, "the state (%zu bytes) can't be kept in a map: %s",
			    state_size(state), strerror(-fd));
	dataplane_path(dataplane, "state-new", aside);
	state_path(dataplane, generation, path);
	/* One that an apply left behind when it was killed. */
	unlink(aside);
	if (bpf_obj_pin(fd, aside) || rename(aside, path))
		error = fail(fail_, -errno, "%s: can't be written: %m", path);
	close(fd);
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
