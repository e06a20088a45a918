/* SCRAM's keys against the examples of RFC 5802 and RFC 7677, by way of the proofs they show; and what is kept of them. */
#include "net/auth/scram.h"

#include "net/wire/cursor.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct slice from_hex(const char *text, uint8_t *out)
{
	size_t size = 0;
	for (unsigned byte; sscanf(text + 2 * size, "%2x", &byte) == 1; size++)
		out[size] = (uint8_t)byte;
	return (struct slice){out, size};
}

/* Made with Python's hmac and hashlib; the first is the example of RFC 7677 ("user", "pencil", 4096). */
Test(scram, keys)
{
	static const struct {
		enum scram_mechanism mechanism;
		const char *salted, *stored, *server;
	} rows[] = {
		{SCRAM_SHA_256, "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d",
		 "586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6",
		 "c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5"},
		{SCRAM_SHA_512, "f16efe1be67f1d09502ebd5ed9262fddffba5a377ab4f0b687e5ed5ba0f50686b8a4ae166476da8ab3b951d2fa9238b63998f45461bc33a464814949cec9631d",
		 "e8002e6f7d3ae446119b216933644dc2a2be7869eb918b8459b5e7d7d2ec12606aceef106825cd735170a675fd3611f684affad1dce3f43a0ee43bd590e1dbbe",
		 "8d91db6230b5687874fe129bc7206e1858c3ae08e02934f57ac03b6b05a229c459d28ff46f5c9611e6c179256490215ec1ff759cb0df285db89af0f99e613aac"},
		{SCRAM_SHA_256, "aa",
		 "8d26c9c5aa466e3d39a3326ce27faedd758f3bb54b512833021b1964804ef88f",
		 "f679f60311e66bf0a16dda8d6058c62ee6d5a4a8623b4565bfba08959cbef3ea"},
		{SCRAM_SHA_512, "aa",
		 "1612bc12f81b934bec7182017d021065b86fd147368c6b744fccebe1f9b9f5f91151b827eb80cfd39671716e08c868214676f815d4d6d2f1e9a0d842c9a71555",
		 "b0b337ab13d96c45e04aeb12af55285f3128f306756686c34f3e540589781c59ee0cec292db9f1fa8de4d61a18591a44f42d0bd8d187e1aca36e55ccdaa3f840"},
		{SCRAM_SHA_256, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
		 "8c16801f953ad7ef8e40434251711a702f6c4eda2577eb9d3d1c9f4403680636",
		 "9e3936e7b8332e572b06155663b9ce79407ac986e33820ae7cb49dd37729b688"},
		{SCRAM_SHA_256, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40",
		 "bf1dff8f425d6fa692cbbf4de85e54953cd09eb252c809fefc780a19500edf59",
		 "22209a0d1e840f791a785f0072de3a04765d9848b148e196617d4ad5fbcd0a75"},
		{SCRAM_SHA_512, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f",
		 "c63c07a795f36d0459e8e7c7b2ab34181c77caba235558a8fb74fe8ad7e27dbeeafc1cc99ca31abd652eb82e314f53ab90b971549c3f7693f63f07f8b6690f1d",
		 "791ac300b3495d072ac98f32a3b152a761e88b3ff75fae57b3d5eeb14b3e5ccd955b7b82da641270c73e575383c852b7fb111f3be74c3b6bbed0cfaec1c6a61b"},
		{SCRAM_SHA_512, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80",
		 "acc7305842729ae9fcbb3c37e532375d57b45ed5d3603336fde3a5d88f4de1a81271e176bc99bd016d67fe8bb44ccc4e4ae23b9eed44a7de50f11249fadefd57",
		 "29203b55500079cf6a56f55fdd69357bdf94c5a57a5625dc0f1e808aea44542bafdfa187a714143e8db59f5363136a6b760eb682f6d6414dfd642d15d467462e"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t salted[300], stored[64], server[64];
		struct scram_credential credential = {.mechanism = rows[i].mechanism};
		size_t size = scram_key_size(rows[i].mechanism);
		from_hex(rows[i].stored, stored);
		from_hex(rows[i].server, server);
		scram_derive(&credential, from_hex(rows[i].salted, salted));
		cr_expect_arr_eq(credential.stored_key, stored, size, "row %zu", i);
		cr_expect_arr_eq(credential.server_key, server, size, "row %zu", i);
	}
}

/* What is kept comes back; cut off, longer, of another encoding or mechanism it is refused. */
Test(scram, kept)
{
	uint8_t bytes[SCRAM_OVERHEAD_BYTES + 20 + 1];
	for (int m = SCRAM_SHA_256; m <= SCRAM_SHA_512; m++)
		for (size_t salt_size = 0; salt_size <= 20; salt_size += 10) {
			struct scram_credential in = {.mechanism = (enum scram_mechanism)m, .iterations = 4096 + m}, out;
			enum scram_mechanism other = m == SCRAM_SHA_256 ? SCRAM_SHA_512 : SCRAM_SHA_256;
			in.salt = (struct slice){(const uint8_t *)"0123456789abcdefghij", salt_size};
			scram_derive(&in, slice_from("secret"));
			size_t size = scram_encode(&in, bytes);
			cr_assert_leq(size, sizeof bytes - 1);
			cr_assert_eq(scram_decode(in.mechanism, (struct slice){bytes, size}, &out), 0);
			cr_expect(out.iterations == in.iterations && slice_equal(out.salt, in.salt));
			cr_expect_arr_eq(out.stored_key, in.stored_key, scram_key_size(in.mechanism));
			cr_expect_arr_eq(out.server_key, in.server_key, scram_key_size(in.mechanism));
			for (size_t cut = 0; cut <= size + 1; cut++)
				cr_expect_eq(scram_decode(in.mechanism, (struct slice){bytes, cut}, &out), cut == size ? 0 : ERR_FORMAT);
			cr_expect_eq(scram_decode(other, (struct slice){bytes, size}, &out), ERR_FORMAT);
			bytes[0]++;
			cr_expect_eq(scram_decode(in.mechanism, (struct slice){bytes, size}, &out), ERR_FORMAT);
		}
}
