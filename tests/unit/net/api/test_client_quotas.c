/* Client quotas (KIP-546) by their two APIs, and what they do to clients: the times told, the connections held back, who is not. */
#include "admin_fixture.h"
#include "tests/unit/net/json_call.h"

#include "kmsg_fetch.h"

#include <time.h>

#define USER_FILTER(type, match, string) "{'components':[{'entity_type':'" type "','match_type':" match ",'match':" string "}]}"
#define NO_QUOTAS(code, why) "{'throttle_time_ms':0,'error_code':" code ",'error_message':'" why "','entries':null}"

/* There are no quotas; filters are judged. */
Test(client_quotas, filters, .timeout = 60)
{
	static const struct json_case cases[] = {
		{"describe_client_quotas", 0, 1, "{}", "{'throttle_time_ms':0,'error_code':0,'error_message':'','entries':[]}"},
		{"describe_client_quotas", 0, 1, USER_FILTER("user", "2", "null"), "{'throttle_time_ms':0,'error_code':0,'error_message':'','entries':[]}"},
		{"describe_client_quotas", 0, 1, USER_FILTER("client-id", "0", "'x'"), "{'throttle_time_ms':0,'error_code':0,'error_message':'','entries':[]}"},
		{"describe_client_quotas", 0, 1, USER_FILTER("ip", "1", "null"), "{'throttle_time_ms':0,'error_code':0,'error_message':'','entries':[]}"},
		{"describe_client_quotas", 0, 1, USER_FILTER("bogus", "9", "null"), NO_QUOTAS("35", "Unsupported entity type bogus")},
		{"describe_client_quotas", 0, 1, USER_FILTER("", "2", "null"), NO_QUOTAS("42", "Invalid empty entity type.")},
		{"describe_client_quotas", 0, 1, USER_FILTER("user", "9", "null"), NO_QUOTAS("42", "Unknown match type 9")},
		{"describe_client_quotas", 0, 1, USER_FILTER("user", "0", "null"),
		 NO_QUOTAS("42", "Request specified MATCH_TYPE_EXACT, but set match string to null.")},
		{"describe_client_quotas", 0, 1, USER_FILTER("user", "1", "'x'"),
		 NO_QUOTAS("42", "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.")},
		{"describe_client_quotas", 0, 1, USER_FILTER("user", "2", "'x'"),
		 NO_QUOTAS("42", "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.")},
		{"describe_client_quotas", 0, 1,
		 "{'components':[{'entity_type':'user','match_type':0,'match':''},{'entity_type':'user','match_type':9,'match':''}]}",
		 NO_QUOTAS("42", "Entity type user cannot appear more than once in the filter.")},
		{"describe_client_quotas", 0, 1,
		 "{'components':[{'entity_type':'ip','match_type':2,'match':null},{'entity_type':'user','match_type':2,'match':null}]}",
		 NO_QUOTAS("42", "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.")},
	};
	struct broker broker;
	broker_start(&broker, 1, NULL);
	check_json_cases(&broker, cases, COUNT_OF(cases));
	broker_end(&broker);
}

#define SET(type, name, key, value) \
	"{'entries':[{'entity':[{'entity_type':'" type "','entity_name':" name "}],'ops':[{'key':'" key "','value':" value ",'remove':false}]}]}"
#define OUTCOME(type, name, code, why) \
	"{'throttle_time_ms':0,'entries':[{'error_code':" code ",'error_message':" why ",'entity':[{'entity_type':'" type "','entity_name':" name "}]}]}"

/* What is refused, in Kafka's words; and to remove what is not there succeeds. */
Test(client_quotas, refused, .timeout = 60)
{
	static const struct json_case cases[] = {
		{"alter_client_quotas", 0, 1, "{}", "{'throttle_time_ms':0,'entries':[]}"},
		{"alter_client_quotas", 0, 1, SET("user", "'a'", "bogus", "1.0"), OUTCOME("user", "'a'", "42", "'Invalid configuration key bogus'")},
		{"alter_client_quotas", 0, 1, SET("user", "'a'", "connection_creation_rate", "1.0"),
		 OUTCOME("user", "'a'", "42", "'Invalid configuration key connection_creation_rate'")},
		{"alter_client_quotas", 0, 1, SET("user", "'a'", "producer_byte_rate", "-1.0"),
		 OUTCOME("user", "'a'", "42", "'Quota producer_byte_rate must be greater than 0'")},
		{"alter_client_quotas", 0, 1, SET("user", "'a'", "producer_byte_rate", "0.5"),
		 OUTCOME("user", "'a'", "42", "'producer_byte_rate cannot be a fractional value.'")},
		{"alter_client_quotas", 0, 1, SET("user", "''", "producer_byte_rate", "1.0"), OUTCOME("user", "''", "42", "'Empty user not supported'")},
		{"alter_client_quotas", 0, 1, SET("bogus", "'a'", "producer_byte_rate", "1.0"),
		 OUTCOME("bogus", "'a'", "42", "'Unhandled client quota entity type: bogus'")},
		{"alter_client_quotas", 0, 1, "{'entries':[{'entity':[],'ops':[]}]}",
		 "{'throttle_time_ms':0,'entries':[{'error_code':42,'error_message':'Invalid empty client quota entity','entity':[]}]}"},
		{"alter_client_quotas", 0, 1, "{'entries':[{'entity':[{'entity_type':'user','entity_name':'a'}],'ops':[{'key':'bogus','remove':true}]}]}",
		 OUTCOME("user", "'a'", "0", "null")},
		{"alter_client_quotas", 0, 1,
		 "{'entries':[{'entity':[{'entity_type':'ip','entity_name':'1.2.3.4'},{'entity_type':'user','entity_name':'a'}],'ops':[]}]}",
		 "{'throttle_time_ms':0,'entries':[{'error_code':42,"
		 "'error_message':'Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId',"
		 "'entity':[{'entity_type':'user','entity_name':'a'},{'entity_type':'ip','entity_name':'1.2.3.4'}]}]}"},
		{"alter_client_quotas", 0, 1, SET("ip", "'localhost'", "connection_creation_rate", "1"),
		 OUTCOME("ip", "'localhost'", "42", "'localhost is not a valid IP or resolvable host.'")},
		{"alter_client_quotas", 0, 1, SET("ip", "'1.2.3.4'", "connection_creation_rate", "3e9"),
		 OUTCOME("ip", "'1.2.3.4'", "42", "'Proposed value for connection_creation_rate is too large for an INT.'")},
		{"alter_client_quotas", 0, 1,
		 "{'entries':[{'entity':[{'entity_type':'user','entity_name':'a'},{'entity_type':'client-id','entity_name':null}],"
		 "'ops':[{'key':'producer_byte_rate','value':1.0},{'key':'producer_byte_rate','value':2.0}]}]}",
		 "{'throttle_time_ms':0,'entries':[{'error_code':42,"
		 "'error_message':'Ignoring duplicate entity ClientQuotaEntity(entries={client-id=null, user=a})',"
		 "'entity':[{'entity_type':'client-id','entity_name':null},{'entity_type':'user','entity_name':'a'}]}]}"},
		{"describe_client_quotas", 0, 1, "{}", "{'throttle_time_ms':0,'error_code':0,'error_message':'','entries':[]}"},
	};
	struct broker broker;
	broker_start(&broker, 1, NULL);
	check_json_cases(&broker, cases, COUNT_OF(cases));
	broker_end(&broker);
}

/* ---- kept ------------------------------------------------------------------------------------------------ */

#define PART(type, name) "{'entity_type':'" type "','entity_name':" name "}"
#define OP(key, value) "{'key':'" key "','value':" value "}"
#define ENTRY(parts, ops) "{'entity':[" parts "],'ops':[" ops "]}"
#define DONE(parts) "{'error_code':0,'error_message':null,'entity':[" parts "]}"
#define KEPT(parts, values) "{'entity':[" parts "],'values':[" values "]}"
#define FOUND(entries) "{'throttle_time_ms':0,'error_code':0,'error_message':'','entries':[" entries "]}"
#define FILTER(parts, is_strict) "{'components':[" parts "],'strict':" is_strict "}"
#define EXACT(type, name) "{'entity_type':'" type "','match_type':0,'match':'" name "'}"
#define DEFAULT(type) "{'entity_type':'" type "','match_type':1,'match':null}"
#define ANY(type) "{'entity_type':'" type "','match_type':2,'match':null}"

#define OF_USER KEPT(PART("user", "'a'"), OP("consumer_byte_rate", "2000") "," OP("request_percentage", "0.5"))
#define OF_CLIENT KEPT(PART("client-id", "null"), OP("controller_mutation_rate", "2.5") "," OP("producer_byte_rate", "1000"))
#define OF_BOTH KEPT(PART("client-id", "null") "," PART("user", "'a'"), OP("producer_byte_rate", "3000"))
#define OF_IP KEPT(PART("ip", "'10.1.2.3'"), OP("connection_creation_rate", "7"))

/* Set, found by every filter, over a restart, changed and removed. An entity that comes twice is done once, and refused. */
Test(client_quotas, kept, .timeout = 60)
{
	static const struct json_case before[] = {
		{"alter_client_quotas", 0, 0, "{'validate_only':true,'entries':[" ENTRY(PART("user", "'a'"), OP("producer_byte_rate", "1.0")) "]}",
		 "{'throttle_time_ms':0,'entries':[" DONE(PART("user", "'a'")) "]}"},
		{"describe_client_quotas", 0, 1, "{}", FOUND("")},
		{"alter_client_quotas", 1, 1,
		 "{'entries':[" ENTRY(PART("user", "'a'"), OP("consumer_byte_rate", "2000.0") "," OP("request_percentage", "0.5"))
		 "," ENTRY(PART("client-id", "null"), OP("producer_byte_rate", "1000.0") "," OP("controller_mutation_rate", "2.5"))
		 "," ENTRY(PART("user", "'a'") "," PART("client-id", "null"), OP("producer_byte_rate", "3000.0"))
		 "," ENTRY(PART("ip", "'10.1.2.3'"), OP("connection_creation_rate", "7.0"))
		 "," ENTRY(PART("ip", "'x'"), OP("connection_creation_rate", "7.0")) "]}",
		 "{'throttle_time_ms':0,'entries':[" DONE(PART("user", "'a'")) "," DONE(PART("client-id", "null"))
		 "," DONE(PART("client-id", "null") "," PART("user", "'a'")) "," DONE(PART("ip", "'10.1.2.3'"))
		 ",{'error_code':42,'error_message':'x is not a valid IP or resolvable host.','entity':[" PART("ip", "'x'") "]}]}"},
	};
	static const struct json_case after[] = {
		{"describe_client_quotas", 0, 1, FILTER("", "false"), FOUND(OF_CLIENT "," OF_BOTH "," OF_USER "," OF_IP)},
		{"describe_client_quotas", 0, 1, FILTER("", "true"), FOUND("")},
		{"describe_client_quotas", 0, 1, FILTER(EXACT("user", "a"), "true"), FOUND(OF_USER)},
		{"describe_client_quotas", 0, 1, FILTER(EXACT("user", "a"), "false"), FOUND(OF_BOTH "," OF_USER)},
		{"describe_client_quotas", 0, 1, FILTER(EXACT("user", "b"), "false"), FOUND("")},
		{"describe_client_quotas", 0, 1, FILTER(DEFAULT("client-id"), "true"), FOUND(OF_CLIENT)},
		{"describe_client_quotas", 0, 1, FILTER(DEFAULT("user"), "false"), FOUND("")},
		{"describe_client_quotas", 0, 1, FILTER(ANY("user") "," ANY("client-id"), "true"), FOUND(OF_BOTH)},
		{"describe_client_quotas", 0, 1, FILTER(ANY("ip"), "true"), FOUND(OF_IP)},
	};
	static const struct json_case end[] = {
		{"alter_client_quotas", 1, 1,
		 "{'entries':[" ENTRY(PART("user", "'a'"), OP("consumer_byte_rate", "1.0") ",{'key':'request_percentage','remove':true}")
		 "," ENTRY(PART("user", "'a'"), OP("consumer_byte_rate", "9.0"))
		 "," ENTRY(PART("user", "'a'") "," PART("client-id", "null"), "{'key':'producer_byte_rate','remove':true}") "]}",
		 "{'throttle_time_ms':0,'entries':[{'error_code':42,'error_message':'Ignoring duplicate entity ClientQuotaEntity(entries={user=a})',"
		 "'entity':[" PART("user", "'a'") "]}," DONE(PART("client-id", "null") "," PART("user", "'a'")) "]}"},
		{"describe_client_quotas", 0, 1, FILTER(EXACT("user", "a"), "false"), FOUND(KEPT(PART("user", "'a'"), OP("consumer_byte_rate", "1")))},
	};
	struct broker broker;
	broker_start(&broker, 2, NULL);
	check_json_cases(&broker, before, COUNT_OF(before));
	check_json_cases(&broker, after, COUNT_OF(after));
	broker_restart(&broker);
	check_json_cases(&broker, after, COUNT_OF(after));
	check_json_cases(&broker, end, COUNT_OF(end));
	broker_end(&broker);
}

/* ---- enforced -------------------------------------------------------------------------------------------- */

/* A window of two seconds, so that who is too fast waits some tenths. */
static const char *const two_windows[] = {"quota.window.num", "2", NULL};

static void set_quota(struct broker *broker, const char *entity, const char *key, const char *value)
{
	struct client client;
	char text[400];
	snprintf(text, sizeof text, "{'entries':[{'entity':[%s],'ops':[{'key':'%s','value':%s,'remove':%s}]}]}", entity, key, value ? value : "0.0",
		 value ? "false" : "true");
	client_open(&client, broker);
	client.client_id = "admin";
	cr_assert_not_null(strstr(client_call_json(&client, "alter_client_quotas", 1, text), "\"error_code\":0"), "%s", text);
	client_close(&client);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How long it takes until something else is answered on this connection. */
static int64_t silence_of(struct client *client)
{
	int64_t before = now_ms();
	client_call_json(client, "api_versions", 0, "{}");
	return now_ms() - before;
}

/* Returns the time told. */
static int32_t produce(struct client *client, size_t size)
{
	static uint8_t bytes[1 << 17];
	struct produce_one one;
	struct kmsg_produce_response out;
	client_call(client, "produce", 9, produce_one(&one, "t", 0, -1, make_batch(bytes, sizeof bytes, 1, size)), &out);
	cr_assert_eq(produce_result(&out).error_code, 0);
	return out.throttle_time_ms;
}

/* A producer above its rate is answered at once, told how long to wait, and held back for that long, on whichever shard it is; its second connection
 * is charged to the same meter; who has another client id, or no quota, is not held back. */
Test(client_quotas, producers, .timeout = 60)
{
	struct broker broker;
	struct client clients[4];
	broker_start(&broker, 2, two_windows);
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		client_open(&clients[i], &broker);
	clients[3].client_id = "other";
	create_topic(&clients[0], "t", 1, NULL);
	cr_expect_eq(produce(&clients[0], 50000), 0, "there are no quotas");
	set_quota(&broker, "{'entity_type':'client-id','entity_name':'test'}", "producer_byte_rate", "80000");
	cr_expect_eq(produce(&clients[0], 50000), 0, "within its rate");
	for (int i = 0; i < 2; i++) {
		int32_t told = produce(&clients[i], 80000);
		cr_expect(told > 450 && told < 2500, "connection %d: %d", i, (int)told);
		cr_expect_eq(produce(&clients[3], 100000), 0);
		cr_expect_lt(silence_of(&clients[3]), 450);
		cr_expect_gt(silence_of(&clients[i]), told - 150, "connection %d: told %d", i, (int)told);
	}
	set_quota(&broker, "{'entity_type':'client-id','entity_name':'test'}", "producer_byte_rate", NULL);
	cr_expect_eq(produce(&clients[2], 100000), 0, "there are none again");
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		client_close(&clients[i]);
	broker_end(&broker);
}

/* acks=0 has no answer to tell it in, and is held back all the same. */
Test(client_quotas, producers_without_answers, .timeout = 60)
{
	static uint8_t bytes[1 << 17];
	struct broker broker;
	struct client client;
	struct produce_one one;
	broker_start(&broker, 1, two_windows);
	client_open(&client, &broker);
	create_topic(&client, "t", 1, NULL);
	set_quota(&broker, "{'entity_type':'user','entity_name':'ANONYMOUS'}", "producer_byte_rate", "100000");
	client_send(&client, "produce", 9, produce_one(&one, "t", 0, 0, make_batch(bytes, sizeof bytes, 1, 130000)));
	usleep(100000);
	cr_expect_gt(silence_of(&client), 100);
	client_close(&client);
	broker_end(&broker);
}

struct fetched {
	int32_t throttle_ms;
	int records_bytes;
	int32_t session_id;
};

static struct fetched fetch(struct client *client, int32_t session_id, int32_t epoch)
{
	struct kmsg_fetch_partition partition;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_request in;
	struct kmsg_fetch_response out;
	kmsg_fetch_partition_init(&partition);
	kmsg_fetch_topic_init(&topic);
	kmsg_fetch_request_init(&in);
	partition.partition_max_bytes = 1 << 20;
	topic.topic = slice_from("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.topics.items = &topic;
	in.topics.count = epoch == 0;
	in.session_id = session_id;
	in.session_epoch = epoch;
	client_call(client, "fetch", 12, &in, &out);
	cr_assert_eq(out.error_code, 0);
	struct fetched got = {.throttle_ms = out.throttle_time_ms, .session_id = out.session_id};
	if (out.responses.count > 0)
		got.records_bytes = (int)out.responses.items[0].partitions.items[0].records.whole.size;
	return got;
}

/* A consumer gets a batch that is larger than its rate allows, as it would never get smaller, and waits; while there is no room for the next it is
 * told nothing, and its session goes on, until there is. */
Test(client_quotas, consumers, .timeout = 60)
{
	struct broker broker;
	struct client client;
	broker_start(&broker, 2, two_windows);
	client_open(&client, &broker);
	create_topic(&client, "t", 1, NULL);
	cr_assert_eq(produce(&client, 60000), 0);
	set_quota(&broker, "{'entity_type':'client-id','entity_name':null}", "consumer_byte_rate", "50000");
	struct fetched got = fetch(&client, 0, 0);
	cr_expect(got.records_bytes > 60000 && got.throttle_ms > 0 && got.session_id > 0);
	int64_t silence = silence_of(&client);
	cr_expect_gt(silence, got.throttle_ms - 150);
	got = fetch(&client, got.session_id, 1);
	cr_expect_eq(got.records_bytes, 0);
	cr_expect_gt(got.throttle_ms, 0);
	cr_expect_gt(got.session_id, 0);
	for (int epoch = 2; got.records_bytes == 0 && epoch < 20; epoch++) {
		usleep((unsigned)got.throttle_ms * 1000);
		got = fetch(&client, got.session_id, epoch);
	}
	cr_expect_gt(got.records_bytes, 60000);
	client_close(&client);
	broker_end(&broker);
}

/* Time of the processor: whatever is asked, once above the rate each request waits for a window at most. */
Test(client_quotas, requests, .timeout = 60)
{
	struct broker broker;
	struct client client;
	broker_start(&broker, 2, two_windows);
	client_open(&client, &broker);
	set_quota(&broker, "{'entity_type':'client-id','entity_name':'test'}", "request_percentage", "0.0000001");
	silence_of(&client);
	usleep(20000);
	int64_t silence = silence_of(&client);
	cr_expect(silence > 700 && silence < 2000, "%d ms", (int)silence);
	client_close(&client);
	broker_end(&broker);
}

/* Of connections above the rate of their address (its own, not the default) the sockets are closed, after a while; later there is room again. */
Test(client_quotas, connections, .timeout = 60)
{
	struct broker broker;
	struct client clients[24];
	int closed_count = 0;
	broker_start(&broker, 2, two_windows);
	set_quota(&broker, "{'entity_type':'ip','entity_name':null}", "connection_creation_rate", "10");
	set_quota(&broker, "{'entity_type':'ip','entity_name':'127.0.0.1'}", "connection_creation_rate", "3");
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		client_open(&clients[i], &broker);
	cr_expect_not(client_has_answer(&clients[COUNT_OF(clients) - 1], 0), "it is not closed at once");
	cr_expect(client_has_answer(&clients[COUNT_OF(clients) - 1], 1500));
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		closed_count += client_has_answer(&clients[i], 50);
	cr_expect(closed_count > 12 && closed_count < 24, "%d are closed", closed_count);
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		client_close(&clients[i]);
	usleep(2200000);
	client_open(&clients[0], &broker);
	cr_expect_not_null(client_call_json(&clients[0], "api_versions", 0, "{}"));
	client_close(&clients[0]);
	broker_end(&broker);
}

/* A broker stops while connections are held back for minutes, and sockets wait for their end. */
Test(client_quotas, stop, .timeout = 60)
{
	struct broker broker;
	struct client clients[5];
	broker_start(&broker, 2, two_windows);
	set_quota(&broker, "{'entity_type':'client-id','entity_name':null}", "producer_byte_rate", "100");
	set_quota(&broker, "{'entity_type':'ip','entity_name':null}", "connection_creation_rate", "1");
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		client_open(&clients[i], &broker);
	create_topic(&clients[0], "t", 1, NULL);
	cr_expect_gt(produce(&clients[0], 60000), 60000);
	client_send_raw(&clients[0], "\0\0\0\20", 4);
	int64_t before = now_ms();
	broker_end(&broker);
	cr_expect_lt(now_ms() - before, 5000);
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		client_close(&clients[i]);
}

#define CREATE(name, count) "{'topics':[{'name':'" name "','num_partitions':" count ",'replication_factor':1}],'timeout_ms':1000}"
#define DELETE(name) "{'topic_names':['" name "'],'timeout_ms':1000}"

/* An answer's field, and the first entry's error of the list in it. */
static int64_t ask_error(struct broker *broker, const char *api, int version, const char *request, const char *list, int64_t *throttle_ms)
{
	struct client client;
	client_open(&client, broker);
	json_t *out = json_loads(client_call_json(&client, api, version, request), 0, NULL);
	int64_t error = json_integer_value(json_object_get(json_array_get(json_object_get(out, list), 0), "error_code"));
	*throttle_ms = json_integer_value(json_object_get(out, "throttle_time_ms"));
	json_decref(out);
	client_close(&client);
	return error;
}

/* Partitions made and deleted are drawn from a bucket: what comes while it is in debt is refused by the newer versions (89), done by the older ones; both
 * tell how long to wait. What is validated only counts as well, what is refused for another reason does not. As Kafka 4.3. Two shards: the
 * bucket is the control shard's, wherever the connection is. */
Test(client_quotas, mutations, .timeout = 60)
{
	struct broker broker;
	int64_t wait_ms;
	broker_start(&broker, 2, NULL);
	struct json_case set = {"alter_client_quotas", 1, 1, SET("user", "null", "controller_mutation_rate", "0.1"), OUTCOME("user", "null", "0", "null")};
	check_json_cases(&broker, &set, 1);
	cr_expect_eq(ask_error(&broker, "create_topics", 7, CREATE("bad name", "100"), "topics", &wait_ms), 17);
	cr_expect_eq(wait_ms, 0);
	cr_expect_eq(ask_error(&broker, "create_topics", 7, CREATE("a", "3"), "topics", &wait_ms), 0, "1.1 are there, so it may go into debt");
	cr_expect_eq(wait_ms, 0);
	cr_expect_eq(ask_error(&broker, "create_topics", 6, CREATE("b", "1"), "topics", &wait_ms), 89);
	cr_expect(wait_ms > 15000 && wait_ms <= 19000, "%d ms", (int)wait_ms);
	cr_expect_eq(ask_error(&broker, "create_partitions", 3, "{'topics':[{'name':'a','count':4,'assignments':null}],'timeout_ms':1000}", "results", &wait_ms), 89);
	cr_expect_eq(ask_error(&broker, "delete_topics", 5, DELETE("a"), "responses", &wait_ms), 89);
	cr_expect_eq(ask_error(&broker, "create_topics", 5, CREATE("c", "1"), "topics", &wait_ms), 0);
	cr_expect(wait_ms > 25000 && wait_ms <= 29000, "%d ms", (int)wait_ms);
	cr_expect_eq(ask_error(&broker, "create_partitions", 2, "{'topics':[{'name':'c','count':2,'assignments':null}],'timeout_ms':1000}", "results", &wait_ms), 0);
	cr_expect_eq(ask_error(&broker, "delete_topics", 4, DELETE("a"), "responses", &wait_ms), 0);
	cr_expect(wait_ms > 65000 && wait_ms <= 69000, "%d ms", (int)wait_ms);
	cr_expect_eq(ask_error(&broker, "create_topics", 7, CREATE("c", "1"), "topics", &wait_ms), 36, "nothing was drawn for it");
	cr_expect_eq(wait_ms, 0);
	broker_end(&broker);
}

/* What is held back is the connection: the next request on it waits, others do not. */
Test(client_quotas, mutations_hold_back, .timeout = 60)
{
	struct broker broker;
	struct client client;
	broker_start(&broker, 1, NULL);
	struct json_case set = {"alter_client_quotas", 1, 1, SET("user", "null", "controller_mutation_rate", "1"), OUTCOME("user", "null", "0", "null")};
	check_json_cases(&broker, &set, 1);
	client_open(&client, &broker);
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	client_call_json(&client, "create_topics", 5, CREATE("a", "12"));
	client_call_json(&client, "create_topics", 5, CREATE("a", "1"));
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_expect_gt((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, 900);
	client_close(&client);
	broker_end(&broker);
}
