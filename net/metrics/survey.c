/* Happy path: posted, taken by the shard in its next turn, filled in, and home by a semaphore, which takes no lock and whose cost is a system call only
 * while somebody waits.
 *
 * Failures: a shard that does not turn (or that has ended) leaves it out; the scraper gives up waiting and asks it nothing more. */
#include "net/metrics/survey.h"

#include <errno.h>
#include <time.h>

#include "log/base/check.h"
#include "net/route/group_host.h"
#include "net/route/shard_state.h"

/* ---- the scraper -------------------------------------------------------------------------------------------------------------- */

void survey_init(struct survey *survey)
{
	*survey = (struct survey){0};
	CHECK(sem_init(&survey->home, 0, 0) == 0);
}

void survey_fini(struct survey *survey)
{
	sem_destroy(&survey->home);
}

void survey_send(struct survey *survey, struct shard *shard)
{
	CHECK(!survey->is_out);
	survey->is_out = true;
	survey->message.kind = MESSAGE_SURVEY;
	if (mailbox_post(&shard->mailbox, &survey->message))
		io_wake(shard->io);
}

bool survey_wait(struct survey *survey, uint32_t wait_ms)
{
	struct timespec until;
	if (!survey->is_out)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	int result;
	do
		result = sem_clockwait(&survey->home, CLOCK_MONOTONIC, &until);
	while (result && errno == EINTR);
	survey->is_out = result != 0;
	return !survey->is_out;
}

/* ---- the shard ---------------------------------------------------------------------------------------------------------------- */

static void look_at_store(const struct shard *shard, struct store_sample *out)
{
	*out = (struct store_sample){
		.has_failed = store_has_failed(shard->store),
		.is_full = store_is_full(shard->store),
		.is_short = store_is_short(shard->store),
		.counters = store_counters(shard->store),
		.usage = store_usage(shard->store),
		.conn_count = shard->conn_count,
	};
}

/* Where only bounds are known, the earlier one: a lag is never told to be less than it is. */
static double age_of(struct partition *partition, int64_t offset)
{
	struct append_time_found found;
	partition_append_time(partition, offset, &found);
	if (found.offset < 0 || found.low_ms < 0)
		return -1;
	return found.now_ms > found.low_ms ? (double)(found.now_ms - found.low_ms) / 1e3 : 0;
}

/* A partition that nobody has used yet has no room in memory, and is not given any for being looked at: it is empty. */
static void look_at_partition(const struct shard *shard, struct partition_sample *out)
{
	struct partition *partition = store_look_at_partition(shard->store, &out->topic_id, out->index);
	out->damage = (struct damage_span){.first_offset = -1, .last_offset = -1};
	out->counters = (struct partition_counters){0};
	out->start_offset = out->end_offset = 0;
	out->size_bytes = 0;
	out->has_failed = false;
	out->age_seconds = -1;
	if (!partition)
		return;
	out->has_failed = partition_has_failed(partition);
	out->start_offset = partition_log_start_offset(partition);
	out->end_offset = partition_high_watermark(partition);
	out->size_bytes = partition_size_bytes(partition);
	out->counters = partition_counters(partition);
	out->damage = partition_damage_span(partition);
	if (out->committed >= 0)
		out->age_seconds = age_of(partition, out->committed);
}

static void look_at_partitions(const struct shard *shard, struct survey *survey)
{
	for (uint32_t i = 0; i < survey->partition_count; i++)
		if (survey->partitions[i].owner == shard->index)
			look_at_partition(shard, &survey->partitions[i]);
}

void survey_receive(struct shard *shard, struct message *message)
{
	struct survey *survey = CONTAINER_OF(message, struct survey, message);
	switch (survey->kind) {
	case SURVEY_STORE:
		look_at_store(shard, &survey->store);
		break;
	case SURVEY_PARTITIONS:
		look_at_partitions(shard, survey);
		break;
	case SURVEY_GROUPS:
		group_host_fill_page(shard->groups, survey->page);
		break;
	}
	sem_post(&survey->home);
}
