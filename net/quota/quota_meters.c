/* A hash by name, and a list by last use. What is charged looks at the two oldest of the list: so those that have nothing to tell any more go
 * as others come, without a timer. */
#include "net/quota/quota_meters.h"

#include <stdlib.h>
#include <string.h>

#include "log/base/list.h"
#include "net/group/name_table.h"

struct meter {
	struct name_entry entry;
	struct list node;
	uint64_t over_ms;              /* from when on it has nothing to tell */
	struct quota_bucket bucket;
	struct quota_rate *rate;       /* behind the meter */
	uint8_t *name;                 /* behind the rate */
};

struct quota_meters {
	struct quota_window window;
	uint32_t count_max;
	struct name_table table;
	struct list by_use;            /* the longest unused first */
};

struct quota_meters *quota_meters_create(const struct quota_window *window, uint32_t count_max, uint64_t seed)
{
	struct quota_meters *meters = malloc(sizeof *meters);
	if (!meters)
		return NULL;
	*meters = (struct quota_meters){.window = *window, .count_max = count_max};
	name_table_init(&meters->table, seed);
	list_init(&meters->by_use);
	return meters;
}

static void drop(struct quota_meters *meters, struct meter *meter)
{
	name_table_remove(&meters->table, &meter->entry);
	list_remove(&meter->node);
	free(meter);
}

static struct meter *longest_unused(struct quota_meters *meters)
{
	return list_is_empty(&meters->by_use) ? NULL : LIST_ENTRY(meters->by_use.next, struct meter, node);
}

void quota_meters_destroy(struct quota_meters *meters)
{
	if (!meters)
		return;
	for (struct meter *meter; (meter = longest_unused(meters));)
		drop(meters, meter);
	name_table_fini(&meters->table);
	free(meters);
}

uint32_t quota_meters_count(const struct quota_meters *meters)
{
	return meters->table.count;
}

static void drop_two_that_are_over(struct quota_meters *meters, uint64_t now_ms)
{
	for (int i = 0; i < 2; i++) {
		struct meter *meter = longest_unused(meters);
		if (!meter || now_ms < meter->over_ms)
			return;
		drop(meters, meter);
	}
}

static struct meter *add_meter(struct quota_meters *meters, struct slice name)
{
	size_t rate_size = quota_rate_size(&meters->window);
	struct meter *meter = calloc(1, sizeof *meter + rate_size + name.size);
	if (!meter)
		return NULL;
	if (meters->table.count >= meters->count_max)
		drop(meters, longest_unused(meters));
	meter->rate = (struct quota_rate *)(meter + 1);
	meter->name = (uint8_t *)(meter + 1) + rate_size;
	if (name.size > 0)
		memcpy(meter->name, name.data, name.size);
	name_table_add(&meters->table, &meter->entry, (struct slice){meter->name, name.size});
	list_push_back(&meters->by_use, &meter->node);
	return meter;
}

/* NULL: no memory. */
static struct meter *take_meter(struct quota_meters *meters, struct slice name, uint64_t now_ms)
{
	struct name_entry *entry = name_table_find(&meters->table, name);
	struct meter *meter = entry ? CONTAINER_OF(entry, struct meter, entry) : add_meter(meters, name);
	if (!meter)
		return NULL;
	meter->over_ms = now_ms + (uint64_t)meters->window.samples * meters->window.sample_ms;
	list_remove(&meter->node);
	list_push_back(&meters->by_use, &meter->node);
	drop_two_that_are_over(meters, now_ms);
	return meter;
}

uint64_t quota_meters_charge(struct quota_meters *meters, struct slice name, double amount, double limit, uint64_t now_ms)
{
	struct meter *meter = take_meter(meters, name, now_ms);
	if (!meter)
		return 0;
	quota_rate_add(meter->rate, &meters->window, amount, now_ms);
	return quota_rate_excess_ms(meter->rate, &meters->window, limit, now_ms);
}

uint64_t quota_meters_ask(struct quota_meters *meters, struct slice name, double amount, double limit, uint64_t now_ms, bool *is_refused)
{
	struct meter *meter = take_meter(meters, name, now_ms);
	*is_refused = false;
	if (!meter)
		return 0;
	bool is_first = quota_rate_measure(meter->rate, &meters->window, now_ms) <= 0;
	quota_rate_add(meter->rate, &meters->window, amount, now_ms);
	uint64_t wait_ms = quota_rate_excess_ms(meter->rate, &meters->window, limit, now_ms);
	if (wait_ms > 0 && !is_first) {
		*is_refused = true;
		quota_rate_add(meter->rate, &meters->window, -amount, now_ms);
		/* The excess is that of one who goes on; who waits is the first again when all before it is forgotten. */
		uint64_t forgotten_ms = quota_rate_forgotten_ms(meter->rate, &meters->window, now_ms);
		wait_ms = forgotten_ms > 0 && forgotten_ms < wait_ms ? forgotten_ms : wait_ms;
	}
	return wait_ms;
}

uint64_t quota_meters_draw(struct quota_meters *meters, struct slice name, double amount, double limit, const struct quota_window *window,
			   uint64_t now_ms, bool *is_refused)
{
	struct meter *meter = take_meter(meters, name, now_ms);
	if (is_refused)
		*is_refused = false;
	if (!meter)
		return 0;
	uint64_t wait_ms = quota_bucket_debt_ms(&meter->bucket, window, limit, now_ms);
	if (wait_ms > 0 && is_refused) {
		*is_refused = true;
	} else {
		quota_bucket_take(&meter->bucket, window, amount, limit, now_ms);
		wait_ms = is_refused ? 0 : quota_bucket_debt_ms(&meter->bucket, window, limit, now_ms);
	}
	meter->over_ms = now_ms + quota_bucket_debt_ms(&meter->bucket, window, limit, now_ms) + (uint64_t)window->samples * window->sample_ms;
	return wait_ms;
}
