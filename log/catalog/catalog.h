/* The catalog: which topics exist, with their ids, partition counts and configs; settings of brokers, groups, users and the like; the producer
 * ids handed out; and how often the data directory was opened. It survives any crash: each change is one checksummed record appended to `catalog.log` and
 * synced before it is visible; a torn last record is cut, damage before it refuses to open.
 *
 * Owner: one thread (the control shard) opens and changes it. Any thread may take the current image: an immutable picture
 * that lives as long as somebody holds it, even beyond the catalog, with the deltas between images in the topics themselves (a changed
 * topic is a new object with the same id). Taking and giving back an image is a short lock, meant for cold paths: hold one for long. */
#pragma once

#include "log/catalog/setting.h"
#include "log/config/config.h"
#include "log/io/io.h"

#define TOPIC_NAME_SIZE_MAX 249

/* Immutable once published. */
struct topic {
	struct uuid id;
	char name[TOPIC_NAME_SIZE_MAX + 1];
	uint32_t partition_count;
	uint64_t created_incarnation;        /* leader epoch = incarnation now - this: 0 at first, bumped by each restart */
	struct topic_config config;          /* resolved */
	uint32_t override_count;
	struct config_override *overrides;   /* sorted by name */
	bool is_internal;
	/* The catalog's own: the first image without this object, and the list of those that wait for older images to go. */
	uint64_t retired_version;
	struct topic *retired_next;
};

struct catalog;

struct catalog_image {
	uint64_t version;                    /* grows with each change */
	uint32_t topic_count;
	struct topic **topics;               /* sorted by name */
	uint64_t settings_version;           /* of the first image with these settings */
	struct setting_set *settings;        /* see catalog_settings */
	const struct broker_config *config;  /* the broker's, in force: what catalog_open was given, and what settings of SETTING_BROKER say over it */
	struct image_config *config_holder;  /* the catalog's own */
	/* The catalog's own: a hash of the ids, the holders (under the room's lock), the images that live. */
	struct topic **by_id;
	uint32_t by_id_mask;
	uint32_t references;
	struct image_room *room;
	struct list node;
};

/* How far a catalog has come: the opening that wrote last, and the sequence of its last record. The pair, in this order, grows with each change,
 * also where a file that is written anew counts its records from 1: that is done by an opening. */
struct catalog_mark {
	uint64_t incarnation, sequence;
};

static inline bool catalog_mark_is_before(const struct catalog_mark *mark, const struct catalog_mark *other)
{
	return mark->incarnation < other->incarnation || (mark->incarnation == other->incarnation && mark->sequence < other->sequence);
}

/* What is known from elsewhere when a catalog is opened (log/store/store.h: store_read_catalog_mark). */
struct catalog_knowledge {
	struct catalog_mark mark;            /* it had come this far at least */
	bool is_loss_accepted;               /* if it is not that far any more, go on nevertheless */
	uint32_t shard_count;                /* of the broker that opens it; 0: not said, and not noted */
	bool may_put_off_meta;               /* a meta.properties that is missing is made by catalog_write_meta, as nobody needs to wait for it */
	bool may_put_off_file;               /* a new catalog.log gets its name from catalog_publish, as nothing depends on it yet */
	bool is_dir_new;                     /* with that: the directory's own name is made durable there as well */
};

struct catalog_report {
	bool was_created;
	struct catalog_mark mark;            /* of the file as it was found; zeros if there was none */
	bool is_lost;                        /* it is behind what was known, and that was accepted */
	uint64_t records, bytes;
	uint64_t torn_bytes;                 /* cut from the end */
	bool is_torn_zeros;                  /* these are zeros: the file has been grown */
	bool was_compacted;                  /* more than half was superseded, and the file was written anew */
	bool is_behind;                      /* when opening failed: it has lost changes, and that was not accepted */
	bool is_another;                     /* when opening failed: catalog.log and meta.properties are of different directories */
	bool has_other_id;                   /* ... by directory.id: else it may be rot in the cluster's */
	char why[1200];                      /* when opening failed: what, where, and what can be done */
};

/* Opens or makes `dir`/catalog.log and `dir`/meta.properties (Kafka's file: version, cluster.id, node.id, directory.id). Counts this opening:
 * the incarnation is durable when it returns, or when a new catalog is published. The caller has made the directory and holds its lock. `broker`, the configuration at start, outlives the catalog.
 * ERR_CORRUPT_LOG: damage before the end; ERR_FORMAT: not our file, or a newer one; ERR_INVALID_CONFIG: another node's directory; -errno.
 * Then nothing was changed, and report->why says more. */
MUST_USE int catalog_open(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker, struct catalog_report *report);
/* The same, with what is known from elsewhere. ERR_CORRUPT_LOG also if the file has lost changes that were durable once, and that is not accepted. */
MUST_USE int catalog_open_knowing(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker,
				  const struct catalog_knowledge *known, struct catalog_report *report);
/* The same for tools: reads, changes nothing, counts nothing, and passes over a meta.properties that cannot be read. -ENOENT if there is no catalog. */
MUST_USE int catalog_open_read_only(struct catalog **out, struct io *io, const char *dir, const struct broker_config *broker, struct catalog_report *report);
/* Makes the meta.properties that an opening was allowed to put off, if it is missing; once. Where it cannot be written that is said, and the next opening tries
 * again: the catalog says the same. */
void catalog_write_meta(struct catalog *catalog);
/* Has the new catalog a name that was put off? And gives it that name, durably; harmless if it has it. A full disk may be tried again; any other error is final: no
 * change is taken until a restart. */
bool catalog_is_put_off(const struct catalog *catalog);
MUST_USE int catalog_publish(struct catalog *catalog);
/* Called once, before the first change is made: the time for all that was put off. Its error is that of the change; then the next change calls it again. NULL: nothing is to be done. */
typedef int catalog_before_change_fn(void *context);
void catalog_before_changes(struct catalog *catalog, catalog_before_change_fn *before, void *context);
void catalog_close(struct catalog *catalog);
/* How many shards the directory was made with, by the head of its catalog.log alone: files that are missing, or too many, change nothing about it. *count is 0
 * if nothing tells (no catalog, a damaged one, one of an earlier build). -errno: the file cannot be read. */
MUST_USE int catalog_shards_of(struct io *io, const char *dir, uint32_t *count);
/* The same of one that was just opened, held against catalog_knowledge's: the head of an older one is completed by its opening alone. ERR_CORRUPT_LOG: another number,
 * and the next opening will be told so; report->why says it. */
MUST_USE int catalog_check_shards(const struct catalog *catalog, struct catalog_report *report);
/* Asked when a change finds the disk full, on the catalog's thread: true if room was made, and the change is written once more. */
typedef bool catalog_make_room_fn(void *context);
void catalog_on_full(struct catalog *catalog, catalog_make_room_fn *make_room, void *context);

uint64_t catalog_incarnation(const struct catalog *catalog);

/* Called once in each opening, when all journals have noted it (store_open has returned for every shard) and before anything is acknowledged: says so
 * durably. A journal that a later start finds to be of an earlier opening is then known for one that was put back. Without topics nothing can be
 * lost yet: then it is said before the first one is created. How many shards there are is said as well: by it the next
 * opening completes the head of a catalog of an earlier build. The file's errors, as for changes. */
MUST_USE int catalog_note_journals(struct catalog *catalog);
/* The latest opening that all journals have noted, 0 if nothing says: none of them can be of an earlier one. */
uint64_t catalog_journal_incarnation(const struct catalog *catalog);
const char *catalog_cluster_id(const struct catalog *catalog);      /* 22 characters of URL-safe base64, as Kafka prints it */
const struct uuid *catalog_directory_id(const struct catalog *catalog);
int32_t catalog_node_id(const struct catalog *catalog);

/* Any thread. Every acquire has its release. */
const struct catalog_image *catalog_image_acquire(struct catalog *catalog);
void catalog_image_release(const struct catalog_image *image);
/* The sequence of the catalog's last durable record, now: at least that of the change that made this image. Any thread. */
uint64_t catalog_sequence(const struct catalog_image *image);
/* Cheap: does the image differ from the current one? Any thread. */
uint64_t catalog_version(struct catalog *catalog);

/* NULL if there is none; valid as long as the image is held. Any thread. */
const struct topic *catalog_topic_by_name(const struct catalog_image *image, struct slice name);
const struct topic *catalog_topic_by_id(const struct catalog_image *image, const struct uuid *id);

/* The settings of a type, those of one name in it, and one of them or NULL; valid as long as the image is held. Any thread. */
struct setting_range catalog_settings(const struct catalog_image *image, uint8_t type);
struct setting_range catalog_settings_of(const struct catalog_image *image, uint8_t type, struct slice name);
const struct setting *catalog_setting(const struct catalog_image *image, uint8_t type, struct slice name, struct slice key);

/* Kafka's rule (1..249 of [a-zA-Z0-9._-], not "." or ".."): 0 or ERR_INVALID_TOPIC_NAME. Any thread. */
MUST_USE int catalog_check_topic_name(struct slice name);

struct topic_spec {
	struct slice name;
	uint32_t partition_count;
	uint32_t override_count;
	const struct config_override *overrides; /* checked names and values; copied; the last of a name wins */
};

/* Another topic whose name is the same once '.' is read as '_' (Kafka's metrics cannot tell them apart), or NULL. */
const struct topic *catalog_topic_colliding(const struct catalog *catalog, struct slice name);

/* More partitions than that, in one topic or in all together, are refused. */
#define TOPIC_PARTITIONS_MAX 100000
#define CATALOG_PARTITIONS_MAX 1000000

/* Each is durable when it returns 0, and then in the current image; that its record was whole once, and rot in it no torn tail, another has to know (store_note_catalog).
 * Each is one sync, however many topics. `errs[i]` says what became of
 * the i-th: 0, ERR_TOPIC_EXISTS, ERR_INVALID_TOPIC_NAME (also for a name that collides, see catalog_topic_colliding),
 * ERR_INVALID_PARTITIONS, ERR_INVALID_CONFIG, ERR_UNKNOWN_TOPIC. The return value is nonzero only when the file could not be written
 * (-errno, ERR_FAILED once a sync has failed: that is final until a restart; -EFBIG: it has grown to what can be read at once, which the next opening mends);
 * then nothing has changed. */
MUST_USE int catalog_create_topics(struct catalog *catalog, const struct topic_spec *specs, uint32_t count, int *errs);
MUST_USE int catalog_delete_topics(struct catalog *catalog, const struct uuid *ids, uint32_t count, int *errs);
/* ERR_UNKNOWN_TOPIC; ERR_INVALID_PARTITIONS unless the count grows within its bounds. */
MUST_USE int catalog_grow_topic(struct catalog *catalog, const struct uuid *id, uint32_t partition_count);
/* Replaces the whole set of overrides (the caller merges for incremental changes). */
MUST_USE int catalog_set_overrides(struct catalog *catalog, const struct uuid *id, const struct config_override *overrides, uint32_t count);

/* Sets and unsets settings, in this order, all or none: durable when it returns 0, and then in the current image. The texts are copied.
 * Those of SETTING_BROKER that name this node, or nobody (all nodes), are the broker's configs (log/config) over those given at start: the image's `config` and
 * all topics follow. Of the other types the catalog knows no meaning.
 * A change that changes nothing writes nothing. ERR_INVALID_SETTING, ERR_TOO_MANY_SETTINGS (the bounds are in setting.h), or the file's error; then nothing has
 * changed. */
MUST_USE int catalog_change_settings(struct catalog *catalog, const struct setting_change *changes, uint32_t count);

/* Logs know this producer id, so it was given out, or a client made it up: what is reserved from now on is above it, and, if the catalog did not know, far above, as others
 * may have been given out that have written nothing yet. Changes nothing on disk: the next reservation does. */
void catalog_pass_producer_ids(struct catalog *catalog, int64_t known);
/* Reserves `count` producer ids, never handed out before or again; *first is the first of them (Kafka's ProducerIdManager: blocks of 1000). */
MUST_USE int catalog_reserve_producer_ids(struct catalog *catalog, uint32_t count, int64_t *first);
