/* The names of Kafka's error codes, for reports. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

/* "NOT_LEADER_OR_FOLLOWER"; "an unknown code" for those Kafka has not given out. Static storage. */
const char *error_name(int code);
