/* The store: all partitions of one shard, their journal and their memory, under one data directory. It turns appends into
 * durable groups, files them into segments behind the journal, and recovers after any stop.
 *
 * Owner: the shard's thread. It never blocks in the append or fetch path; it never acknowledges what is not on stable storage. */
#pragma once

#include "log/catalog/catalog.h"

struct partition;
struct ring_image;
struct store;

struct store_options {
	const char *dir;
	uint32_t shard, shard_count;
	uint64_t incarnation;
	struct ring_image *journal_image; /* of this shard, from store_read_catalog_mark; the store's from now on; NULL: the journal is read anew */
	uint64_t journal_incarnation;     /* catalog_journal_incarnation: a journal of an earlier opening was put back, and is refused as a lost one is */
	const struct uuid *directory_id;  /* catalog_directory_id: a journal of another directory means that catalog.log is another's; NULL: not asked */
	bool is_catalog_new;              /* made beside this journal just now (its loss accepted, or by the repair), perhaps with a new identity: then that is not asked */
	uint64_t journal_size_bytes;      /* spate.journal.bytes; 0: the store chooses when it makes the file */
	uint64_t cache_size_bytes;        /* spate.cache.bytes: memory for unfiled and recently appended data, a quarter of it (16 MiB at least) for the latter */
	uint32_t direct_size_bytes_min;   /* spate.direct.bytes: pieces this large go straight to their segment; 0 = the measured default */
	uint32_t producers_max;           /* per partition */
	int64_t producer_expiration_ms;   /* producer.id.expiration.ms */
	int64_t retention_check_ms;       /* log.retention.check.interval.ms */
	bool is_loss_accepted;            /* spate.accept.loss */
	uint64_t scrub_bytes_per_second;  /* spate.scrub.bytes.per.second; 0 = sealed segments are not read again */
	uint64_t reserve_bytes;           /* spate.reserve.bytes: of disk, for what must go on when it is full; 0 = none */
	uint64_t spare_bytes;             /* spate.spare.bytes: files of segments that are let go, kept for new ones; 0 = none */
	uint64_t spare_size_bytes_min;    /* of one; 0 = 1 MiB */
	int64_t scrub_interval_ms;        /* spate.scrub.interval.ms: from the begin of a pass to that of the next */
	bool may_put_off_start;           /* a new directory's first journal is started by store_start */
	uint32_t open_files_max;          /* descriptors for segments' files, but for those in use: idle ones beyond are closed; 0 = 16,384 */
};

/* As many offsets at least are left out, fenced, in each partition beside groups or a journal whose loss was accepted. No other damage is as long. */
#define STORE_ROOM_OFFSETS (1ll << 32)

/* What recovery found and did; printed at start. */
struct store_report {
	uint64_t partitions;
	uint64_t entries_replayed, bytes_replayed;
	uint64_t torn_groups;             /* never acknowledged, dropped */
	uint64_t damaged_ranges;          /* below the durable point: fenced, never truncated */
	uint64_t offline_partitions;      /* whose files cannot be read: named on stderr, and kept what the journal has of them (log/store/offline.c) */
	bool was_clean;
	bool is_journal_lost;             /* the journal was missing, or none: what was in it alone is lost, and that was accepted */
	uint64_t duration_ns;
	char why[1024];                   /* when opening failed, and there is more to say than the error: what, and what can be done */
};

/* How far the catalog of this directory had come at least, as the journals and checkpoints of its shards know; zeros if nothing tells. Damage
 * in them is passed over, as opening the store names it. Reads only. -EIO, -ENOMEM: not known. */
MUST_USE int store_read_catalog_mark(struct io *io, const char *dir, uint32_t shard_count, struct catalog_mark *known);
/* The same, and images[shard] becomes what was read of the shard's journal, or NULL: for store_options.journal_image, if nobody writes the journal in between, so that
 * it is read once; else for store_free_journal_image. On an error all are NULL. */
MUST_USE int store_read_catalog_mark_keeping(struct io *io, const char *dir, uint32_t shard_count, struct catalog_mark *known, struct ring_image *images[]);
void store_free_journal_image(struct ring_image *image);
/* Each partition that they know to have held something, some of them often, and how far the catalog had come at least when they were told of it (zeros: not known).
 * The same errors. */
typedef void store_told_partition_fn(void *context, const struct uuid *topic_id, uint32_t partition, const struct catalog_mark *mark);
MUST_USE int store_read_told_partitions(struct io *io, const char *dir, uint32_t shard_count, store_told_partition_fn *take, void *context);
/* Each segment whose first batch they know, by its CRC, some of them often. The same errors. */
typedef void store_told_file_fn(void *context, const struct uuid *topic_id, uint32_t partition, int64_t base_offset, uint32_t first_crc);
MUST_USE int store_read_told_files(struct io *io, const char *dir, uint32_t shard_count, store_told_file_fn *take, void *context);
/* What of the journals is in no segment's file yet, going by the checkpoints beside them: of a topic that the checkpoint does not know any more, what came before it was
 * deleted. Entries that are lost, of which others tell, have no batches; nor have pieces that went straight to their segment. The same errors. */
struct store_unfiled {
	struct uuid topic_id;
	uint32_t partition;
	int64_t base_offset, end_offset; /* of what is not filed */
	struct slice batches;            /* whole ones, some of them filed perhaps; valid during the call */
};
typedef void store_unfiled_fn(void *context, const struct store_unfiled *unfiled);
MUST_USE int store_read_unfiled(struct io *io, const char *dir, uint32_t shard_count, store_unfiled_fn *take, void *context);

/* Does the catalog say that the shard's journal was there? Each shard has made its own before the first topic can be created, so with a topic in
 * the image a journal that is not there is lost. */
bool store_must_have_journal(const struct catalog_image *image);

/* Recovers. ERR_CORRUPT_LOG if the journal is lost, unless that is accepted; then this shard's files are as they were. The image says which partitions exist;
 * what is on disk for others is left alone (and named in the report's log lines). A new directory is opened once before its first topic is
 * made, and the topic then comes with store_set_image. When the stores of all shards are open and have started, the
 * catalog is told (catalog_note_journals). */
MUST_USE int store_open(struct store **out, struct io *io, const struct store_options *options,
			const struct catalog_image *image, struct store_report *report);

/* While it is held a store takes nothing, as on a full disk: for the stores of a directory one of which has not started yet, since nothing may be acknowledged before the
 * catalog was told that the journals of all have (catalog_note_journals). Holding is for right behind store_open. */
void store_hold(struct store *store, bool is_held);

/* Starts the journal that was put off: before the first topic is made, and behind the catalog that a journal without would be a lost one's. Harmless if it was not put off. */
MUST_USE int store_start(struct store *store);

/* Called once in each turn of the loop, after the callbacks: commits the open group if none is in flight. */
void store_turn(struct store *store);

/* Takes over a newer image: partitions of deleted topics close (their operations end with ERR_CLOSED) and their files go; configs change. */
void store_set_image(struct store *store, const struct catalog_image *image);
/* A change of the catalog is its own only witness until others note how far it has come: rot in its record, the last one, looks like a record that a crash tore. So who
 * changed it has the journal note it, before he tells anybody. */
struct store_catalog_note {
	struct list node;
	void (*done)(struct store_catalog_note *note);
};
/* `done` runs in a later store_turn: when the journal durably says how far the catalog of the store's image has come, or at once if it cannot (not started yet, no room
 * on a full disk, broken): then the change stands alone. Not if the store is closed before. The caller owns the note; it stays where it is until then. */
void store_note_catalog(struct store *store, struct store_catalog_note *note);
/* producer.id.expiration.ms from now on: looked at with retention. */
void store_set_producer_expiration(struct store *store, int64_t expiration_ms);

/* The partition of this shard, or NULL if the image has none such or another shard owns it. Valid until the topic is deleted: hold no
 * pointer across turns but through an operation, which the deletion ends first. */
struct partition *store_partition(struct store *store, const struct uuid *topic_id, uint32_t index);

/* The same for who only looks: NULL also if nothing was asked of the partition in this life and recovery found nothing of it, for then it has no room in
 * memory yet and takes none. */
struct partition *store_look_at_partition(const struct store *store, const struct uuid *topic_id, uint32_t index);

/* For how many shards a data directory has files: the number of its journals (one that is lost has its checkpoint), 0 if it is new or not there. How many it
 * was made with, and keeps, as each partition's data are in the files of the shard that owns it, is the catalog's to say (catalog_shards_of); an older one
 * does not, and then it is this. -errno. */
MUST_USE int store_shards_of(struct io *io, const char *dir, uint32_t *count);
/* Is it the name that the broker gives to a shard's file, `prefix` and the number ("journal-01" is not)? `prefix`: at most 32 bytes. */
bool store_is_shard_file(const char *name, const char *prefix, uint32_t *shard);

/* The name of what is kept of a partition that a start could not read (log/store/offline.c)? */
#define STORE_KEPT_PREFIX "kept-"
bool store_is_kept_file(const char *name, uint32_t *shard, struct uuid *topic_id, uint32_t *index);

/* Which shard owns a partition: a stable hash (XXH3) of topic id and index. */
uint32_t store_owner(const struct uuid *topic_id, uint32_t index, uint32_t shard_count);

/* A clean stop: refuse appends, make durable what is staged, file all, checkpoint, seal. Run io_turn and store_turn until store_is_stopped,
 * then close. Closing without it is a crash that recovery handles. */
void store_stop(struct store *store);
bool store_is_stopped(const struct store *store);
void store_close(struct store *store);

/* What was found and looked at since the start: for metrics. */
struct store_counters {
	uint64_t damaged_ranges;          /* fenced: by recovery, reads, lookups, the scrub */
	uint64_t scrub_passes, scrub_segments, scrub_bytes;
	uint64_t shortages;               /* how often the store's own work had to wait for descriptors or memory of the system */
};
struct store_counters store_counters(const struct store *store);
/* How full it is: for metrics. */
struct store_usage {
	uint64_t journal_size_bytes, journal_used_bytes;
	uint64_t cache_size_bytes, cache_pinned_bytes; /* pinned: appended and not yet in a segment */
	bool has_reserve;                 /* spate.reserve.bytes are held */
	bool is_scrubbing;                /* a pass is under way */
	uint32_t open_files;              /* descriptors of segments' files */
};
struct store_usage store_usage(const struct store *store);

/* The wall's time as far as it is believed (store/retention_clock.h): what is let go for its age goes by it. A jump that it sees is told on stderr. */
int64_t store_retention_ms(struct store *store);

/* The largest producer id that any of its logs remembers; -1: none. Before it serves, from any thread. */
int64_t store_producer_id_max(const struct store *store);

/* States for health, metrics and refusals. */
bool store_has_started(const struct store *store); /* its journal has noted this opening; a full disk may put that off (see store_open) */
bool store_has_failed(const struct store *store);  /* broken durability: every append is refused until a restart */
bool store_is_full(const struct store *store);     /* the disk is full: appends are refused, reads served; resumes by itself */
bool store_is_short(const struct store *store);    /* filing waits for descriptors or memory of the system, or for a file that may not be opened; appends go on as long as the journal has room */
bool store_lacks_read_memory(const struct store *store); /* reads of what is in files alone wait until answers give back the memory that was lent them */
bool store_takes_internal(const struct store *store); /* ... but for those of coordinators, as long as the journal has room for them */
/* Somebody else's write in this directory (the catalog's) found the disk full: makes room for it by letting spare files go, or else the reserve. True if there was any. */
bool store_make_room(struct store *store);

/* Is it `<anything>.<topic id>-delete`, the form that the deletion of that topic has given to a directory, and nothing else? */
bool store_is_leftover(const char *name, struct uuid *id);
