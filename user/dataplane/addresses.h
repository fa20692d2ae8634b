/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Addresses that the node has, without link-local ones. */
#ifndef L4GATE_DATAPLANE_ADDRESSES_H
#define L4GATE_DATAPLANE_ADDRESSES_H

#include <sys/socket.h>

#include "dataplane/attach.h"
#include "util/inet.h"

/* False: not one of IPv4 or IPv6, or a link-local one. */
bool address_read(const struct sockaddr *from, struct inet_addr *to);

/* Those of the attached devices, sorted; to be freed. */
int device_addresses(const struct attachment *attachments, size_t count,
		     struct inet_addr **ret_addresses, size_t *ret_count,
		     struct fail *fail);

/* Those of all interfaces, sorted; to be freed. */
int node_addresses(struct inet_addr **ret_addresses, size_t *ret_count,
		   struct fail *fail);

#endif /* L4GATE_DATAPLANE_ADDRESSES_H */
