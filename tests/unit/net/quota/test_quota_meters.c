/* Meters by name: each for itself, bounded, gone when they have nothing to tell. */
#include "net/quota/quota_meters.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct quota_window window = {11, 1000};

/* What one does is not charged to another. */
Test(quota_meters, each_for_itself)
{
	struct quota_meters *meters = quota_meters_create(&window, 100, 1);
	cr_expect_eq(quota_meters_charge(meters, slice_from("a"), 20000, 1000, 5000), 10000);
	cr_expect_eq(quota_meters_charge(meters, slice_from("b"), 9000, 1000, 5000), 0);
	cr_expect_eq(quota_meters_charge(meters, slice_from(""), 10000, 1000, 5000), 0);
	cr_expect_gt(quota_meters_charge(meters, slice_from("a"), 0, 1000, 6000), 0);
	cr_expect_eq(quota_meters_count(meters), 3);
	quota_meters_destroy(meters);
}

/* What is asked and refused is not counted; but the first may be as large as it likes, as it would never become smaller. */
Test(quota_meters, asking)
{
	struct quota_meters *meters = quota_meters_create(&window, 100, 1);
	bool is_refused;
	cr_expect_eq(quota_meters_ask(meters, slice_from("a"), 20000, 1000, 5000, &is_refused), 10000);
	cr_expect_not(is_refused);
	cr_expect_gt(quota_meters_ask(meters, slice_from("a"), 20000, 1000, 6000, &is_refused), 0);
	cr_expect(is_refused);
	cr_expect_gt(quota_meters_ask(meters, slice_from("a"), 1, 1000, 12000, &is_refused), 0);
	cr_expect(is_refused);
	quota_meters_ask(meters, slice_from("a"), 20000, 1000, 17000, &is_refused);
	cr_expect_not(is_refused, "eleven seconds after the first nothing is left of it");
	quota_meters_destroy(meters);
}

/* Who asks for ten seconds' worth at a time gets it each eleven seconds, which is when nothing is left of the time before. (Kafka has him wait for
 * nearly twenty, in two times.) */
Test(quota_meters, asking_for_much)
{
	struct quota_meters *meters = quota_meters_create(&window, 100, 1);
	bool is_refused;
	uint64_t now_ms = 5000, count = 0;
	while (now_ms < 65000) {
		uint64_t wait_ms = quota_meters_ask(meters, slice_from("a"), 9900, 1000, now_ms, &is_refused);
		count += !is_refused;
		now_ms += wait_ms + 1;
	}
	cr_expect_eq(count, 6);
	quota_meters_destroy(meters);
}

/* The one unused for longest goes. */
Test(quota_meters, bounded)
{
	struct quota_meters *meters = quota_meters_create(&window, 100, 1);
	char name[16];
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d", i);
		quota_meters_charge(meters, slice_from("always"), 1, 1000, 5000);
		quota_meters_charge(meters, slice_from(name), 20000, 1000, 5000);
		cr_assert_leq(quota_meters_count(meters), 100);
	}
	cr_expect_gt(quota_meters_charge(meters, slice_from("always"), 10001, 1000, 5000), 0, "it was never dropped");
	cr_expect_gt(quota_meters_charge(meters, slice_from("999"), 0, 1000, 5000), 0);
	cr_expect_eq(quota_meters_charge(meters, slice_from("1"), 0, 1000, 5000), 0, "it was dropped");
	quota_meters_destroy(meters);
}

/* Those that were not used within the window go as others come: a client a second leaves no more than the window has seconds. */
Test(quota_meters, forgotten)
{
	struct quota_meters *meters = quota_meters_create(&window, 100000, 1);
	char name[16];
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "%u", i);
		quota_meters_charge(meters, slice_from(name), 1, 1000, 1000000 + i * 1000);
	}
	cr_expect_leq(quota_meters_count(meters), 12);
	quota_meters_destroy(meters);
}

/* A bucket passes whatever comes while it is not in debt, refuses (or counts, where nobody may be refused) what comes then, and gets its debt back at the
 * limit's rate. Full it holds eleven seconds' worth; the times are those of Kafka's TokenBucket. */
Test(quota_meters, drawing)
{
	struct quota_meters *meters = quota_meters_create(&window, 100, 1);
	struct slice who = slice_from("a");
	bool is_refused;
	cr_expect_eq(quota_meters_draw(meters, who, 21, 1, &window, 5000, &is_refused), 0, "eleven were there");
	cr_expect_not(is_refused);
	cr_expect_eq(quota_meters_draw(meters, who, 1, 1, &window, 5000, &is_refused), 10000);
	cr_expect(is_refused);
	cr_expect_eq(quota_meters_draw(meters, who, 1, 1, &window, 5000, NULL), 11000, "counted all the same");
	cr_expect_eq(quota_meters_draw(meters, who, 0.5, 1, &window, 15999, &is_refused), 1);
	cr_expect(is_refused);
	quota_meters_draw(meters, who, 1, 1, &window, 16000, &is_refused);
	cr_expect_not(is_refused, "out of debt");
	cr_expect_eq(quota_meters_draw(meters, who, 21, 1, &window, 1000000, NULL), 10000, "no more than eleven seconds' worth is kept");
	quota_meters_destroy(meters);
}

/* A bucket in debt is not forgotten after a window, as its debt would be. */
Test(quota_meters, debts_are_remembered)
{
	struct quota_meters *meters = quota_meters_create(&window, 100, 1);
	bool is_refused;
	quota_meters_draw(meters, slice_from("debtor"), 1011, 1, &window, 5000, NULL);
	for (int i = 0; i < 5; i++)
		quota_meters_charge(meters, slice_from("another"), 1, 1000, 900000 + (uint64_t)i);
	quota_meters_draw(meters, slice_from("debtor"), 1, 1, &window, 900010, &is_refused);
	cr_expect(is_refused);
	for (int i = 0; i < 5; i++)
		quota_meters_charge(meters, slice_from("another"), 1, 1000, 2000000 + (uint64_t)i);
	cr_expect_eq(quota_meters_count(meters), 1, "it is full again");
	quota_meters_destroy(meters);
}
