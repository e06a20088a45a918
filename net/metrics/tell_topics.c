/* Topics and their partitions, in the order of the catalog: asked for as many at a time as one survey takes, told one by one, summed up by topic.
 *
 * Partitions beyond the bound are in the sums alone, but damage is always told: there is little of it, or much to be told. */
#include "net/metrics/scrape_priv.h"
#include "net/wire/cursor.h"

struct topics {
	struct scraper *scraper;
	struct exposition *exposition;
	uint32_t filled;                /* samples to be asked for */
	const struct topic *topic;      /* that is being summed up */
	struct partition_counters sums;
	uint64_t told, partitions, failed;
};

/* ---- one topic ------------------------------------------------------------------------------------------------------------------ */

static void tell_sums(struct topics *topics)
{
	struct exposition *exposition = topics->exposition;
	const struct partition_counters *sums = &topics->sums;
	struct labels *labels = scrape__labels(topics->scraper);
	labels_add(labels, "topic", slice_from(topics->topic->name));
	exposition_add(exposition, FAMILY_TOPIC_PARTITIONS, labels, topics->topic->partition_count);
	exposition_add(exposition, FAMILY_BYTES_IN, labels, (int64_t)sums->bytes_in);
	exposition_add(exposition, FAMILY_BYTES_OUT, labels, (int64_t)sums->bytes_out);
	exposition_add(exposition, FAMILY_MESSAGES_IN, labels, (int64_t)sums->records_in);
	exposition_add(exposition, FAMILY_PRODUCE_REQUESTS, labels, (int64_t)sums->appends);
	exposition_add(exposition, FAMILY_PRODUCE_FAILED, labels, (int64_t)sums->appends_failed);
	exposition_add(exposition, FAMILY_FETCH_REQUESTS, labels, (int64_t)sums->reads);
	exposition_add(exposition, FAMILY_FETCH_FAILED, labels, (int64_t)sums->reads_failed);
}

static void end_topic(struct topics *topics)
{
	if (topics->topic)
		tell_sums(topics);
	topics->topic = NULL;
	topics->sums = (struct partition_counters){0};
}

static void sum_up(struct partition_counters *sums, const struct partition_counters *one)
{
	sums->appends += one->appends;
	sums->appends_failed += one->appends_failed;
	sums->records_in += one->records_in;
	sums->bytes_in += one->bytes_in;
	sums->reads += one->reads;
	sums->reads_failed += one->reads_failed;
	sums->bytes_out += one->bytes_out;
}

/* ---- one partition -------------------------------------------------------------------------------------------------------------- */

static void tell_positions(struct topics *topics, const struct labels *labels, const struct partition_sample *sample)
{
	struct exposition *exposition = topics->exposition;
	exposition_add(exposition, FAMILY_CURRENT_OFFSET, labels, sample->end_offset);
	exposition_add(exposition, FAMILY_OLDEST_OFFSET, labels, sample->start_offset);
	exposition_add(exposition, FAMILY_LOG_SIZE, labels, (int64_t)sample->size_bytes);
	exposition_add(exposition, FAMILY_LEADER, labels, topics->scraper->source->facts->node_id);
	exposition_add(exposition, FAMILY_LEADER_PREFERRED, labels, 1);
	exposition_add(exposition, FAMILY_REPLICAS, labels, 1);
	exposition_add(exposition, FAMILY_IN_SYNC, labels, 1);
	exposition_add(exposition, FAMILY_UNDER_REPLICATED_PARTITION, labels, 0);
}

static void tell_damage(struct exposition *exposition, const struct labels *labels, const struct damage_span *damage)
{
	exposition_add(exposition, FAMILY_DAMAGED_RANGES, labels, (int64_t)damage->ranges);
	exposition_add(exposition, FAMILY_DAMAGED_RECORDS, labels, (int64_t)damage->offsets);
	exposition_add(exposition, FAMILY_DAMAGE_FIRST, labels, damage->first_offset);
	exposition_add(exposition, FAMILY_DAMAGE_LAST, labels, damage->last_offset);
}

static void tell_partition(struct topics *topics, const struct partition_sample *sample)
{
	bool has_series = topics->told < topics->scraper->source->partitions_max;
	topics->partitions++;
	topics->told += has_series;
	topics->failed += sample->has_failed;
	if (!has_series && !sample->damage.ranges)
		return;
	struct labels *labels = scrape__labels(topics->scraper);
	labels_add(labels, "topic", slice_from(sample->topic->name));
	labels_add_number(labels, "partition", sample->index);
	if (has_series)
		tell_positions(topics, labels, sample);
	if (sample->damage.ranges)
		tell_damage(topics->exposition, labels, &sample->damage);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------------- */

static enum scrape_result flush(struct topics *topics)
{
	uint32_t count = topics->filled;
	enum scrape_result result = count ? scrape__ask_partitions(topics->scraper, count) : SCRAPE_DONE;
	for (uint32_t i = 0; !result && i < count; i++) {
		const struct partition_sample *sample = &topics->scraper->samples[i];
		if (topics->topic != sample->topic)
			end_topic(topics);
		topics->topic = sample->topic;
		tell_partition(topics, sample);
		sum_up(&topics->sums, &sample->counters);
	}
	topics->filled = 0;
	return result;
}

static enum scrape_result add_topic(struct topics *topics, const struct topic *topic)
{
	enum scrape_result result = SCRAPE_DONE;
	for (uint32_t p = 0; !result && p < topic->partition_count; p++) {
		topics->scraper->samples[topics->filled++] = (struct partition_sample){.topic = topic, .index = p, .committed = -1};
		if (topics->filled == SURVEY_PARTITIONS_MAX)
			result = flush(topics);
	}
	return result;
}

enum scrape_result scrape__tell_topics(struct scraper *scraper, struct exposition *exposition, const struct catalog_image *image)
{
	struct topics topics = {.scraper = scraper, .exposition = exposition};
	enum scrape_result result = SCRAPE_DONE;
	for (uint32_t t = 0; !result && t < image->topic_count; t++)
		result = add_topic(&topics, image->topics[t]);
	if (!result)
		result = flush(&topics);
	end_topic(&topics);
	exposition_add(exposition, FAMILY_PARTITION_COUNT, NULL, (int64_t)topics.partitions);
	exposition_add(exposition, FAMILY_LEADER_COUNT, NULL, (int64_t)topics.partitions);
	exposition_add(exposition, FAMILY_OFFLINE, NULL, (int64_t)topics.failed);
	exposition_add(exposition, FAMILY_LEFT_OUT, NULL, (int64_t)(topics.partitions - topics.told));
	return result;
}
