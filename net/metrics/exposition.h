/* The text of one scrape, in Prometheus' exposition format 0.0.4 or in OpenMetrics 1.0. Samples may be added in any order: each family collects
 * its own, and they leave together, behind one HELP and one TYPE line. A family without samples is not told at all.
 *
 * Owner: whoever made it; one thread. Label values may be any bytes: what is not printable UTF-8 is written as \xNN, so that no name of a client's can
 * break a scrape. Bounded: beyond EXPOSITION_SIZE_MAX, or without memory, it fails as a whole (exposition_take), never in part. The caller adds no series
 * twice. */
#pragma once

#include "log/base/types.h"
#include "net/metrics/families.h"

#define EXPOSITION_SIZE_MAX (64u << 20)

/* The labels of a sample, written once for all samples that have them. With more than fits (`is_cut`) the sample is left out: a name cut short could be
 * another's. */
struct labels {
	uint32_t size;
	bool is_cut;
	char text[4096];               /* name="value",name="value" */
};

static inline void labels_clear(struct labels *labels)
{
	labels->size = 0;
	labels->is_cut = false;
}
void labels_add(struct labels *labels, const char *name, struct slice value);
void labels_add_number(struct labels *labels, const char *name, int64_t value);

struct family_text {
	char *bytes;
	size_t size, capacity;
};

struct exposition {
	bool is_open_metrics;
	bool has_failed;
	size_t size;
	struct family_text families[FAMILY_COUNT];
};

void exposition_init(struct exposition *exposition, bool is_open_metrics);
void exposition_fini(struct exposition *exposition);

/* One sample; `labels` NULL: it has none. */
void exposition_add(struct exposition *exposition, enum family family, const struct labels *labels, int64_t value);
void exposition_add_real(struct exposition *exposition, enum family family, const struct labels *labels, double value);
/* One histogram: counts[i] were at most bounds[i] and above the bound before it, counts[count] above all. */
void exposition_add_histogram(struct exposition *exposition, enum family family, const struct labels *labels, const double *bounds,
			      const uint64_t *counts, uint32_t count, double sum);

/* The whole text, malloc'ed, or NULL: no memory, or too large. */
MUST_USE char *exposition_take(struct exposition *exposition, size_t *size);
/* What its Content-Type is. */
const char *exposition_content_type(const struct exposition *exposition);
