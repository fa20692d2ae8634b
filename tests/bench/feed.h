/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Streams of packets through a program, behind feed.bpf.c, and their time. */
#ifndef BENCH_FEED_H
#define BENCH_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "l4gate/reasons.h"
#include "packet.h"
#include "shared.h"

struct bench_feed_bpf;

struct feed {
	struct bench_feed_bpf *skeleton;
	struct feed_tuple *tuples;	/* FEED_TUPLES, mapped */
	uint32_t used;
	unsigned int ifindex;
	int next[2];			/* programs behind it, XDP and TC */
};

/* Packets of one kind; as many as it has room for. */
struct stream {
	struct feed_stream feed;
	uint32_t size;			/* bytes of a frame */
	uint32_t room;
	uint16_t ip_sum, l4_sum;	/* of the frame without a tuple */
};

/* Two ends, the addresses by their last 32 bits. */
struct ends {
	__be32 src, dst;
	__be16 sport, dport;
};

void feed_open(struct feed *feed, unsigned int ifindex);
void feed_close(struct feed *feed);

/* Forgets all streams and programs. */
void feed_forget(struct feed *feed);

/* Makes a stream with room for as many packets. */
void stream_open(struct feed *feed, struct stream *stream, uint32_t room);

/*
 * What all of its packets have in common: shape->src and dst end in 32 zero
 * bits, and the ports are 0. The packets have to be set again.
 */
void stream_shape(struct stream *stream, const struct shape *shape);

/* Packet i of a stream. */
void stream_set(struct feed *feed, struct stream *stream, uint32_t i,
		const struct ends *ends);

/*
 * Other flags and another sequence number for the first `count` packets of a stream
 * of TCP.
 */
void stream_change_tcp(struct feed *feed, struct stream *stream, uint32_t count,
		       uint8_t flags, uint32_t sequence);

/* Puts the packets of a full stream in random order. */
void stream_shuffle(struct feed *feed, struct stream *stream);

/* Random 64 bits, the same in each run. */
uint64_t bench_random(void);

/* Puts a program behind the feed of a hook; takes a while. */
void feed_set_program(struct feed *feed, enum l4gate_hook hook, int program);

/*
 * Feeds packets out of the first `flows` of a stream, where it left off.
 * Returns ns a packet; the last one's verdict in *ret_action.
 */
double feed_run(struct feed *feed, enum l4gate_hook hook, int program,
		struct stream *stream, uint32_t flows, uint32_t packets,
		uint32_t *ret_action);

/*
 * Sends packets of a stream out of a device of this network namespace; seconds
 * that it took, without the milliseconds before and after that the kernel takes.
 */
double feed_live(struct feed *feed, unsigned int ifindex, struct stream *stream,
		 uint32_t flows, uint32_t packets, uint32_t batch);

/* This process alone on the last CPU, as far as the scheduler lets it be. */
void bench_prepare(void);

/* Ends the program with a message. */
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif /* BENCH_FEED_H */
