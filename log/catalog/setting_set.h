/* All settings at one time, sorted; and how the next set is made from the one before.
 *
 * A set is shared by the images between two changes of settings, and a setting by the sets that have it: both are counted, so that a
 * change copies pointers, not texts. Owner: whoever made or copied a set changes it, before anybody else sees it; then it is immutable, and
 * any thread may read and release it. Private to log/catalog. */
#pragma once

#include "log/catalog/setting.h"

struct setting_set {
	uint32_t references;      /* atomic */
	uint32_t count, capacity;
	uint64_t size_bytes;      /* of all texts */
	struct setting **settings;
};

/* NULL if there is no memory. */
struct setting_set *setting_set_create(void);
struct setting_set *setting_set_copy(const struct setting_set *set);
struct setting_set *setting_set_retain(struct setting_set *set);
void setting_set_release(struct setting_set *set);

/* 0, -ENOMEM, ERR_INVALID_SETTING (no type, or a text is too long) or ERR_TOO_MANY_SETTINGS; then the set is as before. */
MUST_USE int setting_set_change(struct setting_set *set, const struct setting_change *change);

/* A set that is NULL is empty. `name` NULL: all of the type; else those of that name. */
struct setting_range setting_set_find(const struct setting_set *set, uint8_t type, const struct slice *name);
/* NULL if there is none. */
const struct setting *setting_set_get(const struct setting_set *set, uint8_t type, struct slice name, struct slice key);
