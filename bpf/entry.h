/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Entries: the half of a flow of nat that its client's packets lead to; and what
 * changes both halves, always under the lock of their shard (table.h). An entry has
 * the whole hash of its flow: of IPv4 that is as good as the key, for the hash is a
 * bijection.
 *
 * - A record changes hands from FREE, from a state whose timeout has passed, or,
 *   when there is no other room, from one that is not worth a new flow (up to
 *   UNREPLIED). An established flow is never taken before its timeout, so that no
 *   flood of SYNs or datagrams can push one out.
 * - BPF programs can't be killed in the middle, and locks are never nested.
 */
#ifndef L4GATE_BPF_ENTRY_H
#define L4GATE_BPF_ENTRY_H

#include "flow_state.h"
#include "half_open.h"
#include "record.h"
#include "scratch.h"

/* What nat_insert() returns instead of a value, which are all larger. */
enum {
	NAT_NO_ROOM,
	NAT_AGAIN,		/* another CPU was faster with some of it */
};

static __always_inline __u64 line_entry(const struct l4gate_line *line,
					__u64 hash)
{
	int i;

#pragma unroll
	for (i = 0; i < ENTRIES; i++) {
		__u64 value;

		if (READ_ONCE(line->word[i]) != hash)
			continue;
		value = READ_ONCE(line->word[ENTRIES + i]);
		asm volatile("" ::: "memory");
		if (READ_ONCE(line->word[i]) == hash)
			return value;
	}
	return 0;
}

/*
 * The value of a flow's entry, or 0. As word_find(), and not one code with it: so
 * it was 4 ns more for each packet of transparent mode, by where clang put things.
 */
static __always_inline __u64 entry_find(__u64 hash)
{
	__u32 row = row_first(hash, entry_rows);
	struct l4gate_line *first, *second;
	__u64 value = 0;

	first = line_get(&l4gate_entries, 0, row, hash);
	if (first)
		value = line_entry(first, hash);
	if (value)
		return value;
	second = line_get(&l4gate_entries, 0, row_other(row, hash, entry_rows),
			  hash);
	if (second)
		value = line_entry(second, hash);
	if (value)
		return value;
	return first ? line_entry(first, hash) : 0;
}

/* Starts to read the lines that a flow's entry may be in. */
static __always_inline void entry_touch(__u64 hash)
{
	struct lines lines;

	if (lines_open(&l4gate_entries, entry_rows, hash, &lines))
		lines_touch(&lines);
}

/* The value of a flow's entry in a line, or NULL. Locked. */
static __always_inline __u64 *entry_in(struct l4gate_line *line, __u64 hash)
{
	__u32 at = line_position(line, hash, ENTRIES);

	return at < ENTRIES ?
	       &line->word[ENTRIES + position_of(at, ENTRIES)] : NULL;
}

/* Takes the entry of a flow out of a line, if it is there and of that owner. Locked. */
static __always_inline bool entry_remove(struct l4gate_line *line, __u64 hash,
					 __u64 value)
{
	__u32 at = line_position(line, hash, ENTRIES);

	if (at >= ENTRIES)
		return false;
	at = position_of(at, ENTRIES);
	if (record_owner(line->word[ENTRIES + at]) == record_owner(value))
		WRITE_ONCE(line->word[at], 0);
	return true;
}

/* The address that backends see of flows with a number; NULL: none is known. */
static __always_inline struct l4gate_addr *source_get(__u8 family,
						      __u32 number)
{
	__u32 key = family * L4GATE_SOURCES + number;

	return bpf_map_lookup_elem(&l4gate_sources, &key);
}

/* A record that a new flow could have, and who would have to make room. */
struct claim {
	struct l4gate_record *at;
	struct l4gate_addr *client6;
	__u64 key;
	__u64 value;
	__u32 offset;		/* of its NAT port */
	__u32 worth;		/* to the flow that has it, */
	__u64 owner;		/* whose hash this is */
	struct l4gate_line *owner_first;
	struct l4gate_line *owner_second;
};

static __always_inline bool claim_open(struct claim *claim, __u64 place,
				       __u32 offset, __u64 now)
{
	__u32 number = record_at(place, offset);
	struct l4gate_addr client = {};
	struct lines lines;

	claim->offset = offset;
	claim->at = record_get(number);
	claim->client6 = client6_get(number);
	if (!claim->at || !claim->client6)
		return false;
	claim->value = READ_ONCE(claim->at->value);
	claim->key = READ_ONCE(claim->at->key);
	claim->worth = record_worth(claim->value, now);
	if (claim->value & L4GATE_RECORD_F_IPV6)
		client = *claim->client6;
	else
		client.w[0] = claim->key >> 32;
	claim->owner = flow_hash(claim->value & L4GATE_RECORD_F_IPV6 ?
				 L4GATE_IPV6 : L4GATE_IPV4, &client,
				 claim->key >> 16, claim->key);
	if (!lines_open(&l4gate_entries, entry_rows, claim->owner, &lines))
		return false;
	if (record_state(claim->value) != L4GATE_FLOW_FREE)
		lines_touch(&lines);
	claim->owner_first = lines.first;
	claim->owner_second = lines.second;
	return true;
}

/* Whether the record may be taken from whoever has it. Locked. */
static __always_inline bool claim_holds(const struct claim *claim)
{
	__u64 value = claim->at->value;

	return value == claim->value && claim->at->key == claim->key &&
	       (record_state(value) <= L4GATE_FLOW_UNREPLIED ||
		!claim->worth);
}

/* Writes the record of an entry with a value. Locked. */
static __always_inline void claim_write(const struct claim *claim,
					const struct scratch *scratch,
					__u64 value)
{
	WRITE_ONCE(claim->at->value,
		   record_next_serial(claim->value) | L4GATE_FLOW_CLAIMED);
	asm volatile("" ::: "memory");
	WRITE_ONCE(claim->at->key, scratch->seed.key);
	if (scratch->packet.family == L4GATE_IPV6) {
		WRITE_ONCE(claim->client6->w[0], scratch->packet.src.w[0]);
		WRITE_ONCE(claim->client6->w[1], scratch->packet.src.w[1]);
		WRITE_ONCE(claim->client6->w[2], scratch->packet.src.w[2]);
		WRITE_ONCE(claim->client6->w[3], scratch->packet.src.w[3]);
	}
	asm volatile("" ::: "memory");
	WRITE_ONCE(claim->at->value, record_bare(value));
}

static __always_inline __u64 claim_value(const struct claim *claim,
					 const struct scratch *scratch)
{
	__u64 value = record_next_serial(claim->value) | record_stamp(scratch->packet.now) |
		      first_state(scratch->packet.protocol);

	if (scratch->packet.family == L4GATE_IPV6)
		value |= L4GATE_RECORD_F_IPV6;
	value |= (__u64)scratch->seed.is_timed * L4GATE_FLOW_TIMED;
	value |= (__u64)scratch->seed.surplus * L4GATE_RECORD_SURPLUS;
	value |= (__u64)bpf_htons(nat_port_min + claim->offset) <<
		 L4GATE_RECORD_PORT_SHIFT;
	value |= (__u64)scratch->seed.source << L4GATE_RECORD_SOURCE_SHIFT;
	value |= (__u64)scratch->seed.backend << L4GATE_RECORD_BACKEND_SHIFT;
	return value;
}

/*
 * The record of an entry whose place is wanted; NULL if it can't be said: a flow to
 * a backend on this node has its client's address in the record only.
 */
static __always_inline struct l4gate_record *entry_record(__u64 value)
{
	__u8 family = value & L4GATE_RECORD_F_IPV6 ? L4GATE_IPV6 : L4GATE_IPV4;
	__u32 backend_id = record_backend(value), state = record_state(value);
	struct l4gate_backend *backend;
	struct l4gate_addr *source;
	__u8 protocol = IPPROTO_TCP;

	if (state == L4GATE_FLOW_UNREPLIED || state == L4GATE_FLOW_REPLIED)
		protocol = IPPROTO_UDP;
	backend = bpf_map_lookup_elem(&l4gate_backends, &backend_id);
	source = source_get(family, record_source(value));
	if (!backend || !source ||
	    record_source(value) == L4GATE_SOURCE_CLIENT)
		return NULL;
	return record_get(record_at(record_place(family, source,
						 &backend->addr, backend->port,
						 protocol),
				    record_offset(value)));
}

/*
 * Finds room in two full lines: an entry that can move or, if there is none, the
 * one that is worth least, and not more than most, whose record is *ret_record then.
 */
static __always_inline bool entries_make_room(struct displacement *result,
					      __u64 hash,
					      const struct lines *lines,
					      __u64 most,
					      struct l4gate_record **ret_record)
{
	__u64 best = FLOW_KEPT << 4, now = bpf_jiffies64();
	int i;

	if (lines_displace(result, &l4gate_entries, entry_rows, hash, lines,
			   ENTRIES))
		return true;
	for (i = 0; i < ENTRIES; i++) {
		__u64 a = record_worth(READ_ONCE(lines->first->word[ENTRIES + i]), now);
		__u64 b = record_worth(READ_ONCE(lines->second->word[ENTRIES + i]), now);

		best = lesser(best, lesser(a << 4 | i, b << 4 | 8 | i));
	}
	result->to = NULL;
	result->from = best & 8 ? lines->second : lines->first;
	result->at = best & (ENTRIES - 1);
	result->word = READ_ONCE(result->from->word[result->at]);
	result->value = READ_ONCE(result->from->word[ENTRIES + result->at]);
	*ret_record = entry_record(result->value);
	/* Of what is there by now: it may have been established meanwhile. */
	return record_worth(result->value, now) <= most && *ret_record;
}

/* Frees the record of an entry that lost its place. Locked. */
static __always_inline void record_drop(struct l4gate_record *record,
					__u64 entry)
{
	__u64 value = record->value;

	if (record_owner(value) == record_owner(entry))
		WRITE_ONCE(record->value,
			   value & ~(__u64)L4GATE_RECORD_STATE);
}

/*
 * Makes both halves of a new flow, which scratch describes, with the NAT port that
 * record_choose() said. Returns their value, with seed.is_new; or that of the same
 * flow, if another CPU made it in the meantime; or NAT_NO_ROOM or NAT_AGAIN. Global,
 * for the verifier to look at it once.
 */
__u64 nat_insert(__u64 hash, __u64 place, __u64 choice);

__noinline __u64 nat_insert(__u64 hash, __u64 place, __u64 choice)
{
	struct l4gate_record *dropped = NULL;
	struct scratch *scratch = scratch_get();
	struct shard *shard = shard_get(hash);
	__u64 now = bpf_jiffies64();
	struct displacement room = {};
	__u64 value, found = 0, *entry;
	bool can_displace = false, displaced = false;
	struct claim claim = {};
	struct lines lines;

	if (!scratch || !shard ||
	    !lines_open(&l4gate_entries, entry_rows, hash, &lines))
		return NAT_NO_ROOM;
	lines_touch(&lines);
	if (!claim_open(&claim, place, choice, now))
		return NAT_NO_ROOM;
	/* Another flow's by now, which is not to be evicted without need. */
	if (claim.worth > choice >> 32)
		return NAT_AGAIN;
	if (line_room(lines.first, ENTRIES) == ENTRIES &&
	    line_room(lines.second, ENTRIES) == ENTRIES)
		can_displace = entries_make_room(&room, hash, &lines,
						 displaces_most(scratch->seed.surplus),
						 &dropped);
	value = claim_value(&claim, scratch);
	scratch->seed.is_new = false;

	bpf_spin_lock(&shard->lock);
	entry = entry_in(lines.first, hash) ?: entry_in(lines.second, hash);
	if (entry) {
		found = *entry;
	} else if (!claim_holds(&claim)) {
		found = NAT_AGAIN;
	} else if (line_enter(lines.first, hash, value, ENTRIES) ||
		   line_enter(lines.second, hash, value, ENTRIES) ||
		   (displaced = can_displace &&
				displace(&room, hash, value, ENTRIES))) {
		if (displaced && dropped)
			record_drop(dropped, room.value);
		if (record_state(claim.value) != L4GATE_FLOW_FREE &&
		    !entry_remove(claim.owner_first, claim.owner, claim.value))
			entry_remove(claim.owner_second, claim.owner,
				     claim.value);
		claim_write(&claim, scratch, value);
		scratch->seed.is_new = true;
		found = value;
	} else {
		found = can_displace ? NAT_AGAIN : NAT_NO_ROOM;
	}
	bpf_spin_unlock(&shard->lock);
	return found;
}

/*
 * Takes an event into both halves of a flow: by its hash, by the number of its
 * record, and by the value that was read. EVENT_END ends the flow. listener: its
 * own, whose half-open flows are counted; those that are ended are until they would
 * have timed out.
 */
int nat_change(__u64 hash, __u32 number, __u64 value, __u32 event,
	       __u32 listener);

__noinline int nat_change(__u64 hash, __u32 number, __u64 value, __u32 event,
			  __u32 listener)
{
	struct l4gate_record *record = record_get(number);
	const __u64 changes = (1ULL << L4GATE_RECORD_SERIAL_SHIFT) - 1;
	__u64 now = bpf_jiffies64(), note = 0, was = 0, life = 0, *entry;
	__u64 stamp = record_stamp(now) | (event & EVENT_TIMED);
	__u32 refresh = record_refresh(value);
	struct shard *shard = shard_get(hash);
	struct lines lines;
	bool ours;

	if (!record || !shard ||
	    !lines_open(&l4gate_entries, entry_rows, hash, &lines))
		return 0;
	bpf_spin_lock(&shard->lock);
	entry = entry_in(lines.first, hash) ?: entry_in(lines.second, hash);
	ours = record_owner(record->value) == record_owner(value);
	if (entry && record_owner(*entry) == record_owner(value))
		was = *entry;
	/*
	 * An entry goes without its record, too: a backend's number may be another's
	 * by now, and then number is not the record of the flow that had it.
	 */
	if ((event & EVENT_END) && !entry_remove(lines.first, hash, value))
		entry_remove(lines.second, hash, value);
	if ((event & EVENT_END) && ours)
		WRITE_ONCE(record->value,
			   record->value & ~(__u64)L4GATE_RECORD_STATE);
	if (!(event & EVENT_END) && ours && was) {
		life = stamp | life_next(was & L4GATE_RECORD_LIFE, event);
		life |= was & ~changes;
		/* The note is old if the time was. */
		if (record_idle(was, now) <= refresh)
			note = record->value & ~record_bare(~0ULL);
		WRITE_ONCE(*entry, life);
		WRITE_ONCE(record->value, record_bare(life) | note);
	} else if (!(event & EVENT_END)) {
		was = 0;
	}
	bpf_spin_unlock(&shard->lock);
	half_open_turn(listener, record_counted(was), record_counted(life));
	return 0;
}

/* Notes in a record the way to its client. */
int record_take_note(__u32 number, __u64 value, __u32 note);

__noinline int record_take_note(__u32 number, __u64 value, __u32 note)
{
	struct l4gate_record *record = record_get(number);
	struct shard *shard = shard_get(number);

	if (!record || !shard)
		return 0;
	bpf_spin_lock(&shard->lock);
	if (record_owner(record->value) == record_owner(value))
		WRITE_ONCE(record->value, record_bare(record->value) |
			   (__u64)(note & 0xffff) << L4GATE_RECORD_NOTE_SHIFT);
	bpf_spin_unlock(&shard->lock);
	return 0;
}

#endif /* L4GATE_BPF_ENTRY_H */
