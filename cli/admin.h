/* One request of librdkafka's admin API: send it with `call.options` and `call.queue`, wait for its answer, read the answer from `call.event`.
 * Owner: the main thread. */
#pragma once

#include "cli/kafka_client.h"

struct admin_call {
	rd_kafka_queue_t *queue;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_event_t *event; /* the answer, until admin_end */
};

/* `is_rehearsal`: the broker checks the request and changes nothing (only for requests that know this). */
void admin_begin(struct admin_call *call, struct kafka_client *client, bool is_rehearsal);
/* An exit status, after a complaint if it is not STATUS_OK. */
MUST_USE int admin_wait(struct admin_call *call);
/* The same without a complaint: librdkafka's code of what failed, and its sentence in `why` (may be NULL). */
MUST_USE rd_kafka_resp_err_t admin_wait_quietly(struct admin_call *call, char *why, size_t why_size);
void admin_end(struct admin_call *call);

/* What the broker says, or what librdkafka calls the code. */
const char *admin_reason(rd_kafka_resp_err_t err, const char *broker_says);

struct deeds;

/* What is said of a topic ("created"), and of one where an error is as good ("exists already"); 0: none is. */
struct admin_deed {
	const char *done;
	rd_kafka_resp_err_t tolerated;
	const char *tolerated_result, *said;
};

/* Tells of each topic of an answer; with NULLs of failures alone. STATUS_FAILED if one of them did not work. */
MUST_USE int admin_report_topics(const rd_kafka_topic_result_t **results, size_t count, const struct admin_deed *deed, struct deeds *deeds);
