/* librdkafka, loaded when a client verb runs, so that `serve` does not pay for it; and what the client verbs share: their flags, the connection,
 * complaints about a broker or a topic that is not there. Owner: the main thread. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "cli/flags.h"

/* Every function of the library that is used, each called as kafka()->name(...). */
#define KAFKA_FUNCTIONS(X)                                                                                         \
	X(rd_kafka_conf_new) X(rd_kafka_conf_set) X(rd_kafka_conf_destroy) X(rd_kafka_conf_set_opaque)             \
	X(rd_kafka_conf_set_error_cb) X(rd_kafka_conf_set_log_cb) X(rd_kafka_conf_set_dr_msg_cb)                   \
	X(rd_kafka_conf_set_rebalance_cb)                                                                          \
	X(rd_kafka_new) X(rd_kafka_destroy) X(rd_kafka_poll) X(rd_kafka_flush) X(rd_kafka_outq_len)                \
	X(rd_kafka_err2str) X(rd_kafka_err2name) X(rd_kafka_last_error) X(rd_kafka_fatal_error)                    \
	X(rd_kafka_metadata) X(rd_kafka_metadata_destroy)                                                          \
	X(rd_kafka_topic_new) X(rd_kafka_topic_destroy) X(rd_kafka_topic_name)                                     \
	X(rd_kafka_producev) X(rd_kafka_headers_new) X(rd_kafka_header_add) X(rd_kafka_headers_destroy)            \
	X(rd_kafka_headers_copy) X(rd_kafka_header_get_all) X(rd_kafka_message_headers)                            \
	X(rd_kafka_message_timestamp) X(rd_kafka_message_destroy)                                                  \
	X(rd_kafka_queue_new) X(rd_kafka_queue_destroy) X(rd_kafka_queue_poll)                                     \
	X(rd_kafka_consume_start_queue) X(rd_kafka_consume_stop) X(rd_kafka_consume_queue)                   \
	X(rd_kafka_topic_partition_list_new) X(rd_kafka_topic_partition_list_add)                                  \
	X(rd_kafka_topic_partition_list_destroy) X(rd_kafka_offsets_for_times)                                     \
	X(rd_kafka_NewTopic_new) X(rd_kafka_NewTopic_set_config) X(rd_kafka_NewTopic_destroy)                      \
	X(rd_kafka_CreateTopics) X(rd_kafka_event_CreateTopics_result) X(rd_kafka_CreateTopics_result_topics)      \
	X(rd_kafka_DeleteTopic_new) X(rd_kafka_DeleteTopic_destroy) X(rd_kafka_DeleteTopics)                       \
	X(rd_kafka_event_DeleteTopics_result) X(rd_kafka_DeleteTopics_result_topics)                               \
	X(rd_kafka_topic_result_error) X(rd_kafka_topic_result_error_string) X(rd_kafka_topic_result_name)         \
	X(rd_kafka_ConfigResource_new) X(rd_kafka_ConfigResource_destroy) X(rd_kafka_DescribeConfigs)              \
	X(rd_kafka_event_DescribeConfigs_result) X(rd_kafka_DescribeConfigs_result_resources)                      \
	X(rd_kafka_ConfigResource_error) X(rd_kafka_ConfigResource_error_string) X(rd_kafka_ConfigResource_configs) \
	X(rd_kafka_ConfigEntry_name) X(rd_kafka_ConfigEntry_value) X(rd_kafka_ConfigEntry_source)                  \
	X(rd_kafka_ConfigResource_set_config) X(rd_kafka_AlterConfigs) X(rd_kafka_event_AlterConfigs_result)       \
	X(rd_kafka_AlterConfigs_result_resources) X(rd_kafka_AdminOptions_new) X(rd_kafka_AdminOptions_destroy)    \
	X(rd_kafka_AdminOptions_set_validate_only) X(rd_kafka_NewPartitions_new) X(rd_kafka_NewPartitions_destroy) \
	X(rd_kafka_CreatePartitions) X(rd_kafka_event_CreatePartitions_result)                                     \
	X(rd_kafka_CreatePartitions_result_topics) X(rd_kafka_DeleteRecords_new) X(rd_kafka_DeleteRecords_destroy) \
	X(rd_kafka_DeleteRecords) X(rd_kafka_event_DeleteRecords_result) X(rd_kafka_DeleteRecords_result_offsets)  \
	X(rd_kafka_opaque) X(rd_kafka_clusterid) X(rd_kafka_controllerid) X(rd_kafka_mem_free)                     \
	X(rd_kafka_poll_set_consumer) X(rd_kafka_subscribe) X(rd_kafka_consumer_poll) X(rd_kafka_consumer_close)   \
	X(rd_kafka_assign) X(rd_kafka_incremental_assign) X(rd_kafka_incremental_unassign)                         \
	X(rd_kafka_assignment_lost) X(rd_kafka_rebalance_protocol) X(rd_kafka_offsets_store) X(rd_kafka_commit)    \
	X(rd_kafka_topic_partition_list_del) X(rd_kafka_error_destroy)                                             \
	X(rd_kafka_topic_partition_list_copy) X(rd_kafka_topic_partition_list_sort)                                \
	X(rd_kafka_topic_partition_list_find)                                                                      \
	X(rd_kafka_error_code) X(rd_kafka_error_string) X(rd_kafka_consumer_group_state_name)                      \
	X(rd_kafka_ListConsumerGroups) X(rd_kafka_event_ListConsumerGroups_result)                                 \
	X(rd_kafka_ListConsumerGroups_result_valid) X(rd_kafka_ListConsumerGroups_result_errors)                   \
	X(rd_kafka_ConsumerGroupListing_group_id) X(rd_kafka_ConsumerGroupListing_state)                           \
	X(rd_kafka_DescribeConsumerGroups) X(rd_kafka_event_DescribeConsumerGroups_result)                         \
	X(rd_kafka_DescribeConsumerGroups_result_groups) X(rd_kafka_ConsumerGroupDescription_group_id)             \
	X(rd_kafka_ConsumerGroupDescription_error) X(rd_kafka_ConsumerGroupDescription_state)                      \
	X(rd_kafka_ConsumerGroupDescription_is_simple_consumer_group)                                              \
	X(rd_kafka_ConsumerGroupDescription_partition_assignor) X(rd_kafka_ConsumerGroupDescription_coordinator)   \
	X(rd_kafka_ConsumerGroupDescription_member_count) X(rd_kafka_ConsumerGroupDescription_member)              \
	X(rd_kafka_MemberDescription_client_id) X(rd_kafka_MemberDescription_group_instance_id)                    \
	X(rd_kafka_MemberDescription_consumer_id) X(rd_kafka_MemberDescription_host)                               \
	X(rd_kafka_MemberDescription_assignment) X(rd_kafka_MemberAssignment_partitions)                           \
	X(rd_kafka_Node_id) X(rd_kafka_Node_host) X(rd_kafka_Node_port)                                            \
	X(rd_kafka_DeleteGroup_new) X(rd_kafka_DeleteGroup_destroy) X(rd_kafka_DeleteGroups)                       \
	X(rd_kafka_event_DeleteGroups_result) X(rd_kafka_DeleteGroups_result_groups)                               \
	X(rd_kafka_group_result_error) X(rd_kafka_group_result_name) X(rd_kafka_group_result_partitions)           \
	X(rd_kafka_ListConsumerGroupOffsets_new) X(rd_kafka_ListConsumerGroupOffsets_destroy)                      \
	X(rd_kafka_ListConsumerGroupOffsets) X(rd_kafka_event_ListConsumerGroupOffsets_result)                     \
	X(rd_kafka_ListConsumerGroupOffsets_result_groups)                                                         \
	X(rd_kafka_AlterConsumerGroupOffsets_new) X(rd_kafka_AlterConsumerGroupOffsets_destroy)                    \
	X(rd_kafka_AlterConsumerGroupOffsets) X(rd_kafka_event_AlterConsumerGroupOffsets_result)                   \
	X(rd_kafka_AlterConsumerGroupOffsets_result_groups)                                                        \
	X(rd_kafka_DeleteConsumerGroupOffsets_new) X(rd_kafka_DeleteConsumerGroupOffsets_destroy)                  \
	X(rd_kafka_DeleteConsumerGroupOffsets) X(rd_kafka_event_DeleteConsumerGroupOffsets_result)                 \
	X(rd_kafka_DeleteConsumerGroupOffsets_result_groups)                                                       \
	X(rd_kafka_event_error) X(rd_kafka_event_error_string) X(rd_kafka_event_destroy)

struct kafka_library {
#define X(name) __typeof__(name) *name;
	KAFKA_FUNCTIONS(X)
#undef X
};

/* The loaded library; kafka_client_open has loaded it. */
const struct kafka_library *kafka(void);

/* What the user says about the connection. The default of `brokers` is $SPATE_BROKER, or 127.0.0.1:9092. */
struct kafka_flags {
	const char *brokers;
	struct flag_list settings;
};
void kafka_flags_init(struct kafka_flags *flags);
#define KAFKA_FLAGS(where)                                                                                                   \
	TEXT_FLAG("broker", 'b', &(where)->brokers, "HOST:PORT", "the broker ($SPATE_BROKER, or 127.0.0.1:9092)"),             \
	LIST_FLAG("option", 'X', &(where)->settings, "PROPERTY=VALUE", "passed to librdkafka (TLS, SASL, tuning); may be given often")

struct kafka_wishes;

struct kafka_client {
	rd_kafka_t *handle;
	const char *brokers;
	const struct rd_kafka_metadata *metadata; /* of all topics, as of the opening */
	struct wire_client *wire;
	rd_kafka_resp_err_t fatal;                /* the broker went away for good while we worked, or 0 */
	char reason[256];                         /* what librdkafka last said of a connection */
	void *opaque;                             /* the verb's own, for its callbacks */
	const struct kafka_wishes *wishes;
	bool is_debugged;                         /* the user asked for librdkafka's own lines, with -X debug=... */
};

/* A key and a value that a verb sets before the user's -X. */
struct kafka_setting {
	const char *key, *value;
};

/* What a verb asks of its client beyond the connection. The callbacks' opaque is the client. */
struct kafka_wishes {
	const struct kafka_setting *settings;
	uint32_t setting_count;
	void (*logged)(const char *facility, const char *text, void *client); /* librdkafka's own lines; runs in its threads */
	void (*delivered)(rd_kafka_t *handle, const rd_kafka_message_t *message, void *client);
	void (*rebalanced)(rd_kafka_t *handle, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *client);
};

/* Checks that it is a broker that answers; `is_plain`: neither TLS nor SASL, which only librdkafka speaks. An exit status, after one line on stderr if it
 * is not 0; *out is to be closed whatever is returned. */
MUST_USE int kafka_reach(struct wire_client **out, const char *brokers, bool is_plain);

/* Checks that a broker answers, loads the library and connects. An exit status, after one line on stderr if it is not 0. `wishes` may be NULL. */
MUST_USE int kafka_client_open(struct kafka_client *client, rd_kafka_type_t type, const struct kafka_flags *flags,
			       const struct kafka_wishes *wishes);
void kafka_client_close(struct kafka_client *client);

/* The topic as of the opening, or NULL. */
const struct rd_kafka_metadata_topic *kafka_client_topic(const struct kafka_client *client, const char *name);
/* Says on stderr that the topic is not there, with the nearest name. */
void kafka_complain_topic(const struct kafka_client *client, const char *name);
/* The nearest name to one that is not there, or NULL. */
const char *kafka_nearest_topic(const struct kafka_client *client, const char *name);

#define KAFKA_TIMEOUT_MS 15000
