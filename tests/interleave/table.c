// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "table.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/lines.h"

#define SHARD 7

static struct {
	bool nat;
	struct sizes sizes;
} table;

void table_open(bool nat, const struct sizes *sizes)
{
	table.nat = nat;
	table.sizes = *sizes;
}

bool table_rows(uint64_t hash, uint32_t *rows)
{
	rows[0] = row_first(hash, table.sizes.rows);
	rows[1] = row_other(rows[0], hash, table.sizes.rows);
	return (hash & (L4GATE_SHARDS - 1)) == SHARD;
}

void table_index(struct l4gate_line *lines, int half, uint32_t count,
		 uint64_t hash, uint32_t payload)
{
	if (lines_enter(lines + half * count, count / L4GATE_SHARDS, hash,
			payload)) {
		fputs("table: no room in an index\n", stderr);
		exit(2);
	}
}

static struct l4gate_line *row_line(uint32_t row)
{
	uint32_t number = line_number(row, SHARD);

	return table.nat ? program_entries(number) : program_words(number);
}

static struct l4gate_record *record_of(uint32_t row)
{
	return program_record(line_number(row, SHARD));
}

int table_places(void)
{
	return table.nat ? L4GATE_LINE_ENTRIES : L4GATE_LINE_WORDS;
}

/* Whether a word, or the hash of an entry, is that of a flow. */
static bool is_of(uint64_t word, uint64_t hash)
{
	if (table.nat)
		return word == hash;
	return word && !((word ^ hash) >> L4GATE_PAYLOAD_BITS);
}

/* A flow's word, or the value of its entry; 0: none. How often, in *ret_count. */
static uint64_t find(uint64_t hash, int *ret_count, int *ret_row)
{
	uint32_t row;
	uint64_t found = 0;
	int i;

	*ret_count = 0;
	*ret_row = -1;
	for (row = 0; row < table.sizes.rows; row++)
		for (i = 0; i < table_places(); i++) {
			const struct l4gate_line *line = row_line(row);

			if (!is_of(line->word[i], hash))
				continue;
			found = table.nat ?
				line->word[L4GATE_LINE_ENTRIES + i] :
				line->word[i];
			++*ret_count;
			*ret_row = row;
		}
	return found;
}

int table_used_row(uint32_t row)
{
	int count = 0, i;

	for (i = 0; i < table_places(); i++)
		count += !!row_line(row)->word[i];
	return count;
}

int table_used(void)
{
	uint32_t row;
	int count = 0;

	for (row = 0; row < table.sizes.rows; row++)
		count += table_used_row(row);
	return count;
}

/* The hash of the flow that has a record. */
static uint64_t record_hash(uint32_t row)
{
	const struct l4gate_record *record = record_of(row);
	bool v6 = record->value & L4GATE_RECORD_F_IPV6;
	struct l4gate_addr client = { { record->key >> 32 } };

	if (v6)
		client = *program_client6(line_number(row, SHARD));
	return program_flow_hash(v6, &client, record->key >> 16, record->key);
}

/* The row of a flow's live record, or the number of rows. */
static uint32_t record_row(uint64_t hash)
{
	uint32_t row;

	for (row = 0; row < table.sizes.records; row++)
		if ((record_of(row)->value & L4GATE_RECORD_STATE) &&
		    record_hash(row) == hash)
			break;
	return row;
}

void table_drop(uint32_t row, int at)
{
	__u64 *word = &row_line(row)->word[at];

	if (table.nat)
		record_of(record_row(*word))->value = 0;
	*word = 0;
}

int table_row_of(uint64_t hash)
{
	int count, row;

	find(hash, &count, &row);
	return row;
}

int table_state(uint64_t hash)
{
	int count, row;
	uint64_t found = find(hash, &count, &row);

	if (!count)
		return L4GATE_FLOW_FREE;
	return table.nat ? found & L4GATE_RECORD_STATE :
	       found >> L4GATE_WORD_STATE_SHIFT & L4GATE_RECORD_STATE;
}

/* What both halves of a flow of nat say; an entry has its port besides. */
static uint64_t common(uint64_t value)
{
	return value & ~(0xffffULL << L4GATE_RECORD_PORT_SHIFT);
}

/* A word has the bits that say its hash, but for those of its shard. */
static const char *check_place(const struct l4gate_line *line, int at)
{
	uint64_t hash = line->word[at];
	int count, row;
	uint32_t record;

	find(hash, &count, &row);
	if (count != 1)
		return "two places of one flow";
	if (!table.nat)
		return NULL;
	record = record_row(hash);
	if (record == table.sizes.records)
		return "an entry without a record";
	if (common(record_of(record)->value) !=
	    common(line->word[L4GATE_LINE_ENTRIES + at]))
		return "an entry and a record that say different things";
	return NULL;
}

static const char *check_record(uint32_t row)
{
	uint32_t state = record_of(row)->value & L4GATE_RECORD_STATE;
	int count, at;

	if (!state)
		return NULL;
	if (state == L4GATE_FLOW_CLAIMED)
		return "a record that stays claimed";
	find(record_hash(row), &count, &at);
	if (!count)
		return "a record without an entry";
	return record_row(record_hash(row)) == row ?
	       NULL : "two records of one flow";
}

static int half_open(void)
{
	const struct l4gate_line *line;
	uint32_t row;
	int count = 0, i;

	for (row = 0; row < table.sizes.rows; row++) {
		line = row_line(row);
		for (i = 0; i < table_places(); i++)
			count += line->word[i] && program_is_half_open(
				table.nat,
				line->word[i + (table.nat ? L4GATE_LINE_ENTRIES :
							    0)]);
	}
	return count;
}

const char *table_check(void)
{
	const char *wrong = NULL;
	uint32_t row;
	int i;

	for (row = 0; row < table.sizes.rows; row++)
		for (i = 0; i < table_places() && !wrong; i++)
			if (row_line(row)->word[i])
				wrong = check_place(row_line(row), i);
	if (table.nat)
		for (row = 0; row < table.sizes.records && !wrong; row++)
			wrong = check_record(row);
	/* Those that were displaced are counted until their time is over. */
	if (!wrong && half_open() > program_half_open())
		wrong = "a half-open flow that is not counted";
	return wrong;
}
