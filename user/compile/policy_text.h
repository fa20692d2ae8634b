/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef L4GATE_COMPILE_POLICY_TEXT_H
#define L4GATE_COMPILE_POLICY_TEXT_H

#include "compile/image.h"

/*
 * What a policy asks for, in a short line for people: "10 new flows a second, burst
 * 20; clients stay for 3h", or "" for nothing. In the arena; NULL without memory.
 */
const char *policy_text(struct arena *arena, const struct image_route *route);

#endif /* L4GATE_COMPILE_POLICY_TEXT_H */
