// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Patterns of the API's strings, times, and how near two words are. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/format.h"
#include "util/inet.h"

static void test_patterns(void **state)
{
	static const struct {
		const struct format *format;
		const char *text;
		bool match;
	} cases[] = {
		{ &format_label, "a", true },
		{ &format_label, "a-1", true },
		{ &format_label, "1", true },
		{ &format_label, "-a", false },
		{ &format_label, "a-", false },
		{ &format_label, "a.b", false },
		{ &format_label, "A", false },
		{ &format_label, "", false },
		{ &format_optional_label, "", true },
		{ &format_optional_label, "a_b", false },
		{ &format_subdomain, "a.b-c.d", true },
		{ &format_subdomain, "a..b", false },
		{ &format_subdomain, ".a", false },
		{ &format_subdomain, "a.", false },
		{ &format_subdomain, "a.-b", false },
		{ &format_group, "", true },
		{ &format_group, "gateway.networking.k8s.io", true },
		{ &format_group, "a/b", false },
		{ &format_kind, "TCPRoute", true },
		{ &format_kind, "a-b", true },
		{ &format_kind, "1a", false },
		{ &format_kind, "a-", false },
		{ &format_kind, "a.b", false },
		{ &format_kind, "", false },
		{ &format_controller, "l4gate.dev/gateway-controller", true },
		{ &format_controller, "a/b/c~", true },
		{ &format_controller, "a/", false },
		{ &format_controller, "/a", false },
		{ &format_controller, "a/b c", false },
		{ &format_controller, "A/b", false },
		{ &format_protocol, "TCP", true },
		{ &format_protocol, "INVALID", true },
		{ &format_protocol, "my-protocol", true },
		{ &format_protocol, "example.com/bar", true },
		{ &format_protocol, "example.com/b-r", false },
		{ &format_protocol, "example.com", false },
		{ &format_protocol, "TCP-", false },
		{ &format_hostname, "example.com", true },
		{ &format_hostname, "*.example.com", true },
		{ &format_hostname, "*", false },
		{ &format_hostname, "a.*.com", false },
		{ &format_address_type, "IPAddress", true },
		{ &format_address_type, "NamedAddress", true },
		{ &format_address_type, "example.com/vip", true },
		{ &format_address_type, "IPv4", false },
		{ &format_qualified_name, "app", true },
		{ &format_qualified_name, "kubernetes.io/metadata.name", true },
		{ &format_qualified_name, "A_b.c", true },
		{ &format_qualified_name, "a/b/c", false },
		{ &format_qualified_name, "/a", false },
		{ &format_qualified_name, "A.b/c", false },
		{ &format_qualified_name, "_a", false },
		{ &format_label_value, "", true },
		{ &format_label_value, "1.2_3-x", true },
		{ &format_label_value, "a b", false },
		{ &format_label_value, "a.", false },
		{ &format_port_name, "http-2", true },
		{ &format_port_name, "80", false },
		{ &format_port_name, "a--b", false },
		{ &format_seed, "0123456789abcdefABCDEF0123456789", true },
		{ &format_seed, "0123456789abcdefABCDEF012345678", false },
		{ &format_seed, "0123456789abcdefABCDEF01234567890", false },
		{ &format_seed, "0123456789abcdefABCDEF012345678x", false },
		{ &format_nat_address, "192.0.2.1", true },
		{ &format_nat_address, "2001:DB8::1", true },
		{ &format_nat_address, "::ffff:192.0.2.1", false },
		{ &format_nat_address, "127.0.0.1", false },
		{ &format_nat_address, "::", false },
		{ &format_nat_address, "255.255.255.255", false },
		{ &format_range, "0.0.0.0/0", true },
		{ &format_range, "::/0", true },
		{ &format_range, "192.0.2.1/32", true },
		{ &format_range, "2001:db8::1/128", true },
		{ &format_range, "192.0.2.0/33", false },
		{ &format_range, "2001:db8::/129", false },
		{ &format_range, "2001:db8::/1000", false },
		{ &format_range, "192.0.2.0", false },
		{ &format_range, "192.0.2.0/", false },
		{ &format_range, "192.0.2.0/-1", false },
		{ &format_range, "192.0.2.0/+1", false },
		{ &format_range, "192.0.2.0/1 ", false },
		{ &format_range, "192.0.2.0/01", false },
		{ &format_range, "192.0.2/24", false },
		{ &format_range, "/24", false },
		{ &format_range, "::ffff:192.0.2.0/120", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (cases[i].format->match(cases[i].text) != cases[i].match)
			fail_msg("\"%s\" in case %zu", cases[i].text, i);
}

static void test_time(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-01-31T12:00:00Z", 1769860800 },
		{ "2026-01-31T12:00:00+00:00", 1769860800 },
		{ "2026-01-31T14:30:00+02:30", 1769860800 },
		{ "2026-01-31T04:00:00-08:00", 1769860800 },
		{ "2026-01-31T12:00:00.999999Z", 1769860800 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2000-02-29T00:00:00Z", 951782400 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};
	static const char *const bad[] = {
		"", "now", "2026-01-31", "2026-01-31T12:00:00",
		"2026-01-31 12:00:00Z", "2026-01-31t12:00:00z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-04-31T00:00:00Z", "2025-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
		"2026-01-31T12:00:60Z", "2026-01-31T12:00:00.Z",
		"2026-01-31T12:00:00+2:00", "2026-01-31T12:00:00+02:60",
		"2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00ZZ",
		"2026-1-31T12:00:00ZZZZ", "+026-01-31T12:00:00Z",
		"2026-01-31T12:00:00.5",
	};
	int64_t seconds;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		seconds = -7;
		if (time_parse(good[i].text, &seconds) ||
		    seconds != good[i].seconds)
			fail_msg("%s: %lld", good[i].text, (long long)seconds);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (time_parse(bad[i], &seconds) != -EINVAL)
			fail_msg("%s: taken", bad[i]);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *shortest;
	} good[] = {
		{ "0s", 0, "0s" },
		{ "0h0m0s0ms", 0, "0s" },
		{ "1ms", 1, "1ms" },
		{ "999ms", 999, "999ms" },
		{ "1s", 1000, "1s" },
		{ "90s", 90000, "1m30s" },
		{ "60m", 3600000, "1h" },
		{ "00060m", 3600000, "1h" },
		{ "7440s", 7440000, "2h4m" },
		{ "1h30m30s500ms", 5430500, "1h30m30s500ms" },
		{ "500ms1s", 1500, "1s500ms" },
		{ "1h1h1h1h", 14400000, "4h" },
		{ "99999h99999h99999h99999h", 1439985600000, "399996h" },
	};
	static const char *const bad[] = {
		"", "1", "s", "1 s", "1s ", " 1s", "1S", "1d", "1us", "1.5s",
		"-1s", "+1s", "123456s", "1h1h1h1h1h", "1hm", "1h30", "1sm",
		"1mms",
	};
	char text[DURATION_TEXT_MAX];
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ms = -7;
		if (duration_parse(good[i].text, &ms) || ms != good[i].ms)
			fail_msg("%s: %lld", good[i].text, (long long)ms);
		assert_string_equal(duration_format(ms, text),
				    good[i].shortest);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (duration_parse(bad[i], &ms) != -EINVAL)
			fail_msg("\"%s\": taken", bad[i]);
}

static void test_mask(void **state)
{
	static const struct {
		const char *text;
		const char *masked;
		bool was_set;
	} cases[] = {
		{ "192.0.2.129/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.128", false },
		{ "255.255.255.255/0", "0.0.0.0", true },
		{ "192.0.2.1/32", "192.0.2.1", false },
		{ "10.1.2.3/8", "10.0.0.0", true },
		{ "172.31.0.0/12", "172.16.0.0", true },
		{ "2001:db8::1/128", "2001:db8::1", false },
		{ "2001:db8::1/127", "2001:db8::", true },
		{ "2001:db8:ffff::/33", "2001:db8:8000::", true },
		{ "ffff::/0", "::", true },
	};
	struct inet_prefix prefix;
	char text[INET_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(inet_parse_prefix(cases[i].text, &prefix), 0);
		assert_int_equal(inet_mask(&prefix), cases[i].was_set);
		assert_string_equal(inet_format(&prefix.addr, text),
				    cases[i].masked);
	}
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(word_distance("weight", "weight"), 0);
	assert_int_equal(word_distance("wieght", "weight"), 1);
	assert_int_equal(word_distance("Weight", "weight"), 0);
	assert_int_equal(word_distance("wight", "weight"), 1);
	assert_int_equal(word_distance("weeight", "weight"), 1);
	assert_int_equal(word_distance("waight", "weight"), 1);
	assert_int_equal(word_distance("", "port"), 4);
	assert_int_equal(word_distance("port", ""), 4);
	assert_int_equal(word_distance("prot", "port"), 1);
	assert_int_equal(word_distance("abc", "xyz"), 3);
	assert_int_equal(word_distance("ca", "abc"), 3);
	assert_true(word_distance("01234567890123456789012345678901234567890",
				  "0") == UINT_MAX);
	assert_true(word_is_close("prot", 1));
	assert_false(word_is_close("prot", 2));
	assert_true(word_is_close("gatewayClasName", 1));
	assert_false(word_is_close("filters", 4));
	assert_false(word_is_close("x", UINT_MAX));
}

static void test_show(void **state)
{
	char text[200];

	(void)state;
	assert_string_equal(SHOW("web"), "web");
	assert_string_equal(SHOW("a\x1b[31m\x7f\n"), "a?[31m??");
	assert_string_equal(SHOW("caf\xc3\xa9 \xc2\x9b" "2J"), "caf\xc3\xa9 ??2J");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(strlen(SHOW(text)), 83);
	assert_string_equal(show(text).text + 79, "x...");
	/* Not cut within a character. */
	memcpy(text + 79, "\xe2\x98\x83", 3);
	assert_string_equal(show(text).text + 78, "x...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
