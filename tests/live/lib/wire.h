/* A Kafka peer of the tests' own: frames, requests and batches put together byte by byte, right or
 * wrong as the test wants them. It shares no code with net/ or log/, so that a misreading of the
 * protocol there is not repeated here. One thread a peer. Writing grows the buffer; reading past the
 * end sets `bad` and yields zeros. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- bytes out and in ---------------------------------------------------------------------------- */
struct buf {
	uint8_t *data;
	size_t size, room;
};

void buf_free(struct buf *b);
void put_raw(struct buf *b, const void *bytes, size_t size);
void put_i8(struct buf *b, int8_t v);
void put_i16(struct buf *b, int16_t v);
void put_i32(struct buf *b, int32_t v);
void put_i64(struct buf *b, int64_t v);
void put_uvarint(struct buf *b, uint64_t v);
void put_varint(struct buf *b, int64_t v);         /* zigzag, as inside records */
void put_string(struct buf *b, const char *text);  /* int16 length; NULL is null */
void put_compact(struct buf *b, const char *text); /* uvarint length + 1; NULL is null */
void set_i32(struct buf *b, size_t at, int32_t v);
void set_i16(struct buf *b, size_t at, int16_t v);

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

int8_t get_i8(struct reader *r);
int16_t get_i16(struct reader *r);
int32_t get_i32(struct reader *r);
int64_t get_i64(struct reader *r);
uint64_t get_uvarint(struct reader *r);
int64_t get_varint(struct reader *r);
void get_string(struct reader *r, char *text, size_t room);  /* null reads as "" */
void get_compact(struct reader *r, char *text, size_t room); /* null reads as "" */
const uint8_t *get_raw(struct reader *r, size_t size);
void get_tags(struct reader *r);

/* ---- a connection -------------------------------------------------------------------------------- */
enum outcome { REPLY, CLOSED, SILENT };
const char *outcome_name(enum outcome outcome);

struct peer {
	int fd;
	int32_t correlation_id;
	struct buf reply; /* the last frame read, without its size */
};

/* "HOST:PORT". Aborts the program if nothing listens there. */
void peer_target(const char *host_port);
void peer_open(struct peer *p);
void peer_close(struct peer *p);

/* Sends all, waiting up to 10 s for room; false if the other side is gone. */
bool peer_send(struct peer *p, const void *bytes, size_t size);

/* Reads one frame into p->reply and sets `r` to its body behind the correlation id, which is checked
 * against `correlation_id` unless that is negative (then any will do). */
enum outcome peer_receive(struct peer *p, int timeout_ms, int32_t correlation_id, struct reader *r);

/* True if the other side closes (or resets) the connection within the time, sending nothing first. */
bool peer_is_closed(struct peer *p, int timeout_ms);

/* ---- requests ------------------------------------------------------------------------------------ */
enum {
	API_PRODUCE = 0,
	API_FETCH = 1,
	API_LIST_OFFSETS = 2,
	API_METADATA = 3,
	API_VERSIONS = 18,
	API_CREATE_TOPICS = 19,
	API_DELETE_TOPICS = 20,
	API_INIT_PRODUCER_ID = 22,
	API_OFFSET_FOR_LEADER_EPOCH = 23,
};

/* Starts a request in an empty buffer: size (filled in by request_end), header v1, or v2 if `flexible`. */
void request_begin(struct buf *b, int16_t key, int16_t version, int32_t correlation_id, bool flexible);
void request_end(struct buf *b);

/* Ends the request, sends it, frees it, and waits for its reply. */
enum outcome peer_ask(struct peer *p, struct buf *request, struct reader *r);

/* ---- batches ------------------------------------------------------------------------------------- */
/* A v2 batch of records "value-0", "value-1" ... Zeroes are good defaults except for the four that
 * batch_spec() sets; the *_wrong fields are added to what would be right. */
struct batch {
	int32_t count;
	int64_t base_offset;
	int8_t magic;            /* 2 */
	int16_t attributes;
	int64_t timestamp;       /* now */
	int64_t producer_id;     /* -1 */
	int16_t producer_epoch;  /* -1 */
	int32_t sequence;        /* -1 */
	int32_t crc_wrong, length_wrong, count_wrong, delta_wrong;
	size_t value_size;       /* > 0: values of that many bytes */
	const struct buf *records; /* in place of records made here */
	bool null_keys;
};

struct batch batch_spec(int32_t count);
void put_batch(struct buf *b, const struct batch *spec);
void put_record(struct buf *b, int64_t timestamp_delta, int64_t offset_delta, const char *key, const void *value,
		int64_t value_size);

/* ---- whole exchanges ----------------------------------------------------------------------------- */
struct produced {
	enum outcome outcome;
	int16_t error;
	int64_t base_offset, log_append_time, log_start_offset;
	int32_t record_error_count;
};

/* Produce of any version 3..13 with one topic and one partition. Version 13 needs `topic_id` (16 bytes). */
struct produced peer_produce_as(struct peer *p, int16_t version, int16_t acks, const char *topic,
				const uint8_t *topic_id, int32_t partition, const struct buf *records);
/* The same as version 8 with acks=all, of one batch. */
struct produced peer_produce(struct peer *p, const char *topic, int32_t partition, const struct batch *batch);

struct fetched {
	enum outcome outcome;
	int16_t error;
	int64_t high_watermark, log_start_offset;
	int64_t first_base_offset; /* of the first batch, -1 if none */
	int16_t first_attributes;
	size_t size;
	int64_t waited_ms;
};

/* A Produce v7 request with acks=all of `records`, one partition; ended, so that it can be sent as it is. */
void put_produce_request(struct buf *b, int32_t correlation_id, const char *topic, int32_t partition,
			 const struct buf *records);
/* A Fetch v4 request of one partition, ended. */
void put_fetch_request(struct buf *b, int32_t correlation_id, const char *topic, int32_t partition, int64_t offset,
		       int32_t wait_ms, int32_t min_bytes, int32_t max_bytes);

/* Fetch v4 of one partition. */
struct fetched peer_fetch(struct peer *p, const char *topic, int32_t partition, int64_t offset, int32_t wait_ms,
			  int32_t min_bytes, int32_t max_bytes);

/* CreateTopics v4: the error code, or -100 if there was no reply. */
int16_t peer_create_topic(struct peer *p, const char *topic, int32_t partitions, int16_t replicas,
			  const char *config, const char *value);

/* Metadata v10 of one topic: true with its id if it exists. */
bool peer_topic_id(struct peer *p, const char *topic, uint8_t id[16]);

/* True if a new connection gets a right ApiVersions reply within two seconds: the broker lives and serves. */
bool broker_answers(void);
