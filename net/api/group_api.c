/* What the group APIs have in common but their types. */
#include "net/api/group_api.h"

#include "net/api/feature.h"
#include "net/api/refusal.h"

/* The frame of a smaller one is not worth a message between shards. */
#define FRAME_TO_LET_GO_MIN (16u << 10)

/* Why a group's coordinator is not even asked. */
static enum kerr refuse_at_once(const struct request *request, int traits, struct slice group_id)
{
	if ((traits & GROUP_NEEDS_VERSION_1) && feature_level(request->shard->image, feature_group_version) < 1)
		return KERR_UNSUPPORTED_VERSION;
	return (traits & GROUP_ID_REQUIRED) && group_id.size == 0 ? KERR_INVALID_GROUP_ID : KERR_NONE;
}

static void cancel(struct request *request)
{
	group_task_cancel(request->state);
}

enum step group_api_start(struct request *request, int traits, struct slice group_id, step_fn *answer)
{
	struct group_task *task = request->state;
	task->is_reader = traits & GROUP_READS;
	task->lets_go = (traits & GROUP_WAITS) && request->size_bytes >= FRAME_TO_LET_GO_MIN;
	task->error = refuse_at_once(request, traits, group_id);
	if (task->error)
		return answer(request);
	request_count(request, group_task_submit(task));
	if (traits & GROUP_WAITS)
		request->cancel = cancel;
	return request_join(request, answer);
}

struct group_entry *group_entries_submit(struct request *request, int traits, const struct slice *group_ids, uint32_t count, void *api,
					 void (*run)(struct group_task *task, struct coordinator *coordinator, struct group_clock clock))
{
	struct group_entry *entries = request_alloc_array(request, count, sizeof *entries);
	for (uint32_t i = 0; entries && i < count; i++) {
		struct group_entry *entry = &entries[i];
		*entry = (struct group_entry){.api = api, .index = i};
		group_task_init(&entry->task, request, group_ids[i]);
		entry->task.run = run;
		entry->task.is_reader = traits & GROUP_READS;
		entry->task.error = refuse_at_once(request, traits, group_ids[i]);
		if (!entry->task.error)
			request_count(request, group_task_submit(&entry->task));
	}
	return entries;
}

bool group_ids_once(struct request *request, struct slice *group_ids, uint32_t *count)
{
	struct repeats repeats;
	uint32_t kept = 0;
	if (!find_repeats(request, group_ids, *count, &repeats))
		return false;
	for (uint32_t i = 0; i < *count; i++)
		if (repeats.is_first[i])
			group_ids[kept++] = group_ids[i];
	*count = kept;
	return true;
}

void group_entries_free(struct group_entry *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		group_task_free(&entries[i].task);
}
