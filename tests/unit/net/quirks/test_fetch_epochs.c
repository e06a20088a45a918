/* What a fetch says of epochs: the one the reader takes for the leader's, and the one of what it has read last (KIP-320, KIP-595). */
#include "tests/unit/net/quirks/quirk_fixture.h"

/* Ten records of epoch 0, ten of epoch 1: each start is a new one. */
static void begin(struct quirk *quirk)
{
	quirk_open(quirk, 1, NULL);
	make_topic(&quirk->client, "t", 1);
	for (int life = 0; life < 2; life++) {
		if (life)
			quirk_restart(quirk);
		cr_assert_eq(produce(&quirk->client, 9, "t", NULL, 0, 10), KERR_NONE);
	}
}

/* A reader that says it has read further in an epoch than this log ever went has read a log that is none any more: it is told where that epoch ended, and gets
 * no records, as it would go on behind others than those that it has. */
Test(fetch_epochs, a_reader_of_another_history)
{
	static const struct {
		int32_t last_epoch;
		int64_t offset;
		bool is_diverging;
	} cases[] = {
		{0, 5, false}, {0, 10, false}, {0, 11, true}, {0, 20, true}, {1, 11, false}, {1, 20, false}, {-1, 15, false},
	};
	struct quirk quirk;
	begin(&quirk);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fetch_call call;
		fetch_prepare(&call, "t", NULL, 0, cases[i].offset);
		call.partition.last_fetched_epoch = cases[i].last_epoch;
		struct kmsg_fetch_partition_result got = fetch_run(&call, &quirk.client, 12);
		cr_expect_eq(got.error_code, KERR_NONE, "%zu: %s", i, kerr_name(got.error_code));
		cr_expect_eq(got.diverging_epoch.epoch, cases[i].is_diverging ? 0 : -1, "%zu: %d", i, got.diverging_epoch.epoch);
		cr_expect_eq(got.diverging_epoch.end_offset, cases[i].is_diverging ? 10 : -1, "%zu: %ld", i, (long)got.diverging_epoch.end_offset);
		cr_expect_eq(got.records.whole.size > 0, !cases[i].is_diverging && cases[i].offset < 20, "%zu: %zu bytes", i, got.records.whole.size);
	}
	quirk_close(&quirk);
}

/* The leader's epoch is judged first: who is told of another one asks anew, whatever it has read. */
Test(fetch_epochs, the_leaders_epoch_is_judged_first)
{
	struct quirk quirk;
	begin(&quirk);
	for (int32_t last_epoch = -1; last_epoch < 4; last_epoch++) {
		for (int32_t epoch = 0; epoch < 3; epoch++) {
			static const enum kerr wanted[] = {KERR_FENCED_LEADER_EPOCH, KERR_NONE, KERR_UNKNOWN_LEADER_EPOCH};
			struct fetch_call call;
			fetch_prepare(&call, "t", NULL, 0, 12);
			call.partition.current_leader_epoch = epoch;
			call.partition.last_fetched_epoch = last_epoch;
			struct kmsg_fetch_partition_result got = fetch_run(&call, &quirk.client, 12);
			if (epoch != 1 || last_epoch < 2)
				cr_expect_eq(got.error_code, wanted[epoch], "%d, %d: %s", epoch, last_epoch, kerr_name(got.error_code));
			if (epoch != 1)
				cr_expect_eq(got.diverging_epoch.end_offset, -1, "%d, %d", epoch, last_epoch);
		}
	}
	quirk_close(&quirk);
}
