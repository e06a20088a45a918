/* `spate consume TOPIC --group G`: a member of a consumer group, at least once.
 *
 * Happy path: join, take the partitions that the group gives, print what they hold from where the group has committed, and commit what has left this
 * process: an offset is stored for the commit only after stdout took its record. Where a partition has nothing (more) to read, its end is committed, so that
 * the group is at the end also where it began there. Commits go out every five seconds, when partitions are taken away, and
 * at the end; leaving tells the group, so that the others need not wait for a session to end. Failure modes: a coordinator that does not answer (waits,
 * and says so), a partition whose next record is gone or damaged (ends), a reader of the pipe that has gone (ends, with what it took committed). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/consume.h"
#include "cli/group.h"
#include "cli/out.h"
#include "cli/progress.h"

#define PATIENCE_S 10

struct membership {
	const struct consume_flags *flags;
	struct kafka_client client;
	struct record_sink sink;
	/* Each partition's offset is behind the last record printed, or its end if that was reached, -1 if that is stored already; its opaque is set when it is read to its end. */
	rd_kafka_topic_partition_list_t *assigned;
	bool has_joined, was_warned;
	struct timespec began;
};

/* ---- what is printed is committed -------------------------------------------------------------------------------------------- */

/* Offsets are stored for the next commit once their records have left; then forgotten here. */
static int store_printed(struct membership *membership)
{
	rd_kafka_topic_partition_list_t *assigned = membership->assigned;
	int status = record_sink_flush(&membership->sink);
	if (status)
		return status;
	rd_kafka_topic_partition_list_t *printed = kafka()->rd_kafka_topic_partition_list_new(assigned->cnt);
	for (int i = 0; i < assigned->cnt; i++) {
		rd_kafka_topic_partition_t *partition = &assigned->elems[i];
		if (partition->offset >= 0)
			kafka()->rd_kafka_topic_partition_list_add(printed, partition->topic, partition->partition)->offset = partition->offset;
		partition->offset = -1;
	}
	/* A partition that was just taken away cannot be stored; its new owner prints the record again. */
	if (printed->cnt && kafka()->rd_kafka_offsets_store(membership->client.handle, printed))
		status = STATUS_OK;
	kafka()->rd_kafka_topic_partition_list_destroy(printed);
	return status;
}

static int commit(struct membership *membership)
{
	rd_kafka_resp_err_t err = kafka()->rd_kafka_commit(membership->client.handle, NULL, 0);
	if (!err || err == RD_KAFKA_RESP_ERR__NO_OFFSET)
		return STATUS_OK;
	complain("what was printed last could not be committed for group '%s' (%s); it will be printed again", membership->flags->group,
		 kafka()->rd_kafka_err2str(err));
	return STATUS_FAILED;
}

/* ---- assignment ---------------------------------------------------------------------------------------------------------------- */

static void say_assigned(const struct membership *membership)
{
	char text[512] = "none for now";
	size_t used = 0;
	for (int i = 0; i < membership->assigned->cnt && used < sizeof text - 16; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId32, i ? "," : "", membership->assigned->elems[i].partition);
	if (!membership->flags->is_quiet)
		complain("group '%s': partitions %s", membership->flags->group, text);
}

static void take_partitions(struct membership *membership, const rd_kafka_topic_partition_list_t *partitions)
{
	for (int i = 0; i < partitions->cnt; i++)
		kafka()->rd_kafka_topic_partition_list_add(membership->assigned, partitions->elems[i].topic, partitions->elems[i].partition)->offset = -1;
}

static void drop_partitions(struct membership *membership, const rd_kafka_topic_partition_list_t *partitions)
{
	for (int i = 0; i < partitions->cnt; i++)
		kafka()->rd_kafka_topic_partition_list_del(membership->assigned, partitions->elems[i].topic, partitions->elems[i].partition);
}

/* Runs inside rd_kafka_consumer_poll and _close. Taken from us is only what was committed, or is printed again elsewhere. */
static void note_rebalance(rd_kafka_t *handle, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
	struct membership *membership = ((struct kafka_client *)opaque)->opaque;
	bool is_cooperative = strcmp(kafka()->rd_kafka_rebalance_protocol(handle), "COOPERATIVE") == 0;
	bool is_taken = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	rd_kafka_error_t *error = NULL;
	if (is_taken) {
		take_partitions(membership, partitions);
	} else if (store_printed(membership) == STATUS_OK && membership->assigned->cnt && !kafka()->rd_kafka_assignment_lost(handle)) {
		membership->was_warned |= commit(membership) != STATUS_OK;
	}
	if (is_cooperative)
		error = is_taken ? kafka()->rd_kafka_incremental_assign(handle, partitions) : kafka()->rd_kafka_incremental_unassign(handle, partitions);
	else if (kafka()->rd_kafka_assign(handle, is_taken ? partitions : NULL))
		complain("the partitions that group '%s' gives cannot be taken", membership->flags->group);
	if (error)
		kafka()->rd_kafka_error_destroy(error);
	if (!is_taken)
		drop_partitions(membership, partitions);
	membership->has_joined |= is_taken;
	if (is_taken) {
		record_sink_ready(&membership->sink);
		say_assigned(membership);
	}
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

static rd_kafka_topic_partition_t *partition_of(struct membership *membership, const rd_kafka_message_t *message)
{
	return kafka()->rd_kafka_topic_partition_list_find(membership->assigned, kafka()->rd_kafka_topic_name(message->rkt), message->partition);
}

static bool are_all_at_end(const struct membership *membership)
{
	for (int i = 0; i < membership->assigned->cnt; i++)
		if (!membership->assigned->elems[i].opaque)
			return false;
	return membership->has_joined;
}

static int take_error(struct membership *membership, const rd_kafka_message_t *message)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		rd_kafka_topic_partition_t *partition = partition_of(membership, message);
		if (partition) {
			partition->opaque = membership;
			partition->offset = message->offset;
		}
		return STATUS_OK;
	}
	if (message->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
		complain("nothing was taken from stdout for so long that the group gave the partitions to others; read it faster, or -X max.poll.interval.ms=N");
	else if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || message->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		complain("topic '%s' is gone", membership->sink.topic);
	else if (message->err == RD_KAFKA_RESP_ERR__BAD_MSG || message->err == RD_KAFKA_RESP_ERR_INVALID_MSG)
		complain("partition %" PRId32 ": the records at offset %" PRId64 " are damaged (they fail their check) and are not served; 'spate log verify' "
			 "names the range, 'spate group rewind %s --topic %s:%" PRId32 " --to N' goes on behind it",
			 message->partition, message->offset, membership->flags->group, membership->sink.topic, message->partition);
	else
		complain("group '%s': %s", membership->flags->group, kafka()->rd_kafka_err2str(message->err));
	return STATUS_FAILED;
}

static int take_message(struct membership *membership, const rd_kafka_message_t *message)
{
	if (message->err)
		return take_error(membership, message);
	rd_kafka_topic_partition_t *partition = partition_of(membership, message);
	record_sink_print(&membership->sink, message);
	if (partition) {
		partition->offset = message->offset + 1;
		partition->opaque = NULL;
	}
	return STATUS_OK;
}

static void notice_waiting(struct membership *membership)
{
	struct timespec now;
	if (membership->has_joined || membership->was_warned || membership->flags->is_quiet)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - membership->began.tv_sec < PATIENCE_S)
		return;
	membership->was_warned = true;
	complain("still waiting to join group '%s': its coordinator does not answer, or its other members do not join again", membership->flags->group);
}

static int notice_lost_broker(struct membership *membership)
{
	if (membership->client.fatal != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		return STATUS_OK;
	membership->client.fatal = 0;
	complain(membership->flags->exit_eof ? "the broker at %s went away" : "the broker at %s went away; waiting for it", membership->client.brokers);
	return membership->flags->exit_eof ? STATUS_UNREACHABLE : STATUS_OK;
}

/* Whatever is there at once is printed at once; then what was printed is stored, and it waits. */
static rd_kafka_message_t *next_message(struct membership *membership, int *status)
{
	rd_kafka_message_t *message = kafka()->rd_kafka_consumer_poll(membership->client.handle, 0);
	if (message)
		return message;
	record_sink_pause(&membership->sink);
	*status = store_printed(membership);
	return *status ? NULL : kafka()->rd_kafka_consumer_poll(membership->client.handle, 100);
}

static int read_all(struct membership *membership)
{
	int status = STATUS_OK;
	while (!status && !record_sink_is_full(&membership->sink) && !(membership->flags->exit_eof && are_all_at_end(membership))) {
		rd_kafka_message_t *message = next_message(membership, &status);
		if (message) {
			status = take_message(membership, message);
			kafka()->rd_kafka_message_destroy(message);
		} else if (!status) {
			notice_waiting(membership);
			status = notice_lost_broker(membership);
		}
	}
	return status;
}

/* ---- where it begins ----------------------------------------------------------------------------------------------------------- */

static uint32_t count_committed(const rd_kafka_topic_partition_list_t *committed, const char *topic)
{
	uint32_t count = 0;
	for (int i = 0; i < committed->cnt; i++)
		count += strcmp(committed->elems[i].topic, topic) == 0 && committed->elems[i].offset >= 0;
	return count;
}

/* --offset is for partitions without a commit; who wrote it may have meant all. */
static int tell_unheeded_offset(struct membership *membership, const char *topic)
{
	rd_kafka_topic_partition_list_t *committed;
	const struct consume_flags *flags = membership->flags;
	if (!flags->has_offset || flags->is_quiet)
		return STATUS_OK;
	int status = group_offsets_ask(&membership->client, flags->group, &committed);
	uint32_t count = status ? 0 : count_committed(committed, topic);
	if (count)
		complain("group '%s' reads on where it has committed, which it has in %" PRIu32 " partition%s; --offset %s is for where nothing is committed "
			 "('spate group rewind %s --topic %s --to %s' moves it)",
			 flags->group, count, out_plural(count), flags->offset, flags->group, topic, flags->offset);
	kafka()->rd_kafka_topic_partition_list_destroy(committed);
	return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static int join(struct membership *membership, const char *topic)
{
	if (!kafka_client_topic(&membership->client, topic)) {
		kafka_complain_topic(&membership->client, topic);
		return STATUS_FAILED;
	}
	int status = tell_unheeded_offset(membership, topic);
	if (status)
		return status;
	rd_kafka_topic_partition_list_t *topics = kafka()->rd_kafka_topic_partition_list_new(1);
	kafka()->rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
	kafka()->rd_kafka_poll_set_consumer(membership->client.handle);
	rd_kafka_resp_err_t err = kafka()->rd_kafka_subscribe(membership->client.handle, topics);
	kafka()->rd_kafka_topic_partition_list_destroy(topics);
	clock_gettime(CLOCK_MONOTONIC, &membership->began);
	progress_say("joining group '%s'", membership->flags->group);
	if (!err)
		return STATUS_OK;
	complain("cannot join group '%s': %s", membership->flags->group, kafka()->rd_kafka_err2str(err));
	return STATUS_FAILED;
}

/* A reader that took what it wanted and went is no failure; its partitions go back with what it took committed. */
static int leave(struct membership *membership, int status)
{
	int stored = store_printed(membership), committed = STATUS_OK;
	if (membership->has_joined)
		committed = commit(membership);
	progress_say("leaving group '%s'", membership->flags->group);
	kafka()->rd_kafka_consumer_close(membership->client.handle);
	if (membership->sink.is_reader_gone)
		return committed;
	return status ? status : stored ? stored : committed;
}

int consume_in_group(const struct consume_flags *flags, const char *topic, const char *format, bool begins_at_end)
{
	struct membership membership = {.flags = flags};
	const struct kafka_setting settings[] = {
		{"group.id", flags->group},
		{"auto.offset.reset", begins_at_end ? "latest" : "earliest"},
		{"enable.auto.commit", "true"},
		{"enable.auto.offset.store", "false"},
		{"enable.partition.eof", "true"},
		{"check.crcs", "true"},
		CONSUME_DEPTH_SETTINGS,
	};
	const struct kafka_wishes wishes = {.settings = settings, .setting_count = COUNT_OF(settings), .rebalanced = note_rebalance};
	membership.client.opaque = &membership;
	int status = kafka_client_open(&membership.client, RD_KAFKA_CONSUMER, &flags->kafka, &wishes);
	if (status)
		return status;
	membership.assigned = kafka()->rd_kafka_topic_partition_list_new(0);
	record_sink_open(&membership.sink, flags, topic, format);
	status = join(&membership, topic);
	if (!status) {
		status = read_all(&membership);
		status = leave(&membership, status);
	}
	kafka()->rd_kafka_topic_partition_list_destroy(membership.assigned);
	record_sink_close(&membership.sink);
	kafka_client_close(&membership.client);
	return status;
}
