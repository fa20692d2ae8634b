/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whether explore.c finds with reduction what it finds without. */
#ifndef INTERLEAVE_SELF_H
#define INTERLEAVE_SELF_H

#include <stdbool.h>

bool self_check(void);

#endif /* INTERLEAVE_SELF_H */
