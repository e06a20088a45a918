/* A group's name only says that it may keep something for another one; what it has committed says whether it does. So groups with such a name, and they
 * alone, are asked for their offsets. */
#include "cli/group_listing.h"

#include <stdlib.h>

#include "cli/group_keeper.h"

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct group_listing_row *)a)->name, ((const struct group_listing_row *)b)->name);
}

static bool is_listed(const struct group_list *groups, struct slice name)
{
	for (size_t i = 0; i < groups->count; i++) {
		const char *one = kafka()->rd_kafka_ConsumerGroupListing_group_id(groups->items[i]);
		if (strlen(one) == name.size && memcmp(one, name.data, name.size) == 0)
			return true;
	}
	return false;
}

static int find_subject(struct kafka_client *client, const struct group_list *groups, struct group_listing_row *row)
{
	rd_kafka_topic_partition_list_t *committed;
	struct slice subject = group_undo_subject(row->name);
	if (!subject.data)
		return STATUS_OK;
	int status = group_offsets_ask(client, row->name, &committed);
	if (!status && group_keeper_is_one(row->name, committed)) {
		row->undo_of = subject;
		row->is_orphan = !is_listed(groups, subject);
	}
	kafka()->rd_kafka_topic_partition_list_destroy(committed);
	return status;
}

static int take_rows(struct group_listing *listing, struct kafka_client *client, const struct group_list *groups, bool with_internal)
{
	int status = STATUS_OK;
	for (size_t i = 0; !status && i < groups->count; i++) {
		struct group_listing_row row = {.name = kafka()->rd_kafka_ConsumerGroupListing_group_id(groups->items[i])};
		status = find_subject(client, groups, &row);
		if (!row.undo_of.data || row.is_orphan || with_internal)
			listing->rows[listing->count++] = row;
		else
			listing->hidden_count++;
	}
	if (listing->count)
		qsort(listing->rows, listing->count, sizeof *listing->rows, compare_rows);
	return status;
}

int group_listing_ask(struct group_listing *out, struct kafka_client *client, bool with_internal)
{
	struct group_list groups;
	*out = (struct group_listing){0};
	int status = group_list_ask(&out->call, client, &groups);
	out->rows = calloc(groups.count + 1, sizeof *out->rows);
	return status ? status : out->rows ? take_rows(out, client, &groups, with_internal) : STATUS_FAILED;
}

void group_listing_free(struct group_listing *listing)
{
	admin_end(&listing->call);
	free(listing->rows);
}
