/* ListOffsets by way of rd_kafka_offsets_for_times, which sends what it is given as the time to look for: the protocol's -2 (earliest) and -1
 * (latest) pass through it, so that one request a leader answers for all partitions. */
#include "cli/partition_offsets.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/command.h"

#define TIME_EARLIEST (-2)
#define TIME_LATEST (-1)

/* `out[i]` is the offset for the i-th partition. */
static int ask(struct kafka_client *client, const char *topic, int64_t time_ms, struct partition_offsets *partitions, uint32_t count, int64_t *out)
{
	rd_kafka_topic_partition_list_t *list = kafka()->rd_kafka_topic_partition_list_new((int)count);
	for (uint32_t i = 0; i < count; i++)
		kafka()->rd_kafka_topic_partition_list_add(list, topic, partitions[i].partition)->offset = time_ms;
	rd_kafka_resp_err_t err = kafka()->rd_kafka_offsets_for_times(client->handle, list, KAFKA_TIMEOUT_MS);
	for (uint32_t i = 0; !err && i < count; i++) {
		out[i] = list->elems[i].offset;
		if (list->elems[i].err)
			partitions[i].err = list->elems[i].err;
	}
	kafka()->rd_kafka_topic_partition_list_destroy(list);
	if (!err)
		return STATUS_OK;
	complain("cannot ask for the offsets of '%s': %s", topic, kafka()->rd_kafka_err2str(err));
	return STATUS_FAILED;
}

int partition_offsets_ask(struct kafka_client *client, const char *topic, struct partition_offsets *partitions, uint32_t count)
{
	int64_t *offsets = calloc(count ? count : 1, sizeof *offsets);
	if (!offsets)
		return STATUS_FAILED;
	int status = ask(client, topic, TIME_EARLIEST, partitions, count, offsets);
	for (uint32_t i = 0; !status && i < count; i++)
		partitions[i].start = offsets[i];
	status = status ? status : ask(client, topic, TIME_LATEST, partitions, count, offsets);
	for (uint32_t i = 0; !status && i < count; i++)
		partitions[i].end = offsets[i];
	free(offsets);
	return status;
}

int partition_offsets_asked(struct kafka_client *client, const char *topic, const struct offset_point *point,
			    struct partition_offsets *partitions, uint32_t count, int64_t *offsets)
{
	int status = STATUS_OK;
	for (uint32_t i = 0; i < count; i++)
		offsets[i] = -1;
	if (point->kind == OFFSET_TIME)
		status = ask(client, topic, point->value, partitions, count, offsets);
	for (uint32_t i = 0; !status && i < count; i++)
		offsets[i] = offset_point_asked(point, partitions[i].start, partitions[i].end, offsets[i]);
	return status;
}

int partition_offsets_resolve(struct kafka_client *client, const char *topic, const struct offset_point *point,
			      struct partition_offsets *partitions, uint32_t count, int64_t *offsets)
{
	int status = partition_offsets_asked(client, topic, point, partitions, count, offsets);
	for (uint32_t i = 0; !status && i < count; i++)
		offsets[i] = partition_offsets_nearest(&partitions[i], offsets[i]);
	return status;
}

int offset_point_from_flag(struct offset_point *out, const char *flag, const char *text)
{
	char why[1024];
	if (offsets_parse_point(out, text, clock_now_ms(), why, sizeof why))
		return STATUS_OK;
	complain("%s %s", flag, why);
	return STATUS_USAGE;
}
