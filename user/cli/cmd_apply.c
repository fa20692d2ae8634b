// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* apply and diff: the given files are the whole desired state. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/input.h"
#include "compile/findings.h"
#include "dataplane/addresses.h"
#include "dataplane/plan.h"
#include "dataplane/publish.h"

static void print_changes(const struct changes *changes)
{
	size_t i;

	for (i = 0; i < changes->count; i++)
		printf("%c %s\n", changes->items[i].sign,
		       changes->items[i].text);
}

/*
 * One line for each object that is not as it should be: what was applied is in
 * force, but not all that was asked for.
 */
static int print_findings(const struct image *image)
{
	struct findings findings = { 0 };
	int error = findings_collect(image, &findings);
	size_t i, j;

	for (i = 0; !error && i < findings.count; i = j) {
		for (j = i + 1; j < findings.count &&
		     findings.items[j].meta == findings.items[i].meta;)
			j++;
		fprintf(stderr, "l4gate: warning: %s", findings.items[i].text);
		if (j - i > 1)
			fprintf(stderr, " (and %zu more of its conditions)",
				j - i - 1);
		fputc('\n', stderr);
	}
	findings_free(&findings);
	return error ? say_failed("out of memory") : EXIT_DONE;
}

/* The node as far as it matters to an apply. */
struct devices {
	struct inet_addr *addresses;	/* for Gateways that name none */
	size_t count;
	uint32_t least_mtu;		/* of the attached devices */
	uint32_t most_mtu;
};

static int devices_read(const struct dataplane *dataplane,
			struct devices *ret_devices, struct fail *fail)
{
	struct attachment *attachments = NULL;
	size_t count, i;
	int error;

	*ret_devices = (struct devices){ .least_mtu = UINT32_MAX };
	error = device_list(dataplane, &attachments, &count, fail);
	if (!error)
		error = device_addresses(attachments, count,
					 &ret_devices->addresses,
					 &ret_devices->count, fail);
	for (i = 0; !error && i < count; i++) {
		if (attachments[i].mtu < ret_devices->least_mtu)
			ret_devices->least_mtu = attachments[i].mtu;
		if (attachments[i].mtu > ret_devices->most_mtu)
			ret_devices->most_mtu = attachments[i].mtu;
	}
	free(attachments);
	return error;
}

/* Bytes that an outer IPv6 header takes (RFC 2473); of IPv4 they are 20. */
#define OUTER_HEADER 40

/*
 * In mode dsr-ipip packets grow on the way. Which device clients and backends are
 * behind, nobody says: at best backends are behind the one with the largest MTU.
 */
static void warn_of_mtu(const struct devices *devices, const struct image *image)
{
	size_t i;

	for (i = 0; i < image->listener_count; i++)
		if (plan_mode(&image->listeners[i]) == L4GATE_MODE_DSR_IPIP)
			break;
	if (i == image->listener_count ||
	    devices->most_mtu >= devices->least_mtu + OUTER_HEADER)
		return;
	fprintf(stderr, "l4gate: warning: mode dsr-ipip: packets of %u bytes, which the MTU of the attached devices allows, don't fit once they have an outer header of 20 bytes (IPv6: 40); clients are told to send smaller ones (an MTU of %u towards the backends avoids it)\n",
		devices->least_mtu, devices->least_mtu + OUTER_HEADER);
}

/* Compiles for this node and publishes, or (dry) says what would change. */
static int run(const struct globals *globals, struct input *input, bool dry,
	       struct changes *changes)
{
	struct open_options options = { .pin_dir = globals->pin_dir };
	struct dataplane *dataplane = NULL;
	struct devices devices = { 0 };
	struct fail fail = { 0 };
	int error, code;

	error = dataplane_open(&options, OPEN_WRITE, &dataplane, &fail);
	if (!error)
		error = devices_read(dataplane, &devices, &fail);
	if (error) {
		code = say_failed("%s", fail.text);
		goto out;
	}
	input->max_listeners = dataplane->sizes.listeners;
	code = input_compile(input, devices.addresses, devices.count);
	if (code != EXIT_DONE)
		goto out;
	error = publish(dataplane, input->image, devices.addresses,
			devices.count, dry, changes, &fail);
	if (error)
		code = say_failed("%s; the config in force is unchanged",
				  fail.text);
	else
		warn_of_mtu(&devices, input->image);
	if (changes->warning.text[0])
		fprintf(stderr, "l4gate: warning: %s\n",
			changes->warning.text);
out:
	free(devices.addresses);
	dataplane_close(dataplane);
	return code;
}

static int run_apply(const struct globals *globals, int argc, char **argv)
{
	struct changes changes = { 0 };
	struct input input;
	int code;

	code = input_read(&input, &command_apply, argc, argv);
	if (code == EXIT_DONE)
		code = run(globals, &input, input.dry_run, &changes);
	if (code == EXIT_DONE) {
		print_changes(&changes);
		if (!changes.count)
			puts("unchanged");
		code = print_findings(input.image);
	}
	changes_free(&changes);
	input_free(&input);
	return code;
}

static const struct cli_option apply_options[] = {
	INPUT_OPTIONS,
	{ INPUT_DRY_RUN, "dry-run", NULL, "say what would change" },
	{ 0 },
};

const struct command command_apply = {
	.name = "apply",
	.arguments = "-f PATH...",
	.help = "make the manifests the whole config",
	.options = apply_options,
	.run = run_apply,
};

/* 0: the same, 1: differs, 2: an error of any kind. */
static int run_diff(const struct globals *globals, int argc, char **argv)
{
	struct changes changes = { 0 };
	struct input input;
	int code;

	code = input_read(&input, &command_diff, argc, argv);
	if (code == EXIT_DONE)
		code = run(globals, &input, true, &changes);
	if (code == EXIT_DONE) {
		print_changes(&changes);
		code = changes.count ? 1 : 0;
	} else if (code != OPTIONS_HELP) {
		code = 2;
	}
	changes_free(&changes);
	input_free(&input);
	return code;
}

static const struct cli_option diff_options[] = { INPUT_OPTIONS, { 0 } };

const struct command command_diff = {
	.name = "diff",
	.arguments = "-f PATH...",
	.help = "what apply would change: 0 nothing, 1 something, 2 error",
	.options = diff_options,
	.run = run_diff,
};
