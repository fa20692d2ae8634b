// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/format.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/inet.h"

/*
 * Bytes of the control character at text, 0 if it is none: C0, DEL, or C1,
 * which some terminals obey, too.
 */
static size_t control_size(const char *text)
{
	unsigned char c = text[0], next = c ? text[1] : 0;

	if (c == 0xc2 && next >= 0x80 && next < 0xa0)
		return 2;
	return c < 0x20 || c == 0x7f;
}

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? in the first size bytes. */
static bool match_label_in(const char *text, size_t size)
{
	size_t i;

	if (!size || text[0] == '-' || text[size - 1] == '-')
		return false;
	for (i = 0; i < size; i++)
		if (!is_lower_or_digit(text[i]) && text[i] != '-')
			return false;
	return true;
}

/* Labels with dots between them. */
static bool match_subdomain_in(const char *text, size_t size)
{
	const char *dot;

	while ((dot = memchr(text, '.', size))) {
		if (!match_label_in(text, dot - text))
			return false;
		size -= dot + 1 - text;
		text = dot + 1;
	}
	return match_label_in(text, size);
}

static bool match_label(const char *text)
{
	return match_label_in(text, strlen(text));
}

static bool match_optional_label(const char *text)
{
	return !*text || match_label(text);
}

static bool match_subdomain(const char *text)
{
	return match_subdomain_in(text, strlen(text));
}

static bool match_group(const char *text)
{
	return !*text || match_subdomain(text);
}

static bool match_hostname(const char *text)
{
	return match_subdomain(strncmp(text, "*.", 2) ? text : text + 2);
}

/* [a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])? */
static bool match_kind(const char *text)
{
	size_t i, size = strlen(text);

	if (!size || !is_alphanumeric(text[0]) || text[0] <= '9' ||
	    text[size - 1] == '-')
		return false;
	for (i = 0; i < size; i++)
		if (!is_alphanumeric(text[i]) && text[i] != '-')
			return false;
	return true;
}

/* DOMAIN/PATH, the path not empty and of the characters in extra besides. */
static bool match_domain_path(const char *text, const char *extra)
{
	const char *slash = strchr(text, '/'), *p;

	if (!slash || !slash[1] || !match_subdomain_in(text, slash - text))
		return false;
	for (p = slash + 1; *p; p++)
		if (!is_alphanumeric(*p) && !strchr(extra, *p))
			return false;
	return true;
}

#define PATH_CHARACTERS "/-._~%!$&'()*+,;=:"

static bool match_controller(const char *text)
{
	return match_domain_path(text, PATH_CHARACTERS);
}

static bool match_address_type(const char *text)
{
	return !strcmp(text, "IPAddress") || !strcmp(text, "Hostname") ||
	       !strcmp(text, "NamedAddress") ||
	       match_domain_path(text, PATH_CHARACTERS);
}

static bool match_protocol(const char *text)
{
	size_t i, size = strlen(text);

	if (strchr(text, '/'))
		return match_domain_path(text, "");
	if (!size || text[0] == '-' || text[size - 1] == '-')
		return false;
	for (i = 0; i < size; i++)
		if (!is_alphanumeric(text[i]) && text[i] != '-')
			return false;
	return true;
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9], at most 63 */
static bool match_name_segment(const char *text)
{
	size_t i, size = strlen(text);

	if (!size || size > 63 || !is_alphanumeric(text[0]) ||
	    !is_alphanumeric(text[size - 1]))
		return false;
	for (i = 0; i < size; i++)
		if (!is_alphanumeric(text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static bool match_qualified_name(const char *text)
{
	const char *slash = strchr(text, '/');

	if (!slash)
		return match_name_segment(text);
	return slash - text <= 253 && match_subdomain_in(text, slash - text) &&
	       match_name_segment(slash + 1);
}

static bool match_label_value(const char *text)
{
	return !*text || match_name_segment(text);
}

/* RFC 6335: [a-z0-9-], a letter in it, no hyphens at the ends or in a row */
static bool match_port_name(const char *text)
{
	bool letter = false;
	const char *p;

	if (!match_label(text) || strstr(text, "--"))
		return false;
	for (p = text; *p; p++)
		letter |= *p >= 'a';
	return letter;
}

/* References name anything, but nothing that a terminal would obey. */
static bool match_printable(const char *text)
{
	for (; *text; text++)
		if (control_size(text))
			return false;
	return true;
}

static bool match_duration(const char *text)
{
	int64_t ms;

	return !duration_parse(text, &ms);
}

static bool match_seed(const char *text)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	return digits == 32 && !text[digits];
}

/* A mapped address is no address of a packet: it would match nothing. */
static bool match_nat_address(const char *text)
{
	struct inet_addr addr;

	return !inet_parse(text, &addr) && !inet_is_mapped(&addr) &&
	       !inet_is_unspecified(&addr) && !inet_is_loopback(&addr) &&
	       !inet_is_multicast(&addr);
}

static bool match_range(const char *text)
{
	struct inet_prefix prefix;

	return !inet_parse_prefix(text, &prefix) &&
	       !inet_is_mapped(&prefix.addr);
}

#define LABEL_TEXT "lower-case letters, digits and '-', first and last a " \
		   "letter or digit"
#define SUBDOMAIN_TEXT "lower-case letters, digits, '-' and '.', each part " \
		       "first and last a letter or digit"

const struct format format_object_name = {
	match_printable, 1, 253, "a name without control characters",
};
const struct format format_subdomain = {
	match_subdomain, 1, 253, SUBDOMAIN_TEXT,
};
const struct format format_label = { match_label, 1, 63, LABEL_TEXT };
const struct format format_section_name = {
	match_subdomain, 1, 253, SUBDOMAIN_TEXT,
};
const struct format format_group = {
	match_group, 0, 253,
	"an API group such as gateway.networking.k8s.io, or \"\" for core",
};
const struct format format_kind = {
	match_kind, 1, 63, "a kind such as Service",
};
const struct format format_controller = {
	match_controller, 1, 253, "DOMAIN/PATH such as example.com/controller",
};
const struct format format_protocol = {
	match_protocol, 1, 255, "TCP, UDP, HTTP, HTTPS, TLS or DOMAIN/NAME",
};
const struct format format_hostname = {
	match_hostname, 1, 253, "a host name such as *.example.com",
};
const struct format format_address_type = {
	match_address_type, 1, 253,
	"IPAddress, Hostname, NamedAddress or DOMAIN/NAME",
};
const struct format format_address_value = {
	match_printable, 0, 253, "an address without control characters",
};
const struct format format_qualified_name = {
	match_qualified_name, 1, 317,
	"a name of at most 63 letters, digits, '-', '_' and '.', or "
	"DOMAIN/NAME",
};
const struct format format_label_value = {
	match_label_value, 0, 63,
	"letters, digits, '-', '_' and '.', first and last a letter or digit",
};
const struct format format_description = { NULL, 0, 64, NULL };
const struct format format_port_name = {
	match_port_name, 1, 15,
	"a port name of lower-case letters, digits and single '-'",
};
const struct format format_optional_label = {
	match_optional_label, 0, 63, LABEL_TEXT,
};
const struct format format_annotation_value = { NULL, 0, 262144, NULL };
const struct format format_duration = {
	match_duration, 1, 28, "a duration such as 1h30m or 90s",
};
const struct format format_seed = {
	match_seed, 32, 32, "32 hexadecimal digits",
};
const struct format format_nat_address = {
	match_nat_address, 1, 45,
	"an IPv4 or IPv6 address that a backend can answer",
};
const struct format format_range = {
	match_range, 1, 43, "a range such as 192.0.2.0/24 or 2001:db8::/32",
};

/* Two digits; -1 if they are none or above max. */
static int two_digits(const char *text, int max)
{
	int value;

	if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]))
		return -1;
	value = (text[0] - '0') * 10 + text[1] - '0';
	return value <= max ? value : -1;
}

/* "Z" or "+HH:MM" to seconds east of UTC; INT_MIN if it is neither. */
static int parse_offset(const char *text)
{
	int hours, minutes;

	if (!strcmp(text, "Z"))
		return 0;
	if (strlen(text) != 6 || !strchr("+-", text[0]) || text[3] != ':')
		return INT_MIN;
	hours = two_digits(text + 1, 23);
	minutes = two_digits(text + 4, 59);
	if (hours < 0 || minutes < 0)
		return INT_MIN;
	return (text[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
}

int time_parse(const char *text, int64_t *ret_seconds)
{
	static const unsigned char days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31,
	};
	int year, month, day, hour, minute, second, offset, last;
	struct tm tm = { 0 };

	if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' ||
	    text[10] != 'T' || text[13] != ':' || text[16] != ':')
		return -EINVAL;
	year = two_digits(text, 99);
	month = two_digits(text + 5, 12);
	day = two_digits(text + 8, 31);
	hour = two_digits(text + 11, 23);
	minute = two_digits(text + 14, 59);
	second = two_digits(text + 17, 59);
	if (year < 0 || two_digits(text + 2, 99) < 0 || month < 1 || day < 1 ||
	    hour < 0 || minute < 0 || second < 0)
		return -EINVAL;
	year = year * 100 + two_digits(text + 2, 99);
	last = days[month - 1];
	if (month == 2 && !(year % 4) && (year % 100 || !(year % 400)))
		last++;
	if (day > last)
		return -EINVAL;

	text += 19;
	if (*text == '.') {
		if (!isdigit((unsigned char)text[1]))
			return -EINVAL;
		text += 1 + strspn(text + 1, "0123456789");
	}
	offset = parse_offset(text);
	if (offset == INT_MIN)
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	*ret_seconds = (int64_t)timegm(&tm) - offset;
	return 0;
}

/* The units of durations, the largest first. */
static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

/* The unit that text[size] is, or NULL. */
static const struct unit *find_unit(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < UNIT_COUNT; i++)
		if (strlen(units[i].name) == size &&
		    !memcmp(units[i].name, text, size))
			return &units[i];
	return NULL;
}

/* One to four components, each of one to five digits and a unit. */
int duration_parse(const char *text, int64_t *ret_ms)
{
	const struct unit *unit;
	size_t i, digits, size;
	int64_t ms = 0;

	for (i = 0; i < 4 && (*text || !i); i++) {
		digits = strspn(text, "0123456789");
		size = strspn(text + digits, "hms");
		unit = find_unit(text + digits, size);
		if (!digits || digits > 5 || !unit)
			return -EINVAL;
		ms += strtol(text, NULL, 10) * unit->ms;
		text += digits + size;
	}
	if (*text)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

const char *duration_format(int64_t ms, char *text)
{
	size_t i, n = 0;

	for (i = 0; i < UNIT_COUNT; i++) {
		if (ms >= units[i].ms)
			n += sprintf(text + n, "%" PRId64 "%s",
				     ms / units[i].ms, units[i].name);
		ms %= units[i].ms;
	}
	return n ? text : strcpy(text, "0s");
}

#define WORD_MAX	40

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Optimal string alignment: Damerau-Levenshtein, no part edited twice. */
unsigned int word_distance(const char *a, const char *b)
{
	unsigned int row[3][WORD_MAX + 1];
	unsigned int *two = row[0], *one = row[1], *now = row[2], *spare;
	size_t n = strlen(a), m = strlen(b), i, j;

	if (n > WORD_MAX || m > WORD_MAX)
		return UINT_MAX;
	for (j = 0; j <= m; j++)
		one[j] = j;
	for (i = 1; i <= n; i++) {
		now[0] = i;
		for (j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			now[j] = min3(one[j] + 1, now[j - 1] + 1,
				      one[j - 1] + (x != y));
			if (i > 1 && j > 1 && now[j] > two[j - 2] + 1 &&
			    x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				now[j] = two[j - 2] + 1;
		}
		spare = two;
		two = one;
		one = now;
		now = spare;
	}
	return one[m];
}

bool word_is_close(const char *word, unsigned int distance)
{
	size_t size = strlen(word);

	return distance <= (size < 6 ? 1 : size / 3);
}

struct shown show(const char *text)
{
	struct shown shown;
	size_t i;

	for (i = 0; text[i] && i < sizeof(shown.text) - 4; i++) {
		bool second = i && control_size(text + i - 1) == 2;

		shown.text[i] = second || control_size(text + i) ? '?' :
				text[i];
	}
	shown.text[i] = 0;
	if (text[i]) {
		/* Not in the middle of a character. */
		while (i && ((unsigned char)text[i] & 0xc0) == 0x80)
			i--;
		strcpy(shown.text + i, "...");
	}
	return shown;
}
