// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/array.h"

struct source *source_new(struct model *model, const char *name)
{
	struct source **slot, *source;

	source = arena_alloc(&model->arena, sizeof(*source));
	if (!source)
		return NULL;
	source->name = arena_strdup(&model->arena, name);
	source->text = "";
	if (!source->name)
		return NULL;
	slot = array_append(&model->sources);
	if (!slot)
		return NULL;
	*slot = source;
	return source;
}

int file_error(struct model *model, const char *name, int error,
		      const char *text, struct diags *diags)
{
	struct source *source = source_new(model, name);

	diag_error(diags, ((struct loc){ .source = source }), "%s", text);
	return error;
}

static const char *describe_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "is a FIFO, expected a file or directory";
	case S_IFSOCK:
		return "is a socket, expected a file or directory";
	case S_IFCHR:
	case S_IFBLK:
		return "is a device, expected a file or directory";
	case S_IFDIR:
		return "is a directory, expected a file";
	default:
		return "is no regular file";
	}
}

/* Whether an open file is one to be read; 0 or -errno with a diagnostic. */
static int check_file(struct model *model, const char *name, int fd,
		      struct diags *diags)
{
	char text[96];
	struct stat st;

	if (fstat(fd, &st))
		return file_error(model, name, -errno, strerror(errno), diags);
	if (!S_ISREG(st.st_mode))
		return file_error(model, name, -EINVAL,
				  describe_type(st.st_mode), diags);
	if (st.st_size <= FILE_MAX_SIZE)
		return 0;
	snprintf(text, sizeof(text), "%lld bytes, at most %d (16 MiB): split it "
		 "into several files", (long long)st.st_size, FILE_MAX_SIZE);
	return file_error(model, name, -EINVAL, text, diags);
}

/* Reads to the end, or until there is one byte more than is allowed. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	size_t size = 0, capacity = 0;
	char *text = NULL;
	ssize_t n;
	int err;

	do {
		if (size == capacity) {
			size_t bigger = capacity ? capacity * 2 : 65536;
			char *grown;

			if (bigger > FILE_MAX_SIZE + 1)
				bigger = FILE_MAX_SIZE + 1;
			grown = realloc(text, bigger);
			if (!grown) {
				err = -ENOMEM;
				goto out;
			}
			text = grown;
			capacity = bigger;
		}
		n = read(fd, text + size, capacity - size);
		if (n < 0 && errno != EINTR) {
			err = -errno;
			goto out;
		}
		if (n > 0)
			size += n;
	} while (n && size <= FILE_MAX_SIZE);
	*ret_text = text;
	*ret_size = size;
	return 0;

out:
	free(text);
	return err;
}

int open_beneath(const char *path, size_t root, int flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	char *prefix;
	int top, fd;

	if (!root)
		return open(path, flags | O_CLOEXEC);
	prefix = strndup(path, root);
	if (!prefix)
		return -1;
	top = open(prefix, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(prefix);
	if (top < 0)
		return top;
	fd = syscall(SYS_openat2, top, path[root] ? path + root + 1 : ".",
		     &how, sizeof(how));
	close(top);
	return fd;
}

const char *explain_open(int error, size_t root)
{
	if (root && error == -EXDEV)
		return "a symbolic link leads out of the directory of this namespace, refused";
	if (root && error == -ENOSYS)
		return "to stay below the directory of a namespace takes openat2(), Linux 5.6 or later";
	return strerror(-error);
}

int source_read(struct model *model, const char *path, size_t root,
		struct source **ret_source, struct diags *diags)
{
	bool is_stdin = !strcmp(path, "-");
	const char *name = is_stdin ? "<stdin>" : path;
	struct source *source;
	char *text = NULL;
	size_t size = 0;
	int fd, err;

	/* Nonblocking: opening a FIFO without a writer would wait for one. */
	fd = is_stdin ? STDIN_FILENO :
	     open_beneath(path, root, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return file_error(model, name, -errno,
				  explain_open(-errno, root), diags);
	err = is_stdin ? 0 : check_file(model, name, fd, diags);
	if (err)
		goto out;
	err = read_all(fd, &text, &size);
	if (err) {
		file_error(model, name, err, strerror(-err), diags);
		goto out;
	}
	source = source_new(model, name);
	if (source)
		source->text = arena_strndup(&model->arena, text, size);
	if (!source || !source->text) {
		err = -ENOMEM;
		goto out;
	}
	source->size = size;
	*ret_source = source;
out:
	free(text);
	if (!is_stdin)
		close(fd);
	return err;
}

/*
 * The length of the UTF-8 sequence at text, and its code point; 0 if it is
 * invalid: too short, overlong, a surrogate or beyond U+10FFFF.
 */
static size_t decode_utf8(const unsigned char *text, size_t size,
			  uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n, i;

	if ((text[0] & 0xe0) == 0xc0)
		n = 2;
	else if ((text[0] & 0xf0) == 0xe0)
		n = 3;
	else if ((text[0] & 0xf8) == 0xf0)
		n = 4;
	else
		return 0;
	if (n > size)
		return 0;
	code = text[0] & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return n;
}

static struct loc loc_of_offset(const struct source *source, size_t offset)
{
	struct loc loc = { .source = source, .line = 1 };
	size_t i, begin = 0;

	for (i = 0; i < offset; i++)
		if (source->text[i] == '\n') {
			loc.line++;
			begin = i + 1;
		}
	loc.column = offset - begin + 1;
	return loc;
}

/* Checks one character; its length, or 0 with a diagnostic. */
static size_t check_character(const struct source *source, size_t i,
			      struct diags *diags)
{
	const unsigned char *text = (const unsigned char *)source->text + i;
	uint32_t code = *text;
	size_t n = 1;

	if (*text >= 0x80)
		n = decode_utf8(text, source->size - i, &code);
	if (!n)
		diag_error(diags, loc_of_offset(source, i),
			   "byte 0x%02x is not valid UTF-8", *text);
	else if (!code)
		diag_error(diags, loc_of_offset(source, i), "NUL byte%s",
			   i < 4 ? " (UTF-16? save it as UTF-8)" : "");
	else if ((code < 0x20 && !strchr("\t\n\r", code)) ||
		 (code >= 0x7f && code < 0xa0 && code != 0x85))
		diag_error(diags, loc_of_offset(source, i),
			   "control character 0x%02x", code);
	else if (code == 0xfeff || (code & 0xfffe) == 0xfffe)
		diag_error(diags, loc_of_offset(source, i),
			   "character U+%04X is not allowed here", code);
	else
		return n;
	return 0;
}

int source_check(struct source *source, struct diags *diags)
{
	size_t i = 0, n;

	if (source->size > FILE_MAX_SIZE) {
		diag_error(diags, ((struct loc){ .source = source }),
			   "more than 16 MiB: split it into several files");
		return -EINVAL;
	}
	if (source->size >= 2 && (!memcmp(source->text, "\xff\xfe", 2) ||
				  !memcmp(source->text, "\xfe\xff", 2))) {
		diag_error(diags, loc_of_offset(source, 0),
			   "UTF-16, expected UTF-8");
		return -EINVAL;
	}
	if (source->size >= 3 && !memcmp(source->text, "\xef\xbb\xbf", 3)) {
		source->text += 3;
		source->size -= 3;
	}
	while (i < source->size) {
		unsigned char c = source->text[i];

		if (c >= 0x20 && c < 0x7f) {
			i++;
			continue;
		}
		n = check_character(source, i, diags);
		if (!n)
			return -EINVAL;
		i += n;
	}
	return 0;
}
