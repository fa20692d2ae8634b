// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Paths: files, directories, and everything else that can have a name. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "place.h"

/* A user that owns nothing. */
#define NOBODY 65534

static void write_namespace(const char *path, const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "apiVersion: v1\nkind: Namespace\n"
		 "metadata: {name: %s}\n", name);
	write_file(path, text);
}

static int read_path(struct place *place, const char *path)
{
	return manifest_read(path, NULL, &place->model, &place->diags);
}

static void test_file(void **state)
{
	struct place *place = *state;

	write_namespace("a.txt", "a");
	assert_int_equal(read_path(place, "a.txt"), 0);
	assert_int_equal(place->model.namespaces.count, 1);
	assert_int_equal(place->model.sources.count, 1);
	assert_string_equal(place->model.sources.items[0]->name, "a.txt");
}

static void test_missing(void **state)
{
	struct place *place = *state;

	assert_int_equal(read_path(place, "no.yaml"), -ENOENT);
	expect(place, "no.yaml: error: No such file or directory\n");
}

static void test_unreadable(void **state)
{
	struct place *place = *state;
	uid_t user = geteuid();
	int err;

	write_namespace("a.yaml", "a");
	assert_int_equal(chmod("a.yaml", 0), 0);
	assert_int_equal(chmod(".", 0755), 0);
	/* Root may read everything: be nobody for a while. */
	assert_int_equal(seteuid(user ?: NOBODY), 0);
	err = read_path(place, "a.yaml");
	assert_int_equal(seteuid(user), 0);
	assert_int_equal(err, -EACCES);
	expect(place, "a.yaml: error: Permission denied\n");
}

static void test_no_file(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(read_path(place, "fifo"), -EINVAL);
	expect(place, "fifo: error: is a FIFO, expected a file or "
	       "directory\n");
	assert_int_equal(read_path(place, "/dev/zero"), -EINVAL);
	assert_string_equal(place->diags.items[1].text,
			    "is a device, expected a file or directory");
}

static void test_empty(void **state)
{
	struct place *place = *state;

	write_file("a.yaml", "");
	assert_int_equal(read_path(place, "a.yaml"), -EINVAL);
	expect(place, "a.yaml: error: no objects in this file\n");
}

static void test_large(void **state)
{
	struct place *place = *state;

	write_file("a.yaml", "");
	assert_int_equal(truncate("a.yaml", 16777217), 0);
	assert_int_equal(read_path(place, "a.yaml"), -EINVAL);
	expect(place, "a.yaml: error: 16777217 bytes, at most 16777216 "
	       "(16 MiB): split it into several files\n");
}

static void test_stdin(void **state)
{
	struct place *place = *state;
	int saved = dup(STDIN_FILENO), fd;

	write_namespace("a.yaml", "a");
	fd = open("a.yaml", O_RDONLY | O_CLOEXEC);
	assert_true(saved >= 0 && fd >= 0);
	assert_true(dup2(fd, STDIN_FILENO) >= 0);
	assert_int_equal(read_path(place, "-"), 0);
	assert_true(dup2(saved, STDIN_FILENO) >= 0);
	close(saved);
	close(fd);
	assert_int_equal(place->model.namespaces.count, 1);
	assert_string_equal(place->model.sources.items[0]->name, "<stdin>");
}

static void test_directory(void **state)
{
	static const char *const names[] = { "a", "e", "b", "c" };
	struct place *place = *state;
	size_t i;

	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkdir("d/sub", 0700), 0);
	assert_int_equal(mkdir("d/.git", 0700), 0);
	write_namespace("d/10.yaml", "a");
	write_namespace("d/sub/x.yml", "c");
	write_namespace("d/9.json", "b");
	write_namespace("d/20.yaml", "e");
	write_namespace("d/.hidden.yaml", "h");
	write_namespace("d/.git/x.yaml", "g");
	write_file("d/README.md", "hello\n");
	write_file("d/yaml", "hello\n");
	assert_int_equal(read_path(place, "d"), 0);
	assert_int_equal(place->model.namespaces.count, 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(place->model.namespaces.items[i].meta.name,
				    names[i]);
	assert_string_equal(place->model.sources.items[0]->name, "d/10.yaml");
}

static void test_directory_slash(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir("d", 0700), 0);
	write_namespace("d/a.yaml", "a");
	assert_int_equal(read_path(place, "d/"), 0);
	assert_string_equal(place->model.sources.items[0]->name, "d/a.yaml");
}

static void test_empty_directory(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir("d", 0700), 0);
	write_file("d/README.md", "hello\n");
	assert_int_equal(read_path(place, "d"), -EINVAL);
	expect(place, "d: error: no manifests (*.yaml, *.yml, *.json) in this "
	       "directory\n");
}

/* Links are followed, once: a loop ends, and nothing is read twice. */
static void test_links(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkdir("other", 0700), 0);
	write_namespace("other/a.yaml", "a");
	write_namespace("file", "b");
	assert_int_equal(symlink("../other", "d/link"), 0);
	assert_int_equal(symlink("../other", "d/again"), 0);
	assert_int_equal(symlink(".", "d/loop"), 0);
	assert_int_equal(symlink("../d", "other/back"), 0);
	assert_int_equal(symlink("../file", "d/b.yaml"), 0);
	assert_int_equal(read_path(place, "d"), 0);
	assert_int_equal(place->model.namespaces.count, 2);
}

/* A volume of a ConfigMap: the files are links into a hidden directory. */
static void test_config_map(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkdir("d/..2026", 0700), 0);
	write_namespace("d/..2026/a.yaml", "a");
	assert_int_equal(symlink("..2026", "d/..data"), 0);
	assert_int_equal(symlink("..data/a.yaml", "d/a.yaml"), 0);
	assert_int_equal(read_path(place, "d"), 0);
	assert_int_equal(place->model.namespaces.count, 1);
}

/* The rest of the directory is read all the same, for its own mistakes. */
static void test_bad_entries(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkfifo("d/a.yaml", 0600), 0);
	assert_int_equal(symlink("nowhere", "d/b.yaml"), 0);
	write_namespace("d/c.yaml", "c");
	write_file("d/e.yaml", "");
	assert_int_equal(read_path(place, "d"), -ENOENT);
	expect(place, "d/b.yaml: error: No such file or directory\n");
	assert_int_equal(place->diags.errors, 3);
	assert_int_equal(place->model.namespaces.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_missing),
		TEST(test_unreadable),
		TEST(test_no_file),
		TEST(test_empty),
		TEST(test_large),
		TEST(test_stdin),
		TEST(test_directory),
		TEST(test_directory_slash),
		TEST(test_empty_directory),
		TEST(test_links),
		TEST(test_config_map),
		TEST(test_bad_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
