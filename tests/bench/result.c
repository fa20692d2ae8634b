// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"

void rounds_add(struct rounds *rounds, double value)
{
	if (rounds->count == ROUNDS_MAX)
		die("more than %d rounds", ROUNDS_MAX);
	rounds->value[rounds->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct rounds sorted(const struct rounds *rounds)
{
	struct rounds copy = *rounds;

	qsort(copy.value, copy.count, sizeof(*copy.value), compare);
	return copy;
}

double rounds_median(const struct rounds *rounds)
{
	struct rounds copy = sorted(rounds);
	size_t half = copy.count / 2;

	if (!copy.count)
		return 0;
	return copy.count % 2 ? copy.value[half] :
	       (copy.value[half - 1] + copy.value[half]) / 2;
}

double rounds_min(const struct rounds *rounds)
{
	return rounds->count ? sorted(rounds).value[0] : 0;
}

double rounds_max(const struct rounds *rounds)
{
	return rounds->count ? sorted(rounds).value[rounds->count - 1] : 0;
}

double rounds_ratio(const struct rounds *a, const struct rounds *b)
{
	struct rounds ratios = { 0 };
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++)
		rounds_add(&ratios, a->value[i] / b->value[i]);
	return rounds_median(&ratios);
}

json_t *rounds_json(const struct rounds *rounds)
{
	return json_pack("{s:f, s:f, s:f, s:i}",
			 "median", rounds_median(rounds),
			 "min", rounds_min(rounds),
			 "max", rounds_max(rounds),
			 "rounds", (int)rounds->count);
}

/* The value of a line "key : value" of /proc/cpuinfo, or "unknown". */
static void read_cpu(char *text, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256], *value;

	snprintf(text, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10) ||
		    !(value = strstr(line, ": ")))
			continue;
		value[strcspn(value, "\n")] = 0;
		snprintf(text, size, "%s", value + 2);
		break;
	}
	if (file)
		fclose(file);
}

json_t *run_json(const char *commit)
{
	time_t now = time(NULL);
	struct utsname uts;
	char cpu[128], date[32];

	uname(&uts);
	read_cpu(cpu, sizeof(cpu));
	strftime(date, sizeof(date), "%Y-%m-%d", gmtime(&now));
	return json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s}", "cpu", cpu,
			 "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
			 "memory_gb", (int)((sysconf(_SC_PHYS_PAGES) /
					     1048576.0) *
					    (sysconf(_SC_PAGESIZE) / 1024.0) +
					    0.5),
			 "kernel", uts.release, "architecture", uts.machine,
			 "date", date, "commit", commit);
}

void result_write(json_t *document, const char *path)
{
	if (json_dump_file(document, path, JSON_INDENT(1)))
		die("%s: %s", path, strerror(errno));
	json_decref(document);
}
