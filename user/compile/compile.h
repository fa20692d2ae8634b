/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Model to image, by the rules of the Gateway API. Pure: no I/O, no clock, no
 * kernel.
 */
#ifndef L4GATE_COMPILE_H
#define L4GATE_COMPILE_H

#include "compile/image.h"
#include "util/diag.h"

struct compile_options {
	const char *const *claimed_classes;	/* --gateway-class NAME ... */
	size_t claimed_class_count;
	/* A condition that is not good, or a Gateway that is left alone, is an
	   error. */
	bool strict;
	uint64_t seed[2];	/* of the permutation of slots */
	/* Addresses that stand for a Gateway's own if it names none, sorted.
	   NULL: not known here (offline). */
	const struct inet_addr *own_addresses;
	size_t own_address_count;
	/* That the node has room for; 0: as without --max-routes. */
	uint32_t max_listeners;
};

/*
 * Compiles model into *ret_image, to be freed with image_free(). Mistakes that
 * no status of the API can hold (an endpoint that is a listener's address) go
 * to diags as errors; what is left alone goes there as warnings, unless strict.
 *
 * Returns 0, -EINVAL when diags has new errors (*ret_image is not written), or
 * -ENOMEM.
 */
int compile(const struct model *model, const struct compile_options *options,
	    struct image **ret_image, struct diags *diags);

#endif /* L4GATE_COMPILE_H */
