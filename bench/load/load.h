/* The load generator behind `spate bench produce|fetch`: many connections on one thread, requests
 * encoded before the clock starts, latencies in a histogram. It speaks the Kafka wire protocol, so
 * it drives Spate, Apache Kafka and the limit programs with the same bytes.
 * Owns its sockets and buffers for the length of one call; any thread, one call at a time in each.
 * Never retries, never hides an error answer (each is counted by its Kafka code), and always ends:
 * by time, by count, or because nothing was answered for `stall_ns`. */
#pragma once

#include "bench/load/histogram.h"
#include "log/base/types.h"

#include <stdio.h>

#define LOAD_CONNECTIONS_MAX 65536
#define LOAD_PARTITIONS_MAX 100000
#define LOAD_REQUESTS_MAX 65536 /* in flight over all connections */
#define LOAD_BATCH_BYTES_MAX (64 << 20)
#define LOAD_FETCH_BYTES_MAX (128 << 20)
#define LOAD_SETTINGS_MAX 8

/* Kafka error codes -1..(LOAD_ERROR_CODES - 2) are counted one by one, others in the last slot. */
#define LOAD_ERROR_CODES 160
#define LOAD_FAILURE_BYTES 256

/* The course of a run is kept for so long. */
#define LOAD_SECONDS_MAX 3600

/* A config of the topic that a run makes. */
struct load_setting {
	const char *name, *value;
};

struct load_config {
	const char *host; /* a numeric address or a name */
	uint16_t port;
	const char *topic;

	/* Partitions are dealt to connections in turn, and each connection goes round its own. 0 (fetch
	 * alone): all that the topic has. */
	uint32_t partitions;
	uint32_t connections;
	uint32_t in_flight; /* requests outstanding on each connection */

	/* produce */
	uint32_t batch_bytes;  /* size of one record batch on the wire, as near as whole records allow */
	uint32_t record_bytes; /* size of a record's value */
	int16_t acks;          /* -1, 1; 0 is refused: there would be nothing to time */

	/* fetch */
	uint32_t fetch_bytes; /* asked of one partition in one request */
	uint32_t fetch_wait_ms;
	bool fetch_once;  /* stop each partition at its end; otherwise begin again at its start */
	bool fetch_tail;  /* wait at the end for more, rather than begin again */
	bool fetch_random; /* each fetch begins at an offset of its own, anywhere in the partition */
	bool fetch_from_zero; /* begin at offset 0 without asking where a partition begins (limit programs do not know) */
	bool fetch_crcs;  /* check each batch's CRC as well (costs the load generator's core) */

	/* mixed: besides `connections` that produce to `topic`, `readers` that fetch all partitions of `read_topic` (NULL:
	 * of `topic`, from its end on). 0 `read_partitions`: all it has. */
	uint32_t readers, read_partitions;
	const char *read_topic;

	/* 0 is a closed loop: as fast as answers come. Otherwise requests start on a fixed schedule over
	 * all connections and are timed from the moment they should have started. */
	double requests_per_s;

	uint64_t warmup_ns;   /* not counted */
	uint64_t duration_ns; /* counted */
	uint64_t requests_max; /* ends earlier when so many were counted; 0: no bound */
	uint64_t stall_ns;     /* gives up when nothing came for so long; 0: 10 s */

	bool create_topic; /* an existing topic is used as it is */
	bool delete_topic; /* at the end */
	const struct load_setting *settings; /* that it is created with; at most LOAD_SETTINGS_MAX */
	uint32_t settings_count;

	/* The broker's process if it runs here, to charge it its CPU and memory; 0: unknown. */
	int server_pid;

	/* Asked many times a second, or NULL: true ends the run in good order, with what was measured so far. */
	bool (*is_interrupted)(void);

	/* Called once a second with what the last second saw, or NULL. */
	void (*progress)(void *arg, double seconds, double mb_per_s, uint64_t p99_ns);
	void *progress_arg;
};

/* One second of the course of a run. */
struct load_second {
	double mb_per_s;
	uint64_t p99_ns, max_ns;
};

/* What one run saw. Rates are over `elapsed_ns`, which excludes the warm-up. */
struct load_result {
	char workload[64]; /* "produce-1-topic-16-partitions-1kb", in the field's usual words */
	uint64_t elapsed_ns;
	uint64_t requests;      /* answered without error */
	uint64_t request_errors;
	uint64_t records, bytes; /* bytes of record batches */
	uint64_t unanswered;    /* still open when the run gave up */
	uint64_t never_sent;    /* open loop: due while measuring, and not sent by its end, as the window was full; each is in `latency` with what it had waited */
	uint64_t disconnects;
	uint64_t damaged;       /* fetch: batches that were not what was asked for, or failed a check */
	uint64_t errors[LOAD_ERROR_CODES]; /* [code + 1] */
	struct histogram latency;    /* send (open loop: intended send) to answer */
	struct histogram send_delay; /* open loop: how late requests left */
	struct histogram end_to_end; /* mixed, of the readers: produce (intended) to the reader that waits */
	uint32_t seconds_count;
	struct load_second seconds[LOAD_SECONDS_MAX]; /* whole seconds that were measured */
	uint64_t client_cpu_ns;
	uint64_t server_cpu_ns, server_rss_bytes; /* 0 where server_pid was 0 */
	uint64_t server_switches; /* context switches of all its threads while measured */
	char failure[LOAD_FAILURE_BYTES];  /* why the run ended early, or "" */
};

/* Sane values for a first run: 127.0.0.1:9092, 16 connections x 4 x 128 KiB over 16 partitions. */
void load_config_init(struct load_config *config);
/* For filling a topic: no warm-up, and it ends when so many requests are answered, or after a minute. */
void load_config_count(struct load_config *config, uint64_t requests);

/* Says in one line what is wrong with a configuration; NULL if nothing. Static storage. */
const char *load_config_fault(const struct load_config *config);

/* Runs to its end. 0 if every request was answered without error; otherwise negative and
 * `result->failure` says why. `result` is filled in either case. */
int load_produce(const struct load_config *config, struct load_result *result) MUST_USE;
int load_fetch(const struct load_config *config, struct load_result *result) MUST_USE;

/* Asks for the offset of a time (ListOffsets) again and again: a random one each time, from `from_ms` to `to_ms`. */
int load_lookup(const struct load_config *config, int64_t from_ms, int64_t to_ms, struct load_result *result) MUST_USE;

/* Produces and reads at once, on one thread: tailing consumers, fan-out, or a backlog that is read while others
 * produce. With one producer, one partition and no `read_topic`, each batch is timed to the moment a reader has it.
 * `read` is what the readers saw; failures are told in `result`. */
int load_mixed(const struct load_config *config, struct load_result *result, struct load_result *read) MUST_USE;

/* Two columns for people; one JSON object with the fields of the OpenMessaging benchmark's results. */
void load_print_table(FILE *out, const struct load_config *config, const struct load_result *result);
void load_print_json(FILE *out, const struct load_config *config, const struct load_result *result);
/* The same of a mixed run, with what the readers saw behind. */
void load_print_mixed_table(FILE *out, const struct load_config *config, const struct load_result *result, const struct load_result *read);
void load_print_mixed_json(FILE *out, const struct load_config *config, const struct load_result *result, const struct load_result *read);
