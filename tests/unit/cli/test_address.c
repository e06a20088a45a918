/* Addresses and listeners. */
#include "cli/address.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct {
	const char *text, *host; /* host NULL: refused */
	uint16_t port;
} addresses[] = {
	{"127.0.0.1:9092", "127.0.0.1", 9092},
	{"localhost:0", "localhost", 0},
	{":9092", "", 9092},
	{"[::1]:9092", "::1", 9092},
	{"[::]:65535", "::", 65535},
	{"nonsense", NULL, 0},
	{"", NULL, 0},
	{"host:", NULL, 0},
	{"host:x", NULL, 0},
	{"host:9092x", NULL, 0},
	{"host:-1", NULL, 0},
	{"host:+1", NULL, 0},
	{"host:65536", NULL, 0},
	{"host:99999999999999999999", NULL, 0},
	{"::1:9092", NULL, 0}, /* without brackets nobody knows where the port begins */
};

Test(address, parse)
{
	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		struct address address;
		char why[512] = "";
		bool is_good = address_parse(&address, addresses[i].text, why, sizeof why);
		cr_assert_eq(is_good, addresses[i].host != NULL, "'%s': %s", addresses[i].text, why);
		if (!is_good) {
			cr_assert_neq(*why, 0);
			continue;
		}
		cr_assert_str_eq(address.host, addresses[i].host);
		cr_assert_eq(address.port, addresses[i].port);
	}
}

/* A broker to connect to may go without port, and without host. */
Test(address, broker)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} brokers[] = {
		{"example", "example", 9092}, {"10.0.0.1", "10.0.0.1", 9092}, {"example:1", "example", 1}, {":1", "127.0.0.1", 1}, {"[::1]:1", "::1", 1},
		{"", NULL, 0}, {"a:x", NULL, 0},
	};
	for (size_t i = 0; i < COUNT_OF(brokers); i++) {
		struct address address;
		char why[512];
		cr_assert_eq(address_parse_broker(&address, brokers[i].text, why, sizeof why), brokers[i].host != NULL, "'%s'", brokers[i].text);
		if (brokers[i].host) {
			cr_assert_str_eq(address.host, brokers[i].host);
			cr_assert_eq(address.port, brokers[i].port);
		}
	}
}

/* A host as long as may be, and one byte longer. */
Test(address, longest_host)
{
	char text[HOST_SIZE_MAX + 8], why[512];
	struct address address;
	memset(text, 'h', sizeof text);
	strcpy(text + HOST_SIZE_MAX, ":1");
	cr_assert(address_parse(&address, text, why, sizeof why));
	cr_assert_eq(strlen(address.host), HOST_SIZE_MAX);
	text[HOST_SIZE_MAX] = 'h';
	strcpy(text + HOST_SIZE_MAX + 1, ":1");
	cr_assert_not(address_parse(&address, text, why, sizeof why));
}

static const struct {
	const char *listeners, *controllers, *host; /* host NULL: refused, and `said` is in the sentence */
	uint16_t port;
	const char *said;
} lists[] = {
	{"PLAINTEXT://127.0.0.1:9092", NULL, "127.0.0.1", 9092, NULL},
	{"PLAINTEXT://:9092", NULL, "", 9092, NULL},
	{"plaintext://a:1", NULL, "a", 1, NULL},
	{"INTERNAL://a:1", NULL, "a", 1, NULL}, /* a name of the user's own */
	{"PLAINTEXT://:9092,CONTROLLER://:9093", "CONTROLLER", "", 9092, NULL},
	{"CONTROLLER://:9093, PLAINTEXT://b:9092", "X,CONTROLLER", "b", 9092, NULL},
	{"PLAINTEXT://a:1,PLAINTEXT2://b:2", NULL, NULL, 0, "second listener"},
	{"SSL://a:1", NULL, NULL, 0, "TLS and SASL are not supported"},
	{"SASL_PLAINTEXT://a:1", NULL, NULL, 0, "TLS and SASL are not supported"},
	{"a:1", NULL, NULL, 0, "PLAINTEXT://HOST:PORT"},
	{"", NULL, NULL, 0, "no listener"},
	{"CONTROLLER://:9093", "CONTROLLER", NULL, 0, "no listener"},
	{"PLAINTEXT://a", NULL, NULL, 0, "not an address"},
};

Test(address, listeners)
{
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		struct address address;
		char why[512] = "";
		bool is_good = address_from_listeners(&address, lists[i].listeners, lists[i].controllers, why, sizeof why);
		cr_assert_eq(is_good, lists[i].host != NULL, "'%s': %s", lists[i].listeners, why);
		if (is_good) {
			cr_assert_str_eq(address.host, lists[i].host);
			cr_assert_eq(address.port, lists[i].port);
		} else {
			cr_assert_not_null(strstr(why, lists[i].said), "'%s': %s", lists[i].listeners, why);
		}
	}
}
