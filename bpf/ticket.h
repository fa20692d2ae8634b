/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How many flows a route may have at once (connectionLimit of RoutePolicy). Flows
 * are forgotten without anybody seeing it, so nobody can count them down. Instead
 * each flow of such a route has a ticket, of which there are as many as flows may
 * be: its hash, in one of two lines that the hash chooses. There is half as much
 * room again as tickets, so that one of the two has a place as good as always.
 *
 * The end of a flow gives nothing back. Only when an eighth of the tickets is left,
 * each new flow looks at those of some others, a chunk of them, and takes back those
 * whose flow is over. So all are looked at by as many new flows as there are
 * chunks; up to 16 tickets, by each. With more than that some of what is over has
 * not been found yet, and the last tenth of the flows is not always let in.
 *
 * Tickets change under the lock of the route, and a flow is entered before it
 * takes one: who looks at a ticket always finds its flow, unless that is over. A
 * flow that begins anew keeps the ticket from its life before: so who found that
 * life over takes nothing back if any ticket was given since it looked. If
 * another CPU took the last one in between, the flow is ended before its packet
 * has left. So there are never more flows with a ticket than maxFlows.
 *
 * A flow that is closing is over, and so is one whose client has sent a RST, which
 * we can't tell from one that the backend does not believe.
 */
#ifndef L4GATE_BPF_TICKET_H
#define L4GATE_BPF_TICKET_H

#include "entry.h"
#include "forward.h"
#include "select.h"

/* The tickets of a route, and the two lines where that of a flow may be. */
struct tickets {
	struct l4gate_tickets *head;
	struct l4gate_line *first;
	struct l4gate_line *second;
	__u32 max_flows;
};

static __always_inline union l4gate_chunk *tickets_chunk(__u32 key,
							 __u32 number)
{
	const struct l4gate_route *route;
	__u32 chunk;

	route = bpf_map_lookup_elem(&l4gate_routes, &key);
	if (!route)
		return NULL;
	chunk = route->tickets + number;
	return bpf_map_lookup_elem(&l4gate_chunks, &chunk);
}

static __always_inline struct l4gate_line *ticket_line(__u32 key, __u32 row)
{
	union l4gate_chunk *lines =
		tickets_chunk(key, 1 + row / L4GATE_CHUNK_LINES);

	return lines ? &lines->line[row % L4GATE_CHUNK_LINES] : NULL;
}

static __always_inline struct l4gate_tickets *tickets_head(__u32 key)
{
	union l4gate_chunk *head = tickets_chunk(key, 0);

	return head ? &head->tickets : NULL;
}

/* key: that of the route in l4gate_routes. */
static __always_inline bool tickets_open(struct tickets *tickets, __u32 key,
					 __u64 hash)
{
	const struct l4gate_route *route;
	__u32 rows;

	route = bpf_map_lookup_elem(&l4gate_routes, &key);
	tickets->head = tickets_head(key);
	if (!route || !tickets->head)
		return false;
	tickets->max_flows = route->max_flows;
	rows = tickets->head->chunks * L4GATE_CHUNK_LINES;
	tickets->first = ticket_line(key, ticket_first(hash, rows));
	tickets->second = ticket_line(key, ticket_second(hash, rows));
	return tickets->first && tickets->second;
}

static __always_inline struct shard *tickets_shard(__u32 key)
{
	return shard_get(key / 2);
}

/*
 * How many places of a line hold a word; with 0, are empty. Not by line_position(): clang
 * 19 makes branches of what is asked of its result.
 */
static __always_inline __u64 line_count(const struct l4gate_line *line,
					__u64 word)
{
	__u64 count = 0;
	int i;

#pragma unroll
	for (i = 0; i < WORDS; i++)
		count -= mask_if_zero(READ_ONCE(line->word[i]) ^ word);
	barrier_var(count);
	return count;
}

static __always_inline bool tickets_have(const struct tickets *tickets,
					 __u64 hash)
{
	return line_count(tickets->first, hash) +
	       line_count(tickets->second, hash);
}

static __always_inline bool tickets_have_place(const struct tickets *tickets)
{
	return tickets_have(tickets, 0);
}

static __always_inline bool tickets_have_room(const struct tickets *tickets)
{
	return READ_ONCE(tickets->head->taken) < tickets->max_flows &&
	       tickets_have_place(tickets);
}

/*
 * Whether it is time to look for some: what one look finds is more than one flow
 * needs, or nothing, and the next eighth makes up for that.
 */
static __always_inline bool tickets_are_scarce(const struct tickets *tickets)
{
	__u32 most = tickets->max_flows;

	return READ_ONCE(tickets->head->taken) >= most - most / 8 ||
	       !tickets_have_place(tickets);
}

/* Whether a flow in a state, and of a backend, has ended. */
static __always_inline bool flow_has_ended(__u32 state, __u32 backend,
					   __u64 now)
{
	const struct l4gate_backend *to = backend_get(backend);

	return state == L4GATE_FLOW_CLOSING || state == L4GATE_FLOW_RESET ||
	       !to || !backend_serves(to, now);
}

/* Whether there is no such flow, of any mode, or none that lives. Global, for loops. */
int ticket_is_over(__u64 hash);

__noinline int ticket_is_over(__u64 hash)
{
	__u64 now = bpf_jiffies64(), found = entry_find(hash);

	/* One that is over may be of before the Gateway's mode changed. */
	if (found && !record_is_over(found, now) &&
	    !flow_has_ended(record_state(found), record_backend(found), now))
		return false;
	found = word_find(hash);
	return !found || word_is_over(found, now) ||
	       flow_has_ended(word_state(found), word_backend(found), now);
}

/*
 * Takes the ticket at a place of a route back if its flow is over; whether it is.
 * Global, for loops.
 */
int ticket_review(__u32 key, __u32 place);

__noinline int ticket_review(__u32 key, __u32 place)
{
	struct shard *shard = tickets_shard(key);
	struct l4gate_tickets *head = tickets_head(key);
	struct l4gate_line *line;
	__u32 serial;
	__u64 word;

	line = ticket_line(key, place / WORDS);
	if (!shard || !head || !line)
		return 0;
	place %= WORDS;
	serial = READ_ONCE(head->serial);
	word = READ_ONCE(line->word[place]);
	if (!word || !ticket_is_over(word))
		return 0;
	if (dry)
		return 1;
	bpf_spin_lock(&shard->lock);
	if (head->serial == serial && line->word[place] == word) {
		WRITE_ONCE(line->word[place], 0);
		head->taken--;
	}
	bpf_spin_unlock(&shard->lock);
	return 1;
}

/*
 * Takes back what is over in both lines of a hash, if these are full, or in those
 * whose turn it is; how many. explain counts them, and leaves them there.
 */
static __always_inline __u32 tickets_review(const struct tickets *tickets,
					   __u32 key, __u64 hash)
{
	__u32 rows = tickets->head->chunks * L4GATE_CHUNK_LINES, i;
	__u32 first = ticket_first(hash, rows);
	__u32 second = ticket_second(hash, rows), found = 0;

	if (tickets_have_place(tickets)) {
		first = tickets->head->hand * L4GATE_CHUNK_LINES % (rows ?: 1);
		second = first + 1;
		if (!dry)
			tickets->head->hand++;
	}
#pragma nounroll
	for (i = 0; i < 2 * WORDS; i++)
		found += ticket_review(key, (i < WORDS ? first : second) * WORDS +
					    i % WORDS);
	return found;
}

/*
 * Whether there is a ticket for a flow that is about to be made, or it has one
 * already, from its life before. Global, for the verifier to look at it once.
 */
int ticket_ask(__u32 key, __u64 hash);

__noinline int ticket_ask(__u32 key, __u64 hash)
{
	struct tickets tickets;
	__u32 found = 0;

	if (!tickets_open(&tickets, key, hash))
		return false;
	if (tickets_have(&tickets, hash))
		return true;
	if (tickets_are_scarce(&tickets))
		found = tickets_review(&tickets, key, hash);
	if (dry && found)
		return tickets.head->taken - found < tickets.max_flows;
	return tickets_have_room(&tickets);
}

/*
 * Gives a ticket to a flow that was made just now, in the line that has more room.
 * Whether it has one. Global, for the verifier to look at it once.
 */
int ticket_take(__u32 key, __u64 hash);

__noinline int ticket_take(__u32 key, __u64 hash)
{
	struct shard *shard = tickets_shard(key);
	struct tickets tickets;
	struct l4gate_line *line;
	bool has;

	if (!shard || !tickets_open(&tickets, key, hash))
		return false;
	if (dry)
		return true;
	bpf_spin_lock(&shard->lock);
	has = tickets_have(&tickets, hash);
	if (!has && tickets_have_room(&tickets)) {
		line = line_count(tickets.second, 0) > line_count(tickets.first, 0) ?
		       tickets.second : tickets.first;
		has = line_enter(line, hash, 0, WORDS);
		tickets.head->taken++;
	}
	WRITE_ONCE(tickets.head->serial, tickets.head->serial + 1);
	bpf_spin_unlock(&shard->lock);
	return has;
}

#endif /* L4GATE_BPF_TICKET_H */
