/* A sorted array of counted settings, searched by halving.
 *
 * Failure modes: no memory, a text or a set that is too large; each is told before anything is changed. */
#include "log/catalog/setting_set.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"

/* ---- one setting --------------------------------------------------------------------------------------------------- */

static struct slice place_text(uint8_t **at, struct slice text)
{
	struct slice placed = {*at, text.size};
	if (text.size)
		memcpy(*at, text.data, text.size);
	(*at)[text.size] = '\0';
	*at += text.size + 1;
	return placed;
}

static struct setting *create_setting(const struct setting_change *change)
{
	struct setting *setting = malloc(sizeof *setting + change->name.size + change->key.size + change->value->size + 3);
	if (!setting)
		return NULL;
	uint8_t *at = (uint8_t *)(setting + 1);
	setting->type = change->type;
	setting->references = 1;
	setting->name = place_text(&at, change->name);
	setting->key = place_text(&at, change->key);
	setting->value = place_text(&at, *change->value);
	return setting;
}

static void release_setting(struct setting *setting)
{
	if (__atomic_sub_fetch(&setting->references, 1, __ATOMIC_ACQ_REL) == 0)
		free(setting);
}

static uint64_t size_of(const struct setting *setting)
{
	return setting->name.size + setting->key.size + setting->value.size;
}

/* ---- the set's life -------------------------------------------------------------------------------------------------- */

static struct setting_set *create(uint32_t capacity)
{
	struct setting_set *set = calloc(1, sizeof *set);
	if (!set)
		return NULL;
	set->references = 1;
	set->capacity = capacity;
	set->settings = malloc((capacity ? capacity : 1) * sizeof(struct setting *));
	if (set->settings)
		return set;
	free(set);
	return NULL;
}

struct setting_set *setting_set_create(void)
{
	return create(0);
}

struct setting_set *setting_set_copy(const struct setting_set *set)
{
	struct setting_set *copy = create(set->count + 8);
	if (!copy)
		return NULL;
	copy->count = set->count;
	copy->size_bytes = set->size_bytes;
	for (uint32_t i = 0; i < set->count; i++) {
		__atomic_add_fetch(&set->settings[i]->references, 1, __ATOMIC_RELAXED);
		copy->settings[i] = set->settings[i];
	}
	return copy;
}

struct setting_set *setting_set_retain(struct setting_set *set)
{
	__atomic_add_fetch(&set->references, 1, __ATOMIC_RELAXED);
	return set;
}

void setting_set_release(struct setting_set *set)
{
	if (!set || __atomic_sub_fetch(&set->references, 1, __ATOMIC_ACQ_REL))
		return;
	for (uint32_t i = 0; i < set->count; i++)
		release_setting(set->settings[i]);
	free(set->settings);
	free(set);
}

/* ---- finding ----------------------------------------------------------------------------------------------------------- */

static int compare_text(struct slice a, struct slice b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* What is looked for: all of a type, of a name in it, or one key of that. */
struct wanted {
	uint8_t type;
	const struct slice *name, *key;
};

static int compare(const struct setting *setting, const struct wanted *wanted)
{
	if (setting->type != wanted->type || !wanted->name)
		return (setting->type > wanted->type) - (setting->type < wanted->type);
	int order = compare_text(setting->name, *wanted->name);
	return order || !wanted->key ? order : compare_text(setting->key, *wanted->key);
}

/* The first that is not before what is wanted (or, with `is_after`, the first behind it). */
static uint32_t find_place(const struct setting_set *set, const struct wanted *wanted, bool is_after)
{
	uint32_t low = 0, high = set->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare(set->settings[middle], wanted);
		if (order < 0 || (is_after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct setting_range setting_set_find(const struct setting_set *set, uint8_t type, const struct slice *name)
{
	struct wanted wanted = {type, name, NULL};
	if (!set)
		return (struct setting_range){0};
	uint32_t first = find_place(set, &wanted, false), end = find_place(set, &wanted, true);
	return (struct setting_range){(const struct setting *const *)set->settings + first, end - first};
}

const struct setting *setting_set_get(const struct setting_set *set, uint8_t type, struct slice name, struct slice key)
{
	struct wanted wanted = {type, &name, &key};
	uint32_t place = set ? find_place(set, &wanted, false) : 0;
	return set && place < set->count && compare(set->settings[place], &wanted) == 0 ? set->settings[place] : NULL;
}

/* ---- changing ------------------------------------------------------------------------------------------------------------ */

static int check(const struct setting_change *change)
{
	bool is_good = change->type && change->name.size <= SETTING_NAME_SIZE_MAX && change->key.size <= SETTING_KEY_SIZE_MAX &&
		       (!change->value || change->value->size <= SETTING_VALUE_SIZE_MAX);
	return is_good ? 0 : ERR_INVALID_SETTING;
}

static int reserve_one(struct setting_set *set)
{
	if (set->count < set->capacity)
		return 0;
	uint32_t capacity = set->capacity < 8 ? 8 : 2 * set->capacity;
	struct setting **settings = realloc(set->settings, capacity * sizeof(struct setting *));
	if (!settings)
		return -ENOMEM;
	set->settings = settings;
	set->capacity = capacity;
	return 0;
}

static void remove_at(struct setting_set *set, uint32_t place)
{
	set->size_bytes -= size_of(set->settings[place]);
	release_setting(set->settings[place]);
	set->count--;
	memmove(&set->settings[place], &set->settings[place + 1], (set->count - place) * sizeof(struct setting *));
}

static int put_at(struct setting_set *set, uint32_t place, bool is_there, const struct setting_change *change)
{
	uint64_t before = is_there ? size_of(set->settings[place]) : 0;
	uint64_t size_bytes = set->size_bytes - before + change->name.size + change->key.size + change->value->size;
	if (size_bytes > SETTINGS_SIZE_MAX || (!is_there && set->count == SETTINGS_MAX))
		return ERR_TOO_MANY_SETTINGS;
	struct setting *setting = reserve_one(set) ? NULL : create_setting(change);
	if (!setting)
		return -ENOMEM;
	if (is_there) {
		release_setting(set->settings[place]);
	} else {
		memmove(&set->settings[place + 1], &set->settings[place], (set->count - place) * sizeof(struct setting *));
		set->count++;
	}
	set->settings[place] = setting;
	set->size_bytes = size_bytes;
	return 0;
}

int setting_set_change(struct setting_set *set, const struct setting_change *change)
{
	CHECK(__atomic_load_n(&set->references, __ATOMIC_RELAXED) == 1);
	int err = check(change);
	if (err)
		return err;
	struct wanted wanted = {change->type, &change->name, &change->key};
	uint32_t place = find_place(set, &wanted, false);
	bool is_there = place < set->count && compare(set->settings[place], &wanted) == 0;
	if (change->value)
		return put_at(set, place, is_there, change);
	if (is_there)
		remove_at(set, place);
	return 0;
}
