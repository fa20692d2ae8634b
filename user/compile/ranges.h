/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef L4GATE_COMPILE_RANGES_H
#define L4GATE_COMPILE_RANGES_H

#include "compile/image.h"

/* Prefixes that allow and deny may each have (model/kinds_own.c). */
#define RANGES_MAX 64

/*
 * Which sources of a family (enum l4gate_family) a policy lets in. Boundaries are
 * in the arena; 0 or -ENOMEM.
 */
int ranges_flatten(struct arena *arena, const struct route_policy *policy,
		   uint8_t family, struct image_ranges *ret_ranges);

#endif /* L4GATE_COMPILE_RANGES_H */
