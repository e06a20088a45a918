/* Why a part of an admin request is refused: Kafka's code, and a sentence for people. And the judgements
 * that several of the admin APIs share.
 *
 * Owner: the request. A control operation may use these on shard 0 as well: while it is pending, and nothing
 * else of its request is, the request's arena is its own. Names and values in a sentence are cut to a length
 * that any answer can carry. */
#pragma once

#include "net/api/api.h"

/* Zeroed: not refused. */
struct refusal {
	enum kerr error;
	struct slice message; /* data NULL: none */
};

/* So much of a name off the wire is shown in a sentence: SHOWN(name) for "%.*s". */
#define SHOWN_SIZE_MAX 1000
#define SHOWN(slice) (int)((slice).size < SHOWN_SIZE_MAX ? (slice).size : SHOWN_SIZE_MAX), (const char *)(slice).data

/* Text in the request's arena; data NULL if it is full. */
struct slice text_format(struct request *request, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same as a string, from any bytes; NULL if the arena is full. */
char *text_copy(struct request *request, struct slice bytes);

/* The bytes behind one byte that says of which kind they are, as an entry of find_repeats; data NULL if the
 * arena is full. */
struct slice text_entry(struct request *request, int8_t kind, struct slice bytes);

/* Always true, so that a judge can say: return refuse(...). Without memory the sentence is left out. */
bool refuse(struct request *request, struct refusal *refusal, enum kerr error, const char *format,
	    ...) PRINTF_LIKE(4, 5);
/* An error of the log: its sentence, or nothing if `err` is 0. */
bool refuse_err(struct request *request, struct refusal *refusal, int err);
/* Kafka's sentences for a topic name that is not allowed. */
bool refuse_topic_name(struct request *request, struct refusal *refusal, struct slice name);
/* A replica assignment: one partition is held by this broker, and by no other. */
bool refuse_replicas(struct request *request, struct refusal *refusal, const int32_t *broker_ids, int32_t count);

/* Finds what is there more than once. is_repeated[i] becomes true for all bytes that another entry equals;
 * is_first[i] for the first of its kind, repeated or not. False: no memory. */
struct repeats {
	bool *is_repeated, *is_first;
};
MUST_USE bool find_repeats(struct request *request, const struct slice *entries, uint32_t count,
			   struct repeats *out);

/* Kafka's bound on the partitions that one request may make. */
#define NEW_PARTITIONS_MAX 10000
