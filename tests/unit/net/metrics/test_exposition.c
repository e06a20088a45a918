/* The text of a scrape: what a parser insists on, whatever clients call their topics and groups. */
#include "net/metrics/exposition.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "net/wire/cursor.h"

static char *text_of(struct exposition *exposition)
{
	size_t size;
	char *text = exposition_take(exposition, &size);
	cr_assert_not_null(text);
	text = realloc(text, size + 1);
	text[size] = 0;
	exposition_fini(exposition);
	return text;
}

static void assert_text(struct exposition *exposition, const char *wanted)
{
	char *text = text_of(exposition);
	cr_assert_str_eq(text, wanted);
	free(text);
}

static const struct labels *label(const char *name, struct slice value)
{
	static struct labels labels;
	labels_clear(&labels);
	labels_add(&labels, name, value);
	return &labels;
}

/* A family has one HELP and one TYPE line, before all its samples, in whatever order these came. */
Test(exposition, heads_stand_once)
{
	struct exposition exposition;
	exposition_init(&exposition, false);
	exposition_add(&exposition, FAMILY_BROKERS, NULL, 1);
	exposition_add(&exposition, FAMILY_TOPIC_PARTITIONS, label("topic", slice_from("a")), 2);
	exposition_add(&exposition, FAMILY_RSS, NULL, 4096);
	exposition_add(&exposition, FAMILY_TOPIC_PARTITIONS, label("topic", slice_from("b")), 3);
	assert_text(&exposition, "# HELP process_resident_memory_bytes Memory of the process that is resident.\n"
				 "# TYPE process_resident_memory_bytes gauge\n"
				 "process_resident_memory_bytes 4096\n"
				 "# HELP kafka_brokers Brokers in the cluster.\n"
				 "# TYPE kafka_brokers gauge\n"
				 "kafka_brokers 1\n"
				 "# HELP kafka_topic_partitions Partitions of the topic.\n"
				 "# TYPE kafka_topic_partitions gauge\n"
				 "kafka_topic_partitions{topic=\"a\"} 2\n"
				 "kafka_topic_partitions{topic=\"b\"} 3\n");
}

/* A counter's samples end in _total; OpenMetrics calls the family without it, and ends with # EOF. */
Test(exposition, counters_in_both_formats)
{
	struct exposition exposition;
	exposition_init(&exposition, false);
	exposition_add_real(&exposition, FAMILY_CPU, NULL, 1.5);
	assert_text(&exposition, "# HELP process_cpu_seconds_total Processor time of the process, user and system.\n"
				 "# TYPE process_cpu_seconds_total counter\n"
				 "process_cpu_seconds_total 1.5\n");
	exposition_init(&exposition, true);
	exposition_add_real(&exposition, FAMILY_CPU, NULL, 1.5);
	assert_text(&exposition, "# HELP process_cpu_seconds Processor time of the process, user and system.\n"
				 "# TYPE process_cpu_seconds counter\n"
				 "process_cpu_seconds_total 1.5\n"
				 "# EOF\n");
}

/* Nothing was told: nothing is written. */
Test(exposition, empty)
{
	struct exposition exposition;
	exposition_init(&exposition, false);
	assert_text(&exposition, "");
	exposition_init(&exposition, true);
	assert_text(&exposition, "# EOF\n");
}

/* Label values are names that clients chose: they stay one line of valid UTF-8, and different names stay different. */
Test(exposition, labels_are_escaped)
{
	static const struct {
		struct slice value;
		const char *wanted;
	} cases[] = {
#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
		{BYTES(""), "x=\"\""},
		{BYTES("plain.name-1_"), "x=\"plain.name-1_\""},
		{BYTES("a\"b\\c\nd"), "x=\"a\\\"b\\\\c\\nd\""},
		{BYTES("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"), "x=\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""},
		{BYTES("a\0b\r\t\x7f"), "x=\"a\\\\x00b\\\\x0d\\\\x09\\\\x7f\""},
		{BYTES("\xff\xc3"), "x=\"\\\\xff\\\\xc3\""},                        /* no character; one cut short */
		{BYTES("\xc0\x80\xe0\x80\x80"), "x=\"\\\\xc0\\\\x80\\\\xe0\\\\x80\\\\x80\""}, /* overlong */
		{BYTES("\xed\xa0\x80"), "x=\"\\\\xed\\\\xa0\\\\x80\""},             /* a surrogate */
		{BYTES("\xf4\x90\x80\x80"), "x=\"\\\\xf4\\\\x90\\\\x80\\\\x80\""},  /* beyond Unicode */
		{BYTES("\xc2\x85"), "x=\"\\\\xc2\\\\x85\""},                        /* a control character that some take for a line's end */
		{BYTES("\\xff"), "x=\"\\\\x5cxff\""},                               /* not the byte 0xff */
#undef BYTES
	};
	struct labels labels;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		labels_clear(&labels);
		labels_add(&labels, "x", cases[i].value);
		cr_expect(!labels.is_cut && labels.size == strlen(cases[i].wanted) && memcmp(labels.text, cases[i].wanted, labels.size) == 0,
			  "case %zu: %.*s", i, (int)labels.size, labels.text);
	}
}

/* Several labels, numbers among them. */
Test(exposition, several_labels)
{
	struct labels labels;
	labels_clear(&labels);
	labels_add(&labels, "topic", slice_from("t"));
	labels_add_number(&labels, "partition", 12);
	cr_assert_eq(labels.size, strlen("topic=\"t\",partition=\"12\""));
	cr_assert_eq(memcmp(labels.text, "topic=\"t\",partition=\"12\"", labels.size), 0);
}

/* A name that does not fit is left out, not cut: cut it could be another's, and a series would be there twice. */
Test(exposition, too_long_a_name_is_left_out)
{
	static uint8_t name[5000];
	struct exposition exposition;
	memset(name, 'a', sizeof name);
	exposition_init(&exposition, false);
	exposition_add(&exposition, FAMILY_GROUP_MEMBERS, label("consumergroup", (struct slice){name, sizeof name}), 1);
	assert_text(&exposition, "");
}

/* Buckets are cumulative, +Inf is the count; the bounds are floats, as OpenMetrics wants them. */
Test(exposition, histogram)
{
	static const double bounds[] = {0.0005, 0.25, 1};
	static const uint64_t counts[] = {3, 0, 2, 1};
	struct exposition exposition;
	exposition_init(&exposition, false);
	exposition_add_histogram(&exposition, FAMILY_REQUEST_TIME, label("request", slice_from("Fetch")), bounds, counts, 3, 4.25);
	char *text = text_of(&exposition);
	const char *samples = strstr(text, "\nspate_") + 1;
	cr_assert_str_eq(samples, "spate_request_duration_seconds_bucket{request=\"Fetch\",le=\"0.0005\"} 3\n"
				  "spate_request_duration_seconds_bucket{request=\"Fetch\",le=\"0.25\"} 3\n"
				  "spate_request_duration_seconds_bucket{request=\"Fetch\",le=\"1.0\"} 5\n"
				  "spate_request_duration_seconds_bucket{request=\"Fetch\",le=\"+Inf\"} 6\n"
				  "spate_request_duration_seconds_count{request=\"Fetch\"} 6\n"
				  "spate_request_duration_seconds_sum{request=\"Fetch\"} 4.25\n");
	cr_assert_null(strstr(samples, "#"));
	free(text);
}

/* Beyond its bound there is no text at all, rather than half of one. */
Test(exposition, is_bounded)
{
	struct exposition exposition;
	struct labels labels;
	char name[4000];
	memset(name, 'n', sizeof name);
	labels_clear(&labels);
	labels_add(&labels, "topic", (struct slice){(uint8_t *)name, sizeof name});
	exposition_init(&exposition, false);
	for (uint32_t i = 0; i < EXPOSITION_SIZE_MAX / sizeof name + 1; i++)
		exposition_add(&exposition, FAMILY_TOPIC_PARTITIONS, &labels, i);
	size_t size;
	cr_assert_null(exposition_take(&exposition, &size));
	exposition_fini(&exposition);
}
