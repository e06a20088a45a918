// Records what Kafka's own code makes of every message that Spate knows, in every version: the golden bytes of
// tests/golden/messages.txt. How to run it, and what a line holds: tests/golden/README.md.
//
// It fills the classes of org.apache.kafka.common.message by reflection, led by the schema that each class carries
// for each version, so a new message needs one more row in MESSAGES and nothing else.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

public class RecordMessages {
    static final String[] MESSAGES = {
        "ApiVersions 0 4", "Metadata 0 13", "Produce 3 13", "Fetch 4 18", "ListOffsets 1 11", "OffsetForLeaderEpoch 2 4",
        "CreateTopics 2 7", "DeleteTopics 1 6", "CreatePartitions 0 3", "DeleteRecords 0 2", "DescribeConfigs 1 4",
        "IncrementalAlterConfigs 0 1", "AlterConfigs 0 2", "DescribeCluster 0 2", "DescribeTopicPartitions 0 0",
        "DescribeLogDirs 1 5", "DescribeProducers 0 0", "InitProducerId 0 5", "FindCoordinator 0 6",
        "JoinGroup 0 9", "SyncGroup 0 5", "Heartbeat 0 4", "LeaveGroup 0 5", "OffsetCommit 2 10", "OffsetFetch 1 10",
        "DescribeGroups 0 6", "ListGroups 0 5", "DeleteGroups 0 2", "OffsetDelete 0 0", "ConsumerGroupHeartbeat 0 1",
        "ConsumerGroupDescribe 0 1",
        "DescribeAcls 1 3", "CreateAcls 1 3", "DeleteAcls 1 3", "AlterReplicaLogDirs 1 2", "ElectLeaders 0 2",
        "AlterPartitionReassignments 0 1", "ListPartitionReassignments 0 0", "DescribeClientQuotas 0 1", "AlterClientQuotas 0 1",
        "DescribeUserScramCredentials 0 0", "AlterUserScramCredentials 0 0", "DescribeQuorum 0 2", "UpdateFeatures 0 2",
        "DescribeTransactions 0 0", "ListTransactions 0 2", "ListConfigResources 0 1",
    };

    // Messages that belong to no API, by their whole name.
    static final String[] PARTS = {
        "RequestHeader 1 2", "ResponseHeader 0 1", "ConsumerProtocolSubscription 0 3", "ConsumerProtocolAssignment 0 3",
    };

    // The records of __consumer_offsets: a key and a value each.
    static final String[] RECORDS = {
        "LegacyOffsetCommit 0", "OffsetCommit 4", "GroupMetadata 4", "ConsumerGroupMetadata 0",
        "ConsumerGroupPartitionMetadata 0", "ConsumerGroupMemberMetadata 0", "ConsumerGroupTargetAssignmentMetadata 0",
        "ConsumerGroupTargetAssignmentMember 0", "ConsumerGroupCurrentMemberAssignment 0",
        "ConsumerGroupRegularExpression 0",
    };
    static final String MESSAGE_PACKAGE = "org.apache.kafka.common.message.";
    static final String RECORD_PACKAGE = "org.apache.kafka.coordinator.group.generated.";

    // full: no field has its default, arrays hold two elements. nulls: what may be null is, other arrays hold one.
    enum Variant { FULL, NULLS, DEFAULT }

    static final PrintWriter OUT = new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
    static final ObjectMapper JSON = new ObjectMapper();
    static int counter;

    public static void main(String[] args) throws Exception {
        for (String row : PARTS)
            recordAll(row, "");
        for (String row : MESSAGES) {
            recordAll(row, "Request");
            recordAll(row, "Response");
        }
        for (String row : RECORDS) {
            String[] word = row.split(" ");
            recordRange(RECORD_PACKAGE + word[0] + "Key", word[0] + "Key", 0, 0);
            recordRange(RECORD_PACKAGE + word[0] + "Value", word[0] + "Value", 0, Integer.parseInt(word[1]));
        }
        OUT.flush();
    }

    static void recordAll(String row, String kind) throws Exception {
        String[] word = row.split(" ");
        String name = word[0] + kind, data = word[0].startsWith("ConsumerProtocol") ? "" : "Data";
        recordRange(MESSAGE_PACKAGE + name + data, name, Integer.parseInt(word[1]), Integer.parseInt(word[2]));
    }

    static void recordRange(String className, String name, int min, int max) throws Exception {
        for (int version = min; version <= max; version++)
            for (Variant variant : Variant.values())
                record(className, name, (short) version, variant);
    }

    static void record(String className, String name, short version, Variant variant) throws Exception {
        Class<?> type = Class.forName(className);
        Object message = type.getConstructor().newInstance();
        counter = version;
        if (variant != Variant.DEFAULT)
            fill(message, (Schema) type.getField("SCHEMA_" + version).get(null), variant);
        ByteBuffer bytes = MessageUtil.toByteBufferAccessor((ApiMessage) message, version).buffer();
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        Method write = Class.forName(type.getName() + "JsonConverter").getMethod("write", type, short.class, boolean.class);
        JsonNode json = (JsonNode) write.invoke(null, message, version, false);
        OUT.printf("%s\t%d\t%s\t%s\t%s\n", snakeCase(name), version, variant.name().toLowerCase(),
            HexFormat.of().formatHex(copy), JSON.writeValueAsString(renamed(json)));
    }

    static void fill(Object target, Schema schema, Variant variant) throws Exception {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                for (Map.Entry<Integer, Field> tagged : ((TaggedFields) bound.def.type).fields().entrySet())
                    set(target, tagged.getValue(), variant);
            } else {
                set(target, bound.def, variant);
            }
        }
    }

    static void set(Object target, Field field, Variant variant) throws Exception {
        Method setter = accessor(target, "set" + field.name, 1);
        if (variant == Variant.NULLS && field.type.isNullable()) {
            setter.invoke(target, (Object) null);
            return;
        }
        Class<?> type = setter.getParameterTypes()[0];
        Object value;
        if (field.type.isArray())
            value = array(setter, type, field.type.arrayElementType().get(), variant);
        else if (field.type instanceof Schema)
            value = struct(type, (Schema) field.type, variant);
        else if (type == boolean.class)
            value = !(Boolean) accessor(target, field.name, 0).invoke(target);
        else
            value = scalar(type, field.type);
        setter.invoke(target, value);
    }

    static Method accessor(Object target, String name, int parameters) {
        String plain = name.replace("_", "");
        for (Method method : target.getClass().getMethods())
            if (method.getName().equalsIgnoreCase(plain) && method.getParameterCount() == parameters)
                return method;
        throw new IllegalStateException("no " + plain + " in " + target.getClass());
    }

    static Object struct(Class<?> type, Schema schema, Variant variant) throws Exception {
        Object result = type.getConstructor().newInstance();
        fill(result, schema, variant);
        return result;
    }

    // A list, or one of Kafka's hashed collections, whose superclass names the element.
    @SuppressWarnings("unchecked")
    static Object array(Method setter, Class<?> type, Type element, Variant variant) throws Exception {
        java.lang.reflect.Type generic = Collection.class.isAssignableFrom(type) && !type.isInterface()
            ? type.getGenericSuperclass() : setter.getGenericParameterTypes()[0];
        Class<?> elementType = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        Collection<Object> result = type.isInterface()
            ? new ArrayList<>() : (Collection<Object>) type.getConstructor().newInstance();
        for (int i = 0; i < (variant == Variant.FULL ? 2 : 1); i++)
            result.add(element instanceof Schema
                ? struct(elementType, (Schema) element, variant) : scalar(elementType, element));
        return result;
    }

    // Values that differ from each other, use all their bytes, and are nobody's default.
    static Object scalar(Class<?> type, Type wireType) {
        int n = ++counter;
        long wide = 0x0123456789abcdefL * (2L * n + 1);
        if (type == byte.class || type == Byte.class)
            return (byte) (2 + n % 100);
        if (type == short.class || type == Short.class)
            return (short) (n % 2 == 0 ? 0x1200 + n : -0x1200 - n);
        if (wireType == Type.UINT16)
            return 0xc000 + n;
        if (type == int.class || type == Integer.class)
            return (int) (wide >> 32) | 0x1000;
        if (type == long.class || type == Long.class)
            return wide;
        if (type == double.class || type == Double.class)
            return n + 0.5;
        if (type == boolean.class || type == Boolean.class)
            return true;
        if (type == Uuid.class)
            return new Uuid(wide, ~wide);
        if (type == String.class)
            return n % 11 == 0 ? "long-" + "x".repeat(125) + n : n % 7 == 0 ? "z\u00fcrich-\"" + n : "s" + n;
        if (type == ByteBuffer.class)
            return ByteBuffer.wrap(payload(n));
        if (type == byte[].class)
            return payload(n);
        if (wireType.toString().endsWith("RECORDS"))
            return MemoryRecords.readableRecords(ByteBuffer.wrap(payload(n)));
        throw new IllegalStateException("no value for " + type + " " + wireType);
    }

    static byte[] payload(int n) {
        byte[] bytes = new byte[n % 2 == 0 ? 61 : 133];
        for (int i = 0; i < bytes.length; i++)
            bytes[i] = (byte) (n * 31 + i);
        return bytes;
    }

    static String snakeCase(String name) {
        return name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase();
    }

    // Our names; and bytes as our dump prints them, in hex.
    static JsonNode renamed(JsonNode node) throws IOException {
        if (node.isBinary())
            return JSON.getNodeFactory().textNode(HexFormat.of().formatHex(node.binaryValue()));
        if (node.isArray()) {
            ArrayNode result = JSON.createArrayNode();
            for (JsonNode child : node)
                result.add(renamed(child));
            return result;
        }
        if (!node.isObject())
            return node;
        ObjectNode result = JSON.createObjectNode();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            String key = entry.getKey().replace("recordsSizeInBytes", "records");
            result.set(snakeCase(key), renamed(entry.getValue()));
        }
        return result;
    }
}
