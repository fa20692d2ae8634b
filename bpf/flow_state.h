/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The life of a flow: which packets move it from one state, and so from one
 * idle timeout, to another. TCP (RFC 9293) is followed as far as lifetimes need
 * it; sequence numbers are the backend's business.
 */
#ifndef L4GATE_BPF_FLOW_STATE_H
#define L4GATE_BPF_FLOW_STATE_H

#include "flow.h"

/* What TCP's flags make of state and flags of a flow. */
static __always_inline __u32
flow_next_tcp(__u32 state, __u8 *flags, __u8 tcp_flags,
	      enum l4gate_direction direction)
{
	if (tcp_flags & TCP_RST) {
		if (state != L4GATE_FLOW_CLOSING)
			*flags |= L4GATE_FLOW_F_RST;
		return L4GATE_FLOW_CLOSING;
	}
	if (tcp_flags & TCP_SYN) {
		if (direction == L4GATE_FROM_BACKEND)
			*flags |= L4GATE_FLOW_F_SYN_ACK;
		return state;
	}
	if (tcp_flags & TCP_FIN)
		*flags |= direction == L4GATE_FROM_CLIENT ?
			  L4GATE_FLOW_F_FIN_CLIENT : L4GATE_FLOW_F_FIN_BACKEND;
	if ((*flags & L4GATE_FLOW_F_FIN_CLIENT) &&
	    (*flags & L4GATE_FLOW_F_FIN_BACKEND))
		return L4GATE_FLOW_CLOSING;

	/*
	 * A connection that goes on after a RST has not been reset: the RST was
	 * not one that its receiver believed (RFC 5961 section 3).
	 */
	if (state == L4GATE_FLOW_CLOSING && (*flags & L4GATE_FLOW_F_RST)) {
		*flags &= ~L4GATE_FLOW_F_RST;
		return *flags & L4GATE_FLOW_F_SYN_ACK ?
		       L4GATE_FLOW_ESTABLISHED : L4GATE_FLOW_HALF_OPEN;
	}
	if (state == L4GATE_FLOW_HALF_OPEN &&
	    direction == L4GATE_FROM_CLIENT &&
	    (*flags & L4GATE_FLOW_F_SYN_ACK))
		return L4GATE_FLOW_ESTABLISHED;
	return state;
}

/*
 * Moves a flow to another state, unless its record has been given to another
 * flow since it was found: serial and lock tell.
 */
static __noinline int flow_update_state(struct l4gate_flow *flow, __u32 number,
					__u8 tcp_flags,
					enum l4gate_direction direction)
{
	struct flow_lock *lock = flow_lock_of(number);
	__u32 serial, state;
	__u8 flags;

	if (!flow || !lock)
		return 0;
	serial = READ_ONCE(flow->serial);
	flags = flow->flags;
	state = flow->state;
	if (flow->protocol == IPPROTO_TCP)
		state = flow_next_tcp(state, &flags, tcp_flags, direction);
	else if (direction == L4GATE_FROM_BACKEND)
		state = L4GATE_FLOW_REPLIED;
	if (state == flow->state && flags == flow->flags)
		return 0;

	bpf_spin_lock(&lock->lock);
	if (flow->serial == serial && flow->state > L4GATE_FLOW_CLAIMED) {
		flow->flags = flags;
		flow->state = state;
	}
	bpf_spin_unlock(&lock->lock);
	return 0;
}

/* Takes note of a packet of a flow. The usual one costs a compare or two. */
static __always_inline void flow_track(struct l4gate_flow *flow,
				       const struct packet *packet,
				       enum l4gate_direction direction)
{
	bool usual;

	if (packet->protocol == IPPROTO_TCP)
		usual = flow->state == L4GATE_FLOW_ESTABLISHED &&
			!(packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST));
	else
		usual = flow->state == L4GATE_FLOW_REPLIED ||
			direction == L4GATE_FROM_CLIENT;
	if (!usual)
		flow_update_state(flow, flow_number(flow), packet->tcp_flags,
				  direction);
	flow_touch(flow);
}

/* A SYN that can't belong to the connection that the record remembers. */
static __always_inline bool flow_is_reopened(const struct l4gate_flow *flow,
					     const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       flow->state == L4GATE_FLOW_CLOSING;
}

#endif /* L4GATE_BPF_FLOW_STATE_H */
