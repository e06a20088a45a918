/* Coordinators are loaded after a start, though nobody calls them: what has run out meanwhile goes. */
#include "tests/unit/net/route/group_calls.h"

#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "log/batch/batch.h"
#include "log/repair/repair.h"

#define GROUPS 20
#define PARTITIONS 8

/* A commit of nobody's, for `retention_ms`. */
static void commit(struct client *client, const char *group, int64_t retention_ms)
{
	struct kmsg_offset_commit_partition partition;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_response out;
	kmsg_offset_commit_partition_init(&partition);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_request_init(&in);
	partition.committed_offset = 1;
	topic.name = slice_from("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = slice_from(group);
	in.topics.items = &topic;
	in.topics.count = 1;
	in.retention_time_ms = retention_ms;
	client_call(client, "offset_commit", 2, &in, &out);
	cr_assert_eq(out.topics.items[0].partitions.items[0].error_code, 0);
}

static int64_t records_written(struct client *client)
{
	int64_t sum = 0;
	for (uint32_t i = 0; i < PARTITIONS; i++)
		sum += list_offset(client, i, -1);
	return sum;
}

static void start_with(struct broker *broker, const char *key, const char *value)
{
	char why[512];
	cr_assert_eq(broker_config_set(broker->config, key, value, why, sizeof why), 0, "%s", why);
	cr_assert_eq(broker_try_start(broker, why, sizeof why), 0, "%s", why);
}

static void restart_with(struct broker *broker, const char *key, const char *value)
{
	broker_stop(broker);
	start_with(broker, key, value);
}

/* One bit in the records of the n-th batch of the groups' only partition. */
static void rot_group_log(const struct broker *broker, uint32_t ordinal)
{
	char path[128];
	static uint8_t bytes[1 << 16];
	struct batch batch;
	snprintf(path, sizeof path, "%s/" GROUP_TOPIC "-0/00000000000000000000.log", broker->dir);
	FILE *file = fopen(path, "r+");
	cr_assert_not_null(file);
	size_t size = fread(bytes, 1, sizeof bytes, file), at = 0;
	for (uint32_t i = 0; i < ordinal; i++, at += batch.size_bytes)
		cr_assert_eq(batch_parse_checked((struct slice){bytes + at, size - at}, &batch), 0);
	fseek(file, (long)at + BATCH_HEADER_SIZE + 5, SEEK_SET);
	fputc(bytes[at + BATCH_HEADER_SIZE + 5] ^ 1, file);
	fclose(file);
}

/* A rotten batch in a log of groups: their calls are refused, as a group would go back without a word; once that is accepted, only what was in the batch is lost,
 * and the next start has nothing to accept. (Nothing was a way out: one flipped bit cost all groups of the partition, for good.) */
Test(group_load, damage_is_passed_over_when_that_is_accepted, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "1", NULL};
	struct broker broker;
	struct client client;
	char group[32];
	broker_start(&broker, 1, settings);
	client_open(&client, &broker);
	cr_assert_eq(find_coordinator(&client, "any"), 0);
	make_topic(&client, "t", 1);
	for (int i = 0; i < GROUPS; i++) {
		snprintf(group, sizeof group, "group-%d", i);
		commit(&client, group, 3600 * 1000);
	}
	client_close(&client);
	broker_stop(&broker);
	rot_group_log(&broker, 7);
	start_with(&broker, "spate.accept.loss", "false");
	client_open(&client, &broker);
	cr_expect_eq(group_committed(&client, "group-3"), -1000 - KERR_COORDINATOR_NOT_AVAILABLE);
	client_close(&client);
	for (int life = 0; life < 2; life++) {
		restart_with(&broker, "spate.accept.loss", life == 0 ? "true" : "false");
		client_open(&client, &broker);
		for (int i = 0; i < GROUPS; i++) {
			snprintf(group, sizeof group, "group-%d", i);
			cr_expect_eq(group_committed(&client, group), i == 7 ? -1 : 1, "life %d, %s", life, group);
		}
		for (int i = 0; i < 500 && list_offset(&client, 0, -2) == 0; i++)
			usleep(10000);
		cr_expect_geq(list_offset(&client, 0, -2), GROUPS, "the damage has gone, behind a snapshot");
		client_close(&client);
	}
	broker_end(&broker);
}

/* So many lines of the broker's log have the words. */
static int count_lines(const char *path, const char *words)
{
	char line[4096];
	int count = 0;
	FILE *file = fopen(path, "r");
	cr_assert_not_null(file);
	while (fgets(line, sizeof line, file))
		count += strstr(line, words) != NULL;
	fclose(file);
	return count;
}

/* Each call tries anew, and fails as the one before: that is said once. (On a dead disk it was ten lines a second, for ever.) */
Test(group_load, what_fails_again_is_said_once, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "1", NULL};
	struct broker broker;
	struct client client;
	char path[] = "/tmp/spate-lines-XXXXXX";
	broker_start(&broker, 1, settings);
	client_open(&client, &broker);
	cr_assert_eq(find_coordinator(&client, "any"), 0);
	make_topic(&client, "t", 1);
	for (int i = 0; i < 3; i++)
		commit(&client, "group", 3600 * 1000);
	client_close(&client);
	broker_stop(&broker);
	rot_group_log(&broker, 1);
	int log = mkstemp(path), kept = dup(STDERR_FILENO);
	cr_assert(log >= 0 && dup2(log, STDERR_FILENO) == STDERR_FILENO);
	start_with(&broker, "spate.accept.loss", "false");
	client_open(&client, &broker);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(group_committed(&client, "group"), -1000 - KERR_COORDINATOR_NOT_AVAILABLE);
	client_close(&client);
	broker_end(&broker);
	dup2(kept, STDERR_FILENO);
	cr_expect_eq(count_lines(path, "cannot be loaded"), 1);
	close(log);
	close(kept);
	unlink(path);
}

static void remove_file(const struct broker *broker, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", broker->dir, name);
	cr_assert_eq(unlink(path), 0, "%s", path);
}

static void repair(const struct broker *broker)
{
	struct io *io;
	struct io_options io_options = {.backend = IO_SYSCALLS};
	struct repair_options options = {.dir = broker->dir, .config = broker->config, .is_loss_accepted = true};
	struct repair_report report;
	cr_assert_eq(io_open(&io, &io_options), 0);
	cr_assert_eq(repair_directory(io, &options, &report), 0, "%s", report.why);
	io_close(io);
}

/* Beside a journal that is lost and given up, each log has room left behind its end, fenced: that loss was accepted once, and is no reason to refuse the groups. */
Test(group_load, room_beside_a_lost_journal_is_passed_over, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "1", NULL};
	struct broker broker;
	struct client client;
	broker_start(&broker, 1, settings);
	client_open(&client, &broker);
	cr_assert_eq(find_coordinator(&client, "any"), 0);
	make_topic(&client, "t", 1);
	commit(&client, "group", 3600 * 1000);
	client_close(&client);
	broker_stop(&broker);
	remove_file(&broker, "journal-0");
	remove_file(&broker, "checkpoint-0");
	remove_file(&broker, "checkpoint-0.copy");
	repair(&broker);
	start_with(&broker, "spate.accept.loss", "false");
	client_open(&client, &broker);
	cr_expect_eq(group_committed(&client, "group"), 1);
	cr_expect_geq(list_offset(&client, 0, -1), STORE_ROOM_OFFSETS);
	commit(&client, "another", 3600 * 1000);
	cr_expect_eq(group_committed(&client, "another"), 1);
	client_close(&client);
	broker_end(&broker);
}

/* Offsets that run out while the broker is down, or after it, are taken out of the log: one tombstone for each. Those that are kept stay. */
Test(group_load, offsets_expire_without_a_call, .timeout = 60)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "8", NULL};
	for (uint32_t shards = 1; shards <= 2; shards++) {
		struct broker broker;
		struct client client;
		char group[32];
		broker_start(&broker, shards, settings);
		client_open(&client, &broker);
		cr_assert_eq(find_coordinator(&client, "any"), 0);
		make_topic(&client, "t", 1);
		for (int i = 0; i < GROUPS; i++) {
			snprintf(group, sizeof group, "group-%d", i);
			commit(&client, group, i % 2 ? 300 : 3600 * 1000);
		}
		cr_assert_eq(records_written(&client), GROUPS);
		client_close(&client);
		restart_with(&broker, "offsets.retention.check.interval.ms", "50");
		client_open(&client, &broker);
		for (int i = 0; i < 500 && records_written(&client) < GROUPS + GROUPS / 2; i++)
			usleep(10000);
		usleep(200000);
		cr_expect_eq(records_written(&client), GROUPS + GROUPS / 2, "%lld", (long long)records_written(&client));
		client_close(&client);
		broker_end(&broker);
	}
}
