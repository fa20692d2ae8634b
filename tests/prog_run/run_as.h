/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A frame and the reason that it leaves by. To be included after cmocka.h. */
#ifndef TESTS_RUN_AS_H
#define TESTS_RUN_AS_H

/* Runs a frame, which has to be counted once as that; the action. */
static inline int run_as(enum l4gate_hook hook, const struct frame *in,
			 struct frame *out, enum l4gate_reason reason)
{
	uint64_t before = stats_reason(node.dataplane, hook, reason).packets;
	int action = node_run(hook, in, out);

	if (stats_reason(node.dataplane, hook, reason).packets != before + 1)
		fail_msg("hook %d: not counted as %s", hook,
			 reason_names[reason]);
	return action;
}

#endif /* TESTS_RUN_AS_H */
