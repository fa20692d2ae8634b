// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int array_grow(void **items, size_t count, size_t *capacity, size_t size)
{
	if (count >= *capacity) {
		size_t bigger = *capacity ? *capacity * 2 : 16;
		void *grown = reallocarray(*items, bigger, size);

		if (!grown)
			return -ENOMEM;
		*items = grown;
		*capacity = bigger;
	}
	memset((char *)*items + count * size, 0, size);
	return 0;
}
