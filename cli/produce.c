/* `spate produce TOPIC`: lines become records.
 *
 * Happy path: read a line, hand it to librdkafka, take delivery reports as they come; at the end wait for all of them and say how many were
 * acknowledged and where they lie. A record counts as written only when the broker has acknowledged it. Failure modes: whatever was not
 * acknowledged is counted, the first reason of each kind is told, and the exit status says so. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/json_record.h"
#include "cli/progress.h"
#include "cli/topic.h"
#include "log/base/check.h"

struct produce_flags {
	struct kafka_flags kafka;
	const char *file, *key, *key_separator, *delimiter, *compression, *acks;
	struct flag_list headers;
	int64_t partition;
	char separator_bytes[64], delimiter_byte; /* what key_separator and delimiter mean */
	size_t separator_size;
	bool is_null, is_quiet, is_created, is_json, is_repartitioned;
};

/* What became of a partition's records. */
struct written {
	uint64_t count;
	int64_t first, last;
};

#define REASONS_MAX 8
#define PROGRESS_EVERY 1024

struct producing {
	const struct produce_flags *flags;
	const char *topic;
	struct kafka_client client;
	rd_kafka_headers_t *headers; /* of every record, or NULL */
	int topic_partitions;        /* how many the topic has */
	uint64_t lines, sent, acked, failed;
	uint64_t unseparated;        /* lines without the key separator */
	bool has_timed_out;          /* nobody acknowledges any more: reading on would only leave holes */
	struct written *partitions;
	uint32_t partition_count;
	struct {
		rd_kafka_resp_err_t err;
		uint64_t count;
	} reasons[REASONS_MAX];
	uint32_t reason_count;
};

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
	is_interrupted = 1;
}

/* A read that waits must end: no SA_RESTART. */
static void catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = interrupt};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

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
	if (message->partition < 0)
		return;
	struct written *written = written_of(producing, message->partition);
	if (!written->count || message->offset < written->first)
		written->first = message->offset;
	if (!written->count || message->offset > written->last)
		written->last = message->offset;
	written->count++;
}

static void note_failed(struct producing *producing, rd_kafka_resp_err_t err)
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

static void note_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct producing *producing = ((struct kafka_client *)opaque)->opaque;
	if (message->err)
		note_failed(producing, message->err);
	else
		note_acked(producing, message);
}

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

static void show_progress(const struct producing *producing)
{
	char sent[32], acked[32];
	if (producing->sent % PROGRESS_EVERY == 0)
		progress_say("%s records read, %s acknowledged by '%s'", progress_count(producing->sent, sent), progress_count(producing->acked, acked),
			     producing->topic);
}

/* Waits while the queue is full: the broker is slower than the input. */
static void send_line(struct producing *producing, const struct line *line)
{
	rd_kafka_resp_err_t err;
	while ((err = hand_over(producing, line)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && !is_interrupted && !producing->has_timed_out)
		kafka()->rd_kafka_poll(producing->client.handle, 100);
	producing->sent++;
	if (err)
		note_failed(producing, err);
	kafka()->rd_kafka_poll(producing->client.handle, 0);
	show_progress(producing);
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

static int send_lines(struct producing *producing, FILE *in)
{
	char *text = NULL;
	size_t capacity = 0;
	ssize_t size;
	char delimiter = producing->flags->delimiter_byte;
	int status = STATUS_OK;
	while (!status && !is_interrupted && !producing->has_timed_out && (size = getdelim(&text, &capacity, delimiter, in)) >= 0) {
		if (size && text[size - 1] == delimiter)
			text[--size] = '\0';
		producing->lines++;
		status = producing->flags->is_json ? send_json(producing, text, (size_t)size) : send_text(producing, text, (size_t)size);
	}
	free(text);
	if (producing->has_timed_out && !feof(in))
		complain("the broker at %s acknowledges nothing any more; the rest of the input was not read", producing->client.brokers);
	if (!ferror(in) || is_interrupted)
		return status;
	complain("cannot read the input: %s", strerror(errno));
	return STATUS_FAILED;
}

/* ---- reporting -------------------------------------------------------------------------------------------------------------- */

#define PARTITIONS_SHOWN 8

static void report_partitions(const struct producing *producing)
{
	uint32_t shown = 0, more = 0;
	for (uint32_t i = 0; i < producing->partition_count; i++) {
		const struct written *written = &producing->partitions[i];
		if (!written->count)
			continue;
		if (shown++ >= PARTITIONS_SHOWN)
			more++;
		else if (written->first < 0)
			fprintf(stderr, "  partition %u: %" PRIu64 " records\n", i, written->count);
		else
			fprintf(stderr, "  partition %u: %" PRIu64 " records, offsets %" PRId64 " to %" PRId64 "\n", i, written->count, written->first, written->last);
	}
	if (more)
		fprintf(stderr, "  and %u more partitions\n", more);
}

static void report_failures(const struct producing *producing)
{
	for (uint32_t i = 0; i < producing->reason_count; i++) {
		rd_kafka_resp_err_t err = producing->reasons[i].err;
		const char *fix = "";
		if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
			fix = "; allow larger ones with -X message.max.bytes=N here and max.message.bytes of the topic";
		else if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
			fix = "; make it with 'spate topic create'";
		complain("%" PRIu64 " records were not written to '%s': %s (%s)%s", producing->reasons[i].count, producing->topic,
			 kafka()->rd_kafka_err2str(err), kafka()->rd_kafka_err2name(err), fix);
	}
}

static bool is_unacked(const struct produce_flags *flags)
{
	return flags->acks && strcmp(flags->acks, "0") == 0;
}

static int report(const struct producing *producing, double seconds)
{
	if (!producing->flags->is_quiet && is_unacked(producing->flags)) {
		fprintf(stderr, "spate: sent %" PRIu64 " records to '%s'; with --acks 0 nobody says whether they arrived\n", producing->acked, producing->topic);
	} else if (!producing->flags->is_quiet) {
		fprintf(stderr, "spate: %" PRIu64 " of %" PRIu64 " records acknowledged by '%s' in %.3f s\n", producing->acked, producing->sent,
			producing->topic, seconds);
		report_partitions(producing);
	}
	if (!producing->flags->is_quiet && producing->unseparated)
		fprintf(stderr, "spate: %" PRIu64 " of %" PRIu64 " lines had no key separator '%s': all of each is its value\n", producing->unseparated,
			producing->lines, producing->flags->key_separator);
	report_failures(producing);
	if (producing->acked == producing->sent)
		return STATUS_OK;
	return producing->acked == 0 && producing->client.fatal == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? STATUS_UNREACHABLE : STATUS_FAILED;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static int make_headers(struct producing *producing)
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

#define CREATION_TRIES 30
#define CREATION_WAIT_MS 100

/* What the broker says of a topic when it is asked for alone, which makes it if the broker does so. */
static rd_kafka_resp_err_t ask_for_topic(struct producing *producing)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic = kafka()->rd_kafka_topic_new(producing->client.handle, producing->topic, NULL);
	if (!topic)
		return kafka()->rd_kafka_last_error();
	rd_kafka_resp_err_t err = kafka()->rd_kafka_metadata(producing->client.handle, 0, topic, &metadata, KAFKA_TIMEOUT_MS);
	if (!err) {
		producing->topic_partitions = metadata->topic_cnt ? metadata->topics[0].partition_cnt : 0;
		err = metadata->topic_cnt ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
		kafka()->rd_kafka_metadata_destroy(metadata);
	}
	kafka()->rd_kafka_topic_destroy(topic);
	return err;
}

/* Kafka says that a topic is unknown, or without leader, until it has made it. */
static int wait_for_topic(struct producing *producing)
{
	rd_kafka_resp_err_t err = ask_for_topic(producing);
	for (int i = 0; i < CREATION_TRIES && (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE); i++) {
		usleep(CREATION_WAIT_MS * 1000);
		err = ask_for_topic(producing);
	}
	if (!err)
		return STATUS_OK;
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		kafka_complain_topic(&producing->client, producing->topic);
	else
		complain("topic '%s': %s", producing->topic, kafka()->rd_kafka_err2str(err));
	return STATUS_FAILED;
}

/* A name that is not there is a slip more often than a wish: the broker would make the topic, and the records would lie where nobody looks. */
static int make_topic(struct producing *producing)
{
	const char *nearest = kafka_nearest_topic(&producing->client, producing->topic);
	if (producing->flags->is_created) {
		int status = topic_create_with_defaults(&producing->client, producing->topic);
		return status ? status : wait_for_topic(producing);
	}
	complain(nearest ? "there is no topic '%s' at %s; did you mean '%s'? (--create makes a new one)"
			 : "there is no topic '%s' at %s; --create makes it, 'spate topic create' with partitions and configs of your choice",
		 producing->topic, producing->client.brokers, nearest);
	return STATUS_FAILED;
}

static int check_topic(struct producing *producing)
{
	const struct rd_kafka_metadata_topic *topic = kafka_client_topic(&producing->client, producing->topic);
	if (topic && producing->flags->partition >= topic->partition_cnt) {
		complain("topic '%s' has partitions 0 to %d; there is no partition %" PRId64, producing->topic, topic->partition_cnt - 1,
			 producing->flags->partition);
		return STATUS_USAGE;
	}
	producing->topic_partitions = topic ? topic->partition_cnt : 0;
	return topic ? STATUS_OK : make_topic(producing);
}

static double seconds_since(const struct timespec *begin)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

/* Each record ends with its delivery report, at the latest when it has timed out. */
static void wait_for_reports(struct producing *producing)
{
	while (kafka()->rd_kafka_outq_len(producing->client.handle) > 0)
		kafka()->rd_kafka_flush(producing->client.handle, 100);
}

static int produce(struct producing *producing, FILE *in)
{
	struct timespec begin;
	int status = check_topic(producing);
	status = status ? status : make_headers(producing);
	if (status)
		return status;
	catch_interrupt();
	/* Who types the records needs no line that moves. */
	if (isatty(fileno(in)))
		progress_end();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	status = send_lines(producing, in);
	wait_for_reports(producing);
	progress_end();
	int reported = report(producing, seconds_since(&begin));
	return status ? status : reported;
}

static int open_and_produce(const struct produce_flags *flags, const char *topic, FILE *in)
{
	struct producing producing = {.flags = flags, .topic = topic};
	bool is_acked_by_all = !flags->acks || strcmp(flags->acks, "all") == 0 || strcmp(flags->acks, "-1") == 0;
	const struct kafka_setting settings[] = {
		{"acks", flags->acks ? flags->acks : "all"},
		/* With acks=all a record that had to be sent again is still there once, and in its place. */
		{"enable.idempotence", is_acked_by_all ? "true" : "false"},
		{"compression.codec", flags->compression ? flags->compression : "none"},
		{"message.timeout.ms", "30000"},
		{"queue.buffering.max.messages", "1000000"},
	};
	producing.client.opaque = &producing;
	progress_begin("asking %s", flags->kafka.brokers);
	const struct kafka_wishes wishes = {.settings = settings, .setting_count = COUNT_OF(settings), .delivered = note_delivery};
	int status = kafka_client_open(&producing.client, RD_KAFKA_PRODUCER, &flags->kafka, &wishes);
	if (status) {
		progress_end();
		return status;
	}
	status = produce(&producing, in);
	progress_end();
	if (producing.headers)
		kafka()->rd_kafka_headers_destroy(producing.headers);
	kafka_client_close(&producing.client);
	free(producing.partitions);
	return status;
}

static int check_word(const char *flag, const char *value, const char *const *words, size_t count, const char *all)
{
	if (!value)
		return STATUS_OK;
	for (size_t i = 0; i < count; i++)
		if (strcmp(value, words[i]) == 0)
			return STATUS_OK;
	complain("--%s %s: it must be one of %s", flag, value, all);
	return STATUS_USAGE;
}

static int check_flags(const struct produce_flags *flags)
{
	static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"}, *const acks[] = {"all", "-1", "1", "0"};
	int status = check_word("compression", flags->compression, codecs, COUNT_OF(codecs), "none, gzip, snappy, lz4, zstd");
	status = status ? status : check_word("acks", flags->acks, acks, COUNT_OF(acks), "all, 1, 0");
	if (!status && flags->is_json && (flags->key || flags->key_separator || flags->delimiter || flags->is_null)) {
		complain("--json says itself what key and value are; leave --key, --key-separator, --delimiter and --null out");
		status = STATUS_USAGE;
	}
	if (!status && flags->is_repartitioned && !flags->is_json) {
		complain("--repartition is for --json, whose lines may name partitions");
		status = STATUS_USAGE;
	}
	if (!status && flags->key_separator && !*flags->key_separator) {
		complain("--key-separator must not be empty");
		status = STATUS_USAGE;
	}
	return status;
}

static int read_separators(struct produce_flags *flags)
{
	char bytes[64];
	flags->delimiter_byte = '\n';
	if ((flags->key_separator && strlen(flags->key_separator) > sizeof flags->separator_bytes) ||
	    (flags->delimiter && strlen(flags->delimiter) > sizeof bytes)) {
		complain("--key-separator and --delimiter may have %zu characters", sizeof bytes);
		return STATUS_USAGE;
	}
	if (flags->key_separator)
		flags->separator_size = format_unescape(flags->key_separator, flags->separator_bytes);
	if (!flags->delimiter)
		return STATUS_OK;
	size_t size = format_unescape(flags->delimiter, bytes);
	flags->delimiter_byte = size ? bytes[0] : '\0';
	if (size <= 1)
		return STATUS_OK;
	complain("--delimiter %s: it must be one character, or one of \\n \\r \\t \\\\ \\0 \\xHH", flags->delimiter);
	return STATUS_USAGE;
}

int produce_run(int argc, char **argv)
{
	struct produce_flags flags = {.partition = RD_KAFKA_PARTITION_UA};
	kafka_flags_init(&flags.kafka);
	const struct flag table[] = {
		TEXT_FLAG("file", 'l', &flags.file, "FILE", "read lines from FILE, not from stdin"),
		BOOL_FLAG("json", 'J', &flags.is_json, "each line is a record as JSON, as 'consume --json' prints it; see above"),
		BOOL_FLAG("repartition", 0, &flags.is_repartitioned, "with --json: the key decides, not the partition that a line names"),
		TEXT_FLAG("key-separator", 'K', &flags.key_separator, "TEXT", "what stands before it in a line is the key; \\t is a tab, as in 'consume -f'"),
		TEXT_FLAG("key", 'k', &flags.key, "KEY", "the key of records that have none in their line"),
		LIST_FLAG("header", 'H', &flags.headers, "NAME=VALUE", "a header of every record (NAME alone: null); may be given often"),
		INT_FLAG("partition", 'p', &flags.partition, "N", 0, INT32_MAX, "write to this one (by the key's hash, or at random)"),
		TEXT_FLAG("compression", 'z', &flags.compression, "CODEC", "none, gzip, snappy, lz4 or zstd (none)"),
		TEXT_FLAG("acks", 'a', &flags.acks, "all|1|0", "when a record counts as written (all, which is idempotent too)"),
		TEXT_FLAG("delimiter", 'D', &flags.delimiter, "CHAR", "what ends a record (a line end); \\0 is a zero byte"),
		BOOL_FLAG("null", 'Z', &flags.is_null, "an empty value or key is null"),
		BOOL_FLAG("create", 0, &flags.is_created, "make the topic if it is not there, as the broker's defaults say"),
		BOOL_FLAG("quiet", 'q', &flags.is_quiet, "say nothing but what went wrong"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table flag_table = {
		.command = "spate produce",
		.arguments = "TOPIC",
		.about = "Writes each line of the input as a record, and says on stderr what was acknowledged. With Spate, acknowledged means\n"
			 "on stable storage.\n\n"
			 "JSON: {\"key\":\"k\",\"value\":\"v\",\"headers\":[{\"name\":\"a\",\"value\":\"1\"}],\"timestamp\":1700000000000,\"partition\":0}\n"
			 "value must be there, null for a record without one; a value that is no string is written as its JSON; key_base64, value_base64 hold\n"
			 "other bytes. topic, offset and timestamp_type, which consume prints, are read over.",
		.examples = "  seq 1000 | spate produce numbers\n  spate produce users -K : <<< 'alice:{\"age\": 30}'\n"
			    "  spate consume orders --exit-eof --json | spate produce copy --json --create\n"
			    "  spate produce events --file events.jsonl --compression zstd --header source=import\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	status = check_flags(&flags);
	status = status ? status : read_separators(&flags);
	if (status)
		return status;
	FILE *in = flags.file && strcmp(flags.file, "-") != 0 ? fopen(flags.file, "re") : stdin;
	if (!in) {
		complain("%s: %s", flags.file, strerror(errno));
		return STATUS_USAGE;
	}
	status = open_and_produce(&flags, arguments.items[0], in);
	if (in != stdin)
		fclose(in);
	return status;
}
