// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Packets that explain is asked about: as text, and as frames. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cli/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_ends(void **state)
{
	static const struct {
		const char *text;
		const char *again;	/* NULL: refused */
	} cases[] = {
		{ "192.0.2.1:80", "192.0.2.1:80" },
		{ "[2001:db8::1]:65535", "[2001:db8::1]:65535" },
		{ "[2001:DB8:0::1]:1", "[2001:db8::1]:1" },
		{ "192.0.2.1:0", "192.0.2.1:0" },
		{ "192.0.2.1", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1:-1", NULL },
		{ "192.0.2.1:80x", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "192.0.2.256:80", NULL },
		{ "[192.0.2.1]:80", NULL },
		{ "2001:db8::1:80", NULL },
		{ "[2001:db8::1:80", NULL },
		{ "2001:db8::1]:80", NULL },
		{ "[2001:db8::1]80", NULL },
		{ "[:80", NULL },
		{ "[]:80", NULL },
		{ ":80", NULL },
		{ "host:80", NULL },
		{ "", NULL },
	};
	char text[INET_TEXT_MAX];
	struct inet_addr addr;
	uint16_t port;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int error = probe_parse_end(cases[i].text, &addr, &port);

		if (!cases[i].again) {
			if (error != -EINVAL)
				fail_msg("%s: not refused", cases[i].text);
			continue;
		}
		if (error)
			fail_msg("%s: refused", cases[i].text);
		assert_string_equal(inet_format_port(&addr, port, text),
				    cases[i].again);
	}
}

static void test_flags(void **state)
{
	static const struct {
		const char *text;
		const char *again;
		int flags;	/* -1: refused */
	} cases[] = {
		{ "SYN", "SYN", 0x02 },
		{ "syn|ack", "SYN|ACK", 0x12 },
		{ "ACK,FIN", "FIN|ACK", 0x11 },
		{ "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR",
		  "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR", 0xff },
		{ "", NULL, -1 },
		{ "SYN|", NULL, -1 },
		{ "|SYN", NULL, -1 },
		{ "SY", NULL, -1 },
		{ "SYNC", NULL, -1 },
	};
	char text[PROBE_FLAGS_MAX];
	uint8_t flags;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int error = probe_parse_flags(cases[i].text, &flags);

		assert_int_equal(error, cases[i].flags < 0 ? -EINVAL : 0);
		if (error)
			continue;
		assert_int_equal(flags, cases[i].flags);
		assert_string_equal(probe_format_flags(flags, text),
				    cases[i].again);
	}
}

/* Of 16-bit words, 0 where a checksum among them is right (RFC 1071). */
static uint16_t sum(const uint8_t *at, size_t size, uint32_t start)
{
	size_t i;

	for (i = 0; i < size; i += 2)
		start += at[i] << 8 | (i + 1 < size ? at[i + 1] : 0);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return ~start;
}

static void expect_frame(const char *src, const char *dst, uint8_t protocol)
{
	static const uint8_t mac[6] = { 0x02, 1, 2, 3, 4, 5 };
	struct probe probe = { .protocol = protocol, .flags = 0x12 }, again;
	size_t l4 = protocol == IPPROTO_TCP ? 20 : 8, size, header, addrs;
	uint8_t frame[PROBE_MAX];

	assert_int_equal(probe_parse_end(src, &probe.src, &probe.sport), 0);
	assert_int_equal(probe_parse_end(dst, &probe.dst, &probe.dport), 0);
	header = probe.src.family == L4GATE_IPV4 ? 20 : 40;
	addrs = probe.src.family == L4GATE_IPV4 ? 12 : 8;
	size = probe_build(&probe, mac, frame);
	assert_int_equal(size, 14 + header + l4 < 60 ? 60 : 14 + header + l4);
	assert_memory_equal(frame, mac, sizeof(mac));
	if (header == 20)
		assert_int_equal(sum(frame + 14, header, 0), 0);
	/* With the pseudo header: addresses, protocol and length. */
	assert_int_equal(sum(frame + 14 + addrs, header - addrs + l4,
			     protocol + l4), 0);
	assert_true(probe_read(frame, size, &again));
	assert_int_equal(inet_compare(&again.src, &probe.src), 0);
	assert_int_equal(inet_compare(&again.dst, &probe.dst), 0);
	assert_int_equal(again.sport, probe.sport);
	assert_int_equal(again.dport, probe.dport);
	assert_int_equal(again.protocol, protocol);
	if (protocol == IPPROTO_TCP)
		assert_int_equal(frame[14 + header + 13], 0x12);
}

static void test_frames(void **state)
{
	(void)state;
	expect_frame("192.0.2.1:1024", "198.51.100.7:80", IPPROTO_TCP);
	expect_frame("192.0.2.1:1024", "198.51.100.7:53", IPPROTO_UDP);
	expect_frame("[2001:db8::1]:65535", "[2001:db8::2]:80", IPPROTO_TCP);
	expect_frame("[2001:db8::1]:1", "[2001:db8::2]:53", IPPROTO_UDP);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
