/* The name of a partition's directory in the data directory. Owns nothing; any thread; touches no file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/base/types.h"

#define PARTITION_DIR_NAME_SIZE 272

/* TOPIC-INDEX, as Kafka's. The broker's own files end in a number as well: a topic that is called as one of them ("journal") has +TOPIC-INDEX, which is no
 * other topic's, as a topic's name holds no '+'. `topic` has TOPIC_NAME_SIZE_MAX bytes at most. */
void partition_dir_name(char out[PARTITION_DIR_NAME_SIZE], const char *topic, uint32_t index);
/* What partition_dir_name was told; `topic` is part of `name`. False if it is not the name of a partition's directory. */
bool partition_dir_parse(const char *name, struct slice *topic, uint32_t *index);
