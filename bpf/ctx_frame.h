/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What ctx.h asks of a hook where a packet is a frame as it came: in one piece, of one
 * packet, with its tags in it. What has some is left to TC.
 */
#ifndef L4GATE_BPF_CTX_FRAME_H
#define L4GATE_BPF_CTX_FRAME_H

static __always_inline void ctx_pull(CTX *ctx, __u32 length)
{
	(void)ctx;
	(void)length;
}

static __always_inline __u32 ctx_packets(CTX *ctx)
{
	(void)ctx;
	return 1;
}

static __always_inline __u32 ctx_tag(CTX *ctx)
{
	(void)ctx;
	return 0;
}

static __always_inline int ctx_pop_tag(CTX *ctx)
{
	(void)ctx;
	return -1;
}

static __always_inline int ctx_push_tag(CTX *ctx, __u32 tag)
{
	(void)ctx;
	(void)tag;
	return -1;
}

static __always_inline int ctx_restore(CTX *ctx)
{
	(void)ctx;
	return 0;
}

static __always_inline __u32 ctx_gso_size(CTX *ctx)
{
	(void)ctx;
	return 0;
}

#endif /* L4GATE_BPF_CTX_FRAME_H */
