/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In a cast from or to __be16 and __be32 that is meant: sparse, which tells byte
 * orders apart, is silent about it.
 */
#ifndef L4GATE_FORCE_H
#define L4GATE_FORCE_H

#ifdef __CHECKER__
#define L4GATE_FORCE __attribute__((force))
#else
#define L4GATE_FORCE
#endif

#endif /* L4GATE_FORCE_H */
