/* Topics that are asked to go: their directories to quarantine/, and their names out of the catalog.
 *
 * Happy path: the names are checked before anything is done; behind a stop, when nothing of such a topic is in the journal alone any more, its directories are moved and it is
 * deleted, and the stores forget it in one start and stop more.
 * Failure modes: a sentence in the report; begun again, it goes on with what is left. */
#include <errno.h>
#include <string.h>

#include "log/repair/aside.h"
#include "log/repair/repair_priv.h"

static int move_directories(struct repair *repair, const char *topic)
{
	int err = 0;
	for (uint32_t i = 0; i < repair->dir.partition_count && !err; i++)
		if (!strcmp(repair->dir.partitions[i].topic, topic))
			err = repair_move_aside(repair->io, repair->options->dir, repair->dir.partitions[i].name);
	return err;
}

/* With the directories that filing has made since. */
static int list_again(struct repair *repair)
{
	data_dir_free(&repair->dir);
	int err = data_dir_read(&repair->dir, repair->io, repair->options->dir);
	return err ? repair__fail(repair, err, repair->options->dir, "") : 0;
}

/* Directories first: a topic that is deleted takes them with it. */
static int move_topics(struct repair *repair)
{
	for (uint32_t i = 0; i < repair->options->quarantined_count; i++) {
		const char *name = repair->options->quarantined[i];
		const struct topic *topic = catalog_topic_by_name(repair->image, slice_from(name));
		int err = move_directories(repair, name), topic_err = 0;
		if (!err && topic)
			err = catalog_delete_topics(repair->catalog, &topic->id, 1, &topic_err);
		if (err)
			return repair__fail(repair, err, name, "");
		catalog_image_release(repair->image);
		repair->image = catalog_image_acquire(repair->catalog);
	}
	return 0;
}

/* Behind a stop, when all of them is in their files. A start and a stop more, that the stores forget them too. */
int repair__quarantine(struct repair *repair)
{
	int err = list_again(repair);
	if (!err)
		err = repair__open_catalog(repair);
	if (!err)
		err = move_topics(repair);
	repair->is_quarantined = !err;
	if (!err)
		err = repair__open_stores(repair);
	if (!err)
		err = repair__stop_stores(repair);
	repair__close(repair);
	return err;
}

static bool has_directory(const struct repair *repair, const char *topic)
{
	for (uint32_t i = 0; i < repair->dir.partition_count; i++)
		if (!strcmp(repair->dir.partitions[i].topic, topic))
			return true;
	return false;
}

/* A slip in a name is told before anything is done; a catalog that cannot be read knows nobody. */
int repair__check_names(struct repair *repair)
{
	struct catalog *catalog = NULL;
	struct catalog_report found = {0};
	const char *unknown = NULL;
	int err = repair->options->quarantined_count ? catalog_open_read_only(&catalog, repair->io, repair->options->dir, repair->options->config, &found) : -ENOENT;
	if (err)
		return 0;
	const struct catalog_image *image = catalog_image_acquire(catalog);
	for (uint32_t i = 0; i < repair->options->quarantined_count && !unknown; i++) {
		const char *name = repair->options->quarantined[i];
		bool is_known = catalog_topic_by_name(image, slice_from(name)) || has_directory(repair, name);
		unknown = is_known ? NULL : name;
	}
	catalog_image_release(image);
	catalog_close(catalog);
	return unknown ? repair__fail(repair, -ENOENT, unknown, "there is no such topic here") : 0;
}
