/* What the three ACL APIs share: this broker has no authorizer, so there are no rules and none are taken, as
 * at a Kafka broker without one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 0 stands for what the client itself does not know; Kafka closes the connection then, whatever else the
 * request says. */
static inline bool acl_is_unknown(int8_t resource_type, int8_t pattern_type, int8_t operation, int8_t permission_type)
{
	return !resource_type || !pattern_type || !operation || !permission_type;
}

#define ACL_UNKNOWN "it speaks of kinds of access rules that its sender does not know"
