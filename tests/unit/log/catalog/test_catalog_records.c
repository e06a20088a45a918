/* Catalogs that were put together by hand: sound records that make no sense, or do not follow each other. And what an opening writes again, with the power failing
 * at each step of it. */
#include "tests/unit/log/catalog/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "log/catalog/catalog_file.h"
#include "log/catalog/catalog_priv.h"

static void write_log(struct machine *machine, const uint8_t *data, size_t size)
{
	int fd = io_file_open(machine->io, LOG_PATH, IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_truncate(machine->io, fd, 0), 0);
	cr_assert_eq(io_file_write(machine->io, fd, data, size, 0), (int64_t)size);
	cr_assert_eq(io_file_sync(machine->io, fd), 0);
	io_close_fd(machine->io, fd);
}

static void expect_refused(struct machine *machine, int err)
{
	struct slice before = read_log(machine);
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(machine_open(machine), err, "%s", machine->report.why);
		cr_assert_not_null(strstr(machine->report.why, LOG_PATH), "%s", machine->report.why);
		machine->catalog = NULL;
	}
	struct slice after = read_log(machine);
	cr_assert(before.size == after.size && memcmp(before.data, after.data, after.size) == 0, "it was changed");
	free((void *)before.data);
	free((void *)after.data);
}

/* One that never says whose directory it is. */
Test(catalog_records, of_nobody)
{
	struct machine machine;
	struct catalog_bytes bytes = {0};
	machine_init(&machine, 1);
	catalog_put_header(&bytes);
	catalog_begin(&bytes, CATALOG_OPENED, 1);
	catalog_put_u64(&bytes, 5);
	catalog_end(&bytes);
	write_log(&machine, bytes.data, bytes.size);
	free(bytes.data);
	expect_refused(&machine, ERR_FORMAT);
	machine_fini(&machine);
}

/* What is behind the records of a real catalog, as one whole record of this body. */
typedef void fill_fn(struct catalog_bytes *bytes, const struct uuid *topic_id);

/* A topic `t`, some producer ids given out, and a sound record behind it all: it is refused, and `why` says what for. */
static void append_record(enum catalog_kind kind, uint64_t skipped, fill_fn *fill, int err, const char *why)
{
	struct machine machine;
	int64_t first;
	machine_init(&machine, 2);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	struct uuid id = id_of(machine.catalog, "t");
	machine_close(&machine);
	machine_open_well(&machine);
	cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 10, &first), 0);
	machine_close(&machine);
	uint64_t due = machine.report.records + 3; /* the opening itself wrote one more, and the producer ids are one */
	struct slice log = read_log(&machine);
	struct catalog_bytes bytes = {0};
	catalog_put(&bytes, log.data, log.size);
	catalog_begin(&bytes, kind, due + skipped);
	fill(&bytes, &id);
	catalog_end(&bytes);
	write_log(&machine, bytes.data, bytes.size);
	free(bytes.data);
	free((void *)log.data);
	expect_refused(&machine, err);
	cr_assert_not_null(strstr(machine.report.why, why), "%s", machine.report.why);
	machine_fini(&machine);
}

static void fill_unknown(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	catalog_put_u32(bytes, 1);
	catalog_put(bytes, "sixteen bytes...", 16);
}

static void fill_topic(struct catalog_bytes *bytes, const struct uuid *id, const char *name)
{
	catalog_put_u32(bytes, 1);
	catalog_put(bytes, id->bytes, sizeof id->bytes);
	catalog_put_text(bytes, slice_of(name));
	catalog_put_u32(bytes, 1);
	catalog_put_u64(bytes, 1);
	catalog_put_u32(bytes, 0);
}

static void fill_same_id(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_topic(bytes, topic_id, "other"); }
static void fill_same_name(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_topic(bytes, &(struct uuid){{1, 2, 3}}, "t"); }
static void fill_no_producer_id(struct catalog_bytes *bytes, const struct uuid *topic_id) { catalog_put_u64(bytes, 0); }

static void fill_earlier_opening(struct catalog_bytes *bytes, const struct uuid *topic_id) { catalog_put_u64(bytes, 1); }
static void fill_last_opening(struct catalog_bytes *bytes, const struct uuid *topic_id) { catalog_put_u64(bytes, UINT64_MAX); }

/* `t` has as many. */
static void fill_no_growth(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	catalog_put(bytes, topic_id->bytes, sizeof topic_id->bytes);
	catalog_put_u32(bytes, 1);
}

/* Each topic's count is good, and with the partition of `t` they are one too many. */
static void fill_too_many_partitions(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	const uint32_t topics = CATALOG_PARTITIONS_MAX / TOPIC_PARTITIONS_MAX;
	catalog_put_u32(bytes, topics);
	for (uint32_t i = 0; i < topics; i++) {
		char name[16];
		snprintf(name, sizeof name, "large-%u", i);
		catalog_put(bytes, (struct uuid){{1, (uint8_t)i}}.bytes, sizeof topic_id->bytes);
		catalog_put_text(bytes, slice_of(name));
		catalog_put_u32(bytes, TOPIC_PARTITIONS_MAX);
		catalog_put_u64(bytes, 1);
		catalog_put_u32(bytes, 0);
	}
}

static void fill_opening_and_more(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	catalog_put_u64(bytes, 1000);
	catalog_put_u32(bytes, 7);
}

static void fill_deletion_and_more(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	catalog_put_u32(bytes, 1);
	catalog_put(bytes, topic_id->bytes, sizeof topic_id->bytes);
	catalog_put(bytes, "", 1);
}

static void fill_bad_name(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_topic(bytes, &(struct uuid){{1, 2, 3}}, "../t"); }
static void fill_no_id(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_topic(bytes, &(struct uuid){{0}}, "other"); }

/* A topic that says it has so many overrides, and a key and value of one, as far as they are not NULL. */
static void fill_overrides(struct catalog_bytes *bytes, uint32_t count, const char *key, const char *value)
{
	catalog_put_u32(bytes, 1);
	catalog_put(bytes, (struct uuid){{1, 2, 3}}.bytes, sizeof(struct uuid));
	catalog_put_text(bytes, slice_of("other"));
	catalog_put_u32(bytes, 1);
	catalog_put_u64(bytes, 1);
	catalog_put_u32(bytes, count);
	if (key)
		catalog_put_text(bytes, slice_of(key));
	if (value)
		catalog_put_text(bytes, slice_of(value));
}

static void fill_many_overrides(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_overrides(bytes, 1000000000, NULL, NULL); }
static void fill_no_override(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_overrides(bytes, 1, "segment.bytes", NULL); }
static void fill_unknown_override(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_overrides(bytes, 1, "segment.colour", "red"); }
static void fill_bad_override(struct catalog_bytes *bytes, const struct uuid *topic_id) { fill_overrides(bytes, 1, "segment.bytes", "many"); }

/* Its value would end behind the record. */
static void fill_long_override(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	fill_overrides(bytes, 1, "segment.bytes", NULL);
	catalog_put_u32(bytes, 7);
}

/* A setting whose value is neither there nor not. */
static void fill_bad_setting(struct catalog_bytes *bytes, const struct uuid *topic_id)
{
	catalog_put_u32(bytes, 1);
	catalog_put(bytes, "\1\7", 2);
	catalog_put_text(bytes, slice_of("name"));
	catalog_put_text(bytes, slice_of("key"));
	catalog_put_text(bytes, slice_of("value"));
}

Test(catalog_records, that_makes_no_sense) { append_record(CATALOG_DELETED, 0, fill_unknown, ERR_FORMAT, "not there"); }
Test(catalog_records, that_is_missing) { append_record(CATALOG_DELETED, 3, fill_unknown, ERR_CORRUPT_LOG, ""); }
Test(catalog_records, that_creates_an_id_again) { append_record(CATALOG_CREATED, 0, fill_same_id, ERR_FORMAT, "again"); }
Test(catalog_records, that_creates_a_name_again) { append_record(CATALOG_CREATED, 0, fill_same_name, ERR_FORMAT, "again"); }
Test(catalog_records, that_takes_producer_ids_back) { append_record(CATALOG_PRODUCER_IDS, 0, fill_no_producer_id, ERR_FORMAT, "go back"); }
Test(catalog_records, that_goes_back_to_an_opening) { append_record(CATALOG_OPENED, 0, fill_earlier_opening, ERR_FORMAT, "incarnation 1 follows"); }
Test(catalog_records, that_counts_openings_that_cannot_be) { append_record(CATALOG_OPENED, 0, fill_last_opening, ERR_FORMAT, "tells of"); }
Test(catalog_records, that_grows_nothing) { append_record(CATALOG_GROWN, 0, fill_no_growth, ERR_FORMAT, "gives topic t 1 partitions"); }
Test(catalog_records, that_names_no_topic)
{
	append_record(CATALOG_CREATED, 0, fill_bad_name, ERR_FORMAT, "names no topic");
	append_record(CATALOG_CREATED, 0, fill_no_id, ERR_FORMAT, "names no topic");
}
Test(catalog_records, that_has_overrides_that_cannot_be)
{
	append_record(CATALOG_CREATED, 0, fill_many_overrides, ERR_FORMAT, "overrides of a topic");
	append_record(CATALOG_CREATED, 0, fill_no_override, ERR_FORMAT, "cut short");
	append_record(CATALOG_CREATED, 0, fill_long_override, ERR_FORMAT, "cut short");
	append_record(CATALOG_CREATED, 0, fill_unknown_override, ERR_FORMAT, "unknown topic key");
	append_record(CATALOG_CREATED, 0, fill_bad_override, ERR_FORMAT, "segment.bytes");
	append_record(CATALOG_SETTINGS, 0, fill_bad_setting, ERR_FORMAT, "cut short");
}
Test(catalog_records, that_has_more_partitions_than_can_be)
{
	append_record(CATALOG_CREATED, 0, fill_too_many_partitions, ERR_FORMAT, "gives topic large-9 100000 partitions");
}
Test(catalog_records, that_is_longer_than_its_kind)
{
	append_record(CATALOG_OPENED, 0, fill_opening_and_more, ERR_FORMAT, "not of the size");
	append_record(CATALOG_DELETED, 0, fill_deletion_and_more, ERR_FORMAT, "not of the size");
}

/* A later version's record is whole, and is refused as one that was cut off would be forgotten. */
Test(catalog_records, that_is_of_a_later_kind)
{
	append_record(catalog_kind_count, 0, fill_unknown, ERR_FORMAT, "a later version");
	append_record(CATALOG_KIND_MAX, 0, fill_unknown, ERR_FORMAT, "a later version");
}

/* What is of no kind was never a record: at the end it is cut off as a torn one. */
Test(catalog_records, that_is_of_no_kind)
{
	static const enum catalog_kind kinds[] = {0, CATALOG_KIND_MAX + 1};
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct machine machine;
		struct catalog_bytes bytes = {0};
		machine_init(&machine, 4);
		machine_open_well(&machine);
		cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
		uint64_t due = machine.catalog->sequence + 1;
		machine_close(&machine);
		struct slice log = read_log(&machine);
		catalog_put(&bytes, log.data, log.size);
		catalog_begin(&bytes, kinds[i], due);
		fill_unknown(&bytes, NULL);
		catalog_end(&bytes);
		write_log(&machine, bytes.data, bytes.size);
		free(bytes.data);
		free((void *)log.data);
		machine_open_well(&machine);
		cr_expect_eq(partitions_of(machine.catalog, "t"), 1);
		machine_fini(&machine);
	}
}

/* How many partitions there are in all follows each change, in this life and the next, which has it from the records. */
Test(catalog_records, partitions_are_counted)
{
	struct machine machine;
	machine_init(&machine, 5);
	machine_open_well(&machine);
	cr_assert_eq(create_one(machine.catalog, "t", 3), 0);
	cr_assert_eq(create_one(machine.catalog, "u", 5), 0);
	struct uuid id = id_of(machine.catalog, "t");
	cr_assert_eq(catalog_grow_topic(machine.catalog, &id, 10), 0);
	cr_assert_eq(delete_one(machine.catalog, "u"), 0);
	cr_expect_eq(machine.catalog->state.partition_total, 10);
	machine_close(&machine);
	machine_open_well(&machine);
	cr_expect_eq(machine.catalog->state.partition_total, 10);
	machine_fini(&machine);
}

/* No two reservations overlap, in one life or two. */
Test(catalog_records, producer_ids_once)
{
	struct machine machine;
	int64_t first, due = 0;
	machine_init(&machine, 3);
	for (int life = 0; life < 3; life++) {
		machine_open_well(&machine);
		for (int i = 0; i < 3; i++, due = first + 10) {
			cr_assert_eq(catalog_reserve_producer_ids(machine.catalog, 10, &first), 0);
			cr_assert_geq(first, due);
		}
		machine_close(&machine);
	}
	machine_fini(&machine);
}

/* A record whose sync failed is there, in the system's memory alone. The next opening writes it again; the power fails at each step of that, and behind it: the file
 * can be opened, and what was acknowledged before is in it. */
Test(catalog_records, written_again_at_every_step, .timeout = 60)
{
	bool is_over = false;
	for (uint64_t k = 1; !is_over; k++) {
		for (uint64_t seed = 1; seed <= 30; seed++) {
			struct machine machine;
			char name[200];
			machine_init(&machine, seed);
			machine_open_well(&machine);
			memset(name, 'u', sizeof name);
			name[sizeof name - 1] = 0;
			for (int i = 0; i < 2; i++) {
				name[0] = (char)('a' + i);
				cr_assert_eq(create_one(machine.catalog, name, 1), 0);
			}
			for (int i = 2; i < 6; i++) { /* several sectors of them */
				name[0] = (char)('a' + i);
				if (i == 2)
					sim_disk_fail(machine.disk, 2, EIO);
				cr_assert_eq(create_one(machine.catalog, name, 1), i == 2 ? -EIO : ERR_FAILED);
			}
			machine_close(&machine);
			uint64_t before = sim_disk_io_count(machine.disk);
			sim_disk_cut_power(machine.disk, k);
			int err = machine_open(&machine);
			is_over = sim_disk_io_count(machine.disk) < before + k;
			if (err)
				machine.catalog = NULL;
			sim_disk_cut_power(machine.disk, 0);
			machine_crash(&machine);
			machine_open_well(&machine);
			for (int i = 0; i < 2; i++) {
				name[0] = (char)('a' + i);
				cr_assert_eq(partitions_of(machine.catalog, name), 1);
			}
			machine_fini(&machine);
		}
	}
}

/* The same with a record of many sectors, whose writer was killed before he had synced it: they must be there before anything is behind them, or what is behind
 * them makes the file a damaged one, which is opened by nobody. */
static void write_unsynced(struct machine *machine, struct slice synced, struct slice whole)
{
	write_log(machine, synced.data, synced.size);
	int fd = io_file_open(machine->io, LOG_PATH, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_write(machine->io, fd, whole.data + synced.size, whole.size - synced.size, synced.size), (int64_t)(whole.size - synced.size));
	io_close_fd(machine->io, fd);
}

static void create_many(struct machine *machine, uint32_t count)
{
	char names[16][200];
	struct topic_spec specs[16];
	int errs[16];
	for (uint32_t i = 0; i < count; i++) {
		memset(names[i], 'a' + (int)i, sizeof names[i] - 1);
		names[i][sizeof names[i] - 1] = 0;
		specs[i] = (struct topic_spec){.name = slice_of(names[i]), .partition_count = 1};
	}
	cr_assert_eq(catalog_create_topics(machine->catalog, specs, count, errs), 0);
}

/* The power fails now, and one sector, size or name is lost of all that may be. */
static void lose_each_here(void *context)
{
	struct machine *machine = context;
	struct sim_crash *crash = sim_crash_look(machine->disk);
	uint32_t outcomes[64], count = sim_crash_items(crash);
	cr_assert_leq(count, COUNT_OF(outcomes));
	for (uint32_t lost = 0; lost < count; lost++) {
		for (uint32_t i = 0; i < count; i++)
			outcomes[i] = i == lost ? 0 : sim_crash_outcomes(crash, i) - 1;
		struct machine other = {.disk = sim_crash_make(crash, outcomes), .broker = machine->broker};
		power_on(&other);
		machine_open_well(&other);
		uint32_t topics = topic_count(other.catalog);
		cr_assert(topics == 0 || topics == 12, "%u topics", topics);
		machine_close(&other);
		io_close(other.io);
		sim_disk_close(other.disk);
	}
	sim_crash_close(crash);
}

Test(catalog_records, long_ones_written_again_at_every_step)
{
	struct machine machine;
	machine_init(&machine, 1);
	machine_open_well(&machine);
	struct slice synced = read_log(&machine);
	create_many(&machine, 12);
	machine_close(&machine);
	struct slice whole = read_log(&machine);
	write_unsynced(&machine, synced, whole);
	sim_disk_on_io(machine.disk, lose_each_here, &machine);
	machine_open_well(&machine);
	sim_disk_on_io(machine.disk, NULL, NULL);
	cr_assert_eq(topic_count(machine.catalog), 12);
	free((void *)synced.data);
	free((void *)whole.data);
	machine_fini(&machine);
}

/* What would make the file longer than an opening reads is refused, and nothing of it is written. */
Test(catalog_records, that_would_not_be_read_again)
{
	struct machine machine;
	machine_init(&machine, 1);
	machine_open_well(&machine);
	uint64_t end = machine.catalog->end, written = sim_disk_io_count(machine.disk);
	machine.catalog->end = ((uint64_t)1 << 30) - 20;
	cr_assert_eq(create_one(machine.catalog, "t", 1), -EFBIG);
	cr_assert_eq(sim_disk_io_count(machine.disk), written);
	machine.catalog->end = end;
	cr_assert_eq(create_one(machine.catalog, "t", 1), 0);
	machine_fini(&machine);
}
