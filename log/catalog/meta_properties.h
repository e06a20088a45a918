/* meta.properties: whose directory this is, in Kafka's own format (version=1, cluster.id, node.id, directory.id), so that Kafka's tools
 * know it. Cold calls of the thread that owns the io. */
#pragma once

#include "log/io/io.h"

#define CLUSTER_ID_SIZE_MAX 64

struct meta_properties {
	struct uuid directory_id;
	int32_t node_id;
	char cluster_id[CLUSTER_ID_SIZE_MAX + 1];
};

/* Could it be one? A text that is not empty, of CLUSTER_ID_SIZE_MAX bytes at most, and stands in a line of meta.properties. */
bool meta_is_cluster_id(struct slice text);
/* -ENOENT if it is not there, ERR_FORMAT with a sentence in `why` if it is not of that format. */
MUST_USE int meta_properties_read(struct meta_properties *out, struct io *io, const char *path, char *why, size_t why_size);
/* Its name is durable with the directory's next sync: one that a power cut takes is made anew. */
MUST_USE int meta_properties_write(const struct meta_properties *meta, struct io *io, const char *path);
