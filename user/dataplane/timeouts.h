/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The idle timeouts of routes onto the maps, as bpf/timeouts.h wants it: in two steps,
 * before and after the write that makes a config visible.
 */
#ifndef L4GATE_DATAPLANE_TIMEOUTS_H
#define L4GATE_DATAPLANE_TIMEOUTS_H

#include "dataplane/publisher.h"

/* Classes that no packet looks at yet, but those of new backends will. */
void timeouts_write(const struct publisher *publisher);

/*
 * Backends get the class of their route: flows that have another one's time are kept
 * until it does not matter. Again with each publish, for the one before may have been
 * killed.
 */
void timeouts_settle(const struct publisher *publisher);

#endif /* L4GATE_DATAPLANE_TIMEOUTS_H */
