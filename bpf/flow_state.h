/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The life of a flow: which packets move it from one state, and so from one
 * idle timeout, to another. TCP (RFC 9293) is followed as far as lifetimes need
 * it; sequence numbers are the backend's business.
 *
 * So a client's RST or FIN may be anybody's, and is a hint at most: it takes no
 * time from the flow. Who goes on shows that it was false, for the receiver did
 * not believe it (RFC 5961 section 3). A SYN goes where the flow goes until both
 * ends have closed it: a backend whose connection lives answers with a challenge
 * ACK (RFC 5961 section 4), else the flow begins anew there.
 */
#ifndef L4GATE_BPF_FLOW_STATE_H
#define L4GATE_BPF_FLOW_STATE_H

#include "half_open.h"
#include "packet.h"
#include "record.h"
#include "scratch.h"
#include "word.h"

/* What a packet has to do with the state of its flow: TCP's flags, and */
#define EVENT_TCP (1U << 8)
#define EVENT_FROM_BACKEND (1U << 9)
#define EVENT_END (1U << 10)	/* the flow is to be forgotten */
#define EVENT_DATA (1U << 11)	/* TCP, of a flow that may be half closed */
#define EVENT_TIMED L4GATE_FLOW_TIMED	/* its time is by its backend's class */

#define RECORD_FINS (L4GATE_RECORD_F_FIN_CLIENT | L4GATE_RECORD_F_FIN_BACKEND)
#define TCP_CONTROL (TCP_SYN | TCP_FIN | TCP_RST)

/*
 * Whether the TCP segment at hand carries data. Global: what asks for it is rare,
 * and the verifier shall look at it once.
 */
int segment_has_data(CTX *ctx);

__noinline int segment_has_data(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	const struct packet *packet;
	struct tcphdr *tcp;

	if (!scratch)
		return 0;
	packet = &scratch->packet;
	tcp = packet_l4(ctx, packet);
	if ((void *)(tcp + 1) > ctx_data_end(ctx))
		return 0;
	return packet->l4 + tcp->doff * 4U <
	       (__u32)L3_OFFSET + packet->l3_length;
}

/* The flag of a FIN that came from there. */
static __always_inline __u32 fin_of(enum l4gate_direction direction)
{
	return direction == L4GATE_FROM_BACKEND ? L4GATE_RECORD_F_FIN_BACKEND :
						  L4GATE_RECORD_F_FIN_CLIENT;
}

/*
 * Of a flow with that value, whose backend has a class of timeouts: data matters to it
 * if its sender has sent a FIN.
 */
static __always_inline __u32 event_of(CTX *ctx, __u64 value,
				      const struct packet *packet,
				      enum l4gate_direction direction,
				      __u32 timeouts)
{
	__u32 event = packet->tcp_flags | (timeouts ? EVENT_TIMED : 0);

	if (packet->protocol == IPPROTO_TCP)
		event |= EVENT_TCP;
	if (direction == L4GATE_FROM_BACKEND)
		event |= EVENT_FROM_BACKEND;
	if ((value & fin_of(direction)) && (event & EVENT_TCP) &&
	    !(event & TCP_CONTROL) && segment_has_data(ctx))
		event |= EVENT_DATA;
	return event;
}

/* What a SYN makes of state and flags of a record. */
static __always_inline __u32 life_next_syn(__u32 life, __u32 event)
{
	__u32 state = life & L4GATE_RECORD_STATE, flags = life ^ state;

	/* The backend agrees to it only if no connection is left there. */
	if (!(event & EVENT_FROM_BACKEND) ||
	    (flags & RECORD_FINS) == RECORD_FINS)
		return life;
	if (state == L4GATE_FLOW_ESTABLISHED && !(flags & RECORD_FINS))
		return life;
	flags = (flags & ~RECORD_FINS) | L4GATE_RECORD_F_SYN_ACK;
	return flags | L4GATE_FLOW_HALF_OPEN;
}

/*
 * What a segment that is no SYN and no RST makes of them. CLOSING, and not by two
 * FINs: by the backend's RST, which was not the backend's if that goes on.
 */
static __always_inline __u32 life_next_segment(__u32 life, __u32 event)
{
	__u32 state = life & L4GATE_RECORD_STATE, flags = life ^ state;
	__u32 fin = event & EVENT_FROM_BACKEND ? L4GATE_RECORD_F_FIN_BACKEND :
						 L4GATE_RECORD_F_FIN_CLIENT;
	bool closed = (flags & RECORD_FINS) == RECORD_FINS;

	if (event & TCP_FIN)
		flags |= fin;
	if (event & EVENT_DATA)
		flags &= ~fin;
	if ((flags & RECORD_FINS) == RECORD_FINS)
		return flags | L4GATE_FLOW_CLOSING;
	if (state == L4GATE_FLOW_CLOSING && !closed &&
	    !(event & EVENT_FROM_BACKEND))
		return flags | state;
	if (state == L4GATE_FLOW_CLOSING || state == L4GATE_FLOW_RESET)
		return flags | (flags & L4GATE_RECORD_F_SYN_ACK ?
				L4GATE_FLOW_ESTABLISHED :
				L4GATE_FLOW_HALF_OPEN);
	if (state == L4GATE_FLOW_HALF_OPEN &&
	    !(event & EVENT_FROM_BACKEND) &&
	    (flags & L4GATE_RECORD_F_SYN_ACK))
		return flags | L4GATE_FLOW_ESTABLISHED;
	return flags | state;
}

/* What TCP's flags make of state and flags of a record. */
static __always_inline __u32 life_next_tcp(__u32 life, __u32 event)
{
	__u32 state = life & L4GATE_RECORD_STATE, flags = life ^ state;

	if (event & TCP_RST) {
		if (event & EVENT_FROM_BACKEND)
			return flags | L4GATE_FLOW_CLOSING;
		return flags | (state == L4GATE_FLOW_ESTABLISHED ?
				L4GATE_FLOW_RESET : state);
	}
	if (event & TCP_SYN)
		return life_next_syn(life, event);
	return life_next_segment(life, event);
}

static __always_inline __u32 life_next_usual(__u32 life, __u32 event)
{
	if (event & EVENT_TCP)
		return life_next_tcp(life, event);
	if (event & EVENT_FROM_BACKEND)
		return (life & ~L4GATE_RECORD_STATE) | L4GATE_FLOW_REPLIED;
	return life;
}

/* What an event makes of state and flags of a record. Surplus is who is half open. */
static __always_inline __u32 life_next(__u32 life, __u32 event)
{
	__u32 next;

	if (!record_is_surplus(life))
		return life_next_usual(life, event);
	next = life_next_usual(life & ~L4GATE_RECORD_SURPLUS, event);
	return is_half_open(next & L4GATE_RECORD_STATE) ?
	       next | L4GATE_RECORD_SURPLUS : next;
}

/*
 * Whether a flow of nat need not take note of a packet: it changes nothing, and the
 * time of the last one that was written down is not long ago. A stamp with each tick
 * would cost a flow among a million a locked write for every other packet.
 */
static __always_inline bool record_is_usual(CTX *ctx, __u64 value,
					    const struct packet *packet,
					    enum l4gate_direction direction,
					    __u32 timeouts)
{
	__u32 state = record_state(value);

	if (!record_is_fresh(value, timeouts, packet->now))
		return false;
	if (packet->protocol == IPPROTO_TCP)
		return state == L4GATE_FLOW_ESTABLISHED &&
		       !(packet->tcp_flags & TCP_CONTROL) &&
		       (!(value & fin_of(direction)) || !segment_has_data(ctx));
	return state == L4GATE_FLOW_REPLIED || direction == L4GATE_FROM_CLIENT;
}

/* TCP segments of a direct flow. */
enum segment {
	SEGMENT_PLAIN,
	SEGMENT_DATA,
	SEGMENT_SYN,
	SEGMENT_FIN,
	SEGMENT_RST,
	SEGMENTS
};

/* Who sent one, and in dsr, where we see nobody else. */
enum sender {
	SENDER_CLIENT,
	SENDER_BACKEND,
	SENDER_CLIENT_DSR,
	SENDERS
};

#define WORD_NEXT_STATES(b, c, r, x, h, e) {			\
	[L4GATE_WORD_FIN_BACKEND] = (b), [L4GATE_WORD_FIN_CLIENT] = (c),	\
	[L4GATE_FLOW_RESET] = (r), [L4GATE_FLOW_CLOSING] = (x),		\
	[L4GATE_FLOW_HALF_OPEN] = (h), [L4GATE_FLOW_ESTABLISHED] = (e),	\
	[L4GATE_FLOW_UNREPLIED] = L4GATE_FLOW_UNREPLIED,		\
	[L4GATE_FLOW_REPLIED] = L4GATE_FLOW_REPLIED,			\
}
#define B L4GATE_WORD_FIN_BACKEND
#define C L4GATE_WORD_FIN_CLIENT
#define R L4GATE_FLOW_RESET
#define X L4GATE_FLOW_CLOSING
#define H L4GATE_FLOW_HALF_OPEN
#define E L4GATE_FLOW_ESTABLISHED

/*
 * What a TCP segment makes of the state of a direct flow. The client's first ACK
 * stands for the handshake; in dsr its FIN stands for the end, and a SYN behind it
 * may be nobody's: that flow goes on as if there had been a RST.
 */
static const volatile __u8 word_next[SENDERS][SEGMENTS][L4GATE_FLOW_STATES] = {
	[SENDER_CLIENT] = {
		[SEGMENT_PLAIN] = WORD_NEXT_STATES(B, C, E, X, E, E),
		[SEGMENT_DATA] = WORD_NEXT_STATES(B, E, E, B, E, E),
		[SEGMENT_SYN] = WORD_NEXT_STATES(B, C, R, X, H, E),
		[SEGMENT_FIN] = WORD_NEXT_STATES(X, C, C, X, C, C),
		[SEGMENT_RST] = WORD_NEXT_STATES(R, C, R, X, H, R),
	},
	[SENDER_BACKEND] = {
		[SEGMENT_PLAIN] = WORD_NEXT_STATES(B, C, E, X, H, E),
		[SEGMENT_DATA] = WORD_NEXT_STATES(E, C, E, C, H, E),
		[SEGMENT_SYN] = WORD_NEXT_STATES(H, H, H, X, H, E),
		[SEGMENT_FIN] = WORD_NEXT_STATES(B, X, B, X, B, B),
		[SEGMENT_RST] = WORD_NEXT_STATES(X, X, X, X, X, X),
	},
	[SENDER_CLIENT_DSR] = {
		[SEGMENT_PLAIN] = WORD_NEXT_STATES(E, E, E, X, E, E),
		[SEGMENT_DATA] = WORD_NEXT_STATES(E, E, E, E, E, E),
		[SEGMENT_SYN] = WORD_NEXT_STATES(R, R, R, R, H, E),
		[SEGMENT_FIN] = WORD_NEXT_STATES(X, X, X, X, X, X),
		[SEGMENT_RST] = WORD_NEXT_STATES(R, R, R, X, H, R),
	},
};

#undef B
#undef C
#undef R
#undef X
#undef H
#undef E

static __always_inline enum sender sender_of(enum l4gate_direction direction,
					     __u8 mode)
{
	if (direction == L4GATE_FROM_BACKEND)
		return SENDER_BACKEND;
	return mode == L4GATE_MODE_TRANSPARENT ? SENDER_CLIENT :
						 SENDER_CLIENT_DSR;
}

static __always_inline enum segment segment_of(CTX *ctx, __u8 flags)
{
	if (flags & TCP_RST)
		return SEGMENT_RST;
	if (flags & TCP_SYN)
		return SEGMENT_SYN;
	if (flags & TCP_FIN)
		return SEGMENT_FIN;
	return segment_has_data(ctx) ? SEGMENT_DATA : SEGMENT_PLAIN;
}

/*
 * What a packet makes of the state of a direct flow. A datagram of dsr more than a
 * quarter of the timeout after the first stands for an answer.
 */
static __always_inline __u32 word_next_state(CTX *ctx, __u64 word,
					     const struct packet *packet,
					     enum sender sender)
{
	__u32 state = word_state(word), segment;

	if (packet->protocol != IPPROTO_TCP)
		return sender == SENDER_BACKEND || word_age(word, packet->now) ?
		       L4GATE_FLOW_REPLIED : state;
	if (state == L4GATE_FLOW_ESTABLISHED &&
	    !(packet->tcp_flags & TCP_CONTROL))
		return state;
	segment = segment_of(ctx, packet->tcp_flags);
	/* clang 19 knows that a bool is 0 or 1, the verifier not that of a call. */
	barrier_var(segment);
	if (segment >= SEGMENTS)
		return state;
	return word_next[sender][segment][state];
}

static __always_inline __u32 first_state(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? L4GATE_FLOW_HALF_OPEN :
					 L4GATE_FLOW_UNREPLIED;
}

/*
 * Replaces the word of a flow by one with another payload; listener: its own. Global,
 * for the verifier to look at it once.
 */
int word_change(__u64 hash, __u64 word, __u32 payload, __u32 listener);

__noinline int word_change(__u64 hash, __u64 word, __u32 payload,
			   __u32 listener)
{
	payload |= word & L4GATE_WORD_F_SURPLUS;
	if (payload == (word & ((1U << L4GATE_PAYLOAD_BITS) - 1)))
		return 0;
	if (word_replace(hash, word, line_word(hash, payload)))
		half_open_turn(listener, word_counted(word),
			       word_counted(payload));
	return 0;
}

/* As word_track(), of a backend that has a class of timeouts. */
int word_track_timed(__u64 hash, __u64 word, __u32 state_timeouts,
		     __u32 listener);

__noinline int word_track_timed(__u64 hash, __u64 word, __u32 state_timeouts,
				__u32 listener)
{
	__u32 payload = word_payload_timed(word_backend(word),
					   state_timeouts >> 8,
					   state_timeouts & 0xff,
					   bpf_jiffies64());

	word_change(hash, word, payload, listener);
	return 0;
}

/*
 * Takes note of a packet of a direct flow at a listener, whose word this is, and whose
 * backend has a class of timeouts.
 */
static __always_inline void word_track(CTX *ctx, __u64 hash, __u64 word,
				       const struct packet *packet,
				       enum sender sender, __u32 timeouts,
				       __u32 listener)
{
	__u32 state = word_next_state(ctx, word, packet, sender), payload;

	if (timeouts) {
		word_track_timed(hash, word, state << 8 | timeouts, listener);
		return;
	}
	payload = word_payload(word_backend(word), state, packet->now);
	if (payload != (word & WORD_SAYS))
		word_change(hash, word, payload, listener);
}

/* The first packet of a TCP connection. */
static __always_inline bool is_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * A SYN that can't belong to the connection that we remember: a flow that may be
 * ending begins anew, and so may go elsewhere. Which is for its old backend to say
 * as long as only the client has spoken of an end, but not if that takes no new
 * flows. When the backend has sent its FIN, the client's is the end. Forged, with a
 * forged SYN behind it, it differs from a client that uses its port again by nothing
 * but sequence numbers, which we do not hold.
 */
static __always_inline bool is_reopened(__u32 state, enum sender sender,
					const struct packet *packet,
					const struct l4gate_backend *backend)
{
	if (!is_syn(packet))
		return false;
	if (state == L4GATE_FLOW_RESET ||
	    (state == L4GATE_FLOW_CLOSING && sender == SENDER_CLIENT_DSR))
		return backend->state != L4GATE_BACKEND_ACTIVE;
	return state == L4GATE_FLOW_CLOSING;
}

#endif /* L4GATE_BPF_FLOW_STATE_H */
