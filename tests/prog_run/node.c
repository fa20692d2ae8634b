// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "node.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "compile/compile.h"
#include "dataplane/attach.h"
#include "dataplane/publish.h"
#include "l4gate/names.h"
#include "model/manifest.h"
#include "util/log.h"

struct node node;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

void node_shell(const char *command)
{
	if (system(command))
		die(command, "failed");
}

/* Nobody outside sees our devices, mounts and pins; they go with the process. */
static void enter_namespaces(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700")) {
		perror("namespaces with a bpffs of their own");
		exit(1);
	}
}

void node_enter(void)
{
	enter_namespaces();
	/* The far end is silent, so that counters count what is run alone. */
	node_shell("ip link add d0 type veth peer name d1 && "
		   "sysctl -qw net.ipv6.conf.d1.disable_ipv6=1 && "
		   "ip link set d0 address 02:00:00:00:00:01 && "
		   "ip link set d0 up && "
		   "ip link set d1 up && ip addr add 10.0.0.1/24 dev d0 && "
		   "ip -6 addr add 2001:db8::1/64 dev d0 nodad && "
		   "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 && "
		   "for n in 10.0.0.20 10.0.0.2 2001:db8::20 2001:db8::2; do "
		   "ip neigh add $n lladdr 02:00:00:00:00:20 dev d0; done");
	node.ifindex = if_nametoindex("d0");
	log_init(0);
}

static int test_run(enum l4gate_hook hook, const struct frame *in,
		    struct frame *out, int *ret_action)
{
	struct xdp_md xdp = { .ingress_ifindex = node.ifindex,
			      .data_end = in->size };
	struct __sk_buff skb = { .ifindex = node.ifindex,
				 .gso_size = in->gso_size,
				 .gso_segs = in->gso_segs };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes,
		    .data_size_in = in->size, .data_out = out->bytes,
		    .data_size_out = sizeof(out->bytes), .repeat = 1);

	if (hook == L4GATE_HOOK_XDP) {
		options.ctx_in = &xdp;
		options.ctx_size_in = sizeof(xdp);
	} else {
		options.ctx_in = &skb;
		options.ctx_size_in = sizeof(skb);
	}
	if (bpf_prog_test_run_opts(hook == L4GATE_HOOK_XDP ?
				   node.dataplane->xdp_fd :
				   hook == L4GATE_HOOK_TC_EGRESS ?
				   node.dataplane->egress_fd :
				   node.dataplane->ingress_fd, &options))
		return -errno;
	out->size = options.data_size_out;
	*ret_action = options.retval;
	return 0;
}

/*
 * Kernels before 5.15 run XDP programs without a device that the packet came in
 * by (EINVAL when given one), which ours can't do without.
 */
static bool can_run_xdp(void)
{
	const struct frame in = { .size = 64 };
	struct frame out;
	int action;

	return test_run(L4GATE_HOOK_XDP, &in, &out, &action) != -EINVAL;
}

void node_attach(uint32_t max_flows)
{
	struct open_options options = { .pin_dir = L4GATE_PIN_DIR,
					.max_flows = max_flows,
					.max_routes = node.max_routes };
	struct attachment attachment;
	struct fail fail = { 0 };

	if (dataplane_open(&options, OPEN_LOAD, &node.dataplane, &fail) ||
	    device_attach(node.dataplane, "d0", ATTACH_NATIVE, &attachment,
			  &fail))
		die("d0", fail.text);
	node.first_hook = L4GATE_HOOK_XDP;
	if (!can_run_xdp()) {
		node.first_hook = L4GATE_HOOK_TC_INGRESS;
		printf("SKIP: packets through XDP: this kernel runs it without a device\n");
	}
}

void node_detach(void)
{
	struct fail fail = { 0 };

	if (device_detach(node.dataplane, node.ifindex, &fail) ||
	    dataplane_remove(node.dataplane, &fail))
		die("d0", fail.text);
	dataplane_close(node.dataplane);
	node.dataplane = NULL;
}

void node_publish(const char *manifest)
{
	const char *classes[] = { "l" };
	struct compile_options options = {
		.claimed_classes = classes, .claimed_class_count = 1,
	};
	struct manifest_options read_options = { 0 };
	struct changes changes = { 0 };
	struct model model = { 0 };
	struct diags diags = { 0 };
	struct image *image = NULL;
	struct fail fail = { 0 };
	size_t i;

	if (manifest_read_text("test", manifest, strlen(manifest),
			       &read_options, &model, &diags) ||
	    compile(&model, &options, &image, &diags) ||
	    publish(node.dataplane, image, NULL, 0, false, &changes, &fail)) {
		for (i = 0; i < diags.count; i++)
			fputs(diag_format(&diags.items[i]), stderr);
		die("the test's manifest", fail.text);
	}
	changes_free(&changes);
	image_free(image);
	diags_free(&diags);
	model_free(&model);
}

int node_run(enum l4gate_hook hook, const struct frame *in, struct frame *out)
{
	int action, error = test_run(hook, in, out, &action);

	if (error)
		die("BPF_PROG_TEST_RUN", strerror(-error));
	if (node.on_packet)
		node.on_packet(hook, in, out);
	return action;
}
