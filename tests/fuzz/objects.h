/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Bytes as choices: which objects, with which of a few names, ports and
 * addresses, so that they meet each other. Nearly all of it is valid.
 */
#ifndef L4GATE_FUZZ_OBJECTS_H
#define L4GATE_FUZZ_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A manifest, owned by malloc; documents of JSON just follow each other. */
char *objects_write(const uint8_t *data, size_t size, bool json);

#endif /* L4GATE_FUZZ_OBJECTS_H */
