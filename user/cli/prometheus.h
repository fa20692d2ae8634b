/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Prometheus' text format. Series: 6 a listener, 6 a route, 6 a backend. */
#ifndef L4GATE_CLI_PROMETHEUS_H
#define L4GATE_CLI_PROMETHEUS_H

#include <stdio.h>

#include "cli/view.h"

void prometheus_print(FILE *out, const struct view *view);

#endif /* L4GATE_CLI_PROMETHEUS_H */
