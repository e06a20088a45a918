/* Of whom a client quota is (KIP-546): of a user, of a client id, of both, or of an address; each by its name, or the default of all that
 * have none of their own. And the encoding of that as the name of a setting of the catalog (SETTING_QUOTA), whose keys are the quotas' names.
 *
 * The encoding: for each part its kind (a byte), whether it is the default (a byte), the name's size (16 bits) and the name; in the order of
 * enum quota_part. So all quotas of addresses follow each other in the catalog. Pure; any thread. */
#pragma once

#include "log/base/err.h"
#include "net/wire/cursor.h"

enum quota_part { QUOTA_CLIENT_ID, QUOTA_USER, QUOTA_IP, quota_part_count };

struct quota_entity {
	bool has[quota_part_count];
	struct slice names[quota_part_count]; /* data NULL: the default */
};

/* As long as a setting's name may be. */
#define QUOTA_ENTITY_SIZE_MAX 65535

/* "client-id", "user", "ip" */
const char *quota_part_name(enum quota_part part);
/* quota_part_count if there is none of this name. */
enum quota_part quota_part_find(struct slice name);

/* Returns the size; 0 if it is longer than `capacity` (or has no part at all). */
size_t quota_entity_encode(const struct quota_entity *entity, uint8_t *out, size_t capacity);
/* The names are views of `bytes`. ERR_FORMAT: it is none. */
MUST_USE int quota_entity_decode(struct slice bytes, struct quota_entity *out);

/* What is limited. */
enum quota_kind { QUOTA_PRODUCE, QUOTA_FETCH, QUOTA_REQUEST, QUOTA_MUTATION, QUOTA_CONNECTION, quota_kind_count };

struct quota_key {
	const char *name;              /* "producer_byte_rate" */
	bool is_of_ip;                 /* of addresses, else of users and client ids */
	double max;                    /* INFINITY: none */
	const char *type;              /* of the largest, for people */
	bool is_whole;
};

extern const struct quota_key quota_keys[quota_kind_count];

/* A quota's value, as the catalog keeps it. */
#define QUOTA_VALUE_SIZE 8
void quota_value_encode(double value, uint8_t *out);
/* 0, which limits nothing, if it is none. */
double quota_value_decode(struct slice bytes);
