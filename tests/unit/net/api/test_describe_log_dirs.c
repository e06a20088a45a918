/* DescribeLogDirs against a broker. */
#include "admin_fixture.h"

#include "kmsg_describe_log_dirs.h"
#include <limits.h>

/* `topic` NULL: all there are. */
static struct kmsg_describe_log_dirs_result describe(struct client *client, int version, const char *topic, const int32_t *partitions, int count)
{
	struct kmsg_describe_log_dirs_topic asked = {.topic = slice_from(topic), .partitions = {(int32_t *)partitions, count}};
	struct kmsg_describe_log_dirs_request in;
	struct kmsg_describe_log_dirs_response out;
	kmsg_describe_log_dirs_request_init(&in);
	in.topics.items = &asked;
	in.topics.count = topic ? 1 : -1;
	client_call(client, "describe_log_dirs", version, &in, &out);
	cr_assert_eq(out.error_code, 0);
	cr_assert_eq(out.results.count, 1);
	cr_assert_eq(out.results.items[0].error_code, 0);
	return out.results.items[0];
}

/* The directory by its absolute path, the bytes of what was produced, and, from version 4, the volume. */
Test(describe_log_dirs, sizes_in_every_version)
{
	static const int32_t both[] = {0, 1};
	char path[PATH_MAX];
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 2, NULL);
	uint8_t memory[4096];
	size_t batch_size = make_batch(memory, sizeof memory, 10, 20).size;
	produce_tens(&admin.client, "t", 3);
	cr_assert_not_null(realpath(admin.broker.dir, path));
	for (int version = 1; version <= 5; version++) {
		struct kmsg_describe_log_dirs_result dir = describe(&admin.other, version, "t", both, 2);
		cr_expect_str_eq(text_of(dir.log_dir), path);
		cr_assert_eq(dir.topics.count, 1);
		cr_assert_eq(dir.topics.items[0].partitions.count, 2);
		const struct kmsg_describe_log_dirs_partition *partitions = dir.topics.items[0].partitions.items;
		cr_expect_eq(partitions[0].partition_size, (int64_t)(3 * batch_size), "version %d: %lld", version, (long long)partitions[0].partition_size);
		cr_expect_eq(partitions[1].partition_size, 0);
		cr_expect(partitions[0].offset_lag == 0 && !partitions[0].is_future_key && !dir.is_cordoned);
		if (version < 4)
			cr_expect(dir.total_bytes == -1 && dir.usable_bytes == -1);
		else
			cr_expect(dir.usable_bytes > 0 && dir.total_bytes > dir.usable_bytes);
	}
	admin_close(&admin);
}

/* Who asks for all gets all, more than one round of queries has; what is not there is left out. */
Test(describe_log_dirs, all_and_none)
{
	static const int32_t some[] = {0, 7, -1, INT32_MAX, 1};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "large", 2500, NULL);
	create_topic(&admin.client, "small", 2, NULL);
	struct kmsg_describe_log_dirs_result dir = describe(&admin.client, 4, NULL, NULL, 0);
	cr_assert_eq(dir.topics.count, 2);
	cr_expect_eq(dir.topics.items[0].partitions.count, 2500);
	cr_expect_eq(dir.topics.items[1].partitions.count, 2);
	for (int32_t p = 0; p < 2500; p++)
		cr_expect_eq(dir.topics.items[0].partitions.items[p].partition_index, p);
	dir = describe(&admin.client, 4, "small", some, 5);
	cr_assert_eq(dir.topics.count, 1);
	cr_expect_eq(dir.topics.items[0].partitions.count, 2);
	cr_expect_eq(describe(&admin.client, 4, "nope", some, 5).topics.count, 0);
	cr_expect_eq(describe(&admin.client, 4, "small", some, 0).topics.count, 0);
	admin_close(&admin);
}
