/* AlterReplicaLogDirs: there is one data directory, so a partition can only stay where it is, which is
 * granted. Failure modes, for each partition: another directory, an unknown partition. */
#include "kmsg_alter_replica_log_dirs.h"
#include "net/api/handlers.h"

#include <limits.h>
#include <stdlib.h>

/* Is it this broker's directory, with any number of slashes behind it? */
static bool is_own_dir(const struct request *request, struct slice path)
{
	char own[PATH_MAX];
	while (path.size > 1 && path.data[path.size - 1] == '/')
		path.size--;
	return realpath(request->shard->facts->dir, own) && slice_equal(path, slice_from(own));
}

static bool judge_topic(struct request *request, bool is_own, const struct kmsg_alter_replica_log_dirs_topic *in,
			struct kmsg_alter_replica_log_dirs_topic_result *out)
{
	const struct topic *topic = request_topic_by_name(request, in->name);
	out->topic_name = in->name;
	out->partitions.count = in->partitions.count;
	out->partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *out->partitions.items);
	for (int32_t p = 0; out->partitions.items && p < in->partitions.count; p++) {
		int32_t index = in->partitions.items[p];
		bool is_known = topic && index >= 0 && (uint32_t)index < topic->partition_count;
		enum kerr error = !is_own ? KERR_LOG_DIR_NOT_FOUND : is_known ? KERR_NONE : KERR_UNKNOWN_TOPIC_OR_PARTITION;
		out->partitions.items[p] = (struct kmsg_alter_replica_log_dirs_partition_result){index, (int16_t)error};
	}
	return out->partitions.items != NULL;
}

enum step alter_replica_log_dirs_handle(struct request *request)
{
	struct kmsg_alter_replica_log_dirs_request in;
	struct kmsg_alter_replica_log_dirs_response out;
	size_t count = 0;
	if (kmsg_alter_replica_log_dirs_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_alter_replica_log_dirs_response_init(&out);
	for (int32_t d = 0; d < in.dirs.count; d++)
		count += (size_t)in.dirs.items[d].topics.count;
	out.results.items = request_alloc_array(request, count, sizeof *out.results.items);
	if (!out.results.items)
		return request_reject(request, NULL);
	for (int32_t d = 0; d < in.dirs.count; d++) {
		const struct kmsg_alter_replica_log_dirs_dir *dir = &in.dirs.items[d];
		bool is_own = is_own_dir(request, dir->path);
		for (int32_t t = 0; t < dir->topics.count; t++)
			if (!judge_topic(request, is_own, &dir->topics.items[t], &out.results.items[out.results.count++]))
				return request_reject(request, NULL);
	}
	return REQUEST_ANSWER(request, alter_replica_log_dirs, &out);
}
