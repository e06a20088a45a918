/* libFuzzer: a client may subscribe with any regular expression. It compiles or is refused with a sentence, and matches names without leaving its memory
 * or its bounds. The input is the expression, a zero byte, and a name. */
#include "log/base/check.h"
#include "net/group/topic_pattern.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	struct slice text = {data, end ? (size_t)(end - data) : size};
	struct slice name = {data + text.size, size - text.size};
	struct topic_pattern *pattern;
	char why[100] = "";
	if (name.size > 249)
		name.size = 249;
	int err = topic_pattern_compile(&pattern, text, why, sizeof why);
	CHECK(err == 0 || err == -ENOMEM || (err == -EINVAL && why[0]));
	CHECK((err == 0) == (pattern != NULL));
	/* Twice: what one match leaves behind must not change the next. */
	if (pattern)
		CHECK(topic_pattern_matches(pattern, name) == topic_pattern_matches(pattern, name));
	topic_pattern_free(pattern);
	return 0;
}
