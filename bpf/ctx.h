/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the core asks of a hook. A program includes ctx_xdp.h or ctx_skb.h
 * before anything else; the core includes this file only and has no #if about
 * hooks. A back end defines
 *
 *   CTX                         the struct that the kernel hands over
 *   CTX_IS_FAST_PATH            1: leaves what it can't finish to TC, unmodified
 *   CTX_MAX_IHL                 longest IPv4 header that it parses, in words
 *   ctx_data(), ctx_data_end()  the directly readable part
 *   ctx_pull(ctx, length)       tries to make that many bytes directly readable
 *   ctx_load()                  bytes out of the rest; the fast path has no need of it
 *   ctx_length(), ctx_packets() bytes of the frame; packets that it stands for
 *   ctx_ifindex()               the device of the hook
 *   ctx_is_for_others()         the frame is addressed to another host
 *   ctx_tag()                   the VLAN tag kept beside the frame
 *   ctx_pop_tag(), ctx_push_tag()  take the outer tag off, put one on
 *   ctx_restore()               the tags that a frame came with
 *   ctx_gso_size()              payload of what a superframe is cut into later, or 0
 *   ctx_translate()             addresses, ports, checksums, TTL (rewrite.h)
 *   ctx_encap()                 another IP header in front (encap.h)
 *   ctx_send()                  to a next hop
 *   ctx_make_reply()            the frame becomes one of ours, going back
 */
#ifndef L4GATE_BPF_CTX_H
#define L4GATE_BPF_CTX_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "l4gate/abi.h"

#ifndef L4GATE_BPF_CTX_CHOSEN
#error "include ctx_xdp.h or ctx_skb.h first"
#endif

/* Optimisation barrier: the compiler may not guess what is in x. */
#ifndef barrier_var
#define barrier_var(x) asm volatile("" : "+r"(x))
#endif

/* A load or store that the compiler does exactly once. */
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

/*
 * Copies and compares that stay inline: clang turns loops into calls of memcpy
 * or memcmp, which BPF doesn't have, but not these builtins at constant size.
 */
#define copy(to, from, size) __builtin_memcpy(to, from, size)
#define zero(to, size) __builtin_memset(to, 0, size)

#endif /* L4GATE_BPF_CTX_H */
