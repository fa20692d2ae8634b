// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Connections a second, and how long one takes: connect, a request of 16 bytes,
 * an answer, and an end by RST, which leaves no TIME_WAIT behind to run out of
 * ports by.
 *
 *   connect PORT                           answers, until it is killed
 *   connect ADDRESS PORT THREADS SECONDS   prints "RATE P50 P99 ERRORS"
 *
 * Latencies are in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 16
#define THREADS_MAX 64
#define SAMPLES_MAX 400000
#define EVENTS 64

struct worker {
	pthread_t thread;
	float *samples;
	size_t count, errors;
};

static struct sockaddr_in target;
static double end;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static void stop(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---------------------------------------------------------------- server */

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		stop("epoll_ctl");
}

static void answer(int fd)
{
	char message[MESSAGE];
	ssize_t size = read(fd, message, sizeof(message));

	if (size <= 0 || write(fd, message, size) != size)
		close(fd);
}

static void serve(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	int epoll = epoll_create1(0), count, i, accepted;
	struct epoll_event events[EVENTS];

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 4096))
		stop("listen");
	watch(epoll, fd);
	for (;;) {
		count = epoll_wait(epoll, events, EVENTS, -1);
		for (i = 0; i < count; i++) {
			if (events[i].data.fd != fd) {
				answer(events[i].data.fd);
				continue;
			}
			accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
			if (accepted >= 0)
				watch(epoll, accepted);
		}
	}
}

/* ---------------------------------------------------------------- client */

static bool exchange(void)
{
	struct timeval patience = { .tv_sec = 2 };
	struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	char message[MESSAGE] = "request";
	bool done;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	done = !connect(fd, (struct sockaddr *)&target, sizeof(target)) &&
	       write(fd, message, MESSAGE) == MESSAGE &&
	       read(fd, message, MESSAGE) == MESSAGE;
	close(fd);
	return done;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	double start;

	while ((start = now()) < end && worker->count < SAMPLES_MAX) {
		if (exchange())
			worker->samples[worker->count++] =
				(now() - start) * 1e6;
		else
			worker->errors++;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int print_results(const struct worker *workers, int threads,
			 double seconds)
{
	float *all = malloc((size_t)threads * SAMPLES_MAX * sizeof(*all));
	size_t count = 0, errors = 0;
	int i;

	if (!all)
		stop("malloc");
	for (i = 0; i < threads; i++) {
		memcpy(all + count, workers[i].samples,
		       workers[i].count * sizeof(*all));
		count += workers[i].count;
		errors += workers[i].errors;
	}
	if (!count) {
		fputs("no connection\n", stderr);
		return 1;
	}
	qsort(all, count, sizeof(*all), compare);
	printf("%.0f %.1f %.1f %zu\n", count / seconds, all[count / 2],
	       all[count * 99 / 100], errors);
	free(all);
	return 0;
}

static int run_clients(int threads, double seconds)
{
	static struct worker workers[THREADS_MAX];
	double start = now();
	int i;

	end = start + seconds;
	for (i = 0; i < threads; i++) {
		workers[i].samples = calloc(SAMPLES_MAX, sizeof(float));
		if (!workers[i].samples ||
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			stop("thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	return print_results(workers, threads, now() - start);
}

int main(int argc, char **argv)
{
	int threads;

	if (argc == 2)
		serve(atoi(argv[1]));
	if (argc != 5) {
		fputs("connect PORT | connect ADDRESS PORT THREADS SECONDS\n",
		      stderr);
		return 2;
	}
	target.sin_family = AF_INET;
	target.sin_port = htons(atoi(argv[2]));
	threads = atoi(argv[3]);
	if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1 ||
	    threads < 1 || threads > THREADS_MAX) {
		fputs("connect: bad address or number of threads\n", stderr);
		return 2;
	}
	return run_clients(threads, atof(argv[4]));
}
