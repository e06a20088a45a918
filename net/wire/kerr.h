/* Kafka's error codes, and the one place where errors of the log become Kafka's. Owns nothing; any thread;
 * never allocates. Handlers put a `enum kerr` into a response's error_code. */
#pragma once

#include "log/base/err.h"

/* code, name, may the client try the same again?, sentence */
#define KERR_LIST(X)                                                                                                       \
	X(-1, UNKNOWN_SERVER_ERROR, false, "the broker met an error it has no code for")                                  \
	X(0, NONE, false, "no error")                                                                                     \
	X(1, OFFSET_OUT_OF_RANGE, false, "the offset is below the log's start or above its end")                          \
	X(2, CORRUPT_MESSAGE, true, "the bytes fail their checksum or break off")                                         \
	X(3, UNKNOWN_TOPIC_OR_PARTITION, true, "this broker has no such topic or partition")                              \
	X(4, INVALID_FETCH_SIZE, false, "the fetch size makes no sense")                                                  \
	X(5, LEADER_NOT_AVAILABLE, true, "the partition has no leader at the moment")                                     \
	X(6, NOT_LEADER_OR_FOLLOWER, true, "this broker does not lead the partition")                                     \
	X(7, REQUEST_TIMED_OUT, true, "it took longer than the request allowed")                                          \
	X(8, BROKER_NOT_AVAILABLE, false, "no such broker is alive")                                                      \
	X(9, REPLICA_NOT_AVAILABLE, true, "the replica asked for is not here")                                            \
	X(10, MESSAGE_TOO_LARGE, false, "the batch is larger than max.message.bytes")                                     \
	X(11, STALE_CONTROLLER_EPOCH, false, "a newer controller has taken over")                                         \
	X(12, OFFSET_METADATA_TOO_LARGE, false, "the note with the offset is too long")                                   \
	X(13, NETWORK_EXCEPTION, true, "the connection broke before the answer came")                                     \
	X(14, COORDINATOR_LOAD_IN_PROGRESS, true, "the coordinator is still reading its state")                           \
	X(15, COORDINATOR_NOT_AVAILABLE, true, "there is no coordinator at the moment")                                   \
	X(16, NOT_COORDINATOR, true, "this broker is not the coordinator")                                                \
	X(17, INVALID_TOPIC_EXCEPTION, false, "the topic name is not allowed, or the topic is off limits")                \
	X(18, RECORD_LIST_TOO_LARGE, false, "the batch is larger than a segment")                                         \
	X(19, NOT_ENOUGH_REPLICAS, true, "it cannot be stored safely now; nothing was appended")                          \
	X(20, NOT_ENOUGH_REPLICAS_AFTER_APPEND, true, "it was appended, but to fewer replicas than required")             \
	X(21, INVALID_REQUIRED_ACKS, false, "acks is not -1, 0 or 1")                                                     \
	X(22, ILLEGAL_GENERATION, false, "the group has moved on to another generation")                                  \
	X(23, INCONSISTENT_GROUP_PROTOCOL, false, "the member shares no protocol with its group")                         \
	X(24, INVALID_GROUP_ID, false, "the group id is not allowed")                                                     \
	X(25, UNKNOWN_MEMBER_ID, false, "the group has no such member")                                                   \
	X(26, INVALID_SESSION_TIMEOUT, false, "the session timeout is outside the broker's bounds")                       \
	X(27, REBALANCE_IN_PROGRESS, false, "the group is rebalancing: join again")                                       \
	X(28, INVALID_COMMIT_OFFSET_SIZE, false, "the commit is too large to store")                                      \
	X(29, TOPIC_AUTHORIZATION_FAILED, false, "not allowed on this topic")                                             \
	X(30, GROUP_AUTHORIZATION_FAILED, false, "not allowed on this group")                                             \
	X(31, CLUSTER_AUTHORIZATION_FAILED, false, "not allowed on this cluster")                                         \
	X(32, INVALID_TIMESTAMP, false, "a timestamp is outside the topic's bounds")                                      \
	X(33, UNSUPPORTED_SASL_MECHANISM, false, "this SASL mechanism is not offered")                                    \
	X(34, ILLEGAL_SASL_STATE, false, "the request does not fit the state of the login")                               \
	X(35, UNSUPPORTED_VERSION, false, "this version of the API is not served")                                        \
	X(36, TOPIC_ALREADY_EXISTS, false, "there is a topic of this name")                                               \
	X(37, INVALID_PARTITIONS, false, "the partition count is not allowed")                                            \
	X(38, INVALID_REPLICATION_FACTOR, false, "the replication factor is below 1 or above the broker count")           \
	X(39, INVALID_REPLICA_ASSIGNMENT, false, "the replica assignment makes no sense")                                 \
	X(40, INVALID_CONFIG, false, "a config name or value is not allowed")                                             \
	X(41, NOT_CONTROLLER, true, "this broker is not the controller")                                                  \
	X(42, INVALID_REQUEST, false, "the request contradicts itself or the protocol")                                   \
	X(43, UNSUPPORTED_FOR_MESSAGE_FORMAT, false, "the topic's message format cannot do that")                         \
	X(44, POLICY_VIOLATION, false, "a policy of the broker forbids it")                                               \
	X(45, OUT_OF_ORDER_SEQUENCE_NUMBER, false, "the producer's sequence number leaves a gap")                         \
	X(46, DUPLICATE_SEQUENCE_NUMBER, false, "the producer's sequence number was used before")                         \
	X(47, INVALID_PRODUCER_EPOCH, false, "the producer's epoch is old: another has taken its place")                  \
	X(48, INVALID_TXN_STATE, false, "the transaction is not in a state for that")                                     \
	X(49, INVALID_PRODUCER_ID_MAPPING, false, "the producer id is not the transactional id's")                        \
	X(50, INVALID_TRANSACTION_TIMEOUT, false, "the transaction timeout is above the broker's bound")                  \
	X(51, CONCURRENT_TRANSACTIONS, true, "the transaction before is still being finished")                            \
	X(52, TRANSACTION_COORDINATOR_FENCED, false, "the marker comes from a coordinator that was replaced")             \
	X(53, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, false, "not allowed with this transactional id")                     \
	X(54, SECURITY_DISABLED, false, "security is not switched on")                                                    \
	X(55, OPERATION_NOT_ATTEMPTED, false, "not tried, since another part of the request failed")                      \
	X(56, KAFKA_STORAGE_ERROR, true, "the disk failed the partition")                                                 \
	X(57, LOG_DIR_NOT_FOUND, false, "there is no such data directory")                                                \
	X(58, SASL_AUTHENTICATION_FAILED, false, "the login failed")                                                      \
	X(59, UNKNOWN_PRODUCER_ID, false, "nothing is known of this producer any more")                                   \
	X(60, REASSIGNMENT_IN_PROGRESS, false, "the partition is being moved")                                            \
	X(61, DELEGATION_TOKEN_AUTH_DISABLED, false, "delegation tokens are not switched on")                             \
	X(62, DELEGATION_TOKEN_NOT_FOUND, false, "there is no such delegation token")                                     \
	X(63, DELEGATION_TOKEN_OWNER_MISMATCH, false, "the delegation token belongs to somebody else")                    \
	X(64, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, false, "delegation tokens cannot be asked for on this connection")    \
	X(65, DELEGATION_TOKEN_AUTHORIZATION_FAILED, false, "not allowed with delegation tokens")                         \
	X(66, DELEGATION_TOKEN_EXPIRED, false, "the delegation token has expired")                                        \
	X(67, INVALID_PRINCIPAL_TYPE, false, "this type of principal is not supported")                                   \
	X(68, NON_EMPTY_GROUP, false, "the group still has members")                                                      \
	X(69, GROUP_ID_NOT_FOUND, false, "there is no such group")                                                        \
	X(70, FETCH_SESSION_ID_NOT_FOUND, true, "there is no such fetch session")                                         \
	X(71, INVALID_FETCH_SESSION_EPOCH, true, "the fetch session is at another epoch")                                 \
	X(72, LISTENER_NOT_FOUND, true, "the leader has no listener of that name")                                        \
	X(73, TOPIC_DELETION_DISABLED, false, "topics cannot be deleted here")                                            \
	X(74, FENCED_LEADER_EPOCH, true, "the leader epoch in the request is old")                                        \
	X(75, UNKNOWN_LEADER_EPOCH, true, "the leader epoch in the request is ahead of the broker's")                     \
	X(76, UNSUPPORTED_COMPRESSION_TYPE, false, "this compression is not possible here")                               \
	X(77, STALE_BROKER_EPOCH, false, "the broker has registered anew since")                                          \
	X(78, OFFSET_NOT_AVAILABLE, true, "a new leader does not know its high watermark yet")                            \
	X(79, MEMBER_ID_REQUIRED, false, "join again with the member id of this answer")                                  \
	X(80, PREFERRED_LEADER_NOT_AVAILABLE, true, "the preferred leader is not there")                                  \
	X(81, GROUP_MAX_SIZE_REACHED, false, "the group is full")                                                         \
	X(82, FENCED_INSTANCE_ID, false, "another member has taken this static id")                                       \
	X(83, ELIGIBLE_LEADERS_NOT_AVAILABLE, true, "no replica that could lead is there")                                \
	X(84, ELECTION_NOT_NEEDED, true, "the partition needs no new leader")                                             \
	X(85, NO_REASSIGNMENT_IN_PROGRESS, false, "the partition is not being moved")                                     \
	X(86, GROUP_SUBSCRIBED_TO_TOPIC, false, "the group still reads this topic")                                       \
	X(87, INVALID_RECORD, false, "a record breaks the format or the topic's rules")                                   \
	X(88, UNSTABLE_OFFSET_COMMIT, true, "a transaction still holds commits of these offsets")                         \
	X(89, THROTTLING_QUOTA_EXCEEDED, true, "the quota is used up for now")                                            \
	X(90, PRODUCER_FENCED, false, "a newer producer uses the same transactional id")                                  \
	X(91, RESOURCE_NOT_FOUND, false, "there is no such resource")                                                     \
	X(92, DUPLICATE_RESOURCE, false, "the request names a resource twice")                                            \
	X(93, UNACCEPTABLE_CREDENTIAL, false, "the credential does not meet the rules")                                   \
	X(94, INCONSISTENT_VOTER_SET, false, "one side is not among the voters the other expects")                        \
	X(95, INVALID_UPDATE_VERSION, false, "the version to update from or to is not valid")                             \
	X(96, FEATURE_UPDATE_FAILED, false, "the features could not be updated")                                          \
	X(97, PRINCIPAL_DESERIALIZATION_FAILURE, false, "the forwarded principal cannot be read")                         \
	X(98, SNAPSHOT_NOT_FOUND, false, "there is no such snapshot")                                                     \
	X(99, POSITION_OUT_OF_RANGE, false, "the position is outside the snapshot")                                       \
	X(100, UNKNOWN_TOPIC_ID, true, "this broker has no topic of this id")                                             \
	X(101, DUPLICATE_BROKER_REGISTRATION, false, "the broker id is taken")                                            \
	X(102, BROKER_ID_NOT_REGISTERED, false, "no broker of this id is registered")                                     \
	X(103, INCONSISTENT_TOPIC_ID, true, "the log belongs to a topic of another id")                                   \
	X(104, INCONSISTENT_CLUSTER_ID, false, "the request is meant for another cluster")                                \
	X(105, TRANSACTIONAL_ID_NOT_FOUND, false, "there is no such transactional id")                                    \
	X(106, FETCH_SESSION_TOPIC_ID_ERROR, true, "the fetch session mixes topic names and ids")                         \
	X(107, INELIGIBLE_REPLICA, false, "a replica may not be in sync yet")                                             \
	X(108, NEW_LEADER_ELECTED, false, "the change was made, and it changed the leader")                               \
	X(109, OFFSET_MOVED_TO_TIERED_STORAGE, false, "the offset is in tiered storage")                                  \
	X(110, FENCED_MEMBER_EPOCH, false, "the member was fenced: give up its partitions and join again")                \
	X(111, UNRELEASED_INSTANCE_ID, false, "another member still has this static id")                                  \
	X(112, UNSUPPORTED_ASSIGNOR, false, "the group has no such assignor")                                             \
	X(113, STALE_MEMBER_EPOCH, false, "the member's epoch is old: wait for the next heartbeat")                       \
	X(114, MISMATCHED_ENDPOINT_TYPE, false, "the request was meant for another kind of endpoint")                     \
	X(115, UNSUPPORTED_ENDPOINT_TYPE, false, "this kind of endpoint is not supported")                                \
	X(116, UNKNOWN_CONTROLLER_ID, false, "there is no controller of this id")                                         \
	X(117, UNKNOWN_SUBSCRIPTION_ID, false, "the telemetry subscription is unknown or old")                            \
	X(118, TELEMETRY_TOO_LARGE, false, "the telemetry is larger than the broker takes")                               \
	X(119, INVALID_REGISTRATION, false, "the controller refuses the registration")                                    \
	X(120, TRANSACTION_ABORTABLE, false, "abort the transaction, then go on")                                         \
	X(121, INVALID_RECORD_STATE, false, "the record is not in a state to be acknowledged")                            \
	X(122, SHARE_SESSION_NOT_FOUND, true, "there is no such share session")                                           \
	X(123, INVALID_SHARE_SESSION_EPOCH, true, "the share session is at another epoch")                                \
	X(124, FENCED_STATE_EPOCH, false, "the share state is at another epoch")                                          \
	X(125, INVALID_VOTER_KEY, false, "the voter's key is not the receiver's")                                         \
	X(126, DUPLICATE_VOTER, false, "it is a voter already")                                                           \
	X(127, VOTER_NOT_FOUND, false, "there is no such voter")                                                          \
	X(128, INVALID_REGULAR_EXPRESSION, false, "the regular expression cannot be read")                                \
	X(129, REBOOTSTRAP_REQUIRED, false, "the client's picture of the cluster is wrong: start over")                   \
	X(130, STREAMS_INVALID_TOPOLOGY, false, "the topology is not valid")                                              \
	X(131, STREAMS_INVALID_TOPOLOGY_EPOCH, false, "the topology's epoch is not valid")                                \
	X(132, STREAMS_TOPOLOGY_FENCED, false, "the topology's epoch is old")                                             \
	X(133, SHARE_SESSION_LIMIT_REACHED, true, "there are as many share sessions as allowed")                          \
	X(134, GROUP_DELETION_FAILED, false, "the group could not be deleted; its own message says why")                  \
	X(135, STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED, false, "the topology description could not be updated")        \
	X(136, CONTROLLER_ID_NOT_REGISTERED, false, "no controller of this id is registered")

enum kerr {
#define X(code, name, retriable, text) KERR_##name = code,
	KERR_LIST(X)
#undef X
};

#define KERR_MIN (-1)
#define KERR_MAX 136

/* The one mapping from the log's errors (log/base/err.h) to Kafka's codes. What has no code of its own is
 * UNKNOWN_SERVER_ERROR. */
enum kerr kerr_from(int err);

/* "CORRUPT_MESSAGE", or "?" for a code outside the list. Static storage. */
const char *kerr_name(int code);

/* A sentence without a final stop. Static storage. */
const char *kerr_text(int code);

/* Do Kafka's clients try the same request again by themselves? */
bool kerr_is_retriable(int code);
