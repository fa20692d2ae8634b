/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What maps are made as, and by which version: l4gate_meta. */
#ifndef L4GATE_DATAPLANE_META_H
#define L4GATE_DATAPLANE_META_H

#include "dataplane/object.h"

struct bpf_object;

/*
 * Before the programs of an object are loaded: fills in dataplane->meta, with that
 * of the instance there, or anew (*ret_new), to be written by the caller. -EPROTO:
 * the maps there are of another version.
 */
int meta_settle(struct dataplane *dataplane, struct bpf_object *object,
		const struct open_options *options, bool *ret_new,
		struct fail *fail);

/*
 * After the maps are open: reads dataplane->meta. -EPROTO: they are of another
 * version, and no value of them can be read; with OPEN_REMOVE that is no error, and
 * sets dataplane->is_foreign. -ENOENT: there is nothing to write to.
 */
int meta_open(struct dataplane *dataplane, enum open_mode mode,
	      struct fail *fail);

#endif /* L4GATE_DATAPLANE_META_H */
