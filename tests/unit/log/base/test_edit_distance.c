/* Edit distance and "did you mean". */
#include "log/base/edit_distance.h"

#include <criterion/criterion.h>

static const struct {
	const char *a, *b;
	uint32_t distance;
} pairs[] = {
	{"", "", 0},
	{"", "abc", 3},
	{"abc", "", 3},
	{"retention.ms", "retention.ms", 0},
	{"Retention.MS", "retention.ms", 0},  /* letter case */
	{"retnetion.ms", "retention.ms", 1},  /* a swap */
	{"retention.m", "retention.ms", 1},   /* one short */
	{"retentionn.ms", "retention.ms", 1}, /* one long */
	{"retantion.ms", "retention.ms", 1},  /* one wrong */
	{"ca", "abc", 3},                     /* no edit inside a swapped pair */
	{"kitten", "sitting", 3},
};

/* Each pair is as far apart as a hand count says, either way round. */
Test(edit_distance, table)
{
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		cr_assert_eq(edit_distance(pairs[i].a, pairs[i].b), pairs[i].distance, "%s %s", pairs[i].a, pairs[i].b);
		cr_assert_eq(edit_distance(pairs[i].b, pairs[i].a), pairs[i].distance, "%s %s", pairs[i].b, pairs[i].a);
	}
}

/* Texts at the limit are compared, longer ones are not. */
Test(edit_distance, limit)
{
	char long_a[EDIT_SIZE_MAX + 2], long_b[EDIT_SIZE_MAX + 2];
	memset(long_a, 'a', sizeof long_a);
	memset(long_b, 'b', sizeof long_b);
	long_a[EDIT_SIZE_MAX] = long_b[EDIT_SIZE_MAX] = '\0';
	cr_assert_eq(edit_distance(long_a, long_b), EDIT_SIZE_MAX);
	long_a[EDIT_SIZE_MAX] = 'a';
	long_a[EDIT_SIZE_MAX + 1] = '\0';
	cr_assert_eq(edit_distance(long_a, long_b), UINT32_MAX);
}

/* The nearest candidate wins; what is not near is not offered. */
Test(edit_distance, search)
{
	struct edit_search search = {.name = "retenton.ms"};
	edit_offer(&search, "segment.ms");
	edit_offer(&search, "retention.ms");
	edit_offer(&search, "retention.bytes");
	cr_assert_str_eq(search.nearest, "retention.ms");

	struct edit_search hopeless = {.name = "zzzzzz"};
	edit_offer(&hopeless, "retention.ms");
	cr_assert_null(hopeless.nearest);
}
