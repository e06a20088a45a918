/* The precedence of Kafka (its ClientQuotaManager), most specific first:
 *
 *	this user and this client id, this user and any client id, this user,
 *	any user and this client id, any user and any client id, any user,
 *	this client id, any client id
 *
 * Each is one look-up in the catalog's sorted settings: there is nothing to build, nothing to keep up to date, and nothing to pay for while
 * there are no quotas. */
#include "net/quota/quota_rules.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* ---- clients ------------------------------------------------------------------------------------------- */

enum part_choice { PART_NONE, PART_THIS, PART_ANY };

static const struct { enum part_choice user, client_id; } precedence[] = {
	{PART_THIS, PART_THIS}, {PART_THIS, PART_ANY}, {PART_THIS, PART_NONE},
	{PART_ANY, PART_THIS}, {PART_ANY, PART_ANY}, {PART_ANY, PART_NONE},
	{PART_NONE, PART_THIS}, {PART_NONE, PART_ANY},
};

static void choose(struct quota_entity *entity, enum quota_part part, enum part_choice choice, struct slice name)
{
	entity->has[part] = choice != PART_NONE;
	entity->names[part] = choice == PART_THIS ? name : (struct slice){0};
}

static double limit_of(const struct catalog_image *image, const struct quota_entity *entity, enum quota_kind kind)
{
	uint8_t name[QUOTA_ENTITY_SIZE_MAX];
	size_t size = quota_entity_encode(entity, name, sizeof name);
	const struct setting *setting =
		size ? catalog_setting(image, SETTING_QUOTA, (struct slice){name, size}, slice_from(quota_keys[kind].name)) : NULL;
	return setting ? quota_value_decode(setting->value) : 0;
}

bool quota_rule_of_client(const struct catalog_image *image, enum quota_kind kind, struct slice client_id, struct quota_rule *out)
{
	if (!client_id.data)
		client_id = SLICE_EMPTY;
	for (size_t i = 0; i < COUNT_OF(precedence); i++) {
		struct quota_entity entity = {0};
		choose(&entity, QUOTA_USER, precedence[i].user, slice_from(QUOTA_USER_NAME));
		choose(&entity, QUOTA_CLIENT_ID, precedence[i].client_id, client_id);
		double limit = limit_of(image, &entity, kind);
		if (limit <= 0)
			continue;
		*out = (struct quota_rule){.limit = limit, .is_of_client = precedence[i].client_id != PART_NONE};
		return true;
	}
	return false;
}

unsigned quota_rules_kinds(const struct catalog_image *image)
{
	struct setting_range all = catalog_settings(image, SETTING_QUOTA);
	unsigned kinds = 0;
	for (uint32_t i = 0; i < all.count; i++)
		for (int kind = 0; kind < quota_kind_count; kind++)
			if (slice_equal(all.at[i]->key, slice_from(quota_keys[kind].name)))
				kinds |= 1u << kind;
	return kinds;
}

/* ---- addresses ----------------------------------------------------------------------------------------- */

struct address_limit {
	uint8_t address[QUOTA_ADDRESS_SIZE];
	double limit;
};

struct quota_addresses {
	double limit_of_others;        /* 0: none */
	uint32_t count;
	struct address_limit limits[]; /* sorted */
};

static void map_ipv4(const struct in_addr *in, uint8_t *out)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	memcpy(out, prefix, sizeof prefix);
	memcpy(out + sizeof prefix, in, 4);
}

bool quota_address_parse(struct slice text, uint8_t *out)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr ipv4;
	if (text.size == 0 || text.size >= sizeof copy)
		return false;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	if (inet_pton(AF_INET6, copy, out) == 1)
		return true;
	if (strspn(copy, "0123456789.") != text.size || inet_aton(copy, &ipv4) != 1) /* "127.1" too, as in Java */
		return false;
	map_ipv4(&ipv4, out);
	return true;
}

static int compare_addresses(const void *left, const void *right)
{
	return memcmp(left, right, QUOTA_ADDRESS_SIZE);
}

static void take_limit(struct quota_addresses *addresses, const struct setting *setting)
{
	struct quota_entity entity;
	struct address_limit *next = &addresses->limits[addresses->count];
	if (!slice_equal(setting->key, slice_from(quota_keys[QUOTA_CONNECTION].name)) || quota_entity_decode(setting->name, &entity) ||
	    !entity.has[QUOTA_IP])
		return;
	if (!entity.names[QUOTA_IP].data)
		addresses->limit_of_others = quota_value_decode(setting->value);
	else if (quota_address_parse(entity.names[QUOTA_IP], next->address)) {
		next->limit = quota_value_decode(setting->value);
		addresses->count++;
	}
}

struct quota_addresses *quota_addresses_create(const struct catalog_image *image)
{
	struct setting_range all = catalog_settings(image, SETTING_QUOTA);
	struct quota_addresses *addresses = calloc(1, sizeof *addresses + all.count * sizeof addresses->limits[0]);
	if (!addresses)
		return NULL;
	for (uint32_t i = 0; i < all.count; i++)
		take_limit(addresses, all.at[i]);
	qsort(addresses->limits, addresses->count, sizeof addresses->limits[0], compare_addresses);
	return addresses;
}

void quota_addresses_destroy(struct quota_addresses *addresses)
{
	free(addresses);
}

double quota_address_limit(const struct quota_addresses *addresses, const uint8_t *address)
{
	const struct address_limit *found =
		bsearch(address, addresses->limits, addresses->count, sizeof addresses->limits[0], compare_addresses);
	return found ? found->limit : addresses->limit_of_others;
}
