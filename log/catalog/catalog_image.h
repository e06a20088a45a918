/* The images of a catalog: building the next one, publishing it, and freeing what no held image shows any more.
 *
 * An image is an array of pointers to topics; the next is a copy of it with the changes made. A topic that the next image lacks is
 * retired, and freed when the last image that shows it has gone, so that copying an image touches no topic.
 * Owner: the catalog's thread builds and publishes; acquire and release are for any thread, under the room's lock. Private to log/store. */
#pragma once

#include <pthread.h>

#include "log/catalog/catalog.h"
#include "log/catalog/setting_set.h"

/* What images share; lives until the catalog is closed and the last image released. */
struct image_room {
	pthread_mutex_t lock;
	struct list live;                /* images, oldest first */
	struct topic *retired, **retired_end; /* by retired_version */
	struct catalog_image *current;
	uint64_t version;                /* of the current image; atomic */
	uint64_t sequence;               /* of the last durable record; atomic */
};

/* The next image in the making, seen by nobody else. */
struct image_draft {
	struct catalog_image *image;
	struct topic *retired;
	uint32_t capacity;
};

/* An empty image 0 is current. NULL if there is no memory. */
struct image_room *image_room_open(void);
void image_room_close(struct image_room *room);
const struct catalog_image *image_room_acquire(struct image_room *room);

/* A copy of the current image with room for so many topics more. -ENOMEM. */
MUST_USE int image_draft_begin(struct image_draft *draft, struct image_room *room, uint32_t more);
/* Makes room for so many more, in a draft that grows by and by. -ENOMEM. */
MUST_USE int image_draft_reserve(struct image_draft *draft, uint32_t more);
/* There is room. Takes the topic over. The id and the name are not there yet. */
void image_draft_insert(struct image_draft *draft, struct topic *topic);
/* `topic` is in the draft. */
void image_draft_remove(struct image_draft *draft, const struct topic *topic);
/* The new object has the old one's id and name. */
void image_draft_replace(struct image_draft *draft, const struct topic *old, struct topic *new);
/* The draft's settings, to be changed: its own, no longer shared. NULL if there is no memory. */
struct setting_set *image_draft_settings(struct image_draft *draft);
/* Takes one reference over. */
void image_draft_set_config(struct image_draft *draft, struct image_config *config);
/* Nothing was changed: topics that were inserted are the caller's again. */
void image_draft_discard(struct image_draft *draft);
void image_draft_publish(struct image_draft *draft, struct image_room *room);

/* Where the name is among topics in that order, or where it would go. */
typedef int topic_compare_fn(struct slice name, const struct topic *topic);
uint32_t catalog__find_topic(struct topic *const *topics, uint32_t count, struct slice name, topic_compare_fn *compare, bool *is_there);

/* What a topic without overrides runs with, resolved once. */
struct topic_defaults {
	const struct broker_config *broker; /* in force */
	struct topic_config config;
};

/* A topic with copies of everything; NULL if there is no memory. The overrides were checked; they come out sorted, the last of equal names wins. */
struct topic *catalog_topic_create(const struct uuid *id, struct slice name, uint32_t partition_count, uint64_t created_incarnation,
			   const struct config_override *overrides, uint32_t override_count, const struct topic_defaults *defaults);
void catalog_topic_destroy(struct topic *topic);
