// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * A server that sends back what it gets, and a client that checks what comes
 * back. Linked statically, for guests that have nothing else.
 *
 *   traffic serve tcp|udp ADDRESS PORT
 *   traffic send tcp|udp ADDRESS PORT [SECONDS]
 *
 * The client sends 1 MiB over a connection, or datagrams of many sizes. It exits
 * with 1 if an answer is wrong, or does not come within SECONDS (5).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* More than a segment: several are under way at once. */
#define ROUND 65536
#define ROUNDS 16
/* What fits in a packet of 1500 bytes with an IPv6 header. */
#define DATAGRAM_MAX 1452
#define DATAGRAM_STEP 121

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t size;
	int type;
};

static unsigned char sent[ROUND], received[ROUND];

static __attribute__((noreturn, format(printf, 1, 2)))
void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* An address by numbers: looking up names can't be linked statically. */
static struct address parse_address(const char *protocol, const char *address,
				    const char *port)
{
	struct address to = { .type = !strcmp(protocol, "tcp") ? SOCK_STREAM :
								  SOCK_DGRAM };
	uint16_t number = htons(atoi(port));

	if (inet_pton(AF_INET, address, &to.v4.sin_addr) == 1) {
		to.v4.sin_family = AF_INET;
		to.v4.sin_port = number;
		to.size = sizeof(to.v4);
	} else if (inet_pton(AF_INET6, address, &to.v6.sin6_addr) == 1) {
		to.v6.sin6_family = AF_INET6;
		to.v6.sin6_port = number;
		to.size = sizeof(to.v6);
	} else {
		die("%s: not an address", address);
	}
	return to;
}

static int open_socket(const struct address *address)
{
	int fd = socket(address->any.sa_family, address->type, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	return fd;
}

static void send_all(int fd, const unsigned char *bytes, size_t size)
{
	ssize_t n;

	for (; size; bytes += n, size -= n) {
		n = send(fd, bytes, size, MSG_NOSIGNAL);
		if (n <= 0)
			die("send: %s", strerror(errno));
	}
}

static void echo_connection(int fd)
{
	ssize_t n;

	while ((n = recv(fd, received, sizeof(received), 0)) > 0)
		send_all(fd, received, n);
	close(fd);
}

static void serve_tcp(int fd)
{
	int peer;

	if (listen(fd, 16))
		die("listen: %s", strerror(errno));
	while ((peer = accept(fd, NULL, NULL)) >= 0) {
		/* A client that breaks off ends its own process alone. */
		if (!fork()) {
			echo_connection(peer);
			exit(0);
		}
		close(peer);
	}
	die("accept: %s", strerror(errno));
}

static void serve_udp(int fd)
{
	struct sockaddr_storage peer;
	socklen_t size;
	ssize_t n;

	for (;;) {
		size = sizeof(peer);
		n = recvfrom(fd, received, sizeof(received), 0,
			     (struct sockaddr *)&peer, &size);
		if (n >= 0)
			(void)sendto(fd, received, n, 0,
				     (struct sockaddr *)&peer, size);
	}
}

static void serve(const struct address *address)
{
	int fd = open_socket(address), on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address->any, address->size))
		die("bind: %s", strerror(errno));
	if (address->type == SOCK_STREAM)
		serve_tcp(fd);
	serve_udp(fd);
}

static void check(size_t size)
{
	if (memcmp(sent, received, size))
		die("what came back is not what was sent");
}

static void send_stream(int fd)
{
	size_t round, got;
	ssize_t n;

	for (round = 0; round < ROUNDS; round++) {
		send_all(fd, sent, ROUND);
		for (got = 0; got < ROUND; got += n) {
			n = recv(fd, received + got, ROUND - got, 0);
			if (n <= 0)
				die("%zu bytes came back: %s",
				    round * ROUND + got,
				    n ? strerror(errno) : "end of connection");
		}
		check(ROUND);
	}
}

static void send_datagrams(int fd)
{
	size_t size;
	ssize_t n;

	for (size = 0; size <= DATAGRAM_MAX; size += DATAGRAM_STEP) {
		if (send(fd, sent, size, 0) < 0)
			die("send: %s", strerror(errno));
		n = recv(fd, received, sizeof(received), 0);
		if (n < 0)
			die("no answer to %zu bytes: %s", size,
			    strerror(errno));
		if ((size_t)n != size)
			die("%zd bytes came back of %zu", n, size);
		check(size);
	}
}

static void send_and_check(const struct address *address, int seconds)
{
	struct timeval timeout = { .tv_sec = seconds };
	int fd = open_socket(address);
	size_t i;

	for (i = 0; i < ROUND; i++)
		sent[i] = (i * 2654435761u) >> 24;
	/* SO_SNDTIMEO limits connect() as well. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
			 sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
			 sizeof(timeout));
	if (connect(fd, &address->any, address->size))
		die("connect: %s", strerror(errno));
	if (address->type == SOCK_STREAM)
		send_stream(fd);
	else
		send_datagrams(fd);
}

int main(int argc, char **argv)
{
	struct address address;

	if (argc < 5)
		die("usage: traffic serve|send tcp|udp ADDRESS PORT [SECONDS]");
	address = parse_address(argv[2], argv[3], argv[4]);
	if (!strcmp(argv[1], "serve"))
		serve(&address);
	send_and_check(&address, argc > 5 ? atoi(argv[5]) : 5);
	return 0;
}
