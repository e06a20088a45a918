/* The same load through librdkafka: what a real client reaches, against a broker or against the mock broker that
 * librdkafka has within (which does nothing, and so is the most the client can reach). librdkafka is loaded when
 * it is needed. Owns the client for the length of one call; any thread, one call at a time. */
#pragma once

#include "log/base/types.h"

struct client_config {
	const char *host; /* NULL: the mock broker */
	uint16_t port;
	const char *topic;
	uint32_t record_bytes;
	uint32_t partitions; /* to consume from */
	uint64_t warmup_ns, duration_ns;
	int server_pid; /* to charge it its CPU; 0: unknown */
	bool (*is_interrupted)(void); /* asked now and then: true ends the call, with what was measured by then. NULL: never */
};

struct client_result {
	uint64_t elapsed_ns, records, failures;
	uint64_t client_cpu_ns, server_cpu_ns; /* the mock broker's is the client's */
	char failure[256];
};

/* Produces records of random text without pause (linger.ms 5, acks all), and counts those delivered while measuring.
 * 0, or negative with `failure` set: no librdkafka, no broker, a record that was not delivered. */
int client_produce(const struct client_config *config, struct client_result *result) MUST_USE;

/* Reads all partitions from their start until `count` records came, with librdkafka's defaults. What is counted is behind the first batch that came.
 * 0, or negative with `failure` set. */
int client_consume(const struct client_config *config, uint64_t count, struct client_result *result) MUST_USE;
