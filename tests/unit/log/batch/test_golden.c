/* Batches that the Java client and librdkafka produced, recorded from a real Kafka (tests/golden/batches/README.md): each passes
 * validation as if it came from the wire, and holds the records that were sent. Run from the repository's root. */
#include "log/batch/record_iter.h"
#include "tests/unit/log/batch/sample.h"

struct expected {
	char key[32], value[128], header[8]; /* header: the value of h1; "" = no headers */
};

static struct expected expect_numbered(int number, bool is_java)
{
	struct expected out;
	snprintf(out.key, sizeof out.key, "key-%d", number);
	snprintf(out.value, sizeof out.value, "the same text again and again, record %d of forty", number);
	snprintf(out.header, sizeof out.header, is_java ? "%d" : "a", number);
	return out;
}

static struct expected expect_record(bool is_java, int64_t offset)
{
	static const struct expected java[] = {
		{"key-1", "value one", "a"},
		{"key-2", "value two, value two, value two, value two, value two, value two", "b"},
		{"key-3", "value three", ""},
	};
	static const struct expected rdkafka = {"first", "creates the topic", ""};
	if (is_java)
		return offset < 3 ? java[offset] : expect_numbered((int)offset - 2, true);
	return offset == 0 ? rdkafka : expect_numbered((int)offset, false);
}

static size_t load_hex(const char *path, uint8_t *out, size_t capacity)
{
	FILE *file = fopen(path, "r");
	size_t size = 0;
	unsigned byte;
	cr_assert_not_null(file, "%s: run from the repository's root", path);
	while (fscanf(file, "%2x", &byte) == 1) {
		cr_assert_lt(size, capacity);
		out[size++] = (uint8_t)byte;
	}
	fclose(file);
	return size;
}

static void expect_text(struct slice actual, const char *expected)
{
	cr_assert_eq(actual.size, strlen(expected), "expected '%s'", expected);
	cr_assert_eq(memcmp(actual.data, expected, actual.size), 0, "expected '%s'", expected);
}

static void expect_fields(const struct record *record, const struct expected *expected, bool is_java, int64_t offset)
{
	struct slice rest = record->headers;
	struct record_header header;
	cr_assert_eq(record->offset, offset);
	expect_text(record->key, expected->key);
	expect_text(record->value, expected->value);
	bool has_header = record_header_next(&rest, &header);
	if (is_java && offset == 2) {
		cr_assert(has_header);
		expect_text(header.key, "h3");
		return;
	}
	cr_assert_eq(has_header, expected->header[0] != 0);
	if (!has_header)
		return;
	expect_text(header.key, "h1");
	expect_text(header.value, expected->header);
}

/* As produced: the broker's stamp of offset and epoch taken off. Then stored again, and walked. */
static void expect_batch(struct batch_workspace *workspace, uint8_t *bytes, const struct batch *batch, bool is_java, int64_t *offset)
{
	struct batch_rules rules = sample_rules();
	struct batch_verdict verdict;
	struct record_iter iter;
	struct record record;
	rules.now_ms = batch->max_timestamp_ms;
	batch_stamp_offset(bytes, 0, -1);
	cr_assert_eq(records_check_single_batch((struct slice){bytes, batch->size_bytes}), 0);
	cr_assert_eq(batch_validate(workspace, bytes, batch->size_bytes, &rules, &verdict), 0, "%s", verdict.message);
	cr_assert_not(verdict.needs_rebuild);
	cr_assert_eq(verdict.batch.crc, batch->crc);
	batch_stamp_offset(bytes, batch->base_offset, batch->leader_epoch);
	cr_assert_eq(batch->base_offset, *offset);
	cr_assert_eq(record_iter_open(&iter, workspace, (struct slice){bytes, batch->size_bytes}), 0);
	for (; *offset < batch_next_offset(batch); ++*offset) {
		struct expected expected = expect_record(is_java, *offset);
		cr_assert_eq(record_iter_next(&iter, &record), 1);
		expect_fields(&record, &expected, is_java, *offset);
	}
	cr_assert_eq(record_iter_next(&iter, &record), 0);
	record_iter_close(&iter);
}

static void expect_file(struct batch_workspace *workspace, const char *client, unsigned codec)
{
	static uint8_t bytes[16384];
	char path[128];
	snprintf(path, sizeof path, "tests/golden/batches/%s-%s.hex", client, batch_codec_name(codec));
	size_t size = load_hex(path, bytes, sizeof bytes);
	bool is_java = strcmp(client, "java") == 0, has_codec = false;
	int64_t offset = 0;
	for (size_t at = 0; at < size;) {
		struct batch batch;
		cr_assert_eq(batch_parse_checked((struct slice){bytes + at, size - at}, &batch), 0);
		cr_assert_eq(batch_has_producer(&batch), is_java);
		has_codec |= batch_codec(&batch) == codec;
		expect_batch(workspace, bytes + at, &batch, is_java, &offset);
		at += batch.size_bytes;
	}
	cr_expect_eq(offset, is_java ? 43 : 41);
	cr_expect(has_codec, "%s holds no batch of that codec", path);
}

/* Every codec of both clients, with a window smaller than their records and a usual one. */
Test(golden, real_producers)
{
	static const size_t windows[] = {48, COMPRESS_WINDOW_SIZE};
	for (size_t w = 0; w < COUNT_OF(windows); w++) {
		struct batch_workspace *workspace;
		cr_assert_eq(batch_workspace_open(&workspace, windows[w]), 0);
		for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
			expect_file(workspace, "java", codec);
			expect_file(workspace, "rdkafka", codec);
		}
		batch_workspace_close(workspace);
	}
}
