/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Programs on devices: pinned links, so that they outlive the process. */
#ifndef L4GATE_DATAPLANE_ATTACH_H
#define L4GATE_DATAPLANE_ATTACH_H

#include <net/if.h>
#include <stddef.h>

#include "dataplane/object.h"

enum attach_mode {
	ATTACH_AUTO,
	ATTACH_NATIVE,
	ATTACH_GENERIC,
	ATTACH_TC,
};

/* What is attached to a device. */
struct attachment {
	unsigned int ifindex;
	char name[IF_NAMESIZE];	/* "" when the device is gone */
	enum attach_mode xdp;	/* ATTACH_NATIVE, ATTACH_GENERIC; ATTACH_TC: none */
	const char *tc;		/* "tcx" or "clsact" */
	uint32_t mtu;
	uint8_t mac[6];		/* device_list() only */
	char why[256];		/* why this mode; after device_attach only */
	char warning[512];	/* what may go wrong, or "" */
};

/*
 * Attaches the loaded programs (OPEN_LOAD) to a device, or updates in place
 * what is attached already, and writes its entry of l4gate_devices. On failure
 * nothing of a device that was not attached before stays.
 */
int device_attach(const struct dataplane *dataplane, const char *device,
		  enum attach_mode mode, struct attachment *ret_attachment,
		  struct fail *fail);

/* Detaches from a device by its ifindex; also from one that is gone. */
int device_detach(const struct dataplane *dataplane, unsigned int ifindex,
		  struct fail *fail);

/* All attachments, sorted by ifindex, from the pins; to be freed. */
int device_list(const struct dataplane *dataplane,
		struct attachment **ret_attachments, size_t *ret_count,
		struct fail *fail);

#endif /* L4GATE_DATAPLANE_ATTACH_H */
