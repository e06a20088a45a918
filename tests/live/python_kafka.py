# python3-kafka 2.0.2 against HOST:PORT, topics under PREFIX: an old client, that finds out the broker's version by
# a Metadata v0 request sent right behind its ApiVersions, and fetches with version 4 alone.
# Each case prints "ok    name" or "FAIL  name: why".
import sys
import time
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

broker, prefix = sys.argv[1:3]
failed = 0


def case(name):
    def run(body):
        global failed
        try:
            body()
            print("ok    python: " + name, flush=True)
        except Exception as e:
            failed += 1
            print("FAIL  python: %s: %s %s" % (name, type(e).__name__, e), flush=True)
    return run


def same(wanted, got):
    assert wanted == got, "expected %r, got %r" % (wanted, got)


def topic(name):
    return prefix + "-" + name


def read(name, offset, count):
    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, consumer_timeout_ms=10000)
    partition = TopicPartition(topic(name), 0)
    consumer.assign([partition])
    consumer.seek(partition, offset)
    records = []
    for record in consumer:
        records.append(record)
        if len(records) == count:
            break
    consumer.close()
    same(count, len(records))
    return records


@case("create topics, twice")
def _():
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.create_topics([NewTopic(topic("admin"), 2, 1, topic_configs={"retention.ms": "1000000000"})])
    try:
        admin.create_topics([NewTopic(topic("admin"), 2, 1)])
        raise AssertionError("made twice")
    except TopicAlreadyExistsError:
        pass
    admin.create_partitions({topic("admin"): NewPartitions(4)})
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic("admin"), {"retention.ms": None})])
    same("1000000000", answer[0].resources[0][4][0][1])
    admin.delete_topics([topic("admin")])
    admin.close()


for codec in (None, "gzip"):
    @case("produce and consume 1000 records, %s" % (codec or "none"))
    def _():
        name = "codec-%s" % codec
        producer = KafkaProducer(bootstrap_servers=broker, acks="all", compression_type=codec, linger_ms=5)
        sent = [producer.send(topic(name), b"value %d" % i, b"k%d" % i, partition=0) for i in range(1000)]
        producer.flush(20)
        same(list(range(1000)), [future.get(10).offset for future in sent])
        producer.close()
        records = read(name, 0, 1000)
        same([(b"k%d" % i, b"value %d" % i) for i in range(1000)], [(r.key, r.value) for r in records])
        same(500, read(name, 500, 1)[0].offset)


@case("headers, null key, null value, timestamps")
def _():
    producer = KafkaProducer(bootstrap_servers=broker, acks=1)
    producer.send(topic("shapes"), b"v", b"k", headers=[("one", b"1"), ("two", b"")], timestamp_ms=1700000000123).get(10)
    producer.send(topic("shapes"), None, b"tombstone").get(10)
    producer.send(topic("shapes"), b"no key").get(10)
    producer.close()
    records = read("shapes", 0, 3)
    same([("one", b"1"), ("two", b"")], list(records[0].headers))
    same(1700000000123, records[0].timestamp)
    same([b"v", None, b"no key"], [r.value for r in records])
    same([b"k", b"tombstone", None], [r.key for r in records])


@case("beginning and end offsets, offsets for times, seek to end")
def _():
    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    partition = TopicPartition(topic("codec-None"), 0)
    same({partition: 0}, consumer.beginning_offsets([partition]))
    same({partition: 1000}, consumer.end_offsets([partition]))
    same(0, consumer.offsets_for_times({partition: 1000})[partition].offset)
    same(None, consumer.offsets_for_times({partition: int(time.time() * 1000) + 3600000})[partition])
    consumer.assign([partition])
    consumer.seek_to_end()
    same(1000, consumer.position(partition))
    assert topic("codec-None") in consumer.topics()
    consumer.close()


@case("a group: join, commit, go on from there, list, describe, offsets")
def _():
    name, group = topic("codec-None"), topic("group")

    def member():
        return KafkaConsumer(name, bootstrap_servers=broker, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, consumer_timeout_ms=5000)

    partition = TopicPartition(name, 0)
    consumer = member()
    for _, record in zip(range(400), consumer):
        last = record.offset
    same(399, last)
    consumer.commit({partition: OffsetAndMetadata(400, "so far")})
    same(400, consumer.committed(partition))
    consumer.close()
    consumer = member()
    same(400, next(iter(consumer)).offset)
    admin = KafkaAdminClient(bootstrap_servers=broker)
    same([(group, "consumer")], [one for one in admin.list_consumer_groups() if one[0] == group])
    described = admin.describe_consumer_groups([group])[0]
    same(("Stable", "consumer", 1), (described.state, described.protocol_type, len(described.members)))
    same({partition: OffsetAndMetadata(400, "so far")}, admin.list_consumer_group_offsets(group))
    consumer.close()
    admin.close()


sys.exit(1 if failed else 0)
