/* See wire.h. Requests are written in the layout of their version; only versions that the tests ask for exist. */
#include "tests/live/lib/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/live/lib/cases.h"

#define REPLY_TIMEOUT_MS 10000
#define REPLY_SIZE_MAX (200 << 20)

static struct sockaddr_in target;

/* ---- bytes out and in ---------------------------------------------------------------------------- */
void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void put_raw(struct buf *b, const void *bytes, size_t size)
{
	if (b->size + size > b->room) {
		b->room = (b->size + size) * 2;
		b->data = realloc(b->data, b->room);
		if (!b->data)
			abort();
	}
	if (size)
		memcpy(b->data + b->size, bytes, size);
	b->size += size;
}

static void put_be(struct buf *b, uint64_t v, unsigned size)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
	put_raw(b, bytes, size);
}

void put_i8(struct buf *b, int8_t v) { put_be(b, (uint64_t)v, 1); }
void put_i16(struct buf *b, int16_t v) { put_be(b, (uint64_t)v, 2); }
void put_i32(struct buf *b, int32_t v) { put_be(b, (uint64_t)v, 4); }
void put_i64(struct buf *b, int64_t v) { put_be(b, (uint64_t)v, 8); }

void put_uvarint(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		put_i8(b, (int8_t)(v | 0x80));
		v >>= 7;
	}
	put_i8(b, (int8_t)v);
}

void put_varint(struct buf *b, int64_t v)
{
	put_uvarint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void put_string(struct buf *b, const char *text)
{
	put_i16(b, text ? (int16_t)strlen(text) : -1);
	if (text)
		put_raw(b, text, strlen(text));
}

void put_compact(struct buf *b, const char *text)
{
	put_uvarint(b, text ? strlen(text) + 1 : 0);
	if (text)
		put_raw(b, text, strlen(text));
}

void set_i32(struct buf *b, size_t at, int32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		b->data[at + i] = (uint8_t)((uint32_t)v >> (24 - 8 * i));
}

void set_i16(struct buf *b, size_t at, int16_t v)
{
	b->data[at] = (uint8_t)((uint16_t)v >> 8);
	b->data[at + 1] = (uint8_t)v;
}

const uint8_t *get_raw(struct reader *r, size_t size)
{
	if (size > (size_t)(r->end - r->at)) {
		r->bad = true;
		r->at = r->end;
		return NULL;
	}
	const uint8_t *bytes = r->at;
	r->at += size;
	return bytes;
}

static uint64_t get_be(struct reader *r, unsigned size)
{
	const uint8_t *bytes = get_raw(r, size);
	uint64_t v = 0;
	for (unsigned i = 0; bytes && i < size; i++)
		v = v << 8 | bytes[i];
	return v;
}

int8_t get_i8(struct reader *r) { return (int8_t)get_be(r, 1); }
int16_t get_i16(struct reader *r) { return (int16_t)get_be(r, 2); }
int32_t get_i32(struct reader *r) { return (int32_t)get_be(r, 4); }
int64_t get_i64(struct reader *r) { return (int64_t)get_be(r, 8); }

uint64_t get_uvarint(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = (uint8_t)get_i8(r);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

int64_t get_varint(struct reader *r)
{
	uint64_t v = get_uvarint(r);
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void get_text(struct reader *r, int64_t size, char *text, size_t room)
{
	const uint8_t *bytes = size > 0 ? get_raw(r, (size_t)size) : NULL;
	snprintf(text, room, "%.*s", bytes ? (int)size : 0, bytes ? (const char *)bytes : "");
}

void get_string(struct reader *r, char *text, size_t room) { get_text(r, get_i16(r), text, room); }
void get_compact(struct reader *r, char *text, size_t room) { get_text(r, (int64_t)get_uvarint(r) - 1, text, room); }

void get_tags(struct reader *r)
{
	for (uint64_t count = get_uvarint(r); count > 0 && !r->bad; count--) {
		get_uvarint(r);
		get_raw(r, get_uvarint(r));
	}
}

/* ---- a connection -------------------------------------------------------------------------------- */
const char *outcome_name(enum outcome outcome)
{
	return outcome == REPLY ? "a reply" : outcome == CLOSED ? "a closed connection" : "silence";
}

void peer_target(const char *host_port)
{
	char host[100];
	int port = 0;
	if (sscanf(host_port, "%99[^:]:%d", host, &port) != 2) {
		fprintf(stderr, "not HOST:PORT: %s\n", host_port);
		exit(2);
	}
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;
	if (getaddrinfo(host, NULL, &hints, &found) != 0) {
		fprintf(stderr, "no such host: %s\n", host);
		exit(2);
	}
	target = *(struct sockaddr_in *)(void *)found->ai_addr;
	target.sin_port = htons((uint16_t)port);
	freeaddrinfo(found);
}

void peer_open(struct peer *p)
{
	*p = (struct peer){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .correlation_id = 1 };
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&target, sizeof(target)) < 0) {
		printf("FAIL  connect to port %d: %s\n", ntohs(target.sin_port), strerror(errno));
		exit(1);
	}
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

void peer_close(struct peer *p)
{
	close(p->fd);
	buf_free(&p->reply);
}

static bool wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd poller = { .fd = fd, .events = events };
	int64_t left = deadline_ms - now_ms();
	return poll(&poller, 1, left > 0 ? (int)left : 0) > 0;
}

bool peer_send(struct peer *p, const void *bytes, size_t size)
{
	int64_t deadline = now_ms() + REPLY_TIMEOUT_MS;
	for (size_t sent = 0; sent < size;) {
		ssize_t n = send(p->fd, (const uint8_t *)bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		else if (!wait_for(p->fd, POLLOUT, deadline))
			return false;
	}
	return true;
}

static enum outcome receive_bytes(struct peer *p, void *bytes, size_t size, int64_t deadline)
{
	for (size_t got = 0; got < size;) {
		if (!wait_for(p->fd, POLLIN, deadline))
			return SILENT;
		ssize_t n = recv(p->fd, (uint8_t *)bytes + got, size - got, 0);
		if (n <= 0)
			return CLOSED;
		got += (size_t)n;
	}
	return REPLY;
}

enum outcome peer_receive(struct peer *p, int timeout_ms, int32_t correlation_id, struct reader *r)
{
	int64_t deadline = now_ms() + timeout_ms;
	uint8_t head[4];
	*r = (struct reader){ 0 };
	enum outcome outcome = receive_bytes(p, head, 4, deadline);
	if (outcome != REPLY)
		return outcome;
	struct reader size_reader = { head, head + 4, false };
	int32_t size = get_i32(&size_reader);
	if (!expect(size >= 4 && size <= REPLY_SIZE_MAX, "a reply's size is %d", size))
		return CLOSED;
	p->reply.size = 0;
	uint8_t *bytes = malloc((size_t)size);
	outcome = receive_bytes(p, bytes, (size_t)size, deadline);
	if (outcome == REPLY)
		put_raw(&p->reply, bytes, (size_t)size);
	free(bytes);
	*r = (struct reader){ p->reply.data, p->reply.data + p->reply.size, false };
	int32_t got = get_i32(r);
	if (outcome == REPLY && correlation_id >= 0)
		expect_int("correlation id", correlation_id, got);
	return outcome;
}

bool peer_is_closed(struct peer *p, int timeout_ms)
{
	uint8_t byte;
	if (!wait_for(p->fd, POLLIN | POLLHUP, now_ms() + timeout_ms))
		return false;
	return recv(p->fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* ---- requests ------------------------------------------------------------------------------------ */
void request_begin(struct buf *b, int16_t key, int16_t version, int32_t correlation_id, bool flexible)
{
	b->size = 0;
	put_i32(b, 0);
	put_i16(b, key);
	put_i16(b, version);
	put_i32(b, correlation_id);
	put_string(b, "live-test");
	if (flexible)
		put_uvarint(b, 0);
}

void request_end(struct buf *b)
{
	set_i32(b, 0, (int32_t)b->size - 4);
}

enum outcome peer_ask(struct peer *p, struct buf *request, struct reader *r)
{
	request_end(request);
	struct reader header = { request->data + 8, request->data + request->size, false };
	int32_t correlation_id = get_i32(&header);
	bool sent = peer_send(p, request->data, request->size);
	buf_free(request);
	return sent ? peer_receive(p, REPLY_TIMEOUT_MS, correlation_id, r) : CLOSED;
}

/* ---- batches ------------------------------------------------------------------------------------- */
static uint32_t crc32c(const uint8_t *bytes, size_t size)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
	}
	return ~crc;
}

static int64_t wall_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct batch batch_spec(int32_t count)
{
	return (struct batch){
		.count = count, .magic = 2, .timestamp = wall_clock_ms(), .producer_id = -1, .producer_epoch = -1, .sequence = -1
	};
}

void put_record(struct buf *b, int64_t timestamp_delta, int64_t offset_delta, const char *key, const void *value,
		int64_t value_size)
{
	struct buf body = { 0 };
	put_i8(&body, 0);
	put_varint(&body, timestamp_delta);
	put_varint(&body, offset_delta);
	put_varint(&body, key ? (int64_t)strlen(key) : -1);
	if (key)
		put_raw(&body, key, strlen(key));
	put_varint(&body, value_size);
	if (value_size > 0)
		put_raw(&body, value, (size_t)value_size);
	put_varint(&body, 0);
	put_varint(b, (int64_t)body.size);
	put_raw(b, body.data, body.size);
	buf_free(&body);
}

static void put_records(struct buf *b, const struct batch *spec)
{
	for (int32_t i = 0; i < spec->count; i++) {
		char text[32], *value = text;
		size_t size = (size_t)snprintf(text, sizeof(text), "value-%d", i);
		if (spec->value_size) {
			size = spec->value_size;
			value = malloc(size);
			for (size_t at = 0; at < size; at++)
				value[at] = (char)('a' + (at * 7 + (size_t)i) % 26);
		}
		put_record(b, 0, i, spec->null_keys ? NULL : "key", value, (int64_t)size);
		if (value != text)
			free(value);
	}
}

void put_batch(struct buf *b, const struct batch *spec)
{
	size_t start = b->size;
	put_i64(b, spec->base_offset);
	put_i32(b, 0);
	put_i32(b, -1);
	put_i8(b, spec->magic);
	put_i32(b, 0);
	put_i16(b, spec->attributes);
	put_i32(b, spec->count - 1 + spec->delta_wrong);
	put_i64(b, spec->timestamp);
	put_i64(b, spec->timestamp);
	put_i64(b, spec->producer_id);
	put_i16(b, spec->producer_epoch);
	put_i32(b, spec->sequence);
	put_i32(b, spec->count + spec->count_wrong);
	if (spec->records)
		put_raw(b, spec->records->data, spec->records->size);
	else
		put_records(b, spec);
	set_i32(b, start + 8, (int32_t)(b->size - start - 12) + spec->length_wrong);
	set_i32(b, start + 17, (int32_t)crc32c(b->data + start + 21, b->size - start - 21) + spec->crc_wrong);
}

/* ---- whole exchanges ----------------------------------------------------------------------------- */
static void put_produce(struct buf *b, int16_t version, int16_t acks, const char *topic, const uint8_t *topic_id,
			int32_t partition, const struct buf *records)
{
	bool flexible = version >= 9;
	if (version >= 3)
		flexible ? put_compact(b, NULL) : put_string(b, NULL);
	put_i16(b, acks);
	put_i32(b, 10000);
	flexible ? put_uvarint(b, 2) : put_i32(b, 1);
	if (version >= 13)
		put_raw(b, topic_id, 16);
	else
		flexible ? put_compact(b, topic) : put_string(b, topic);
	flexible ? put_uvarint(b, 2) : put_i32(b, 1);
	put_i32(b, partition);
	if (!records)
		flexible ? put_uvarint(b, 0) : put_i32(b, -1);
	else
		flexible ? put_uvarint(b, records->size + 1) : put_i32(b, (int32_t)records->size);
	if (records)
		put_raw(b, records->data, records->size);
	for (int i = 0; flexible && i < 3; i++)
		put_uvarint(b, 0);
}

static void get_produced(struct reader *r, int16_t version, struct produced *result)
{
	bool flexible = version >= 9;
	char name[300];
	if (flexible)
		get_tags(r);
	expect_int("topics in the reply", flexible ? 2 : 1, flexible ? (int64_t)get_uvarint(r) : get_i32(r));
	if (version >= 13)
		get_raw(r, 16);
	else
		flexible ? get_compact(r, name, sizeof(name)) : get_string(r, name, sizeof(name));
	expect_int("partitions in the reply", flexible ? 2 : 1, flexible ? (int64_t)get_uvarint(r) : get_i32(r));
	get_i32(r);
	result->error = get_i16(r);
	result->base_offset = get_i64(r);
	result->log_append_time = get_i64(r);
	result->log_start_offset = version >= 5 ? get_i64(r) : -1;
	if (version >= 8)
		result->record_error_count = flexible ? (int32_t)get_uvarint(r) - 1 : get_i32(r);
}

struct produced peer_produce_as(struct peer *p, int16_t version, int16_t acks, const char *topic,
				const uint8_t *topic_id, int32_t partition, const struct buf *records)
{
	struct buf request = { 0 };
	struct produced result = { .error = -100 };
	struct reader r;
	request_begin(&request, API_PRODUCE, version, ++p->correlation_id, version >= 9);
	put_produce(&request, version, acks, topic, topic_id, partition, records);
	if (acks == 0) {
		request_end(&request);
		result.outcome = peer_send(p, request.data, request.size) ? SILENT : CLOSED;
		buf_free(&request);
		return result;
	}
	result.outcome = peer_ask(p, &request, &r);
	if (result.outcome == REPLY)
		get_produced(&r, version, &result);
	return result;
}

struct produced peer_produce(struct peer *p, const char *topic, int32_t partition, const struct batch *batch)
{
	struct buf records = { 0 };
	put_batch(&records, batch);
	struct produced result = peer_produce_as(p, 8, -1, topic, NULL, partition, &records);
	buf_free(&records);
	return result;
}

void put_produce_request(struct buf *b, int32_t correlation_id, const char *topic, int32_t partition,
			 const struct buf *records)
{
	request_begin(b, API_PRODUCE, 7, correlation_id, false);
	put_produce(b, 7, -1, topic, NULL, partition, records);
	request_end(b);
}

void put_fetch_request(struct buf *b, int32_t correlation_id, const char *topic, int32_t partition, int64_t offset,
		       int32_t wait_ms, int32_t min_bytes, int32_t max_bytes)
{
	request_begin(b, API_FETCH, 4, correlation_id, false);
	put_i32(b, -1);
	put_i32(b, wait_ms);
	put_i32(b, min_bytes);
	put_i32(b, 50 << 20);
	put_i8(b, 0);
	put_i32(b, 1);
	put_string(b, topic);
	put_i32(b, 1);
	put_i32(b, partition);
	put_i64(b, offset);
	put_i32(b, max_bytes);
	request_end(b);
}

static void get_fetched(struct reader *r, struct fetched *result)
{
	char name[300];
	get_i32(r);
	expect_int("topics in the reply", 1, get_i32(r));
	get_string(r, name, sizeof(name));
	expect_int("partitions in the reply", 1, get_i32(r));
	get_i32(r);
	result->error = get_i16(r);
	result->high_watermark = get_i64(r);
	get_i64(r);
	for (int32_t aborted = get_i32(r); aborted > 0 && !r->bad; aborted--)
		get_raw(r, 16);
	int32_t size = get_i32(r);
	result->size = size > 0 ? (size_t)size : 0;
	const uint8_t *batch = get_raw(r, result->size);
	if (batch && result->size >= 61) {
		struct reader head = { batch, batch + 61, false };
		result->first_base_offset = get_i64(&head);
		get_raw(&head, 13);
		result->first_attributes = get_i16(&head);
	}
	expect(!r->bad && r->at == r->end, "a Fetch v4 reply has its exact size");
}

struct fetched peer_fetch(struct peer *p, const char *topic, int32_t partition, int64_t offset, int32_t wait_ms,
			  int32_t min_bytes, int32_t max_bytes)
{
	struct buf request = { 0 };
	struct fetched result = { .error = -100, .high_watermark = -1, .first_base_offset = -1 };
	struct reader r;
	put_fetch_request(&request, ++p->correlation_id, topic, partition, offset, wait_ms, min_bytes, max_bytes);
	int64_t begin = now_ms();
	result.outcome = peer_ask(p, &request, &r);
	result.waited_ms = now_ms() - begin;
	if (result.outcome == REPLY)
		get_fetched(&r, &result);
	return result;
}

int16_t peer_create_topic(struct peer *p, const char *topic, int32_t partitions, int16_t replicas,
			  const char *config, const char *value)
{
	struct buf request = { 0 };
	struct reader r;
	char name[300];
	request_begin(&request, API_CREATE_TOPICS, 4, ++p->correlation_id, false);
	put_i32(&request, 1);
	put_string(&request, topic);
	put_i32(&request, partitions);
	put_i16(&request, replicas);
	put_i32(&request, 0);
	put_i32(&request, config ? 1 : 0);
	if (config) {
		put_string(&request, config);
		put_string(&request, value);
	}
	put_i32(&request, 10000);
	put_i8(&request, 0);
	if (peer_ask(p, &request, &r) != REPLY)
		return -100;
	get_i32(&r);
	expect_int("topics in the reply", 1, get_i32(&r));
	get_string(&r, name, sizeof(name));
	return get_i16(&r);
}

bool peer_topic_id(struct peer *p, const char *topic, uint8_t id[16])
{
	struct buf request = { 0 };
	struct reader r;
	char text[300];
	request_begin(&request, API_METADATA, 10, ++p->correlation_id, true);
	put_uvarint(&request, 2);
	put_raw(&request, (uint8_t[16]){ 0 }, 16);
	put_compact(&request, topic);
	put_uvarint(&request, 0);
	put_i8(&request, 0);
	put_i8(&request, 0);
	put_i8(&request, 0);
	put_uvarint(&request, 0);
	if (peer_ask(p, &request, &r) != REPLY)
		return false;
	get_tags(&r);
	get_i32(&r);
	for (uint64_t brokers = get_uvarint(&r); brokers > 1; brokers--) {
		get_i32(&r);
		get_compact(&r, text, sizeof(text));
		get_i32(&r);
		get_compact(&r, text, sizeof(text));
		get_tags(&r);
	}
	get_compact(&r, text, sizeof(text));
	get_i32(&r);
	get_uvarint(&r);
	int16_t error = get_i16(&r);
	get_compact(&r, text, sizeof(text));
	const uint8_t *bytes = get_raw(&r, 16);
	if (!bytes)
		return false;
	memcpy(id, bytes, 16);
	return error == 0;
}

bool broker_answers(void)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	peer_open(&p);
	request_begin(&request, API_VERSIONS, 0, 7, false);
	request_end(&request);
	bool right = peer_send(&p, request.data, request.size) && peer_receive(&p, 2000, 7, &r) == REPLY;
	right = right && get_i16(&r) == 0 && get_i32(&r) > 0;
	buf_free(&request);
	peer_close(&p);
	return right;
}
