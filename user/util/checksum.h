/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The Internet checksum (RFC 1071), of frames that are built whole. */
#ifndef L4GATE_UTIL_CHECKSUM_H
#define L4GATE_UTIL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds 16-bit words in memory order to a sum; a last odd byte is left out. */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t size);

/* The field that makes a sum right, as it is in memory. */
uint16_t checksum_finish(uint32_t sum);

#endif /* L4GATE_UTIL_CHECKSUM_H */
