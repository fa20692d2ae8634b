/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The life of a flow: which packets move it from one state, and so from one
 * idle timeout, to another. TCP (RFC 9293) is followed as far as lifetimes need
 * it; sequence numbers are the backend's business.
 *
 * A connection that goes on after a RST has not been reset: the RST was not one
 * that its receiver believed (RFC 5961 section 3).
 */
#ifndef L4GATE_BPF_FLOW_STATE_H
#define L4GATE_BPF_FLOW_STATE_H

#include "packet.h"
#include "record.h"
#include "word.h"

/* What a packet has to do with the state of its flow: TCP's flags, and */
#define EVENT_TCP (1U << 8)
#define EVENT_FROM_BACKEND (1U << 9)
#define EVENT_END (1U << 10)	/* the flow is to be forgotten */

static __always_inline __u32 event_of(const struct packet *packet,
				      enum l4gate_direction direction)
{
	return packet->tcp_flags |
	       (packet->protocol == IPPROTO_TCP ? EVENT_TCP : 0) |
	       (direction == L4GATE_FROM_BACKEND ? EVENT_FROM_BACKEND : 0);
}

/* What TCP's flags make of state and flags of a record. */
static __always_inline __u32 life_next_tcp(__u32 life, __u32 event)
{
	__u32 state = life & L4GATE_RECORD_STATE, flags = life ^ state;

	if (event & TCP_RST)
		return flags | (state == L4GATE_FLOW_CLOSING ?
				L4GATE_FLOW_CLOSING : L4GATE_FLOW_RESET);
	if (event & TCP_SYN) {
		if (event & EVENT_FROM_BACKEND)
			flags |= L4GATE_RECORD_F_SYN_ACK;
		return flags | state;
	}
	if (event & TCP_FIN)
		flags |= event & EVENT_FROM_BACKEND ?
			 L4GATE_RECORD_F_FIN_BACKEND :
			 L4GATE_RECORD_F_FIN_CLIENT;
	if ((flags & L4GATE_RECORD_F_FIN_CLIENT) &&
	    (flags & L4GATE_RECORD_F_FIN_BACKEND))
		return flags | L4GATE_FLOW_CLOSING;
	if (state == L4GATE_FLOW_RESET)
		return flags | (flags & L4GATE_RECORD_F_SYN_ACK ?
				L4GATE_FLOW_ESTABLISHED :
				L4GATE_FLOW_HALF_OPEN);
	if (state == L4GATE_FLOW_HALF_OPEN &&
	    !(event & EVENT_FROM_BACKEND) &&
	    (flags & L4GATE_RECORD_F_SYN_ACK))
		return flags | L4GATE_FLOW_ESTABLISHED;
	return flags | state;
}

/* What an event makes of state and flags of a record. */
static __always_inline __u32 life_next(__u32 life, __u32 event)
{
	if (event & EVENT_TCP)
		return life_next_tcp(life, event);
	if (event & EVENT_FROM_BACKEND)
		return (life & ~L4GATE_RECORD_STATE) | L4GATE_FLOW_REPLIED;
	return life;
}

/*
 * Whether a flow of nat need not take note of a packet: it changes nothing, and the
 * time of the last one that was written down is not long ago. A stamp with each tick
 * would cost a flow among a million a locked write for every other packet.
 */
static __always_inline bool record_is_usual(__u64 value,
					    const struct packet *packet,
					    enum l4gate_direction direction)
{
	__u32 state = record_state(value);

	if (record_idle(value, packet->now) > flow_refresh[state])
		return false;
	if (packet->protocol == IPPROTO_TCP)
		return state == L4GATE_FLOW_ESTABLISHED &&
		       !(packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST));
	return state == L4GATE_FLOW_REPLIED || direction == L4GATE_FROM_CLIENT;
}

/*
 * What a packet makes of the state of a direct flow. Of dsr we see the client
 * only: its first ACK stands for the handshake, a datagram more than a quarter of
 * the timeout after the first for an answer, and its FIN for the end.
 */
static __always_inline __u32 word_next_state(__u64 word,
					     const struct packet *packet,
					     enum l4gate_direction direction)
{
	__u32 state = word_state(word);

	if (packet->protocol != IPPROTO_TCP)
		return direction == L4GATE_FROM_BACKEND ||
		       ((clock_quarters(state, packet->now) ^ word) & L4GATE_WORD_CLOCK) ?
		       L4GATE_FLOW_REPLIED : state;
	if (packet->tcp_flags & TCP_RST)
		return state == L4GATE_FLOW_CLOSING ? state :
						      L4GATE_FLOW_RESET;
	if (packet->tcp_flags & TCP_FIN)
		return L4GATE_FLOW_CLOSING;
	if (packet->tcp_flags & TCP_SYN)
		return state;
	if (direction == L4GATE_FROM_CLIENT &&
	    (state == L4GATE_FLOW_HALF_OPEN || state == L4GATE_FLOW_RESET))
		return L4GATE_FLOW_ESTABLISHED;
	return state;
}

static __always_inline __u32 first_state(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? L4GATE_FLOW_HALF_OPEN :
					 L4GATE_FLOW_UNREPLIED;
}

/* Takes note of a packet of a direct flow, whose word this is. */
static __always_inline void word_track(__u64 hash, __u64 word,
				       const struct packet *packet,
				       enum l4gate_direction direction)
{
	__u32 state = word_next_state(word, packet, direction);
	__u32 payload = word_payload(word_backend(word), state, packet->now);

	if (payload != (word & ((1U << L4GATE_PAYLOAD_BITS) - 1)))
		word_replace(hash, word, line_word(word, payload));
}

/* The first packet of a TCP connection. */
static __always_inline bool is_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline bool is_ending(__u32 state)
{
	return state == L4GATE_FLOW_CLOSING || state == L4GATE_FLOW_RESET;
}

/* A SYN that can't belong to the connection that we remember. */
static __always_inline bool is_reopened(__u32 state,
					const struct packet *packet)
{
	return is_syn(packet) && is_ending(state);
}

#endif /* L4GATE_BPF_FLOW_STATE_H */
