/* The grammar of offsets, and what a point means in a partition. */
#include "cli/offsets.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#define NOW INT64_C(1700000000000) /* 2023-11-14T22:13:20Z */
#define NO_TO {0}, false

static const struct {
	const char *text;
	struct offset_point from, to;
	bool has_to;
} good[] = {
	{"start", {OFFSET_START, 0}, NO_TO},
	{"beginning", {OFFSET_START, 0}, NO_TO},
	{"end", {OFFSET_END, 0}, NO_TO},
	{"0", {OFFSET_NUMBER, 0}, NO_TO},
	{"42", {OFFSET_NUMBER, 42}, NO_TO},
	{"9223372036854775807", {OFFSET_NUMBER, INT64_MAX}, NO_TO},
	{"+10", {OFFSET_FROM_START, 10}, NO_TO},
	{"-10", {OFFSET_FROM_END, 10}, NO_TO},
	{"@1700000000123", {OFFSET_TIME, 1700000000123}, NO_TO},
	{"@0", {OFFSET_TIME, 0}, NO_TO},
	{"@1700", {OFFSET_TIME, 1700}, NO_TO},
	{"@-250ms", {OFFSET_TIME, NOW - 250}, NO_TO},
	{"@-90s", {OFFSET_TIME, NOW - 90000}, NO_TO},
	{"@-15m", {OFFSET_TIME, NOW - 900000}, NO_TO},
	{"@-1h", {OFFSET_TIME, NOW - 3600000}, NO_TO},
	{"@-7d", {OFFSET_TIME, NOW - 7 * 86400000LL}, NO_TO},
	{"@-2w", {OFFSET_TIME, NOW - 14 * 86400000LL}, NO_TO},
	{"@+1s", {OFFSET_TIME, NOW + 1000}, NO_TO},
	{"@2023-11-14T22:13:20Z", {OFFSET_TIME, NOW}, NO_TO},
	{"@2023-11-14T22:13:20.5Z", {OFFSET_TIME, NOW + 500}, NO_TO},
	{"@2023-11-14T22:13:20.123456Z", {OFFSET_TIME, NOW + 123}, NO_TO},
	{"@2023-11-14T22:13Z", {OFFSET_TIME, NOW - 20000}, NO_TO},
	{"@2023-11-15T00:13:20+02:00", {OFFSET_TIME, NOW}, NO_TO},
	{"@2023-11-14T17:13:20-0500", {OFFSET_TIME, NOW}, NO_TO},
	{"@2023-11-14", {OFFSET_TIME, NOW - 80000000}, NO_TO},          /* local time; the tests run in UTC */
	{"@2023-11-14T22:13:20", {OFFSET_TIME, NOW}, NO_TO},
	{"@2024-02-29T00:00Z", {OFFSET_TIME, 1709164800000}, NO_TO},    /* a leap day */
	{"10:20", {OFFSET_NUMBER, 10}, {OFFSET_NUMBER, 20}, true},
	{":20", {OFFSET_START, 0}, {OFFSET_NUMBER, 20}, true},
	{"10:", {OFFSET_NUMBER, 10}, {OFFSET_END, 0}, true},
	{"start:end", {OFFSET_START, 0}, {OFFSET_END, 0}, true},
	{"-10:-5", {OFFSET_FROM_END, 10}, {OFFSET_FROM_END, 5}, true},
	{"+1:+2", {OFFSET_FROM_START, 1}, {OFFSET_FROM_START, 2}, true},
	{"@-2h:@-1h", {OFFSET_TIME, NOW - 7200000}, {OFFSET_TIME, NOW - 3600000}, true},
	{"@2023-11-14T22:13:@2023-11-14T22:13:20Z", {OFFSET_TIME, NOW - 20000}, {OFFSET_TIME, NOW}, true},
	{"@2023-11-14T22:13Z:100", {OFFSET_TIME, NOW - 20000}, {OFFSET_NUMBER, 100}, true},
	{"@2023-11-14T22:13:5", {OFFSET_TIME, NOW - 20000}, {OFFSET_NUMBER, 5}, true}, /* one digit is no second */
};

static const char *const bad[] = {
	"", ":", "::", "begin", "starts", "ending", "x", "1x", "0x10", "1.5", "--1", "+-1", "+", "-", "@", "@x", "@-", "@-1", "@-1y", "@1h", "10:20:30", "10:x",
	"@-999999999999999999w", "@2023-13-01T00:00Z", "@2023-02-30T00:00Z", "@2023-11-14T24:00Z",
	"@2023-11-14T22:60Z", "@2023-11-14T22", "@2023-1-1", "@2023-11-14T22:13:20+2", "@2023-11-14T22:13:20+99:00", "@2023-11-14Z", " 1", "1 ",
};

/* Ranges whose end lies before their beginning, whatever the partition holds. */
static const char *const reversed[] = {
	"5:1", "9223372036854775807:0", "+5:+1", "-1:-5", "@-1h:@-2h", "@2024-02-29T00:00Z:@0", "end:start", "5:start", "@0:start",
};

static void in_utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

static void assert_point(const char *text, struct offset_point wanted, struct offset_point got)
{
	cr_assert_eq(got.kind, wanted.kind, "%s: kind %d", text, got.kind);
	cr_assert_eq(got.value, wanted.value, "%s: %lld, not %lld", text, (long long)got.value, (long long)wanted.value);
}

/* Every form of the grammar is read as what it means. */
Test(offsets, good, .init = in_utc)
{
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct offset_range range;
		char why[512] = "";
		cr_assert(offsets_parse(&range, good[i].text, NOW, why, sizeof why), "%s: %s", good[i].text, why);
		assert_point(good[i].text, good[i].from, range.from);
		cr_assert_eq(range.has_to, good[i].has_to, "%s", good[i].text);
		if (range.has_to)
			assert_point(good[i].text, good[i].to, range.to);
	}
}

/* What is no offset is refused, with the text and the grammar in the sentence. */
Test(offsets, bad, .init = in_utc)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct offset_range range;
		char why[512] = "";
		cr_assert_not(offsets_parse(&range, bad[i], NOW, why, sizeof why), "'%s'", bad[i]);
		cr_assert_not_null(strstr(why, bad[i]), "%s", why);
		cr_assert_not_null(strstr(why, "start, end, 42"), "%s", why);
	}
}

/* A range that runs backwards is refused, with the sentence that says so; one that is empty is not. */
Test(offsets, reversed, .init = in_utc)
{
	struct offset_range range;
	char why[512] = "";
	for (size_t i = 0; i < COUNT_OF(reversed); i++) {
		cr_assert_not(offsets_parse(&range, reversed[i], NOW, why, sizeof why), "'%s'", reversed[i]);
		cr_assert_not_null(strstr(why, reversed[i]), "%s", why);
		cr_assert_not_null(strstr(why, "ends before it begins"), "%s", why);
	}
	static const char *const empty[] = {"5:5", "end:end", "start:start", "-5:-5", "0:end", "end:7", "-10:5"};
	for (size_t i = 0; i < COUNT_OF(empty); i++)
		cr_assert(offsets_parse(&range, empty[i], NOW, why, sizeof why), "'%s': %s", empty[i], why);
}

/* Where one point is wanted no range is suggested, and one is refused. */
Test(offsets, point, .init = in_utc)
{
	struct offset_point point;
	char why[512] = "";
	cr_assert(offsets_parse_point(&point, "-10", NOW, why, sizeof why), "%s", why);
	assert_point("-10", (struct offset_point){OFFSET_FROM_END, 10}, point);
	cr_assert_not(offsets_parse_point(&point, "banana", NOW, why, sizeof why));
	cr_assert_not_null(strstr(why, "'banana' is no offset; write start, end, 42"), "%s", why);
	cr_assert_null(strstr(why, "range"), "%s", why);
	cr_assert_not(offsets_parse_point(&point, "1:2", NOW, why, sizeof why));
	cr_assert_not_null(strstr(why, "one offset, not a range"), "%s", why);
}

/* A number that is too large is told as that. */
Test(offsets, too_large, .init = in_utc)
{
	static const char *const texts[] = {"9223372036854775808", "99999999999999999999999", "-99999999999999999999", "+99999999999999999999", "@99999999999999999999"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct offset_range range;
		char why[512] = "";
		cr_assert_not(offsets_parse(&range, texts[i], NOW, why, sizeof why), "'%s'", texts[i]);
		cr_assert_not_null(strstr(why, "too large"), "%s", why);
	}
}

/* A point in a partition that holds the offsets 100 to 199. */
Test(offsets, resolve)
{
	static const struct {
		struct offset_point point;
		int64_t time_offset, wanted;
	} cases[] = {
		{{OFFSET_START, 0}, -1, 100},
		{{OFFSET_END, 0}, -1, 200},
		{{OFFSET_NUMBER, 150}, -1, 150},
		{{OFFSET_NUMBER, 5}, -1, 100},
		{{OFFSET_NUMBER, 500}, -1, 200},
		{{OFFSET_FROM_START, 0}, -1, 100},
		{{OFFSET_FROM_START, 10}, -1, 110},
		{{OFFSET_FROM_START, 100}, -1, 200},
		{{OFFSET_FROM_START, INT64_MAX}, -1, 200},
		{{OFFSET_FROM_END, 10}, -1, 190},
		{{OFFSET_FROM_END, 0}, -1, 200},
		{{OFFSET_FROM_END, INT64_MAX}, -1, 100},
		{{OFFSET_TIME, 1}, 120, 120},
		{{OFFSET_TIME, 1}, -1, 200}, /* nothing is that late */
		{{OFFSET_TIME, 1}, 50, 100}, /* deleted since it was asked */
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		cr_assert_eq(offset_point_resolve(&cases[i].point, 100, 200, cases[i].time_offset), cases[i].wanted, "case %zu", i);
}
