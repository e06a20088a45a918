/* The tables of keys, values checked against them, the broker's configuration and what a topic resolves to. */
#include "log/config/config.h"
#include "log/config/config_open.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void assert_table_is_sound(const struct config_key *keys, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char why[512] = "";
		cr_assert_not_null(keys[i].doc, "%s", keys[i].name);
		cr_assert_eq(strncmp(keys[i].name, "spate.", 6) == 0, keys[i].is_ours, "%s", keys[i].name);
		if (keys[i].default_value)
			cr_assert_eq(config_check(&keys[i], slice_of(keys[i].default_value), why, sizeof why), 0, "%s", why);
		for (uint32_t j = 0; j < i; j++)
			cr_assert_str_neq(keys[i].name, keys[j].name);
	}
}

/* Every default passes its own check, no name is there twice, every key says what it is. */
Test(config, tables_are_sound)
{
	uint32_t count;
	const struct config_key *keys = config_topic_keys(&count);
	assert_table_is_sound(keys, count);
	cr_assert_eq(count, 33); /* as many as Kafka 4.3 describes */
	for (uint32_t i = 0; i < count; i++) {
		cr_assert(keys[i].is_topic);
		if (keys[i].broker_name)
			cr_assert_not_null(config_broker_key(slice_of(keys[i].broker_name)), "%s", keys[i].broker_name);
	}
	keys = config_broker_keys(&count);
	assert_table_is_sound(keys, count);
}

/* The default of a topic key is that of the broker key which sets it. */
Test(config, topic_and_broker_defaults_agree)
{
	uint32_t count;
	const struct config_key *keys = config_topic_keys(&count);
	for (uint32_t i = 0; i < count; i++) {
		if (!keys[i].broker_name)
			continue;
		const struct config_key *broker_key = config_broker_key(slice_of(keys[i].broker_name));
		if (!broker_key->default_value)
			continue; /* set in a coarser unit */
		cr_assert_str_eq(keys[i].default_value, broker_key->default_value, "%s", keys[i].name);
		cr_assert_eq(keys[i].min, broker_key->min, "%s", keys[i].name);
		cr_assert_eq(keys[i].max, broker_key->max, "%s", keys[i].name);
	}
}

static const struct {
	const char *name, *value;
	bool is_good;
	const char *said; /* part of the sentence */
} checks[] = {
	/* As Kafka 4.3 answers each of these. */
	{"cleanup.policy", "", true, NULL},
	{"cleanup.policy", "delete,delete", true, NULL},
	{"cleanup.policy", " compact , delete ", true, NULL},
	{"cleanup.policy", "Delete", false, "one of compact,delete"},
	{"cleanup.policy", "none", false, "Invalid value none for configuration cleanup.policy"},
	{"retention.ms", "-1", true, NULL},
	{"retention.ms", "-2", false, "at least -1"},
	{"retention.ms", " 5 ", true, NULL},
	{"retention.ms", "+5", true, NULL},
	{"retention.ms", "abc", false, "whole number"},
	{"retention.ms", "", false, "whole number"},
	{"retention.ms", "1e3", false, "whole number"},
	{"retention.ms", "9223372036854775807", true, NULL},
	{"retention.ms", "9223372036854775808", false, "from -1 to 9223372036854775807"},
	{"retention.ms", "0000000000000000000000000000000000000000001", false, "from -1 to"},
	{"retention.bytes", "-7", true, NULL},
	{"segment.bytes", "1048576", true, NULL},
	{"segment.bytes", "1048575", false, "at least 1048576"},
	{"segment.bytes", "2147483647", true, NULL},
	{"segment.bytes", "2147483648", false, "no more than 2147483647"},
	{"max.message.bytes", "0x10", false, "whole number"},
	{"message.timestamp.type", "LogAppendTime", true, NULL},
	{"message.timestamp.type", "createtime", false, "CreateTime,LogAppendTime"},
	{"compression.type", "zstd", true, NULL},
	{"compression.type", "GZIP", false, "uncompressed,zstd"},
	{"compression.type", "none", false, "uncompressed,zstd"},
	{"compression.gzip.level", "-1", true, NULL},
	{"compression.gzip.level", "0", false, "one of -1,1"},
	{"compression.gzip.level", "9", true, NULL},
	{"compression.zstd.level", "-131072", true, NULL},
	{"compression.zstd.level", "23", false, "no more than 22"},
	{"preallocate", "TRUE", true, NULL},
	{"preallocate", "yes", false, "true or false"},
	{"min.cleanable.dirty.ratio", "1e-1", true, NULL},
	{"min.cleanable.dirty.ratio", "0.5x", false, "a number"},
	{"min.cleanable.dirty.ratio", "nan", false, "a number"},
	{"min.cleanable.dirty.ratio", "2", false, "between 0 and 1"},
	{"flush.ms", "-1", false, "at least 0"},
	{"leader.replication.throttled.replicas", "*", true, NULL},
	{"leader.replication.throttled.replicas", "0:1,2:1", true, NULL},
	{"leader.replication.throttled.replicas", "1:2,3", false, "PARTITION:BROKER"},
	/* Where one node differs. */
	{"remote.storage.enable", "false", true, NULL},
	{"remote.storage.enable", "true", false, "no tiered storage"},
};

/* Values at, inside and beyond their bounds, of every type. */
Test(config, check)
{
	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		char why[512] = "";
		const struct config_key *key = config_topic_key(slice_of(checks[i].name));
		cr_assert_not_null(key, "%s", checks[i].name);
		int err = config_check(key, slice_of(checks[i].value), why, sizeof why);
		cr_assert_eq(err, checks[i].is_good ? 0 : ERR_INVALID_CONFIG, "%s = '%s': %s", checks[i].name, checks[i].value, why);
		if (checks[i].said)
			cr_assert_not_null(strstr(why, checks[i].said), "%s = '%s': %s", checks[i].name, checks[i].value, why);
	}
}

/* A value with a zero byte, or one of megabytes, is refused, and the sentence fits where it is put. */
Test(config, check_hostile)
{
	char why[64], *large = malloc(1 << 20);
	memset(large, 'x', 1 << 20);
	const struct config_key *key = config_topic_key(slice_of("leader.replication.throttled.replicas"));
	cr_assert_eq(config_check(key, (struct slice){(uint8_t *)large, 1 << 20}, why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_lt(strlen(why), sizeof why);
	key = config_broker_key(slice_of("log.dirs"));
	cr_assert_eq(config_check(key, (struct slice){(const uint8_t *)"a\0b", 3}, why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_eq(config_check(key, (struct slice){NULL, 0}, why, sizeof why), ERR_INVALID_CONFIG);
	free(large);
}

static const struct {
	const char *name, *value, *said;
} refusals[] = {
	{"log.retention.hour", "1", "did you mean log.retention.hours?"},
	{"num.partition", "1", "did you mean num.partitions?"},
	{"Num.Partitions", "1", "did you mean num.partitions?"},
	{"spate.jurnal.bytes", "1", "did you mean spate.journal.bytes?"},
	{"qqqqqqqq", "1", "unknown key qqqqqqqq; 'spate config explain'"},
	{"retention.ms", "1", "retention.ms is a key of topics; did you mean log.retention.ms, the default of all topics?"},
	{"retention.mss", "1", "unknown key retention.mss; did you mean log.retention.ms, the default of all topics for retention.ms?"},
	{"segment.byte", "1", "did you mean log.segment.bytes, the default of all topics for segment.bytes?"},
	{"remote.storage.enable", "true", "tiered storage is not supported"},
	{"ssl.keystore.location", "x", "TLS is not supported yet"},
	{"num.partitions", "0", "at least 1"},
	{"default.replication.factor", "3", "set it to 1"},
	{"log.dirs", "/a,/b", "several directories"},
	{"log.retention.hours", "0", "-1 (no limit)"},
	{"spate.io", "uring", "auto,io_uring,syscalls"},
	{"spate.journal.bytes", "8388607", "0 (chosen by the disk's free space) or at least 8388608"},
	{"spate.journal.bytes", "-1", "at least 0"},
};

/* What is refused says what, why and how to fix it. */
Test(config, broker_refusals)
{
	struct broker_config *config;
	cr_assert_eq(broker_config_create(&config), 0);
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		char why[512] = "";
		cr_assert_eq(broker_config_set(config, refusals[i].name, refusals[i].value, why, sizeof why), ERR_INVALID_CONFIG, "%s", refusals[i].name);
		cr_assert_not_null(strstr(why, refusals[i].said), "%s: %s", refusals[i].name, why);
	}
	broker_config_destroy(config);
}

static void set(struct broker_config *config, const char *name, const char *value)
{
	char why[512] = "";
	cr_assert_eq(broker_config_set(config, name, value, why, sizeof why), 0, "%s", why);
}

/* Values are typed, trimmed and replaced; the older names stand in for the newer. */
Test(config, broker_values)
{
	struct broker_config *config;
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(broker_config_int(config, "node.id"), 1);
	cr_assert_null(broker_config_value(config, "log.retention.ms"));
	cr_assert_str_eq(broker_config_value(config, "log.dirs"), "./data");
	cr_assert_not(broker_config_is_set(config, "num.partitions"));

	set(config, "num.partitions", " 3 ");
	set(config, "num.partitions", "4");
	set(config, "broker.id", "7");
	set(config, "log.dir", "/a");
	set(config, "delete.topic.enable", "False");
	cr_assert(broker_config_is_set(config, "num.partitions"));
	cr_assert_str_eq(broker_config_value(config, "num.partitions"), "4");
	cr_assert_eq(broker_config_int(config, "num.partitions"), 4);
	cr_assert_eq(broker_config_int(config, "node.id"), 7);
	cr_assert_str_eq(broker_config_value(config, "log.dirs"), "/a");
	cr_assert_not(broker_config_bool(config, "delete.topic.enable"));
	cr_assert_eq(broker_config_double(config, "log.cleaner.min.cleanable.ratio"), 0.5);

	set(config, "node.id", "8");
	set(config, "log.dirs", "/b");
	cr_assert_eq(broker_config_int(config, "node.id"), 8);
	cr_assert_str_eq(broker_config_value(config, "log.dirs"), "/b");
	broker_config_destroy(config);
}

/* Asking for a key that is not there is a bug. */
Test(config, unknown_key_is_a_bug, .signal = SIGABRT)
{
	struct broker_config *config;
	cr_assert_eq(broker_config_create(&config), 0);
	broker_config_int(config, "no.such.key");
}

static char *write_file(const char *text)
{
	char *path = strdup("/tmp/spate-test-config-XXXXXX");
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static int load(struct broker_config *config, const char *text, char *why, size_t why_size)
{
	char *path = write_file(text);
	int err = broker_config_load(config, path, why, why_size);
	unlink(path);
	free(path);
	return err;
}

/* A file of comments, blank lines, spaces and a last line without an end. */
Test(config, file)
{
	struct broker_config *config;
	char why[512] = "";
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(load(config, "# a comment\n\n  ! another\nnum.partitions=3\n  log.retention.hours =  24  \r\nlisteners=PLAINTEXT://a:1\nlog.dirs=/x=y",
			  why, sizeof why), 0, "%s", why);
	cr_assert_eq(broker_config_int(config, "num.partitions"), 3);
	cr_assert_eq(broker_config_int(config, "log.retention.hours"), 24);
	cr_assert_str_eq(broker_config_value(config, "listeners"), "PLAINTEXT://a:1");
	cr_assert_str_eq(broker_config_value(config, "log.dirs"), "/x=y");
	broker_config_destroy(config);
}

/* A mistake in a file is named with its line. */
Test(config, file_errors)
{
	struct broker_config *config;
	char why[512] = "";
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(load(config, "# one\nnum.partitons=3\n", why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_not_null(strstr(why, ":2: unknown key num.partitons; did you mean num.partitions?"), "%s", why);
	cr_assert_eq(load(config, "just words\n", why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_not_null(strstr(why, ":1: 'just words' is not of the form key = value"), "%s", why);
	cr_assert_eq(broker_config_load(config, "/nonexistent/spate.properties", why, sizeof why), -ENOENT);
	cr_assert_not_null(strstr(why, "/nonexistent/spate.properties: No such file"), "%s", why);
	broker_config_destroy(config);
}

/* A directory is refused, and a FIFO that nobody writes into: by name, and soon. */
Test(config, file_that_nobody_writes, .timeout = 20)
{
	struct broker_config *config;
	char why[512] = "", dir[] = "/tmp/spate-test-config-XXXXXX", path[64];
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_not_null(mkdtemp(dir));
	cr_expect_eq(broker_config_load(config, dir, why, sizeof why), -EISDIR, "%s", why);
	cr_expect_not_null(strstr(why, dir), "%s", why);
	snprintf(path, sizeof path, "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(broker_config_load(config, path, why, sizeof why), ERR_NOT_A_FILE);
	cr_expect_not_null(strstr(why, path), "%s", why);
	cr_expect_not_null(strstr(why, "FIFO"), "%s", why);
	unlink(path);
	rmdir(dir);
	broker_config_destroy(config);
}

/* What a shell hands over as <(command) is a FIFO as well, and may take its time. */
Test(config, file_that_a_command_writes, .timeout = 20)
{
	struct broker_config *config;
	char why[512] = "", path[64];
	int ends[2];
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(pipe(ends), 0);
	pid_t writer = fork();
	cr_assert_geq(writer, 0);
	if (!writer) {
		close(ends[0]);
		usleep(CONFIG_WRITER_WAIT_MS * 1000 + 300000);
		_exit(write(ends[1], "num.partitions=", 15) != 15 || usleep(100000) || write(ends[1], "7\n", 2) != 2);
	}
	close(ends[1]);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	cr_expect_eq(broker_config_load(config, path, why, sizeof why), 0, "%s", why);
	cr_expect_eq(broker_config_int(config, "num.partitions"), 7);
	close(ends[0]);
	cr_assert_eq(waitpid(writer, NULL, 0), writer);
	broker_config_destroy(config);
}

/* All mistakes of a file are told, each with its line, up to a number; a zero byte is one, and does not cut its line short. */
Test(config, file_errors_all)
{
	struct broker_config *config;
	char why[4096] = "", path[] = "/tmp/spate-config-XXXXXX", text[4096] = "";
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(load(config, "num.partitons=3\nnum.partitions=4\n\nlog.retention.ms=soon\nwords\n", why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_not_null(strstr(why, ":1: unknown key num.partitons"), "%s", why);
	cr_assert_not_null(strstr(why, "\n"), "%s", why);
	cr_assert_not_null(strstr(why, ":4: Invalid value soon"), "%s", why);
	cr_assert_not_null(strstr(why, ":5: 'words'"), "%s", why);
	cr_assert_null(strstr(why, ":2:"), "%s", why);
	for (int i = 0; i < 100; i++)
		strcat(text, "x\n");
	cr_assert_eq(load(config, text, why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_not_null(strstr(why, ": and 80 more"), "%s", why);
	cr_assert_eq(load(config, text, why, 100), ERR_INVALID_CONFIG);
	cr_assert_lt(strlen(why), 100);
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, "num.partitions=1\0000\n", 20) == 20);
	close(fd);
	cr_assert_eq(broker_config_load(config, path, why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_not_null(strstr(why, ":1: there is a zero byte"), "%s", why);
	unlink(path);
	broker_config_destroy(config);
}

/* A key twice with two values is a mistake, named with both lines; twice the same is not, nor is a value that was set before the file was read. */
Test(config, file_with_a_key_twice)
{
	struct broker_config *config;
	char why[512] = "";
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(broker_config_set(config, "num.partitions", "9", why, sizeof why), 0);
	cr_assert_eq(load(config, "num.partitions=3\n# num.partitions=4\nlog.retention.ms = 5\nnum.partitions = 3 \n", why, sizeof why), 0, "%s", why);
	cr_assert_eq(load(config, "num.partitions=3\n\nnum.partitions=4\n", why, sizeof why), ERR_INVALID_CONFIG);
	cr_assert_eq(load(config, "node.id=x\nnode.id=2\n", why + 256, sizeof why - 256), ERR_INVALID_CONFIG);
	cr_assert_null(strstr(why + 256, ":2:"), "%s", why + 256);
	cr_assert_not_null(strstr(why, ":3: num.partitions is set to '4' here and to '3' in line 1; remove one of the two"), "%s", why);
	broker_config_destroy(config);
}

/* The properties file that Kafka ships is accepted as it is, but for its data directory. */
Test(config, stock_server_properties)
{
	struct broker_config *config;
	char why[512] = "";
	cr_assert_eq(broker_config_create(&config), 0);
	cr_assert_eq(load(config,
			  "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n"
			  "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n"
			  "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n"
			  "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n"
			  "num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\nsocket.receive.buffer.bytes=102400\n"
			  "socket.request.max.bytes=104857600\nlog.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\nnum.recovery.threads.per.data.dir=2\n"
			  "offsets.topic.replication.factor=1\nshare.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n"
			  "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nlog.retention.hours=168\n"
			  "log.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n", why, sizeof why), 0, "%s", why);
	broker_config_destroy(config);
}

/* ---- topics ---------------------------------------------------------------------------------------------------- */

/* With nothing set a topic runs with Kafka's defaults. */
Test(config, topic_defaults)
{
	struct broker_config *config;
	struct topic_config topic;
	cr_assert_eq(broker_config_create(&config), 0);
	topic_config_resolve(&topic, config);
	cr_assert(topic.is_deleted && !topic.is_compacted);
	cr_assert_eq(topic.codec, -1);
	cr_assert_eq(topic.gzip_level, -1);
	cr_assert_eq(topic.lz4_level, 9);
	cr_assert_eq(topic.zstd_level, 3);
	cr_assert_eq(topic.max_message_bytes, 1048588);
	cr_assert_eq(topic.segment_bytes, 1 << 30);
	cr_assert_eq(topic.segment_ms, 604800000);
	cr_assert_eq(topic.segment_jitter_ms, 0);
	cr_assert_eq(topic.segment_index_bytes, 10 << 20);
	cr_assert_eq(topic.index_interval_bytes, 4096);
	cr_assert_eq(topic.retention_ms, 604800000);
	cr_assert_eq(topic.retention_bytes, -1);
	cr_assert_eq(topic.file_delete_delay_ms, 60000);
	cr_assert_eq(topic.timestamp_type, TIMESTAMP_CREATE);
	cr_assert_eq(topic.timestamp_before_max_ms, INT64_MAX);
	cr_assert_eq(topic.timestamp_after_max_ms, 3600000);
	cr_assert_eq(topic.min_insync_replicas, 1);
	broker_config_destroy(config);
}

/* Every codec resolves to its number in the record format. */
Test(config, topic_codecs)
{
	static const struct {
		const char *name;
		int8_t codec;
	} codecs[] = {{"producer", -1}, {"uncompressed", 0}, {"gzip", 1}, {"snappy", 2}, {"lz4", 3}, {"zstd", 4}};
	struct broker_config *config;
	cr_assert_eq(broker_config_create(&config), 0);
	for (size_t i = 0; i < COUNT_OF(codecs); i++) {
		struct topic_config topic;
		struct config_override override = {"compression.type", (char *)codecs[i].name};
		topic_config_resolve(&topic, config);
		topic_config_override(&topic, &override, 1);
		cr_assert_eq(topic.codec, codecs[i].codec, "%s", codecs[i].name);
	}
	broker_config_destroy(config);
}

/* Hours give way to minutes, minutes to milliseconds, all to the topic's own value; a negative number means no limit in any unit. */
Test(config, topic_resolution_order)
{
	struct broker_config *config;
	struct topic_config topic;
	struct config_override own = {"retention.ms", " 5 "};
	cr_assert_eq(broker_config_create(&config), 0);
	set(config, "log.retention.hours", "2");
	topic_config_resolve(&topic, config);
	cr_assert_eq(topic.retention_ms, 2 * 3600000);
	set(config, "log.retention.hours", "-1");
	topic_config_resolve(&topic, config);
	cr_assert_eq(topic.retention_ms, -1);
	set(config, "log.retention.minutes", "3");
	topic_config_resolve(&topic, config);
	cr_assert_eq(topic.retention_ms, 3 * 60000);
	set(config, "log.retention.ms", "4");
	topic_config_resolve(&topic, config);
	cr_assert_eq(topic.retention_ms, 4);
	topic_config_resolve(&topic, config);
	topic_config_override(&topic, &own, 1);
	cr_assert_eq(topic.retention_ms, 5);

	set(config, "log.roll.hours", "1");
	topic_config_resolve(&topic, config);
	cr_assert_eq(topic.segment_ms, 3600000);
	set(config, "log.roll.ms", "77");
	set(config, "log.cleanup.policy", "compact, delete");
	topic_config_resolve(&topic, config);
	cr_assert_eq(topic.segment_ms, 77);
	cr_assert(topic.is_compacted && topic.is_deleted);
	broker_config_destroy(config);
}

/* A value says where it comes from, as DescribeConfigs must. */
Test(config, topic_value_source)
{
	struct broker_config *config;
	struct config_value value;
	const struct config_key *key = config_topic_key(slice_of("retention.ms"));
	cr_assert_eq(broker_config_create(&config), 0);
	topic_config_value(&value, key, config, NULL, 0);
	cr_assert_str_eq(value.text, "604800000");
	cr_assert_eq(value.source, CONFIG_SOURCE_DEFAULT);
	set(config, "log.retention.minutes", "1");
	topic_config_value(&value, key, config, NULL, 0);
	cr_assert_str_eq(value.text, "60000");
	cr_assert_eq(value.source, CONFIG_SOURCE_BROKER);
	cr_assert_str_eq(value.broker_name, "log.retention.minutes");
	struct config_override own = {"retention.ms", "9"};
	topic_config_value(&value, key, config, &own, 1);
	cr_assert_str_eq(value.text, "9");
	cr_assert_eq(value.source, CONFIG_SOURCE_TOPIC);
	broker_config_destroy(config);
}
