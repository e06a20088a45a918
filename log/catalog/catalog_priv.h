/* The catalog as its own files see it: catalog.c, which opens it, catalog_write.c, catalog_topics.c and catalog_settings.c. Owner: the catalog's thread. Private to
 * log/catalog. */
#pragma once

#include "log/catalog/catalog_replay.h"

struct catalog {
	struct io *io;
	char *log_path, *meta_path;
	int fd;
	uint64_t end;       /* of the file's good part */
	uint64_t allocated_end; /* of the room that was had for it in this opening */
	uint64_t sequence;  /* of the last record */
	bool is_read_only, has_failed;
	bool must_note_journals; /* before a topic is created */
	bool is_meta_due;        /* catalog_write_meta has not been called yet */
	bool is_put_off;         /* the file has its temporary name */
	bool is_dir_unsynced;    /* the directory's own name, until the file is published */
	catalog_before_change_fn *before_change;
	void *before_change_context;
	uint32_t shard_count;    /* of the broker that has opened it; 0: not said */
	catalog_make_room_fn *make_room;
	void *make_room_context;
	struct image_room *room;
	const struct broker_config *given; /* at start */
	struct catalog_state state;
	/* All topics by their name with '.' read as '_', to find collisions without looking at all of them. */
	struct topic **by_stem;
	uint32_t stem_count, stem_capacity;
};

/* The begin of each change: what was put off until the first one is done now. ERR_FAILED once a sync has failed. */
MUST_USE int catalog__begin_change(struct catalog *catalog);
/* A record of the next sequence: what is put between this and catalog_end is its body. */
void catalog__begin(struct catalog *catalog, struct catalog_bytes *bytes, enum catalog_kind kind);
/* Appends the one record in `bytes`, durably; -ENOSPC unless that leaves room for the records of later starts. The bytes are freed. */
MUST_USE int catalog__commit(struct catalog *catalog, struct catalog_bytes *bytes);
/* The same for what a start has to write, and for deletions, which make room: into the room ahead, where there is no more. */
MUST_USE int catalog__commit_into_room_ahead(struct catalog *catalog, struct catalog_bytes *bytes);
/* Writes the whole file anew, and takes it as the one that is appended to; or all but its name, which catalog_publish gives it. The bytes stay the caller's. */
MUST_USE int catalog__write_anew(struct catalog *catalog, struct catalog_bytes *bytes, uint64_t sequence);
MUST_USE int catalog__write_unnamed(struct catalog *catalog, struct catalog_bytes *bytes, uint64_t sequence);
/* The record of catalog_note_journals. */
MUST_USE int catalog__note_journals_now(struct catalog *catalog);
void catalog__make_id(struct io *io, struct uuid *id);
/* Room for so many topics more in `by_stem`; -ENOMEM. */
MUST_USE int catalog__reserve_stems(struct catalog *catalog, uint32_t more);
void catalog__insert_stem(struct catalog *catalog, struct topic *topic);
/* Where `by_stem` has the topic, or the one it replaces. */
uint32_t catalog__place_of_stem(const struct catalog *catalog, const struct topic *topic);
/* When all records are replayed: the draft's configuration, and its topics with it. -ENOMEM. */
MUST_USE int catalog__apply_broker_settings(struct catalog *catalog);
