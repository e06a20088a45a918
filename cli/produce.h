/* What the files of `spate produce` share: the flags, and the state of a run. cli/produce.c has the verb and the topic, cli/produce_lines.c reads and
 * sends, cli/produce_report.c counts what became of it. Owner: the main thread, but for the refusal.
 * Each function that returns an exit status has complained if it is not STATUS_OK. */
#pragma once

#include <pthread.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/kafka_client.h"

struct produce_flags {
	struct kafka_flags kafka;
	const char *file, *key, *key_separator, *delimiter, *compression, *acks;
	struct flag_list headers;
	int64_t partition;
	char separator_bytes[64], delimiter_byte; /* what key_separator and delimiter mean */
	size_t separator_size;
	bool is_null, is_quiet, is_created, is_json, is_repartitioned, is_reported;
};

/* What became of a partition's records. */
struct written {
	uint64_t count;
	int64_t first, last;
};

#define REASONS_MAX 8

/* The last answer in which the broker refused records. librdkafka asks again until it runs out of time, and then tells the time alone. Written in
 * librdkafka's own threads. */
struct refusal {
	pthread_mutex_t lock;
	_Atomic bool is_there;
	char text[256];
};

struct producing {
	const struct produce_flags *flags;
	const char *topic;
	struct kafka_client client;
	rd_kafka_headers_t *headers; /* of every record, or NULL */
	int topic_partitions;        /* how many the topic has */
	uint64_t lines, sent, acked, failed;
	uint64_t unseparated;        /* lines without the key separator */
	bool has_timed_out;          /* nobody acknowledges any more: reading on would only leave holes */
	uint64_t read_bytes, input_bytes; /* of the input; input_bytes is 0 if its size is not known */
	struct written *partitions;
	uint32_t partition_count;
	struct {
		rd_kafka_resp_err_t err;
		uint64_t count;
	} reasons[REASONS_MAX];
	uint32_t reason_count;
	struct refusal refusal;
};

/* ---- reading and sending -------------------------------------------------------------------------------------------------------- */

/* To the end of the input, or until it makes no sense to go on. */
MUST_USE int produce_send_lines(struct producing *producing, FILE *in);
void produce_wait_for_reports(struct producing *producing);
/* The headers that every record gets. */
MUST_USE int produce_make_headers(struct producing *producing);

/* ---- what became of it ----------------------------------------------------------------------------------------------------------- */

/* For struct kafka_wishes. */
void produce_note_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *client);
void produce_note_line(const char *facility, const char *text, void *client);
/* The last reason why the broker refused records that it has not taken since; false: none. */
bool produce_refusal(struct producing *producing, char out[256]);
/* A record that librdkafka did not take. */
void produce_note_failed(struct producing *producing, rd_kafka_resp_err_t err);
/* Says what was acknowledged and what was not, and why. An exit status. */
int produce_report(struct producing *producing, double seconds);
