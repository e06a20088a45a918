/* Kafka's error codes: the mapping of every error of the log, and the list itself. */
#include "net/wire/kerr.h"

#include <criterion/criterion.h>
#include <errno.h>

static const struct { int err; enum kerr kerr; } rows[] = {
	{0, KERR_NONE},
	{ERR_CORRUPT_BATCH, KERR_CORRUPT_MESSAGE},
	{ERR_INVALID_RECORD, KERR_INVALID_RECORD},
	{ERR_INVALID_TIMESTAMP, KERR_INVALID_TIMESTAMP},
	{ERR_BATCH_TOO_LARGE, KERR_MESSAGE_TOO_LARGE},
	{ERR_BATCH_EXCEEDS_SEGMENT, KERR_RECORD_LIST_TOO_LARGE},
	{ERR_UNSUPPORTED_CODEC, KERR_UNSUPPORTED_COMPRESSION_TYPE},
	{ERR_BROKEN_COMPRESSION, KERR_UNKNOWN_SERVER_ERROR},
	{ERR_OUT_OF_ORDER_SEQUENCE, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER},
	{ERR_PRODUCER_EPOCH, KERR_INVALID_PRODUCER_EPOCH},
	{ERR_OFFSET_OUT_OF_RANGE, KERR_OFFSET_OUT_OF_RANGE},
	{ERR_UNKNOWN_TOPIC, KERR_UNKNOWN_TOPIC_OR_PARTITION},
	{ERR_TOPIC_EXISTS, KERR_TOPIC_ALREADY_EXISTS},
	{ERR_INVALID_TOPIC_NAME, KERR_INVALID_TOPIC_EXCEPTION},
	{ERR_INVALID_CONFIG, KERR_INVALID_CONFIG},
	{ERR_INVALID_PARTITIONS, KERR_INVALID_PARTITIONS},
	{ERR_BUSY, KERR_NOT_ENOUGH_REPLICAS},
	{ERR_FAILED, KERR_KAFKA_STORAGE_ERROR},
	{ERR_CORRUPT_LOG, KERR_CORRUPT_MESSAGE},
	{ERR_LOCKED, KERR_KAFKA_STORAGE_ERROR},
	{ERR_FORMAT, KERR_KAFKA_STORAGE_ERROR},
	{ERR_NOT_A_FILE, KERR_KAFKA_STORAGE_ERROR},
	{ERR_GONE, KERR_KAFKA_STORAGE_ERROR},
	{ERR_OFFLINE, KERR_KAFKA_STORAGE_ERROR},
	{ERR_CLOSED, KERR_NOT_LEADER_OR_FOLLOWER},
	{ERR_UNKNOWN_PRODUCER, KERR_INVALID_TXN_STATE},
	{ERR_INVALID_SETTING, KERR_INVALID_REQUEST},
	{ERR_TOO_MANY_SETTINGS, KERR_POLICY_VIOLATION},
	{-ENOSPC, KERR_KAFKA_STORAGE_ERROR},
	{-EIO, KERR_KAFKA_STORAGE_ERROR},
	{-EDQUOT, KERR_KAFKA_STORAGE_ERROR},
	{-EFBIG, KERR_KAFKA_STORAGE_ERROR},
	{-EROFS, KERR_KAFKA_STORAGE_ERROR},
	{-EMFILE, KERR_KAFKA_STORAGE_ERROR},
	{-ENFILE, KERR_KAFKA_STORAGE_ERROR},
	{-ENOMEM, KERR_KAFKA_STORAGE_ERROR},
	{-ENOENT, KERR_UNKNOWN_SERVER_ERROR},
	{-424242, KERR_UNKNOWN_SERVER_ERROR},
};

/* Each error of the log becomes the code that clients know for it. */
Test(kerr, mapping)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(kerr_from(rows[i].err), rows[i].kerr, "%s becomes %s", err_name(rows[i].err),
			     kerr_name(kerr_from(rows[i].err)));
}

/* No error of the log is missing from the table above. */
Test(kerr, mapping_is_complete)
{
	static const int all[] = {
#define X(code, name, text) name,
		ERR_LIST(X)
#undef X
	};
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		bool listed = false;
		for (size_t k = 0; k < COUNT_OF(rows); k++)
			listed |= rows[k].err == all[i];
		cr_expect(listed, "%s", err_name(all[i]));
	}
}

/* The codes run from -1 to 136 without a gap; codes outside have a name all the same. */
Test(kerr, list_has_no_gap)
{
	for (int code = KERR_MIN; code <= KERR_MAX; code++) {
		cr_expect_not_null(kerr_name(code), "%d", code);
		cr_expect_not_null(kerr_text(code), "%d", code);
	}
	cr_expect_str_eq(kerr_name(KERR_MAX + 1), "?");
	cr_expect_str_eq(kerr_name(KERR_MIN - 1), "?");
	cr_expect_str_eq(kerr_name(-1), "UNKNOWN_SERVER_ERROR");
	cr_expect_str_eq(kerr_name(136), "CONTROLLER_ID_NOT_REGISTERED");
}

/* What clients retry by themselves: 32 of the codes, among them the ones a producer relies on. */
Test(kerr, retriable)
{
	int count = 0;
	for (int code = KERR_MIN; code <= KERR_MAX; code++)
		count += kerr_is_retriable(code);
	cr_expect_eq(count, 32);
	cr_expect(kerr_is_retriable(kerr_from(ERR_BUSY)));
	cr_expect(kerr_is_retriable(kerr_from(ERR_CLOSED)));
	cr_expect(kerr_is_retriable(kerr_from(-ENOSPC)));
	cr_expect(kerr_is_retriable(kerr_from(-EMFILE)));
	cr_expect_not(kerr_is_retriable(kerr_from(ERR_INVALID_RECORD)));
	cr_expect_not(kerr_is_retriable(KERR_MAX + 1));
}
