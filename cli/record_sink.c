/* Printing records, through one large buffer. Failure modes: a full disk, a reader that has gone; both end the reading. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/consume.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "log/base/check.h"

#define OUT_BUFFER_SIZE (256 << 10)
#define PROGRESS_EVERY 1024

/* Where nobody sees them: on a terminal, or through a pipe on one, the records show themselves. */
static bool is_written_to_file(void)
{
	struct stat info;
	return fstat(STDOUT_FILENO, &info) == 0 && (S_ISREG(info.st_mode) || (S_ISCHR(info.st_mode) && !isatty(STDOUT_FILENO)));
}

void record_sink_open(struct record_sink *sink, const struct consume_flags *flags, const char *topic, const char *format)
{
	*sink = (struct record_sink){.flags = flags, .topic = topic, .format = format, .has_progress = is_written_to_file()};
	setvbuf(stdout, NULL, _IOFBF, OUT_BUFFER_SIZE);
	interrupt_catch();
	/* That the reader has gone is noticed when writing: a group is then left in order. */
	signal(SIGPIPE, SIG_IGN);
}

void record_sink_close(struct record_sink *sink)
{
	free(sink->headers);
	sink->headers = NULL;
	/* What a failed stdout did not take was complained about, or nobody wanted it. */
	if (sink->has_failed) {
		__fpurge(stdout);
		clearerr(stdout);
	}
}

void record_sink_ready(struct record_sink *sink)
{
	if (!sink->has_progress)
		progress_end();
}

bool record_sink_is_full(const struct record_sink *sink)
{
	return interrupt_was_seen() || sink->has_failed || (sink->flags->count && sink->printed >= sink->flags->count);
}

/* A pipe that nobody reads any more says so without being written to: `consume | head` ends, though nothing follows. */
static bool has_reader_gone(void)
{
	struct pollfd stdout_fd = {.fd = STDOUT_FILENO};
	return poll(&stdout_fd, 1, 0) == 1 && (stdout_fd.revents & POLLERR);
}

static void show_progress(const struct record_sink *sink)
{
	char count[32], all[32];
	if (sink->expected)
		progress_say("%s of %s records read from '%s'", progress_count((uint64_t)sink->printed, count), progress_count((uint64_t)sink->expected, all),
			     sink->topic);
	else
		progress_say("%s records read from '%s'", progress_count((uint64_t)sink->printed, count), sink->topic);
}

void record_sink_pause(struct record_sink *sink)
{
	if (record_sink_flush(sink) == STATUS_OK && has_reader_gone())
		sink->has_failed = sink->is_reader_gone = true;
	if (sink->has_progress)
		show_progress(sink);
}

/* stdout remembers that it failed, but not why: that is known just behind the write. */
static void note_failure(struct record_sink *sink, int err)
{
	if (sink->has_failed)
		return;
	sink->has_failed = true;
	sink->is_reader_gone = err == EPIPE;
	if (!sink->is_reader_gone)
		complain("cannot write the records: %s", err ? strerror(err) : "is the disk full?");
}

int record_sink_flush(struct record_sink *sink)
{
	errno = 0;
	if (!sink->has_failed && (fflush(stdout) || ferror(stdout)))
		note_failure(sink, errno);
	return sink->has_failed ? STATUS_FAILED : STATUS_OK;
}

/* ---- one record ----------------------------------------------------------------------------------------------------------------- */

static struct shown_header *room_for(struct record_sink *sink, uint32_t count)
{
	if (count >= sink->header_room) {
		sink->header_room = 2 * sink->header_room + 16;
		sink->headers = realloc(sink->headers, sink->header_room * sizeof *sink->headers);
		CHECKF(sink->headers, "out of memory");
	}
	return &sink->headers[count];
}

static uint32_t read_headers(struct record_sink *sink, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers;
	uint32_t count = 0;
	if (kafka()->rd_kafka_message_headers(message, &headers))
		return 0;
	const char *name;
	const void *value;
	size_t size;
	while (!kafka()->rd_kafka_header_get_all(headers, count, &name, &value, &size))
		*room_for(sink, count++) = (struct shown_header){name, {value, value ? size : 0}};
	return count;
}

/* librdkafka gives an empty key or value a pointer too; only null has none. */
void record_sink_print(struct record_sink *sink, const rd_kafka_message_t *message)
{
	rd_kafka_timestamp_type_t type;
	uint32_t header_count = read_headers(sink, message);
	int64_t timestamp_ms = kafka()->rd_kafka_message_timestamp(message, &type);
	struct shown_record record = {
		.topic = sink->topic,
		.partition = message->partition,
		.offset = message->offset,
		.timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms,
		.is_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
		.key = {message->key, message->key_len},
		.value = {message->payload, message->len},
		.headers = sink->headers,
		.header_count = header_count,
	};
	if (sink->flags->is_json)
		format_print_json(stdout, &record);
	else
		format_print(stdout, sink->format, &record, sink->flags->is_null_shown ? "NULL" : "");
	if (ferror(stdout))
		note_failure(sink, errno);
	sink->printed++;
	if (sink->has_progress && sink->printed % PROGRESS_EVERY == 0)
		show_progress(sink);
}
