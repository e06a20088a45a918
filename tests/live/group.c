/* Consumer groups through librdkafka, for scripts. Each verb prints lines that a script can compare.
 *
 *   group HOST:PORT consume GROUP TOPIC COUNT SECONDS [key=value]...  joins; "assigned PARTITIONS...", "revoked PARTITIONS...", "record PARTITION OFFSET
 *                                                                     VALUE"; leaves and ends after COUNT records (0: none ends it) or so many seconds, or SIGTERM
 *   group HOST:PORT commit GROUP TOPIC PARTITION OFFSET               as no member
 *   group HOST:PORT flood GROUP TOPIC PARTITIONS COUNT                COUNT commits of all partitions, one after the other: "acked N" for each,
 *                                                                     then "p50 MICROSECONDS"
 *   group HOST:PORT offsets GROUP                                     "TOPIC PARTITION OFFSET"
 *   group HOST:PORT delete-offsets GROUP TOPIC PARTITION              prints the error's name, or nothing
 *   group HOST:PORT list                                              "GROUP STATE"
 *   group HOST:PORT describe GROUP                                    "STATE ASSIGNOR", then "CLIENT-ID HOST INSTANCE-ID PARTITIONS" of each member
 *   group HOST:PORT delete GROUP                                      prints the error's name, or nothing
 */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 15000

static const char *broker;
static volatile sig_atomic_t is_over;

static void end(int signal)
{
	(void)signal;
	is_over = 1;
}

static int fail(const char *what, const char *why)
{
	printf("%s: %s\n", what, why);
	return 1;
}

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *group, char *const settings[])
{
	char why[300];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker, NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	if (group) {
		rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
		rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", NULL, 0);
		rd_kafka_conf_set(conf, "enable.auto.offset.store", "true", NULL, 0);
	}
	for (; settings && *settings; settings++) {
		char name[100];
		const char *value = strchr(*settings, '=');
		snprintf(name, sizeof(name), "%.*s", (int)(value - *settings), *settings);
		if (rd_kafka_conf_set(conf, name, value + 1, why, sizeof(why)))
			fprintf(stderr, "group: %s\n", why);
	}
	rd_kafka_t *made = rd_kafka_new(type, conf, why, sizeof(why));
	if (!made) {
		fprintf(stderr, "group: %s\n", why);
		exit(2);
	}
	return made;
}

/* ---- a member ----------------------------------------------------------------------------------------------------- */

static void print_partitions(const char *what, const rd_kafka_topic_partition_list_t *list)
{
	printf("%s", what);
	for (int i = 0; i < list->cnt; i++)
		printf(" %d", list->elems[i].partition);
	printf("\n");
	fflush(stdout);
}

static void rebalanced(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	(void)opaque;
	int is_assigned = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	int is_cooperative = !strcmp(rd_kafka_rebalance_protocol(client), "COOPERATIVE");
	print_partitions(is_assigned ? "assigned" : "revoked", list);
	if (is_cooperative) {
		rd_kafka_error_t *error = is_assigned ? rd_kafka_incremental_assign(client, list) : rd_kafka_incremental_unassign(client, list);
		if (error)
			rd_kafka_error_destroy(error);
	} else {
		rd_kafka_assign(client, is_assigned ? list : NULL);
	}
}

static rd_kafka_t *make_member(const char *group, char *const settings[])
{
	char why[300];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker, NULL, 0);
	rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
	for (; *settings; settings++) {
		char name[100];
		const char *value = strchr(*settings, '=');
		snprintf(name, sizeof(name), "%.*s", (int)(value - *settings), *settings);
		if (rd_kafka_conf_set(conf, name, value + 1, why, sizeof(why)))
			fprintf(stderr, "group: %s\n", why);
	}
	rd_kafka_t *made = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!made) {
		fprintf(stderr, "group: %s\n", why);
		exit(2);
	}
	rd_kafka_poll_set_consumer(made);
	return made;
}

static int consume(const char *group, const char *topic, long count, long seconds, char *const settings[])
{
	rd_kafka_t *member = make_member(group, settings);
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(member, topics);
	time_t until = time(NULL) + seconds;
	for (long seen = 0; !is_over && time(NULL) < until && (count == 0 || seen < count);) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(member, 100);
		if (!message)
			continue;
		if (message->err)
			printf("error %s\n", rd_kafka_err2name(message->err));
		else
			printf("record %d %lld %.*s\n", message->partition, (long long)message->offset, (int)message->len, (char *)message->payload);
		seen += !message->err;
		fflush(stdout);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(member);
	rd_kafka_topic_partition_list_destroy(topics);
	rd_kafka_destroy(member);
	return 0;
}

/* ---- commits of no member --------------------------------------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *offsets_of(const char *topic, int first, int count, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, topic, first + i)->offset = offset;
	return list;
}

static int commit(const char *group, const char *topic, int partition, int64_t offset)
{
	rd_kafka_t *client = make_client(RD_KAFKA_CONSUMER, group, NULL);
	rd_kafka_topic_partition_list_t *list = offsets_of(topic, partition, 1, offset);
	rd_kafka_resp_err_t err = rd_kafka_commit(client, list, 0);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(client);
	return err ? fail("commit", rd_kafka_err2name(err)) : 0;
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int flood(const char *group, const char *topic, int partitions, int count)
{
	rd_kafka_t *client = make_client(RD_KAFKA_CONSUMER, group, NULL);
	int64_t *times = calloc((size_t)count, sizeof(*times));
	for (int i = 0; i < count; i++) {
		rd_kafka_topic_partition_list_t *list = offsets_of(topic, 0, partitions, i);
		int64_t begin = now_us();
		rd_kafka_resp_err_t err = rd_kafka_commit(client, list, 0);
		times[i] = now_us() - begin;
		rd_kafka_topic_partition_list_destroy(list);
		if (err)
			return fail("commit", rd_kafka_err2name(err));
		printf("acked %d\n", i);
		fflush(stdout);
	}
	qsort(times, (size_t)count, sizeof(*times), compare);
	printf("p50 %lld\n", (long long)times[count / 2]);
	free(times);
	rd_kafka_destroy(client);
	return 0;
}

/* ---- administration ------------------------------------------------------------------------------------------------------- */

/* What a verb answers when the coordinator could not answer yet: it is asked again, as Java's Admin does and librdkafka's does not. */
#define ASK_AGAIN (-1)
#define PAUSE_US 100000

static rd_kafka_t *client;
static rd_kafka_queue_t *queue;
static rd_kafka_event_t *event;

/* A coordinator that still reads its log, or that moves, for a moment after each start. */
static int is_for_a_moment(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS || err == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
	       err == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

/* 0 when `event` is the result; else 1 after saying why there is none, or ASK_AGAIN. */
static int await(rd_kafka_event_type_t type)
{
	event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
	if (!event || rd_kafka_event_type(event) != type)
		return fail("result", "none");
	if (!rd_kafka_event_error(event))
		return 0;
	return is_for_a_moment(rd_kafka_event_error(event)) ? ASK_AGAIN : fail("result", rd_kafka_event_error_string(event));
}

static int refused(const rd_kafka_error_t *error)
{
	if (is_for_a_moment(rd_kafka_error_code(error)))
		return ASK_AGAIN;
	printf("%s\n", rd_kafka_error_name(error));
	return 1;
}

static int list(char **words)
{
	(void)words;
	rd_kafka_ListConsumerGroups(client, NULL, queue);
	int status = await(RD_KAFKA_EVENT_LISTCONSUMERGROUPS_RESULT);
	if (status)
		return status;
	size_t count, error_count;
	const rd_kafka_ListConsumerGroups_result_t *result = rd_kafka_event_ListConsumerGroups_result(event);
	const rd_kafka_error_t **errors = rd_kafka_ListConsumerGroups_result_errors(result, &error_count);
	if (error_count > 0)
		return refused(errors[0]);
	const rd_kafka_ConsumerGroupListing_t **groups = rd_kafka_ListConsumerGroups_result_valid(result, &count);
	for (size_t i = 0; i < count; i++)
		printf("%s %s\n", rd_kafka_ConsumerGroupListing_group_id(groups[i]),
		       rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupListing_state(groups[i])));
	return 0;
}

static void print_member(const rd_kafka_MemberDescription_t *member)
{
	const char *instance = rd_kafka_MemberDescription_group_instance_id(member);
	printf("%s %s %s", rd_kafka_MemberDescription_client_id(member), rd_kafka_MemberDescription_host(member), instance ? instance : "-");
	print_partitions("", rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member)));
}

static int describe(char **words)
{
	rd_kafka_DescribeConsumerGroups(client, (const char **)words, 1, NULL, queue);
	int status = await(RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT);
	if (status)
		return status;
	size_t count;
	const rd_kafka_ConsumerGroupDescription_t **groups =
		rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event), &count);
	const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
	if (error)
		return is_for_a_moment(rd_kafka_error_code(error)) ? ASK_AGAIN : fail("describe", rd_kafka_error_name(error));
	printf("%s %s\n", rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0])),
	       rd_kafka_ConsumerGroupDescription_partition_assignor(groups[0]));
	for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); i++)
		print_member(rd_kafka_ConsumerGroupDescription_member(groups[0], i));
	return 0;
}

static int print_group_result(const rd_kafka_group_result_t *result, int is_list)
{
	const rd_kafka_error_t *error = rd_kafka_group_result_error(result);
	if (error)
		return refused(error);
	const rd_kafka_topic_partition_list_t *partitions = rd_kafka_group_result_partitions(result);
	for (int i = 0; partitions && i < partitions->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &partitions->elems[i];
		if (one->err)
			printf("%s\n", rd_kafka_err2name(one->err));
		else if (is_list)
			printf("%s %d %lld\n", one->topic, one->partition, (long long)one->offset);
	}
	return 0;
}

static int delete_group(char **words)
{
	size_t count;
	rd_kafka_DeleteGroup_t *one = rd_kafka_DeleteGroup_new(words[0]);
	rd_kafka_DeleteGroups(client, &one, 1, NULL, queue);
	rd_kafka_DeleteGroup_destroy(one);
	int status = await(RD_KAFKA_EVENT_DELETEGROUPS_RESULT);
	return status ? status : print_group_result(rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count)[0], 0);
}

static int print_offsets(char **words)
{
	size_t count;
	rd_kafka_ListConsumerGroupOffsets_t *one = rd_kafka_ListConsumerGroupOffsets_new(words[0], NULL);
	rd_kafka_ListConsumerGroupOffsets(client, &one, 1, NULL, queue);
	rd_kafka_ListConsumerGroupOffsets_destroy(one);
	int status = await(RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT);
	if (status)
		return status;
	return print_group_result(rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &count)[0], 1);
}

static int delete_offsets(char **words)
{
	size_t count;
	rd_kafka_topic_partition_list_t *partitions = offsets_of(words[1], atoi(words[2]), 1, 0);
	rd_kafka_DeleteConsumerGroupOffsets_t *one = rd_kafka_DeleteConsumerGroupOffsets_new(words[0], partitions);
	rd_kafka_topic_partition_list_destroy(partitions);
	rd_kafka_DeleteConsumerGroupOffsets(client, &one, 1, NULL, queue);
	rd_kafka_DeleteConsumerGroupOffsets_destroy(one);
	int status = await(RD_KAFKA_EVENT_DELETECONSUMERGROUPOFFSETS_RESULT);
	if (status)
		return status;
	return print_group_result(rd_kafka_DeleteConsumerGroupOffsets_result_groups(rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &count)[0], 0);
}

static const struct verb {
	const char *name;
	int word_count;
	int (*ask)(char **words);
} verbs[] = {
	{"list", 0, list},
	{"describe", 1, describe},
	{"delete", 1, delete_group},
	{"offsets", 1, print_offsets},
	{"delete-offsets", 3, delete_offsets},
};

/* Asks until there is an answer, for TIMEOUT_MS at most. */
static int ask(const struct verb *verb, char **words)
{
	int64_t until_us = now_us() + TIMEOUT_MS * INT64_C(1000);
	int status;
	while ((status = verb->ask(words)) == ASK_AGAIN && now_us() < until_us) {
		rd_kafka_event_destroy(event);
		event = NULL;
		usleep(PAUSE_US);
	}
	return status == ASK_AGAIN ? fail("result", "the coordinator is not ready") : status;
}

static int administrate(int count, char **words)
{
	const struct verb *verb = NULL;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (count == 1 + verbs[i].word_count && !strcmp(words[0], verbs[i].name))
			verb = &verbs[i];
	if (!verb) {
		fprintf(stderr, "group: what is asked? See the head of tests/live/group.c\n");
		return 2;
	}
	client = make_client(RD_KAFKA_PRODUCER, NULL, NULL);
	queue = rd_kafka_queue_new(client);
	int status = ask(verb, words + 1);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
	return status;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	sigaction(SIGTERM, &action, NULL);
	if (argc < 3)
		return 2;
	broker = argv[1];
	if (argc >= 7 && !strcmp(argv[2], "consume"))
		return consume(argv[3], argv[4], atol(argv[5]), atol(argv[6]), argv + 7);
	if (argc == 7 && !strcmp(argv[2], "commit"))
		return commit(argv[3], argv[4], atoi(argv[5]), atoll(argv[6]));
	if (argc == 7 && !strcmp(argv[2], "flood"))
		return flood(argv[3], argv[4], atoi(argv[5]), atoi(argv[6]));
	return administrate(argc - 2, argv + 2);
}
