// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/checksum.h"

#include <string.h>

uint32_t checksum_add(uint32_t sum, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint16_t word;
	size_t i;

	for (i = 0; i + 1 < size; i += 2) {
		memcpy(&word, at + i, sizeof(word));
		sum += word;
	}
	return sum;
}

uint16_t checksum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}
