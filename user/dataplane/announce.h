/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tells the network where addresses are that no interface has and that
 * GatewayParameters tell us to announce (bpf/announce.h answers who asks): who had
 * another node's MAC address for one learns the new one at once.
 */
#ifndef L4GATE_DATAPLANE_ANNOUNCE_H
#define L4GATE_DATAPLANE_ANNOUNCE_H

#include "dataplane/state.h"

/*
 * Out of all attached devices: gratuitous ARP (RFC 5227 section 3), unsolicited
 * neighbour advertisements (RFC 4861 section 7.2.6). And sees to it that the
 * devices take in solicitations for the addresses of now, and no longer those for
 * what was announced before (NULL: nothing). 0 or -errno, with fail; what could be
 * done is done then.
 */
int announce(const struct dataplane *dataplane, const struct state *before,
	     const struct state *now, struct fail *fail);

#endif /* L4GATE_DATAPLANE_ANNOUNCE_H */
