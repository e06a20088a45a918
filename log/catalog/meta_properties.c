/* Reads and replaces meta.properties. Unknown keys are passed over, as newer versions of Kafka may add some; a version other than 1, or a
 * missing id, is refused: guessing whose directory it is would be worse than asking. */
#include "log/catalog/meta_properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/base/uuid_text.h"
#include "log/io/small_file.h"

#define FILE_SIZE_MAX 65536

struct found {
	const char *version, *cluster_id, *node_id, *directory_id;
};

static void take_line(struct found *found, char *line)
{
	char *equals = strchr(line, '=');
	if (line[0] == '#' || !equals)
		return;
	*equals = '\0';
	const char *value = equals + 1;
	if (strcmp(line, "version") == 0)
		found->version = value;
	else if (strcmp(line, "cluster.id") == 0)
		found->cluster_id = value;
	else if (strcmp(line, "node.id") == 0)
		found->node_id = value;
	else if (strcmp(line, "directory.id") == 0)
		found->directory_id = value;
}

static bool parse_node_id(const char *text, int32_t *out)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > INT32_MAX)
		return false;
	*out = (int32_t)value;
	return true;
}

bool meta_is_cluster_id(struct slice text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
	return text.size > 0 && text.size <= CLUSTER_ID_SIZE_MAX;
}

/* What is wrong, or NULL. */
static const char *take_found(struct meta_properties *out, const struct found *found)
{
	if (!found->version || strcmp(found->version, "1") != 0)
		return "version is not 1";
	if (!found->cluster_id || !meta_is_cluster_id(slice_from(found->cluster_id)))
		return "cluster.id is missing, or no id";
	if (!found->node_id || !parse_node_id(found->node_id, &out->node_id))
		return "node.id is missing or no number";
	if (!found->directory_id ||
	    !uuid_text_parse(&out->directory_id, slice_from(found->directory_id)))
		return "directory.id is missing or no id";
	memcpy(out->cluster_id, found->cluster_id, strlen(found->cluster_id) + 1);
	return NULL;
}

int meta_properties_read(struct meta_properties *out, struct io *io, const char *path, char *why, size_t why_size)
{
	uint8_t *data;
	size_t size;
	int err = small_file_read(io, path, FILE_SIZE_MAX, &data, &size);
	if (err == -EFBIG) {
		snprintf(why, why_size, "%s: it is far too large", path);
		return ERR_FORMAT;
	}
	if (err)
		return err;
	struct found found = {0};
	char *rest = (char *)data, *line;
	*out = (struct meta_properties){0};
	while ((line = strsep(&rest, "\r\n")))
		take_line(&found, line);
	const char *fault = take_found(out, &found);
	if (fault)
		snprintf(why, why_size, "%s: %s", path, fault);
	free(data);
	return fault ? ERR_FORMAT : 0;
}

int meta_properties_write(const struct meta_properties *meta, struct io *io, const char *path)
{
	char text[512], directory_id[UUID_TEXT_SIZE];
	uuid_text_format(directory_id, &meta->directory_id);
	int size = snprintf(text, sizeof text, "#\nnode.id=%d\ndirectory.id=%s\nversion=1\ncluster.id=%s\n",
			    meta->node_id, directory_id, meta->cluster_id);
	return small_file_put(io, path, text, (size_t)size);
}
