/* What the ways to consume share: the flags, and the sink of records, which prints them on stdout. Owner: the main thread. */
#pragma once

#include "cli/command.h"
#include "cli/kafka_client.h"

struct shown_header;

struct consume_flags {
	struct kafka_flags kafka;
	const char *offset, *format, *group;
	struct flag_list partitions;
	int64_t count;
	bool is_json, exit_eof, is_null_shown, is_quiet;
	bool has_offset; /* --offset was given */
};

/* When its queue is full, librdkafka 2.0 looks again a second later: a deep one keeps it reading. */
#define CONSUME_DEPTH_SETTINGS                                                                                  \
	{"queued.min.messages", "1000000"}, {"queued.max.messages.kbytes", "131072"}, {"fetch.message.max.bytes", "4194304"}

/* ---- the sink ----------------------------------------------------------------------------------------------------------------- */

struct record_sink {
	const struct consume_flags *flags;
	const char *topic, *format;
	struct shown_header *headers; /* room for those of a record */
	uint32_t header_room;
	int64_t printed;
	int64_t expected;    /* how many there are to print, if that is known; else 0 */
	bool has_progress;
	bool has_failed;     /* stdout takes nothing any more ... */
	bool is_reader_gone; /* ... because who read our pipe has gone: no failure */
};

/* Catches Ctrl-C and SIGTERM too: they fill the sink. */
void record_sink_open(struct record_sink *sink, const struct consume_flags *flags, const char *topic, const char *format);
void record_sink_close(struct record_sink *sink);
/* Records may come from now on: progress is shown on if they go to a file, else it ends. */
void record_sink_ready(struct record_sink *sink);
void record_sink_print(struct record_sink *sink, const rd_kafka_message_t *message);
/* Nothing more is wanted: --count is reached, somebody stopped us, or stdout takes nothing any more. */
bool record_sink_is_full(const struct record_sink *sink);
/* Before waiting: whoever reads our pipe sees each record at once. */
void record_sink_pause(struct record_sink *sink);
/* STATUS_OK: all that was printed is written. Otherwise it has complained, or the reader of our pipe has gone (is_reader_gone): then the rest was not
 * wanted, and the verb is to end with STATUS_OK. */
MUST_USE int record_sink_flush(struct record_sink *sink);

/* ---- the ways ------------------------------------------------------------------------------------------------------------------ */

/* As a member of flags->group. */
int consume_in_group(const struct consume_flags *flags, const char *topic, const char *format, bool begins_at_end);
