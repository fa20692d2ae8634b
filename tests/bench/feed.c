// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "feed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_feed.skel.h"

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

void bench_prepare(void)
{
	cpu_set_t cpus;
	FILE *file;

	CPU_ZERO(&cpus);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) ||
	    setpriority(PRIO_PROCESS, 0, -20))
		die("a CPU of its own: %s", strerror(errno));
	/* Among sessions, nice values count only where the kernel groups none. */
	(void)setsid();
	file = fopen("/proc/self/autogroup", "we");
	if (file) {
		fputs("-20", file);
		fclose(file);
	}
}

void feed_open(struct feed *feed, unsigned int ifindex)
{
	void *tuples;

	memset(feed, 0, sizeof(*feed));
	feed_forget(feed);
	feed->ifindex = ifindex;
	feed->skeleton = bench_feed_bpf__open_and_load();
	if (!feed->skeleton)
		die("feed.bpf.o does not load: %s", strerror(errno));
	tuples = mmap(NULL, FEED_TUPLES * sizeof(*feed->tuples),
		      PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(feed->skeleton->maps.feed_tuples), 0);
	if (tuples == MAP_FAILED)
		die("feed_tuples: %s", strerror(errno));
	feed->tuples = tuples;
}

void feed_close(struct feed *feed)
{
	munmap(feed->tuples, FEED_TUPLES * sizeof(*feed->tuples));
	bench_feed_bpf__destroy(feed->skeleton);
}

void feed_forget(struct feed *feed)
{
	feed->used = 0;
	feed->next[0] = feed->next[1] = -1;
}

void stream_open(struct feed *feed, struct stream *stream, uint32_t room)
{
	memset(stream, 0, sizeof(*stream));
	if (feed->used + room > FEED_TUPLES)
		die("more than %d packets", FEED_TUPLES);
	stream->feed.first = feed->used;
	stream->room = room;
	feed->used += room;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16);
}

static uint32_t words(uint32_t value)
{
	return (value & 0xffff) + (value >> 16);
}

static uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

void stream_shape(struct stream *stream, const struct shape *shape)
{
	size_t l4 = shape->v6 ? 54 : 34;
	struct frame frame;

	frame_build(&frame, shape);
	stream->size = frame.size;
	stream->feed.size = frame.size;
	stream->feed.is_v6 = shape->v6;
	stream->feed.is_udp = shape->udp;
	memcpy(stream->feed.frame, frame.bytes, FEED_HEADERS);
	stream->ip_sum = ~get16(frame.bytes + 24);
	stream->l4_sum = ~get16(frame.bytes + l4 + (shape->udp ? 6 : 16));
}

void stream_set(struct feed *feed, struct stream *stream, uint32_t i,
		const struct ends *ends)
{
	uint32_t addrs = words(ends->src) + words(ends->dst);
	uint16_t check = ~fold(stream->l4_sum + addrs + ends->sport +
			       ends->dport);

	if (stream->feed.is_udp && !check)
		check = 0xffff;
	feed->tuples[stream->feed.first + i] = (struct feed_tuple){
		.src = ends->src,
		.dst = ends->dst,
		.sport = ends->sport,
		.dport = ends->dport,
		.ip_check = ~fold(stream->ip_sum + addrs),
		.l4_check = check,
	};
}

/* Changes a word of the frame, and the sum with it. */
static void set16(struct stream *stream, size_t at, uint16_t value)
{
	uint16_t old = get16(stream->feed.frame + at);

	stream->l4_sum = fold(stream->l4_sum + (0xffff - old) + value);
	memcpy(stream->feed.frame + at, &value, sizeof(value));
}

void stream_change_tcp(struct feed *feed, struct stream *stream, uint32_t count,
		       uint8_t flags, uint32_t sequence)
{
	size_t l4 = stream->feed.is_v6 ? 54 : 34;
	uint32_t i;

	set16(stream, l4 + 4, htons(sequence >> 16));
	set16(stream, l4 + 6, htons(sequence));
	set16(stream, l4 + 12, htons(0x5000 | flags));
	for (i = 0; i < count; i++) {
		const struct feed_tuple *tuple =
			&feed->tuples[stream->feed.first + i];
		struct ends ends = {
			.src = tuple->src,
			.dst = tuple->dst,
			.sport = tuple->sport,
			.dport = tuple->dport,
		};

		stream_set(feed, stream, i, &ends);
	}
}

/* xorshift64. */
uint64_t bench_random(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void stream_shuffle(struct feed *feed, struct stream *stream)
{
	struct feed_tuple *tuples = feed->tuples + stream->feed.first, tuple;
	uint32_t i, other;

	for (i = stream->room; i > 1; i--) {
		other = bench_random() % i;
		tuple = tuples[other];
		tuples[other] = tuples[i - 1];
		tuples[i - 1] = tuple;
	}
}

/* Waits for RCU, so only if it is a new one. */
void feed_set_program(struct feed *feed, enum l4gate_hook hook, int program)
{
	bool xdp = hook == L4GATE_HOOK_XDP;
	struct bpf_map *map = xdp ? feed->skeleton->maps.feed_xdp_next :
				    feed->skeleton->maps.feed_tc_next;
	uint32_t key = 0;

	if (feed->next[!xdp] == program)
		return;
	if (bpf_map_update_elem(bpf_map__fd(map), &key, &program, BPF_ANY))
		die("the program can't be called: %s", strerror(errno));
	feed->next[!xdp] = program;
}

/* One test run; its ns a packet. */
static double test_run(const struct feed *feed, enum l4gate_hook hook,
		       const struct stream *stream, uint32_t packets,
		       uint32_t *ret_action)
{
	struct xdp_md xdp = { .ingress_ifindex = feed->ifindex,
			      .data_end = stream->size };
	struct __sk_buff skb = { .ifindex = feed->ifindex };
	struct frame frame = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes,
		    .data_size_in = stream->size, .repeat = packets);
	struct bpf_program *program;

	memcpy(frame.bytes, stream->feed.frame, FEED_HEADERS);
	if (hook == L4GATE_HOOK_XDP) {
		program = feed->skeleton->progs.feed_xdp;
		options.ctx_in = &xdp;
		options.ctx_size_in = sizeof(xdp);
	} else {
		program = feed->skeleton->progs.feed_tc;
		options.ctx_in = &skb;
		options.ctx_size_in = sizeof(skb);
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &options))
		die("test run: %s", strerror(errno));
	*ret_action = options.retval;
	return options.duration;
}

/* Puts the stream, or what has become of it, into the program's map. */
static void write_stream(const struct feed *feed, struct stream *stream,
			 uint32_t flows)
{
	uint32_t key = 0;

	stream->feed.count = flows;
	if (stream->feed.next >= flows)
		stream->feed.next = 0;
	if (bpf_map_update_elem(bpf_map__fd(feed->skeleton->maps.feed_stream),
				&key, &stream->feed, BPF_ANY))
		die("feed_stream: %s", strerror(errno));
}

static void read_stream(const struct feed *feed, struct stream *stream)
{
	uint32_t key = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(feed->skeleton->maps.feed_stream),
				&key, &stream->feed))
		die("feed_stream: %s", strerror(errno));
	if (feed->skeleton->bss->feed_failed)
		die("frames too short for their headers");
}

double feed_run(struct feed *feed, enum l4gate_hook hook, int program,
		struct stream *stream, uint32_t flows, uint32_t packets,
		uint32_t *ret_action)
{
	double ns;

	feed_set_program(feed, hook, program);
	write_stream(feed, stream, flows);
	ns = test_run(feed, hook, stream, packets, ret_action);
	read_stream(feed, stream);
	return ns;
}

double feed_live(struct feed *feed, unsigned int ifindex, struct stream *stream,
		 uint32_t flows, uint32_t packets, uint32_t batch)
{
	struct frame frame = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes,
		    .data_size_in = stream->size, .repeat = packets,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = batch);
	int program = bpf_program__fd(feed->skeleton->progs.feed_frames);

	memcpy(frame.bytes, stream->feed.frame, FEED_HEADERS);
	feed->skeleton->bss->feed_out = ifindex;
	write_stream(feed, stream, flows);
	if (bpf_prog_test_run_opts(program, &options))
		die("live frames: %s", strerror(errno));
	read_stream(feed, stream);
	return (double)options.duration * packets / 1e9;
}
