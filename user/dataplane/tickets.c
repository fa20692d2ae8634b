// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/tickets.h"

#include <errno.h>
#include <string.h>

#include "l4gate/hash.h"

#define CHUNK_PLACES (L4GATE_CHUNK_LINES * L4GATE_LINE_WORDS)

/* Up to one chunk of them, all are looked at; of more, a third stays empty. */
uint32_t tickets_chunks(uint32_t max_flows)
{
	if (max_flows <= CHUNK_PLACES)
		return 2;
	return 1 + (max_flows * UINT64_C(3) / 2 + CHUNK_PLACES - 1) /
	       CHUNK_PLACES;
}

int tickets_plan(const struct plan_node *node, const struct state_route *old,
		 struct pool *chunks, struct plan_route *to)
{
	uint32_t max_flows = to->image->max_flows, needed;

	/* What the flow tables can't hold is no limit. */
	if (!max_flows || (node->places && max_flows >= node->places))
		return 0;
	to->flags |= L4GATE_ROUTE_F_MAX_FLOWS;
	needed = tickets_chunks(max_flows);
	if (old && old->tickets.chunk < chunks->count &&
	    old->tickets.chunks <= chunks->count - old->tickets.chunk)
		to->tickets_were = old->tickets;
	to->tickets = to->tickets_were;
	if (to->tickets.chunks >= needed)
		return 0;
	to->new_tickets = true;
	to->tickets.chunks = needed;
	to->tickets.chunk = pool_find(chunks, needed);
	return to->tickets.chunk >= chunks->count ? -E2BIG : 0;
}

/* The line of a row; the first chunk has none. */
static struct l4gate_line *line_at(union l4gate_chunk *chunks,
				   struct state_run run, uint32_t row)
{
	return &chunks[run.chunk + 1 + row / L4GATE_CHUNK_LINES]
			.line[row % L4GATE_CHUNK_LINES];
}

static bool line_enter(struct l4gate_line *line, uint64_t hash)
{
	int i;

	for (i = 0; i < L4GATE_LINE_WORDS; i++)
		if (!line->word[i]) {
			line->word[i] = hash;
			return true;
		}
	return false;
}

void tickets_write(union l4gate_chunk *chunks, struct state_run from,
		   struct state_run to)
{
	struct l4gate_tickets *head = &chunks[to.chunk].tickets;
	uint32_t rows = (to.chunks - 1) * L4GATE_CHUNK_LINES, row;
	int i;

	memset(chunks + to.chunk, 0, to.chunks * sizeof(*chunks));
	head->chunks = to.chunks - 1;
	for (row = 0; row + L4GATE_CHUNK_LINES < from.chunks * L4GATE_CHUNK_LINES; row++) {
		const struct l4gate_line *line = line_at(chunks, from, row);

		for (i = 0; i < L4GATE_LINE_WORDS; i++) {
			uint64_t hash = line->word[i];

			if (hash)
				head->taken +=
					line_enter(line_at(chunks, to, ticket_first(hash, rows)), hash) ||
					line_enter(line_at(chunks, to, ticket_second(hash, rows)), hash);
		}
	}
}
