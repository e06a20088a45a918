/* What each shard counts and in which state its store is. The counters are read where they are (net/metrics.h); the rest comes from its survey. */
#include <stdio.h>

#include "net/api/api.h"
#include "net/metrics/scrape_priv.h"
#include "net/wire/kerr.h"

static const char *outcome_of(const struct scrape_source *source, const struct store_report *report)
{
	if (source->was_created)
		return "new";
	return report->is_journal_lost ? "journal_lost" : report->was_clean ? "clean" : "crash";
}

static void tell_recovery(struct scraper *scraper, struct exposition *exposition, uint32_t shard)
{
	const struct store_report *report = &scraper->source->recoveries[shard];
	struct labels *labels = scrape__labels(scraper);
	labels_add_number(labels, "shard", shard);
	exposition_add_real(exposition, FAMILY_RECOVERY_TIME, labels, (double)report->duration_ns / 1e9);
	exposition_add(exposition, FAMILY_RECOVERY_ENTRIES, labels, (int64_t)report->entries_replayed);
	exposition_add(exposition, FAMILY_RECOVERY_BYTES, labels, (int64_t)report->bytes_replayed);
	exposition_add(exposition, FAMILY_RECOVERY_TORN, labels, (int64_t)report->torn_groups);
	labels_add(labels, "outcome", slice_from(outcome_of(scraper->source, report)));
	exposition_add(exposition, FAMILY_RECOVERY, labels, 1);
}

static void tell_store(struct scraper *scraper, struct exposition *exposition, uint32_t shard)
{
	const struct store_sample *store = &scraper->surveys[shard].store;
	struct labels *labels = scrape__labels(scraper);
	labels_add_number(labels, "shard", shard);
	exposition_add(exposition, FAMILY_STORE_FAILED, labels, store->has_failed);
	exposition_add(exposition, FAMILY_STORE_FULL, labels, store->is_full);
	exposition_add(exposition, FAMILY_STORE_SHORT, labels, store->is_short);
	exposition_add(exposition, FAMILY_SHORTAGES, labels, (int64_t)store->counters.shortages);
	exposition_add(exposition, FAMILY_SEGMENT_FILES, labels, store->usage.open_files);
	exposition_add(exposition, FAMILY_RESERVE, labels, store->usage.has_reserve);
	exposition_add(exposition, FAMILY_JOURNAL_SIZE, labels, (int64_t)store->usage.journal_size_bytes);
	exposition_add(exposition, FAMILY_JOURNAL_USED, labels, (int64_t)store->usage.journal_used_bytes);
	exposition_add(exposition, FAMILY_CACHE_SIZE, labels, (int64_t)store->usage.cache_size_bytes);
	exposition_add(exposition, FAMILY_CACHE_PINNED, labels, (int64_t)store->usage.cache_pinned_bytes);
	exposition_add(exposition, FAMILY_DAMAGE_FOUND, labels, (int64_t)store->counters.damaged_ranges);
	exposition_add(exposition, FAMILY_SCRUBBING, labels, store->usage.is_scrubbing);
	exposition_add(exposition, FAMILY_SCRUB_PASSES, labels, (int64_t)store->counters.scrub_passes);
	exposition_add(exposition, FAMILY_SCRUB_SEGMENTS, labels, (int64_t)store->counters.scrub_segments);
	exposition_add(exposition, FAMILY_SCRUB_BYTES, labels, (int64_t)store->counters.scrub_bytes);
}

static void tell_network(struct scraper *scraper, struct exposition *exposition, uint32_t shard)
{
	const struct metrics *metrics = &scraper->source->peers[shard]->metrics;
	const struct {
		enum family family;
		const uint64_t *counter;
	} counters[] = {
		{FAMILY_OPENED, &metrics->connections_opened},		    {FAMILY_CLOSED, &metrics->connections_closed},
		{FAMILY_CONNECTIONS_REFUSED, &metrics->connections_refused}, {FAMILY_RECEIVED, &metrics->bytes_in},
		{FAMILY_SENT, &metrics->bytes_out},			    {FAMILY_THROTTLED, &metrics->throttles},
		{FAMILY_CROSSED, &metrics->messages_crossed},		    {FAMILY_REQUESTS_REFUSED, &metrics->requests_refused},
	};
	struct labels *labels = scrape__labels(scraper);
	labels_add_number(labels, "shard", shard);
	for (uint32_t i = 0; i < COUNT_OF(counters); i++)
		exposition_add(exposition, counters[i].family, labels, (int64_t)metrics_read(counters[i].counter));
}

/* ---- requests: of all shards together ------------------------------------------------------------------------------------------ */

/* One counter of every shard's: `first` is where shard 0 has it. */
static uint64_t sum_of(const struct scraper *scraper, const uint64_t *first)
{
	const struct scrape_source *source = scraper->source;
	size_t place = (size_t)((const char *)first - (const char *)&source->peers[0]->metrics);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < source->shard_count; i++)
		sum += metrics_read((const uint64_t *)((const char *)&source->peers[i]->metrics + place));
	return sum;
}

static void tell_times(struct scraper *scraper, struct exposition *exposition, const struct labels *labels, const struct request_times *times)
{
	double bounds[METRICS_TIMES];
	uint64_t counts[METRICS_TIMES + 1];
	for (uint32_t i = 0; i <= METRICS_TIMES; i++)
		counts[i] = sum_of(scraper, &times->counts[i]);
	for (uint32_t i = 0; i < METRICS_TIMES; i++)
		bounds[i] = (double)metrics_time_bounds_ns[i] / 1e9;
	double sum_ns = (double)sum_of(scraper, &times->sum_ns);
	exposition_add_histogram(exposition, FAMILY_REQUEST_TIME, labels, bounds, counts, METRICS_TIMES, sum_ns / 1e9);
}

static void tell_errors(struct scraper *scraper, struct exposition *exposition, const struct api_row *api)
{
	const struct metrics *metrics = &scraper->source->peers[0]->metrics;
	for (int code = -1; code < WIRE_ERROR_CODES - 1; code++) {
		uint64_t count = sum_of(scraper, &metrics->errors[api->key][code + 1]);
		if (count == 0)
			continue;
		struct labels *labels = scrape__labels(scraper);
		labels_add(labels, "request", slice_from(api->name));
		labels_add(labels, "error", slice_from(kerr_name(code)));
		exposition_add(exposition, FAMILY_REQUEST_ERRORS, labels, (int64_t)count);
	}
}

/* APIs that nobody has asked for yet have no series: there are dozens. */
static void tell_requests(struct scraper *scraper, struct exposition *exposition)
{
	const struct metrics *metrics = &scraper->source->peers[0]->metrics;
	for (uint32_t i = 0; i < api_row_count; i++) {
		uint64_t count = sum_of(scraper, &metrics->requests[api_rows[i].key]);
		if (count == 0)
			continue;
		struct labels *labels = scrape__labels(scraper);
		labels_add(labels, "request", slice_from(api_rows[i].name));
		exposition_add(exposition, FAMILY_REQUESTS, labels, (int64_t)count);
		tell_times(scraper, exposition, labels, &metrics->times[api_rows[i].key]);
		tell_errors(scraper, exposition, &api_rows[i]);
	}
}

/* ---- the broker ------------------------------------------------------------------------------------------------------------------ */

static void tell_broker(struct scraper *scraper, struct exposition *exposition)
{
	const struct broker_facts *facts = scraper->source->facts;
	char address[300];
	bool is_v6 = strchr(facts->advertised_host, ':') != NULL;
	snprintf(address, sizeof address, is_v6 ? "[%s]:%d" : "%s:%d", facts->advertised_host, facts->advertised_port);
	struct labels *labels = scrape__labels(scraper);
	labels_add_number(labels, "id", facts->node_id);
	labels_add(labels, "address", slice_from(address));
	exposition_add(exposition, FAMILY_BROKER_INFO, labels, 1);
	exposition_add(exposition, FAMILY_BROKERS, NULL, 1);
	exposition_add(exposition, FAMILY_CONTROLLERS, NULL, 1);
	exposition_add(exposition, FAMILY_UNDER_REPLICATED, NULL, 0);
	exposition_add(exposition, FAMILY_UNDER_MIN_ISR, NULL, 0);
	exposition_add(exposition, FAMILY_DURABILITY, NULL, 0);
}

void scrape__tell_shards(struct scraper *scraper, struct exposition *exposition)
{
	uint32_t conn_count = 0;
	tell_broker(scraper, exposition);
	for (uint32_t i = 0; i < scraper->source->shard_count; i++) {
		tell_recovery(scraper, exposition, i);
		tell_store(scraper, exposition, i);
		tell_network(scraper, exposition, i);
		conn_count += scraper->surveys[i].store.conn_count;
	}
	struct labels *labels = scrape__labels(scraper);
	labels_add(labels, "listener", slice_from("PLAINTEXT"));
	exposition_add(exposition, FAMILY_CONNECTIONS, labels, conn_count);
	tell_requests(scraper, exposition);
}
