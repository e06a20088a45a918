/* Whose quota holds for whom: the encoding of entities, Kafka's precedence, and addresses. */
#include "net/quota/quota_rules.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "log/io/sim.h"

/* ---- entities -------------------------------------------------------------------------------------------- */

#define NO_PART ((const char *)1)

static struct quota_entity entity_of(const char *client_id, const char *user, const char *ip)
{
	const char *names[quota_part_count] = {client_id, user, ip};
	struct quota_entity entity = {0};
	for (int part = 0; part < quota_part_count; part++) {
		entity.has[part] = names[part] != NO_PART;
		if (entity.has[part] && names[part])
			entity.names[part] = slice_from(names[part]);
	}
	return entity;
}

/* Every combination comes back; cut off, or with any byte of its frame changed, it is another or none. */
Test(quota_entity, encoding)
{
	static const char *const choices[] = {NO_PART, NULL, "", "a name"};
	uint8_t bytes[64];
	for (int c = 0; c < 64; c++) {
		struct quota_entity in = entity_of(choices[c % 4], choices[c / 4 % 4], choices[c / 16]), out;
		size_t size = quota_entity_encode(&in, bytes, sizeof bytes);
		cr_assert_eq(size == 0, c == 0);
		cr_expect_eq(quota_entity_encode(&in, bytes, size > 0 ? size - 1 : 0), 0, "no room");
		cr_assert_eq(quota_entity_decode((struct slice){bytes, size}, &out), c == 0 ? ERR_FORMAT : 0);
		for (int part = 0; c && part < quota_part_count; part++) {
			cr_expect_eq(out.has[part], in.has[part]);
			cr_expect_eq(out.names[part].data == NULL, in.names[part].data == NULL);
			cr_expect(slice_equal(out.names[part], in.names[part]));
		}
		for (size_t cut = 1; cut < size; cut++)
			if (quota_entity_decode((struct slice){bytes, cut}, &out) == 0)
				cr_expect_eq(quota_entity_encode(&out, (uint8_t[64]){0}, 64), cut, "what is accepted is what would be written");
	}
}

static void expect_none(const char *bytes, size_t size)
{
	struct quota_entity out;
	cr_expect_eq(quota_entity_decode((struct slice){(const uint8_t *)bytes, size}, &out), ERR_FORMAT);
}

/* Bytes that are no entity: an unknown part, a part that comes twice or too early, a default with a name, lengths that lie. */
Test(quota_entity, broken)
{
	expect_none("\3\0\0\1a", 5);
	expect_none("\0\1\0\0\0\1\0\0", 8);
	expect_none("\1\1\0\0\0\1\0\0", 8);
	expect_none("\0\2\0\0", 4);
	expect_none("\0\1\0\1a", 5);
	expect_none("\0\0\0\2a", 5);
	expect_none("\0\0\377\377a", 5);
}

/* ---- precedence ------------------------------------------------------------------------------------------ */

struct catalog_fixture {
	struct sim_disk *disk;
	struct io *io;
	struct broker_config *broker;
	struct catalog *catalog;
};

static void open_catalog(struct catalog_fixture *fixture)
{
	struct catalog_report report;
	fixture->disk = sim_disk_open(1);
	struct io_options options = {.backend = IO_SIM, .disk = fixture->disk, .seed = 1};
	cr_assert_eq(io_open(&fixture->io, &options), 0);
	cr_assert_eq(broker_config_create(&fixture->broker), 0);
	cr_assert_eq(io_dir_make(fixture->io, "/data"), 0);
	cr_assert_eq(catalog_open(&fixture->catalog, fixture->io, "/data", fixture->broker, &report), 0, "%s", report.why);
}

static void close_catalog(struct catalog_fixture *fixture)
{
	catalog_close(fixture->catalog);
	broker_config_destroy(fixture->broker);
	io_close(fixture->io);
	sim_disk_close(fixture->disk);
}

/* 0: it is removed. */
static void set_quota(struct catalog_fixture *fixture, struct quota_entity entity, enum quota_kind kind, double value)
{
	uint8_t name[1000], bytes[QUOTA_VALUE_SIZE];
	struct slice text = {bytes, sizeof bytes};
	quota_value_encode(value, bytes);
	struct setting_change change = {.type = SETTING_QUOTA, .key = slice_from(quota_keys[kind].name), .value = value > 0 ? &text : NULL};
	change.name = (struct slice){name, quota_entity_encode(&entity, name, sizeof name)};
	cr_assert_eq(catalog_change_settings(fixture->catalog, &change, 1), 0);
}

/* Eight quotas, the most specific one last removed first: each time the next one holds, for the client or for all of its user. Other clients,
 * other users and other kinds have nothing to do with it. */
Test(quota_rules, precedence)
{
	static const struct { const char *client_id, *user; bool is_of_client; } rows[] = {
		{"c", "ANONYMOUS", true}, {NULL, "ANONYMOUS", true}, {NO_PART, "ANONYMOUS", false},
		{"c", NULL, true}, {NULL, NULL, true}, {NO_PART, NULL, false},
		{"c", NO_PART, true}, {NULL, NO_PART, true},
	};
	struct catalog_fixture fixture;
	struct quota_rule rule;
	open_catalog(&fixture);
	set_quota(&fixture, entity_of("c", "somebody else", NO_PART), QUOTA_FETCH, 77);
	set_quota(&fixture, entity_of("another", "ANONYMOUS", NO_PART), QUOTA_FETCH, 78);
	set_quota(&fixture, entity_of("c", "ANONYMOUS", NO_PART), QUOTA_PRODUCE, 79);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		set_quota(&fixture, entity_of(rows[i].client_id, rows[i].user, NO_PART), QUOTA_FETCH, 100 + (double)i);
	for (size_t i = 0; i <= COUNT_OF(rows); i++) {
		const struct catalog_image *image = catalog_image_acquire(fixture.catalog);
		bool is_found = quota_rule_of_client(image, QUOTA_FETCH, slice_from("c"), &rule);
		cr_expect_eq(is_found, i < COUNT_OF(rows), "row %zu", i);
		cr_expect_eq(quota_rules_kinds(image), 1u << QUOTA_FETCH | 1u << QUOTA_PRODUCE);
		if (i < COUNT_OF(rows)) {
			cr_expect_eq(rule.limit, 100 + (double)i, "row %zu", i);
			cr_expect_eq(rule.is_of_client, rows[i].is_of_client, "row %zu", i);
			set_quota(&fixture, entity_of(rows[i].client_id, rows[i].user, NO_PART), QUOTA_FETCH, 0);
		}
		catalog_image_release(image);
	}
	close_catalog(&fixture);
}

/* A client without an id is one with an empty id: the default holds for it. */
Test(quota_rules, no_client_id)
{
	struct catalog_fixture fixture;
	struct quota_rule rule;
	open_catalog(&fixture);
	set_quota(&fixture, entity_of("c", NO_PART, NO_PART), QUOTA_FETCH, 5);
	const struct catalog_image *image = catalog_image_acquire(fixture.catalog);
	cr_expect_not(quota_rule_of_client(image, QUOTA_FETCH, (struct slice){0}, &rule));
	catalog_image_release(image);
	set_quota(&fixture, entity_of(NULL, NO_PART, NO_PART), QUOTA_FETCH, 6);
	image = catalog_image_acquire(fixture.catalog);
	cr_assert(quota_rule_of_client(image, QUOTA_FETCH, (struct slice){0}, &rule));
	cr_expect_eq(rule.limit, 6);
	catalog_image_release(image);
	close_catalog(&fixture);
}

/* ---- addresses ------------------------------------------------------------------------------------------- */

static double limit_of(const struct quota_addresses *addresses, const char *text)
{
	uint8_t address[QUOTA_ADDRESS_SIZE];
	cr_assert(quota_address_parse(slice_from(text), address), "%s", text);
	return quota_address_limit(addresses, address);
}

/* However an address is written; and the default of all others. */
Test(quota_rules, addresses)
{
	struct catalog_fixture fixture;
	open_catalog(&fixture);
	set_quota(&fixture, entity_of(NO_PART, NO_PART, "127.1"), QUOTA_CONNECTION, 1);
	set_quota(&fixture, entity_of(NO_PART, NO_PART, "0:0:0:0:0:0:0:1"), QUOTA_CONNECTION, 2);
	set_quota(&fixture, entity_of(NO_PART, NO_PART, "10.0.0.7"), QUOTA_CONNECTION, 3);
	set_quota(&fixture, entity_of("10.0.0.8", NO_PART, NO_PART), QUOTA_PRODUCE, 4);
	const struct catalog_image *image = catalog_image_acquire(fixture.catalog);
	struct quota_addresses *addresses = quota_addresses_create(image);
	cr_expect_eq(limit_of(addresses, "127.0.0.1"), 1);
	cr_expect_eq(limit_of(addresses, "::1"), 2);
	cr_expect_eq(limit_of(addresses, "::ffff:10.0.0.7"), 3);
	cr_expect_eq(limit_of(addresses, "10.0.0.8"), 0);
	quota_addresses_destroy(addresses);
	catalog_image_release(image);
	set_quota(&fixture, entity_of(NO_PART, NO_PART, NULL), QUOTA_CONNECTION, 9);
	image = catalog_image_acquire(fixture.catalog);
	addresses = quota_addresses_create(image);
	cr_expect_eq(limit_of(addresses, "10.0.0.8"), 9);
	cr_expect_eq(limit_of(addresses, "10.0.0.7"), 3);
	quota_addresses_destroy(addresses);
	catalog_image_release(image);
	close_catalog(&fixture);
}

/* What is no address. */
Test(quota_rules, no_addresses)
{
	static const char *const texts[] = {"", "localhost", "1.2.3.4 ", "1.2.3.256", "::1::", "1.2.3.4.5", "x"};
	uint8_t address[QUOTA_ADDRESS_SIZE];
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		cr_expect_not(quota_address_parse(slice_from(texts[i]), address), "%s", texts[i]);
}
