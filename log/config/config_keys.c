/* The tables of configuration keys, and how a key is found.
 *
 * Topic keys are all of Kafka 4.3's; broker keys are those that mean something on one node, those that stand in the
 * server.properties Kafka ships (so that such a file is accepted), and our own, named spate.*. Keys of features that are not
 * here (TLS, SASL, authorizers, tiered storage) are refused with a reason rather than accepted and ignored: a user
 * who asks for encryption must not get a broker without it.
 *
 * Failure modes: none; a name that is not in the tables is an answer (NULL), not an error. */
#include "log/config/config.h"

#include <pthread.h>

#include "log/base/edit_distance.h"

#define I32 INT32_MAX
#define I64 INT64_MAX
#define I32_TEXT "2147483647"
#define I64_TEXT "9223372036854775807"

#define CODECS "uncompressed,zstd,lz4,snappy,gzip,producer"
#define GZIP_LEVELS "-1,1,2,3,4,5,6,7,8,9"
#define TIMESTAMP_TYPES "CreateTime,LogAppendTime"

/* name, default, bounds or choices, then what each kind of table adds. */
#define BOOL_KEY(key, value) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_BOOL, .default_value = value
#define INT_KEY(key, value, low, high) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_INT, .default_value = value, .min = low, .max = high
#define LONG_KEY(key, value, low, high) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_LONG, .default_value = value, .min = low, .max = high
#define DOUBLE_KEY(key, value, low, high) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_DOUBLE, .default_value = value, .min = low, .max = high
#define STRING_KEY(key, value) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_STRING, .default_value = value
#define LIST_KEY(key, value, of) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_LIST, .default_value = value, .choices = of
#define ENUM_KEY(key, value, of) .name = key, .name_size = sizeof(key) - 1, .type = CONFIG_ENUM, .default_value = value, .choices = of

#define TOPIC(broker, text) .is_topic = true, .broker_name = broker, .doc = text
#define TOPIC_INERT(broker, text) TOPIC(broker, text), .is_inert = true
#define LIVE(text) .doc = text
#define INERT(text) .doc = text, .is_inert = true
#define DYNAMIC .is_dynamic = true
#define DYNAMIC_ALONE .is_dynamic = true, .is_of_one_broker = true
#define NO_TIERS " Without effect: there is no tiered storage yet."
#define NO_SASL " Without effect: there is no authentication (SASL) yet."
#define OURS(text) .doc = text, .is_ours = true

static const struct config_key topic_keys[] = {
	{LIST_KEY("cleanup.policy", "delete", "compact,delete"), TOPIC("log.cleanup.policy",
	 "What becomes of old segments: delete drops them by time and size, compact keeps the last record of each key, both do both. "
	 "Empty keeps everything.")},
	{INT_KEY("compression.gzip.level", "-1", -1, 9), .choices = GZIP_LEVELS, TOPIC("compression.gzip.level",
	 "The gzip level used where the broker itself compresses with gzip; -1 is the library's default.")},
	{INT_KEY("compression.lz4.level", "9", 1, 17), TOPIC("compression.lz4.level",
	 "The lz4 level used where the broker itself compresses with lz4.")},
	{ENUM_KEY("compression.type", "producer", CODECS), TOPIC("compression.type",
	 "How batches are stored: producer keeps them as they came; any other codec recompresses batches that came with another.")},
	{INT_KEY("compression.zstd.level", "3", -131072, 22), TOPIC("compression.zstd.level",
	 "The zstd level used where the broker itself compresses with zstd.")},
	{LONG_KEY("delete.retention.ms", "86400000", 0, I64), TOPIC_INERT("log.cleaner.delete.retention.ms",
	 "How long a tombstone stays in a compacted topic. Without effect until compaction runs.")},
	{LONG_KEY("file.delete.delay.ms", "60000", 0, I64), TOPIC("log.segment.delete.delay.ms",
	 "How long the file of a dropped segment stays on disk after it has left the log.")},
	{LONG_KEY("flush.messages", I64_TEXT, 1, I64), TOPIC_INERT("log.flush.interval.messages",
	 "Kafka syncs after so many records. Without effect: every acknowledged record is already on stable storage.")},
	{LONG_KEY("flush.ms", I64_TEXT, 0, I64), TOPIC_INERT("log.flush.interval.ms",
	 "Kafka syncs after so much time. Without effect: every acknowledged record is already on stable storage.")},
	{LIST_KEY("follower.replication.throttled.replicas", "", NULL), TOPIC_INERT(NULL,
	 "Replicas whose replication is throttled on the following side. Without effect on one node.")},
	{INT_KEY("index.interval.bytes", "4096", 0, I32), TOPIC("log.index.interval.bytes",
	 "An entry goes into the offset index after about so many bytes of log.")},
	{LIST_KEY("leader.replication.throttled.replicas", "", NULL), TOPIC_INERT(NULL,
	 "Replicas whose replication is throttled on the leading side. Without effect on one node.")},
	{LONG_KEY("local.retention.bytes", "-2", -2, I64), TOPIC_INERT("log.local.retention.bytes",
	 "Bytes kept on local disk of a tiered topic; -2 follows retention.bytes. Without effect: there is no tiered storage.")},
	{LONG_KEY("local.retention.ms", "-2", -2, I64), TOPIC_INERT("log.local.retention.ms",
	 "Time kept on local disk of a tiered topic; -2 follows retention.ms. Without effect: there is no tiered storage.")},
	{LONG_KEY("max.compaction.lag.ms", I64_TEXT, 1, I64), TOPIC_INERT("log.cleaner.max.compaction.lag.ms",
	 "The longest a record may stay uncompacted. Without effect until compaction runs.")},
	{INT_KEY("max.message.bytes", "1048588", 0, I32), TOPIC("message.max.bytes",
	 "The largest record batch the topic takes, in bytes as stored (after compression).")},
	{LONG_KEY("message.timestamp.after.max.ms", "3600000", 0, I64), TOPIC("log.message.timestamp.after.max.ms",
	 "How far a record's timestamp may lie in the future of the broker's clock (CreateTime only).")},
	{LONG_KEY("message.timestamp.before.max.ms", I64_TEXT, 0, I64), TOPIC("log.message.timestamp.before.max.ms",
	 "How far a record's timestamp may lie in the past of the broker's clock (CreateTime only).")},
	{ENUM_KEY("message.timestamp.type", "CreateTime", TIMESTAMP_TYPES), TOPIC("log.message.timestamp.type",
	 "Whether records carry the time the producer gave or the time the broker appended them.")},
	{DOUBLE_KEY("min.cleanable.dirty.ratio", "0.5", 0, 1), TOPIC_INERT("log.cleaner.min.cleanable.ratio",
	 "The share of uncompacted log at which compaction begins. Without effect until compaction runs.")},
	{LONG_KEY("min.compaction.lag.ms", "0", 0, I64), TOPIC_INERT("log.cleaner.min.compaction.lag.ms",
	 "The shortest a record stays uncompacted. Without effect until compaction runs.")},
	{INT_KEY("min.insync.replicas", "1", 1, I32), TOPIC("min.insync.replicas",
	 "Replicas that must have a batch before acks=all is answered. There is one replica: with more than 1 such produces are refused.")},
	{BOOL_KEY("preallocate", "false"), TOPIC_INERT("log.preallocate",
	 "Kafka preallocates segment files. Without effect: space is reserved as the disk likes it best.")},
	{BOOL_KEY("remote.log.copy.disable", "false"), TOPIC_INERT(NULL,
	 "Makes a tiered topic read-only in the remote tier. Without effect: there is no tiered storage.")},
	{BOOL_KEY("remote.log.delete.on.disable", "false"), TOPIC_INERT(NULL,
	 "Deletes the remote data when tiering is switched off. Without effect: there is no tiered storage.")},
	{BOOL_KEY("remote.storage.enable", "false"), TOPIC_INERT(NULL,
	 "Tiers the topic to remote storage. Only false is accepted: there is no tiered storage.")},
	{LONG_KEY("retention.bytes", "-1", INT64_MIN, I64), TOPIC("log.retention.bytes",
	 "A partition drops its oldest segments while it is larger than this; -1 is no limit.")},
	{LONG_KEY("retention.ms", "604800000", -1, I64), TOPIC("log.retention.ms",
	 "Segments whose newest record is older than this are dropped; -1 is no limit.")},
	{INT_KEY("segment.bytes", "1073741824", 1048576, I32), TOPIC("log.segment.bytes",
	 "A segment file is closed and a new one begun before it grows past this.")},
	{INT_KEY("segment.index.bytes", "10485760", 4, I32), TOPIC("log.index.size.max.bytes",
	 "The largest offset index of a segment; a full one begins a new segment.")},
	{LONG_KEY("segment.jitter.ms", "0", 0, I64), TOPIC("log.roll.jitter.ms",
	 "Up to so much is taken at random off segment.ms, so that segments of many partitions do not roll at once.")},
	{LONG_KEY("segment.ms", "604800000", 1, I64), TOPIC("log.roll.ms",
	 "A segment is closed when it is older than this, even if it is not full.")},
	{BOOL_KEY("unclean.leader.election.enable", "false"), TOPIC_INERT("unclean.leader.election.enable",
	 "Lets a replica that is behind become leader. Without effect on one node.")},
};

static const struct config_key broker_keys[] = {
	/* Where it is, and where its data is. */
	{LIST_KEY("advertised.listeners", NULL, NULL), LIVE(
	 "The address clients are told to connect to, as PLAINTEXT://HOST:PORT, where it is another than the one listened on (containers, NAT).")},
	{INT_KEY("broker.id", "-1", -1, I32), LIVE("The old name of node.id; used if that is not set.")},
	{STRING_KEY("broker.rack", NULL), LIVE("The rack this broker says it stands in.")},
	{LIST_KEY("listeners", "PLAINTEXT://127.0.0.1:9092", NULL), LIVE(
	 "Where the broker listens, as PLAINTEXT://HOST:PORT. An empty HOST means every address; port 0 takes a free one.")},
	{STRING_KEY("log.dir", "./data"), LIVE("The data directory, if log.dirs is not set.")},
	{STRING_KEY("log.dirs", NULL), LIVE("The data directory. One: several directories are not supported.")},
	{INT_KEY("node.id", "1", 0, I32), LIVE("The broker's number, written into the data directory when it is made.")},

	/* Topics. */
	{BOOL_KEY("auto.create.topics.enable", "true"), LIVE("Creates a topic when a client that allows it asks for one that is not there.")},
	{INT_KEY("default.replication.factor", "1", 1, 32767), LIVE("The replication factor of topics created without one. One node holds one replica.")},
	{BOOL_KEY("delete.topic.enable", "true"), LIVE("Whether clients may delete topics.")},
	{INT_KEY("min.insync.replicas", "1", 1, I32), DYNAMIC, LIVE("The default of the topic key of the same name.")},
	{INT_KEY("num.partitions", "1", 1, I32), LIVE("The partitions of topics created without a count.")},

	/* Defaults of topic keys. */
	{INT_KEY("compression.gzip.level", "-1", -1, 9), .choices = GZIP_LEVELS, DYNAMIC, LIVE("The default of the topic key of the same name.")},
	{INT_KEY("compression.lz4.level", "9", 1, 17), DYNAMIC, LIVE("The default of the topic key of the same name.")},
	{ENUM_KEY("compression.type", "producer", CODECS), DYNAMIC, LIVE("The default of the topic key of the same name.")},
	{INT_KEY("compression.zstd.level", "3", -131072, 22), DYNAMIC, LIVE("The default of the topic key of the same name.")},
	{LONG_KEY("log.cleaner.delete.retention.ms", "86400000", 0, I64), DYNAMIC, INERT("The default of the topic key delete.retention.ms.")},
	{LONG_KEY("log.cleaner.max.compaction.lag.ms", I64_TEXT, 1, I64), DYNAMIC, INERT("The default of the topic key max.compaction.lag.ms.")},
	{DOUBLE_KEY("log.cleaner.min.cleanable.ratio", "0.5", 0, 1), DYNAMIC, INERT("The default of the topic key min.cleanable.dirty.ratio.")},
	{LONG_KEY("log.cleaner.min.compaction.lag.ms", "0", 0, I64), DYNAMIC, INERT("The default of the topic key min.compaction.lag.ms.")},
	{LIST_KEY("log.cleanup.policy", "delete", "compact,delete"), DYNAMIC, LIVE("The default of the topic key cleanup.policy.")},
	{LONG_KEY("log.flush.interval.messages", I64_TEXT, 1, I64), DYNAMIC, INERT(
	 "The default of the topic key flush.messages. Without effect: every acknowledged record is already on stable storage.")},
	{LONG_KEY("log.flush.interval.ms", NULL, 0, I64), DYNAMIC, INERT(
	 "The default of the topic key flush.ms. Without effect: every acknowledged record is already on stable storage.")},
	{LONG_KEY("log.flush.scheduler.interval.ms", I64_TEXT, 0, I64), INERT("How often Kafka looks for logs to sync. Without effect.")},
	{INT_KEY("log.index.interval.bytes", "4096", 0, I32), DYNAMIC, LIVE("The default of the topic key index.interval.bytes.")},
	{INT_KEY("log.index.size.max.bytes", "10485760", 4, I32), DYNAMIC, LIVE("The default of the topic key segment.index.bytes.")},
	{LONG_KEY("log.local.retention.bytes", "-2", -2, I64), DYNAMIC, INERT("The default of the topic key local.retention.bytes.")},
	{LONG_KEY("log.local.retention.ms", "-2", -2, I64), DYNAMIC, INERT("The default of the topic key local.retention.ms.")},
	{LONG_KEY("log.message.timestamp.after.max.ms", "3600000", 0, I64), DYNAMIC, LIVE("The default of the topic key message.timestamp.after.max.ms.")},
	{LONG_KEY("log.message.timestamp.before.max.ms", I64_TEXT, 0, I64), DYNAMIC, LIVE("The default of the topic key message.timestamp.before.max.ms.")},
	{ENUM_KEY("log.message.timestamp.type", "CreateTime", TIMESTAMP_TYPES), DYNAMIC, LIVE("The default of the topic key message.timestamp.type.")},
	{BOOL_KEY("log.preallocate", "false"), DYNAMIC, INERT("The default of the topic key preallocate.")},
	{LONG_KEY("log.retention.bytes", "-1", INT64_MIN, I64), DYNAMIC, LIVE("The default of the topic key retention.bytes, for each partition.")},
	{INT_KEY("log.retention.hours", "168", -1, I32), LIVE("The default of the topic key retention.ms, in hours, if neither minutes nor milliseconds are set; -1 is no limit.")},
	{INT_KEY("log.retention.minutes", NULL, -1, I32), LIVE("The default of the topic key retention.ms, in minutes, if milliseconds are not set; -1 is no limit.")},
	{LONG_KEY("log.retention.ms", NULL, -1, I64), DYNAMIC, LIVE("The default of the topic key retention.ms; comes before minutes and hours. -1 is no limit.")},
	{INT_KEY("log.roll.hours", "168", 1, I32), LIVE("The default of the topic key segment.ms, in hours, if log.roll.ms is not set.")},
	{INT_KEY("log.roll.jitter.hours", "0", 0, I32), LIVE("The default of the topic key segment.jitter.ms, in hours, if log.roll.jitter.ms is not set.")},
	{LONG_KEY("log.roll.jitter.ms", NULL, 0, I64), DYNAMIC, LIVE("The default of the topic key segment.jitter.ms; comes before hours.")},
	{LONG_KEY("log.roll.ms", NULL, 1, I64), DYNAMIC, LIVE("The default of the topic key segment.ms; comes before hours.")},
	{INT_KEY("log.segment.bytes", "1073741824", 1048576, I32), DYNAMIC, LIVE("The default of the topic key segment.bytes.")},
	{LONG_KEY("log.segment.delete.delay.ms", "60000", 0, I64), DYNAMIC, LIVE("The default of the topic key file.delete.delay.ms.")},
	{INT_KEY("message.max.bytes", "1048588", 0, I32), DYNAMIC, LIVE("The default of the topic key max.message.bytes: the largest record batch taken.")},
	{BOOL_KEY("unclean.leader.election.enable", "false"), DYNAMIC, INERT("The default of the topic key of the same name. Without effect on one node.")},

	/* Housekeeping of the log. */
	{LONG_KEY("log.retention.check.interval.ms", "300000", 1, I64), LIVE("How often partitions are looked over for segments to drop.")},
	{INT_KEY("producer.id.expiration.ms", "86400000", 1, I32), DYNAMIC, LIVE(
	 "How long the sequence numbers of an idempotent producer are remembered after its last batch.")},
	{INT_KEY("producer.id.expiration.check.interval.ms", "600000", 1, I32), INERT(
	 "How often Kafka looks for expired producers. Without effect: they are looked for with retention.")},

	/* Connections and requests. */
	{INT_KEY("controller.quota.window.num", "11", 1, 1000), LIVE(
	 "controller_mutation_rate: how many windows' worth of partitions a client may make and delete at once.")},
	{INT_KEY("controller.quota.window.size.seconds", "1", 1, 86400), LIVE("controller_mutation_rate: how long a window is.")},
	{LONG_KEY("connections.max.idle.ms", "600000", -1, I64), LIVE("A connection on which nothing happens for so long is closed; negative: never.")},
	{INT_KEY("fetch.max.bytes", "57671680", 1024, I32), LIVE("The most bytes one fetch is answered with, whatever the client asks.")},
	{INT_KEY("max.connections", "2147483647", 0, I32), DYNAMIC, LIVE(
	 "The most connections at once; what the process may open (ulimit -n) bounds it as well.")},
	{INT_KEY("max.connections.per.ip", "2147483647", 0, I32), DYNAMIC, LIVE("The most connections at once from one address.")},
	{INT_KEY("max.incremental.fetch.session.cache.slots", "1000", 0, I32), LIVE(
	 "How many fetch sessions (KIP-227) are remembered, over all shards; clients that find no room fetch without. 0: none.")},
	{INT_KEY("max.request.partition.size.limit", "2000", 1, I32), LIVE("The most partitions one DescribeTopicPartitions answers about.")},
	{INT_KEY("quota.window.num", "11", 1, 1000), LIVE("Client quotas: over how many windows of quota.window.size.seconds a rate is measured.")},
	{INT_KEY("quota.window.size.seconds", "1", 1, 86400), LIVE(
	 "Client quotas: how long a window is. A client held back for request_percentage or connection_creation_rate waits for at most one.")},
	{LONG_KEY("queued.max.request.bytes", "-1", -1, I64), INERT(
	 "How many bytes of requests Kafka queues. Without effect: see spate.frame.memory.bytes.")},
	{INT_KEY("queued.max.requests", "500", 1, I32), INERT("How many requests Kafka queues for its threads. Without effect: there is no such queue.")},
	{INT_KEY("socket.listen.backlog.size", "50", 1, I32), LIVE("How many connections wait to be accepted.")},
	{INT_KEY("socket.receive.buffer.bytes", "102400", -1, I32), LIVE(
	 "The kernel's receive buffer of a connection, if set; otherwise the system sizes it as it goes, which is faster.")},
	{INT_KEY("socket.request.max.bytes", "104857600", 1024, I32), LIVE("The largest request taken; a connection that announces a larger one is closed.")},
	{INT_KEY("socket.send.buffer.bytes", "102400", -1, I32), LIVE(
	 "The kernel's send buffer of a connection, if set; otherwise the system sizes it as it goes, which is faster.")},

	/* Groups and their offsets. */
	{LIST_KEY("group.consumer.assignors", "uniform,range", "uniform,range"), LIVE(
	 "The assignors of the consumer protocol (KIP-848): uniform, range; the first is used by groups that ask for none.")},
	{INT_KEY("group.consumer.assignment.interval.ms", "1000", 0, I32), DYNAMIC, LIVE(
	 "A consumer group's assignment is computed at most once in so much time, so that many changes at once cost one.")},
	{INT_KEY("group.consumer.heartbeat.interval.ms", "5000", 1, I32), LIVE("How often members of the consumer protocol (KIP-848) send heartbeats.")},
	{INT_KEY("group.consumer.max.assignment.interval.ms", "15000", 0, I32), LIVE("The bounds of a group's own value.")},
	{INT_KEY("group.consumer.max.heartbeat.interval.ms", "15000", 1, I32), LIVE("The bounds of a group's own value.")},
	{INT_KEY("group.consumer.max.session.timeout.ms", "60000", 1, I32), LIVE("The bounds of a group's own value.")},
	{INT_KEY("group.consumer.max.size", I32_TEXT, 1, I32), LIVE("The most members of a group of the consumer protocol (KIP-848).")},
	{ENUM_KEY("group.consumer.migration.policy", "bidirectional", "bidirectional,upgrade,downgrade,disabled"), LIVE(
	 "Whether a group with members may turn from the classic protocol to the consumer protocol (upgrade), back (downgrade), both, or neither.")},
	{INT_KEY("group.consumer.min.assignment.interval.ms", "0", 0, I32), LIVE("The bounds of a group's own value.")},
	{INT_KEY("group.consumer.min.heartbeat.interval.ms", "5000", 1, I32), LIVE("The bounds of a group's own value.")},
	{INT_KEY("group.consumer.min.session.timeout.ms", "45000", 1, I32), LIVE("The bounds of a group's own value.")},
	{INT_KEY("group.consumer.session.timeout.ms", "45000", 1, I32), LIVE(
	 "A member of the consumer protocol (KIP-848) that sends no heartbeat for so long is dead.")},
	{INT_KEY("group.coordinator.append.linger.ms", "-1", -1, I32), INERT(
	 "How long Kafka gathers what groups write. Without effect: what comes in one turn of the loop is one batch.")},
	{INT_KEY("group.coordinator.background.threads", "2", 1, I32), INERT("Kafka's threads for groups. Without effect: see spate.shards.")},
	{INT_KEY("group.coordinator.cached.buffer.max.bytes", "1048588", 524288, I32), DYNAMIC, INERT("Memory that Kafka's coordinators keep for their batches. Without effect.")},
	{LIST_KEY("group.coordinator.rebalance.protocols", "classic,consumer,streams", "classic,consumer,share,streams"), INERT(
	 "Which group protocols are offered. Without effect: classic and consumer are.")},
	{INT_KEY("group.coordinator.threads", "4", 1, I32), INERT("Kafka's threads for groups. Without effect: see spate.shards.")},
	{INT_KEY("group.initial.rebalance.delay.ms", "3000", INT32_MIN, I32), LIVE(
	 "The first rebalance of an empty group waits so long for more members, and again while they keep coming. 0 for tests.")},
	{INT_KEY("group.max.session.timeout.ms", "1800000", INT32_MIN, I32), LIVE("The longest session timeout a member may ask for.")},
	{INT_KEY("group.max.size", I32_TEXT, 1, I32), LIVE("The most members of a classic group.")},
	{INT_KEY("group.min.session.timeout.ms", "6000", INT32_MIN, I32), LIVE("The shortest session timeout a member may ask for.")},
	{INT_KEY("offset.metadata.max.bytes", "4096", INT32_MIN, I32), LIVE("The longest text beside a committed offset.")},
	{INT_KEY("offsets.commit.timeout.ms", "5000", 1, I32), LIVE(
	 "How long what a group has to write may wait for the disk before its clients are answered COORDINATOR_NOT_AVAILABLE.")},
	{INT_KEY("offsets.load.buffer.size", "5242880", 1, I32), INERT("How much of the log Kafka reads at a time when it loads groups. Without effect.")},
	{LONG_KEY("offsets.retention.check.interval.ms", "600000", 1, I64), LIVE("How often expired offsets and empty groups are looked for.")},
	{INT_KEY("offsets.retention.minutes", "10080", 1, I32), LIVE(
	 "How long the offsets of a group are kept after it became empty; those without a group, after each was committed.")},
	{INT_KEY("offsets.topic.compression.codec", "0", 0, 4), INERT(
	 "How Kafka compresses what groups write: 0 not at all, 1 gzip, 2 snappy, 3 lz4, 4 zstd. Without effect: it is not compressed.")},
	{INT_KEY("offsets.topic.num.partitions", "50", 1, I32), LIVE("The partitions of __consumer_offsets, when it is made.")},
	{INT_KEY("offsets.topic.replication.factor", "1", 1, 32767), INERT("The replicas of __consumer_offsets. One node holds one.")},
	{INT_KEY("offsets.topic.segment.bytes", "104857600", 1, I32), LIVE("The segment size of __consumer_offsets, when it is made.")},

	/* Share and streams groups: the bounds of what can be set for them already. */
	{INT_KEY("group.share.assignment.interval.ms", "1000", 0, I32), DYNAMIC, INERT("The default of the group key share.assignment.interval.ms. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.delivery.count.limit", "5", 2, 10), INERT("The default of the group key share.delivery.count.limit. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.heartbeat.interval.ms", "5000", 1, I32), INERT("The default of the group key share.heartbeat.interval.ms. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.assignment.interval.ms", "15000", 0, I32), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.delivery.count.limit", "10", 5, 25), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.heartbeat.interval.ms", "15000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.partition.max.record.locks", "4000", 2000, 10000), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.record.lock.duration.ms", "60000", 30000, 3600000), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.session.timeout.ms", "60000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.share.sessions", "2000", 1, I32), INERT("The most share sessions. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.max.size", "200", 1, 1000), INERT("The most members of a share group. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.min.assignment.interval.ms", "0", 0, I32), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.min.delivery.count.limit", "2", 2, 5), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.min.heartbeat.interval.ms", "5000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.min.partition.max.record.locks", "100", 100, 2000), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.min.record.lock.duration.ms", "15000", 1000, 30000), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.min.session.timeout.ms", "45000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.partition.max.record.locks", "2000", 100, 10000), INERT("The default of the group key share.partition.max.record.locks. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.record.lock.duration.ms", "30000", 1000, 3600000), INERT("The default of the group key share.record.lock.duration.ms. Without effect: there are no share groups yet.")},
	{INT_KEY("group.share.session.timeout.ms", "45000", 1, I32), INERT("The default of the group key share.session.timeout.ms. Without effect: there are no share groups yet.")},
	{INT_KEY("group.streams.assignment.interval.ms", "1000", 0, I32), DYNAMIC, INERT("The default of the group key streams.assignment.interval.ms. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.heartbeat.interval.ms", "5000", 1, I32), INERT("The default of the group key streams.heartbeat.interval.ms. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.initial.rebalance.delay.ms", "3000", 0, I32), INERT("The default of the group key streams.initial.rebalance.delay.ms. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.max.assignment.interval.ms", "15000", 0, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.max.heartbeat.interval.ms", "15000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.max.session.timeout.ms", "60000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.max.size", "2147483647", 1, I32), INERT("The most members of a streams group. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.max.standby.replicas", "2", 0, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.min.assignment.interval.ms", "0", 0, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.min.heartbeat.interval.ms", "5000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.min.session.timeout.ms", "45000", 1, I32), INERT("The bounds of a group's own value. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.num.standby.replicas", "0", 0, I32), INERT("The default of the group key streams.num.standby.replicas. Without effect: there are no streams groups yet.")},
	{INT_KEY("group.streams.session.timeout.ms", "45000", 1, I32), INERT("The default of the group key streams.session.timeout.ms. Without effect: there are no streams groups yet.")},

	/* Transactions and share groups: kept for what is to come, and for the tools that ask. */
	{INT_KEY("share.coordinator.cached.buffer.max.bytes", "1048588", 524288, I32), DYNAMIC, INERT("Memory that Kafka's coordinators keep for their batches. Without effect.")},
	{INT_KEY("share.coordinator.state.topic.min.isr", "1", 1, 32767), INERT("In-sync replicas of __share_group_state. One node holds one.")},
	{INT_KEY("share.coordinator.state.topic.replication.factor", "1", 1, 32767), INERT("The replicas of __share_group_state. One node holds one.")},
	{INT_KEY("transaction.max.timeout.ms", "900000", 1, I32), INERT("The longest transaction timeout. Without effect: there are no transactions yet.")},
	{INT_KEY("transaction.state.log.min.isr", "1", 1, I32), INERT("In-sync replicas of __transaction_state. One node holds one.")},
	{INT_KEY("transaction.state.log.num.partitions", "50", 1, I32), INERT("The partitions of __transaction_state. Without effect: there are no transactions yet.")},
	{INT_KEY("transaction.state.log.replication.factor", "1", 1, 32767), INERT("The replicas of __transaction_state. One node holds one.")},
	{INT_KEY("transaction.state.log.segment.bytes", "104857600", 1, I32), INERT("The segments of __transaction_state. Without effect: there are no transactions yet.")},
	{INT_KEY("transactional.id.expiration.ms", "604800000", 1, I32), INERT("How long an unused transactional id is kept. Without effect: there are no transactions yet.")},
	{BOOL_KEY("transaction.partition.verification.enable", "true"), DYNAMIC, INERT("Whether Kafka looks twice at a transaction. Without effect: there are no transactions yet.")},

	/* In every server.properties, and without meaning here. */
	{INT_KEY("background.threads", "10", 1, I32), DYNAMIC, INERT("Kafka's housekeeping threads. Without effect.")},
	{STRING_KEY("controller.listener.names", NULL), INERT("The listeners of Kafka's controller. Without effect: there is no separate controller.")},
	{LIST_KEY("controller.quorum.bootstrap.servers", "", NULL), INERT("Where Kafka's controllers are. Without effect: there is no separate controller.")},
	{LIST_KEY("controller.quorum.voters", "", NULL), INERT("Kafka's controllers. Without effect: there is no separate controller.")},
	{STRING_KEY("inter.broker.listener.name", NULL), INERT("The listener for other brokers. Without effect on one node.")},
	{STRING_KEY("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT"), INERT("What each listener speaks. Without effect: all speak PLAINTEXT.")},
	{LONG_KEY("log.cleaner.backoff.ms", "15000", 0, I64), DYNAMIC, INERT("How long compaction sleeps when there is nothing to do. Without effect until it runs.")},
	{LONG_KEY("log.cleaner.dedupe.buffer.size", "134217728", INT64_MIN, I64), DYNAMIC, INERT("Memory of compaction. Without effect until it runs.")},
	{BOOL_KEY("log.cleaner.enable", "true"), INERT("Whether compaction runs. Without effect until it does.")},
	{DOUBLE_KEY("log.cleaner.io.buffer.load.factor", "0.9", INT64_MIN, I64), DYNAMIC, INERT("How full compaction's memory may be. Without effect until it runs.")},
	{INT_KEY("log.cleaner.io.buffer.size", "524288", 0, I32), DYNAMIC, INERT("Memory of compaction for I/O. Without effect until it runs.")},
	{DOUBLE_KEY("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308", INT64_MIN, I64), DYNAMIC, INERT("How fast compaction may read and write. Without effect until it runs.")},
	{INT_KEY("log.cleaner.threads", "1", 0, I32), DYNAMIC, INERT("Threads of compaction. Without effect until it runs.")},
	{INT_KEY("num.io.threads", "8", 1, I32), DYNAMIC, INERT("Kafka's request threads. Without effect: see spate.shards.")},
	{INT_KEY("num.network.threads", "3", 1, I32), DYNAMIC, INERT("Kafka's socket threads. Without effect: see spate.shards.")},
	{INT_KEY("num.recovery.threads.per.data.dir", "2", 1, I32), DYNAMIC, INERT("Kafka's recovery threads. Without effect: recovery reads the journal alone.")},
	{LONG_KEY("follower.replication.throttled.rate", I64_TEXT, 0, I64), DYNAMIC, INERT("Kafka's limit of replication, set while partitions move. Without effect on one node.")},
	{LONG_KEY("leader.replication.throttled.rate", I64_TEXT, 0, I64), DYNAMIC, INERT("Kafka's limit of replication, set while partitions move. Without effect on one node.")},
	{LONG_KEY("replica.alter.log.dirs.io.max.bytes.per.second", I64_TEXT, 0, I64), DYNAMIC, INERT(
	 "Kafka's limit of moves between directories. Without effect: there is one.")},
	{INT_KEY("num.replica.fetchers", "1", 1, I32), DYNAMIC, INERT("Kafka's replication threads. Without effect on one node.")},
	/* Tuning of what is not here yet, which promises nobody anything: tools and suites set it. What switches such a thing on is refused. */
	{INT_KEY("remote.fetch.max.wait.ms", "500", 1, I32), DYNAMIC, INERT("How long a fetch waits for tiered storage." NO_TIERS)},
	{LONG_KEY("remote.list.offsets.request.timeout.ms", "30000", 1, I64), DYNAMIC, INERT("How long ListOffsets waits for tiered storage." NO_TIERS)},
	{LONG_KEY("remote.log.index.file.cache.total.size.bytes", "1073741824", 1, I64), DYNAMIC, INERT("Indexes of tiered segments, kept on the disk." NO_TIERS)},
	{INT_KEY("remote.log.manager.copier.thread.pool.size", "10", 1, I32), DYNAMIC, INERT("Threads that copy segments." NO_TIERS)},
	{LONG_KEY("remote.log.manager.copy.max.bytes.per.second", I64_TEXT, 1, I64), DYNAMIC, INERT("How fast segments are copied." NO_TIERS)},
	{INT_KEY("remote.log.manager.expiration.thread.pool.size", "10", 1, I32), DYNAMIC, INERT("Threads that delete copied segments." NO_TIERS)},
	{LONG_KEY("remote.log.manager.fetch.max.bytes.per.second", I64_TEXT, 1, I64), DYNAMIC, INERT("How fast copied segments are read." NO_TIERS)},
	{INT_KEY("remote.log.manager.follower.thread.pool.size", "2", 1, I32), DYNAMIC, INERT("Threads of followers." NO_TIERS)},
	{INT_KEY("remote.log.reader.threads", "10", 1, I32), DYNAMIC, INERT("Threads that read copied segments." NO_TIERS)},
	{STRING_KEY("sasl.kerberos.kinit.cmd", "/usr/bin/kinit"), DYNAMIC_ALONE, INERT("Kafka's kinit." NO_SASL)},
	{LONG_KEY("sasl.kerberos.min.time.before.relogin", "60000", 0, I64), DYNAMIC_ALONE, INERT("How often Kafka logs in anew at least." NO_SASL)},
	{STRING_KEY("sasl.kerberos.service.name", NULL), DYNAMIC_ALONE, INERT("As whom Kafka runs." NO_SASL)},
	{DOUBLE_KEY("sasl.kerberos.ticket.renew.jitter", "0.05", 0, 1), DYNAMIC_ALONE, INERT("Jitter of Kafka's logging in." NO_SASL)},
	{DOUBLE_KEY("sasl.kerberos.ticket.renew.window.factor", "0.8", 0, 1), DYNAMIC_ALONE, INERT("When Kafka renews its ticket." NO_SASL)},
	{INT_KEY("sasl.login.refresh.buffer.seconds", "300", 0, 3600), DYNAMIC_ALONE, INERT("How long before its end Kafka renews a token." NO_SASL)},
	{INT_KEY("sasl.login.refresh.min.period.seconds", "60", 0, 900), DYNAMIC_ALONE, INERT("How long Kafka keeps a token at least." NO_SASL)},
	{DOUBLE_KEY("sasl.login.refresh.window.factor", "0.8", 0, 1), DYNAMIC_ALONE, INERT("When Kafka renews its token." NO_SASL)},
	{DOUBLE_KEY("sasl.login.refresh.window.jitter", "0.05", 0, 1), DYNAMIC_ALONE, INERT("Jitter of that." NO_SASL)},

	/* Kafka's own roles. */
	{LIST_KEY("process.roles", "broker,controller", "broker,controller"), INERT("What this process is. Without effect: one node is both.")},

	/* Our own. */
	{BOOL_KEY("spate.accept.loss", "false"), OURS(
	 "Starts although files of the data directory that held acknowledged changes are lost, and goes on without what was in them alone. For one "
	 "start, when nothing can be put back: such a start is refused otherwise.")},
	{LONG_KEY("spate.cache.bytes", "536870912", 4194304, INT64_C(1) << 40), OURS(
	 "Memory for records not yet filed into segments and for those just appended, which consumers at the tail read: a quarter of it. The rest is taken while "
	 "much waits to be filed, as of thousands of partitions. Each shard has its part, of 4 MiB at least.")},
	{INT_KEY("spate.direct.bytes", "0", 0, I32), OURS(
	 "Appends of a round this large go straight to their segment instead of through the journal; 0 is the measured default: 64 KiB, or 16 KiB "
	 "where at most 16 partitions have 256 KiB together.")},
	{LONG_KEY("spate.fetch.session.bytes", "33554432", 0, INT64_C(1) << 40), OURS(
	 "Memory of each shard for fetch sessions (KIP-227). When it is full, clients fetch without.")},
	{LONG_KEY("spate.frame.memory.bytes", "268435456", 1048576, INT64_C(1) << 40), OURS(
	 "Memory for requests being received and answered; each shard has its part of it. When that is full, connections wait to be read. "
	 "Requests above 1.25 MiB take at most three quarters together, and wait apart from smaller ones.")},
	{LONG_KEY("spate.group.memory.bytes", "268435456", 1048576, INT64_C(1) << 40), OURS(
	 "Memory for groups, their members and committed offsets; each shard has its part of it. When that is full, new members and groups are refused.")},
	{ENUM_KEY("spate.io", "auto", "auto,io_uring,syscalls"), OURS(
	 "How the broker does its I/O: io_uring, plain system calls, or auto, which takes io_uring where the system allows it.")},
	{LONG_KEY("spate.journal.bytes", "0", 0, INT64_C(1) << 40), OURS(
	 "The commit journal of each shard, as large as this when the data directory is made and from then on: 8 MiB at least. Larger lets segments of "
	 "thousands of partitions be written in larger pieces; recovery after a crash reads at most this, and some 16 to 32 MiB where partitions are few. "
	 "0 is a 64th of the disk's free space, but no more than spate.cache.bytes, and 256 MiB to 1 GiB; less "
	 "where that is more than a third of it, or where address space is limited (ulimit -v), of which a start needs eight times as much.")},
	{STRING_KEY("spate.metrics.listener", NULL), OURS(
	 "HOST:PORT where metrics for Prometheus (/metrics) and the state of health (/livez, /readyz) are answered, over HTTP; without a value nowhere. "
	 "Nobody is asked for a password there: listen on this machine's own address, 127.0.0.1, unless the network is yours.")},
	{INT_KEY("spate.metrics.partitions.max", "10000", 0, 1000000), OURS(
	 "How many topic partitions, and as many partitions of groups' offsets, have series of their own in /metrics. What is beyond is in the sums of its "
	 "topic or group alone; damage is always named.")},
	{INT_KEY("spate.producers.max", "100000", 1, I32), OURS(
	 "The most idempotent producers remembered in a partition; beyond it the one longest silent is forgotten.")},
	{LONG_KEY("spate.reserve.bytes", "16777216", 0, INT64_C(1) << 40), OURS(
	 "Disk space held for what must go on when the disk is full: commits of groups, changes of topics, deletes, and filing what was acknowledged. "
	 "Produce is refused until it can be held again; 0 holds none.")},
	{LONG_KEY("spate.scrub.bytes.per.second", "8388608", 0, INT64_C(1) << 40), OURS(
	 "How fast each shard reads sealed segments again in the background, to find what has rotted while nobody read it; 0 does not.")},
	{LONG_KEY("spate.scrub.interval.ms", "604800000", 1000, INT64_C(1) << 45), OURS(
	 "How long after the begin of one such pass over all sealed segments the next one begins, or at once if it took longer.")},
	{INT_KEY("spate.shards", "1", 0, 64), OURS(
	 "How many shards (threads, each with its connections, partitions and journal) the broker runs; 0 is one for each processor. "
	 "A data directory keeps the number it was made with.")},
	{LONG_KEY("spate.spare.bytes", "1073741824", 0, INT64_C(1) << 40), OURS(
	 "Disk space of segment files that retention or deletes have let go and that new segments get, written over with zeros before, as new blocks and the discarding of old "
	 "ones cost the disk more. Given up when less than as much is free besides; 0 keeps none.")},
};

/* ---- lookup -------------------------------------------------------------------------------------------------- */

const struct config_key *config_topic_keys(uint32_t *count)
{
	*count = COUNT_OF(topic_keys);
	return topic_keys;
}

const struct config_key *config_broker_keys(uint32_t *count)
{
	*count = COUNT_OF(broker_keys);
	return broker_keys;
}

/* Where each name's key is, by a hash of the name: a start looks up hundreds of them, and a topic with settings of its own some forty. */
#define SLOTS 512 /* a power of two, some four for each key */

struct key_index {
	const struct config_key *keys;
	uint32_t count;
	uint16_t slots[SLOTS]; /* a key's index and one; 0: free */
};

static struct key_index of_topics = {.keys = topic_keys, .count = COUNT_OF(topic_keys)}, of_brokers = {.keys = broker_keys, .count = COUNT_OF(broker_keys)};
_Static_assert(COUNT_OF(broker_keys) < SLOTS / 2, "a search soon finds a free slot");

static uint32_t slot_of(const void *name, size_t size)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)name)[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static void fill(struct key_index *index)
{
	for (uint32_t i = 0; i < index->count; i++) {
		uint32_t at = slot_of(index->keys[i].name, index->keys[i].name_size);
		while (index->slots[at % SLOTS])
			at++;
		index->slots[at % SLOTS] = (uint16_t)(i + 1);
	}
}

static void fill_all(void)
{
	fill(&of_topics);
	fill(&of_brokers);
}

static const struct config_key *find(const struct key_index *index, struct slice name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill_all);
	for (uint32_t at = slot_of(name.data, name.size); index->slots[at % SLOTS]; at++) {
		const struct config_key *key = &index->keys[index->slots[at % SLOTS] - 1];
		if (key->name_size == name.size && memcmp(key->name, name.data, name.size) == 0)
			return key;
	}
	return NULL;
}

const struct config_key *config_topic_key(struct slice name)
{
	return find(&of_topics, name);
}

const struct config_key *config_broker_key(struct slice name)
{
	return find(&of_brokers, name);
}

/* Keys of Kafka's that ask for something that is not here, by prefix. */
static const struct {
	const char *prefix;
	const char *why;
} absent_features[] = {
	{"ssl.", "TLS is not supported yet"},
	{"sasl.", "authentication (SASL) is not supported yet"},
	{"delegation.token.", "authentication is not supported yet"},
	{"connections.max.reauth.ms", "authentication is not supported yet"},
	{"authorizer.", "access control is not supported yet"},
	{"super.users", "access control is not supported yet"},
	{"principal.builder.", "access control is not supported yet"},
	{"remote.", "tiered storage is not supported yet"},
	{"rsm.config.", "tiered storage is not supported yet"},
	{"rlmm.config.", "tiered storage is not supported yet"},
	{"replica.", "there is one node, and so no replication"},
	{"max.connection.creation.rate", "new connections are limited by address: give addresses a quota connection_creation_rate"},
	{"max.connections.per.ip.overrides", "single addresses have no limits of their own: see max.connections.per.ip"},
	{"config.providers", "configuration providers are Java classes"},
	{"cordoned.log.dirs", "there is one log directory"},
	{"leader.imbalance.", "there is one node, and so no replication"},
	{"metadata.log.", "there is no metadata log: topics are kept in catalog.log"},
	{"metric", "metrics reporters are Java classes"},
	{"kafka.metrics.", "metrics reporters are Java classes"},
	{"zookeeper.", "Kafka itself has left ZooKeeper"},
};

const char *config_absent_feature(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(absent_features); i++)
		if (strncmp(name, absent_features[i].prefix, strlen(absent_features[i].prefix)) == 0)
			return absent_features[i].why;
	return NULL;
}

const char *config_nearest(const char *name, bool is_topic)
{
	struct edit_search search = {.name = name};
	const struct config_key *keys = is_topic ? topic_keys : broker_keys;
	size_t count = is_topic ? COUNT_OF(topic_keys) : COUNT_OF(broker_keys);
	for (size_t i = 0; i < count; i++)
		edit_offer(&search, keys[i].name);
	return search.nearest;
}
