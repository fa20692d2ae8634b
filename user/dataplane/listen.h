/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The part of a publish that says what is ours: endpoints, origins, ports. */
#ifndef L4GATE_DATAPLANE_LISTEN_H
#define L4GATE_DATAPLANE_LISTEN_H

#include "dataplane/publisher.h"

/* Fills the half that packets don't look at; 0 or -errno, with fail. */
int listen_write(const struct publisher *publisher);

/* The port filter: before publishing with the old ports, too, then without. */
int listen_write_ports(const struct publisher *publisher, bool keep_old);

#endif /* L4GATE_DATAPLANE_LISTEN_H */
