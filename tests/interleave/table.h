/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the flow tables hold. All that knows their layout is here. */
#ifndef INTERLEAVE_TABLE_H
#define INTERLEAVE_TABLE_H

#include "program.h"

/* Flows of nat, or of the other modes. */
void table_open(bool nat, const struct sizes *sizes);

/* The rows of a hash, if it is in the shard that is used here. */
bool table_rows(uint64_t hash, uint32_t *rows);

/* Enters a word in a half of an index that user space fills. */
void table_index(struct l4gate_line *lines, int half, uint32_t count,
		 uint64_t hash, uint32_t payload);

/* Flows that a row has room for, and that it has; those of all rows. */
int table_places(void);
int table_used_row(uint32_t row);
int table_used(void);

/* Takes what is in place `at` of a row away, as if it had been swept out. */
void table_drop(uint32_t row, int at);

/* The row in which a flow is, or -1. */
int table_row_of(uint64_t hash);

/* The state of a flow, or L4GATE_FLOW_FREE. */
int table_state(uint64_t hash);

/* What is wrong when all is quiet, or NULL. */
const char *table_check(void);

#endif /* INTERLEAVE_TABLE_H */
