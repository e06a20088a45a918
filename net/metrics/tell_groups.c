/* Consumer groups: how many in which state, their members, their offsets, and what is left for them to read. Page by page, as their coordinators have them;
 * for each page the owners of the partitions are asked where these end, and, for a bounded number of partitions with lag, since when the oldest record
 * that is left has been there.
 *
 * Failures: a topic that has gone leaves an offset without lag; a coordinator that is being loaded leaves its groups out, which is told. */
#include "net/metrics/scrape_priv.h"
#include "net/wire/cursor.h"

#define STATES_MAX 16u
/* Lags in seconds in one scrape, at most: each may be a read of the disk. */
#define AGES_MAX 1000u

struct groups {
	struct scraper *scraper;
	struct exposition *exposition;
	const struct catalog_image *image;
	struct {
		const char *type, *state;
		int64_t count;
	} states[STATES_MAX];
	uint32_t state_count, loading;
	uint64_t told, left_out, told_groups;
	uint32_t aged;
	/* Of the group and topic that are being summed up; of no group: empty. */
	struct labels sum_labels;
	int64_t offset_sum, lag_sum;
	int64_t lags[SURVEY_PARTITIONS_MAX]; /* of the entries at hand; -1: not known */
};

/* ---- sums ------------------------------------------------------------------------------------------------------------------------ */

static void end_sums(struct groups *groups)
{
	if (groups->sum_labels.size) {
		exposition_add(groups->exposition, FAMILY_GROUP_OFFSET_SUM, &groups->sum_labels, groups->offset_sum);
		exposition_add(groups->exposition, FAMILY_GROUP_LAG_SUM, &groups->sum_labels, groups->lag_sum);
	}
	labels_clear(&groups->sum_labels);
	groups->offset_sum = groups->lag_sum = 0;
}

static void sum_up(struct groups *groups, const struct group_entry *entry, int64_t lag)
{
	struct labels *labels = scrape__labels(groups->scraper);
	labels_add(labels, "consumergroup", entry->group);
	labels_add(labels, "topic", entry->topic);
	if (labels->size != groups->sum_labels.size || memcmp(labels->text, groups->sum_labels.text, labels->size) != 0) {
		end_sums(groups);
		groups->sum_labels = *labels;
	}
	groups->offset_sum += entry->committed;
	groups->lag_sum += lag > 0 ? lag : 0;
}

/* ---- groups ---------------------------------------------------------------------------------------------------------------------- */

static void count_state(struct groups *groups, const struct group_entry *entry)
{
	uint32_t i = 0;
	while (i < groups->state_count && (strcmp(groups->states[i].type, entry->type) != 0 || strcmp(groups->states[i].state, entry->state) != 0))
		i++;
	if (i == STATES_MAX)
		return;
	groups->states[i].type = entry->type;
	groups->states[i].state = entry->state;
	groups->states[i].count++;
	if (i == groups->state_count)
		groups->state_count++;
}

static void tell_group(struct groups *groups, const struct group_entry *entry)
{
	count_state(groups, entry);
	if (groups->told_groups == groups->scraper->source->partitions_max)
		return;
	groups->told_groups++;
	struct labels *labels = scrape__labels(groups->scraper);
	labels_add(labels, "consumergroup", entry->group);
	exposition_add(groups->exposition, FAMILY_GROUP_MEMBERS, labels, entry->member_count);
}

static void tell_states(struct groups *groups)
{
	for (uint32_t i = 0; i < groups->state_count; i++) {
		struct labels *labels = scrape__labels(groups->scraper);
		labels_add(labels, "type", slice_from(groups->states[i].type));
		labels_add(labels, "state", slice_from(groups->states[i].state));
		exposition_add(groups->exposition, FAMILY_GROUPS, labels, groups->states[i].count);
	}
	exposition_add(groups->exposition, FAMILY_GROUPS_LOADING, NULL, groups->loading);
	exposition_add(groups->exposition, FAMILY_GROUPS_LEFT_OUT, NULL, (int64_t)groups->left_out);
}

/* ---- offsets --------------------------------------------------------------------------------------------------------------------- */

static const struct topic *topic_of(const struct groups *groups, const struct group_entry *entry)
{
	const struct topic *topic = entry->topic.data ? catalog_topic_by_name(groups->image, entry->topic) : NULL;
	return topic && entry->partition >= 0 && (uint32_t)entry->partition < topic->partition_count ? topic : NULL;
}

static struct labels *labels_of(struct groups *groups, const struct group_entry *entry)
{
	struct labels *labels = scrape__labels(groups->scraper);
	labels_add(labels, "consumergroup", entry->group);
	labels_add(labels, "topic", entry->topic);
	labels_add_number(labels, "partition", entry->partition);
	return labels;
}

static bool tell_offset(struct groups *groups, const struct group_entry *entry, int64_t lag)
{
	sum_up(groups, entry, lag);
	if (groups->told == groups->scraper->source->partitions_max) {
		groups->left_out++;
		return false;
	}
	groups->told++;
	struct labels *labels = labels_of(groups, entry);
	exposition_add(groups->exposition, FAMILY_GROUP_OFFSET, labels, entry->committed);
	if (lag >= 0)
		exposition_add(groups->exposition, FAMILY_GROUP_LAG, labels, lag);
	if (lag == 0)
		exposition_add(groups->exposition, FAMILY_GROUP_LAG_SECONDS, labels, 0);
	return true;
}

/* What is there of the offsets between: deleted ones cannot be read any more. */
static int64_t lag_of(const struct partition_sample *sample, int64_t committed)
{
	int64_t from = committed > sample->start_offset ? committed : sample->start_offset;
	return from < sample->end_offset ? sample->end_offset - from : 0;
}

static enum scrape_result find_lags(struct groups *groups, const struct group_entry *entries, uint32_t count)
{
	struct partition_sample *samples = groups->scraper->samples;
	uint32_t asked = 0, next = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct topic *topic = topic_of(groups, &entries[i]);
		groups->lags[i] = topic ? 0 : -1;
		if (topic)
			samples[asked++] = (struct partition_sample){.topic = topic, .index = (uint32_t)entries[i].partition, .committed = -1};
	}
	enum scrape_result result = asked ? scrape__ask_partitions(groups->scraper, asked) : SCRAPE_DONE;
	for (uint32_t i = 0; !result && i < count; i++)
		if (groups->lags[i] >= 0)
			groups->lags[i] = lag_of(&samples[next++], entries[i].committed);
	return result;
}

/* The `count` entries behind `at`, whose samples these are. */
static enum scrape_result tell_ages(struct groups *groups, const struct group_entry *const *entries, uint32_t count)
{
	struct partition_sample *samples = groups->scraper->samples;
	for (uint32_t i = 0; i < count; i++)
		samples[i] = (struct partition_sample){
			.topic = topic_of(groups, entries[i]), .index = (uint32_t)entries[i]->partition, .committed = entries[i]->committed};
	enum scrape_result result = count ? scrape__ask_partitions(groups->scraper, count) : SCRAPE_DONE;
	for (uint32_t i = 0; !result && i < count; i++)
		if (samples[i].age_seconds >= 0)
			exposition_add_real(groups->exposition, FAMILY_GROUP_LAG_SECONDS, labels_of(groups, entries[i]), samples[i].age_seconds);
	return result;
}

/* As many entries as one survey takes. */
static enum scrape_result tell_entries(struct groups *groups, const struct group_entry *entries, uint32_t count)
{
	const struct group_entry *aged[SURVEY_AGES_MAX];
	uint32_t aged_count = 0;
	enum scrape_result result = find_lags(groups, entries, count);
	for (uint32_t i = 0; !result && i < count; i++) {
		if (!entries[i].topic.data) {
			tell_group(groups, &entries[i]);
			continue;
		}
		if (!tell_offset(groups, &entries[i], groups->lags[i]) || groups->lags[i] <= 0 || groups->aged == AGES_MAX)
			continue;
		groups->aged++;
		aged[aged_count++] = &entries[i];
		if (aged_count == SURVEY_AGES_MAX) {
			result = tell_ages(groups, aged, aged_count);
			aged_count = 0;
		}
	}
	return result ? result : tell_ages(groups, aged, aged_count);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------- */

static enum scrape_result tell_page(struct groups *groups)
{
	const struct group_page *page = groups->scraper->page;
	enum scrape_result result = SCRAPE_DONE;
	for (uint32_t at = 0; !result && at < page->entry_count;) {
		uint32_t left = page->entry_count - at, count = left < SURVEY_PARTITIONS_MAX ? left : SURVEY_PARTITIONS_MAX;
		result = tell_entries(groups, &page->entries[at], count);
		at += count;
	}
	return result;
}

static enum scrape_result tell_shard(struct groups *groups, uint32_t shard)
{
	struct group_page *page = groups->scraper->page;
	enum scrape_result result;
	page->next = (struct group_cursor){0};
	page->loading = 0;
	do {
		result = scrape__ask_groups(groups->scraper, shard);
		if (!result)
			result = tell_page(groups);
	} while (!result && !page->is_last);
	groups->loading += page->loading;
	end_sums(groups);
	return result;
}

enum scrape_result scrape__tell_groups(struct scraper *scraper, struct exposition *exposition, const struct catalog_image *image)
{
	struct groups groups = {.scraper = scraper, .exposition = exposition, .image = image};
	enum scrape_result result = SCRAPE_DONE;
	for (uint32_t i = 0; !result && i < scraper->source->shard_count; i++)
		result = tell_shard(&groups, i);
	tell_states(&groups);
	return result;
}
