/* libFuzzer: a partition of __consumer_offsets may hold any bytes. The input is a list of records; a coordinator is loaded from it,
 * and must end up with a state that it can write as a snapshot, from which another coordinator comes to the same state: its snapshot has the same
 * records. What decodes alone must encode again.
 *
 * A record of the input: a byte of flags (1: no value; 2: the first byte of the key picks a known kind), an int16 size of the key, an int16 size
 * of the value, and their bytes. Good first inputs: the golden keys and values of tests/golden/messages.txt. */
#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/err.h"
#include "log/io/sim.h"
#include "net/group/coordinator.h"
#include "net/group/group_record.h"

#include <stdlib.h>

#define SNAPSHOT_MAX ((size_t)4 << 20)
#define DAY_NS ((uint64_t)86400 * 1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int16_t kinds[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 16};
static struct coordinator_config config;
static struct catalog *catalog;
static const struct catalog_image *image;

/* A catalog with two topics, on a disk that is not there. */
static void open_world(void)
{
	struct io *io;
	struct broker_config *broker;
	struct catalog_report report;
	struct io_options options = {.backend = IO_SIM, .disk = sim_disk_open(1), .seed = 1};
	CHECK(broker_config_create(&broker) == 0 && io_open(&io, &options) == 0 && io_dir_make(io, "/d") == 0);
	CHECK(catalog_open(&catalog, io, "/d", broker, &report) == 0);
	struct topic_spec specs[] = {{.name = {(const uint8_t *)"a", 1}, .partition_count = 3}, {.name = {(const uint8_t *)"b", 1}, .partition_count = 1}};
	int errs[2];
	CHECK(catalog_create_topics(catalog, specs, 2, errs) == 0);
	image = catalog_image_acquire(catalog);
	coordinator_config_from(&config, broker);
}

static struct coordinator *open_coordinator(void)
{
	struct coordinator *coordinator;
	CHECK(coordinator_open(&coordinator, &config, image, 1) == 0);
	return coordinator;
}

static void check_alone(struct slice key, struct slice value)
{
	struct arena arena;
	struct group_message message;
	struct slice key_again, value_again;
	arena_init(&arena, NULL, 0, 1 << 20);
	if (group_record_decode(&message, key, value, &arena) == 0 && message.kind != GROUP_RECORD_UNKNOWN)
		CHECK(group_record_encode(&message, &arena, &key_again, &value_again) == 0 || arena.overflow);
	arena_fini(&arena);
}

static void replay(struct coordinator *coordinator, struct slice key, struct slice value)
{
	int err = coordinator_replay(coordinator, key, value);
	CHECK(err == 0 || err == ERR_FORMAT);
}

static void replay_input(struct coordinator *coordinator, uint8_t *at, uint8_t *end)
{
	while (end - at >= 7) {
		uint8_t flags = at[0];
		size_t key_size = (size_t)at[1] << 8 | at[2], value_size = (size_t)at[3] << 8 | at[4];
		at += 5;
		if (key_size > (size_t)(end - at))
			key_size = (size_t)(end - at);
		if (value_size > (size_t)(end - at) - key_size)
			value_size = (size_t)(end - at) - key_size;
		if (flags & 2 && key_size >= 2) {
			at[1] = (uint8_t)kinds[at[0] % COUNT_OF(kinds)];
			at[0] = 0;
		}
		struct slice key = {at, key_size}, value = {flags & 1 ? NULL : at + key_size, flags & 1 ? 0 : value_size};
		check_alone(key, value);
		replay(coordinator, key, value);
		at += key_size + value_size;
	}
}

/* The size and the bytes of each key and value, one behind the other. */
static void put_slice(struct slice bytes, uint8_t *out, size_t *size)
{
	CHECK(*size + 4 + bytes.size <= SNAPSHOT_MAX);
	store_be32(out + *size, bytes.data ? (uint32_t)bytes.size : UINT32_MAX);
	if (bytes.size)
		memcpy(out + *size + 4, bytes.data, bytes.size);
	*size += 4 + bytes.size;
}

static void take_outbox(struct coordinator *coordinator, uint8_t *out, size_t *size)
{
	struct group_outbox *outbox = coordinator_outbox(coordinator);
	CHECK(!outbox->is_out_of_memory && list_is_empty(&outbox->finished));
	for (const struct group_record *record = outbox->records; out && record; record = record->next) {
		put_slice(record->key, out, size);
		put_slice(record->value, out, size);
	}
	group_outbox_clear(outbox);
}

static size_t snapshot(struct coordinator *coordinator, uint8_t *out)
{
	size_t size = 0;
	bool more = true;
	for (coordinator_snapshot_begin(coordinator); more;) {
		more = coordinator_snapshot_next(coordinator);
		take_outbox(coordinator, out, &size);
	}
	return size;
}

static struct slice next_slice(const uint8_t *in, size_t *at)
{
	uint32_t size = load_be32(in + *at);
	const uint8_t *bytes = in + *at + 4;
	*at += 4 + (size == UINT32_MAX ? 0 : size);
	return (struct slice){size == UINT32_MAX ? NULL : bytes, size == UINT32_MAX ? 0 : size};
}

static void replay_snapshot(struct coordinator *coordinator, const uint8_t *in, size_t size)
{
	for (size_t at = 0; at < size;) {
		struct slice key = next_slice(in, &at);
		struct slice value = next_slice(in, &at);
		CHECK(coordinator_replay(coordinator, key, value) == 0);
	}
}

/* Time takes all that it can: no tick may crash, and each must move the deadline. */
static void pass_years(struct coordinator *coordinator, struct group_clock clock)
{
	for (int day = 0; day < 9; day++) {
		clock.now_ns += DAY_NS;
		clock.wall_ms += DAY_NS / 1000000;
		coordinator_tick(coordinator, clock);
		take_outbox(coordinator, NULL, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first_bytes[SNAPSHOT_MAX], second_bytes[SNAPSHOT_MAX];
	struct group_clock clock = {.now_ns = 1000, .wall_ms = 1700000000000};
	if (!catalog)
		open_world();
	uint8_t *copy = malloc(size + 1);
	memcpy(copy, data, size);
	struct coordinator *first = open_coordinator(), *second = open_coordinator();
	replay_input(first, copy, copy + size);
	free(copy);
	coordinator_loaded(first, clock);
	take_outbox(first, NULL, NULL);
	size_t first_size = snapshot(first, first_bytes);
	replay_snapshot(second, first_bytes, first_size);
	coordinator_loaded(second, clock);
	take_outbox(second, NULL, NULL);
	size_t second_size = snapshot(second, second_bytes);
	CHECKF(first_size == second_size && memcmp(first_bytes, second_bytes, first_size) == 0, "%zu and %zu bytes", first_size, second_size);
	pass_years(second, clock);
	coordinator_close(first);
	coordinator_close(second);
	return 0;
}
