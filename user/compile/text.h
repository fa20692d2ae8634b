/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* An image as text for people and golden files; the same bytes every time. */
#ifndef L4GATE_COMPILE_TEXT_H
#define L4GATE_COMPILE_TEXT_H

#include <stdio.h>

#include "compile/image.h"

void image_print_text(FILE *out, const struct image *image);

#endif /* L4GATE_COMPILE_TEXT_H */
