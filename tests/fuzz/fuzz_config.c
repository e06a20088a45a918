/* libFuzzer: what people write. The first byte says how the rest is read: as a config file, as one broker key's value, as a topic key's value, or as a
 * pattern of topic names (SubscribedTopicRegex). Each is taken or refused with a sentence; what a pattern took must match in a time that
 * its size bounds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/config/config.h"
#include "net/group/topic_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load_file(struct slice text)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	CHECK(fd >= 0 && write(fd, text.data, text.size) == (ssize_t)text.size);
	char path[64], why[512] = "";
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct broker_config *config;
	CHECK(broker_config_create(&config) == 0);
	int err = broker_config_load(config, path, why, sizeof why);
	CHECKF(err == 0 || why[0], "refused without a word: %s", err_name(err));
	broker_config_destroy(config);
	close(fd);
}

static void check_value(const struct config_key *keys, uint32_t count, struct slice text)
{
	char why[512] = "";
	if (!text.size)
		return;
	struct slice value = {text.data + 1, text.size - 1};
	int err = config_check(&keys[text.data[0] % count], value, why, sizeof why);
	CHECKF(err == 0 || why[0], "refused without a word: %s", err_name(err));
}

static void match(struct slice text)
{
	char why[256] = "";
	struct topic_pattern *pattern;
	int err = topic_pattern_compile(&pattern, text, why, sizeof why);
	if (err) {
		CHECK(err == -ENOMEM || why[0]);
		return;
	}
	static const char *const names[] = {"", "a", "orders", "orders.eu-1", "__consumer_offsets", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct slice name = {(const uint8_t *)names[i], strlen(names[i])};
		bool first = topic_pattern_matches(pattern, name);
		CHECK(first == topic_pattern_matches(pattern, name));
	}
	topic_pattern_free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct slice rest = {data + 1, size - 1};
	uint32_t count;
	const struct config_key *keys;
	switch (data[0] % 4) {
	case 0:
		load_file(rest);
		break;
	case 1:
		keys = config_broker_keys(&count);
		check_value(keys, count, rest);
		break;
	case 2:
		keys = config_topic_keys(&count);
		check_value(keys, count, rest);
		break;
	default:
		match(rest);
	}
	return 0;
}
