/* Loading librdkafka and connecting.
 *
 * Before librdkafka is asked anything a plain connection is tried, because it tells at once and exactly why nobody answers, where librdkafka tries
 * again until it runs out of time. Failure modes: no library, no broker, a setting that librdkafka refuses: one line each. */
#include "cli/kafka_client.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "cli/command.h"
#include "cli/wire_client.h"
#include "log/base/check.h"
#include "log/base/edit_distance.h"

static struct kafka_library library;
static bool is_loaded;

const struct kafka_library *kafka(void)
{
	CHECK(is_loaded);
	return &library;
}

static int load(void)
{
	void *handle = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		complain("this command needs librdkafka, and it is not here (%s); install it: apt-get install librdkafka1", dlerror());
		return STATUS_FAILED;
	}
#define X(name)                                                                                                \
	library.name = (__typeof__(library.name))dlsym(handle, #name);                                          \
	if (!library.name) {                                                                                    \
		complain("the librdkafka that is here is too old: it has no " #name "; 2.0 or later is needed"); \
		return STATUS_FAILED;                                                                           \
	}
	KAFKA_FUNCTIONS(X)
#undef X
	is_loaded = true;
	return STATUS_OK;
}

void kafka_flags_init(struct kafka_flags *flags)
{
	const char *brokers = getenv("SPATE_BROKER");
	*flags = (struct kafka_flags){.brokers = brokers && *brokers ? brokers : "127.0.0.1:9092"};
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

static int set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
	char why[512];
	if (kafka()->rd_kafka_conf_set(conf, key, value, why, sizeof why) == RD_KAFKA_CONF_OK)
		return STATUS_OK;
	complain("librdkafka refuses %s = %s: %s", key, value, why);
	return STATUS_USAGE;
}

static int set_from_user(rd_kafka_conf_t *conf, const char *text)
{
	char key[128];
	const char *equals = strchr(text, '=');
	if (!equals || (size_t)(equals - text) >= sizeof key) {
		complain("-X %s: write -X key=value", text);
		return STATUS_USAGE;
	}
	snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
	return set(conf, key, equals + 1);
}

static int set_all(rd_kafka_conf_t *conf, const struct kafka_flags *flags, const struct kafka_wishes *wishes)
{
	int status = set(conf, "bootstrap.servers", flags->brokers);
	status = status ? status : set(conf, "client.id", "spate");
	for (uint32_t i = 0; !status && i < wishes->setting_count; i++)
		status = set(conf, wishes->settings[i].key, wishes->settings[i].value);
	for (uint32_t i = 0; !status && i < flags->settings.count; i++)
		status = set_from_user(conf, flags->settings.items[i]);
	return status;
}

/* ---- connecting -------------------------------------------------------------------------------------------------------- */

/* The library's own lines say what ours say better, but to who asks for them. */
static void take_line(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	const struct kafka_client *client = kafka()->rd_kafka_opaque(handle);
	if (client->is_debugged)
		complain("librdkafka: %s: %s", facility, text);
	if (client->wishes->logged)
		client->wishes->logged(facility, text, (void *)client);
}

static void note_error(rd_kafka_t *handle, int err, const char *reason, void *opaque)
{
	struct kafka_client *client = opaque;
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR__FATAL)
		client->fatal = err;
	else
		snprintf(client->reason, sizeof client->reason, "%s", reason);
}

static int create(struct kafka_client *client, rd_kafka_type_t type, const struct kafka_flags *flags, const struct kafka_wishes *wishes)
{
	char why[512];
	rd_kafka_conf_t *conf = kafka()->rd_kafka_conf_new();
	int status = set_all(conf, flags, wishes);
	if (status) {
		kafka()->rd_kafka_conf_destroy(conf);
		return status;
	}
	kafka()->rd_kafka_conf_set_opaque(conf, client);
	kafka()->rd_kafka_conf_set_log_cb(conf, take_line);
	kafka()->rd_kafka_conf_set_error_cb(conf, note_error);
	if (wishes->delivered)
		kafka()->rd_kafka_conf_set_dr_msg_cb(conf, wishes->delivered);
	if (wishes->rebalanced)
		kafka()->rd_kafka_conf_set_rebalance_cb(conf, wishes->rebalanced);
	client->handle = kafka()->rd_kafka_new(type, conf, why, sizeof why);
	if (client->handle)
		return STATUS_OK;
	kafka()->rd_kafka_conf_destroy(conf);
	complain("librdkafka does not start: %s", why);
	return STATUS_USAGE;
}

#define METADATA_STEP_MS 1000
/* Who refuses TLS or SASL goes on refusing; librdkafka would try until its time is over. */
#define METADATA_PATIENT_STEPS 3

static int ask_metadata(struct kafka_client *client)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	for (int i = 0; err && i < KAFKA_TIMEOUT_MS / METADATA_STEP_MS; i++) {
		err = kafka()->rd_kafka_metadata(client->handle, 1, NULL, &client->metadata, METADATA_STEP_MS);
		if (err)
			kafka()->rd_kafka_poll(client->handle, 0); /* note_error runs here */
		if (client->fatal == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && i + 1 >= METADATA_PATIENT_STEPS)
			break;
	}
	client->fatal = err ? client->fatal : 0;
	if (!err)
		return STATUS_OK;
	complain("%s does not answer as a Kafka broker: %s; is --broker right?", client->brokers,
		 *client->reason ? client->reason : kafka()->rd_kafka_err2str(err));
	return STATUS_UNREACHABLE;
}

/* TLS and SASL are librdkafka's. */
static bool is_plain(const struct kafka_flags *flags)
{
	static const char key[] = "security.protocol=";
	for (uint32_t i = 0; i < flags->settings.count; i++)
		if (strncmp(flags->settings.items[i], key, strlen(key)) == 0 && strcasecmp(flags->settings.items[i] + strlen(key), "plaintext") != 0)
			return false;
	return true;
}

int kafka_reach(struct wire_client **out, const char *brokers, bool is_plain)
{
	char why[512];
	int err = wire_client_open(out, brokers, why, sizeof why);
	int status = !err ? STATUS_OK : err == -EINVAL ? STATUS_USAGE : STATUS_UNREACHABLE;
	if (!err && !is_plain)
		wire_client_mute(*out);
	else if (!err && wire_client_greet(*out, brokers, why, sizeof why))
		status = STATUS_UNREACHABLE;
	if (status)
		complain("%s", why);
	return status;
}

int kafka_client_open(struct kafka_client *client, rd_kafka_type_t type, const struct kafka_flags *flags, const struct kafka_wishes *wishes)
{
	static const struct kafka_wishes none;
	client->brokers = flags->brokers;
	client->wishes = wishes ? wishes : &none;
	for (uint32_t i = 0; i < flags->settings.count; i++)
		client->is_debugged |= strncmp(flags->settings.items[i], "debug=", 6) == 0;
	int status = kafka_reach(&client->wire, client->brokers, is_plain(flags));
	status = status ? status : load();
	status = status ? status : create(client, type, flags, client->wishes);
	status = status ? status : ask_metadata(client);
	if (status)
		kafka_client_close(client);
	return status;
}

void kafka_client_close(struct kafka_client *client)
{
	if (client->metadata)
		kafka()->rd_kafka_metadata_destroy(client->metadata);
	if (client->handle)
		kafka()->rd_kafka_destroy(client->handle);
	wire_client_close(client->wire);
	client->metadata = NULL;
	client->handle = NULL;
	client->wire = NULL;
}

/* ---- topics -------------------------------------------------------------------------------------------------------------- */

const struct rd_kafka_metadata_topic *kafka_client_topic(const struct kafka_client *client, const char *name)
{
	for (int i = 0; i < client->metadata->topic_cnt; i++)
		if (strcmp(client->metadata->topics[i].topic, name) == 0)
			return &client->metadata->topics[i];
	return NULL;
}

const char *kafka_nearest_topic(const struct kafka_client *client, const char *name)
{
	struct edit_search search = {.name = name};
	for (int i = 0; i < client->metadata->topic_cnt; i++)
		edit_offer(&search, client->metadata->topics[i].topic);
	return search.nearest;
}

void kafka_complain_topic(const struct kafka_client *client, const char *name)
{
	const char *nearest = kafka_nearest_topic(client, name);
	if (nearest)
		complain("there is no topic '%s' at %s; did you mean '%s'?", name, client->brokers, nearest);
	else
		complain("there is no topic '%s' at %s; 'spate topic list' lists what there is, 'spate topic create %s' makes it", name,
			 client->brokers, name);
}
