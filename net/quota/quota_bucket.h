/* A bucket of tokens, as Kafka has it for controller_mutation_rate (KIP-599): it fills at the quota's rate, never beyond what all windows together
 * allow, and what is taken may leave it in debt. So a large change passes if there is anything left, and is paid for afterwards.
 *
 * Owner: whoever embeds it. Knows no clock: times are handed in, in milliseconds, and do not go back. */
#pragma once

#include "net/quota/quota_rate.h"

/* Zeroed memory is one that is full. */
struct quota_bucket {
	double tokens;
	uint64_t filled_ms;            /* when the tokens were counted */
	bool is_begun;
};

void quota_bucket_take(struct quota_bucket *bucket, const struct quota_window *window, double amount, double limit, uint64_t now_ms);
/* How long until there is no debt; 0: there is none. `limit` (above 0) is what comes in a second. */
uint64_t quota_bucket_debt_ms(struct quota_bucket *bucket, const struct quota_window *window, double limit, uint64_t now_ms);
