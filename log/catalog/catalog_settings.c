/* Changing settings, and the broker's configuration that some of them are.
 *
 * Happy path: the next image gets a set of settings of its own with the changes made; if one is the broker's, a configuration, and if that changes what
 * topics have without values of their own, new topics; then the record is made durable and the image published. Failure modes: as of every change, and
 * nothing has changed then. */
#include "log/catalog/catalog_priv.h"

#include <errno.h>

#include "log/catalog/image_config.h"

/* ---- at opening ---------------------------------------------------------------------------------------------------- */

/* What topics without overrides have, once `config` is in force. */
static void set_defaults(struct topic_defaults *defaults, const struct image_config *config)
{
	defaults->broker = config->config;
	topic_config_resolve(&defaults->config, defaults->broker);
}

/* While the records were replayed, topics had what the broker was given at start. */
int catalog__apply_broker_settings(struct catalog *catalog)
{
	struct catalog_state *state = &catalog->state;
	struct image_config *config;
	int err = image_config_create(&config, catalog->given, state->draft.image->settings, state->identity.node_id);
	if (err)
		return err;
	image_draft_set_config(&state->draft, config);
	state->defaults.broker = config->config;
	if (catalog_settings(state->draft.image, SETTING_BROKER).count > 0) {
		set_defaults(&state->defaults, config);
		err = image_draft_resolve(&state->draft, &state->defaults);
	}
	catalog_destroy_retired(state);
	return err;
}

/* ---- changes ------------------------------------------------------------------------------------------------------- */

static int commit_settings(struct catalog *catalog, const struct setting_change *changes, uint32_t count)
{
	struct catalog_bytes bytes;
	catalog__begin(catalog, &bytes, CATALOG_SETTINGS);
	catalog_put_u32(&bytes, count);
	for (uint32_t i = 0; i < count; i++)
		catalog_put_setting(&bytes, &changes[i]);
	catalog_end(&bytes);
	return catalog__commit(catalog, &bytes);
}

/* The topics follow, if the change is one of their defaults. */
static int draft_config(struct catalog *catalog, struct image_draft *draft, struct topic_defaults *defaults, bool *is_resolved)
{
	struct image_config *config;
	int err = image_config_create(&config, catalog->given, draft->image->settings, catalog->state.identity.node_id);
	if (err)
		return err;
	image_draft_set_config(draft, config);
	set_defaults(defaults, config);
	bool is_changed = memcmp(&defaults->config, &catalog->state.defaults.config, sizeof defaults->config) != 0;
	err = is_changed ? image_draft_resolve(draft, defaults) : 0;
	*is_resolved = is_changed && !err;
	return err;
}

/* Tools that set the same again and again are to cost no I/O. */
static bool is_in_force(const struct catalog_image *image, const struct setting_change *change)
{
	const struct setting *now = catalog_setting(image, change->type, change->name, change->key);
	if (!now || !change->value)
		return !now && !change->value;
	return now->value.size == change->value->size && memcmp(now->value.data, change->value->data, now->value.size) == 0;
}

static bool are_in_force(const struct catalog_image *image, const struct setting_change *changes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!changes[i].type || !is_in_force(image, &changes[i]))
			return false;
	return true;
}

static bool concern_brokers(const struct setting_change *changes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (changes[i].type == SETTING_BROKER)
			return true;
	return false;
}

static int draft_settings(struct image_draft *draft, const struct setting_change *changes, uint32_t count)
{
	struct setting_set *settings = image_draft_settings(draft);
	int err = settings ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < count && !err; i++)
		err = setting_set_change(settings, &changes[i]);
	return err;
}

static void publish_settings(struct catalog *catalog, struct image_draft *draft, const struct topic_defaults *defaults, bool is_resolved)
{
	const struct catalog_image *image = draft->image;
	for (uint32_t i = 0; is_resolved && i < image->topic_count; i++)
		catalog->by_stem[catalog__place_of_stem(catalog, image->topics[i])] = image->topics[i];
	catalog->state.defaults = *defaults;
	image_draft_publish(draft, catalog->room);
}

int catalog_change_settings(struct catalog *catalog, const struct setting_change *changes, uint32_t count)
{
	int err = catalog__begin_change(catalog);
	if (err || are_in_force(catalog->room->current, changes, count))
		return err;
	struct image_draft draft;
	struct topic_defaults defaults = catalog->state.defaults;
	bool is_resolved = false;
	err = image_draft_begin(&draft, catalog->room, 0);
	if (err)
		return err;
	err = draft_settings(&draft, changes, count);
	if (!err && concern_brokers(changes, count))
		err = draft_config(catalog, &draft, &defaults, &is_resolved);
	err = err ? err : commit_settings(catalog, changes, count);
	if (!err)
		publish_settings(catalog, &draft, &defaults, is_resolved);
	else if (is_resolved)
		image_draft_discard_resolved(&draft);
	else
		image_draft_discard(&draft);
	return err;
}
