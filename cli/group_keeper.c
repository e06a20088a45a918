/* The keeper on the broker.
 *
 * Writing: the new notes are committed over the old ones, then what is left of older rewinds is forgotten. Were it interrupted between the two, the
 * older notes would be left, and passed over for being older. Failure modes: a user's own group of that name (refused, never written), a broker
 * that refuses. */
#include "cli/group_keeper.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/group.h"

/* The broker takes 4096 bytes of metadata (offset.metadata.max.bytes), of which the note needs some; Streams writes about twenty. */
#define KEPT_METADATA_SIZE_MAX 3584

/* ---- looking ------------------------------------------------------------------------------------------------------------------ */

static bool parse_note(struct group_undo_note *out, const rd_kafka_topic_partition_t *commit)
{
	return group_undo_note_parse(out, (struct slice){commit->metadata, commit->metadata_size});
}

bool group_keeper_is_one(const char *name, const rd_kafka_topic_partition_list_t *committed)
{
	struct group_undo_note note;
	if (!group_undo_subject(name).data)
		return false;
	for (int i = 0; i < committed->cnt; i++)
		if (!parse_note(&note, &committed->elems[i]))
			return false;
	return committed->cnt > 0;
}

/* Without commits it is a user's while somebody is in it. */
static int find_kind(struct group_keeper *keeper, struct kafka_client *client)
{
	struct group_views groups;
	const char *name = keeper->name;
	keeper->kind = group_keeper_is_one(name, keeper->kept) ? KEEPER_OURS : KEEPER_USERS;
	if (keeper->kept->cnt)
		return STATUS_OK;
	int status = group_views_ask(&groups, client, &name, 1);
	if (!status && !groups.items[0].member_count)
		keeper->kind = groups.items[0].is_there ? KEEPER_SPENT : KEEPER_ABSENT;
	group_views_free(&groups);
	return status;
}

int group_keeper_open(struct group_keeper *out, struct kafka_client *client, const char *group)
{
	struct group_undo_note note;
	*out = (struct group_keeper){0};
	if (!group_undo_name(out->name, group)) {
		complain("the name of the group is too long");
		return STATUS_USAGE;
	}
	int status = group_offsets_ask(client, out->name, &out->kept);
	status = status ? status : find_kind(out, client);
	for (int i = 0; !status && i < out->kept->cnt; i++)
		if (parse_note(&note, &out->kept->elems[i]) && note.rewound_ms > out->rewound_ms)
			out->rewound_ms = note.rewound_ms;
	return status;
}

void group_keeper_free(struct group_keeper *keeper)
{
	if (keeper->kept)
		kafka()->rd_kafka_topic_partition_list_destroy(keeper->kept);
	*keeper = (struct group_keeper){0};
}

bool group_keeper_note(const struct group_keeper *keeper, int index, struct group_undo_note *out)
{
	return keeper->kind == KEEPER_OURS && parse_note(out, &keeper->kept->elems[index]) && out->rewound_ms == keeper->rewound_ms;
}

int group_keeper_check(const struct group_keeper *keeper, const char *group)
{
	if (keeper->kind != KEEPER_USERS)
		return STATUS_OK;
	complain("group '%s' is somebody's own, and has the name under which what --undo needs would be kept; nothing was moved: rewind '%s' with --no-undo, "
		 "or delete '%s' if nobody needs it", keeper->name, group, keeper->name);
	return STATUS_FAILED;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

/* Later than what is kept already, also if the clock was set back. */
static int64_t time_of_rewind(const struct group_keeper *keeper)
{
	int64_t now_ms = clock_now_ms();
	return now_ms > keeper->rewound_ms ? now_ms : keeper->rewound_ms + 1;
}

static int add_note(rd_kafka_topic_partition_list_t *notes, const struct rewind_step *step, int64_t rewound_ms)
{
	struct group_undo_note note = {.rewound_ms = rewound_ms, .had_commit = step->before >= 0, .metadata = step->metadata};
	if (note.metadata.size > KEPT_METADATA_SIZE_MAX)
		note.metadata.size = 0;
	rd_kafka_topic_partition_t *commit = kafka()->rd_kafka_topic_partition_list_add(notes, step->topic, step->partition);
	commit->offset = note.had_commit ? step->before : 0;
	commit->metadata = group_undo_note_format(&note, &commit->metadata_size);
	return commit->metadata ? STATUS_OK : STATUS_FAILED;
}

/* Of partitions that are not in `notes`; what was kept for a topic that is gone is the broker's to forget. */
static int forget_older(const struct group_keeper *keeper, struct kafka_client *client, const rd_kafka_topic_partition_list_t *notes)
{
	rd_kafka_topic_partition_list_t *older = kafka()->rd_kafka_topic_partition_list_new(keeper->kept->cnt);
	for (int i = 0; i < keeper->kept->cnt; i++) {
		const rd_kafka_topic_partition_t *kept = &keeper->kept->elems[i];
		if (kafka_client_topic(client, kept->topic) && !kafka()->rd_kafka_topic_partition_list_find(notes, kept->topic, kept->partition))
			kafka()->rd_kafka_topic_partition_list_add(older, kept->topic, kept->partition);
	}
	int status = group_offsets_delete(client, keeper->name, older);
	kafka()->rd_kafka_topic_partition_list_destroy(older);
	return status;
}

int group_keeper_write(const struct group_keeper *keeper, const struct rewind_plan *plan)
{
	rd_kafka_topic_partition_list_t *notes = kafka()->rd_kafka_topic_partition_list_new((int)plan->count);
	int64_t rewound_ms = time_of_rewind(keeper);
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < plan->count; i++)
		status = add_note(notes, &plan->steps[i], rewound_ms);
	status = status ? status : group_offsets_commit(plan->client, keeper->name, notes);
	status = status ? status : forget_older(keeper, plan->client, notes);
	if (status)
		complain("what --undo needs cannot be kept in group '%s'; nothing was moved (--no-undo does without)", keeper->name);
	kafka()->rd_kafka_topic_partition_list_destroy(notes);
	return status;
}

int group_keeper_forget(const struct group_keeper *keeper, struct kafka_client *client)
{
	bool is_to_go = keeper->kind == KEEPER_OURS || keeper->kind == KEEPER_SPENT;
	rd_kafka_resp_err_t err = is_to_go ? group_delete_quietly(client, keeper->name) : 0;
	if (!err || err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
		return STATUS_OK;
	complain("group '%s', which keeps what --undo needs, cannot be deleted: %s", keeper->name, kafka()->rd_kafka_err2str(err));
	return STATUS_FAILED;
}
