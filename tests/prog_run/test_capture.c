// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What is left of a test that fails: its packets in a file that others can read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "node.h"
#include "packet.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct shape shape = { .src = "10.0.0.2", .dst = "10.0.0.9",
				    .sport = 5, .dport = 80, .payload = 33,
				    .tcp_flags = SYN };

static void send_one(enum l4gate_hook hook)
{
	struct frame in, out;

	frame_build(&in, &shape);
	node_run(hook, &in, &out);
}

static void inner_fails(void **state)
{
	(void)state;
	send_one(L4GATE_HOOK_TC_INGRESS);
	send_one(L4GATE_HOOK_TC_INGRESS);
	assert_int_equal(1, 2);
}

static void inner_passes(void **state)
{
	(void)state;
	send_one(L4GATE_HOOK_TC_INGRESS);
}

/* Runs a group in a process of its own; what it said is in text. */
static int run_inner(const struct CMUnitTest *test, char *text, size_t size)
{
	int status, ends[2];
	size_t used = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		exit(capture_run_tests("inner", test, 1));
	}
	close(ends[1]);
	while ((got = read(ends[0], text + used, size - 1 - used)) > 0)
		used += got;
	text[used] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

/* The file as the format's description has it; the number of its frames. */
static size_t read_capture(const char *path, struct frame *frames, size_t room)
{
	uint32_t header[6], record[4];
	size_t count = 0;
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_int_equal(fread(header, sizeof(header), 1, file), 1);
	assert_int_equal(header[0], 0xa1b2c3d4);
	assert_int_equal(header[1], 2 | 4 << 16);
	assert_int_equal(header[5], 1);
	while (fread(record, sizeof(record), 1, file) == 1) {
		assert_true(count < room);
		assert_int_equal(record[2], record[3]);
		frames[count].size = record[2];
		assert_true(record[2] <= FRAME_MAX);
		assert_int_equal(fread(frames[count++].bytes, record[2], 1,
				       file), 1);
	}
	fclose(file);
	return count;
}

#define PATH PCAP_DIR "/inner-inner_fails-tc.pcap"

static void test_failing(void **state)
{
	static const struct CMUnitTest inner = cmocka_unit_test(inner_fails);
	static struct frame frames[8];
	char text[4096];
	struct frame in;
	size_t i;

	(void)state;
	assert_int_equal(run_inner(&inner, text, sizeof(text)), 1);
	assert_non_null(strstr(text, PATH));
	assert_int_equal(read_capture(PATH, frames, 8), 4);
	frame_build(&in, &shape);
	for (i = 0; i < 4; i++) {
		assert_int_equal(frames[i].size, in.size);
		/* Nothing listens here: it came out as it went in. */
		assert_memory_equal(frames[i].bytes, in.bytes, in.size);
	}
	unlink(PATH);
}

static void test_passing(void **state)
{
	static const struct CMUnitTest inner = cmocka_unit_test(inner_passes);
	char text[4096];

	(void)state;
	assert_int_equal(run_inner(&inner, text, sizeof(text)), 0);
	assert_null(strstr(text, ".pcap"));
	assert_int_not_equal(access(PCAP_DIR "/inner-inner_passes-tc.pcap",
				    F_OK), 0);
}

/* What an earlier run left is gone once the test runs again. */
static void test_gone_again(void **state)
{
	static struct CMUnitTest inner = cmocka_unit_test(inner_fails);
	char text[4096];

	(void)state;
	assert_int_equal(run_inner(&inner, text, sizeof(text)), 1);
	assert_int_equal(access(PATH, F_OK), 0);
	inner.test_func = inner_passes;
	assert_int_equal(run_inner(&inner, text, sizeof(text)), 0);
	assert_int_not_equal(access(PATH, F_OK), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failing),
		cmocka_unit_test(test_passing),
		cmocka_unit_test(test_gone_again),
	};
	int failed;

	node_enter();
	node_attach(0);
	failed = cmocka_run_group_tests_name("capture", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
