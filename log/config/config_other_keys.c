/* The smaller tables: what may be set for a group, and for a subscription to client metrics; and the names of Kafka's broker keys that have no row
 * of their own because they mean nothing here. Failure modes: none. */
#include "log/config/config.h"

#include <stdio.h>

#define I32 INT32_MAX
#define BOUNDED_KEY(key, value, low, high) .name = key, .type = CONFIG_INT, .default_value = value, .min = low, .max = high
#define INT_KEY(key, value, low) BOUNDED_KEY(key, value, low, I32)
#define FROM(broker, text) .broker_name = broker, .doc = text
#define INERT_FROM(broker, text) FROM(broker, text), .is_inert = true
#define NO_SHARE " Without effect: there are no share groups yet."
#define NO_STREAMS " Without effect: there are no streams groups yet."

static const struct config_key group_keys[] = {
	{INT_KEY("consumer.assignment.interval.ms", "1000", 0), FROM("group.consumer.assignment.interval.ms",
	 "The group's assignment is computed at most once in so much time.")},
	{INT_KEY("consumer.heartbeat.interval.ms", "5000", 1), FROM("group.consumer.heartbeat.interval.ms",
	 "How often the group's members of the consumer protocol (KIP-848) send heartbeats.")},
	{INT_KEY("consumer.session.timeout.ms", "45000", 1), FROM("group.consumer.session.timeout.ms",
	 "A member of the consumer protocol (KIP-848) that sends no heartbeat for so long is dead.")},
	{INT_KEY("share.assignment.interval.ms", "1000", 0), INERT_FROM("group.share.assignment.interval.ms", "As for consumers." NO_SHARE)},
	{.name = "share.auto.offset.reset", .type = CONFIG_STRING, .default_value = "latest", INERT_FROM(NULL,
	 "Where the group begins: latest, earliest, or by_duration: and a time in ISO 8601." NO_SHARE)},
	{INT_KEY("share.delivery.count.limit", "5", 2), INERT_FROM("group.share.delivery.count.limit", "How often a record is delivered at most." NO_SHARE)},
	{INT_KEY("share.heartbeat.interval.ms", "5000", 1), INERT_FROM("group.share.heartbeat.interval.ms", "As for consumers." NO_SHARE)},
	{.name = "share.isolation.level", .type = CONFIG_ENUM, .default_value = "read_uncommitted", .choices = "read_committed,read_uncommitted",
	 INERT_FROM(NULL, "Whether records of open transactions are delivered." NO_SHARE)},
	{INT_KEY("share.partition.max.record.locks", "2000", 100), INERT_FROM("group.share.partition.max.record.locks",
	 "How many records of a partition are with members at once." NO_SHARE)},
	{INT_KEY("share.record.lock.duration.ms", "30000", 1000), INERT_FROM("group.share.record.lock.duration.ms",
	 "How long a member may keep a record." NO_SHARE)},
	{.name = "share.renew.acknowledge.enable", .type = CONFIG_BOOL, .default_value = "true", INERT_FROM(NULL,
	 "Whether a member may ask for more time." NO_SHARE)},
	{INT_KEY("share.session.timeout.ms", "45000", 1), INERT_FROM("group.share.session.timeout.ms", "As for consumers." NO_SHARE)},
	{INT_KEY("streams.assignment.interval.ms", "1000", 0), INERT_FROM("group.streams.assignment.interval.ms", "As for consumers." NO_STREAMS)},
	{INT_KEY("streams.heartbeat.interval.ms", "5000", 1), INERT_FROM("group.streams.heartbeat.interval.ms", "As for consumers." NO_STREAMS)},
	{INT_KEY("streams.initial.rebalance.delay.ms", "3000", 0), INERT_FROM("group.streams.initial.rebalance.delay.ms",
	 "How long the first rebalance waits for more members." NO_STREAMS)},
	{INT_KEY("streams.num.standby.replicas", "0", 0), INERT_FROM("group.streams.num.standby.replicas", "Standby replicas of each task." NO_STREAMS)},
	{INT_KEY("streams.session.timeout.ms", "45000", 1), INERT_FROM("group.streams.session.timeout.ms", "As for consumers." NO_STREAMS)},
};

#define NO_RECEIVER " Without effect: this broker receives no client metrics."

static const struct config_key client_metrics_keys[] = {
	{BOUNDED_KEY("interval.ms", "300000", 100, 3600000), INERT_FROM(NULL, "How often clients push their metrics." NO_RECEIVER)},
	{.name = "match", .type = CONFIG_LIST, .default_value = "", INERT_FROM(NULL, "Which clients push, as NAME=PATTERN; none named is all." NO_RECEIVER)},
	{.name = "metrics", .type = CONFIG_LIST, .default_value = "", INERT_FROM(NULL, "Which metrics they push, by prefix; * is all." NO_RECEIVER)},
};

const struct config_key *config_group_keys(uint32_t *count)
{
	*count = COUNT_OF(group_keys);
	return group_keys;
}

const struct config_key *config_client_metrics_keys(uint32_t *count)
{
	*count = COUNT_OF(client_metrics_keys);
	return client_metrics_keys;
}

static const struct config_key *find(const struct config_key *keys, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(keys[i].name) == name.size && memcmp(keys[i].name, name.data, name.size) == 0)
			return &keys[i];
	return NULL;
}

const struct config_key *config_group_key(struct slice name)
{
	return find(group_keys, COUNT_OF(group_keys), name);
}

const struct config_key *config_client_metrics_key(struct slice name)
{
	return find(client_metrics_keys, COUNT_OF(client_metrics_keys), name);
}

/* group.consumer.session.timeout.ms is bounded by group.consumer.min.session.timeout.ms; one name of Kafka's goes its own way. */
const char *config_group_bound(const struct config_key *key, const char *which, char *out, size_t size)
{
	if (!key->broker_name)
		return NULL;
	if (strcmp(key->name, "streams.num.standby.replicas") == 0) {
		snprintf(out, size, "group.streams.%s.standby.replicas", which);
	} else {
		const char *dot = strchr(key->name, '.');
		snprintf(out, size, "group.%.*s.%s%s", (int)(dot - key->name), key->name, which, dot);
	}
	return config_broker_key(slice_from(out)) ? out : NULL;
}

/* ---- what Kafka has besides ------------------------------------------------------------------------------------------- */

static const char *const others[] = {
	"add.partitions.to.txn.retry.backoff.max.ms", "add.partitions.to.txn.retry.backoff.ms",
	"alter.config.policy.class.name", "alter.log.dirs.replication.quota.window.num",
	"alter.log.dirs.replication.quota.window.size.seconds", "auto.leader.rebalance.enable",
	"broker.heartbeat.interval.ms", "broker.session.timeout.ms", "client.quota.callback.class",
	"connection.failed.authentication.delay.ms", "controlled.shutdown.enable",
	"controller.quorum.append.linger.ms", "controller.quorum.auto.join.enable",
	"controller.quorum.election.backoff.max.ms", "controller.quorum.election.timeout.ms",
	"controller.quorum.fetch.max.bytes", "controller.quorum.fetch.snapshot.max.bytes",
	"controller.quorum.fetch.timeout.ms", "controller.quorum.request.timeout.ms",
	"controller.quorum.retry.backoff.ms", "controller.quota.window.num",
	"controller.quota.window.size.seconds", "controller.socket.timeout.ms",
	"create.topic.policy.class.name", "delete.records.purgatory.purge.interval.requests",
	"early.start.listeners", "fetch.purgatory.purge.interval.requests", "group.share.assignors",
	"initial.broker.registration.timeout.ms", "log.dir.failure.timeout.ms",
	"log.flush.offset.checkpoint.interval.ms", "log.flush.start.offset.checkpoint.interval.ms",
	"metadata.max.idle.interval.ms", "metadata.max.retention.bytes", "metadata.max.retention.ms",
	"metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms",
	"num.replica.alter.log.dirs.threads", "producer.purgatory.purge.interval.requests",
	"quota.window.num", "quota.window.size.seconds", "replica.fetch.backoff.ms",
	"replica.fetch.max.bytes", "replica.fetch.min.bytes", "replica.fetch.response.max.bytes",
	"replica.fetch.wait.max.ms", "replica.high.watermark.checkpoint.interval.ms",
	"replica.lag.time.max.ms", "replica.selector.class", "replica.socket.receive.buffer.bytes",
	"replica.socket.timeout.ms", "replication.quota.window.num",
	"replication.quota.window.size.seconds", "request.timeout.ms", "security.inter.broker.protocol",
	"security.providers", "share.coordinator.append.linger.ms", "share.coordinator.load.buffer.size",
	"share.coordinator.snapshot.update.records.per.snapshot",
	"share.coordinator.state.topic.compression.codec", "share.coordinator.state.topic.num.partitions",
	"share.coordinator.state.topic.segment.bytes", "share.coordinator.threads",
	"share.coordinator.write.timeout.ms", "share.fetch.purgatory.purge.interval.requests",
	"socket.connection.setup.timeout.max.ms", "socket.connection.setup.timeout.ms",
	"telemetry.max.bytes", "transaction.abort.timed.out.transaction.cleanup.interval.ms",
	"transaction.remove.expired.transaction.cleanup.interval.ms",
	"transaction.state.log.load.buffer.size", "transaction.two.phase.commit.enable",
};

bool config_is_foreign(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (strlen(others[i]) == name.size && memcmp(others[i], name.data, name.size) == 0)
			return true;
	return false;
}
