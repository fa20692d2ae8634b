// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "capture.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Packets of one test that are kept, the last ones, for each hook. */
#define KEPT 32

static const char *const hook_names[L4GATE_HOOK_MAX] = {
	[L4GATE_HOOK_XDP] = "xdp",
	[L4GATE_HOOK_TC_INGRESS] = "tc",
	[L4GATE_HOOK_TC_EGRESS] = "egress",
};

static struct {
	const char *group;
	const struct CMUnitTest *test;
	struct {
		struct frame in, out;
	} kept[L4GATE_HOOK_MAX][KEPT];
	size_t count[L4GATE_HOOK_MAX];
} capture;

static void copy_frame(struct frame *to, const struct frame *from)
{
	memcpy(to->bytes, from->bytes, from->size);
	to->size = from->size;
}

static void note_packet(enum l4gate_hook hook, const struct frame *in,
			const struct frame *out)
{
	size_t at = capture.count[hook]++ % KEPT;

	copy_frame(&capture.kept[hook][at].in, in);
	copy_frame(&capture.kept[hook][at].out, out);
}

/* "xdp: tcp4 syn" of "packets" is packets-tcp4-syn-xdp.pcap. */
static void path_of(enum l4gate_hook hook, char *path, size_t size)
{
	const char *name = capture.test->name;
	size_t at = strlen(hook_names[hook]);

	if (!strncmp(name, hook_names[hook], at) && name[at] == ':')
		name += at + 2;
	snprintf(path, size, PCAP_DIR "/%s-%s-%s.pcap", capture.group, name,
		 hook_names[hook]);
	for (at = sizeof(PCAP_DIR); path[at]; at++)
		if (!isalnum((unsigned char)path[at]) &&
		    !strchr("._-", path[at]))
			path[at] = '-';
}

/* The classic format (draft-ietf-opsawg-pcap), of this machine's byte order. */
static void write_header(FILE *file)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, length, link_type;
	} header = { 0xa1b2c3d4, 2, 4, 0, 0, FRAME_MAX, 1 /* Ethernet */ };

	fwrite(&header, sizeof(header), 1, file);
}

/* Packets have no time: the n-th that ran is of second n. */
static void write_frame(FILE *file, const struct frame *frame, uint32_t second,
			uint32_t microsecond)
{
	const uint32_t header[] = { second, microsecond, frame->size,
				    frame->size };

	fwrite(header, sizeof(header), 1, file);
	fwrite(frame->bytes, frame->size, 1, file);
}

static void write_file(enum l4gate_hook hook)
{
	size_t end = capture.count[hook], i = end > KEPT ? end - KEPT : 0;
	char path[512];
	FILE *file;

	path_of(hook, path, sizeof(path));
	file = fopen(path, "we");
	if (!file) {
		print_error("%s: %s\n", path, strerror(errno));
		return;
	}
	write_header(file);
	for (; i < end; i++) {
		write_frame(file, &capture.kept[hook][i % KEPT].in, i, 0);
		write_frame(file, &capture.kept[hook][i % KEPT].out, i, 1);
	}
	if (fclose(file))
		print_error("%s: %s\n", path, strerror(errno));
	else
		print_error("last packets, in and out: %s\n", path);
}

/* Runs behind each test. One that did not come to its end has failed. */
static int keep_if_failed(void **state)
{
	enum l4gate_hook hook;

	(void)state;
	for (hook = 0; capture.test && hook < L4GATE_HOOK_MAX; hook++)
		if (capture.count[hook])
			write_file(hook);
	capture.test = NULL;
	return 0;
}

static void run_noted(void **state)
{
	const struct CMUnitTest *test = *state;
	enum l4gate_hook hook;
	char path[512];

	capture.test = test;
	memset(capture.count, 0, sizeof(capture.count));
	for (hook = 0; hook < L4GATE_HOOK_MAX; hook++) {
		path_of(hook, path, sizeof(path));
		(void)unlink(path);
	}
	*state = test->initial_state;
	test->test_func(state);
	capture.test = NULL;
}

/* The build's directory is not there in a guest. */
static void make_directories(void)
{
	char path[] = PCAP_DIR, *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	(void)mkdir(path, 0755);
}

int capture_run_tests(const char *group, const struct CMUnitTest *tests,
		      size_t count)
{
	struct CMUnitTest *wrapped = calloc(count, sizeof(*wrapped));
	int failed;
	size_t i;

	if (!wrapped)
		return -1;
	make_directories();
	capture.group = group;
	node.on_packet = note_packet;
	for (i = 0; i < count; i++)
		wrapped[i] = (struct CMUnitTest){
			.name = tests[i].name,
			.test_func = run_noted,
			.teardown_func = keep_if_failed,
			.initial_state = (void *)&tests[i],
		};
	failed = _cmocka_run_group_tests(group, wrapped, count, NULL, NULL);
	free(wrapped);
	return failed;
}
