/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef L4GATE_UTIL_LOG_H
#define L4GATE_UTIL_LOG_H

/* Sends libbpf's messages to stderr from -v on (-vv: all), else nowhere. */
void log_init(int verbose);

#endif /* L4GATE_UTIL_LOG_H */
