/* The classic group under scripts (group_script.h): each state against each input, and each timer. What Kafka 4.3 does was taken from a Kafka 4.3 node. */
#include "tests/unit/net/group/group_script.h"

/* What most scripts begin with: a alone, stable, in generation 1. */
#define A_IS_STABLE                                    \
	"join a\n"                                     \
	"- record g g0  leader=- []\n"                 \
	"- join a 79 id=a\n"                           \
	"join a\n"                                     \
	"tick 3000\n"                                  \
	"- join a 0 g1 range leader=a [a:m]\n"         \
	"sync a gen=1 assign=a:x\n"                    \
	"- record g g1 range leader=a [a:m=x]\n"       \
	"- sync a 0 x\n"

/* a leads, b follows: generation 2. */
#define A_AND_B_ARE_STABLE                             \
	A_IS_STABLE                                    \
	"join b\n"                                     \
	"- join b 79 id=b\n"                           \
	"join b\n"                                     \
	"heartbeat a gen=1\n"                          \
	"- heartbeat a 27\n"                           \
	"join a\n"                                     \
	"- join a 0 g2 range leader=a [a:m b:m]\n"     \
	"- join b 0 g2 range leader=a\n"               \
	"sync b gen=2\n"                               \
	"sync a gen=2 assign=a:x,b:y\n"                \
	"- record g g2 range leader=a [a:m=x b:m=y]\n" \
	"- sync a 0 x\n"                               \
	"- sync b 0 y\n"

static const struct {
	const char *title, *text;
} scripts[] = {
	{"a member alone", A_IS_STABLE
		"heartbeat a gen=1\n"
		"- heartbeat a 0\n"
		"describe\n"
		"- describe 0 Stable consumer range [a:m=x]\n"
		"leave a\n"
		"- record g g2  leader=- []\n"
		"- leave 0 a:0\n"
		"describe\n"
		"- describe 0 Empty consumer \n"
		"heartbeat a gen=2\n"
		"- heartbeat a 25\n"},
	{"what is asked of no group",
		"join x id=x\n"
		"- join x 25 id=x\n"
		"sync a id=x\n"
		"- sync a 25\n"
		"heartbeat a id=x\n"
		"- heartbeat a 25\n"
		"leave x\n"
		"- leave 0 x:25\n"
		"leave x v=2\n"
		"- leave 25 x:25\n"
		"describe v=5\n"
		"- describe 0 Dead  \n"
		"describe v=6\n"
		"- describe 69 Dead   \"Group g not found.\"\n"
		"delete\n"
		"- delete 69\n"
		"list\n"
		"- list\n"},
	{"requests that are wrong",
		"join a group=\n"
		"- join a 24 id=-\n"
		"sync a group=\n"
		"- sync a 24\n"
		"heartbeat a group=\n"
		"- heartbeat a 24\n"
		"leave x group=\n"
		"- leave 24\n"
		"join a session=5999\n"
		"- join a 26 id=-\n"
		"join a session=1800001\n"
		"- join a 26 id=-\n"
		"join a type=\n"
		"- record g g0  leader=- []\n"
		"- join a 23 id=-\n"
		"join a p=\n"
		"- join a 23 id=-\n"
		"sync a p=null\n"
		"- sync a 23\n"},
	{"before KIP-394 an id is not asked for",
		"join a v=3\n"
		"- record g g0  leader=- []\n"
		"tick 2999\n"
		"tick 1\n"
		"- join a 0 g1 range leader=a [a:m]\n"},
	{"the initial delay is prolonged while members come, up to the rebalance timeout",
		"join a v=3 rebalance=8000\n"
		"- record g g0  leader=- []\n"
		"tick 2000\n"
		"join b v=3 rebalance=8000\n"
		"tick 2000\n"
		"join c v=3 rebalance=8000\n"
		"tick 3000\n"
		"join d v=3 rebalance=8000\n"
		"tick 999\n"
		"tick 1\n"
		"- join a 0 g1 range leader=a [a:m b:m c:m d:m]\n"
		"- join b 0 g1 range leader=a\n"
		"- join c 0 g1 range leader=a\n"
		"- join d 0 g1 range leader=a\n"},
	{"two members, and one leaves", A_AND_B_ARE_STABLE
		"leave b\n"
		"- leave 0 b:0\n"
		"heartbeat a gen=2\n"
		"- heartbeat a 27\n"
		"commit a gen=2\n"
		"- commit a 0\n"
		"join a\n"
		"- join a 0 g3 range leader=a [a:m]\n"
		"commit a gen=3\n"
		"- commit a 27\n"
		"heartbeat a gen=2\n"
		"- heartbeat a 22\n"
		"heartbeat a gen=3\n"
		"- heartbeat a 0\n"},
	{"a follower that changes nothing is told the generation there is", A_AND_B_ARE_STABLE
		"join b\n"
		"- join b 0 g2 range leader=a\n"
		"sync b gen=2\n"
		"- sync b 0 y\n"
		"join b p=range:other\n"
		"heartbeat a gen=2\n"
		"- heartbeat a 27\n"
		"join a\n"
		"- join a 0 g3 range leader=a [a:m b:other]\n"
		"- join b 0 g3 range leader=a\n"},
	{"a leader that joins again wants to assign anew", A_AND_B_ARE_STABLE
		"join a\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"sync b gen=2\n"
		"- sync b 27\n"
		"join b\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"},
	{"joining again while the leader assigns", A_AND_B_ARE_STABLE
		"join a\n"
		"join b\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"join b\n"
		"- join b 0 g3 range leader=a\n"
		"join a\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"sync b gen=3\n"
		"join a p=range:other\n"
		"- sync b 27\n"
		"join b\n"
		"- join a 0 g4 range leader=a [a:other b:m]\n"
		"- join b 0 g4 range leader=a\n"},
	{"a leader leaves while it assigns", A_AND_B_ARE_STABLE
		"join a\n"
		"join b\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync b gen=3\n"
		"leave a\n"
		"- sync b 27\n"
		"- leave 0 a:0\n"
		"join b\n"
		"- join b 0 g4 range leader=b [b:m]\n"},
	{"who does not come within the rebalance timeout is put out", A_AND_B_ARE_STABLE
		"join a session=1000000\n"
		"tick 9999\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"tick 9999\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"tick 9999\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"tick 9999\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"tick 9999\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"tick 9999\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 27\n"
		"tick 5\n"
		"tick 1\n"
		"- join a 0 g3 range leader=a [a:m]\n"
		"heartbeat b gen=3\n"
		"- heartbeat b 25\n"},
	{"a session ends while others wait", A_AND_B_ARE_STABLE
		"join a\n"
		"tick 9999\n"
		"tick 1\n"
		"- join a 0 g3 range leader=a [a:m]\n"},
	{"all sessions end", A_AND_B_ARE_STABLE
		"tick 10000\n"
		"- record g g3  leader=- []\n"
		"sync b gen=2\n"
		"- sync b 25\n"},
	{"heartbeats keep a session", A_IS_STABLE
		"tick 9999\n"
		"heartbeat a gen=1\n"
		"- heartbeat a 0\n"
		"tick 9999\n"
		"commit a gen=1\n"
		"- commit a 0\n"
		"tick 9999\n"
		"heartbeat a gen=1\n"
		"- heartbeat a 0\n"
		"tick 10000\n"
		"- record g g2  leader=- []\n"},
	{"who waits for an answer has no session to end", A_AND_B_ARE_STABLE
		"join a session=6000 rebalance=30000\n"
		"join b session=30000 rebalance=30000\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync b gen=3\n"
		"tick 5000\n"
		"heartbeat a gen=3\n"
		"- heartbeat a 0\n"
		"tick 5999\n"
		"sync a gen=3 assign=b:z\n"
		"- record g g3 range leader=a [a:m= b:m=z]\n"
		"- sync a 0 \n"
		"- sync b 0 z\n"},
	{"who owes a sync is put out", A_AND_B_ARE_STABLE
		"join a session=100000 rebalance=20000\n"
		"join b session=100000 rebalance=20000\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync a gen=3 assign=a:x,b:y\n"
		"- record g g3 range leader=a [a:m=x b:m=y]\n"
		"- sync a 0 x\n"
		"tick 19999\n"
		"heartbeat b gen=3\n"
		"- heartbeat b 0\n"
		"tick 1\n"
		"heartbeat b gen=3\n"
		"- heartbeat b 25\n"
		"heartbeat a gen=3\n"
		"- heartbeat a 27\n"},
	{"a leader that never assigns is put out", A_AND_B_ARE_STABLE
		"join a session=100000 rebalance=20000\n"
		"join b session=100000 rebalance=20000\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync b gen=3\n"
		"tick 19999\n"
		"tick 1\n"
		"- sync b 27\n"
		"heartbeat a gen=3\n"
		"- heartbeat a 25\n"
		"join b\n"
		"- join b 0 g4 range leader=b [b:m]\n"},
	{"ids that were handed out count, until they end", A_IS_STABLE
		"join b session=7000\n"
		"- join b 79 id=b\n"
		"heartbeat a gen=1\n"
		"- heartbeat a 0\n"
		"join a rebalance=300000 session=300000\n"
		"tick 6999\n"
		"tick 1\n"
		"- join a 0 g2 range leader=a [a:m]\n"
		"join b\n"
		"- join b 25 id=b\n"},
	{"an id that was handed out leaves", A_IS_STABLE
		"join b session=7000\n"
		"- join b 79 id=b\n"
		"join a\n"
		"leave b\n"
		"- join a 0 g2 range leader=a [a:m]\n"
		"- leave 0 b:0\n"},
	{"what an id that was handed out may not do", A_IS_STABLE
		"join b\n"
		"- join b 79 id=b\n"
		"heartbeat b gen=1\n"
		"- heartbeat b 25\n"
		"sync b gen=1\n"
		"- sync b 25\n"
		"commit b gen=1\n"
		"- commit b 25\n"
		"join b inst=i\n"
		"- join b -1 id=-\n"},
	{"a new member whose client has given up ends after five minutes", A_IS_STABLE
		"join a session=1800000 rebalance=1800000\n"
		"- join a 0 g2 range leader=a [a:m]\n"
		"sync a gen=2 assign=a:x\n"
		"- record g g2 range leader=a [a:m=x]\n"
		"- sync a 0 x\n"
		"join b v=3\n"
		"tick 299999\n"
		"tick 1\n"
		"- join b 25 id=-\n"},
	{"a leader that does not come back is followed by the oldest that is there", A_AND_B_ARE_STABLE
		"join c\n"
		"- join c 79 id=c\n"
		"join c session=60000\n"
		"join b session=60000\n"
		"tick 10000\n"
		"- join b 0 g3 range leader=b [b:m c:m]\n"
		"- join c 0 g3 range leader=b\n"},

	{"the protocol that most want, of those that all can do",
		"join a v=3 p=range:r1,rr:x1\n"
		"- record g g0  leader=- []\n"
		"join b v=3 p=rr:x2,range:r2\n"
		"join c v=3 p=only:o,rr:x3,range:r3\n"
		"tick 6000\n"
		"- join a 0 g1 rr leader=a [a:x1 b:x2 c:x3]\n"
		"- join b 0 g1 rr leader=a\n"
		"- join c 0 g1 rr leader=a\n"
		"join d v=3 p=only:o\n"
		"- join d 23 id=-\n"
		"join d v=3 type=connect p=rr:x\n"
		"- join d 23 id=-\n"
		"sync a gen=1 p=range\n"
		"- sync a 23\n"
		"sync a gen=1 type=connect p=rr\n"
		"- sync a 23\n"
		"sync a gen=2 p=rr\n"
		"- sync a 22\n"},
	{"a protocol named twice counts once",
		"join a v=3 p=range:r1,range:r2\n"
		"- record g g0  leader=- []\n"
		"tick 3000\n"
		"- join a 0 g1 range leader=a [a:r1]\n"},
	{"any protocol type will do",
		"join a v=3 type=connect p=sessioned:m\n"
		"- record g g0  leader=- []\n"
		"tick 3000\n"
		"- join a 0 g1 sessioned leader=a [a:m]\n"
		"sync a gen=1 type=connect p=sessioned assign=a:task\n"
		"- record g g1 sessioned leader=a [a:m=task]\n"
		"- sync a 0 task\n"
		"describe\n"
		"- describe 0 Stable connect sessioned [a:m=task]\n"
		"list\n"
		"- list g:connect:Stable:classic\n"},

	{"a static member that comes back takes its place, and nobody notices",
		"join a inst=i\n"
		"- record g g0  leader=- []\n"
		"join b v=3\n"
		"tick 6000\n"
		"- join a 0 g1 range leader=a [a:m b:m]\n"
		"- join b 0 g1 range leader=a\n"
		"sync b gen=1\n"
		"sync a gen=1 inst=i assign=a:x,b:y\n"
		"- record g g1 range leader=a [a:m=x b:m=y]\n"
		"- sync a 0 x\n"
		"- sync b 0 y\n"
		"join a2 inst=i v=9\n"
		"- record g g1 range leader=a2 [a2:m=x b:m=y]\n"
		"- join a2 0 g1 range leader=a2 skip [a2:m b:m]\n"
		"sync a2 gen=1 inst=i\n"
		"- sync a2 0 x\n"
		"heartbeat b gen=1\n"
		"- heartbeat b 0\n"
		"heartbeat a gen=1 inst=i\n"
		"- heartbeat a 82\n"
		"heartbeat a gen=1\n"
		"- heartbeat a 25\n"
		"sync a gen=1 inst=i\n"
		"- sync a 82\n"
		"join a inst=i\n"
		"- join a 82 id=a\n"
		"commit a gen=1 inst=i\n"
		"- commit a 82\n"
		"commit a2 gen=1 inst=j\n"
		"- commit a2 25\n"
		"leave a inst=i\n"
		"- leave 0 a:82\n"
		"join a3 inst=i v=8\n"
		"- record g g1 range leader=a3 [a3:m=x b:m=y]\n"
		"- join a3 0 g1 range leader=a2\n"
		"leave - inst=i\n"
		"- leave 0 -:0\n"
		"leave - inst=i\n"
		"- leave 0 -:25\n"
		"heartbeat b gen=1\n"
		"- heartbeat b 27\n"},
	{"a static member that comes back with another protocol makes a rebalance",
		"join a inst=i p=range:m,rr:m\n"
		"- record g g0  leader=- []\n"
		"tick 3000\n"
		"- join a 0 g1 range leader=a [a:m]\n"
		"sync a gen=1 inst=i assign=a:x\n"
		"- record g g1 range leader=a [a:m=x]\n"
		"- sync a 0 x\n"
		"join a2 inst=i p=rr:m,range:m\n"
		"- join a2 0 g2 rr leader=a2 [a2:m]\n"},
	{"a static member that comes back while the others gather, and while the leader assigns", A_IS_STABLE
		"join b inst=i\n"
		"join b2 inst=i\n"
		"- join b 82 id=b\n"
		"join a\n"
		"- join a 0 g2 range leader=a [a:m b2:m]\n"
		"- join b2 0 g2 range leader=a\n"
		"sync b2 gen=2 inst=i\n"
		"join b3 inst=i\n"
		"- sync b2 82\n"
		"join a\n"
		"- join a 0 g3 range leader=a [a:m b3:m]\n"
		"- join b3 0 g3 range leader=a\n"},
	{"static members stay when they do not come in time; alone, the group waits for them", A_IS_STABLE
		"join b inst=i session=200000 rebalance=20000\n"
		"join a rebalance=20000\n"
		"- join a 0 g2 range leader=a [a:m b:m]\n"
		"- join b 0 g2 range leader=a\n"
		"sync b gen=2 inst=i\n"
		"sync a gen=2 assign=b:y\n"
		"- record g g2 range leader=a [a:m= b:m=y]\n"
		"- sync a 0 \n"
		"- sync b 0 y\n"
		"join a rebalance=20000\n"
		"tick 19999\n"
		"tick 1\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"leave a\n"
		"- leave 0 a:0\n"
		"tick 40000\n"
		"describe\n"
		"- describe 0 PreparingRebalance consumer  [b:=]\n"
		"join b inst=i\n"
		"- join b 0 g4 range leader=b [b:m]\n"},
	{"a rebalance timeout of nothing makes nobody spin", A_IS_STABLE
		"join b inst=i rebalance=0 session=20000\n"
		"join a rebalance=-5\n"
		"- join a 0 g2 range leader=a [a:m b:m]\n"
		"- join b 0 g2 range leader=a\n"
		"sync b gen=2 inst=i\n"
		"sync a gen=2 assign=b:y\n"
		"- record g g2 range leader=a [a:m= b:m=y]\n"
		"- sync a 0 \n"
		"- sync b 0 y\n"
		"leave a\n"
		"- leave 0 a:0\n"
		"tick 0\n"
		"tick 10\n"
		"describe\n"
		"- describe 0 PreparingRebalance consumer  [b:=y]\n"
		"tick 20000\n"
		"- record g g3  leader=- []\n"},
	{"leaving, several at once", A_AND_B_ARE_STABLE
		"leave a,nobody,b v=3\n"
		"- record g g3  leader=- []\n"
		"- leave 0 a:0 ?:25 b:0\n"},
	{"leaving with a join that waits", A_AND_B_ARE_STABLE
		"join a\n"
		"leave a\n"
		"- join a 25 id=-\n"
		"- leave 0 a:0\n"
		"join b\n"
		"- join b 0 g3 range leader=b [b:m]\n"},
	{"leaving in one's first rebalance, all of them",
		"join a v=3\n"
		"- record g g0  leader=- []\n"
		"leave a\n"
		"- leave 0 ?:25\n"
		"tick 3000\n"
		"- join a 0 g1 range leader=a [a:m]\n"
		"leave a\n"
		"- record g g2  leader=- []\n"
		"- leave 0 a:0\n"
		"join b\n"
		"- join b 79 id=b\n"
		"join b\n"
		"leave b\n"
		"- join b 25 id=-\n"
		"- leave 0 b:0\n"
		"describe\n"
		"- describe 0 PreparingRebalance consumer \n"
		"tick 3000\n"
		"- record g g3  leader=- []\n"},
	{"before version 3 the error of the one is the answer's", A_IS_STABLE
		"leave a v=2\n"
		"- record g g2  leader=- []\n"
		"- leave 0 a:0\n"
		"leave a v=2\n"
		"- leave 25 a:25\n"},

	{"a client goes while it waits to join: its member counts as here, and ends with its session", A_AND_B_ARE_STABLE
		"join b p=range:other\n"
		"cancel b\n"
		"- join b 15 id=b\n"
		"tick 5000\n"
		"join a\n"
		"- join a 0 g3 range leader=a [a:m b:other]\n"
		"tick 4999\n"
		"heartbeat a gen=3\n"
		"- heartbeat a 0\n"
		"tick 1\n"
		"heartbeat a gen=3\n"
		"- heartbeat a 27\n"},
	{"who has gone does not lead", A_AND_B_ARE_STABLE
		"join a\n"
		"cancel a\n"
		"- join a 15 id=a\n"
		"join b\n"
		"- join b 0 g3 range leader=b [a:m b:m]\n"},
	{"a client goes while it waits for its assignment", A_AND_B_ARE_STABLE
		"join a\n"
		"join b\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync b gen=3\n"
		"cancel b\n"
		"- sync b 15\n"
		"sync a gen=3 assign=b:y\n"
		"- record g g3 range leader=a [a:m= b:m=y]\n"
		"- sync a 0 \n"
		"sync b gen=3\n"
		"- sync b 0 y\n"},
	{"a second join or sync of a member takes the first one's place", A_AND_B_ARE_STABLE
		"join a\n"
		"join a\n"
		"- join a 27 id=a\n"
		"join b\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync b gen=3\n"
		"sync b gen=3\n"
		"- sync b 27\n"
		"sync a gen=3 assign=b:y,b:z\n"
		"- record g g3 range leader=a [a:m= b:m=z]\n"
		"- sync a 0 \n"
		"- sync b 0 z\n"},

	{"commits of those who are no members", A_IS_STABLE
		"commit - gen=-1\n"
		"- commit - 25\n"
		"commit x gen=1\n"
		"- commit x 25\n"
		"commit a gen=0\n"
		"- commit a 22\n"
		"commit a gen=-1\n"
		"- commit a 22\n"
		"leave a\n"
		"- record g g2  leader=- []\n"
		"- leave 0 a:0\n"
		"commit - gen=-1\n"
		"- commit - 0\n"
		"commit x gen=-1\n"
		"- commit x 0\n"
		"commit a gen=1\n"
		"- commit a 25\n"
		"commit a gen=2\n"
		"- commit a 25\n"},

	{"a stable group comes back with its members, an unfinished rebalance does not", A_AND_B_ARE_STABLE
		"reload\n"
		"describe\n"
		"- describe 0 Stable consumer range [a:m=x b:m=y]\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 0\n"
		"sync b gen=2\n"
		"- sync b 0 y\n"
		"join a\n"
		"join b\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"snapshot\n"
		"- record g g2 range leader=a [a:m=x b:m=y]\n"
		"reload\n"
		"heartbeat b gen=3\n"
		"- heartbeat b 22\n"
		"heartbeat b gen=2\n"
		"- heartbeat b 0\n"
		"tick 10000\n"
		"- record g g3  leader=- []\n"},
	{"calls that wait end when the coordinator goes", A_AND_B_ARE_STABLE
		"join a\n"
		"reload\n"
		"- join a 16 id=a\n"},
	{"static members and an empty group come back",
		"join a inst=i\n"
		"- record g g0  leader=- []\n"
		"tick 3000\n"
		"- join a 0 g1 range leader=a [a:m]\n"
		"sync a inst=i gen=1 assign=a:x\n"
		"- record g g1 range leader=a [a:m=x]\n"
		"- sync a 0 x\n"
		"reload\n"
		"join a2 inst=i\n"
		"- record g g1 range leader=a2 [a2:m=x]\n"
		"- join a2 0 g1 range leader=a\n"
		"reload\n"
		"heartbeat a2 inst=i gen=1\n"
		"- heartbeat a2 0\n"
		"leave - inst=i\n"
		"- record g g2  leader=- []\n"
		"- leave 0 -:0\n"
		"reload\n"
		"describe\n"
		"- describe 0 Empty consumer \n"},
	{"deleting", A_IS_STABLE
		"delete\n"
		"- delete 68\n"
		"leave a\n"
		"- record g g2  leader=- []\n"
		"- leave 0 a:0\n"
		"join a id=-\n"
		"- join a 79 id=a\n"
		"delete\n"
		"- record g tombstone\n"
		"- delete 0\n"
		"delete\n"
		"- delete 69\n"
		"reload\n"
		"list\n"
		"- list\n"},
	{"listing", A_IS_STABLE
		"join b group=h v=3 type=connect\n"
		"- record h g0  leader=- []\n"
		"list\n"
		"- list g:consumer:Stable:classic h:connect:PreparingRebalance:classic\n"
		"list states=stable\n"
		"- list g:consumer:Stable:classic\n"
		"list states=STABLE,preparingrebalance types=Classic\n"
		"- list g:consumer:Stable:classic h:connect:PreparingRebalance:classic\n"
		"list types=consumer\n"
		"- list\n"
		"list types=nonsense\n"
		"- list\n"
		"list states=dead\n"
		"- list\n"},
};

/* Each script. */
Test(classic, scripts)
{
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct script *s = malloc(sizeof *s);
		script_begin(s, scripts[i].title);
		script_run(s, scripts[i].text);
		script_end(s);
		free(s);
	}
}

/* group.max.size: new members are refused; when it was lowered, the last to come again are put out. */
Test(classic, the_most_members)
{
	struct script s;
	script_begin(&s, "the most members");
	s.config.group_size_max = s.coordinator->config.group_size_max = 2;
	script_run(&s, A_AND_B_ARE_STABLE
		"join c\n"
		"- join c 81 id=-\n"
		"join b\n"
		"- join b 0 g2 range leader=a\n");
	s.config.group_size_max = 1;
	script_run(&s,
		"reload\n"
		"heartbeat a gen=2\n"
		"- heartbeat a 27\n"
		"join b\n"
		"join a\n"
		"- join b 0 g3 range leader=b [b:m]\n"
		"- join a 81 id=-\n");
	script_end(&s);
}

/* The initial delay may be nothing. */
Test(classic, no_initial_delay)
{
	struct script s;
	script_begin(&s, "no initial delay");
	s.coordinator->config.initial_rebalance_delay_ms = 0;
	script_run(&s,
		"join a v=3\n"
		"- record g g0  leader=- []\n"
		"tick 1\n"
		"- join a 0 g1 range leader=a [a:m]\n");
	script_end(&s);
}

/* When memory is used up, new groups and members are refused, and those that are there go on. */
Test(classic, memory_is_bounded)
{
	struct script s;
	script_begin(&s, "memory is bounded");
	script_run(&s, A_IS_STABLE);
	s.coordinator->config.memory_bytes_max = s.coordinator->memory_bytes + 10;
	script_run(&s,
		"join b\n"
		"- join b 81 id=-\n"
		"join b v=3\n"
		"- join b 81 id=-\n"
		"join b group=h\n"
		"- join b 81 id=-\n"
		"heartbeat a gen=1\n"
		"- heartbeat a 0\n"
		"join a\n"
		"- join a 0 g2 range leader=a [a:m]\n"
		"sync a gen=2 assign=a:this-is-more-than-the-ten-bytes-that-are-left\n"
		"- sync a -1\n"
		"join a\n"
		"- join a 0 g3 range leader=a [a:m]\n"
		"sync a gen=3 assign=a:x\n"
		"- record g g3 range leader=a [a:m=x]\n"
		"- sync a 0 x\n"
		"leave a\n"
		"- record g g4  leader=- []\n"
		"- leave 0 a:0\n"
		"delete\n"
		"- record g tombstone\n"
		"- delete 0\n");
	cr_assert_eq(s.coordinator->memory_bytes, 0);
	script_end(&s);
}

/* An operator is told of a rebalance that took long: how long, why it began, for whom all waited, who was put out. */
Test(classic, long_rebalances_are_told)
{
	struct script s;
	script_begin(&s, "long rebalances are told");
	s.keeps_notes = true;
	script_run(&s, A_AND_B_ARE_STABLE);
	cr_assert_str_eq(s.notes, "");
	script_run(&s,
		"join a\n"
		"tick 9000\n"
		"join b rebalance=4000 session=100000\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"tick 8000\n"
		"sync a gen=3\n"
		"- record g g3 range leader=a [a:m= b:m=]\n"
		"- sync a 0 \n"
		"join a rebalance=4000\n"
		"tick 4000\n"
		"- join a 0 g4 range leader=a [a:m]\n"
		"join b\n"
		"- join b 25 id=b\n"
		"sync a gen=4\n"
		"- record g g4 range leader=a [a:m=]\n"
		"- sync a 0 \n"
		"tick 10000\n"
		"- record g g5  leader=- []\n");
	script_run(&s, "join a id=-\n- join a 79 id=a\n" "join a v=3\n" "join b id=- v=3\n" "tick 6000\n"
		"- join a 0 g6 range leader=a [a:m b:m]\n"
		"- join b 0 g6 range leader=a\n"
		"sync b gen=6\n"
		"sync a gen=6\n"
		"- record g g6 range leader=a [a:m= b:m=]\n"
		"- sync a 0 \n"
		"- sync b 0 \n"
		"tick 1000\n"
		"join a\n"
		"tick 9000\n"
		"- join a 0 g7 range leader=a [a:m]\n");
	const char *told[] = {
		"group g: gathering generation 3 took 9.0 s (2 members); it began because member c-", "leads and joined again, reason: not given; the last to join was c-",
		"group g: the leader c-", "took 8.0 s to assign generation 3 (2 members)", "1 did not come and were put out: c-",
		"group g: nothing was heard of member c-", "(/127.0.0.1) for 10.0 s: it is put out, and a rebalance begins",
		"gathering generation 7 took 9.0 s (1 members)", "after 0.0 s; the sessions of 1 ended meanwhile, the last of them c-",
	};
	for (size_t i = 0; i < COUNT_OF(told); i++)
		cr_assert(strstr(s.notes, told[i]), "no '%s' in\n%s", told[i], s.notes);
	cr_assert(!strstr(s.notes, "generation 6"), "the initial delay, 6 s because members came, is meant:\n%s", s.notes);
	script_end(&s);
}

static uint32_t lines_with(const char *text, const char *part)
{
	uint32_t count = 0;
	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

/* And while it lasts: for whom all wait, after 10 s, 20 s, 40 s. A group that is at rest sets no timer for that. */
Test(classic, rebalances_are_told_while_they_last)
{
	struct script s;
	script_begin(&s, "rebalances are told while they last");
	script_run(&s, A_AND_B_ARE_STABLE);
	s.keeps_notes = true;
	script_run(&s,
		"join a rebalance=200000 session=300000\n"
		"join b rebalance=200000 session=300000\n"
		"- join a 0 g3 range leader=a [a:m b:m]\n"
		"- join b 0 g3 range leader=a\n"
		"sync a gen=3\n"
		"- record g g3 range leader=a [a:m= b:m=]\n"
		"- sync a 0 \n"
		"sync b gen=3\n"
		"- sync b 0 \n"
		"tick 100000\n");
	cr_assert_str_eq(s.notes, "");
	cr_assert_geq(coordinator_deadline(s.coordinator), s.clock.now_ns + UINT64_C(199000000000), "only the sessions are waited for");
	script_run(&s, "join a rebalance=200000 session=300000\n" "tick 9000\n");
	cr_assert_str_eq(s.notes, "");
	script_run(&s, "tick 1000\n");
	const char *gathering = "group g: gathering generation 4 goes on since 10 s: 1 of 2 members have joined, it waits for c-";
	cr_assert(strstr(s.notes, gathering), "%s", s.notes);
	cr_assert(strstr(s.notes, "(/127.0.0.1); it began because member c-"), "%s", s.notes);
	for (int i = 0; i < 35; i++)
		script_run(&s, "tick 1000\n");
	cr_assert_eq(lines_with(s.notes, "generation 4 goes on"), 3, "after 10, 20 and 40 s:\n%s", s.notes);
	script_run(&s,
		"join b rebalance=200000 session=300000\n"
		"- join a 0 g4 range leader=a [a:m b:m]\n"
		"- join b 0 g4 range leader=a\n"
		"tick 10000\n");
	cr_assert(strstr(s.notes, "group g: generation 4 (2 members) waits since 10 s for its leader c-"), "%s", s.notes);
	script_run(&s,
		"sync a gen=4\n"
		"- record g g4 range leader=a [a:m= b:m=]\n"
		"- sync a 0 \n"
		"tick 10000\n");
	cr_assert(strstr(s.notes, "group g: 1 of 2 members have not fetched their assignment in generation 4 since 20 s, nobody reads for them: c-"), "%s", s.notes);
	script_run(&s, "sync b gen=4\n" "- sync b 0 \n");
	uint32_t lines = lines_with(s.notes, "\n");
	script_run(&s, "tick 100000\n");
	cr_assert_eq(lines_with(s.notes, "\n"), lines, "%s", s.notes);
	script_end(&s);
}
