// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files.h"
#include "model/format.h"
#include "util/array.h"

/* A directory that was read, by its identity. */
struct visit {
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct model *model;
	struct diags *diags;
	const char *top;
	bool by_namespace;
	size_t root;		/* of the namespace that we are in, or 0 */
	const char *namespace;
	struct found_files *files;
	struct {
		struct visit *items;
		size_t count;
		size_t capacity;
	} visits;
	int err;		/* the first one */
};

void found_files_free(struct found_files *files)
{
	size_t i;

	for (i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct found_files){ 0 };
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && !strcmp(name + n - m, suffix);
}

static bool is_manifest(const char *name)
{
	return has_suffix(name, ".yaml") || has_suffix(name, ".yml") ||
	       has_suffix(name, ".json");
}

static void walk_error(struct walk *walk, const char *path, int error,
		       const char *text)
{
	file_error(walk->model, path, error, text, walk->diags);
	if (!walk->err)
		walk->err = error;
}

/* Remembers the directory; false if it was there before. */
static bool first_visit(struct walk *walk, const struct stat *st)
{
	struct visit *visit;
	size_t i;

	for (i = 0; i < walk->visits.count; i++) {
		visit = &walk->visits.items[i];
		if (visit->dev == st->st_dev && visit->ino == st->st_ino)
			return false;
	}
	visit = array_append(&walk->visits);
	if (!visit) {
		walk->err = -ENOMEM;
		return false;
	}
	*visit = (struct visit){ st->st_dev, st->st_ino };
	return true;
}

/* What the path leads to, without leaving the directory of the namespace. */
static int stat_beneath(const struct walk *walk, const char *path,
			struct stat *st)
{
	int fd = open_beneath(path, walk->root, O_PATH), err;

	if (fd < 0)
		return -errno;
	err = fstat(fd, st) ? -errno : 0;
	close(fd);
	return err;
}

static void add_file(struct walk *walk, const char *path)
{
	struct found_file *file = array_append(walk->files);

	if (file)
		*file = (struct found_file){
			.path = strdup(path),
			.root = walk->root,
			.namespace = walk->namespace,
		};
	if (!file || !file->path)
		walk->err = -ENOMEM;
}

static void walk_directory(struct walk *walk, const char *path);

static void walk_path(struct walk *walk, const char *path, const char *name)
{
	bool manifest = is_manifest(name);
	struct stat st = { 0 };
	int err = stat_beneath(walk, path, &st);

	/* A dangling link is nothing to read, if it does not look like it. */
	if (err && (manifest || err != -ENOENT))
		walk_error(walk, path, err, explain_open(err, walk->root));
	else if (!err && S_ISDIR(st.st_mode))
		walk_directory(walk, path);
	else if (!err && manifest)
		add_file(walk, path);
}

/*
 * Whether a link beside the directories of namespaces leads into one of them.
 * Hidden ones are none: mounted ConfigMaps keep their files there.
 */
static bool leads_into_namespace(const struct walk *walk, const char *path)
{
	char *real = realpath(path, NULL), *top = realpath(walk->top, NULL);
	size_t n = top && strcmp(top, "/") ? strlen(top) : 0;
	bool inside = real && top && !strncmp(real, top, n) &&
		      real[n] == '/' && real[n + 1] != '.' &&
		      strchr(real + n + 1, '/');

	free(real);
	free(top);
	return inside;
}

static void walk_namespace(struct walk *walk, const char *path,
			   const char *name)
{
	if (!format_label.match(name)) {
		walk_error(walk, path, -EINVAL,
			   "no namespace can have this name, and each directory here is one's");
		return;
	}
	walk->namespace = arena_strdup(&walk->model->arena, name);
	if (!walk->namespace) {
		walk->err = -ENOMEM;
		return;
	}
	walk->root = strlen(path);
	walk_directory(walk, path);
	walk->root = 0;
	walk->namespace = NULL;
}

/* What is in the directory of directories itself. */
static void walk_top(struct walk *walk, const char *path, const char *name)
{
	bool link, directory;
	struct stat st;

	link = !lstat(path, &st) && S_ISLNK(st.st_mode);
	directory = !stat(path, &st) && S_ISDIR(st.st_mode);
	if (directory && link)
		walk_error(walk, path, -EINVAL,
			   "a symbolic link can't be the directory of a namespace");
	else if (directory)
		walk_namespace(walk, path, name);
	else if (link && is_manifest(name) && leads_into_namespace(walk, path))
		walk_error(walk, path, -EINVAL,
			   "a symbolic link leads into the directory of a namespace, refused: files here may hold anything");
	else
		walk_path(walk, path, name);
}

static void walk_entry(struct walk *walk, const char *directory,
		       const char *name)
{
	const char *slash = has_suffix(directory, "/") ? "" : "/";
	char *path;

	if (asprintf(&path, "%s%s%s", directory, slash, name) < 0) {
		walk->err = -ENOMEM;
		return;
	}
	if (walk->by_namespace && !walk->root)
		walk_top(walk, path, name);
	else
		walk_path(walk, path, name);
	free(path);
}

static void walk_directory(struct walk *walk, const char *path)
{
	int fd = open_beneath(path, walk->root,
			      O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!dir || fstat(fd, &st)) {
		walk_error(walk, path, -errno, explain_open(-errno, walk->root));
		if (fd >= 0 && !dir)
			close(fd);
		goto out;
	}
	if (!first_visit(walk, &st))
		goto out;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			walk_entry(walk, path, entry->d_name);
out:
	if (dir)
		closedir(dir);
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct found_file *)a)->path,
		      ((const struct found_file *)b)->path);
}

int directory_list(struct model *model, const char *path, bool by_namespace,
		   struct found_files *files, struct diags *diags)
{
	struct walk walk = {
		.model = model, .diags = diags, .top = path,
		.by_namespace = by_namespace, .files = files,
	};

	walk_directory(&walk, path);
	free(walk.visits.items);
	if (files->count)
		qsort(files->items, files->count, sizeof(*files->items),
		      compare_files);
	else if (!walk.err)
		walk.err = file_error(model, path, -EINVAL,
				      "no manifests (*.yaml, *.yml, *.json) in "
				      "this directory", diags);
	return walk.err;
}
