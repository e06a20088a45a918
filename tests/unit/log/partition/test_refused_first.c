/* log/partition/refused_first.h. */
#include <criterion/criterion.h>

#include "log/base/err.h"
#include "log/partition/refused_first.h"

static struct batch batch_of(int64_t producer_id, int16_t epoch, int32_t sequence)
{
	return (struct batch){.producer_id = producer_id, .producer_epoch = epoch, .base_sequence = sequence};
}

static void note(struct refused_first **refused, int64_t producer_id, int16_t epoch, int32_t sequence)
{
	struct batch batch = batch_of(producer_id, epoch, sequence);
	refused_first_note(refused, &batch);
}

static int check(const struct refused_first *refused, int64_t producer_id, int16_t epoch, int32_t sequence)
{
	struct batch batch = batch_of(producer_id, epoch, sequence);
	return refused_first_check(refused, &batch);
}

/* Only what was refused first may be the beginning, whatever the sequence; others, and later epochs, begin anywhere. */
Test(refused_first, the_first_refusal_counts)
{
	struct refused_first *refused = NULL;
	cr_assert_eq(check(refused, 7, 0, 5), 0);
	note(&refused, 7, 0, 5);
	note(&refused, 7, 0, 8);
	cr_assert_eq(check(refused, 7, 0, 8), ERR_OUT_OF_ORDER_SEQUENCE);
	cr_assert_eq(check(refused, 7, 0, 5), 0);
	cr_assert_eq(check(refused, 8, 0, 8), 0);
	cr_assert_eq(check(refused, 7, 1, 0), 0);
	refused_first_destroy(&refused);
}

/* A later epoch's refusal takes the place of an earlier one's, and not the other way round. */
Test(refused_first, a_later_epoch_counts)
{
	struct refused_first *refused = NULL;
	note(&refused, 7, 0, 5);
	note(&refused, 7, 1, 0);
	note(&refused, 7, 0, 6);
	cr_assert_eq(check(refused, 7, 1, 1), ERR_OUT_OF_ORDER_SEQUENCE);
	cr_assert_eq(check(refused, 7, 1, 0), 0);
	refused_first_destroy(&refused);
}

/* Who was taken is forgotten, the last one with the memory; and of too many, the oldest. */
Test(refused_first, is_bounded)
{
	struct refused_first *refused = NULL;
	for (int64_t id = 0; id < 65; id++)
		note(&refused, id, 0, 0);
	cr_assert_eq(check(refused, 0, 0, 1), 0, "the oldest made room");
	for (int64_t id = 1; id < 65; id++) {
		cr_assert_eq(check(refused, id, 0, 1), ERR_OUT_OF_ORDER_SEQUENCE);
		refused_first_forget(&refused, id);
		cr_assert_eq(check(refused, id, 0, 1), 0);
	}
	cr_assert_null(refused);
}
