// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Sends a frame of user space's out of a device: what `apply` has to tell the
 * network (user/dataplane/announce.c). Run by BPF_PROG_TEST_RUN and never attached:
 * so no raw socket is needed, and no capability beside those that the maps need.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* mark: the device's ifindex. 0, or what the kernel has against it. */
SEC("tc")
int l4gate_send(struct __sk_buff *ctx)
{
	return bpf_clone_redirect(ctx, ctx->mark, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
