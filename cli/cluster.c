/* `spate cluster`: who answers there, and how much it holds. What a broker does not tell is "-". */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client_verb.h"
#include "cli/group_listing.h"
#include "cli/out.h"
#include "cli/wire_client.h"

struct cluster_flags {
	struct kafka_flags kafka;
	bool is_json;
};

struct sums {
	int64_t topics, partitions, groups; /* -1: not known */
};

/* As `group list` shows them. */
static int64_t count_groups(struct kafka_client *client)
{
	struct group_listing listing;
	int status = group_listing_ask(&listing, client, false);
	int64_t count = status ? -1 : (int64_t)listing.count;
	group_listing_free(&listing);
	return count;
}

/* The users' own: the broker's internal topics would only puzzle who counts theirs. */
static struct sums count_all(struct kafka_client *client)
{
	struct sums sums = {0};
	for (int i = 0; i < client->metadata->topic_cnt; i++) {
		if (strncmp(client->metadata->topics[i].topic, "__", 2) == 0)
			continue;
		sums.topics++;
		sums.partitions += client->metadata->topics[i].partition_cnt;
	}
	sums.groups = count_groups(client);
	return sums;
}

static void show_number(struct out *out, const char *name, int64_t number)
{
	if (number >= 0)
		out_int(out, name, name, number);
	else
		out_text(out, name, name, NULL);
}

static void show_brokers(struct out *out, const struct kafka_client *client)
{
	static const char *const columns[] = {"id=>BROKER", "host=HOST", "port=>PORT"};
	struct out_table *table = out_table_begin(out, "brokers", columns, COUNT_OF(columns));
	for (int i = 0; i < client->metadata->broker_cnt; i++) {
		const struct rd_kafka_metadata_broker *broker = &client->metadata->brokers[i];
		OUT_ROW(table, cell_int(broker->id), cell_text(broker->host), cell_int(broker->port));
	}
	out_table_end(table, "brokers", "none");
}

/* Of the broker that was asked. */
static void show_disk(struct out *out, const struct kafka_client *client, bool is_json)
{
	struct wire_disk disk;
	char free_bytes[32], total[32], text[128];
	if (wire_client_disk(client->wire, &disk)) {
		out_text(out, "data", "data", NULL);
		return;
	}
	out_text(out, "data", "data", disk.path);
	snprintf(text, sizeof text, "%s of %s free", out_bytes((uint64_t)disk.usable_bytes, free_bytes), out_bytes((uint64_t)disk.total_bytes, total));
	if (!is_json) {
		out_text(out, "disk", "disk", text);
		return;
	}
	out_int(out, "disk_free_bytes", "", disk.usable_bytes);
	out_int(out, "disk_bytes", "", disk.total_bytes);
}

struct damage_table {
	struct out_table *table;
	int64_t count;
};

static void add_damage(void *context, struct slice topic, int32_t partition, int64_t from, int64_t to)
{
	struct damage_table *damages = context;
	char name[256];
	snprintf(name, sizeof name, "%.*s", (int)topic.size, (const char *)topic.data);
	OUT_ROW(damages->table, cell_text(name), cell_int(partition), cell_int(from), cell_int(to), cell_int(to - from));
	damages->count++;
}

/* Another broker than Spate knows nothing of it: then there are no rows. */
static void show_damages(struct out *out, const struct kafka_client *client)
{
	static const char *const columns[] = {"topic=TOPIC", "partition=>PARTITION", "from_offset=>FROM", "to_offset=>TO", "offsets=>OFFSETS"};
	struct damage_table damages = {.table = out_table_begin(out, "damages", columns, COUNT_OF(columns))};
	bool is_told = wire_client_damages(client->wire, add_damage, &damages) == 0;
	out_table_end(damages.table, damages.count ? "damaged and not served ('spate log verify' says what is wrong, 'spate log repair' what can be done)" : "damages",
		      is_told ? "none" : "-");
}

static int show_cluster(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	const struct cluster_flags *flags = context;
	struct sums sums = count_all(client);
	char *id = kafka()->rd_kafka_clusterid(client->handle, KAFKA_TIMEOUT_MS);
	struct out *out = out_open(flags->is_json);
	out_text(out, "cluster_id", "cluster", id);
	show_number(out, "controller", kafka()->rd_kafka_controllerid(client->handle, KAFKA_TIMEOUT_MS));
	show_number(out, "topics", sums.topics);
	show_number(out, "partitions", sums.partitions);
	show_number(out, "groups", sums.groups);
	show_disk(out, client, flags->is_json);
	show_brokers(out, client);
	show_damages(out, client);
	out_close(out);
	if (id)
		kafka()->rd_kafka_mem_free(client->handle, id);
	return STATUS_OK;
}

int cluster_run(int argc, char **argv)
{
	struct cluster_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate cluster",
		.arguments = "",
		.about = "Shows who answers: the cluster and its brokers, how many topics and groups there are, how much of the disk is\n"
			 "free, and which offsets are damaged.",
		.examples = "  spate cluster\n  spate cluster --json | jq .disk_free_bytes\n  spate cluster --json | jq '.damages[]'\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .run = show_cluster, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}
