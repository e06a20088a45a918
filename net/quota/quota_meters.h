/* The meters of all that are limited: one for each client, or user, of each kind of quota, made when it is first heard of.
 *
 * Bounded: the one unused for longest goes when there are too many, and one that was not used within the window goes anyway, as it has nothing
 * to tell; a bucket when it is full again. Owner: one shard. Never sets a timer, never reads a clock: times are handed in. */
#pragma once

#include "net/quota/quota_bucket.h"
#include "net/wire/cursor.h"

struct quota_meters;

/* NULL: no memory. */
struct quota_meters *quota_meters_create(const struct quota_window *window, uint32_t count_max, uint64_t seed);
void quota_meters_destroy(struct quota_meters *meters);
uint32_t quota_meters_count(const struct quota_meters *meters);

/* How long who has this name is to be held back, now that he has done so much; 0 if he keeps within `limit` a second. Without memory for his
 * meter he is not held back. */
uint64_t quota_meters_charge(struct quota_meters *meters, struct slice name, double amount, double limit, uint64_t now_ms);
/* The same for what will not be done if it is too much: then it is not counted, and *is_refused. But who has done nothing else within the
 * window may do it, and is held back afterwards: else what is larger than the window allows could never be done. */
uint64_t quota_meters_ask(struct quota_meters *meters, struct slice name, double amount, double limit, uint64_t now_ms, bool *is_refused);
/* The same from a bucket of tokens, which fills as its own window says. It is refused, and not counted, only while the bucket is in debt: then
 * *is_refused, unless that is NULL, where it is counted all the same. A name has a bucket or a rate, not both. */
uint64_t quota_meters_draw(struct quota_meters *meters, struct slice name, double amount, double limit, const struct quota_window *window,
			   uint64_t now_ms, bool *is_refused);
