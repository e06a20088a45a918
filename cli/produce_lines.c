/* Lines become records: each is split into key and value, or read as JSON, and handed to librdkafka. Failure modes: a line that is none ends the input
 * there; a full queue waits for the broker, and once that acknowledges nothing any more, reading on would only leave holes. */
#include "cli/produce.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/interrupt.h"
#include "cli/json_record.h"
#include "cli/out.h"
#include "cli/progress.h"

#define PROGRESS_EVERY 1024

/* ---- sending -------------------------------------------------------------------------------------------------------------- */

struct line {
	const char *key, *value; /* NULL = null */
	size_t key_size, value_size;
	int32_t partition;
	int64_t timestamp_ms;    /* 0 = now */
	const struct json_header *headers;
	uint32_t header_count;
};

static struct line split_line(const struct produce_flags *flags, const char *text, size_t size, bool *is_separated)
{
	struct line line = {.key = flags->key, .key_size = flags->key ? strlen(flags->key) : 0, .value = text, .value_size = size,
			    .partition = (int32_t)flags->partition};
	const char *mark = flags->separator_size ? memmem(text, size, flags->separator_bytes, flags->separator_size) : NULL;
	*is_separated = mark != NULL;
	if (mark) {
		line.key = text;
		line.key_size = (size_t)(mark - text);
		line.value = mark + flags->separator_size;
		line.value_size = size - (size_t)(line.value - text);
	}
	if (flags->is_null && line.value_size == 0)
		line.value = NULL;
	if (flags->is_null && line.key && line.key_size == 0)
		line.key = NULL;
	return line;
}

/* Those of every record, and the line's own. NULL: there are none. */
static rd_kafka_headers_t *headers_of(const struct producing *producing, const struct line *line)
{
	rd_kafka_headers_t *headers = producing->headers ? kafka()->rd_kafka_headers_copy(producing->headers) : NULL;
	if (!headers && line->header_count)
		headers = kafka()->rd_kafka_headers_new(line->header_count);
	for (uint32_t i = 0; i < line->header_count; i++) {
		const struct json_header *header = &line->headers[i];
		/* -1 would mean "up to the zero byte". */
		if (kafka()->rd_kafka_header_add(headers, (const char *)header->name.data, (ssize_t)header->name.size, header->value.data,
						 (ssize_t)header->value.size))
			break;
	}
	return headers;
}

static rd_kafka_resp_err_t hand_over(struct producing *producing, const struct line *line)
{
	rd_kafka_headers_t *headers = headers_of(producing, line);
	rd_kafka_resp_err_t err = kafka()->rd_kafka_producev(
		producing->client.handle, RD_KAFKA_V_TOPIC(producing->topic), RD_KAFKA_V_PARTITION(line->partition),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(line->key, line->key_size),
		RD_KAFKA_V_VALUE((void *)line->value, line->value_size), RD_KAFKA_V_TIMESTAMP(line->timestamp_ms), RD_KAFKA_V_HEADERS(headers),
		RD_KAFKA_V_END);
	/* Headers were taken over only if the record was. */
	if (err && headers)
		kafka()->rd_kafka_headers_destroy(headers);
	return err;
}

/* "1,024 records read (12.5 MiB of 1.0 GiB), 512 acknowledged by 'orders'", and why no more are, if the broker says so. */
static void show_progress(struct producing *producing)
{
	char sent[32], acked[32], read[32], size[32], place[96] = "", refusal[256];
	bool is_refused = produce_refusal(producing, refusal);
	if (producing->input_bytes)
		snprintf(place, sizeof place, " (%s of %s)", out_bytes(producing->read_bytes, read), out_bytes(producing->input_bytes, size));
	progress_say("%s records read%s, %s acknowledged by '%s'%s%s", progress_count(producing->sent, sent), place, progress_count(producing->acked, acked),
		     producing->topic, is_refused ? "; the broker refuses: " : "", is_refused ? refusal : "");
}

/* Waits while the queue is full: the broker is slower than the input. */
static void send_line(struct producing *producing, const struct line *line)
{
	rd_kafka_resp_err_t err;
	while ((err = hand_over(producing, line)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && !interrupt_was_seen() && !producing->has_timed_out)
		kafka()->rd_kafka_poll(producing->client.handle, 100), show_progress(producing);
	producing->sent++;
	if (err)
		produce_note_failed(producing, err);
	kafka()->rd_kafka_poll(producing->client.handle, 0);
	if (producing->sent % PROGRESS_EVERY == 0)
		show_progress(producing);
}

int produce_make_headers(struct producing *producing)
{
	const struct flag_list *list = &producing->flags->headers;
	if (list->count)
		producing->headers = kafka()->rd_kafka_headers_new(list->count);
	for (uint32_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->items[i], '=');
		size_t name_size = equals ? (size_t)(equals - list->items[i]) : strlen(list->items[i]);
		/* "name" alone is a header with a null value. */
		if (kafka()->rd_kafka_header_add(producing->headers, list->items[i], (ssize_t)name_size, equals ? equals + 1 : NULL, equals ? -1 : 0)) {
			complain("--header %s: it is too long", list->items[i]);
			return STATUS_USAGE;
		}
	}
	return STATUS_OK;
}

/* ---- lines of JSON -------------------------------------------------------------------------------------------------------- */

static int refuse_line(const struct producing *producing, const char *why)
{
	complain("line %" PRIu64 ": %s; it and what follows were not read", producing->lines, why);
	return STATUS_FAILED;
}

/* --partition decides, then what the line says, then the key. */
static int choose_partition(const struct producing *producing, const struct json_record *record, int32_t *out)
{
	char why[256];
	*out = (int32_t)producing->flags->partition;
	if (producing->flags->partition != RD_KAFKA_PARTITION_UA || producing->flags->is_repartitioned || record->partition < 0)
		return STATUS_OK;
	*out = record->partition;
	if (record->partition < producing->topic_partitions)
		return STATUS_OK;
	snprintf(why, sizeof why, "topic '%s' has partitions 0 to %d, and the line names %d (--repartition lets the key decide)", producing->topic,
		 producing->topic_partitions - 1, record->partition);
	return refuse_line(producing, why);
}

static bool is_blank(const char *text, size_t size)
{
	return strspn(text, " \t\r") >= size;
}

static int send_json(struct producing *producing, const char *text, size_t size)
{
	char why[512];
	struct json_record record;
	int32_t partition;
	if (is_blank(text, size))
		return STATUS_OK;
	if (!json_record_parse(&record, (struct slice){(const uint8_t *)text, size}, why, sizeof why))
		return refuse_line(producing, why);
	int status = choose_partition(producing, &record, &partition);
	const struct line line = {
		.key = (const char *)record.key.data,
		.key_size = record.key.size,
		.value = (const char *)record.value.data,
		.value_size = record.value.size,
		.partition = partition,
		.timestamp_ms = record.timestamp_ms > 0 ? record.timestamp_ms : 0,
		.headers = record.headers,
		.header_count = record.header_count,
	};
	if (!status)
		send_line(producing, &line);
	json_record_free(&record);
	return status;
}

static int send_text(struct producing *producing, const char *text, size_t size)
{
	bool is_separated;
	struct line line = split_line(producing->flags, text, size, &is_separated);
	producing->unseparated += producing->flags->separator_size && !is_separated;
	send_line(producing, &line);
	return STATUS_OK;
}

int produce_send_lines(struct producing *producing, FILE *in)
{
	char *text = NULL;
	size_t capacity = 0;
	ssize_t size;
	char delimiter = producing->flags->delimiter_byte;
	int status = STATUS_OK;
	while (!status && !interrupt_was_seen() && !producing->has_timed_out && (size = getdelim(&text, &capacity, delimiter, in)) >= 0) {
		producing->lines++;
		producing->read_bytes += (uint64_t)size;
		if (size && text[size - 1] == delimiter)
			text[--size] = '\0';
		status = producing->flags->is_json ? send_json(producing, text, (size_t)size) : send_text(producing, text, (size_t)size);
	}
	free(text);
	if (producing->has_timed_out && !feof(in))
		complain("the broker at %s acknowledges nothing any more; the rest of the input was not read", producing->client.brokers);
	if (!ferror(in) || interrupt_was_seen())
		return status;
	complain("cannot read the input: %s", strerror(errno));
	return STATUS_FAILED;
}

/* Each record ends with its delivery report, at the latest when it has timed out. */
void produce_wait_for_reports(struct producing *producing)
{
	while (kafka()->rd_kafka_outq_len(producing->client.handle) > 0) {
		kafka()->rd_kafka_flush(producing->client.handle, 100);
		show_progress(producing);
	}
}
