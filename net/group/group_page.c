/* Groups stand in the order in which they were made, with rising numbers, and a group's offsets are sorted by topic and partition: so a cursor that names the last
 * one told is good for ever. Failure modes: none; a page that is full ends. */
#include "net/group/group_page.h"

#include "net/group/classic.h"
#include "net/group/consumer_priv.h"
#include "net/group/offsets.h"

/* NULL: the page is full. The texts were copied by copy_text, which is asked first. */
static struct group_entry *add_entry(struct group_page *page)
{
	return page->entry_count < GROUP_PAGE_ENTRIES ? &page->entries[page->entry_count++] : NULL;
}

static bool copy_text(struct group_page *page, struct slice text, struct slice *copy)
{
	if (text.size > GROUP_PAGE_TEXT_SIZE - page->text_size)
		return false;
	*copy = (struct slice){page->text + page->text_size, text.size};
	memcpy(page->text + page->text_size, text.data, text.size);
	page->text_size += (uint32_t)text.size;
	return true;
}

static const struct group_entry *last_entry(const struct group_page *page)
{
	return page->entry_count ? &page->entries[page->entry_count - 1] : NULL;
}

/* The id of the group at hand, once a page. */
static bool copy_id(struct group_page *page, const struct group *group, struct slice *copy)
{
	const struct group_entry *last = last_entry(page);
	struct slice id = group__id(group);
	if (last && slice_equal(last->group, id)) {
		*copy = last->group;
		return true;
	}
	return copy_text(page, id, copy);
}

static bool copy_topic(struct group_page *page, struct slice name, struct slice *copy)
{
	const struct group_entry *last = last_entry(page);
	if (last && last->topic.data && slice_equal(last->topic, name)) {
		*copy = last->topic;
		return true;
	}
	return copy_text(page, name, copy);
}

/* ---- a group ------------------------------------------------------------------------------------------------------------------ */

static bool tell_group(struct group_page *page, const struct group *group)
{
	struct slice id;
	struct group_entry *entry = copy_id(page, group, &id) ? add_entry(page) : NULL;
	if (!entry)
		return false;
	*entry = (struct group_entry){
		.group = id,
		.type = group->classic ? "classic" : "consumer",
		.state = group->classic ? classic_state_name(group->classic->state) : consumer_state_name(group->consumer),
		.member_count = group->classic ? group->classic->member_count : group->consumer->member_count,
	};
	return true;
}

static bool tell_offset(struct group_page *page, const struct group *group, struct slice topic, const struct committed_offset *committed)
{
	struct slice id, name;
	bool is_copied = copy_id(page, group, &id) && copy_topic(page, topic, &name);
	struct group_entry *entry = is_copied ? add_entry(page) : NULL;
	if (!entry)
		return false;
	*entry = (struct group_entry){.group = id, .topic = name, .partition = committed->partition, .committed = committed->offset};
	page->next.topic_size = (uint32_t)topic.size;
	memcpy(page->next.topic, topic.data, topic.size);
	page->next.partition = committed->partition;
	return true;
}

/* Has this one been told, by this page or one before? */
static bool is_behind(const struct group_cursor *at, struct slice topic, int32_t partition)
{
	size_t common = topic.size < at->topic_size ? topic.size : at->topic_size;
	int order = memcmp(topic.data, at->topic, common);
	if (order == 0)
		order = topic.size < at->topic_size ? -1 : topic.size > at->topic_size;
	return order > 0 || (order == 0 && partition > at->partition);
}

static bool tell_offsets(struct group_page *page, const struct group *group)
{
	for (uint32_t t = 0; t < offsets_topic_count(group); t++) {
		const struct committed_offset *partitions;
		uint32_t count;
		struct slice topic = offsets_topic(group, t, &partitions, &count);
		for (uint32_t p = 0; p < count; p++)
			/* A name that no topic can have is from somebody else's log. */
			if (topic.size <= TOPIC_NAME_SIZE_MAX && is_behind(&page->next, topic, partitions[p].partition) && !tell_offset(page, group, topic, &partitions[p]))
				return false;
	}
	return true;
}

static bool tell(struct group_page *page, const struct group *group)
{
	struct group_cursor *next = &page->next;
	if (!next->is_within || next->group != group->number) {
		next->group = group->number;
		next->is_within = false;
		if (!tell_group(page, group))
			return false;
		next->is_within = true;
		next->topic_size = 0;
		next->partition = -1;
	}
	return tell_offsets(page, group);
}

bool coordinator_fill_page(const struct coordinator *coordinator, struct group_page *page)
{
	LIST_FOR_EACH(node, &coordinator->groups) {
		const struct group *group = LIST_ENTRY(node, struct group, node);
		if (group->number >= page->next.group && !tell(page, group))
			return false;
	}
	page->next = (struct group_cursor){.coordinator = page->next.coordinator};
	return true;
}
