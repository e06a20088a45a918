/* How numbers are said to people. */
#include "cli/out.h"

#include <criterion/criterion.h>

#include "cli/progress.h"

/* A time takes two units at most, and is never longer than it is. */
Test(out, duration)
{
	static const struct {
		int64_t duration_ms;
		const char *said;
	} cases[] = {
		{0, "0 ms"},
		{999, "999 ms"},
		{1000, "1.0 s"},
		{12599, "12.5 s"},
		{59999, "59.9 s"},
		{60000, "1m 00s"},
		{125999, "2m 05s"},
		{3599999, "59m 59s"},
		{3600000, "1h 00m"},
		{86399999, "23h 59m"},
		{86400000, "1d 00h"},
		{INT64_C(366) * 86400000, "366d 00h"},
		{INT64_MAX, "106751991167d 07h"},
	};
	char text[32];
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		cr_assert_str_eq(out_duration(cases[i].duration_ms, text), cases[i].said, "%lld: %s", (long long)cases[i].duration_ms, text);
}

/* Thousands are set apart. */
Test(out, count)
{
	static const struct {
		uint64_t count;
		const char *said;
	} cases[] = {
		{0, "0"}, {999, "999"}, {1000, "1,000"}, {99999, "99,999"}, {123456, "123,456"}, {1234567, "1,234,567"},
		{UINT64_MAX, "18,446,744,073,709,551,615"},
	};
	char text[32];
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		cr_assert_str_eq(progress_count(cases[i].count, text), cases[i].said);
}
