/* DescribeTopicPartitions (KIP-966): the partitions of topics in pages, sorted by topic. What the Java admin
 * client asks where others ask Metadata. Nothing is created.
 *
 * A page ends when it has as many partitions as the client or this broker allows; the cursor then says where
 * the next begins. A cursor whose topic is gone continues behind it when all topics are asked for. */
#include "kmsg_describe_topic_partitions.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

#include <stdlib.h>

/* Kafka's max.request.partition.size.limit. */
#define PAGE_PARTITIONS_MAX 2000

struct page {
	struct kmsg_describe_topic_partitions_request in;
	struct kmsg_describe_topic_partitions_response out;
	struct slice *names;           /* sorted, each once, from the cursor on */
	uint32_t count;
	int32_t room;                  /* for partitions */
	struct kmsg_describe_topic_partitions_cursor next;
};

static int compare_names(const void *left, const void *right)
{
	const struct slice *a = left, *b = right;
	size_t shorter = a->size < b->size ? a->size : b->size;
	int order = shorter ? memcmp(a->data, b->data, shorter) : 0;
	return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* ---- which topics -------------------------------------------------------------------------------------- */

static bool list_names(struct request *request, struct page *page)
{
	const struct catalog_image *image = request->shard->image;
	bool is_all = page->in.topics.count == 0;
	page->count = is_all ? image->topic_count : (uint32_t)page->in.topics.count;
	page->names = request_alloc_array(request, page->count, sizeof *page->names);
	if (!page->names)
		return false;
	for (uint32_t i = 0; i < page->count; i++)
		page->names[i] = is_all ? slice_from(image->topics[i]->name) : page->in.topics.items[i].name;
	if (page->count > 1)
		qsort(page->names, page->count, sizeof *page->names, compare_names);
	return true;
}

static void drop_repeats_and_seen(struct page *page)
{
	const struct kmsg_describe_topic_partitions_cursor *cursor = page->in.cursor;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < page->count; i++) {
		bool is_again = kept > 0 && slice_equal(page->names[kept - 1], page->names[i]);
		bool is_seen = cursor && compare_names(&page->names[i], &cursor->topic_name) < 0;
		if (!is_again && !is_seen)
			page->names[kept++] = page->names[i];
	}
	page->count = kept;
}

static bool is_cursor_valid(const struct page *page)
{
	const struct kmsg_describe_topic_partitions_cursor *cursor = page->in.cursor;
	if (!cursor)
		return true;
	if (cursor->partition_index < 0)
		return false;
	bool is_all = page->in.topics.count == 0;
	return is_all || (page->count > 0 && slice_equal(page->names[0], cursor->topic_name));
}

/* ---- filling ------------------------------------------------------------------------------------------- */

static int32_t first_partition(const struct page *page, struct slice name)
{
	const struct kmsg_describe_topic_partitions_cursor *cursor = page->in.cursor;
	return cursor && slice_equal(cursor->topic_name, name) ? cursor->partition_index : 0;
}

static void fill_partition(struct kmsg_describe_topic_partitions_partition *out, struct request *request,
			   const struct topic *topic,
			   int32_t index, int32_t *self)
{
	kmsg_describe_topic_partitions_partition_init(out);
	out->partition_index = index;
	out->leader_id = *self;
	out->leader_epoch = shard_leader_epoch(request->shard, topic);
	out->replica_nodes.items = out->isr_nodes.items = self;
	out->replica_nodes.count = out->isr_nodes.count = 1;
	out->eligible_leader_replicas.count = out->last_known_elr.count = 0;
}

static bool fill_partitions(struct request *request, struct page *page,
			    struct kmsg_describe_topic_partitions_topic_result *out, const struct topic *topic)
{
	int32_t first = first_partition(page, out->name), all = (int32_t)topic->partition_count;
	int32_t left = first < all ? all - first : 0;
	int32_t count = left < page->room ? left : page->room;
	int32_t *self = request_alloc(request, sizeof *self);
	out->partitions.items = request_alloc_array(request, (size_t)count, sizeof *out->partitions.items);
	if (!self || !out->partitions.items)
		return false;
	*self = request->shard->facts->node_id;
	out->partitions.count = count;
	for (int32_t i = 0; i < count; i++)
		fill_partition(&out->partitions.items[i], request, topic, first + i, self);
	page->room -= count;
	if (count < left) {
		page->next = (struct kmsg_describe_topic_partitions_cursor){
			.topic_name = out->name, .partition_index = first + count};
		page->out.next_cursor = &page->next;
	}
	return true;
}

static enum kerr error_of_missing(struct slice name)
{
	return catalog_check_topic_name(name) ? KERR_INVALID_TOPIC_EXCEPTION : KERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static bool fill_topic(struct request *request, struct page *page, struct slice name)
{
	struct kmsg_describe_topic_partitions_topic_result *out = &page->out.topics.items[page->out.topics.count++];
	const struct topic *topic = request_topic_by_name(request, name);
	kmsg_describe_topic_partitions_topic_result_init(out);
	out->name = name;
	out->topic_authorized_operations = TOPIC_OPERATIONS_ALL;
	if (!topic) {
		out->error_code = (int16_t)error_of_missing(name);
		return true;
	}
	out->topic_id = topic->id;
	out->is_internal = topic->is_internal;
	return fill_partitions(request, page, out, topic);
}

static bool fill_page(struct request *request, struct page *page)
{
	page->room = page->in.response_partition_limit < PAGE_PARTITIONS_MAX
		? page->in.response_partition_limit : PAGE_PARTITIONS_MAX;
	if (page->room < 1)
		page->room = 1;
	for (uint32_t i = 0; i < page->count && !page->out.next_cursor; i++) {
		if (page->room == 0) {
			page->next = (struct kmsg_describe_topic_partitions_cursor){.topic_name = page->names[i]};
			page->out.next_cursor = &page->next;
		} else if (!fill_topic(request, page, page->names[i])) {
			return false;
		}
	}
	return true;
}

/* As in Kafka, a cursor that makes no sense is told with each topic asked for. */
static void refuse_cursor(struct page *page)
{
	page->out.topics.count = page->in.topics.count;
	for (int32_t i = 0; i < page->out.topics.count; i++) {
		struct kmsg_describe_topic_partitions_topic_result *out = &page->out.topics.items[i];
		kmsg_describe_topic_partitions_topic_result_init(out);
		out->name = page->in.topics.items[i].name;
		out->error_code = KERR_INVALID_REQUEST;
	}
}

enum step describe_topic_partitions_handle(struct request *request)
{
	struct page *page = request_alloc_array(request, 1, sizeof *page);
	if (!page ||
	    kmsg_describe_topic_partitions_request_decode(&request->body, &request->arena, request->version, &page->in) ||
	    !list_names(request, page))
		return request_reject(request, NULL);
	kmsg_describe_topic_partitions_response_init(&page->out);
	page->out.topics.items = request_alloc_array(request, page->count, sizeof *page->out.topics.items);
	if (!page->out.topics.items)
		return request_reject(request, NULL);
	drop_repeats_and_seen(page);
	if (!is_cursor_valid(page))
		refuse_cursor(page);
	else if (!fill_page(request, page))
		return request_reject(request, NULL);
	size_t size = kmsg_describe_topic_partitions_response_size(&page->out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_describe_topic_partitions_response_encode(&writer, request->version, &page->out);
	return request_answer_end(request, &writer);
}
