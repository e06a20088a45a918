/* Happy path: samples are appended to the text of their family, as they will stand there; exposition_take puts the families behind one another.
 *
 * Failures: memory, or the bound: then nothing more is added, and there is no text. */
#include "net/metrics/exposition.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

static const struct {
	const char *name, *help;
	enum metric_type type;
} families[FAMILY_COUNT] = {
#define X(id, name, type, help) [FAMILY_##id] = {name, help, METRIC_##type},
	METRIC_FAMILIES(X)
#undef X
};

static const char *const type_names[] = {"gauge", "counter", "histogram"};

/* ---- labels ------------------------------------------------------------------------------------------------------------------ */

/* How many bytes at `at` are one printable character of UTF-8; 0: none. */
static size_t character_size(const uint8_t *at, size_t left)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = at[0] < 0x80 ? 1 : at[0] >= 0xf5 ? 0 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
	if (size == 0 || size > left)
		return 0;
	if (size == 1)
		return at[0] >= 0x20 && at[0] != 0x7f;
	uint32_t code = at[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	bool is_surrogate = code >= 0xd800 && code < 0xe000, is_control = code < 0xa0;
	return code >= smallest[size] && code <= 0x10ffff && !is_surrogate && !is_control ? size : 0;
}

/* One character, or one byte that is none, as it stands in a label's value. */
static size_t escape(const uint8_t *at, size_t left, char *out, size_t *used)
{
	*used = 1;
	if (*at == '\n')
		return (size_t)sprintf(out, "\\n");
	if (*at == '\\' && left > 1 && at[1] == 'x') /* else it would look like a byte that is escaped */
		return (size_t)sprintf(out, "\\\\x5c");
	if (*at == '"' || *at == '\\')
		return (size_t)sprintf(out, "\\%c", *at);
	size_t size = character_size(at, left);
	if (size == 0)
		return (size_t)sprintf(out, "\\\\x%02x", *at);
	memcpy(out, at, size);
	*used = size;
	return size;
}

static void append_label(struct labels *labels, const char *text, size_t size)
{
	if (labels->size + size > sizeof labels->text) {
		labels->is_cut = true;
		return;
	}
	memcpy(labels->text + labels->size, text, size);
	labels->size += (uint32_t)size;
}

void labels_add(struct labels *labels, const char *name, struct slice value)
{
	char piece[8];
	if (labels->size)
		append_label(labels, ",", 1);
	append_label(labels, name, strlen(name));
	append_label(labels, "=\"", 2);
	for (size_t at = 0, used; at < value.size && !labels->is_cut; at += used) {
		size_t size = escape(value.data + at, value.size - at, piece, &used);
		append_label(labels, piece, size);
	}
	append_label(labels, "\"", 1);
}

void labels_add_number(struct labels *labels, const char *name, int64_t value)
{
	char text[24];
	int size = snprintf(text, sizeof text, "%ld", (long)value);
	labels_add(labels, name, (struct slice){(const uint8_t *)text, (size_t)size});
}

/* ---- samples ----------------------------------------------------------------------------------------------------------------- */

void exposition_init(struct exposition *exposition, bool is_open_metrics)
{
	*exposition = (struct exposition){.is_open_metrics = is_open_metrics};
}

void exposition_fini(struct exposition *exposition)
{
	for (uint32_t i = 0; i < FAMILY_COUNT; i++)
		free(exposition->families[i].bytes);
}

static char *reserve(struct exposition *exposition, struct family_text *text, size_t size)
{
	exposition->size += size;
	exposition->has_failed |= exposition->size > EXPOSITION_SIZE_MAX;
	if (exposition->has_failed)
		return NULL;
	if (text->size + size > text->capacity) {
		size_t capacity = text->capacity ? text->capacity * 2 : 256;
		while (capacity < text->size + size)
			capacity *= 2;
		char *grown = realloc(text->bytes, capacity);
		if (!grown) {
			exposition->has_failed = true;
			return NULL;
		}
		text->bytes = grown;
		text->capacity = capacity;
	}
	text->size += size;
	return text->bytes + text->size - size;
}

static void put(struct exposition *exposition, enum family family, const char *bytes, size_t size)
{
	char *at = reserve(exposition, &exposition->families[family], size);
	if (at)
		memcpy(at, bytes, size);
}

static void put_text(struct exposition *exposition, enum family family, const char *text)
{
	put(exposition, family, text, strlen(text));
}

/* `bound` is the value of the label le, or NULL. */
static void put_sample(struct exposition *exposition, enum family family, const char *suffix, const struct labels *labels, const char *bound,
		       const char *value)
{
	bool has_labels = labels && labels->size;
	if (labels && labels->is_cut)
		return;
	put_text(exposition, family, families[family].name);
	put_text(exposition, family, suffix);
	if (has_labels || bound)
		put_text(exposition, family, "{");
	if (has_labels)
		put(exposition, family, labels->text, labels->size);
	if (bound) {
		put_text(exposition, family, has_labels ? ",le=\"" : "le=\"");
		put_text(exposition, family, bound);
		put_text(exposition, family, "\"");
	}
	put_text(exposition, family, has_labels || bound ? "} " : " ");
	put_text(exposition, family, value);
	put_text(exposition, family, "\n");
}

static const char *suffix_of(enum family family)
{
	return families[family].type == METRIC_COUNTER ? "_total" : "";
}

void exposition_add(struct exposition *exposition, enum family family, const struct labels *labels, int64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%ld", (long)value);
	put_sample(exposition, family, suffix_of(family), labels, NULL, text);
}

void exposition_add_real(struct exposition *exposition, enum family family, const struct labels *labels, double value)
{
	char text[32];
	snprintf(text, sizeof text, "%.12g", value);
	put_sample(exposition, family, suffix_of(family), labels, NULL, text);
}

void exposition_add_histogram(struct exposition *exposition, enum family family, const struct labels *labels, const double *bounds,
			      const uint64_t *counts, uint32_t count, double sum)
{
	char bound[32], value[32];
	uint64_t total = 0;
	for (uint32_t i = 0; i < count; i++) {
		total += counts[i];
		/* OpenMetrics wants a float there, and one bound must look the same in both. */
		bool is_whole = bounds[i] == (double)(int64_t)bounds[i];
		snprintf(bound, sizeof bound, is_whole ? "%.1f" : "%.9g", bounds[i]);
		snprintf(value, sizeof value, "%lu", (unsigned long)total);
		put_sample(exposition, family, "_bucket", labels, bound, value);
	}
	total += counts[count];
	snprintf(value, sizeof value, "%lu", (unsigned long)total);
	put_sample(exposition, family, "_bucket", labels, "+Inf", value);
	put_sample(exposition, family, "_count", labels, NULL, value);
	snprintf(value, sizeof value, "%.12g", sum);
	put_sample(exposition, family, "_sum", labels, NULL, value);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------- */

/* In OpenMetrics a counter's family is called without `_total`. */
static int write_head(const struct exposition *exposition, enum family family, char *out, size_t size)
{
	const char *name = families[family].name;
	const char *suffix = exposition->is_open_metrics ? "" : suffix_of(family);
	return snprintf(out, size, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, families[family].help, name, suffix,
			type_names[families[family].type]);
}

#define HEAD_SIZE_MAX 512

char *exposition_take(struct exposition *exposition, size_t *size)
{
	char *all = exposition->has_failed ? NULL : malloc(exposition->size + FAMILY_COUNT * HEAD_SIZE_MAX);
	size_t at = 0;
	for (uint32_t i = 0; all && i < FAMILY_COUNT; i++) {
		const struct family_text *text = &exposition->families[i];
		if (text->size == 0)
			continue;
		at += (size_t)write_head(exposition, i, all + at, HEAD_SIZE_MAX);
		memcpy(all + at, text->bytes, text->size);
		at += text->size;
	}
	if (all && exposition->is_open_metrics) {
		memcpy(all + at, "# EOF\n", 6);
		at += 6;
	}
	*size = at;
	return all;
}

const char *exposition_content_type(const struct exposition *exposition)
{
	return exposition->is_open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
}
