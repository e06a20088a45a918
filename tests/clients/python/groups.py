#!/usr/bin/python3
"""Python's clients in consumer groups: groups.py confluent|kafka HOST:PORT PREFIX

confluent is confluent-kafka-python 1.7 over librdkafka 2.0, kafka is kafka-python 2.0.2, both Debian's. Each case prints
"ok    name" or "FAIL  name: why"; the status is 1 if any failed."""
import sys
import threading
import time

client, broker, prefix = sys.argv[1:4]
PARTITIONS = 4
topic, group = prefix, prefix + '-group'
failed = 0


def test(name):
    def run(body):
        global failed
        try:
            body()
            print(f'ok    {client}: {name}', flush=True)
        except Exception as e:
            failed += 1
            print(f'FAIL  {client}: {name}: {type(e).__name__}: {e}'.replace('\n', ' ')[:400], flush=True)
    return run


def until(what, holds, seconds=40):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(0.02)


if client == 'confluent':
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({'bootstrap.servers': broker})

    def create(name):
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result()

    def produce(count):
        producer = Producer({'bootstrap.servers': broker})
        for i in range(count):
            producer.produce(topic, b'v%d' % i, partition=i % PARTITIONS)
        assert producer.flush(20) == 0

    class Member:
        """Polls in a thread of its own until it is closed; keeps what it has and what it has seen."""
        def __init__(self, **settings):
            self.consumer = Consumer({'bootstrap.servers': broker, 'group.id': group, 'auto.offset.reset': 'earliest', 'enable.auto.commit': False,
                                      'session.timeout.ms': 6000, 'heartbeat.interval.ms': 300,
                                      **{k.replace('_', '.'): v for k, v in settings.items()}})
            self.seen, self.assigned, self.commits, self.stopping = [], set(), False, False
            self.consumer.subscribe([topic], on_assign=self.on_assign, on_revoke=self.on_revoke)
            self.thread = threading.Thread(target=self.poll)
            self.thread.start()

        def on_assign(self, consumer, partitions):
            self.assigned |= {p.partition for p in partitions}

        def on_revoke(self, consumer, partitions):
            self.assigned -= {p.partition for p in partitions}

        def poll(self):
            while not self.stopping:
                m = self.consumer.poll(0.1)
                if m is not None and not m.error():
                    self.seen.append((m.partition(), m.offset()))
                    if self.commits:
                        self.consumer.commit(m, asynchronous=False)

        def committed(self):
            return {p.partition: p.offset for p in self.consumer.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], 10)}

        def close(self):
            self.stopping = True
            self.thread.join()
            self.consumer.close()

    def listed():
        return {g.id: g for g in admin.list_groups(timeout=10)}
else:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=broker)

    def create(name):
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])

    def produce(count):
        producer = KafkaProducer(bootstrap_servers=broker)
        for f in [producer.send(topic, b'v%d' % i, partition=i % PARTITIONS) for i in range(count)]:
            f.get(20)
        producer.close()

    class Member:
        """Polls in a thread of its own until it is closed; keeps what it has and what it has seen."""
        def __init__(self, **settings):
            self.consumer = KafkaConsumer(topic, bootstrap_servers=broker, group_id=group, auto_offset_reset='earliest', enable_auto_commit=False,
                                          session_timeout_ms=6000, heartbeat_interval_ms=300, **settings)
            self.seen, self.assigned, self.commits, self.stopping = [], set(), False, False
            self.thread = threading.Thread(target=self.poll)
            self.thread.start()

        def poll(self):
            while not self.stopping:
                for records in self.consumer.poll(100).values():
                    self.seen += [(r.partition, r.offset) for r in records]
                    if self.commits:
                        self.consumer.commit()
                self.assigned = {p.partition for p in self.consumer.assignment()}
            self.last = {p: self.consumer.committed(TopicPartition(topic, p)) for p in range(PARTITIONS)}
            self.consumer.close()

        def committed(self):
            self.close()
            return self.last

        def close(self):
            self.stopping = True
            self.thread.join()

    def listed():
        return dict(admin.list_consumer_groups())

everything = set(range(PARTITIONS))


def shared(*members):
    return all(m.assigned for m in members) and sorted(p for m in members for p in m.assigned) == sorted(everything)


@test('two members share four partitions, leave and join')
def _():
    create(topic)
    produce(400)
    a, b = Member(), Member()
    a.commits = b.commits = True
    until('both share', lambda: shared(a, b))
    until('400 records', lambda: len(set(a.seen + b.seen)) == 400)
    b.close()
    until('the other takes over', lambda: shared(a))
    produce(40)
    until('40 more', lambda: len(set(a.seen + b.seen)) == 440)
    c = Member()
    until('a later member has its share', lambda: shared(a, c))
    a.close()
    c.close()


@test('the next member resumes where the group had committed')
def _():
    produce(4)
    d = Member()
    until('four records', lambda: len(d.seen) >= 4)
    assert sorted(d.seen) == [(p, 110) for p in range(PARTITIONS)], d.seen
    try:
        committed = d.committed()
        assert committed == {p: 110 for p in range(PARTITIONS)}, committed
    finally:
        d.close()


@test('the group is listed')
def _():
    assert group in listed(), listed()


if client == 'kafka':
    @test('admin: describe a group, list its offsets')
    def _():
        described = admin.describe_consumer_groups([group])[0]
        assert (described.group, described.state, described.members) == (group, 'Empty', []), described
        offsets = admin.list_consumer_group_offsets(group)
        assert {p.partition: o.offset for p, o in offsets.items()} == {p: 110 for p in range(PARTITIONS)}, offsets
        member = Member()
        until('a member', lambda: shared(member))
        described = admin.describe_consumer_groups([group])[0]
        assert described.state == 'Stable' and described.protocol == 'range' and len(described.members) == 1, described
        assert described.members[0].client_host in ('/127.0.0.1', '127.0.0.1'), described
        member.close()

    @test('admin: delete a group')
    def _():
        assert [(g, e.errno) for g, e in admin.delete_consumer_groups([group])] == [(group, 0)]
        assert group not in listed()
else:
    @test('static members')
    def _():
        global group
        group = prefix + '-static'
        a, b = Member(group_instance_id='a'), Member(group_instance_id='b')
        until('both share', lambda: shared(a, b))
        a.close()
        again = Member(group_instance_id='a')
        until('both share again', lambda: shared(again, b))
        again.close()
        b.close()

sys.exit(1 if failed else 0)
