/* SCRAM credentials (RFC 5802, KIP-554): what is kept of a user's password, so that it can be proved without being known.
 *
 * A client sends the salted password; kept are the salt, the iterations, and the two keys that follow from it (StoredKey, ServerKey):
 * neither gives back what a client must know. Owner: the caller; pure, no thread. Never sees a password, never keeps a salted one. */
#pragma once

#include "log/base/err.h"

#define SCRAM_KEY_SIZE_MAX 64          /* of SHA-512 */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 16384     /* Kafka's: more would let a client keep the broker busy */
/* What scram_encode needs beside the salt. */
#define SCRAM_OVERHEAD_BYTES (1 + 4 + 2 + 2 * SCRAM_KEY_SIZE_MAX)

/* The numbers are Kafka's (AlterUserScramCredentials). */
enum scram_mechanism { SCRAM_SHA_256 = 1, SCRAM_SHA_512 = 2 };

struct scram_credential {
	enum scram_mechanism mechanism;
	int32_t iterations;
	struct slice salt;             /* a view */
	uint8_t stored_key[SCRAM_KEY_SIZE_MAX], server_key[SCRAM_KEY_SIZE_MAX];
};

/* 32 or 64. */
size_t scram_key_size(enum scram_mechanism mechanism);
bool scram_is_mechanism(int8_t number);
/* "SCRAM-SHA-256" */
const char *scram_mechanism_name(enum scram_mechanism mechanism);

/* Fills the keys. */
void scram_derive(struct scram_credential *credential, struct slice salted_password);

/* As bytes to keep: `out` has room for SCRAM_OVERHEAD_BYTES and the salt, which is shorter than 64 KiB. Returns how many. */
size_t scram_encode(const struct scram_credential *credential, uint8_t *out);
/* The salt is a view of `bytes`. ERR_FORMAT: these are no credentials of this mechanism. */
MUST_USE int scram_decode(enum scram_mechanism mechanism, struct slice bytes, struct scram_credential *out);
