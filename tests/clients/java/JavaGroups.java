/*
 * Kafka's own Java client in consumer groups, with either protocol: java JavaGroups HOST:PORT TOPIC_PREFIX classic|consumer
 * Members share, leave, crash, commit, resume, subscribe by pattern, are static; the admin client sees and changes
 * groups. Each case prints "ok    name" or "FAIL  name: why"; the status is 1 if any failed.
 */
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.regex.Pattern;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class JavaGroups extends JavaClient {
    static final int PARTITIONS = 6;
    static String protocol;
    static boolean classic;

    static String group(String name) { return prefix + "-" + protocol + "-" + name; }

    static KafkaConsumer<String, String> groupConsumer(String group, Object... pairs) {
        Map<String, Object> map = settings("group.id", group, "group.protocol", protocol, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "metadata.max.age.ms", 1000, "client.id", "member");
        for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
        // The other protocol has these from the broker, and refuses to be told.
        if ("classic".equals(map.get("group.protocol"))) {
            map.putIfAbsent("session.timeout.ms", 6000);
            map.putIfAbsent("heartbeat.interval.ms", 300);
        }
        return new KafkaConsumer<>(map, new StringDeserializer(), new StringDeserializer());
    }

    /** A consumer that polls in its own thread until it is closed, and keeps what it is assigned and what it reads. */
    static class Member implements AutoCloseable, ConsumerRebalanceListener {
        final KafkaConsumer<String, String> consumer;
        final Queue<String> seen = new ConcurrentLinkedQueue<>();
        final Set<TopicPartition> assigned = ConcurrentHashMap.newKeySet();
        final AtomicInteger revoked = new AtomicInteger(), given = new AtomicInteger();
        volatile Throwable failure;
        final CountDownLatch ended = new CountDownLatch(1);
        volatile CloseOptions close = CloseOptions.timeout(Duration.ofSeconds(5));
        volatile boolean commits, stopping;

        Member(KafkaConsumer<String, String> consumer, Object topics) {
            this.consumer = consumer;
            if (topics instanceof Pattern pattern) consumer.subscribe(pattern, this);
            else if (topics instanceof SubscriptionPattern pattern) consumer.subscribe(pattern, this);
            else consumer.subscribe(List.of((String) topics), this);
            new Thread(this::poll).start();
        }

        void poll() {
            try {
                while (!stopping) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) seen.add(record.partition() + ":" + record.offset());
                    if (commits) consumer.commitSync();
                }
            } catch (Throwable e) {
                failure = e;
            } finally {
                try { consumer.close(close); } catch (Throwable e) { if (failure == null) failure = e; }
                ended.countDown();
            }
        }

        public void onPartitionsAssigned(Collection<TopicPartition> partitions) { given.incrementAndGet(); assigned.addAll(partitions); }
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) { revoked.addAndGet(partitions.size()); assigned.removeAll(partitions); }
        public void onPartitionsLost(Collection<TopicPartition> partitions) { assigned.removeAll(partitions); }

        public void close() throws Exception {
            stopping = true;
            check(ended.await(20, TimeUnit.SECONDS), "a member did not close");
            if (failure != null) throw new AssertionError("a member failed: " + failure, failure);
        }

        void crash() throws Exception {
            close = CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP).withTimeout(Duration.ofSeconds(5));
            close();
        }
    }

    static Member member(String group, Object topics, Object... pairs) { return new Member(groupConsumer(group, pairs), topics); }

    static void closeAll(Member... members) throws Exception {
        for (Member m : members) m.stopping = true;
        for (Member m : members) m.close();
    }

    static void until(String what, Callable<Boolean> holds) throws Exception {
        for (long deadline = System.currentTimeMillis() + 40000; !holds.call(); Thread.sleep(20))
            if (System.currentTimeMillis() > deadline) throw new AssertionError("not within 40 s: " + what);
    }

    static boolean shared(int partitions, Member... members) {
        List<TopicPartition> all = Arrays.stream(members).flatMap(m -> m.assigned.stream()).toList();
        return all.size() == partitions && new HashSet<>(all).size() == partitions && Arrays.stream(members).noneMatch(m -> m.assigned.isEmpty());
    }

    static int distinct(Member... members) { return (int) Arrays.stream(members).flatMap(m -> m.seen.stream()).distinct().count(); }

    static void produce(String topic, int partitions, int count) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) sent.add(producer.send(new ProducerRecord<>(topic, i % partitions, "k", "v" + i)));
            for (Future<RecordMetadata> f : sent) f.get(20, TimeUnit.SECONDS);
        }
    }

    static ConsumerGroupDescription describe(String group) throws Exception { return get(admin.describeConsumerGroups(List.of(group)).all()).get(group); }
    static Map<TopicPartition, OffsetAndMetadata> committed(String group) throws Exception { return get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()); }
    static void untilEmpty(String group) throws Exception { until("an empty group", () -> describe(group).groupState() == GroupState.EMPTY); }

    static void sharing() {
        String topic = topic("share-" + protocol), group = group("share");
        test(protocol + ": three members share six partitions and read each record once", () -> {
            create(topic, PARTITIONS);
            produce(topic, PARTITIONS, 600);
            Member a = member(group, topic), b = member(group, topic), c = member(group, topic);
            until("two partitions each", () -> shared(PARTITIONS, a, b, c) && a.assigned.size() == 2 && b.assigned.size() == 2);
            a.commits = b.commits = c.commits = true;
            until("600 records", () -> distinct(a, b, c) == 600);
            ConsumerGroupDescription described = describe(group);
            same(GroupState.STABLE, described.groupState());
            same(classic ? GroupType.CLASSIC : GroupType.CONSUMER, described.type());
            same(3, described.members().size());
            same(PARTITIONS, (int) described.members().stream().flatMap(m -> m.assignment().topicPartitions().stream()).distinct().count());
            check(described.members().stream().allMatch(m -> m.clientId().equals("member") && m.host().equals("/127.0.0.1")), "client ids and hosts: " + described.members());
            same(1, get(admin.describeCluster().nodes()).stream().filter(n -> n.equals(described.coordinator())).toList().size());
            b.close();
            until("the two that are left take over", () -> shared(PARTITIONS, a, c));
            produce(topic, PARTITIONS, 60);
            until("60 more", () -> distinct(a, b, c) == 660);
            Member d = member(group, topic);
            until("a later member gets a share", () -> shared(PARTITIONS, a, c, d));
            until("everything committed", () -> committed(group).values().stream().mapToLong(OffsetAndMetadata::offset).sum() == 660);
            closeAll(a, c, d);
            untilEmpty(group);
        });
        test(protocol + ": the next member resumes where the group had committed", () -> {
            produce(topic, PARTITIONS, 6);
            try (Member next = member(group, topic)) {
                until("six records", () -> next.seen.size() >= 6);
                same(IntStream.range(0, PARTITIONS).mapToObj(p -> p + ":110").toList(), next.seen.stream().sorted().toList());
            }
        });
        test(protocol + ": two groups read the same records", () -> {
            try (Member one = member(group("one"), topic); Member two = member(group("two"), topic)) {
                until("all records in both", () -> distinct(one) == 666 && distinct(two) == 666);
            }
        });
        test(protocol + ": more members than partitions, some have none", () -> {
            String narrow = topic("narrow-" + protocol);
            create(narrow, 1);
            Member a = member(group("narrow"), narrow), b = member(group("narrow"), narrow);
            until("one has it", () -> a.assigned.size() + b.assigned.size() == 1 && describe(group("narrow")).members().size() == 2);
            Member has = a.assigned.isEmpty() ? b : a, waits = has == a ? b : a;
            has.close();
            until("the other takes it", () -> waits.assigned.size() == 1);
            waits.close();
        });
        if (classic) test("classic: a member that dies is replaced after its session", () -> {
            Member a = member(group("dies"), topic), b = member(group("dies"), topic);
            until("both share", () -> shared(PARTITIONS, a, b));
            long begin = System.nanoTime();
            a.crash();
            until("all at the survivor", () -> shared(PARTITIONS, b));
            long seconds = (System.nanoTime() - begin) / 1_000_000_000;
            check(seconds >= 3 && seconds <= 15, "took " + seconds + " s");
            b.close();
        });
    }

    static void committing() {
        String topic = topic("commit-" + protocol), group = group("commit");
        TopicPartition p0 = new TopicPartition(topic, 0), p1 = new TopicPartition(topic, 1);
        test(protocol + ": commitSync with metadata and leader epoch, committed, position", () -> {
            create(topic, 2);
            produce(topic, 2, 20);
            try (KafkaConsumer<String, String> c = groupConsumer(group)) {
                c.subscribe(List.of(topic));
                until("an assignment", () -> { c.poll(Duration.ofMillis(100)); return c.assignment().size() == 2; });
                same(2, c.committed(Set.of(p0, p1)).values().stream().filter(Objects::isNull).toList().size());
                c.commitSync(Map.of(p0, new OffsetAndMetadata(3, Optional.of(0), "a note"), p1, new OffsetAndMetadata(10)));
                Map<TopicPartition, OffsetAndMetadata> got = c.committed(Set.of(p0, p1));
                same(new OffsetAndMetadata(3, Optional.of(0), "a note"), got.get(p0));
                same(10L, got.get(p1).offset());
                CountDownLatch done = new CountDownLatch(3);
                List<Exception> failures = new CopyOnWriteArrayList<>();
                for (long o = 4; o <= 6; o++) c.commitAsync(Map.of(p0, new OffsetAndMetadata(o)), (m, e) -> { if (e != null) failures.add(e); done.countDown(); });
                until("three answers", () -> { c.poll(Duration.ofMillis(50)); return done.getCount() == 0; });
                same(List.of(), failures);
                same(6L, c.committed(Set.of(p0)).get(p0).offset());
                same(group, c.groupMetadata().groupId());
                check(!c.groupMetadata().memberId().isEmpty() && c.groupMetadata().generationId() > 0, "a member id and generation");
            }
            try (KafkaConsumer<String, String> c = groupConsumer(group)) {
                c.subscribe(List.of(topic));
                List<ConsumerRecord<String, String>> records = read(c, 4);
                check(records.stream().allMatch(r -> r.partition() == 0) && records.get(0).offset() == 6, "from 6 on: " + records);
            }
        });
        test(protocol + ": auto commit on close", () -> {
            String auto = group("auto");
            try (KafkaConsumer<String, String> c = groupConsumer(auto, "enable.auto.commit", true, "auto.commit.interval.ms", 60000)) {
                c.subscribe(List.of(topic));
                read(c, 20);
            }
            same(20L, committed(auto).values().stream().mapToLong(OffsetAndMetadata::offset).sum());
        });
        test(protocol + ": a consumer that assigns commits without being a member", () -> {
            try (KafkaConsumer<String, String> c = groupConsumer(group("assigns"))) {
                c.assign(List.of(p0));
                read(c, 10);
                c.commitSync();
                same(10L, c.committed(Set.of(p0)).get(p0).offset());
            }
        });
        test(protocol + ": reset policies: latest, none, by duration", () -> {
            try (KafkaConsumer<String, String> c = groupConsumer(group("latest"), "auto.offset.reset", "latest")) {
                c.subscribe(List.of(topic));
                until("an assignment", () -> { c.poll(Duration.ofMillis(100)); return c.assignment().size() == 2; });
                same(10L, c.position(p0));
            }
            try (KafkaConsumer<String, String> c = groupConsumer(group("by-duration"), "auto.offset.reset", "by_duration:PT1H")) {
                c.subscribe(List.of(topic));
                read(c, 20);
            }
            try (KafkaConsumer<String, String> c = groupConsumer(group("none"), "auto.offset.reset", "none")) {
                c.subscribe(List.of(topic));
                boolean threw = false;
                for (int i = 0; i < 100 && !threw; i++) try { c.poll(Duration.ofMillis(100)); } catch (NoOffsetForPartitionException e) { threw = true; }
                check(threw, "NoOffsetForPartitionException");
            }
        });
        test(protocol + ": a committed offset outside the log is reset", () -> {
            get(admin.alterConsumerGroupOffsets(group("outside"), Map.of(p0, new OffsetAndMetadata(5000), p1, new OffsetAndMetadata(9))).all());
            try (KafkaConsumer<String, String> c = groupConsumer(group("outside"))) {
                c.subscribe(List.of(topic));
                List<ConsumerRecord<String, String>> records = read(c, 11);
                same(10, (int) records.stream().filter(r -> r.partition() == 0).count());
            }
        });
        if (classic) test("classic: one that does not poll loses its place, and its commit fails", () -> {
            String slow = group("slow");
            try (KafkaConsumer<String, String> c = groupConsumer(slow, "max.poll.interval.ms", 3000)) {
                c.subscribe(List.of(topic));
                read(c, 20);
                Thread.sleep(4000);
                try (Member other = member(slow, topic)) {
                    until("the other has all", () -> shared(2, other));
                    boolean failed = false;
                    try { c.commitSync(Duration.ofSeconds(5)); } catch (CommitFailedException | RebalanceInProgressException e) { failed = true; }
                    check(failed, "CommitFailedException");
                }
            }
        });
    }

    static void subscribing() {
        String one = topic("re-one-" + protocol), two = topic("re-two-" + protocol);
        test(protocol + ": a pattern takes topics made later, and partitions added", () -> {
            create(one, 2);
            Pattern pattern = Pattern.compile(Pattern.quote(topic("re-")) + ".*-" + protocol);
            try (Member m = member(group("pattern"), pattern)) {
                until("the first topic", () -> m.assigned.size() == 2);
                create(two, 2);
                until("the second topic", () -> m.assigned.size() == 4);
                get(admin.createPartitions(Map.of(one, NewPartitions.increaseTo(3))).all());
                until("the added partition", () -> m.assigned.size() == 5);
                produce(two, 2, 10);
                until("its records", () -> m.seen.size() == 10);
            }
        });
        if (!classic) test("consumer: a pattern that the broker matches (RE2)", () -> {
            try (Member m = member(group("re2"), new SubscriptionPattern(prefix + "-re-(one|two)-con[s]umer"))) {
                until("both topics", () -> m.assigned.size() == 5);
            }
        });
        if (!classic) test("consumer: a pattern that is no pattern is refused", () -> {
            KafkaConsumer<String, String> c = groupConsumer(group("bad-re2"));
            c.subscribe(new SubscriptionPattern("(unclosed"));
            boolean refused = false;
            for (int i = 0; i < 50 && !refused; i++) try { c.poll(Duration.ofMillis(100)); } catch (InvalidRegularExpression e) { refused = true; }
            c.close();
            check(refused, "InvalidRegularExpression");
        });
        if (!classic) for (String assignor : List.of("uniform", "range")) test("consumer: the broker's assignor " + assignor, () -> {
            Member a = member(group(assignor), one, "group.remote.assignor", assignor), b = member(group(assignor), one, "group.remote.assignor", assignor);
            until("both share", () -> shared(3, a, b));
            same(assignor, describe(group(assignor)).partitionAssignor());
            closeAll(a, b);
        });
        if (!classic) test("consumer: an assignor that the broker does not have is refused", () -> {
            KafkaConsumer<String, String> c = groupConsumer(group("no-assignor"), "group.remote.assignor", "nonsense");
            c.subscribe(List.of(one));
            boolean refused = false;
            for (int i = 0; i < 50 && !refused; i++) try { c.poll(Duration.ofMillis(100)); } catch (UnsupportedAssignorException e) { refused = true; }
            c.close();
            check(refused, "UnsupportedAssignorException");
        });
        if (classic) for (String assignor : List.of("RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor")) test("classic: " + assignor, () -> {
            String g = group(assignor), full = "org.apache.kafka.clients.consumer." + assignor;
            Member a = member(g, one, "partition.assignment.strategy", full);
            until("one has all", () -> a.assigned.size() == 3);
            int before = a.revoked.get();
            Member b = member(g, one, "partition.assignment.strategy", full);
            until("both share", () -> shared(3, a, b));
            if (assignor.startsWith("Coop")) same(1, a.revoked.get() - before);
            closeAll(a, b);
        });
        if (classic) test("classic: members without a common assignor are refused", () -> {
            String g = group("inconsistent");
            try (Member a = member(g, one, "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor")) {
                until("one has all", () -> a.assigned.size() == 3);
                try (KafkaConsumer<String, String> c = groupConsumer(g, "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RoundRobinAssignor")) {
                    c.subscribe(List.of(one));
                    boolean refused = false;
                    for (int i = 0; i < 100 && !refused; i++) try { c.poll(Duration.ofMillis(100)); } catch (InconsistentGroupProtocolException e) { refused = true; }
                    check(refused, "InconsistentGroupProtocolException");
                }
            }
        });
        if (classic) test("classic: enforceRebalance is a rebalance", () -> {
            try (KafkaConsumer<String, String> c = groupConsumer(group("enforce"))) {
                c.subscribe(List.of(one));
                until("an assignment", () -> { c.poll(Duration.ofMillis(100)); return c.assignment().size() == 3; });
                int generation = c.groupMetadata().generationId();
                c.enforceRebalance("asked");
                until("the next generation", () -> { c.poll(Duration.ofMillis(100)); return c.groupMetadata().generationId() > generation; });
            }
        });
    }

    static void staticMembers() {
        String topic = topic("static-" + protocol), group = group("static");
        test(protocol + ": a static member that comes back has its partitions again, without a rebalance of others", () -> {
            create(topic, 4);
            Member a = member(group, topic, "group.instance.id", "a"), b = member(group, topic, "group.instance.id", "b");
            until("both share", () -> shared(4, a, b));
            Set<TopicPartition> had = Set.copyOf(a.assigned);
            int given = b.given.get();
            a.crash();
            Member again = member(group, topic, "group.instance.id", "a");
            until("it is back", () -> again.assigned.size() == 2);
            same(had, Set.copyOf(again.assigned));
            same(given, b.given.get());
            check(describe(group).members().stream().anyMatch(m -> m.groupInstanceId().equals(Optional.of("a"))), "described with its instance id");
            closeAll(again, b);
        });
        test(protocol + ": a second member of the same instance id", () -> {
            String g = group("fenced");
            Member a = member(g, topic, "group.instance.id", "same");
            until("it has all", () -> a.assigned.size() == 4);
            Member b = member(g, topic, "group.instance.id", "same");
            Member refused = classic ? a : b;
            until("one is refused", () -> refused.failure != null);
            check(classic ? refused.failure instanceof FencedInstanceIdException : refused.failure instanceof UnreleasedInstanceIdException, "refused by " + refused.failure);
            (classic ? b : a).close();
        });
        test(protocol + ": removeMembersFromConsumerGroup", () -> {
            String g = group("removed");
            Member a = member(g, topic, "group.instance.id", "gone");
            until("it has all", () -> a.assigned.size() == 4);
            a.crash();
            same(1, describe(g).members().size());
            get(admin.removeMembersFromConsumerGroup(g, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("gone")))).all());
            untilEmpty(g);
        });
    }

    static void administering() {
        String topic = topic("share-" + protocol), group = group("admin");
        TopicPartition p0 = new TopicPartition(topic, 0), p1 = new TopicPartition(topic, 1), none = new TopicPartition(topic, 99);
        test(protocol + ": list, by state and by type", () -> {
            try (Member m = member(group, topic)) {
                until("a member", () -> !m.assigned.isEmpty());
                Map<String, GroupListing> listed = get(admin.listGroups().all()).stream().collect(Collectors.toMap(GroupListing::groupId, g -> g));
                same(Optional.of(GroupState.STABLE), listed.get(group).groupState());
                same(Optional.of(classic ? GroupType.CLASSIC : GroupType.CONSUMER), listed.get(group).type());
                same("consumer", listed.get(group).protocol());
                Set<String> stable = get(admin.listGroups(new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE))).all()).stream().map(GroupListing::groupId).collect(Collectors.toSet());
                check(stable.contains(group) && !stable.contains(group("share")), "stable: " + stable);
                Set<String> others = get(admin.listGroups(new ListGroupsOptions().withTypes(Set.of(classic ? GroupType.CONSUMER : GroupType.CLASSIC))).all()).stream().map(GroupListing::groupId).collect(Collectors.toSet());
                check(!others.contains(group), "of the other type: " + others);
            }
            untilEmpty(group);
        });
        test(protocol + ": offsets are altered, listed, deleted", () -> {
            get(admin.alterConsumerGroupOffsets(group, Map.of(p0, new OffsetAndMetadata(7, "m"), p1, new OffsetAndMetadata(8))).all());
            same(Map.of(p0, new OffsetAndMetadata(7, "m"), p1, new OffsetAndMetadata(8)), committed(group));
            Map<TopicPartition, OffsetAndMetadata> some = get(admin.listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(p1, none)))).partitionsToOffsetAndMetadata(group));
            same(8L, some.get(p1).offset());
            check(some.containsKey(none) && some.get(none) == null, "a partition without offset: " + some);
            Map<String, Map<TopicPartition, OffsetAndMetadata>> both = get(admin.listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec(), group("share"), new ListConsumerGroupOffsetsSpec())).all());
            same(2, both.size());
            get(admin.deleteConsumerGroupOffsets(group, Set.of(p0)).all());
            same(Set.of(p1), committed(group).keySet());
            refused(UnknownTopicOrPartitionException.class, admin.alterConsumerGroupOffsets(group, Map.of(none, new OffsetAndMetadata(1))).partitionResult(none));
        });
        test(protocol + ": what is refused of a group with members", () -> {
            try (Member m = member(group, topic)) {
                until("a member", () -> !m.assigned.isEmpty());
                refused(UnknownMemberIdException.class, admin.alterConsumerGroupOffsets(group, Map.of(p0, new OffsetAndMetadata(1))).all());
                refused(GroupSubscribedToTopicException.class, admin.deleteConsumerGroupOffsets(group, Set.of(p1)).partitionResult(p1));
                refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
            }
            untilEmpty(group);
        });
        test(protocol + ": delete, and what is said of groups that are not there", () -> {
            get(admin.deleteConsumerGroups(List.of(group)).all());
            refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
            refused(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).describedGroups().get(group));
            refused(GroupIdNotFoundException.class, admin.deleteConsumerGroupOffsets(group, Set.of(p1)).all());
            same(Map.of(), committed(group));
            check(get(admin.listGroups().all()).stream().noneMatch(g -> g.groupId().equals(group)), "listed still");
        });
        test(protocol + ": the offsets of a deleted topic go with it", () -> {
            String gone = topic("gone-" + protocol);
            TopicPartition p = new TopicPartition(gone, 0);
            create(gone, 1);
            get(admin.alterConsumerGroupOffsets(group("gone"), Map.of(p, new OffsetAndMetadata(0))).all());
            get(admin.deleteTopics(List.of(gone)).all());
            eventually(() -> check(!committed(group("gone")).containsKey(p), "the offset is still there"));
        });
    }

    /** A classic group becomes a consumer group while it works, and back (KIP-848's upgrade). */
    static void upgrading() {
        String topic = topic("upgrade"), group = group("upgrade");
        test("consumer: a group is upgraded member by member, and downgraded", () -> {
            create(topic, 4);
            produce(topic, 4, 40);
            Member old1 = member(group, topic, "group.protocol", "classic"), old2 = member(group, topic, "group.protocol", "classic");
            until("two classic members share", () -> shared(4, old1, old2));
            old1.commits = old2.commits = true;
            same(GroupType.CLASSIC, describe(group).type());
            until("all records", () -> distinct(old1, old2) == 40);
            Member new1 = member(group, topic);
            new1.commits = true;
            until("a new member has a share beside the old", () -> shared(4, old1, old2, new1));
            same(GroupType.CONSUMER, describe(group).type());
            same(2, (int) describe(group).members().stream().filter(m -> m.upgraded().equals(Optional.of(false))).count());
            produce(topic, 4, 40);
            until("all records, once", () -> distinct(old1, old2, new1) == 80);
            same(80, old1.seen.size() + old2.seen.size() + new1.seen.size());
            closeAll(old1, old2);
            until("the new one has all", () -> shared(4, new1));
            Member back = member(group, topic, "group.protocol", "classic");
            until("an old member may join", () -> shared(4, new1, back));
            new1.close();
            until("and is left alone", () -> shared(4, back));
            same(GroupType.CLASSIC, describe(group).type());
            back.close();
        });
    }

    public static void main(String[] args) {
        broker = args[0];
        prefix = args[1];
        protocol = args[2];
        classic = protocol.equals("classic");
        admin = Admin.create(settings("default.api.timeout.ms", 20000));
        sharing();
        committing();
        subscribing();
        staticMembers();
        administering();
        if (!classic) upgrading();
        admin.close(Duration.ofSeconds(5));
        System.exit(failed == 0 ? 0 : 1);
    }
}
