/* Which quota holds for whom: what the catalog's quotas say of one client, by Kafka's precedence. Everybody's user is ANONYMOUS, as long as
 * nobody is authenticated.
 *
 * Any thread, while it holds the image. Pure. */
#pragma once

#include "log/catalog/catalog.h"
#include "net/quota/quota_entity.h"

#define QUOTA_USER_NAME "ANONYMOUS"

struct quota_rule {
	double limit;                  /* a second */
	bool is_of_client;             /* each client id has it for itself; else it is of all that the user does together */
};

/* Bits (1 << kind) of those that hold for anybody: what needs not be asked for otherwise. */
unsigned quota_rules_kinds(const struct catalog_image *image);

/* Of a client id (data NULL counts as empty), for one of the kinds that are of clients. False: nothing limits it. */
bool quota_rule_of_client(const struct catalog_image *image, enum quota_kind kind, struct slice client_id, struct quota_rule *out);

/* An address, IPv4 mapped into IPv6. */
#define QUOTA_ADDRESS_SIZE 16
/* False: the text is no numeric address. */
bool quota_address_parse(struct slice text, uint8_t *out);

/* The connection_creation_rate of all addresses, made when quotas have changed. */
struct quota_addresses;
/* NULL: no memory. */
struct quota_addresses *quota_addresses_create(const struct catalog_image *image);
void quota_addresses_destroy(struct quota_addresses *addresses);
/* 0: nothing limits it. */
double quota_address_limit(const struct quota_addresses *addresses, const uint8_t *address);
