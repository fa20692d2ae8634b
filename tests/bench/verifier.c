// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the verifier thinks of each program: instructions that it had to follow,
 * with a budget for them, beside the programs' sizes and their maps' memory.
 * Of a program that it refuses, the end of its log.
 *
 *   verifier [-o FILE] [-c COMMIT] OBJECT...
 *
 * Exits 1 if a program is over its budget, 2 if one does not load.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "feed.h"
#include "result.h"

/* A tenth of what the kernel allows: room for what is to come. */
#define BUDGET 100000

/* Statistics only (BPF_LOG_STATS of the kernel's bpf_verifier.h). */
#define LOG_STATS 4
#define LOG_SIZE 65536

/* All of the log (BPF_LOG_LEVEL1), of which the last lines say what is wrong. */
#define LOG_FULL 1
#define LOG_FULL_SIZE ((16 << 20) - 1)
#define LOG_LINES 30

#define MAPS_MAX 64

struct program_stats {
	const char *name;
	unsigned int insns, processed, states, jited;
	unsigned long map_bytes;
};

/* The memory that the kernel charges for a map. */
static unsigned long map_memory(uint32_t id)
{
	unsigned long bytes = 0;
	char path[64], line[128];
	int fd = bpf_map_get_fd_by_id(id);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %lu", &bytes) == 1)
			break;
	if (file)
		fclose(file);
	if (fd >= 0)
		close(fd);
	return bytes;
}

static struct program_stats read_stats(const struct bpf_program *program,
				       const char *log)
{
	uint32_t ids[MAPS_MAX], i;
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX,
				      .map_ids = (uintptr_t)ids };
	uint32_t size = sizeof(info);
	struct program_stats stats = { .name = bpf_program__name(program) };
	const char *processed = strstr(log, "processed ");
	const char *states = strstr(log, "total_states ");

	if (!processed || sscanf(processed, "processed %u insns",
				 &stats.processed) != 1)
		die("%s: no statistics in the log: %s", stats.name, log);
	if (states)
		sscanf(states, "total_states %u", &stats.states);
	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		die("%s: %s", stats.name, strerror(errno));
	stats.insns = info.xlated_prog_len / 8;
	stats.jited = info.jited_prog_len;
	for (i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		stats.map_bytes += map_memory(ids[i]);
	return stats;
}

static bool report(const struct program_stats *stats, json_t *programs)
{
	bool fits = stats->processed <= BUDGET;

	printf("%-16s %7u %10u %8u %8u %9.1f%s\n", stats->name, stats->insns,
	       stats->processed, stats->states, stats->jited,
	       stats->map_bytes / 1048576.0, fits ? "" : "  OVER BUDGET");
	json_array_append_new(programs,
		json_pack("{s:s, s:i, s:i, s:i, s:i, s:I}",
			  "program", stats->name, "insns", (int)stats->insns,
			  "processed", (int)stats->processed,
			  "states", (int)stats->states,
			  "jited_bytes", (int)stats->jited,
			  "map_bytes", (json_int_t)stats->map_bytes));
	return fits;
}

/* The program alone, so that each is judged; its maps have default sizes. */
static struct bpf_object *open_one(const char *path, const char *name,
				   int log_level, char *log, size_t size)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object)
		die("%s: %s", path, strerror(errno));
	bpf_object__for_each_program(program, object)
		if (strcmp(bpf_program__name(program), name))
			bpf_program__set_autoload(program, false);
		else if (bpf_program__set_log_level(program, log_level) ||
			 bpf_program__set_log_buf(program, log, size))
			die("%s: no log", path);
	return object;
}

/* Statistics don't say why: loads it once more, for the log. */
static void explain_refusal(const char *path, const char *name)
{
	char *log = calloc(1, LOG_FULL_SIZE), *end;
	struct bpf_object *object;
	int lines = 0;

	if (!log)
		die("%s: no log", path);
	object = open_one(path, name, LOG_FULL, log, LOG_FULL_SIZE);
	(void)bpf_object__load(object);
	for (end = log + strlen(log); end > log; end--)
		if (end[-1] == '\n' && lines++ == LOG_LINES)
			break;
	printf("%s: refused by the verifier:\n%s", name, end);
	bpf_object__close(object);
	free(log);
}

static int check_program(const char *path, const char *name, json_t *programs)
{
	char log[LOG_SIZE] = "";
	struct bpf_object *object = open_one(path, name, LOG_STATS, log,
					     sizeof(log));
	struct program_stats stats;
	int code = 2;

	if (bpf_object__load(object)) {
		explain_refusal(path, name);
	} else {
		stats = read_stats(bpf_object__find_program_by_name(object,
								    name),
				   log);
		code = report(&stats, programs) ? 0 : 1;
	}
	bpf_object__close(object);
	return code;
}

static int check_object(const char *path, json_t *programs)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	int code = 0, one;

	if (!object)
		die("%s: %s", path, strerror(errno));
	bpf_object__for_each_program(program, object) {
		one = check_program(path, bpf_program__name(program), programs);
		code = one > code ? one : code;
	}
	bpf_object__close(object);
	return code;
}

static int print_errors(enum libbpf_print_level level, const char *format,
			va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const char *output = NULL, *commit = "unknown";
	json_t *programs = json_array();
	int option, code = 0, one;

	while ((option = getopt(argc, argv, "o:c:")) >= 0) {
		if (option == 'o')
			output = optarg;
		else if (option == 'c')
			commit = optarg;
		else
			return 2;
	}
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	libbpf_set_print(print_errors);
	printf("%-16s %7s %10s %8s %8s %9s\n", "program", "insns", "processed",
	       "states", "jited B", "maps MiB");
	for (; optind < argc; optind++) {
		one = check_object(argv[optind], programs);
		code = one > code ? one : code;
	}
	printf("budget: %d instructions processed, %s\n", BUDGET,
	       code ? "NOT kept" : "kept");
	if (output)
		result_write(json_pack("{s:o, s:i, s:o}", "run",
				       run_json(commit), "budget", BUDGET,
				       "programs", programs), output);
	return code;
}
