/* SCRAM's keys (RFC 5802, section 3): ClientKey = HMAC(salted, "Client Key"), StoredKey = H(ClientKey), ServerKey = HMAC(salted, "Server Key").
 *
 * The hashes are OpenSSL's own functions of SHA-2, which link into 50 KB; its HMAC() would bring the machinery of providers, 4 MB that the
 * broker would carry from its start for a rare request. So HMAC (RFC 2104) is written here, over them. */
#define OPENSSL_SUPPRESS_DEPRECATED /* by the interface of providers, which is what is avoided */
#include "net/auth/scram.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "log/base/bytes.h"
#include "net/wire/cursor.h"

#define ENCODING 1
#define BLOCK_SIZE_MAX SHA512_CBLOCK

/* ---- hashes -------------------------------------------------------------------------------------------- */

struct hash {
	enum scram_mechanism mechanism;
	union {
		SHA256_CTX sha256;
		SHA512_CTX sha512;
	};
};

size_t scram_key_size(enum scram_mechanism mechanism)
{
	return mechanism == SCRAM_SHA_256 ? SHA256_DIGEST_LENGTH : SHA512_DIGEST_LENGTH;
}

static size_t block_size(enum scram_mechanism mechanism)
{
	return mechanism == SCRAM_SHA_256 ? SHA256_CBLOCK : SHA512_CBLOCK;
}

static void hash_begin(struct hash *hash, enum scram_mechanism mechanism)
{
	hash->mechanism = mechanism;
	if (mechanism == SCRAM_SHA_256)
		SHA256_Init(&hash->sha256);
	else
		SHA512_Init(&hash->sha512);
}

static void hash_add(struct hash *hash, const void *bytes, size_t size)
{
	if (hash->mechanism == SCRAM_SHA_256)
		SHA256_Update(&hash->sha256, bytes, size);
	else
		SHA512_Update(&hash->sha512, bytes, size);
}

static void hash_end(struct hash *hash, uint8_t *out)
{
	if (hash->mechanism == SCRAM_SHA_256)
		SHA256_Final(out, &hash->sha256);
	else
		SHA512_Final(out, &hash->sha512);
	OPENSSL_cleanse(hash, sizeof *hash);
}

static void hash_all(enum scram_mechanism mechanism, struct slice bytes, uint8_t *out)
{
	struct hash hash;
	hash_begin(&hash, mechanism);
	hash_add(&hash, bytes.data, bytes.size);
	hash_end(&hash, out);
}

/* ---- HMAC ---------------------------------------------------------------------------------------------- */

/* H(key xor pad, message) */
static void hash_padded(enum scram_mechanism mechanism, const uint8_t *key, uint8_t pad, struct slice message, uint8_t *out)
{
	uint8_t block[BLOCK_SIZE_MAX];
	struct hash hash;
	for (size_t i = 0; i < block_size(mechanism); i++)
		block[i] = key[i] ^ pad;
	hash_begin(&hash, mechanism);
	hash_add(&hash, block, block_size(mechanism));
	hash_add(&hash, message.data, message.size);
	hash_end(&hash, out);
	OPENSSL_cleanse(block, sizeof block);
}

static void hmac(enum scram_mechanism mechanism, struct slice key, struct slice message, uint8_t *out)
{
	uint8_t block_key[BLOCK_SIZE_MAX] = {0}, inner[SCRAM_KEY_SIZE_MAX];
	if (key.size > block_size(mechanism))
		hash_all(mechanism, key, block_key);
	else if (key.size > 0)
		memcpy(block_key, key.data, key.size);
	hash_padded(mechanism, block_key, 0x36, message, inner);
	hash_padded(mechanism, block_key, 0x5c, (struct slice){inner, scram_key_size(mechanism)}, out);
	OPENSSL_cleanse(block_key, sizeof block_key);
}

/* ---- credentials --------------------------------------------------------------------------------------- */

bool scram_is_mechanism(int8_t number)
{
	return number == SCRAM_SHA_256 || number == SCRAM_SHA_512;
}

const char *scram_mechanism_name(enum scram_mechanism mechanism)
{
	return mechanism == SCRAM_SHA_256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";
}

void scram_derive(struct scram_credential *credential, struct slice salted_password)
{
	enum scram_mechanism mechanism = credential->mechanism;
	uint8_t client_key[SCRAM_KEY_SIZE_MAX];
	hmac(mechanism, salted_password, slice_from("Client Key"), client_key);
	hash_all(mechanism, (struct slice){client_key, scram_key_size(mechanism)}, credential->stored_key);
	hmac(mechanism, salted_password, slice_from("Server Key"), credential->server_key);
	OPENSSL_cleanse(client_key, sizeof client_key);
}

size_t scram_encode(const struct scram_credential *credential, uint8_t *out)
{
	size_t key_size = scram_key_size(credential->mechanism), salt_size = credential->salt.size;
	uint8_t *at = out;
	*at++ = ENCODING;
	store_be32(at, (uint32_t)credential->iterations);
	store_be16(at + 4, (uint16_t)salt_size);
	at += 6;
	if (salt_size > 0)
		memcpy(at, credential->salt.data, salt_size);
	memcpy(at + salt_size, credential->stored_key, key_size);
	memcpy(at + salt_size + key_size, credential->server_key, key_size);
	return (size_t)(at - out) + salt_size + 2 * key_size;
}

int scram_decode(enum scram_mechanism mechanism, struct slice bytes, struct scram_credential *out)
{
	size_t key_size = scram_key_size(mechanism);
	if (bytes.size < 7 || bytes.data[0] != ENCODING)
		return ERR_FORMAT;
	size_t salt_size = load_be16(bytes.data + 5);
	if (bytes.size != 7 + salt_size + 2 * key_size)
		return ERR_FORMAT;
	out->mechanism = mechanism;
	out->iterations = (int32_t)load_be32(bytes.data + 1);
	out->salt = (struct slice){bytes.data + 7, salt_size};
	memcpy(out->stored_key, bytes.data + 7 + salt_size, key_size);
	memcpy(out->server_key, bytes.data + 7 + salt_size + key_size, key_size);
	return 0;
}
