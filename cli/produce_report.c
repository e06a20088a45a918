/* Counting what became of the records, and saying it. A record counts as written only when the broker has acknowledged it; of the others the first
 * reasons are told, each with how many it was, and how to help it. */
#include "cli/produce.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/out.h"
#include "cli/progress.h"
#include "cli/wire_client.h"
#include "log/base/check.h"

#define FULL_BYTES (64 << 20)

/* ---- delivery reports --------------------------------------------------------------------------------------------------- */

static struct written *written_of(struct producing *producing, int32_t partition)
{
	CHECK(partition >= 0);
	uint32_t needed = (uint32_t)partition + 1;
	if (needed > producing->partition_count) {
		producing->partitions = realloc(producing->partitions, needed * sizeof *producing->partitions);
		CHECKF(producing->partitions, "out of memory");
		memset(producing->partitions + producing->partition_count, 0, (needed - producing->partition_count) * sizeof *producing->partitions);
		producing->partition_count = needed;
	}
	return &producing->partitions[partition];
}

static void note_acked(struct producing *producing, const rd_kafka_message_t *message)
{
	producing->acked++;
	if (producing->refusal.is_there)
		producing->refusal.is_there = false;
	if (message->partition < 0)
		return;
	struct written *written = written_of(producing, message->partition);
	if (!written->count || message->offset < written->first)
		written->first = message->offset;
	if (!written->count || message->offset > written->last)
		written->last = message->offset;
	written->count++;
}

void produce_note_failed(struct producing *producing, rd_kafka_resp_err_t err)
{
	producing->failed++;
	producing->has_timed_out |= err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || err == RD_KAFKA_RESP_ERR__FATAL;
	for (uint32_t i = 0; i < producing->reason_count; i++) {
		if (producing->reasons[i].err == err) {
			producing->reasons[i].count++;
			return;
		}
	}
	if (producing->reason_count == REASONS_MAX)
		return;
	producing->reasons[producing->reason_count].err = err;
	producing->reasons[producing->reason_count++].count = 1;
}

void produce_note_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct producing *producing = ((struct kafka_client *)opaque)->opaque;
	if (message->err)
		produce_note_failed(producing, message->err);
	else
		note_acked(producing, message);
}

/* ---- why the broker refuses ------------------------------------------------------------------------------------------------------- */

/* "... MessageSet with 1 message(s) (MsgId 1, BaseSeq 0) encountered error: Broker: Disk error (actions Retry)": the reason in it, as librdkafka 2 has it. */
void produce_note_line(const char *facility, const char *text, void *client)
{
	struct producing *producing = ((struct kafka_client *)client)->opaque;
	static const char mark[] = "encountered error: ";
	const char *found = strcmp(facility, "MSGSET") == 0 ? strstr(text, mark) : NULL;
	if (!found)
		return;
	found += strlen(mark);
	const char *end = strstr(found, " (actions");
	/* What the connection did is told in other words. */
	if (strncmp(found, "Local:", 6) == 0)
		return;
	pthread_mutex_lock(&producing->refusal.lock);
	snprintf(producing->refusal.text, sizeof producing->refusal.text, "%.*s", (int)(end ? (size_t)(end - found) : strlen(found)), found);
	pthread_mutex_unlock(&producing->refusal.lock);
	producing->refusal.is_there = true;
}

bool produce_refusal(struct producing *producing, char out[256])
{
	if (!producing->refusal.is_there)
		return false;
	pthread_mutex_lock(&producing->refusal.lock);
	memcpy(out, producing->refusal.text, sizeof producing->refusal.text);
	pthread_mutex_unlock(&producing->refusal.lock);
	return true;
}

static bool is_refusal(const char *refusal, rd_kafka_resp_err_t err)
{
	return strcmp(refusal, kafka()->rd_kafka_err2str(err)) == 0;
}

/* A broker keeps some room for itself, so a full disk is not one without a free byte. */
static bool is_full(const struct wire_disk *disk)
{
	return disk->usable_bytes < FULL_BYTES || disk->usable_bytes < disk->total_bytes / 20;
}

/* False: the broker does not answer, or its disk is not to blame. */
static bool explain_full_disk(const struct producing *producing, char *out, size_t size)
{
	struct wire_disk disk;
	char free_bytes[32], total[32];
	*out = '\0';
	if (wire_client_disk(producing->client.wire, &disk) || !is_full(&disk))
		return false;
	snprintf(out, size, "; its disk is full: under %s %s of %s are free. It goes on by itself once there is room", disk.path,
		 out_bytes((uint64_t)disk.usable_bytes, free_bytes), out_bytes((uint64_t)disk.total_bytes, total));
	return true;
}

/* What can be done about it; where the disk is to blame, how much of it is free is asked for. */
static void explain_refusal(const struct producing *producing, const char *refusal, char *out, size_t size)
{
	*out = '\0';
	if (is_refusal(refusal, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS))
		snprintf(out, size, "; the topic asks for more replicas than there are: 'spate topic alter %s --config min.insync.replicas=1'", producing->topic);
	else if (is_refusal(refusal, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR) && !explain_full_disk(producing, out, size))
		snprintf(out, size, "; the broker's log says what is wrong with its disk");
}

/* ---- reporting -------------------------------------------------------------------------------------------------------------- */

#define PARTITIONS_SHOWN 8

static void say_partition(uint32_t index, const struct written *written)
{
	fprintf(stderr, "  partition %u: %" PRIu64 " record%s", index, written->count, out_plural(written->count));
	if (written->first >= 0 && written->count == 1)
		fprintf(stderr, ", offset %" PRId64, written->first);
	else if (written->first >= 0)
		fprintf(stderr, ", offsets %" PRId64 " to %" PRId64, written->first, written->last);
	fputc('\n', stderr);
}

static void say_partitions(const struct producing *producing)
{
	uint32_t shown = 0, more = 0;
	for (uint32_t i = 0; i < producing->partition_count; i++) {
		if (!producing->partitions[i].count)
			continue;
		if (shown++ < PARTITIONS_SHOWN)
			say_partition(i, &producing->partitions[i]);
		else
			more++;
	}
	if (more)
		fprintf(stderr, "  and %u more partition%s\n", more, out_plural(more));
}

/* What the broker says of the records themselves: librdkafka 2.0 keeps its sentence, so that the code alone says what is wrong. Empty: no more is known. */
static void explain_record(const struct producing *producing, rd_kafka_resp_err_t err, char *out, size_t size)
{
	const char *name = kafka()->rd_kafka_err2name(err), *topic = producing->topic;
	if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		snprintf(out, size, "too large (%s); 'spate topic alter %s --config max.message.bytes=N' allows larger ones, up to the broker's socket.request.max.bytes",
			 name, topic);
	else if (err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP)
		snprintf(out, size, "the timestamp is too far from the broker's clock (%s); 'spate topic alter %s --config message.timestamp.after.max.ms=N' allows "
			 "later ones, message.timestamp.before.max.ms earlier ones", name, topic);
	else if (err == RD_KAFKA_RESP_ERR_INVALID_RECORD)
		snprintf(out, size, "the broker does not take such records (%s); a compacted topic needs a key in each record: --key, or --key-separator", name);
	else if (err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
		snprintf(out, size, "clients may not write it (%s); '%s' is the broker's own", name, topic);
	else
		*out = '\0';
}

static void explain_failure(struct producing *producing, rd_kafka_resp_err_t err, char *out, size_t size)
{
	char refusal[256], fix[512];
	bool is_late = err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
	explain_record(producing, err, out, size);
	if (!*out)
		snprintf(out, size, "%s (%s)", kafka()->rd_kafka_err2str(err), kafka()->rd_kafka_err2name(err));
	if (is_late && produce_refusal(producing, refusal)) {
		explain_refusal(producing, refusal, fix, sizeof fix);
		snprintf(out, size, "the broker refused them until their time was over: %s%s", refusal, fix);
	} else if (is_late && producing->client.fatal == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		/* It may have been there all the time, and answered nothing that waits for room. */
		snprintf(out, size, "the broker at %s %s before their time was over; some may be written all the same%s", producing->client.brokers,
			 explain_full_disk(producing, fix, sizeof fix) ? "did not take them" : "went away, and did not come back", fix);
	} else if (is_late) {
		bool is_disk = explain_full_disk(producing, fix, sizeof fix);
		snprintf(out, size, "the broker at %s did not answer before their time was over%s; some may be written all the same%s", producing->client.brokers,
			 is_disk ? "" : " (-X message.timeout.ms=N gives more)", fix);
	} else if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
		snprintf(out, size, "the topic is gone (%s); make it with 'spate topic create'", kafka()->rd_kafka_err2name(err));
	}
}

static void say_failures(struct producing *producing)
{
	for (uint32_t i = 0; i < producing->reason_count; i++) {
		char why[1024];
		uint64_t count = producing->reasons[i].count;
		explain_failure(producing, producing->reasons[i].err, why, sizeof why);
		complain("%" PRIu64 " record%s not written to '%s': %s", count, count == 1 ? " was" : "s were", producing->topic, why);
	}
}

static bool is_unacked(const struct produce_flags *flags)
{
	return flags->acks && strcmp(flags->acks, "0") == 0;
}

static void say_sums(const struct producing *producing, double seconds)
{
	char bytes[32];
	if (is_unacked(producing->flags)) {
		fprintf(stderr, "spate: sent %" PRIu64 " record%s to '%s'; with --acks 0 nobody says whether they arrived\n", producing->acked,
			out_plural(producing->acked), producing->topic);
		return;
	}
	fprintf(stderr, "spate: %" PRIu64 " of %" PRIu64 " record%s acknowledged by '%s' in %.3f s", producing->acked, producing->sent,
		out_plural(producing->sent), producing->topic, seconds);
	if (seconds >= 1)
		fprintf(stderr, " (%.0f records/s, %s/s)", (double)producing->acked / seconds, out_bytes((uint64_t)((double)producing->read_bytes / seconds), bytes));
	fputc('\n', stderr);
	say_partitions(producing);
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------------------- */

static void print_partitions(struct out *out, const struct producing *producing)
{
	static const char *const columns[] = {"partition=", "records=", "first_offset=", "last_offset="};
	struct out_table *table = out_table_begin(out, "partitions", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < producing->partition_count; i++) {
		const struct written *written = &producing->partitions[i];
		if (written->count)
			OUT_ROW(table, cell_int(i), cell_int((int64_t)written->count), cell_int_if(written->first >= 0, written->first),
				cell_int_if(written->first >= 0, written->last));
	}
	out_table_end(table, NULL, NULL);
}

static void print_failures(struct out *out, struct producing *producing)
{
	static const char *const columns[] = {"records=", "error=", "what="};
	struct out_table *table = out_table_begin(out, "failures", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < producing->reason_count; i++) {
		char why[1024];
		explain_failure(producing, producing->reasons[i].err, why, sizeof why);
		OUT_ROW(table, cell_int((int64_t)producing->reasons[i].count), cell_text(kafka()->rd_kafka_err2name(producing->reasons[i].err)), cell_text(why));
	}
	out_table_end(table, NULL, NULL);
}

static void print_report(struct producing *producing, double seconds)
{
	struct out *out = out_open(true);
	out_text(out, "topic", "", producing->topic);
	out_int(out, "records", "", (int64_t)producing->sent);
	out_int(out, "acknowledged", "", is_unacked(producing->flags) ? 0 : (int64_t)producing->acked);
	out_int(out, "failed", "", (int64_t)producing->failed);
	out_seconds(out, "seconds", "", true, (int64_t)(seconds * 1000));
	print_partitions(out, producing);
	print_failures(out, producing);
	out_close(out);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------------------- */

int produce_report(struct producing *producing, double seconds)
{
	if (!producing->flags->is_quiet)
		say_sums(producing, seconds);
	if (!producing->flags->is_quiet && producing->unseparated)
		fprintf(stderr, "spate: %" PRIu64 " of %" PRIu64 " lines had no key separator '%s': all of each is its value\n", producing->unseparated,
			producing->lines, producing->flags->key_separator);
	say_failures(producing);
	if (producing->flags->is_reported)
		print_report(producing, seconds);
	if (producing->acked == producing->sent)
		return STATUS_OK;
	return producing->acked == 0 && producing->client.fatal == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? STATUS_UNREACHABLE : STATUS_FAILED;
}
