/* The judge of histories is seen to fail: for each anomaly a made-up history that has it, and beside it the nearest one that has not. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/history/history.h"

struct run {
	struct history *history;
	uint32_t p, q;
	uint64_t next_mark;
};

static struct run begin(void)
{
	struct run run = {.history = history_open(), .next_mark = 1000};
	run.p = history_add_partition(run.history, "t-0");
	run.q = history_add_partition(run.history, "t-1");
	return run;
}

/* The first anomaly must be `kind` at `offset`; anomaly_kind_count: there must be none. */
static void end(struct run *run, enum anomaly_kind kind, int64_t offset)
{
	const struct anomaly *found;
	uint32_t count = history_anomalies(run->history, &found);
	if (kind == anomaly_kind_count) {
		cr_assert_eq(count, 0, "%s", found->text);
	} else {
		cr_assert_gt(count, 0, "no %s was seen", anomaly_name(kind));
		cr_assert_eq(found->kind, kind, "%s", found->text);
		cr_assert_eq(found->offset, offset, "%s", found->text);
		cr_assert_not_null(strstr(found->text, anomaly_name(kind)));
		cr_assert_not_null(strstr(found->text, "t-"));
	}
	history_close(run->history);
}

/* A batch of `count` records with marks that follow each other; the first is told. */
static uint64_t send(struct run *run, uint64_t sender, uint32_t count)
{
	uint64_t marks[16];
	for (uint32_t i = 0; i < count; i++)
		marks[i] = run->next_mark++;
	return history_send(run->history, run->p, sender, marks, count);
}

/* All of the log, as marks from an offset on; 0 is an offset that is not served, 1 one that is named damaged. */
static void scan(struct run *run, int64_t log_start, const uint64_t *marks, uint32_t count)
{
	history_scan_begin(run->history, run->p);
	for (uint32_t i = 0; i < count; i++) {
		if (marks[i] > 1)
			history_read(run->history, run->p, log_start + i, marks[i], 100 + (int64_t)marks[i] % 10);
		else if (marks[i])
			history_read_damaged(run->history, run->p, log_start + i);
	}
	history_scan_end(run->history, run->p, log_start, log_start + count);
}

/* Acked, crashed, one unknown batch that is there and one that is not, a trim: nothing to say. */
Test(history, a_good_run)
{
	struct run run = begin();
	uint64_t a = send(&run, 1, 2), b = send(&run, 2, 1), c = send(&run, 1, 1);
	history_staged(run.history, a, 0);
	history_staged(run.history, b, 2);
	history_ack(run.history, a, 0);
	history_forget(run.history, b);
	history_crash(run.history);
	history_positions(run.history, run.p, 0, 3, 3);
	scan(&run, 0, (uint64_t[]){1000, 1001, 1002}, 3);
	history_retry(run.history, c);
	history_ack(run.history, c, 3);
	history_retry(run.history, a);
	history_ack(run.history, a, 0);
	history_trimmed(run.history, run.p, 2);
	history_crash(run.history);
	history_positions(run.history, run.p, 2, 4, 4);
	scan(&run, 2, (uint64_t[]){1002, 1003}, 2);
	history_looked_up(run.history, run.p, 103, 4, true, 3, 103);
	history_looked_up(run.history, run.p, 104, 4, false, -1, -1);
	end(&run, anomaly_kind_count, 0);
}

/* An acked record that is gone: at the end, in the middle, and by the high watermark alone. */
Test(history, lost_write)
{
	struct run run = begin();
	history_ack(run.history, send(&run, 1, 2), 0);
	scan(&run, 0, (uint64_t[]){1000}, 1);
	end(&run, ANOMALY_LOST_WRITE, 1);
	run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	scan(&run, 0, (uint64_t[]){1000, 0, 1002}, 3);
	end(&run, ANOMALY_LOST_WRITE, 1);
	run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	history_crash(run.history);
	history_positions(run.history, run.p, 0, 2, 2);
	end(&run, ANOMALY_LOST_WRITE, 2);
}

/* What was served and never acked must stay as well. */
Test(history, lost_after_it_was_served)
{
	struct run run = begin();
	send(&run, 1, 1);
	history_read(run.history, run.p, 0, 1000, 1);
	history_crash(run.history);
	scan(&run, 0, NULL, 0);
	end(&run, ANOMALY_LOST_WRITE, 0);
}

/* What was never answered may be missing. */
Test(history, unknown_may_be_missing)
{
	struct run run = begin();
	send(&run, 1, 1);
	history_crash(run.history);
	scan(&run, 0, NULL, 0);
	end(&run, anomaly_kind_count, 0);
}

Test(history, duplicate)
{
	struct run run = begin();
	history_ack(run.history, send(&run, 1, 1), 0);
	scan(&run, 0, (uint64_t[]){1000, 1000}, 2);
	end(&run, ANOMALY_DUPLICATE, 1);
}

/* One offset with two records; one batch with two answers; two acks for one offset; elsewhere than accepted for. */
Test(history, inconsistent_offsets)
{
	struct run run = begin();
	history_ack(run.history, send(&run, 1, 1), 0);
	send(&run, 1, 1);
	history_read(run.history, run.p, 0, 1001, 1);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 0);
	run = begin();
	uint64_t a = send(&run, 1, 1);
	history_ack(run.history, a, 0);
	history_retry(run.history, a);
	history_ack(run.history, a, 5);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 5);
	run = begin();
	history_ack(run.history, send(&run, 1, 2), 0);
	history_ack(run.history, send(&run, 2, 1), 1);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 1);
	run = begin();
	a = send(&run, 1, 1);
	history_staged(run.history, a, 3);
	history_read(run.history, run.p, 2, 1000, 1);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 2);
}

Test(history, phantom)
{
	struct run run = begin();
	history_read(run.history, run.p, 0, 77, 1);
	end(&run, ANOMALY_PHANTOM, 0);
	run = begin();
	send(&run, 1, 1);
	history_read(run.history, run.q, 0, 1000, 1);
	end(&run, ANOMALY_PHANTOM, 0);
}

Test(history, refused_write)
{
	struct run run = begin();
	history_refuse(run.history, send(&run, 1, 1));
	history_read(run.history, run.p, 0, 1000, 1);
	end(&run, ANOMALY_REFUSED_WRITE, 0);
}

Test(history, resurrection)
{
	struct run run = begin();
	uint64_t a = send(&run, 1, 1);
	history_crash(run.history);
	scan(&run, 0, NULL, 0);
	history_read(run.history, run.p, 0, 1000, 1);
	end(&run, ANOMALY_RESURRECTION, 0);
	run = begin();
	a = send(&run, 1, 1);
	history_crash(run.history);
	scan(&run, 0, NULL, 0);
	history_retry(run.history, a);
	history_read(run.history, run.p, 0, 1000, 1);
	end(&run, anomaly_kind_count, 0);
}

/* A batch that became unknown in this life may still come with the next one, though a scan does not see it now. */
Test(history, unknown_in_this_life)
{
	struct run run = begin();
	history_crash(run.history);
	history_forget(run.history, send(&run, 1, 1));
	scan(&run, 0, NULL, 0);
	history_crash(run.history);
	scan(&run, 0, (uint64_t[]){1000}, 1);
	end(&run, anomaly_kind_count, 0);
}

Test(history, torn_batch)
{
	struct run run = begin();
	send(&run, 1, 3);
	history_crash(run.history);
	scan(&run, 0, (uint64_t[]){1000, 1001}, 2);
	end(&run, ANOMALY_TORN_BATCH, 2);
}

Test(history, gap)
{
	struct run run = begin();
	send(&run, 1, 1);
	send(&run, 1, 1);
	history_crash(run.history);
	scan(&run, 0, (uint64_t[]){1000, 0, 1001}, 3);
	end(&run, ANOMALY_GAP, 1);
}

Test(history, nonmonotonic_send)
{
	struct run run = begin();
	send(&run, 1, 1);
	send(&run, 1, 1);
	history_crash(run.history);
	scan(&run, 0, (uint64_t[]){1001, 1000}, 2);
	end(&run, ANOMALY_NONMONOTONIC_SEND, 1);
	run = begin();
	send(&run, 1, 1);
	send(&run, 2, 1);
	history_crash(run.history);
	scan(&run, 0, (uint64_t[]){1001, 1000}, 2);
	end(&run, anomaly_kind_count, 0);
}

Test(history, position_back)
{
	struct run run = begin();
	history_trimmed(run.history, run.p, 4);
	history_positions(run.history, run.p, 3, 5, 5);
	end(&run, ANOMALY_POSITION_BACK, 3);
	run = begin();
	history_positions(run.history, run.p, 0, 5, 4);
	end(&run, ANOMALY_POSITION_BACK, -1);
}

/* Damage may be named where it was done, and nothing else may be shown there; elsewhere it may not be named. */
Test(history, damage)
{
	struct run run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	history_allow_damage(run.history, run.p, 1, 2);
	scan(&run, 0, (uint64_t[]){1000, 1, 1002}, 3);
	end(&run, anomaly_kind_count, 0);
	run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	history_allow_damage(run.history, run.p, 1, 2);
	scan(&run, 0, (uint64_t[]){1000, 1, 1}, 3);
	end(&run, ANOMALY_FALSE_DAMAGE, 2);
	run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	history_allow_damage(run.history, run.p, 1, 2);
	scan(&run, 0, (uint64_t[]){1000, 0, 1002}, 3);
	end(&run, ANOMALY_LOST_WRITE, 1);
	run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	history_allow_damage(run.history, run.p, 1, 2);
	scan(&run, 0, (uint64_t[]){1000, 1002}, 2);
	end(&run, ANOMALY_DUPLICATE, 1);
}

/* Two records are served at 0 and 1, never answered (or are, `is_acked`), struck as far as `struck_end`, and taken again at 2 and 3. */
static struct run take_again(bool is_acked, int64_t struck_end)
{
	struct run run = begin();
	uint64_t number = send(&run, 1, 2);
	history_read(run.history, run.p, 0, 1000, 100);
	history_read(run.history, run.p, 1, 1001, 101);
	if (is_acked)
		history_ack(run.history, number, 0);
	history_crash(run.history);
	history_allow_damage(run.history, run.p, 0, struck_end);
	history_retry(run.history, number);
	history_ack(run.history, number, 2);
	return run;
}

/* What was never acknowledged, and is damaged whole, may stand once more behind it, and in no third place. */
Test(history, taken_again_behind_damage)
{
	struct run run = take_again(false, 2);
	scan(&run, 0, (uint64_t[]){1, 1, 1000, 1001}, 4);
	end(&run, anomaly_kind_count, 0);
	run = take_again(false, 2);
	scan(&run, 0, (uint64_t[]){1000, 1, 1000, 1001}, 4);
	end(&run, ANOMALY_DUPLICATE, 0);
	run = take_again(false, 2);
	history_allow_damage(run.history, run.p, 2, 4);
	history_ack(run.history, 0, 4);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 4);
	run = take_again(false, 1);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 2);
	run = take_again(true, 2);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 2);
}

Test(history, wrong_time_lookup)
{
	struct run run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	scan(&run, 0, (uint64_t[]){1000, 1001, 1002}, 3);
	history_looked_up(run.history, run.p, 101, 3, true, 2, 102);
	end(&run, ANOMALY_WRONG_TIME, 2);
	run = begin();
	history_ack(run.history, send(&run, 1, 3), 0);
	scan(&run, 0, (uint64_t[]){1000, 1001, 1002}, 3);
	history_looked_up(run.history, run.p, 101, 3, false, -1, -1);
	end(&run, ANOMALY_WRONG_TIME, -1);
}

/* What the driver saw by itself. */
Test(history, reported)
{
	struct run run = begin();
	history_report(run.history, ANOMALY_LOST_DEDUP, run.p, 7, "batch %d", 3);
	end(&run, ANOMALY_LOST_DEDUP, 7);
}

/* Thousands of records, retained away as they come: what is kept is bounded by the log, and what is left is still judged. */
Test(history, a_long_log)
{
	struct run run = begin();
	for (int64_t offset = 0; offset < 20000; offset += 4) {
		uint64_t a = send(&run, 1, 4);
		history_ack(run.history, a, offset);
		if (offset % 2000)
			continue;
		int64_t start = offset > 1000 ? offset - 1000 : 0;
		history_positions(run.history, run.p, start, offset + 4, offset + 4);
		history_scan_begin(run.history, run.p);
		for (int64_t at = start; at < offset + 4; at++)
			history_read(run.history, run.p, at, 1000 + (uint64_t)at, at);
		history_scan_end(run.history, run.p, start, offset + 4);
	}
	history_read(run.history, run.p, 19990, 1000, 1);
	end(&run, ANOMALY_INCONSISTENT_OFFSETS, 19990);
}
