/* One record of __consumer_offsets, to and from Kafka's bytes: an int16 with the kind and the key's message; an int16 with the version
 * and the value's message. Messages are those of net/wire/schema/group_record.msg. Owns nothing; any thread; knows no group. */
#pragma once

#include "kmsg_group_record.h"

struct coordinator;

/* name, Kafka's number of the kind, the version Kafka 4.3 writes (offset_commit: see group_record_encode). Legacy offset commits (kind 0) are
 * read as offset_commit. */
#define GROUP_RECORD_KINDS(X)                               \
	X(offset_commit, 1, 4)                              \
	X(group_metadata, 2, 3)                             \
	X(consumer_group_metadata, 3, 0)                    \
	X(consumer_group_partition_metadata, 4, 0)          \
	X(consumer_group_member_metadata, 5, 0)             \
	X(consumer_group_target_assignment_metadata, 6, 0)  \
	X(consumer_group_target_assignment_member, 7, 0)    \
	X(consumer_group_current_member_assignment, 8, 0)   \
	X(consumer_group_regular_expression, 16, 0)

enum group_record_kind {
	GROUP_RECORD_UNKNOWN = -1,     /* of a newer Kafka, or of groups that are not served here: nothing else of the message is set */
#define X(name, number, version) GROUP_RECORD_##name = number,
	GROUP_RECORD_KINDS(X)
#undef X
};

/* A record, understood. The member of `key` and of `value` is named as the kind: message.key.offset_commit. */
struct group_message {
	enum group_record_kind kind;
	bool is_tombstone;             /* then `value` is not set */
	union {
#define X(name, number, version) struct kmsg_##name##_key name;
		GROUP_RECORD_KINDS(X)
#undef X
	} key;
	union {
#define X(name, number, version) struct kmsg_##name##_value name;
		GROUP_RECORD_KINDS(X)
#undef X
	} value;
};

/* The defaults of a kind's key and value; no tombstone. */
void group_message_init(struct group_message *message, enum group_record_kind kind);

/* `value.data` NULL is a tombstone. Strings are views of key and value, arrays are in the arena. A kind or a version that is not known is
 * GROUP_RECORD_UNKNOWN and no error: Kafka leaves such records alone. ERR_FORMAT: bytes that are no record of their kind. -ENOMEM: the
 * arena is full. */
MUST_USE int group_record_decode(struct group_message *message, struct slice key, struct slice value, struct arena *arena);

/* Kafka 4.3's bytes, in the arena: a key, and a value or data NULL for a tombstone. An offset commit that carries an expire timestamp is written in
 * version 1, which alone has one. -ENOMEM; ERR_FORMAT: a string is longer than the format can say. */
MUST_USE int group_record_encode(const struct group_message *message, struct arena *arena, struct slice *key, struct slice *value);

/* Encodes the record and puts it into the coordinator's outbox. What cannot be encoded makes outbox.is_out_of_memory. */
void group_record_emit(struct coordinator *coordinator, const struct group_message *message);
