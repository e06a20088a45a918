/* What the files of a recovery (recover*.c) share. Private to log/store; the thread is the shard's. */
#pragma once

#include "log/store/store_priv.h"

struct replay {
	struct store *store;
	struct store_report *report;
	struct uuid *torn_ids; /* partitions that met @G */
	uint32_t *torn_indexes;
	uint32_t torn_count;
	bool has_unvouched_loss;   /* met @G, or @F of a piece that nobody vouches for */
	struct partition **unvouched; /* partitions that met @K; malloc'ed, as the next */
	int64_t *unvouched_ends;      /* the log end behind each's last such piece */
	uint32_t unvouched_count;
	bool has_given_up;         /* met @T */
	bool has_repeats;          /* groups are lost, of which later ones, or a superblock, tell */
	uint64_t untold_to;        /* what groups up to this one held, nobody tells; 0: there are none */
	struct fence *fences;
	uint32_t fence_count;
	bool has_scanned;          /* no checkpoint was believed */
	bool must_begin_anew;      /* a partition has gone offline */
	uint64_t kept_incarnation; /* of the opening that wrote what is being replayed, if that is no group of the journal; else 0 */
	int64_t told_time_ms;      /* the time that retention went by, as the journal tells it; below 0: it does not */
};

/* Damage that was met. Where the log starts is known at the end alone, and below that nothing is missed: those files may be removed already. */
struct fence {
	struct partition *partition;
	int64_t from, to;
};

/* Lost, another's, or of an earlier time; and that was accepted. */
static inline bool is_journal_gone(const struct replay *replay)
{
	return replay->report->is_journal_lost || replay->store->is_journal_alien;
}

/* offline.c */
/* Before a recovery: what is kept of partitions that were offline. Those whose kept entries cannot be read stay so. */
MUST_USE int store__find_kept(struct store *store);
/* What of a partition's files could not be asked: 0, it is offline, and the recovery is to begin anew; else the error ends the recovery, and the report says why. */
MUST_USE int store__put_offline(struct replay *replay, struct partition *partition, int err);
/* The checkpoint says what each partition was, and the journal has lost nothing: so both together are all that there is of it. */
bool store__may_be_kept(const struct replay *replay);
/* Of one that is offline: for store__write_kept. */
MUST_USE int store__keep_entry(struct replay *replay, const struct partition *partition, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload);
/* The recovery begins anew, and meets them once more. */
void store__forget_kept_entries(struct store *store);
/* Durably, before the journal is written or let go. */
MUST_USE int store__write_kept(struct store *store);
/* Before the journal is replayed: what was kept of those that can be read again, if their logs have come to where that begins; behind it (`is_last`) all that is left. */
MUST_USE int store__replay_kept(struct replay *replay, bool is_last);
/* Before a scan: what was kept counts as the journal's. */
MUST_USE int store__note_kept_from(struct store *store);
/* The same of one that has some left, before an entry of the journal. */
MUST_USE int store__take_kept(struct replay *replay, struct partition *partition, bool is_last);

/* recover_end.c */
/* Which partitions' files have anything behind the ends that recovery has found: partition->has_tail. Those that cannot be read are noted as unseen, or go offline. */
MUST_USE int store__find_tails(struct replay *replay, uint32_t looked_at);

/* recover_positions.c */
/* From the checkpoint, or what is there instead of it. */
MUST_USE int store__find_positions(struct replay *replay, bool *has_scanned);
/* Behind the replay of an older journal: what was filed by anybody's word, and is still missing, is fenced. */
MUST_USE int store__demand_what_was_not_replayed(struct replay *replay);

/* recover_later.c */
/* Behind a checkpoint of a clean stop. ERR_CORRUPT_LOG, and the report says why: directories hold more than it, its journal and catalog know. If that loss is accepted, the
 * journal is as good as lost. */
MUST_USE int store__look_for_later(struct replay *replay);
/* The same behind a crash and its replay, of the partitions that have a tail. */
MUST_USE int store__look_for_later_tails(struct replay *replay);
/* Each log's end is to be looked at before it moves, if all that is known of it is what a clean stop has left. */
void store__doubt_ends(struct store *store, bool was_clean);

/* recover_scan.c */
/* From where on will the replay have each log, whatever is in its files? One that has lost groups, or is of another time than the checkpoint was, has not all
 * that its first entry promises: then the files are believed as far as they can be. */
MUST_USE int store__ask_journal(struct store *store);
/* Every partition gets the segments, and what they say, that its directory has. ERR_CORRUPT_LOG, and the report says why: files were exchanged. */
MUST_USE int store__scan_directories(struct store *store, struct store_report *report);

/* recover_replay.c */
/* For journal_replay; the context is the struct replay. */
MUST_USE int store__replay_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload);
/* Everything replayed so far is durable. */
void store__settle(struct partition *partition);
/* Acknowledged data are missing before this offset: their offsets are fenced, and the log goes on in a new segment. */
MUST_USE int store__leave_gap(struct replay *replay, struct partition *partition, int64_t end_offset);
MUST_USE int store__note_fence(struct replay *replay, struct partition *partition, int64_t from, int64_t to);
/* Once the log starts are known: what lies below them is not missed. */
void store__put_up_fences(struct replay *replay);

/* recover_room.c */
MUST_USE int store__leave_room(struct replay *replay, bool has_unknown_past);
