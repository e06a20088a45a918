/* What /metrics tells, family by family: name, type, sentence. A name says what others call it where there is such a name: kafka_topic_ and
 * kafka_consumergroup_ are kafka_exporter's, kafka_server_, kafka_log_ and kafka_controller_ those of Kafka's JMX beans under Strimzi's rules for the
 * JMX exporter, process_ those of every Prometheus client. What only Spate has begins with spate_. Units are base units and stand last; a
 * counter's `_total` is added by the writer. Constant; any thread. */
#pragma once

/* family, name, type, help */
#define METRIC_FAMILIES(X)                                                                                                                    \
	/* the process */                                                                                                                     \
	X(BUILD, "spate_build_info", GAUGE, "The version that runs.")                                                                        \
	X(START_TIME, "process_start_time_seconds", GAUGE, "When the process started, since the epoch.")                                     \
	X(CPU, "process_cpu_seconds", COUNTER, "Processor time of the process, user and system.")                                            \
	X(RSS, "process_resident_memory_bytes", GAUGE, "Memory of the process that is resident.")                                            \
	X(VSIZE, "process_virtual_memory_bytes", GAUGE, "Address space of the process; most of it is reserved, not used.")                   \
	X(OPEN_FDS, "process_open_fds", GAUGE, "Open file descriptors.")                                                                     \
	X(MAX_FDS, "process_max_fds", GAUGE, "The most file descriptors that the system allows.")                                            \
	/* the broker */                                                                                                                      \
	X(BROKERS, "kafka_brokers", GAUGE, "Brokers in the cluster.")                                                                        \
	X(BROKER_INFO, "kafka_broker_info", GAUGE, "The broker and the address that its clients are told.")                                  \
	X(CONTROLLERS, "kafka_controller_kafkacontroller_activecontrollercount", GAUGE, "Active controllers here.")                          \
	X(OFFLINE, "kafka_controller_kafkacontroller_offlinepartitionscount", GAUGE,                                                         \
	  "Partitions that refuse appends until a restart, because durability is broken.")                                                   \
	X(PARTITION_COUNT, "kafka_server_replicamanager_partitioncount", GAUGE, "Partitions here, internal topics included.")                \
	X(LEADER_COUNT, "kafka_server_replicamanager_leadercount", GAUGE, "Partitions led here: all.")                                       \
	X(UNDER_REPLICATED, "kafka_server_replicamanager_underreplicatedpartitions", GAUGE, "Partitions with too few replicas in sync.")     \
	X(UNDER_MIN_ISR, "kafka_server_replicamanager_underminisrpartitioncount", GAUGE,                                                     \
	  "Partitions with fewer replicas in sync than min.insync.replicas.")                                                                \
	X(DURABILITY, "spate_durability_relaxed", GAUGE,                                                                                     \
	  "1 if records are acknowledged before they are on stable storage. This version has no such mode: always 0.")                       \
	X(DISK_FREE, "spate_disk_free_bytes", GAUGE, "Free bytes of the data directory's volume.")                                           \
	X(DISK_TOTAL, "spate_disk_total_bytes", GAUGE, "Size of the data directory's volume.")                                               \
	X(CONNECTIONS, "kafka_server_socket_server_metrics_connection_count", GAUGE, "Connections of clients.")                              \
	/* shards */                                                                                                                          \
	X(STORE_FAILED, "spate_store_failed", GAUGE, "1 if durability is broken: produce is refused until a restart, fetch is served.")      \
	X(STORE_FULL, "spate_store_full", GAUGE, "1 if the disk is full: produce is refused, fetch is served; ends by itself.")              \
	X(STORE_SHORT, "spate_store_short", GAUGE,                                                                                           \
	  "1 if filing waits for descriptors or memory of the system: the journal takes records meanwhile; ends by itself.")                 \
	X(SHORTAGES, "spate_store_shortages", COUNTER, "How often the store had to wait for descriptors or memory of the system.")           \
	X(SEGMENT_FILES, "spate_segment_open_fds", GAUGE, "Descriptors of segments' files, of process_open_fds.")                            \
	X(RESERVE, "spate_store_reserve_held", GAUGE, "1 while the disk space of spate.reserve.bytes is held.")                              \
	X(JOURNAL_SIZE, "spate_journal_size_bytes", GAUGE, "Size of the commit journal.")                                                    \
	X(JOURNAL_USED, "spate_journal_used_bytes", GAUGE, "Of it, what is not yet in segments.")                                            \
	X(CACHE_SIZE, "spate_cache_size_bytes", GAUGE, "Memory for recent records: spate.cache.bytes.")                                      \
	X(CACHE_PINNED, "spate_cache_pinned_bytes", GAUGE, "Of it, what is not yet in segments: when all is, appends wait.")                 \
	X(DAMAGE_FOUND, "spate_log_damage_found_ranges", COUNTER,                                                                            \
	  "Ranges of damaged offsets fenced since the start, by recovery, readers or the scrub.")                                            \
	X(SCRUBBING, "spate_scrub_active", GAUGE, "1 while sealed segments are being read again.")                                           \
	X(SCRUB_PASSES, "spate_scrub_passes", COUNTER, "Passes over all sealed segments that were completed.")                               \
	X(SCRUB_SEGMENTS, "spate_scrub_segments", COUNTER, "Sealed segments read again.")                                                    \
	X(SCRUB_BYTES, "spate_scrub_read_bytes", COUNTER, "Bytes read for that.")                                                            \
	X(RECOVERY, "spate_recovery_info", GAUGE,                                                                                            \
	  "How the last start found the shard: outcome is new, clean, crash, or journal_lost (accepted by spate.accept.loss).")              \
	X(RECOVERY_TIME, "spate_recovery_duration_seconds", GAUGE, "How long that took.")                                                    \
	X(RECOVERY_ENTRIES, "spate_recovery_replayed_entries", GAUGE, "Journal entries replayed by it.")                                     \
	X(RECOVERY_BYTES, "spate_recovery_replayed_bytes", GAUGE, "Bytes replayed by it.")                                                   \
	X(RECOVERY_TORN, "spate_recovery_torn_groups", GAUGE, "Unacknowledged writes dropped by it.")                                        \
	X(OPENED, "spate_connections_opened", COUNTER, "Connections taken.")                                                                 \
	X(CLOSED, "spate_connections_closed", COUNTER, "Connections that have ended.")                                                       \
	X(CONNECTIONS_REFUSED, "spate_connections_refused", COUNTER, "Connections closed at once: too many, or the broker stops.")           \
	X(RECEIVED, "spate_network_received_bytes", COUNTER, "Bytes received from clients.")                                                 \
	X(SENT, "spate_network_sent_bytes", COUNTER, "Bytes sent to clients.")                                                               \
	X(THROTTLED, "spate_throttles", COUNTER, "How often a connection was held back for a client quota.")                                 \
	X(CROSSED, "spate_shard_messages", COUNTER, "Messages posted to other shards.")                                                      \
	/* requests */                                                                                                                        \
	X(REQUESTS, "spate_requests", COUNTER, "Requests read, by API.")                                                                     \
	X(REQUESTS_REFUSED, "spate_requests_refused", COUNTER, "Requests that broke the protocol, which ended their connections.")           \
	X(REQUEST_ERRORS, "spate_request_errors", COUNTER,                                                                                   \
	  "Error codes in answers, by API and Kafka's name of the code; an answer may hold many.")                                           \
	X(REQUEST_TIME, "spate_request_duration_seconds", HISTOGRAM,                                                                         \
	  "From a request's last byte to its answer being ready, waiting included (for records, for groups to assemble); one that is answered in the turn "  \
	  "of the loop that read it took 0.")      \
	/* topics */                                                                                                                          \
	X(TOPIC_PARTITIONS, "kafka_topic_partitions", GAUGE, "Partitions of the topic.")                                                     \
	X(BYTES_IN, "kafka_server_brokertopicmetrics_bytesin", COUNTER, "Bytes of record batches appended, as stored.")                      \
	X(BYTES_OUT, "kafka_server_brokertopicmetrics_bytesout", COUNTER, "Bytes of record batches read.")                                   \
	X(MESSAGES_IN, "kafka_server_brokertopicmetrics_messagesin", COUNTER, "Records appended.")                                           \
	X(PRODUCE_REQUESTS, "kafka_server_brokertopicmetrics_totalproducerequests", COUNTER, "Batches that were to be appended.")            \
	X(PRODUCE_FAILED, "kafka_server_brokertopicmetrics_failedproducerequests", COUNTER, "Of them, those refused.")                       \
	X(FETCH_REQUESTS, "kafka_server_brokertopicmetrics_totalfetchrequests", COUNTER, "Reads of partitions.")                             \
	X(FETCH_FAILED, "kafka_server_brokertopicmetrics_failedfetchrequests", COUNTER, "Of them, those refused.")                           \
	/* damage: no series at all where there is none */                                                                                    \
	X(DAMAGED_RANGES, "spate_log_damaged_ranges", GAUGE,                                                                                 \
	  "Ranges of stored offsets that fail their check: answered with CORRUPT_MESSAGE, never served or truncated.")                       \
	X(DAMAGED_RECORDS, "spate_log_damaged_records", GAUGE, "Offsets in these ranges.")                                                   \
	X(DAMAGE_FIRST, "spate_log_damage_first_offset", GAUGE, "The first damaged offset; 'spate cluster' lists the ranges.")               \
	X(DAMAGE_LAST, "spate_log_damage_last_offset", GAUGE, "The last damaged offset.")                                                    \
	/* partitions, up to spate.metrics.partitions.max */                                                                                  \
	X(CURRENT_OFFSET, "kafka_topic_partition_current_offset", GAUGE, "The high watermark: where the next record that is read will be.")  \
	X(OLDEST_OFFSET, "kafka_topic_partition_oldest_offset", GAUGE, "The log start offset.")                                              \
	X(LEADER, "kafka_topic_partition_leader", GAUGE, "The broker that leads the partition.")                                             \
	X(LEADER_PREFERRED, "kafka_topic_partition_leader_is_preferred", GAUGE, "1 if that is the preferred one.")                           \
	X(REPLICAS, "kafka_topic_partition_replicas", GAUGE, "Replicas of the partition.")                                                   \
	X(IN_SYNC, "kafka_topic_partition_in_sync_replica", GAUGE, "Replicas in sync.")                                                      \
	X(UNDER_REPLICATED_PARTITION, "kafka_topic_partition_under_replicated_partition", GAUGE, "1 if there are too few.")                  \
	X(LOG_SIZE, "kafka_log_log_size", GAUGE, "Bytes of the partition's segments.")                                                       \
	X(LEFT_OUT, "spate_metrics_partitions_left_out", GAUGE,                                                                              \
	  "Partitions without series of their own, as there are more than spate.metrics.partitions.max.")                                    \
	/* groups */                                                                                                                          \
	X(GROUPS, "spate_groups", GAUGE, "Consumer groups, by type and state.")                                                              \
	X(GROUPS_LOADING, "spate_group_partitions_loading", GAUGE,                                                                           \
	  "Partitions of __consumer_offsets whose groups are not in memory yet, and so not told of here.")                                   \
	X(GROUP_MEMBERS, "kafka_consumergroup_members", GAUGE, "Members of the group.")                                                      \
	X(GROUP_OFFSET, "kafka_consumergroup_current_offset", GAUGE, "The next offset that the group will read, as committed.")              \
	X(GROUP_LAG, "kafka_consumergroup_lag", GAUGE, "Records there are from that offset on.")                                             \
	X(GROUP_OFFSET_SUM, "kafka_consumergroup_current_offset_sum", GAUGE, "The sum of the group's offsets in the topic.")                 \
	X(GROUP_LAG_SUM, "kafka_consumergroup_lag_sum", GAUGE, "The sum of the group's lag in the topic.")                                   \
	X(GROUP_LAG_SECONDS, "kafka_consumergroup_lag_seconds", GAUGE,                                                                       \
	  "How long ago the oldest record that the group has not consumed was appended, by the broker's clock; 0 without lag.")              \
	X(GROUPS_LEFT_OUT, "spate_metrics_group_partitions_left_out", GAUGE,                                                                 \
	  "Partitions of groups without series of their own, as there are more than spate.metrics.partitions.max.")                          \
	/* the scrape */                                                                                                                      \
	X(SCRAPE_TIME, "spate_scrape_duration_seconds", GAUGE, "How long it took to gather these numbers.")

enum family {
#define X(id, name, type, help) FAMILY_##id,
	METRIC_FAMILIES(X)
#undef X
	FAMILY_COUNT
};
