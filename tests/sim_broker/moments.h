/* Situations that the runs together must have met; main.c counts them. */
#pragma once

#define MOMENTS(X)                                                          \
	X(POWER_CUT, "the power failed")                                    \
	X(POWER_CUT_IN_START, "the power failed while the broker started")  \
	X(KILL, "kill -9")                                                  \
	X(CLEAN_STOP, "a clean stop")                                       \
	X(RESETS, "all connections were reset")                             \
	X(RESET_IN_FRAME, "a connection was reset inside a frame")          \
	X(HALF_CLOSED, "a client said that it sends no more, and read on")  \
	X(SLOW_READER, "a client did not read for a while")                 \
	X(SLOW_NETWORK, "the network was slow")                             \
	X(SLOW_DISK, "the disk was slow, or short of words")                \
	X(FULL_DISK, "the disk was full")                                   \
	X(FULL_START, "the broker started on a full disk")                  \
	X(FETCHED_WHEN_FULL, "a fetch was answered while the disk was full") \
	X(FAILED_IO, "an I/O was ordered to fail")                          \
	X(SHORT, "an open failed, as there was no descriptor")           \
	X(FAILED_START, "a start failed for such an I/O, and the next did not") \
	X(OFFLINE, "such an I/O cost a start some partitions alone")         \
	X(CLOCK_JUMP, "the wall clock jumped")                              \
	X(MANY_SHARDS, "the broker had several shards")                     \
	X(REPEATED, "a batch sent again was known to the broker")           \
	X(STALE_EPOCH, "a batch of a producer's earlier epoch was refused") \
	X(LOST_ANSWER, "an answer was lost with its connection")            \
	X(REFUSED, "a produce was refused for the disk's sake")             \
	X(TOPIC_MADE, "a topic was made")                                   \
	X(TOPIC_DELETED, "a topic was deleted")                             \
	X(TOPIC_REMADE, "a topic was made again under its old name")        \
	X(TOPIC_GROWN, "a topic was given more partitions")                 \
	X(TOPIC_CONFIGURED, "a topic's configs were changed")               \
	X(ADMIN_REPEATED, "an administrator's call was sent again")         \
	X(TRIMMED, "records were deleted")                                  \
	X(OUT_OF_RANGE, "a consumer was told that its offset is gone")      \
	X(RETAINED, "retention moved a log start")                          \
	X(ROT, "bits rotted in a log file")                                 \
	X(ROT_NAMED, "a consumer was told so")                              \
	X(ROT_OFFSETS, "bits rotted in the log of groups and offsets")      \
	X(ROT_JOURNAL, "bits rotted in a journal")                          \
	X(ROT_CATALOG, "bits rotted in the catalog")                        \
	X(MISDIRECTED, "a write landed elsewhere")                          \
	X(LOST_ON_DISK, "a write was lost by the disk")                     \
	X(ROLLED_BACK, "a file was replaced by an earlier copy of itself") \
	X(EXCHANGED, "two partitions' files were exchanged")                \
	X(SEQUENCE_LOST, "a producer was told that batches of it are lost") \
	X(REFUSED_START, "a start was refused, and named a way out")        \
	X(WAY_OUT, "the way out led to a broker that stands")               \
	X(ENDED_EARLY, "(documented) a disk lost a journal's last group, and a log ended early") \
	X(ENDED_IN_DOUBT, "(documented) likewise, and an answer ended the run") \
	X(COMMITTED, "a commit was acknowledged")                           \
	X(COMMIT_SURVIVED, "and found after a restart")                     \
	X(REWOUND, "a commit went back, as it was asked")                  \
	X(REBALANCED, "a member was told what it owns")                     \
	X(MEMBER_COMMITTED, "a member's commit was acknowledged")           \
	X(MEMBER_LEFT, "a member left its group")                           \
	X(MEMBER_VANISHED, "a member was gone without a word")              \
	X(KIP848_JOINED, "a member of the consumer protocol joined")        \
	X(KIP848_GIVEN, "it was given partitions")                          \
	X(KIP848_REVOKED, "it gave partitions back")                        \
	X(KIP848_PAUSED, "it was silent for long")                         \
	X(KIP848_FENCED, "it was fenced")                                   \
	X(KIP848_LEFT, "it left")                                           \
	X(KIP848_VANISHED, "it was gone without a word")                    \
	X(KIP848_COMMITTED, "its commit was acknowledged")                  \
	X(PARKED, "a fetch was answered empty")                             \
	X(SESSION_GOES_ON, "a fetch session went on")                      \
	X(SESSION_LOST, "a fetch session was not known any more")          \
	X(REREAD, "a consumer began again at the start")

enum moment {
#define X(name, text) MOMENT_##name,
	MOMENTS(X)
#undef X
		moment_count
};
const char *moment_text(enum moment moment);
