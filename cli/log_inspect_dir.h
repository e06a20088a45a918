/* `spate log inspect` of a whole directory; what was asked for, and what it knows once it is opened. Owner: the main thread. */
#pragma once

#include "cli/log_inspect.h"
#include "log/catalog/catalog.h"
#include "log/verify/directory.h"
#include "log/verify/picture.h"

struct inspect {
	const char *path, *topic, *offsets;
	int64_t partition;              /* -1: all */
	bool with_batches, with_records, is_json;
	struct inspect_range range;
	struct io *io;
	struct data_dir dir;
	struct broker_config *config;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct verify_sink sink;
	struct picture picture;
};

/* Shows the overview, a topic's segments or their batches. An exit status. */
int log_inspect_directory(struct inspect *inspect);
