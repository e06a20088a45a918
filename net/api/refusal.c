/* Sentences and shared judgements of the admin APIs. The words are Kafka's where tools or people know them.
 *
 * Failure mode: a full arena; a refusal then goes without its sentence. Repeats are found by sorting, since
 * the number of entries is the client's choice. */
#include "net/api/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- text ---------------------------------------------------------------------------------------------- */

static PRINTF_LIKE(2, 0) struct slice format_arguments(struct request *request, const char *format,
						       va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *text = size >= 0 ? request_alloc(request, (size_t)size + 1) : NULL;
	if (!text)
		return (struct slice){0};
	vsnprintf(text, (size_t)size + 1, format, arguments);
	return (struct slice){(const uint8_t *)text, (size_t)size};
}

struct slice text_format(struct request *request, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	struct slice text = format_arguments(request, format, arguments);
	va_end(arguments);
	return text;
}

char *text_copy(struct request *request, struct slice bytes)
{
	char *text = request_alloc(request, bytes.size + 1);
	if (!text)
		return NULL;
	if (bytes.size)
		memcpy(text, bytes.data, bytes.size);
	text[bytes.size] = '\0';
	return text;
}

struct slice text_entry(struct request *request, int8_t kind, struct slice bytes)
{
	uint8_t *entry = request_alloc(request, bytes.size + 1);
	if (!entry)
		return (struct slice){0};
	entry[0] = (uint8_t)kind;
	if (bytes.size)
		memcpy(entry + 1, bytes.data, bytes.size);
	return (struct slice){entry, bytes.size + 1};
}

/* ---- refusing ------------------------------------------------------------------------------------------ */

bool refuse(struct request *request, struct refusal *refusal, enum kerr error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	*refusal = (struct refusal){error, format_arguments(request, format, arguments)};
	va_end(arguments);
	return true;
}

bool refuse_err(struct request *request, struct refusal *refusal, int err)
{
	return err ? refuse(request, refusal, kerr_from(err), "%s", err_text(err)) : false;
}

bool refuse_topic_name(struct request *request, struct refusal *refusal, struct slice name)
{
	if (!catalog_check_topic_name(name))
		return false;
	enum kerr error = KERR_INVALID_TOPIC_EXCEPTION;
	if (name.size == 0)
		return refuse(request, refusal, error, "Topic name is invalid: the empty string is not allowed");
	if (name.data[0] == '.' && name.size <= 2)
		return refuse(request, refusal, error, "Topic name is invalid: '%.*s' is not allowed", SHOWN(name));
	if (name.size > TOPIC_NAME_SIZE_MAX)
		return refuse(request, refusal, error,
			      "Topic name is invalid: the length of '%.*s' is longer than the max allowed length %d",
			      SHOWN(name), TOPIC_NAME_SIZE_MAX);
	return refuse(request, refusal, error,
		      "Topic name is invalid: '%.*s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", SHOWN(name));
}

bool refuse_replicas(struct request *request, struct refusal *refusal, const int32_t *broker_ids, int32_t count)
{
	int32_t self = request->shard->facts->node_id;
	enum kerr error = KERR_INVALID_REPLICA_ASSIGNMENT;
	if (count <= 0)
		return refuse(request, refusal, error,
			      "The manual partition assignment includes an empty replica list.");
	for (int32_t i = 0; i < count; i++)
		if (broker_ids[i] != self)
			return refuse(request, refusal, error,
				      "The manual partition assignment includes broker %d, but no such broker is registered.", (int)broker_ids[i]);
	if (count > 1)
		return refuse(request, refusal, error,
			      "The manual partition assignment includes the broker %d more than once.", (int)self);
	return false;
}

/* ---- repeats ------------------------------------------------------------------------------------------- */

struct entry {
	struct slice bytes;
	uint32_t index;
};

static int compare_bytes(struct slice a, struct slice b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = compare_bytes(a->bytes, b->bytes);
	return order ? order : (a->index > b->index) - (a->index < b->index);
}

bool find_repeats(struct request *request, const struct slice *entries, uint32_t count, struct repeats *out)
{
	struct entry *sorted = request_alloc_array(request, count, sizeof *sorted);
	out->is_repeated = request_alloc_array(request, count, sizeof *out->is_repeated);
	out->is_first = request_alloc_array(request, count, sizeof *out->is_first);
	if (!sorted || !out->is_repeated || !out->is_first)
		return false;
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = (struct entry){entries[i], i};
	if (count > 1)
		qsort(sorted, count, sizeof *sorted, compare_entries);
	for (uint32_t i = 0; i < count; i++) {
		bool is_again = i > 0 && compare_bytes(sorted[i - 1].bytes, sorted[i].bytes) == 0;
		out->is_first[sorted[i].index] = !is_again;
		if (is_again)
			out->is_repeated[sorted[i].index] = out->is_repeated[sorted[i - 1].index] = true;
	}
	return true;
}
