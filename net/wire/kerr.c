/* The table of Kafka's errors, and the mapping into it. The switch over the log's errors has no default, so
 * that the compiler names an error that was added there and is missing here. */
#include "net/wire/kerr.h"

#include <errno.h>

static const struct {
	const char *name;
	const char *text;
	bool retriable;
} kerrs[] = {
#define X(code, name, retriable, text) [code - KERR_MIN] = {#name, text, retriable},
	KERR_LIST(X)
#undef X
};

_Static_assert(COUNT_OF(kerrs) == KERR_MAX - KERR_MIN + 1, "the list ends at KERR_MAX");

static enum kerr from_log(enum err err)
{
	switch (err) {
	case ERR_CORRUPT_BATCH:
	case ERR_CORRUPT_LOG:
		return KERR_CORRUPT_MESSAGE;
	case ERR_INVALID_RECORD:
		return KERR_INVALID_RECORD;
	case ERR_INVALID_TIMESTAMP:
		return KERR_INVALID_TIMESTAMP;
	case ERR_BATCH_TOO_LARGE:
		return KERR_MESSAGE_TOO_LARGE;
	case ERR_BATCH_EXCEEDS_SEGMENT:
		return KERR_RECORD_LIST_TOO_LARGE;
	case ERR_UNSUPPORTED_CODEC:
		return KERR_UNSUPPORTED_COMPRESSION_TYPE;
	case ERR_BROKEN_COMPRESSION:
		/* Kafka lets the decompressor's exception through, and clients know it as that. */
		return KERR_UNKNOWN_SERVER_ERROR;
	case ERR_OUT_OF_ORDER_SEQUENCE:
		return KERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
	case ERR_PRODUCER_EPOCH:
		return KERR_INVALID_PRODUCER_EPOCH;
	case ERR_UNKNOWN_PRODUCER:
		return KERR_INVALID_TXN_STATE;
	case ERR_OFFSET_OUT_OF_RANGE:
		return KERR_OFFSET_OUT_OF_RANGE;
	case ERR_UNKNOWN_TOPIC:
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	case ERR_TOPIC_EXISTS:
		return KERR_TOPIC_ALREADY_EXISTS;
	case ERR_INVALID_TOPIC_NAME:
		return KERR_INVALID_TOPIC_EXCEPTION;
	case ERR_INVALID_CONFIG:
		return KERR_INVALID_CONFIG;
	case ERR_INVALID_SETTING:
		return KERR_INVALID_REQUEST;
	case ERR_TOO_MANY_SETTINGS:
		return KERR_POLICY_VIOLATION;
	case ERR_INVALID_PARTITIONS:
		return KERR_INVALID_PARTITIONS;
	case ERR_BUSY:
		/* The code that says "nothing was appended, try again", with no hint that metadata is old. */
		return KERR_NOT_ENOUGH_REPLICAS;
	case ERR_CLOSED:
		/* Makes the client ask for metadata: it then learns whether the topic is gone. */
		return KERR_NOT_LEADER_OR_FOLLOWER;
	case ERR_FAILED:
	case ERR_FORMAT:
	case ERR_LOCKED:
	case ERR_NOT_A_FILE:
	case ERR_GONE:
	case ERR_OFFLINE:
		return KERR_KAFKA_STORAGE_ERROR;
	}
	return KERR_UNKNOWN_SERVER_ERROR;
}

enum kerr kerr_from(int err)
{
	switch (err) {
	case 0:
		return KERR_NONE;
	case -EIO:
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
	case -EROFS:
	case -EACCES:
	case -EPERM:
	case -ENOTDIR: /* a partition's disk is not mounted */
	case -EMFILE: /* a shortage that passes: clients try again */
	case -ENFILE:
	case -ENOMEM:
		return KERR_KAFKA_STORAGE_ERROR;
	default:
		return from_log((enum err)err);
	}
}

static bool is_known(int code) { return code >= KERR_MIN && code <= KERR_MAX; }

const char *kerr_name(int code)
{
	return is_known(code) ? kerrs[code - KERR_MIN].name : "?";
}

const char *kerr_text(int code)
{
	return is_known(code) ? kerrs[code - KERR_MIN].text : "an error code this broker does not know";
}

bool kerr_is_retriable(int code)
{
	return is_known(code) && kerrs[code - KERR_MIN].retriable;
}
