/* Opening the configuration's file, whatever somebody has put in its place. Private to log/config. Owns nothing; any thread; may wait. */
#pragma once

#include <stdio.h>

#include "log/base/types.h"

/* So long somebody may take before he opens a FIFO to write into it; once he has, he may take as long as he likes. */
#define CONFIG_WRITER_WAIT_MS 1000

/* What the path names, to be read from its begin: a file, or what a shell hands over as <(command). -EISDIR: a directory; ERR_NOT_A_FILE: a FIFO that nobody
 * writes into; -errno. Then *why says so, with the path. */
MUST_USE int config_open(const char *path, FILE **out, char *why, size_t why_size);
