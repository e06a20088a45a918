/*
 * Kafka's own Java client against the broker named by the first argument: producer, assigned consumer, admin.
 * Each case prints "ok    name" or "FAIL  name: why"; the status is 1 if any failed. The second argument is a
 * prefix for topic names. JavaGroups.java has the consumer groups.
 */
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class JavaClient {
    static String broker, prefix;
    static Admin admin;
    static int failed;

    interface Body { void run() throws Exception; }

    static void test(String name, Body body) {
        try {
            body.run();
            System.out.println("ok    java: " + name);
        } catch (Throwable e) {
            Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
            failed++;
            System.out.println("FAIL  java: " + name + ": " + String.valueOf(cause).replace('\n', ' '));
        }
    }

    static void same(Object wanted, Object got) {
        if (!java.util.Objects.equals(wanted, got)) throw new AssertionError("expected " + wanted + ", got " + got);
    }

    static void check(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    static void refused(Class<? extends Throwable> wanted, KafkaFuture<?> future) throws Exception {
        try {
            future.get(20, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            check(wanted.isInstance(e.getCause()), "expected " + wanted.getSimpleName() + ", got " + e.getCause());
            return;
        }
        throw new AssertionError("expected " + wanted.getSimpleName() + ", got success");
    }

    static <T> T get(KafkaFuture<T> future) throws Exception { return future.get(20, TimeUnit.SECONDS); }

    /** Tries again for five seconds: Kafka's own broker learns of a change from its controller a moment later. */
    static void eventually(Body body) throws Exception {
        for (long deadline = System.currentTimeMillis() + 5000; ; Thread.sleep(50)) {
            try {
                body.run();
                return;
            } catch (Exception | AssertionError e) {
                if (System.currentTimeMillis() > deadline) throw e;
            }
        }
    }

    static String topic(String name) { return prefix + "-" + name; }

    static void create(String topic, int partitions) throws Exception {
        get(admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all());
        eventually(() -> same(partitions, partitions(topic)));
    }

    static Map<String, Object> settings(Object... pairs) {
        Map<String, Object> map = new java.util.HashMap<>();
        map.put("bootstrap.servers", broker);
        map.put("request.timeout.ms", 15000);
        for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
        return map;
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        Map<String, Object> map = settings(pairs);
        map.putIfAbsent("delivery.timeout.ms", 20000);
        map.putIfAbsent("max.block.ms", 15000);
        return new KafkaProducer<>(map, new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... pairs) {
        Map<String, Object> map = settings(pairs);
        map.putIfAbsent("auto.offset.reset", "none");
        map.put("enable.auto.commit", false);
        map.put("default.api.timeout.ms", 15000);
        return new KafkaConsumer<>(map, new StringDeserializer(), new StringDeserializer());
    }

    static List<ConsumerRecord<String, String>> read(Consumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.currentTimeMillis() + 15000;
        while (records.size() < count && System.currentTimeMillis() < deadline)
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        same(count, records.size());
        return records;
    }

    static void sendNumbers(Producer<String, String> producer, String topic, int count) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < count; i++) sent.add(producer.send(new ProducerRecord<>(topic, 0, "k" + i, "value " + i)));
        for (int i = 0; i < count; i++) same((long) i, sent.get(i).get(20, TimeUnit.SECONDS).offset());
    }

    // ---- producer and consumer ----------------------------------------------------------------------

    static void producing() {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd"))
            test("the default producer, which is idempotent, with " + codec + ": 2000 records there and back", () -> {
                String topic = topic("codec-" + codec);
                create(topic, 1);
                try (var producer = producer("compression.type", codec, "linger.ms", 5)) {
                    sendNumbers(producer, topic, 2000);
                }
                try (var consumer = consumer()) {
                    consumer.assign(List.of(new TopicPartition(topic, 0)));
                    consumer.seekToBeginning(consumer.assignment());
                    var records = read(consumer, 2000);
                    for (int i = 0; i < 2000; i++) {
                        same((long) i, records.get(i).offset());
                        same("k" + i, records.get(i).key());
                        same("value " + i, records.get(i).value());
                    }
                }
            });
        for (String acks : List.of("0", "1", "all"))
            test("acks=" + acks + " without idempotence", () -> {
                String topic = topic("acks-" + acks);
                create(topic, 1);
                try (var producer = producer("acks", acks, "enable.idempotence", false)) {
                    producer.send(new ProducerRecord<>(topic, 0, "k", acks)).get(20, TimeUnit.SECONDS);
                }
                try (var consumer = consumer()) {
                    consumer.assign(List.of(new TopicPartition(topic, 0)));
                    consumer.seek(new TopicPartition(topic, 0), 0);
                    same(acks, read(consumer, 1).get(0).value());
                }
            });
        test("headers, null key, null value, empty value, and a timestamp of one's own", () -> {
            String topic = topic("shapes");
            create(topic, 1);
            try (var producer = producer()) {
                var record = new ProducerRecord<String, String>(topic, 0, 1700000000123L, "k", "v");
                record.headers().add("one", "1".getBytes(StandardCharsets.UTF_8)).add("one", "2".getBytes(StandardCharsets.UTF_8))
                    .add("none", null).add("empty", new byte[0]);
                producer.send(record).get();
                producer.send(new ProducerRecord<>(topic, 0, null, "no key")).get();
                producer.send(new ProducerRecord<>(topic, 0, "tombstone", null)).get();
                producer.send(new ProducerRecord<>(topic, 0, "", "")).get();
            }
            try (var consumer = consumer()) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                consumer.seek(new TopicPartition(topic, 0), 0);
                var records = read(consumer, 4);
                same(1700000000123L, records.get(0).timestamp());
                var headers = records.get(0).headers().toArray();
                same(4, headers.length);
                same("1", new String(headers[0].value(), StandardCharsets.UTF_8));
                same("2", new String(headers[1].value(), StandardCharsets.UTF_8));
                same(null, headers[2].value());
                same(0, headers[3].value().length);
                same(null, records.get(1).key());
                same(null, records.get(2).value());
                same("", records.get(3).value());
                same("", records.get(3).key());
                check(records.get(0).leaderEpoch().isPresent(), "no leader epoch");
            }
        });
        test("a topic that is not there is created by the first record", () -> {
            try (var producer = producer()) {
                same(0L, producer.send(new ProducerRecord<>(topic("auto"), "k", "v")).get(20, TimeUnit.SECONDS).offset());
            }
        });
        test("a record over max.message.bytes: RecordTooLargeException", () -> {
            create(topic("large"), 1);
            try (var producer = producer("max.request.size", 5000000)) {
                producer.send(new ProducerRecord<>(topic("large"), 0, "k", "x".repeat(1000000))).get(20, TimeUnit.SECONDS);
                try {
                    producer.send(new ProducerRecord<>(topic("large"), 0, "k", "x".repeat(2000000))).get(20, TimeUnit.SECONDS);
                    throw new AssertionError("it was taken");
                } catch (ExecutionException e) {
                    check(e.getCause() instanceof RecordTooLargeException, "got " + e.getCause());
                }
            }
        });
        test("a null key to a compacted topic: InvalidRecordException, and the producer goes on", () -> {
            get(admin.createTopics(List.of(new NewTopic(topic("compact"), 1, (short) 1).configs(Map.of("cleanup.policy", "compact")))).all());
            try (var producer = producer()) {
                try {
                    producer.send(new ProducerRecord<>(topic("compact"), 0, null, "v")).get(20, TimeUnit.SECONDS);
                    throw new AssertionError("it was taken");
                } catch (ExecutionException e) {
                    check(e.getCause() instanceof InvalidRecordException, "got " + e.getCause());
                }
                producer.send(new ProducerRecord<>(topic("compact"), 0, "k", "v")).get(20, TimeUnit.SECONDS);
            }
        });
        test("three producers at once on five partitions: 6000 records, each partition in order", () -> {
            String topic = topic("many");
            create(topic, 5);
            List<Thread> threads = new ArrayList<>();
            List<Throwable> errors = java.util.Collections.synchronizedList(new ArrayList<>());
            for (int t = 0; t < 3; t++) {
                int me = t;
                threads.add(new Thread(() -> {
                    try (var producer = producer("linger.ms", 1)) {
                        for (int i = 0; i < 2000; i++)
                            producer.send(new ProducerRecord<>(topic, i % 5, "p" + me, "" + i), (m, e) -> { if (e != null) errors.add(e); });
                    } catch (Throwable e) { errors.add(e); }
                }));
            }
            for (Thread thread : threads) thread.start();
            for (Thread thread : threads) thread.join();
            check(errors.isEmpty(), "errors: " + errors);
            try (var consumer = consumer()) {
                List<TopicPartition> all = new ArrayList<>();
                for (int p = 0; p < 5; p++) all.add(new TopicPartition(topic, p));
                consumer.assign(all);
                consumer.seekToBeginning(all);
                Map<String, Integer> last = new java.util.HashMap<>();
                for (var record : read(consumer, 6000)) {
                    int n = Integer.parseInt(record.value());
                    Integer before = last.put(record.key() + "/" + record.partition(), n);
                    check(before == null || before == n - 5, record.key() + " went from " + before + " to " + n);
                }
            }
        });
    }

    static void consuming() {
        String topic = topic("consume");
        TopicPartition partition = new TopicPartition(topic, 0);
        test("the records to consume", () -> {
            create(topic, 2);
            get(admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic),
                List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "-1"), AlterConfigOp.OpType.SET)))).all());
            try (var producer = producer()) {
                for (int i = 0; i < 100; i++)
                    producer.send(new ProducerRecord<>(topic, 0, 1600000000000L + i * 1000, "k" + i, "value " + i));
            }
        });
        for (String isolation : List.of("read_uncommitted", "read_committed"))
            test("beginning, end, offset, seek; " + isolation, () -> {
                try (var consumer = consumer("isolation.level", isolation)) {
                    consumer.assign(List.of(partition));
                    consumer.seekToBeginning(List.of(partition));
                    same(0L, read(consumer, 100).get(0).offset());
                    consumer.seek(partition, 42);
                    same("value 42", read(consumer, 58).get(0).value());
                    consumer.seekToEnd(List.of(partition));
                    same(100L, consumer.position(partition));
                    same(0, consumer.poll(Duration.ofMillis(300)).count());
                    same(Map.of(partition, 100L), consumer.endOffsets(List.of(partition)));
                    same(Map.of(partition, 0L), consumer.beginningOffsets(List.of(partition)));
                }
            });
        test("offsetsForTimes: exact, between, before, after", () -> {
            try (var consumer = consumer()) {
                long[][] rows = { { 1600000050000L, 50 }, { 1600000050001L, 51 }, { 1L, 0 }, { 1600000099000L, 99 } };
                for (long[] row : rows) {
                    OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, row[0])).get(partition);
                    same(row[1], found.offset());
                    same(1600000000000L + row[1] * 1000, found.timestamp());
                    check(found.leaderEpoch().isPresent(), "no leader epoch");
                }
                same(null, consumer.offsetsForTimes(Map.of(partition, 1600000099001L)).get(partition));
            }
        });
        test("an offset behind the end, without a reset policy: OffsetOutOfRangeException", () -> {
            try (var consumer = consumer()) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 1000);
                try {
                    for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(100));
                    throw new AssertionError("no exception");
                } catch (org.apache.kafka.clients.consumer.OffsetOutOfRangeException e) {
                    same(Set.of(partition), e.partitions());
                }
            }
        });
        test("max.poll.records, small fetches, pause and resume", () -> {
            try (var consumer = consumer("max.poll.records", 7, "max.partition.fetch.bytes", 100, "fetch.max.bytes", 100)) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 0);
                var records = read(consumer, 100);
                for (int i = 0; i < 100; i++) same((long) i, records.get(i).offset());
                consumer.seek(partition, 90);
                consumer.pause(List.of(partition));
                same(0, consumer.poll(Duration.ofMillis(200)).count());
                consumer.resume(List.of(partition));
                read(consumer, 10);
            }
        });
        test("a waiting consumer gets a new record within a second", () -> {
            try (var consumer = consumer(); var producer = producer()) {
                TopicPartition other = new TopicPartition(topic, 1);
                consumer.assign(List.of(partition, other));
                consumer.seekToEnd(List.of(partition, other));
                consumer.poll(Duration.ofMillis(300));
                producer.send(new ProducerRecord<>(topic, 1, "k", "warm")).get();
                read(consumer, 1);
                producer.send(new ProducerRecord<>(topic, 1, "k", "now")).get();
                long begin = System.nanoTime();
                same("now", read(consumer, 1).get(0).value());
                check(System.nanoTime() - begin < 1_000_000_000L, "it took longer");
            }
        });
        test("a fetch session of 30 partitions, with records for a few at a time", () -> {
            create(topic("session"), 30);
            try (var consumer = consumer(); var producer = producer()) {
                List<TopicPartition> all = new ArrayList<>();
                for (int p = 0; p < 30; p++) all.add(new TopicPartition(topic("session"), p));
                consumer.assign(all);
                consumer.seekToBeginning(all);
                for (int round = 0; round < 5; round++) {
                    for (int p = round; p < 30; p += 7) producer.send(new ProducerRecord<>(topic("session"), p, "k", "r" + round));
                    producer.flush();
                    int wanted = (30 - round + 6) / 7;
                    for (var record : read(consumer, wanted)) same("r" + round, record.value());
                }
                consumer.assign(all.subList(0, 3));
                producer.send(new ProducerRecord<>(topic("session"), 20, "k", "unseen")).get();
                producer.send(new ProducerRecord<>(topic("session"), 1, "k", "seen")).get();
                consumer.seekToEnd(all.subList(0, 1));
                for (var record : read(consumer, 1)) same("seen", record.value());
            }
        });
        test("partitionsFor and listTopics", () -> {
            try (var consumer = consumer()) {
                same(2, consumer.partitionsFor(topic).size());
                check(consumer.listTopics().containsKey(topic), "not listed");
            }
        });
    }

    // ---- admin --------------------------------------------------------------------------------------

    static String config(ConfigResource resource, String key) throws Exception {
        ConfigEntry entry = get(admin.describeConfigs(List.of(resource)).all()).get(resource).get(key);
        return entry == null ? null : entry.value();
    }

    static int partitions(String topic) throws Exception {
        return get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size();
    }

    static void topics() {
        test("create with configs: the result tells id, partitions and configs", () -> {
            var result = admin.createTopics(List.of(new NewTopic(topic("made"), Optional.of(3), Optional.empty())
                .configs(Map.of("retention.ms", "5000000"))));
            same(3, get(result.numPartitions(topic("made"))));
            same(1, get(result.replicationFactor(topic("made"))));
            same("5000000", get(result.config(topic("made"))).get("retention.ms").value());
            check(!get(result.topicId(topic("made"))).equals(Uuid.ZERO_UUID), "no topic id");
        });
        test("describe by name and by id", () -> {
            eventually(() -> same(3, partitions(topic("made"))));
            TopicDescription byName = get(admin.describeTopics(List.of(topic("made"))).allTopicNames()).get(topic("made"));
            same(3, byName.partitions().size());
            for (TopicPartitionInfo info : byName.partitions()) {
                same(1, info.replicas().size());
                same(1, info.isr().size());
                check(info.leader() != null && info.leader().port() > 0, "no leader");
            }
            check(!byName.isInternal(), "internal");
            var ids = TopicCollection.ofTopicIds(List.of(byName.topicId()));
            same(topic("made"), get(admin.describeTopics(ids).allTopicIds()).get(byName.topicId()).name());
        });
        test("describe of many topics, in pages", () -> {
            List<NewTopic> many = new ArrayList<>();
            for (int i = 0; i < 12; i++) many.add(new NewTopic(topic("page" + i), 4, (short) 1));
            get(admin.createTopics(many).all());
            for (NewTopic each : many) eventually(() -> same(4, partitions(each.name())));
            List<String> names = many.stream().map(NewTopic::name).toList();
            var found = get(admin.describeTopics(names, new DescribeTopicsOptions().partitionSizeLimitPerResponse(5)).allTopicNames());
            same(12, found.size());
            for (var description : found.values()) same(4, description.partitions().size());
            get(admin.deleteTopics(names).all());
        });
        test("list", () -> check(get(admin.listTopics().names()).contains(topic("made")), "not listed"));
        test("refusals of create", () -> {
            refused(TopicExistsException.class, admin.createTopics(List.of(new NewTopic(topic("made"), 1, (short) 1))).all());
            refused(InvalidReplicationFactorException.class, admin.createTopics(List.of(new NewTopic(topic("rf"), 1, (short) 3))).all());
            refused(InvalidTopicException.class, admin.createTopics(List.of(new NewTopic("no/slash", 1, (short) 1))).all());
            refused(InvalidPartitionsException.class, admin.createTopics(List.of(new NewTopic(topic("zero"), 0, (short) 1))).all());
            refused(InvalidConfigurationException.class,
                admin.createTopics(List.of(new NewTopic(topic("c"), 1, (short) 1).configs(Map.of("nonsense", "1")))).all());
            refused(InvalidConfigurationException.class,
                admin.createTopics(List.of(new NewTopic(topic("c"), 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all());
        });
        test("replicas assigned by hand", () -> {
            int node = get(admin.describeCluster().nodes()).iterator().next().id();
            get(admin.createTopics(List.of(new NewTopic(topic("assigned"), Map.of(0, List.of(node), 1, List.of(node))))).all());
            eventually(() -> same(2, partitions(topic("assigned"))));
        });
        test("validateOnly makes nothing", () -> {
            get(admin.createTopics(List.of(new NewTopic(topic("virtual"), 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all());
            refused(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(topic("virtual"))).allTopicNames());
        });
        test("createPartitions", () -> {
            get(admin.createPartitions(Map.of(topic("made"), NewPartitions.increaseTo(5))).all());
            eventually(() -> same(5, partitions(topic("made"))));
            refused(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic("made"), NewPartitions.increaseTo(2))).all());
            refused(UnknownTopicOrPartitionException.class, admin.createPartitions(Map.of(topic("gone"), NewPartitions.increaseTo(2))).all());
        });
        test("delete by name and by id, and a topic made anew has a new id", () -> {
            Uuid first = get(admin.describeTopics(List.of(topic("made"))).allTopicNames()).get(topic("made")).topicId();
            get(admin.deleteTopics(List.of(topic("made"))).all());
            refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic("made"))).all());
            create(topic("made"), 1);
            Uuid second = get(admin.describeTopics(List.of(topic("made"))).allTopicNames()).get(topic("made")).topicId();
            check(!first.equals(second), "the same id");
            get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all());
            refused(UnknownTopicIdException.class, admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all());
            refused(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(topic("made"))).allTopicNames());
        });
        test("a producer that outlives its topic goes on in the topic made anew", () -> {
            create(topic("reborn"), 1);
            try (var producer = producer("delivery.timeout.ms", 40000)) {
                producer.send(new ProducerRecord<>(topic("reborn"), 0, "k", "first")).get(20, TimeUnit.SECONDS);
                get(admin.deleteTopics(List.of(topic("reborn"))).all());
                create(topic("reborn"), 1);
                same(0L, producer.send(new ProducerRecord<>(topic("reborn"), 0, "k", "second")).get(40, TimeUnit.SECONDS).offset());
            }
        });
    }

    static void configs() {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic("configs"));
        test("describeConfigs of a topic: values, sources, types, synonyms, documentation", () -> {
            create(topic("configs"), 1);
            var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
            Config config = get(admin.describeConfigs(List.of(resource), options).all()).get(resource);
            ConfigEntry entry = config.get("retention.ms");
            same("604800000", entry.value());
            same(ConfigEntry.ConfigType.LONG, entry.type());
            check(entry.isDefault() && !entry.isReadOnly() && !entry.isSensitive(), "flags of " + entry);
            check(entry.documentation() != null && !entry.documentation().isEmpty(), "no documentation");
            for (String key : List.of("cleanup.policy", "segment.bytes", "retention.bytes", "max.message.bytes", "compression.type",
                    "message.timestamp.type", "min.insync.replicas", "flush.ms", "segment.ms", "delete.retention.ms"))
                check(config.get(key) != null, "no " + key);
        });
        test("incrementalAlterConfigs: set, append, subtract, delete", () -> {
            alter(resource, "retention.ms", "1234567", AlterConfigOp.OpType.SET);
            same("1234567", config(resource, "retention.ms"));
            same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG,
                get(admin.describeConfigs(List.of(resource)).all()).get(resource).get("retention.ms").source());
            alter(resource, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND);
            same(Set.of("delete", "compact"), Set.of(config(resource, "cleanup.policy").split(",")));
            alter(resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT);
            same("compact", config(resource, "cleanup.policy"));
            alter(resource, "retention.ms", null, AlterConfigOp.OpType.DELETE);
            same("604800000", config(resource, "retention.ms"));
            same("compact", config(resource, "cleanup.policy"));
        });
        test("refusals of incrementalAlterConfigs", () -> {
            refused(InvalidConfigurationException.class, altering(resource, "nonsense", "1", AlterConfigOp.OpType.SET));
            refused(InvalidConfigurationException.class, altering(resource, "retention.ms", "soon", AlterConfigOp.OpType.SET));
            refused(InvalidConfigurationException.class, altering(resource, "segment.bytes", "-5", AlterConfigOp.OpType.SET));
            refused(UnknownTopicOrPartitionException.class,
                altering(new ConfigResource(ConfigResource.Type.TOPIC, topic("gone")), "retention.ms", "1", AlterConfigOp.OpType.SET));
        });
        test("describeConfigs of the broker", () -> {
            int node = get(admin.describeCluster().nodes()).iterator().next().id();
            ConfigResource brokerResource = new ConfigResource(ConfigResource.Type.BROKER, "" + node);
            same("1048588", config(brokerResource, "message.max.bytes"));
            same("true", config(brokerResource, "auto.create.topics.enable"));
        });
    }

    static KafkaFuture<Void> altering(ConfigResource resource, String key, String value, AlterConfigOp.OpType op) {
        Map<ConfigResource, Collection<AlterConfigOp>> change = Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(key, value), op)));
        return admin.incrementalAlterConfigs(change).all();
    }

    static void alter(ConfigResource resource, String key, String value, AlterConfigOp.OpType op) throws Exception {
        get(altering(resource, key, value, op));
        Thread.sleep(100); // The moment of eventually(), where there is nothing to wait for.
    }

    static long offset(TopicPartition partition, OffsetSpec spec) throws Exception {
        return get(admin.listOffsets(Map.of(partition, spec)).partitionResult(partition)).offset();
    }

    static void offsets() {
        TopicPartition partition = new TopicPartition(topic("offsets"), 0);
        test("listOffsets: earliest, latest, max timestamp, timestamp, local, tiered", () -> {
            create(topic("offsets"), 1);
            alter(new ConfigResource(ConfigResource.Type.TOPIC, topic("offsets")), "retention.ms", "-1", AlterConfigOp.OpType.SET);
            same(0L, offset(partition, OffsetSpec.earliest()));
            same(0L, offset(partition, OffsetSpec.latest()));
            same(-1L, offset(partition, OffsetSpec.maxTimestamp()));
            try (var producer = producer()) {
                for (int i = 0; i < 50; i++)
                    producer.send(new ProducerRecord<>(topic("offsets"), 0, 1600000000000L + (i == 20 ? 99000 : i * 1000), "k", "v")).get();
            }
            same(0L, offset(partition, OffsetSpec.earliest()));
            same(50L, offset(partition, OffsetSpec.latest()));
            same(20L, offset(partition, OffsetSpec.maxTimestamp()));
            same(10L, offset(partition, OffsetSpec.forTimestamp(1600000010000L)));
            same(20L, offset(partition, OffsetSpec.forTimestamp(1600000030000L)));
            same(-1L, offset(partition, OffsetSpec.forTimestamp(1700000000000L)));
            same(0L, offset(partition, OffsetSpec.earliestLocal()));
            same(-1L, offset(partition, OffsetSpec.latestTiered()));
        });
        test("deleteRecords moves the start, and says where to", () -> {
            same(30L, get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(30))).lowWatermarks().get(partition)).lowWatermark());
            same(30L, offset(partition, OffsetSpec.earliest()));
            try (var consumer = consumer()) {
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                same(30L, read(consumer, 20).get(0).offset());
            }
            refused(org.apache.kafka.common.errors.OffsetOutOfRangeException.class,
                admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(51))).all());
        });
        test("describeProducers names the producer", () -> {
            try (var producer = producer()) {
                producer.send(new ProducerRecord<>(topic("offsets"), 0, "k", "v")).get();
                var active = get(admin.describeProducers(List.of(partition)).partitionResult(partition)).activeProducers();
                check(active.stream().anyMatch(p -> p.producerId() >= 0 && p.lastSequence() == 0), "active: " + active);
            }
        });
        test("describeLogDirs has the size", () -> {
            int node = get(admin.describeCluster().nodes()).iterator().next().id();
            long size = 0;
            for (var dir : get(admin.describeLogDirs(List.of(node)).allDescriptions()).get(node).values()) {
                check(dir.error() == null, "error " + dir.error());
                check(dir.totalBytes().isPresent() && dir.totalBytes().getAsLong() > 0, "no total bytes");
                if (dir.replicaInfos().containsKey(partition)) size = dir.replicaInfos().get(partition).size();
            }
            check(size > 1000, "size " + size);
        });
    }

    static void cluster() {
        test("describeCluster: id, controller, one node at the address asked", () -> {
            var cluster = admin.describeCluster();
            check(!get(cluster.clusterId()).isEmpty(), "no id");
            same(1, get(cluster.nodes()).size());
            Node node = get(cluster.nodes()).iterator().next();
            same(broker, node.host() + ":" + node.port());
            same(node.id(), get(cluster.controller()).id());
        });
        test("describeFeatures", () -> check(get(admin.describeFeatures().featureMetadata()) != null, "none"));
    }

    /** What a single node without an authorizer, quotas, transactions or users answers. */
    static void administration() {
        String topic = topic("administration");
        TopicPartition p0 = new TopicPartition(topic, 0);
        test("ACLs are refused: no authorizer", () -> {
            refused(SecurityDisabledException.class, admin.describeAcls(org.apache.kafka.common.acl.AclBindingFilter.ANY).values());
            org.apache.kafka.common.acl.AclBinding binding = new org.apache.kafka.common.acl.AclBinding(
                new org.apache.kafka.common.resource.ResourcePattern(org.apache.kafka.common.resource.ResourceType.TOPIC, "t", org.apache.kafka.common.resource.PatternType.LITERAL),
                new org.apache.kafka.common.acl.AccessControlEntry("User:u", "*", org.apache.kafka.common.acl.AclOperation.READ, org.apache.kafka.common.acl.AclPermissionType.ALLOW));
            refused(SecurityDisabledException.class, admin.createAcls(List.of(binding)).all());
            refused(SecurityDisabledException.class, admin.deleteAcls(List.of(binding.toFilter())).all());
        });
        test("no users, quotas, reassignments, transactions", () -> {
            same(Map.of(), get(admin.describeUserScramCredentials().all()));
            same(Map.of(), get(admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities()));
            same(Map.of(), get(admin.listPartitionReassignments().reassignments()));
            check(get(admin.listTransactions().all()).stream().noneMatch(t -> t.transactionalId().startsWith(prefix)), "transactions");
            refused(ResourceNotFoundException.class, admin.describeUserScramCredentials(List.of("nobody")).description("nobody"));
        });
        test("elect leaders: none is needed, unknown ones are", () -> {
            create(topic, 2);
            Map<TopicPartition, Optional<Throwable>> elected = get(admin.electLeaders(ElectionType.PREFERRED, Set.of(p0, new TopicPartition(topic, 99))).partitions());
            check(elected.get(p0).get() instanceof ElectionNotNeededException, "of a partition: " + elected);
            check(elected.get(new TopicPartition(topic, 99)).get() instanceof UnknownTopicOrPartitionException, "of an unknown one: " + elected);
        });
        test("the quorum is this node", () -> {
            QuorumInfo quorum = get(admin.describeMetadataQuorum().quorumInfo());
            int id = get(admin.describeCluster().nodes()).iterator().next().id();
            same(id, quorum.leaderId());
            same(List.of(id), quorum.voters().stream().map(QuorumInfo.ReplicaState::replicaId).toList());
        });
        test("log dirs: replicas described, moved to where they are, not elsewhere", () -> {
            int id = get(admin.describeCluster().nodes()).iterator().next().id();
            TopicPartitionReplica replica = new TopicPartitionReplica(topic, 0, id);
            String dir = get(admin.describeReplicaLogDirs(List.of(replica)).all()).get(replica).getCurrentReplicaLogDir();
            check(dir != null && !dir.isEmpty(), "its directory");
            get(admin.alterReplicaLogDirs(Map.of(replica, dir)).all());
            refused(LogDirNotFoundException.class, admin.alterReplicaLogDirs(Map.of(replica, "/nowhere")).all());
        });
        test("config resources are listed", () -> {
            check(get(admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC), new ListConfigResourcesOptions()).all()).contains(new ConfigResource(ConfigResource.Type.TOPIC, topic)), "the topic");
            same(List.of(), List.copyOf(get(admin.listConfigResources(Set.of(ConfigResource.Type.CLIENT_METRICS), new ListConfigResourcesOptions()).all())));
        });
        test("features: an unknown one is refused", () -> refused(InvalidUpdateVersionException.class,
            admin.updateFeatures(Map.of("nonsense.version", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions()).all()));
    }

    public static void main(String[] args) {
        broker = args[0];
        prefix = args[1];
        admin = Admin.create(settings("default.api.timeout.ms", 20000));
        cluster();
        topics();
        configs();
        producing();
        consuming();
        offsets();
        administration();
        admin.close(Duration.ofSeconds(5));
        System.exit(failed == 0 ? 0 : 1);
    }
}
