/* Behind damage: the next batch is one that is whole, is this log's, and leads on; and a disk that does not answer has not said that there is none. */
#include <criterion/criterion.h>
#include <errno.h>

#include "log/batch/batch_builder.h"
#include "log/segment/resync.h"

#define BATCHES 5

struct log {
	uint8_t bytes[4096];
	uint64_t at[BATCHES + 1];
	int reads_left;            /* then a read fails; -1: none does */
};

static int read_log(void *context, void *out, uint32_t size, uint64_t position)
{
	struct log *log = context;
	if (log->reads_left == 0)
		return -EIO;
	log->reads_left -= log->reads_left > 0;
	memcpy(out, log->bytes + position, size);
	return 0;
}

static uint32_t put(uint8_t *out, size_t capacity, int64_t base_offset)
{
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct record record = {.timestamp_ms = 1000, .value = {(const uint8_t *)"0123456789", 10}};
	uint32_t size;
	options.base_offset = base_offset;
	options.leader_epoch = 0;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, capacity), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return size;
}

/* Batches of one record each; their source. */
static struct resync_source begin(struct log *log)
{
	*log = (struct log){.reads_left = -1};
	for (int i = 0; i < BATCHES; i++)
		log->at[i + 1] = log->at[i] + put(log->bytes + log->at[i], sizeof log->bytes - log->at[i], i);
	uint64_t end = log->at[BATCHES];
	return (struct resync_source){.read = read_log, .context = log, .end_position = end, .end_offset = BATCHES, .fit_position = end, .fit_offset = BATCHES,
				      .file_end = end, .memory_position = end};
}

static void expect_next(const struct resync_source *source, struct log *log, int damaged, int wanted)
{
	uint64_t position;
	struct batch batch;
	int err = resync_find(source, log->at[damaged], damaged - 1, &position, &batch);
	cr_expect_eq(err, 0);
	cr_expect_eq(batch.base_offset, wanted, "%ld", (long)batch.base_offset);
	cr_expect_eq(position, log->at[wanted]);
}

/* A batch behind the damaged one that fails its own check is damaged as well: the one behind it is next. */
Test(resync, what_is_found_passes_its_check)
{
	struct log log;
	struct resync_source source = begin(&log);
	log.bytes[log.at[1] + 70] ^= 1;
	expect_next(&source, &log, 1, 2);
	log.bytes[log.at[2] + 70] ^= 1;
	expect_next(&source, &log, 1, 3);
	log.bytes[log.at[1] + 16] ^= 1; /* nor does its header lead on */
	expect_next(&source, &log, 1, 3);
}

/* A whole batch of another log in the damaged one's place, of a later offset of this one: what is behind it is not what it says. */
Test(resync, a_strangers_batch_is_not_taken)
{
	struct log log;
	struct resync_source source = begin(&log);
	memset(log.bytes + log.at[1], 0, log.at[2] - log.at[1]);
	put(log.bytes + log.at[1], log.at[2] - log.at[1], 3);
	expect_next(&source, &log, 1, 2);
	/* The same a few bytes further on, where only a search finds it. */
	source = begin(&log);
	memset(log.bytes + log.at[1], 0, log.at[3] - log.at[1]);
	put(log.bytes + log.at[1] + 7, log.at[3] - log.at[1] - 7, 2);
	expect_next(&source, &log, 1, 3);
}

/* Whichever read fails: that error, and not "there is none". */
Test(resync, a_read_that_fails_is_an_error)
{
	struct log log;
	struct resync_source source = begin(&log);
	log.bytes[log.at[1] + 16] ^= 1;
	for (int reads = 0; reads < 100; reads++) {
		uint64_t position;
		struct batch batch;
		log.reads_left = reads;
		int err = resync_find(&source, log.at[1], 0, &position, &batch);
		cr_expect(err == -EIO || err == 0, "%d: %d", reads, err);
		if (err == 0) {
			cr_expect_geq(reads, 3);
			cr_expect_eq(batch.base_offset, 2);
			return;
		}
	}
	cr_assert_fail("it never ended");
}
