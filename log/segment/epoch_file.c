/* Leader epochs and their file. A partition has one entry for each epoch in which something was written,
 * so the list is short and is searched from the end, where the questions are. */
#include "log/segment/epoch_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_SIZE_MAX 32u /* "-2147483648 -9223372036854775808\n" would be one more; neither number is negative */
#define HEAD_SIZE_MAX 32u /* "0\n", a count of at most 10 digits, a newline */

void epochs_init(struct epochs *epochs)
{
	*epochs = (struct epochs){0};
}

void epochs_fini(struct epochs *epochs)
{
	free(epochs->entries);
	*epochs = (struct epochs){0};
}

int epochs_reserve(struct epochs *epochs)
{
	if (epochs->count < epochs->capacity)
		return 0;
	uint32_t capacity = epochs->capacity ? epochs->capacity * 2 : 2;
	struct epoch_entry *entries = realloc(epochs->entries, capacity * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	epochs->entries = entries;
	epochs->capacity = capacity;
	return 0;
}

int32_t epochs_latest(const struct epochs *epochs)
{
	return epochs->count > 0 ? epochs->entries[epochs->count - 1].epoch : -1;
}

/* How many entries begin below an offset. */
static uint32_t count_below(const struct epochs *epochs, int64_t offset)
{
	uint32_t count = epochs->count;
	while (count > 0 && epochs->entries[count - 1].start_offset >= offset)
		count--;
	return count;
}

int epochs_assign(struct epochs *epochs, int32_t epoch, int64_t start_offset)
{
	if (epoch < 0 || start_offset < 0 || epoch <= epochs_latest(epochs))
		return 0;
	uint32_t kept = count_below(epochs, start_offset);
	if (kept == EPOCHS_COUNT_MAX)
		return -ENOSPC;
	if (kept == epochs->count) {
		int err = epochs_reserve(epochs);
		if (err < 0)
			return err;
	}
	epochs->entries[kept] = (struct epoch_entry){epoch, start_offset};
	epochs->count = kept + 1;
	return 1;
}

int32_t epochs_at(const struct epochs *epochs, int64_t offset)
{
	uint32_t count = offset < INT64_MAX ? count_below(epochs, offset + 1) : epochs->count;
	return count > 0 ? epochs->entries[count - 1].epoch : -1;
}

void epochs_end_offset(const struct epochs *epochs, int32_t epoch, int64_t log_end_offset, int32_t *epoch_out, int64_t *end_offset_out)
{
	*epoch_out = -1;
	*end_offset_out = -1;
	if (epoch < 0 || epoch > epochs_latest(epochs))
		return;
	uint32_t next = epochs->count; /* the first entry of a higher epoch */
	while (next > 0 && epochs->entries[next - 1].epoch > epoch)
		next--;
	*epoch_out = next > 0 ? epochs->entries[next - 1].epoch : epoch;
	*end_offset_out = next < epochs->count ? epochs->entries[next].start_offset : log_end_offset;
}

bool epochs_truncate_end(struct epochs *epochs, int64_t end_offset)
{
	uint32_t kept = count_below(epochs, end_offset);
	bool has_changed = kept != epochs->count;
	epochs->count = kept;
	return has_changed;
}

bool epochs_truncate_start(struct epochs *epochs, int64_t start_offset)
{
	uint32_t below = count_below(epochs, start_offset);
	if (below == 0)
		return false;
	/* The last of them is in force at the new start, unless the next begins exactly there. */
	bool is_replaced = below < epochs->count && epochs->entries[below].start_offset == start_offset;
	uint32_t dropped = is_replaced ? below : below - 1;
	epochs->count -= dropped;
	memmove(epochs->entries, epochs->entries + dropped, epochs->count * sizeof *epochs->entries);
	if (!is_replaced)
		epochs->entries[0].start_offset = start_offset;
	return true;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

size_t epochs_encoded_size_max(const struct epochs *epochs)
{
	return HEAD_SIZE_MAX + (size_t)epochs->count * LINE_SIZE_MAX;
}

size_t epochs_encode(const struct epochs *epochs, char *out, size_t out_size)
{
	size_t size = (size_t)snprintf(out, out_size, "0\n%u\n", epochs->count);
	for (uint32_t i = 0; i < epochs->count; i++)
		size += (size_t)snprintf(out + size, out_size - size, "%d %lld\n", epochs->entries[i].epoch,
					 (long long)epochs->entries[i].start_offset);
	return size;
}

/* Reads a number without sign from the text's front and takes it off, with the one byte behind it, which
 * must be `end`; the end of the text stands for a newline as well. */
static bool take_number(struct slice *text, char end, int64_t max, int64_t *number)
{
	size_t digits = 0;
	int64_t value = 0;
	for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++) {
		int digit = text->data[digits] - '0';
		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	bool is_at_end = digits == text->size;
	if (digits == 0 || (is_at_end ? end != '\n' : text->data[digits] != (uint8_t)end))
		return false;
	size_t taken = is_at_end ? digits : digits + 1;
	text->data += taken;
	text->size -= taken;
	*number = value;
	return true;
}

static bool follows(const struct epochs *epochs, struct epoch_entry entry)
{
	if (epochs->count == 0)
		return true;
	struct epoch_entry last = epochs->entries[epochs->count - 1];
	return entry.epoch > last.epoch && entry.start_offset >= last.start_offset;
}

static int decode_line(struct epochs *epochs, struct slice *text)
{
	int64_t epoch, start_offset;
	if (!take_number(text, ' ', INT32_MAX, &epoch) || !take_number(text, '\n', INT64_MAX, &start_offset))
		return ERR_CORRUPT_LOG;
	struct epoch_entry entry = {(int32_t)epoch, start_offset};
	if (!follows(epochs, entry))
		return ERR_CORRUPT_LOG;
	int err = epochs_reserve(epochs);
	if (err < 0)
		return err;
	epochs->entries[epochs->count++] = entry;
	return 0;
}

static int decode(struct epochs *epochs, struct slice text)
{
	int64_t version, count;
	if (!take_number(&text, '\n', INT32_MAX, &version))
		return ERR_CORRUPT_LOG;
	if (version != 0)
		return ERR_FORMAT;
	if (!take_number(&text, '\n', EPOCHS_COUNT_MAX, &count))
		return ERR_CORRUPT_LOG;
	for (int64_t i = 0; i < count; i++) {
		int err = decode_line(epochs, &text);
		if (err < 0)
			return err;
	}
	return text.size == 0 ? 0 : ERR_CORRUPT_LOG;
}

int epochs_decode(struct epochs *epochs, struct slice text)
{
	epochs_fini(epochs);
	int err = decode(epochs, text);
	if (err < 0)
		epochs_fini(epochs);
	return err;
}

/* A number that the text's end may have cut short, and what ends it. False: these bytes begin no number. */
static bool take_beginning(struct slice *text, char end)
{
	size_t digits = 0;
	while (digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9')
		digits++;
	bool is_at_end = digits == text->size;
	if (!is_at_end && (digits == 0 || text->data[digits] != (uint8_t)end))
		return false;
	size_t taken = is_at_end ? digits : digits + 1;
	text->data += taken;
	text->size -= taken;
	return true;
}

bool epochs_is_torn(struct slice text)
{
	while (text.size && text.data[text.size - 1] == 0)
		text.size--;
	if (text.size && text.data[0] != '0')
		return false;
	bool is_torn = take_beginning(&text, '\n') && take_beginning(&text, '\n');
	while (is_torn && text.size)
		is_torn = take_beginning(&text, ' ') && take_beginning(&text, '\n');
	return is_torn;
}
