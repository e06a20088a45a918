/* Happy path: one question to each shard for its store, then for the partitions a few hundred at a time, each answered within one turn of the
 * shard's loop; what is beyond the bound on series is summed up and not listed.
 *
 * Failures: a shard that does not answer makes the scrape fail, as numbers without it would be wrong; its question stays out, and nothing is asked before
 * it has come back. The broker's stop ends the waiting. */
#include "net/metrics/scrape_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_SLICE_MS 50u

int scraper_open(struct scraper **out, const struct scrape_source *source)
{
	struct scraper *scraper = calloc(1, sizeof *scraper);
	if (!scraper)
		return -ENOMEM;
	scraper->source = source;
	scraper->surveys = calloc(source->shard_count, sizeof *scraper->surveys);
	scraper->samples = calloc(SURVEY_PARTITIONS_MAX, sizeof *scraper->samples);
	scraper->page = malloc(sizeof *scraper->page); /* not touched before there are groups */
	if (!scraper->surveys || !scraper->samples || !scraper->page) {
		free(scraper->surveys);
		free(scraper->samples);
		free(scraper->page);
		free(scraper);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < source->shard_count; i++)
		survey_init(&scraper->surveys[i]);
	*out = scraper;
	return 0;
}

void scraper_close(struct scraper *scraper)
{
	if (!scraper)
		return;
	for (uint32_t i = 0; i < scraper->source->shard_count; i++)
		survey_fini(&scraper->surveys[i]);
	free(scraper->surveys);
	free(scraper->samples);
	free(scraper->page);
	free(scraper);
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------- */

static bool is_stopping(const struct scraper *scraper)
{
	return __atomic_load_n(scraper->source->is_stopping, __ATOMIC_ACQUIRE);
}

static enum scrape_result wait_for(struct scraper *scraper, struct survey *survey, uint32_t *left_ms)
{
	while (!survey_wait(survey, *left_ms < WAIT_SLICE_MS ? *left_ms : WAIT_SLICE_MS)) {
		if (is_stopping(scraper))
			return SCRAPE_STOPPING;
		if (*left_ms <= WAIT_SLICE_MS)
			return SCRAPE_LATE;
		*left_ms -= WAIT_SLICE_MS;
	}
	return SCRAPE_DONE;
}

static enum scrape_result wait_for_all(struct scraper *scraper)
{
	enum scrape_result result = SCRAPE_DONE;
	uint32_t left_ms = SCRAPE_WAIT_MS;
	for (uint32_t i = 0; !result && i < scraper->source->shard_count; i++)
		result = wait_for(scraper, &scraper->surveys[i], &left_ms);
	return result;
}

enum scrape_result scrape__ask(struct scraper *scraper, enum survey_kind kind)
{
	enum scrape_result result = wait_for_all(scraper); /* for what came late the last time */
	if (!result && is_stopping(scraper))
		result = SCRAPE_STOPPING;
	if (result)
		return result;
	for (uint32_t i = 0; i < scraper->source->shard_count; i++) {
		scraper->surveys[i].kind = kind;
		survey_send(&scraper->surveys[i], scraper->source->peers[i]);
	}
	return wait_for_all(scraper);
}

enum scrape_result scrape__ask_partitions(struct scraper *scraper, uint32_t count)
{
	uint32_t shard_count = scraper->source->shard_count;
	for (uint32_t i = 0; i < count; i++) {
		struct partition_sample *sample = &scraper->samples[i];
		sample->topic_id = sample->topic->id;
		sample->owner = store_owner(&sample->topic_id, sample->index, shard_count);
	}
	for (uint32_t i = 0; i < shard_count; i++) {
		scraper->surveys[i].partitions = scraper->samples;
		scraper->surveys[i].partition_count = count;
	}
	return scrape__ask(scraper, SURVEY_PARTITIONS);
}

enum scrape_result scrape__ask_groups(struct scraper *scraper, uint32_t shard)
{
	struct survey *survey = &scraper->surveys[shard];
	uint32_t left_ms = SCRAPE_WAIT_MS;
	group_page_clear(scraper->page);
	survey->page = scraper->page;
	survey->kind = SURVEY_GROUPS;
	survey_send(survey, scraper->source->peers[shard]);
	return wait_for(scraper, survey, &left_ms);
}

struct labels *scrape__labels(struct scraper *scraper)
{
	labels_clear(&scraper->labels);
	return &scraper->labels;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------- */

static enum scrape_result gather(struct scraper *scraper, struct exposition *exposition)
{
	enum scrape_result result = scrape__ask(scraper, SURVEY_STORE);
	if (result)
		return result;
	scrape__tell_process(scraper, exposition);
	scrape__tell_shards(scraper, exposition);
	const struct catalog_image *image = catalog_image_acquire(scraper->source->catalog);
	result = scrape__tell_topics(scraper, exposition, image);
	if (!result)
		result = scrape__tell_groups(scraper, exposition, image);
	catalog_image_release(image);
	return result;
}

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum scrape_result scraper_gather(struct scraper *scraper, struct exposition *exposition)
{
	double began = seconds_now();
	enum scrape_result result = gather(scraper, exposition);
	exposition_add_real(exposition, FAMILY_SCRAPE_TIME, NULL, seconds_now() - began);
	return !result && exposition->has_failed ? SCRAPE_TOO_LARGE : result;
}

enum scrape_result scraper_look(struct scraper *scraper, struct health *health)
{
	*health = (struct health){0};
	enum scrape_result result = scrape__ask(scraper, SURVEY_STORE);
	for (uint32_t i = 0; !result && i < scraper->source->shard_count; i++) {
		health->has_failed |= scraper->surveys[i].store.has_failed;
		health->is_full |= scraper->surveys[i].store.is_full;
	}
	return result;
}
