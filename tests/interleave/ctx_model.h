/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The hook of the model: ctx.h says what is asked of one. As TC, it can do all. */
#ifndef INTERLEAVE_CTX_MODEL_H
#define INTERLEAVE_CTX_MODEL_H

#include <string.h>

#include "model.h"
#include "program.h"

#define L4GATE_BPF_CTX_CHOSEN
#define CTX struct passage
#define CTX_IS_FAST_PATH 0
#define CTX_MAX_IHL 15
#define CTX_PASS 0
#define CTX_DROP 2

#include "ctx.h"

#define bpf_map_lookup_elem(map, key) model_lookup(map, key)
#define bpf_spin_lock(lock) model_lock(lock)
#define bpf_spin_unlock(lock) model_unlock(lock)
#define bpf_jiffies64() model_jiffies
#define bpf_ktime_get_ns() (model_jiffies * 4000000)
#define bpf_fib_lookup(ctx, params, size, flags) model_fib(params)
/* In user space this may be a call, which nobody would see. */
#undef zero
#define zero(to, size) model_zero(to, size)

/* Constants in the kernel, which the loader sets before; here they are variables. */
#define const
#include "config.h"
#undef const

/* Everybody is a neighbour. */
static inline long model_fib(struct bpf_fib_lookup *params)
{
	params->ifindex = 1;
	return BPF_FIB_LKUP_RET_SUCCESS;
}

static __always_inline void *ctx_data(CTX *ctx)
{
	return ctx->frame;
}

static __always_inline void *ctx_data_end(CTX *ctx)
{
	return ctx->frame + ctx->size;
}

static __always_inline __u32 ctx_length(CTX *ctx)
{
	return ctx->size;
}

static __always_inline __u32 ctx_ifindex(CTX *ctx)
{
	(void)ctx;
	return 1;
}

static __always_inline int ctx_load(CTX *ctx, __u32 offset, void *to,
				    __u32 size)
{
	if (offset + size > ctx->size)
		return -1;
	memcpy(to, (char *)ctx->frame + offset, size);
	return 0;
}

#include "ctx_frame.h"
#include "rewrite.h"
#include "scratch.h"

static __always_inline bool ctx_is_for_others(CTX *ctx,
					      const struct scratch *scratch)
{
	(void)ctx;
	(void)scratch;
	return false;
}

static __always_inline int ctx_translate(CTX *ctx, const struct packet *packet,
					 const struct rewrite *rewrite)
{
	(void)packet;
	ctx->src = rewrite->src;
	ctx->dst = rewrite->dst;
	ctx->sport = rewrite->sport;
	ctx->dport = rewrite->dport;
	return 0;
}

static __always_inline int ctx_encap(CTX *ctx, const struct packet *packet,
				     const struct l4gate_addr *src,
				     const struct l4gate_addr *dst,
				     __u32 label)
{
	(void)ctx;
	(void)packet;
	(void)src;
	(void)dst;
	(void)label;
	return 0;
}

static __always_inline bool ctx_can_send(const struct packet *packet,
					 const struct l4gate_nexthop *nexthop)
{
	(void)packet;
	(void)nexthop;
	return true;
}

static __always_inline int ctx_send(CTX *ctx,
				    const struct l4gate_nexthop *nexthop)
{
	(void)nexthop;
	ctx->sent = true;
	return CTX_PASS;
}

static __always_inline int ctx_make_reply(CTX *ctx, __u32 keep, __u32 room,
					  const void *header, __u32 size)
{
	(void)keep;
	(void)room;
	(void)header;
	(void)size;
	ctx->answered = true;
	return CTX_PASS;
}

#endif /* INTERLEAVE_CTX_MODEL_H */
