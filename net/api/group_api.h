/* The shape of the APIs that ask coordinators: decode, a task to each group's coordinator, encode. An API of
 * this shape is a line of GROUP_API or GROUPS_API in its file, and how its answer says that a coordinator
 * cannot be reached.
 *
 * Owner: the request. Its frame stays until the answer is written, because answers may point into it; a call
 * that waits for other members gives a large one back as soon as the coordinator has seen it (see
 * net/group/coordinator.h: what such a call answers is its own). */
#pragma once

#include "net/api/handlers.h"
#include "net/route/group_host.h"

/* ---- one group ---------------------------------------------------------------------------------------------------------- */

enum group_api_traits {
	GROUP_ID_REQUIRED = 1,         /* an empty one is INVALID_GROUP_ID */
	GROUP_WAITS = 2,               /* for other members: ends when its client goes, and lets go of a large frame */
	GROUP_READS = 4,               /* see group_task.is_reader */
	GROUPS_ONCE = 8,               /* of several groups: one that is named twice is answered once */
	GROUP_NEEDS_VERSION_1 = 16,    /* UNSUPPORTED_VERSION while the feature group.version is at 0 */
};

/* Submits the task, which is the first member of request->state, and joins it. */
enum step group_api_start(struct request *request, int traits, struct slice group_id, step_fn *answer);

/* Defines struct name_api, with `in` and `out`, and name_handle. `fail` fills `out`, which is initialised, with
 * an error in place of what a coordinator would have answered; false: no memory. With GROUP_WAITS, it must not
 * look at `in`, but for INVALID_GROUP_ID. */
#define GROUP_API(name, traits, fail)                                                                                          \
	static void run(struct group_task *task, struct coordinator *coordinator, struct group_clock clock)                    \
	{                                                                                                                      \
		struct name##_api *api = CONTAINER_OF(task, struct name##_api, task);                                          \
		coordinator_##name(coordinator, clock, &task->call, &api->in, &api->out);                                      \
	}                                                                                                                      \
	static enum step answer(struct request *request)                                                                       \
	{                                                                                                                      \
		struct name##_api *api = request->state;                                                                       \
		bool is_filled = true;                                                                                         \
		if (api->task.error) {                                                                                         \
			kmsg_##name##_response_init(&api->out);                                                                \
			is_filled = fail(request, api, api->task.error);                                                       \
		}                                                                                                              \
		enum step step = is_filled ? REQUEST_ANSWER(request, name, &api->out) : request_reject(request, NULL);         \
		group_task_free(&api->task);                                                                                   \
		return step;                                                                                                   \
	}                                                                                                                      \
	enum step name##_handle(struct request *request)                                                                       \
	{                                                                                                                      \
		struct name##_api *api = request_alloc(request, sizeof *api);                                                  \
		if (!api || kmsg_##name##_request_decode(&request->body, &request->arena, request->version, &api->in))         \
			return request_reject(request, NULL);                                                                  \
		request->state = api;                                                                                          \
		group_task_init(&api->task, request, api->in.group_id);                                                        \
		api->task.run = run;                                                                                           \
		return group_api_start(request, traits, api->in.group_id, answer);                                             \
	}

/* What GROUP_API works on; before `fail`. */
#define GROUP_API_STATE(name)                                                                                                  \
	struct name##_api {                                                                                                    \
		struct group_task task;                                                                                        \
		struct kmsg_##name##_request in;                                                                               \
		struct kmsg_##name##_response out;                                                                             \
	}

/* ---- several groups in a request ------------------------------------------------------------------------------------------ */

struct group_entry {
	struct group_task task;
	void *api;
	uint32_t index;                /* in the request and in its answer */
};

/* An entry for each of `group_ids`: `run` finds its place with CONTAINER_OF(task, struct group_entry, task).
 * Those that are not allowed to be empty and are have INVALID_GROUP_ID as their task's error. NULL: no memory. */
struct group_entry *group_entries_submit(struct request *request, int traits, const struct slice *group_ids, uint32_t count, void *api,
					 void (*run)(struct group_task *task, struct coordinator *coordinator, struct group_clock clock));
/* Leaves the first of each. False: no memory. */
MUST_USE bool group_ids_once(struct request *request, struct slice *group_ids, uint32_t *count);
/* Gives the answers' memory back; the answer has been written. */
void group_entries_free(struct group_entry *entries, uint32_t count);

/* Defines name_handle for an API that asks the same of a list of groups: `ids` is the request's list, `results`
 * the answer's, of `struct kmsg_item`, which has group_id and error_code; `verb` the coordinator's; `authorize`
 * fills in what the caller may do with a group that was found. */
#define GROUPS_API(name, traits, ids, results, item, verb, authorize)                                                          \
	struct name##_api {                                                                                                    \
		struct kmsg_##name##_request in;                                                                               \
		struct kmsg_##name##_response out;                                                                             \
		struct group_entry *entries;                                                                                   \
	};                                                                                                                     \
	static void run(struct group_task *task, struct coordinator *coordinator, struct group_clock clock)                    \
	{                                                                                                                      \
		const struct group_entry *entry = CONTAINER_OF(task, struct group_entry, task);                                \
		struct name##_api *api = entry->api;                                                                           \
		verb(coordinator, clock, &task->call, api->in.ids.items[entry->index], &api->out.results.items[entry->index]); \
	}                                                                                                                      \
	static void finish(const struct name##_api *api, int32_t index)                                                        \
	{                                                                                                                      \
		struct kmsg_##item *out = &api->out.results.items[index];                                                      \
		enum kerr error = api->entries[index].task.error;                                                              \
		if (error) {                                                                                                   \
			kmsg_##item##_init(out);                                                                               \
			out->group_id = api->in.ids.items[index];                                                              \
			out->error_code = (int16_t)error;                                                                      \
		}                                                                                                              \
		if (!out->error_code)                                                                                          \
			authorize(&api->in, out);                                                                              \
	}                                                                                                                      \
	static enum step answer(struct request *request)                                                                       \
	{                                                                                                                      \
		struct name##_api *api = request->state;                                                                       \
		for (int32_t i = 0; i < api->out.results.count; i++)                                                           \
			finish(api, i);                                                                                        \
		enum step step = REQUEST_ANSWER(request, name, &api->out);                                                     \
		group_entries_free(api->entries, (uint32_t)api->out.results.count);                                            \
		return step;                                                                                                   \
	}                                                                                                                      \
	enum step name##_handle(struct request *request)                                                                       \
	{                                                                                                                      \
		struct name##_api *api = request_alloc(request, sizeof *api);                                                  \
		if (!api || kmsg_##name##_request_decode(&request->body, &request->arena, request->version, &api->in))         \
			return request_reject(request, NULL);                                                                  \
		request->state = api;                                                                                          \
		kmsg_##name##_response_init(&api->out);                                                                        \
		uint32_t count = (uint32_t)api->in.ids.count;                                                                  \
		if (((traits) & GROUPS_ONCE) && !group_ids_once(request, api->in.ids.items, &count))                             \
			return request_reject(request, NULL);                                                                  \
		api->out.results.items = request_alloc_array(request, count, sizeof *api->out.results.items);                  \
		if (!api->out.results.items)                                                                                   \
			return request_reject(request, NULL);                                                                  \
		api->out.results.count = (int32_t)count;                                                                       \
		api->entries = group_entries_submit(request, traits, api->in.ids.items, count, api, run);                      \
		return api->entries ? request_join(request, answer) : request_reject(request, NULL);                           \
	}

/* Bits of the operations allowed on a group when a client asks; nobody is denied anything yet. */
#define GROUP_OPERATIONS_ALL 3400
