/* `spate produce TOPIC`: lines become records.
 *
 * Happy path: read a line, hand it to librdkafka, take delivery reports as they come; at the end wait for all of them and say how many were
 * acknowledged and where they lie. A record counts as written only when the broker has acknowledged it. Failure modes: whatever was not
 * acknowledged is counted, the first reason of each kind is told, and the exit status says so. */
#include "cli/produce.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/topic.h"

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

/* So that progress can say how far it is. */
static uint64_t size_of(FILE *in)
{
	struct stat info;
	return fstat(fileno(in), &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
}

static int produce(struct producing *producing, FILE *in)
{
	struct timespec begin;
	int status = check_topic(producing);
	status = status ? status : produce_make_headers(producing);
	if (status)
		return status;
	interrupt_catch();
	producing->input_bytes = size_of(in);
	/* Who types the records needs no line that moves. */
	if (isatty(fileno(in))) {
		progress_end();
		if (!producing->flags->is_quiet)
			fputs(producing->flags->delimiter_byte == '\n' ? "spate: type records, a line each; Ctrl-D ends them\n" : "spate: type records; Ctrl-D ends them\n",
			      stderr);
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	status = produce_send_lines(producing, in);
	produce_wait_for_reports(producing);
	progress_end();
	int reported = produce_report(producing, seconds_since(&begin));
	return status ? status : reported;
}

static int open_and_produce(const struct produce_flags *flags, const char *topic, FILE *in)
{
	struct producing producing = {.flags = flags, .topic = topic, .refusal.lock = PTHREAD_MUTEX_INITIALIZER};
	bool is_acked_by_all = !flags->acks || strcmp(flags->acks, "all") == 0 || strcmp(flags->acks, "-1") == 0;
	const struct kafka_setting settings[] = {
		{"acks", flags->acks ? flags->acks : "all"},
		/* With acks=all a record that had to be sent again is still there once, and in its place. */
		{"enable.idempotence", is_acked_by_all ? "true" : "false"},
		{"compression.codec", flags->compression ? flags->compression : "none"},
		{"message.timeout.ms", "30000"},
		{"queue.buffering.max.messages", "1000000"},
		/* What is too large is the broker's and the topic's to say; more does not fit into a request (socket.request.max.bytes). */
		{"message.max.bytes", "90000000"},
		/* A line for each batch, of which those are kept that say why the broker refused it: else only the time-out would be known. */
		{"debug", "msg"},
	};
	producing.client.opaque = &producing;
	progress_begin("asking %s", flags->kafka.brokers);
	const struct kafka_wishes wishes = {.settings = settings, .setting_count = COUNT_OF(settings), .delivered = produce_note_delivery,
					   .logged = produce_note_line};
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
	for (uint32_t i = 0; !status && i < flags->headers.count; i++) {
		if (!*flags->headers.items[i] || *flags->headers.items[i] == '=') {
			complain("--header '%s': it needs a name: NAME=VALUE, or NAME alone for a null value", flags->headers.items[i]);
			status = STATUS_USAGE;
		}
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
		BOOL_FLAG("report", 0, &flags.is_reported, "print what was acknowledged, and what not, as JSON on stdout"),
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
		.examples = "  seq 1000 | spate produce numbers\n  spate produce users --create -K : <<< 'alice:{\"age\": 30}'\n"
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
	struct stat info;
	if (flags.file && stat(flags.file, &info) == 0 && S_ISDIR(info.st_mode)) {
		complain("%s is a directory; name a file of lines", flags.file);
		return STATUS_USAGE;
	}
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
