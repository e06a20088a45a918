/* Reads --partition. Failure modes: text that is no number, a partition that is not there: each names what there is. */
#include "cli/partition_choice.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/command.h"

static bool read_partition(const char *text, int partition_count, int32_t *out)
{
	char *end;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < 0 || number >= partition_count)
		return false;
	*out = (int32_t)number;
	return true;
}

static int mark_chosen(bool *is_chosen, const struct rd_kafka_metadata_topic *topic, const struct flag_list *chosen)
{
	for (uint32_t i = 0; i < chosen->count; i++) {
		int32_t partition;
		if (!read_partition(chosen->items[i], topic->partition_cnt, &partition)) {
			complain("topic '%s' has partitions 0 to %d; there is no partition %s", topic->topic, topic->partition_cnt - 1, chosen->items[i]);
			return STATUS_USAGE;
		}
		is_chosen[partition] = true;
	}
	return STATUS_OK;
}

int partition_choice_make(struct partition_choice *out, const struct rd_kafka_metadata_topic *topic, const struct flag_list *chosen)
{
	uint32_t count = (uint32_t)topic->partition_cnt;
	bool *is_chosen = calloc(count + 1, sizeof *is_chosen);
	*out = (struct partition_choice){.ids = calloc(count + 1, sizeof *out->ids)};
	int status = is_chosen && out->ids ? mark_chosen(is_chosen, topic, chosen) : STATUS_FAILED;
	for (uint32_t i = 0; !status && i < count; i++)
		if (chosen->count == 0 || is_chosen[i])
			out->ids[out->count++] = (int32_t)i;
	free(is_chosen);
	return status;
}

void partition_choice_free(struct partition_choice *choice)
{
	free(choice->ids);
	*choice = (struct partition_choice){0};
}
