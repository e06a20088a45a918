/* Configurations are checked here and results are judged here, for both verbs. */
#include "bench/load/outcome.h"

#include "bench/load/topic.h"
#include "log/base/err.h"
#include "net/wire/kerr.h"

#include <errno.h>

void load_config_init(struct load_config *config)
{
	*config = (struct load_config){
		.host = "127.0.0.1",
		.port = 9092,
		.topic = "spate-bench",
		.partitions = 16,
		.connections = 16,
		.in_flight = 4,
		.batch_bytes = 128 << 10,
		.record_bytes = 1024,
		.acks = -1,
		.fetch_bytes = 1 << 20,
		.fetch_wait_ms = 500,
		.warmup_ns = 2000000000ull,
		.duration_ns = 10000000000ull,
		.create_topic = true,
	};
}

void load_config_count(struct load_config *config, uint64_t requests)
{
	config->warmup_ns = 0;
	config->duration_ns = 60000000000ull;
	config->requests_max = requests;
}

const char *load_config_fault(const struct load_config *config)
{
	size_t topic_size = config->topic ? strlen(config->topic) : 0;
	if (!config->host || !config->port)
		return "no broker is named";
	if (!topic_size || topic_size > 249)
		return "a topic's name has 1 to 249 characters";
	if (!config->connections || config->connections > LOAD_CONNECTIONS_MAX)
		return "1 to 65536 connections are possible";
	if (config->partitions > LOAD_PARTITIONS_MAX)
		return "at most 100000 partitions are possible";
	if (!config->in_flight || (uint64_t)config->in_flight * config->connections > LOAD_REQUESTS_MAX)
		return "1 to 65536 requests can be in flight over all connections";
	if (!config->batch_bytes || config->batch_bytes > LOAD_BATCH_BYTES_MAX || config->record_bytes > LOAD_BATCH_BYTES_MAX)
		return "batches and records have at most 64 MiB";
	if (config->acks != -1 && config->acks != 1)
		return "acks is -1 (all) or 1: without answers there is nothing to time";
	if (config->fetch_bytes > LOAD_FETCH_BYTES_MAX)
		return "a fetch asks for at most 128 MiB";
	if (config->settings_count > LOAD_SETTINGS_MAX)
		return "a topic is made with at most 8 settings";
	if (!(config->requests_per_s >= 0) || config->requests_per_s > 1e9)
		return "a rate is 0 (as fast as answers come) to 10^9 requests a second";
	if (!config->duration_ns)
		return "a run takes some time";
	return NULL;
}

/* "produce-1-topic-16-partitions-1kb": as the OpenMessaging benchmark names its workloads. What a fetch
 * will find is not known yet. */
static void name_workload(struct load_result *result, const struct load_config *config, const char *verb)
{
	char size[16];
	if (strcmp(verb, "fetch") == 0) {
		snprintf(result->workload, sizeof result->workload, "fetch-1-topic");
		return;
	}
	if (config->record_bytes % 1024)
		snprintf(size, sizeof size, "%ub", config->record_bytes);
	else
		snprintf(size, sizeof size, "%ukb", config->record_bytes / 1024);
	snprintf(result->workload, sizeof result->workload, "%s-1-topic-%u-partitions-%s", verb, config->partitions, size);
}

int load_result_begin(struct load_result *result, const struct load_config *config, const char *verb)
{
	memset(result, 0, sizeof *result);
	histogram_init(&result->latency);
	histogram_init(&result->send_delay);
	histogram_init(&result->end_to_end);
	name_workload(result, config, verb);
	const char *fault = load_config_fault(config);
	if (!fault && !config->partitions && strcmp(verb, "produce") == 0)
		fault = "a topic to produce to needs at least one partition";
	if (fault)
		snprintf(result->failure, sizeof result->failure, "%s", fault);
	return fault ? -EINVAL : 0;
}

int load_result_clean_up(struct load_result *result, const struct load_config *config, int err)
{
	char failure[LOAD_FAILURE_BYTES];
	if (!config->delete_topic || err == -EINVAL)
		return err;
	int delete_err = load_topic_delete(config, failure);
	if (err || !delete_err)
		return err;
	memcpy(result->failure, failure, sizeof failure);
	return delete_err;
}

static int first_error(const struct load_result *result)
{
	int code = -1;
	while (code + 1 < LOAD_ERROR_CODES - 1 && !result->errors[code + 1])
		code++;
	return code;
}

int load_result_end(struct load_result *result, int err)
{
	if (err)
		return err;
	if (result->request_errors)
		snprintf(result->failure, sizeof result->failure, "%llu requests were answered with an error, the first kind %s",
			 (unsigned long long)result->request_errors, kerr_name(first_error(result)));
	else if (result->damaged)
		snprintf(result->failure, sizeof result->failure, "%llu answers did not hold what was asked for",
			 (unsigned long long)result->damaged);
	else if (result->disconnects || result->unanswered)
		snprintf(result->failure, sizeof result->failure, "%llu connections ended, %llu requests were not answered",
			 (unsigned long long)result->disconnects, (unsigned long long)result->unanswered);
	else if (!result->requests)
		snprintf(result->failure, sizeof result->failure, "nothing was answered while measuring");
	return result->failure[0] ? -EIO : 0;
}
