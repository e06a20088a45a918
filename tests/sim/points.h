/* Situations that a whole run of the simulator must have met: a list of "sometimes". One that is never met says that the generator does not reach what it
 * was made for, and fails the run. Counted in memory that all workers share. */
#pragma once

#include "log/base/types.h"

#define POINTS(X)                                                                     \
	X(TORN_GROUP, "a torn group at the journal's end")                            \
	X(REPLAY, "a recovery that replayed")                                         \
	X(CUT_IN_RECOVERY, "power fails inside a recovery")                           \
	X(CUT_IN_RECOVERY_TWICE, "and again in the next one")                         \
	X(CUT_IN_STOP, "power fails inside a clean stop")                             \
	X(CLEAN_STOP, "a clean stop")                                                 \
	X(KILL, "kill -9 with appends in flight")                                     \
	X(CRASH_IN_COMMIT, "a crash while a group is written")                        \
	X(CRASH_IN_DIRECT, "a crash while a direct piece is written")                 \
	X(CRASH_IN_FILING, "a crash while write-behind files")                        \
	X(CRASH_IN_CYCLE_END, "a crash at the end of a write-behind cycle")           \
	X(UNACKED_KEPT, "an unanswered batch that survived")                          \
	X(UNACKED_LOST, "an unanswered batch that did not")                           \
	X(DEDUP, "a repeated batch recognised")                                       \
	X(DEDUP_AFTER_RESTART, "a repeated batch recognised after a restart")         \
	X(DEDUP_IN_FLIGHT, "a repeated batch recognised before the first was durable") \
	X(ROLL_IN_COMMIT, "a roll while a group is written")                          \
	X(DIRECT, "a direct piece acknowledged")                                      \
	X(JOURNAL_WRAPPED, "the journal went around its ring")                        \
	X(NO_MEMORY, "an append refused for want of memory")                          \
	X(JOURNAL_WAIT, "appends wait for room in the journal")                       \
	X(FULL, "a full disk")                                                        \
	X(FULL_RESUMED, "a full disk that was room again")                            \
	X(BROKEN, "durability broken by a failing disk")                              \
	X(BROKEN_SYNC, "durability broken by a failed sync")                          \
	X(READ_FAILED, "a read answered with an I/O error")                           \
	X(OPEN_FAILED, "a start refused by an I/O error")                             \
	X(OFFLINE, "a partition offline after an I/O error")               \
	X(TRIM, "delete-records acknowledged")                                        \
	X(TRIM_TO_END, "delete-records of everything")                                \
	X(RETENTION, "retention moved the log start")                                 \
	X(DROPPED_WHILE_READ, "a segment dropped while it is read")                   \
	X(READ_DISK, "a read from the disk")                                          \
	X(READ_MEMORY, "a read from memory")                                          \
	X(READ_OLD_LIFE, "a read of what an earlier life wrote")                      \
	X(LOOKUP, "a lookup by time that found")                                      \
	X(CREATE_CUT, "power fails while a topic is created")                         \
	X(DELETE_CUT, "power fails while a topic is deleted")                         \
	X(DELETE_IN_FLIGHT, "a topic deleted with appends in flight")                 \
	X(RECREATED, "a topic made again under its old name")                         \
	X(GROWN, "a topic grown")                                                     \
	X(CONFIGURED, "a topic configured anew")                                      \
	X(CATALOG_TORN, "a torn record at the catalog's end")                         \
	X(CATALOG_COMPACTED, "a catalog written anew")                                \
	X(CLOCK_BACK, "a wall clock that goes back")                                  \
	X(APPEND_TIME, "an append time known exactly after a restart")                \
	X(APPEND_TIME_BOUND, "an append time known within bounds alone")              \
	X(FENCED, "damage fenced and named")                                          \
	X(FENCED_JOURNAL, "damage in the journal")                                    \
	X(REFUSED_DAMAGE, "a start refused for damage")                               \
	X(ASTRAY, "a write that went astray")

enum point {
#define X(name, text) POINT_##name,
	POINTS(X)
#undef X
		point_count
};
const char *point_text(enum point point);
