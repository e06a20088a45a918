/* Sending admin requests and waiting for their answers. Failure modes: no answer in time, an answer that is an error as a whole; errors of single
 * topics or groups are in the answer, and the verb's to read. */
#include "cli/admin.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/deeds.h"

void admin_begin(struct admin_call *call, struct kafka_client *client, bool is_rehearsal)
{
	char why[256];
	*call = (struct admin_call){.queue = kafka()->rd_kafka_queue_new(client->handle)};
	if (!is_rehearsal)
		return;
	call->options = kafka()->rd_kafka_AdminOptions_new(client->handle, RD_KAFKA_ADMIN_OP_ANY);
	if (kafka()->rd_kafka_AdminOptions_set_validate_only(call->options, 1, why, sizeof why))
		complain("%s", why);
}

rd_kafka_resp_err_t admin_wait_quietly(struct admin_call *call, char *why, size_t why_size)
{
	call->event = kafka()->rd_kafka_queue_poll(call->queue, 2 * KAFKA_TIMEOUT_MS);
	rd_kafka_resp_err_t err = call->event ? kafka()->rd_kafka_event_error(call->event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (err && why)
		snprintf(why, why_size, "%s", call->event ? kafka()->rd_kafka_event_error_string(call->event) : "the broker does not answer");
	return err;
}

int admin_wait(struct admin_call *call)
{
	char why[512];
	if (!admin_wait_quietly(call, why, sizeof why))
		return STATUS_OK;
	complain("%s", why);
	return STATUS_FAILED;
}

void admin_end(struct admin_call *call)
{
	if (call->event)
		kafka()->rd_kafka_event_destroy(call->event);
	if (call->options)
		kafka()->rd_kafka_AdminOptions_destroy(call->options);
	kafka()->rd_kafka_queue_destroy(call->queue);
	*call = (struct admin_call){0};
}

const char *admin_reason(rd_kafka_resp_err_t err, const char *broker_says)
{
	return broker_says && *broker_says ? broker_says : kafka()->rd_kafka_err2str(err);
}

int admin_report_topics(const rd_kafka_topic_result_t **results, size_t count, const struct admin_deed *deed, struct deeds *deeds)
{
	struct deeds silent = {0};
	deeds = deeds ? deeds : &silent;
	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t err = kafka()->rd_kafka_topic_result_error(results[i]);
		const char *name = kafka()->rd_kafka_topic_result_name(results[i]);
		bool is_tolerated = err && deed && err == deed->tolerated;
		if (err && !is_tolerated)
			deeds_add_failure(deeds, "topic", name, admin_reason(err, kafka()->rd_kafka_topic_result_error_string(results[i])));
		else if (deed)
			deeds_add(deeds, is_tolerated ? deed->tolerated_result : deed->done, is_tolerated ? deed->said : NULL, name);
	}
	return deeds->status;
}
