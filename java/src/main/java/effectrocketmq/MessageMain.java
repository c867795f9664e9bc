package effectrocketmq;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.compression.CompressorFactory;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageClientIDSetter;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageExtBrokerInner;
import org.apache.rocketmq.common.message.MessageVersion;
import org.apache.rocketmq.common.producer.RecallMessageHandle;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.protocol.NamespaceUtil;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.store.MessageExtEncoder;
import org.apache.rocketmq.store.config.MessageStoreConfig;

/**
 * What Java makes of messages. Reads lines {@code command argument...} from standard input and answers each with a line
 * of JSON; arguments that are bytes or texts are in hexadecimal, {@code -} for none.
 */
public final class MessageMain {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            Object answer;
            try {
                answer = answer(words);
            } catch (Exception cause) {
                Map<String, Object> failure = new LinkedHashMap<>();
                failure.put("error", String.valueOf(cause));
                answer = failure;
            }
            out.println(RemotingSerializable.toJson(answer, false));
        }
    }

    private static byte[] bytes(String word) {
        return word.equals("-") ? new byte[0] : Hex.decode(word);
    }

    private static String text(String word) {
        return new String(bytes(word), StandardCharsets.UTF_8);
    }

    private static Object answer(String[] words) throws Exception {
        switch (words[0]) {
            case "goldens":
                return goldens();
            case "stored":
                return describeAll(MessageDecoder.decodes(ByteBuffer.wrap(bytes(words[1]))));
            case "inner": {
                List<MessageExt> inner = new ArrayList<>();
                MessageDecoder.decodeMessage(MessageDecoder.decodes(ByteBuffer.wrap(bytes(words[1]))).get(0), inner);
                return describeAll(inner);
            }
            case "batch":
                return batch(bytes(words[1]));
            case "properties":
                return sorted(MessageDecoder.string2messageProperties(text(words[1])));
            case "compress":
                return Hex.encode(CompressorFactory.getCompressor(CompressionType.of(words[1]))
                    .compress(bytes(words[3]), Integer.parseInt(words[2])));
            case "decompress":
                return Hex.encode(CompressorFactory.getCompressor(CompressionType.of(words[1]))
                    .decompress(bytes(words[2])));
            case "offset-id":
                return MessageDecoder.createMessageId(address(words[1], Integer.parseInt(words[2])),
                    Long.parseLong(words[3]));
            case "new-uniq-key":
                return MessageClientIDSetter.createUniqID();
            case "uniq-key":
                return uniqKey(words[1]);
            case "recall-handle":
                return handle((RecallMessageHandle.HandleV1) RecallMessageHandle.decodeHandle(words[1]));
            case "wrap":
                return NamespaceUtil.wrapNamespace(text(words[1]), text(words[2]));
            case "unwrap":
                return NamespaceUtil.withoutNamespace(text(words[2]), text(words[1]));
            case "topic":
                return TopicValidator.validateTopic(text(words[1])).isValid();
            case "group":
                return TopicValidator.validateGroup(text(words[1])).isValid();
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    private static InetSocketAddress address(String host, int port) throws Exception {
        return new InetSocketAddress(InetAddress.getByName(host), port);
    }

    private static String describe(InetSocketAddress address) {
        String host = address.getAddress().getHostAddress();
        return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
    }

    private static Map<String, String> sorted(Map<String, String> properties) {
        return properties == null ? new TreeMap<>() : new TreeMap<>(properties);
    }

    private static List<Object> describeAll(List<MessageExt> messages) {
        List<Object> all = new ArrayList<>();
        for (MessageExt message : messages) {
            all.add(describe(message));
        }
        return all;
    }

    private static Map<String, Object> describe(MessageExt message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("topic", message.getTopic());
        fields.put("queueId", message.getQueueId());
        fields.put("queueOffset", message.getQueueOffset());
        fields.put("physicalOffset", message.getCommitLogOffset());
        fields.put("flag", message.getFlag());
        fields.put("sysFlag", message.getSysFlag());
        fields.put("bornTimestamp", message.getBornTimestamp());
        fields.put("bornHost", describe((InetSocketAddress) message.getBornHost()));
        fields.put("storeTimestamp", message.getStoreTimestamp());
        fields.put("storeHost", describe((InetSocketAddress) message.getStoreHost()));
        fields.put("reconsumeTimes", message.getReconsumeTimes());
        fields.put("preparedTransactionOffset", message.getPreparedTransactionOffset());
        fields.put("bodyCrc", message.getBodyCRC());
        fields.put("bodyHex", message.getBody() == null ? "" : Hex.encode(message.getBody()));
        fields.put("properties", sorted(message.getProperties()));
        String offsetId = MessageDecoder.createMessageId(message.getStoreHost(), message.getCommitLogOffset());
        fields.put("offsetId", offsetId);
        return fields;
    }

    private static List<Object> batch(byte[] body) throws Exception {
        List<Object> all = new ArrayList<>();
        for (Message message : MessageDecoder.decodeMessages(ByteBuffer.wrap(body))) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("flag", message.getFlag());
            fields.put("bodyHex", Hex.encode(message.getBody()));
            fields.put("properties", sorted(message.getProperties()));
            all.add(fields);
        }
        return all;
    }

    private static Map<String, Object> uniqKey(String id) throws Exception {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("ip", Hex.encode(MessageClientIDSetter.getIPFromID(id)));
        fields.put("process", MessageClientIDSetter.getPidFromID(id));
        return fields;
    }

    private static Map<String, Object> handle(RecallMessageHandle.HandleV1 handle) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("topic", handle.getTopic());
        fields.put("brokerName", handle.getBrokerName());
        fields.put("deliverTimestamp", Long.parseLong(handle.getTimestampStr()));
        fields.put("uniqKey", handle.getMessageId());
        return fields;
    }

    private static MessageExtBrokerInner message(String topic, byte[] body, String... properties) throws Exception {
        MessageExtBrokerInner message = new MessageExtBrokerInner();
        message.setTopic(topic);
        message.setBody(body);
        message.setBodyCRC(UtilAll.crc32(body));
        message.setQueueId(3);
        message.setQueueOffset(1234567);
        message.setCommitLogOffset(9876543210L);
        message.setBornTimestamp(1767225600123L);
        message.setBornHost(address("192.168.7.201", 45678));
        message.setStoreTimestamp(1767225600456L);
        message.setStoreHost(address("10.0.0.1", 10911));
        for (int i = 0; i < properties.length; i += 2) {
            MessageAccessor.putProperty(message, properties[i], properties[i + 1]);
        }
        message.setPropertiesString(MessageDecoder.messageProperties2String(message.getProperties()));
        return message;
    }

    /** As {@code MessageDecoder} encodes, which brokers and proxies use for single messages. */
    private static byte[] decoderBytes(MessageExt message) throws Exception {
        return MessageDecoder.encode(message, true);
    }

    /** As the broker's commit log encodes. */
    private static byte[] storeBytes(MessageExtBrokerInner message) {
        MessageExtEncoder encoder = new MessageExtEncoder(4 << 20, new MessageStoreConfig());
        encoder.encode(message);
        ByteBuffer buffer = encoder.getEncoderBuffer();
        byte[] bytes = new byte[buffer.getInt(0)];
        buffer.get(bytes);
        ByteBuffer.wrap(bytes).putLong(MessageDecoder.MESSAGE_PHYSIC_OFFSET_POSITION, message.getCommitLogOffset());
        return bytes;
    }

    private static byte[] compressible(int size) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; text.length() < size; i++) {
            text.append("{\"order\":").append(i * 7919 % 10007).append(",\"state\":\"created\"}\n");
        }
        return Arrays.copyOf(text.toString().getBytes(StandardCharsets.US_ASCII), size);
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static byte[] concat(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    private static void add(List<Object> list, String name, byte[] bytes, Object expect) {
        Map<String, Object> golden = new LinkedHashMap<>();
        golden.put("name", name);
        golden.put("hex", Hex.encode(bytes));
        golden.put("expect", expect);
        list.add(golden);
    }

    private static void addStored(List<Object> list, String name, byte[] bytes) {
        add(list, name, bytes, describeAll(MessageDecoder.decodes(ByteBuffer.wrap(bytes))));
    }

    private static List<Object> stored() throws Exception {
        List<Object> list = new ArrayList<>();
        byte[] hello = "hello".getBytes(StandardCharsets.US_ASCII);
        String[] usual = {
            "KEYS", "order-1 order-2", "TAGS", "created", "UNIQ_KEY", "7F0000010FA018B4AAC2000000000001", "WAIT", "true"
        };
        MessageExtBrokerInner plain = message("golden-topic", hello, usual);
        addStored(list, "MessageDecoder, IPv4", decoderBytes(plain));
        addStored(list, "commit log, IPv4", storeBytes(plain));

        MessageExtBrokerInner bare = message("t", hello);
        bare.setQueueId(0);
        bare.setQueueOffset(0);
        bare.setCommitLogOffset(0);
        addStored(list, "without properties", storeBytes(bare));

        MessageExtBrokerInner v6 = message("golden-topic", hello, usual);
        v6.setBornHost(address("2001:db8::17", 45678));
        v6.setStoreHost(address("fe80::1:0:0:2", 10911));
        v6.setBornHostV6Flag();
        v6.setStoreHostAddressV6Flag();
        addStored(list, "MessageDecoder, IPv6", decoderBytes(v6));
        addStored(list, "commit log, IPv6", storeBytes(v6));

        MessageExtBrokerInner mixed = message("golden-topic", hello, usual);
        mixed.setBornHost(address("::1", 1));
        mixed.setBornHostV6Flag();
        addStored(list, "born host IPv6, store host IPv4", storeBytes(mixed));

        MessageExtBrokerInner extremes = message("golden-topic", hello, "名前", "値 é 😀", "k", "a\u0001b", "TAGS", "x");
        extremes.setQueueId(Integer.MAX_VALUE);
        extremes.setFlag(Integer.MIN_VALUE);
        extremes.setQueueOffset((1L << 53) - 1);
        extremes.setCommitLogOffset((1L << 40) + 1);
        extremes.setReconsumeTimes(16);
        extremes.setPreparedTransactionOffset((1L << 33) - 1);
        addStored(list, "large numbers and text that is not ASCII", storeBytes(extremes));

        MessageExtBrokerInner longTopic = message("%RETRY%" + "g".repeat(120) + "_" + "t".repeat(120), hello, usual);
        longTopic.setVersion(MessageVersion.MESSAGE_VERSION_V2);
        addStored(list, "commit log, a topic of 248 bytes", storeBytes(longTopic));

        MessageExtBrokerInner half = message("RMQ_SYS_TRANS_HALF_TOPIC", hello, "TRAN_MSG", "true", "PGROUP", "p");
        half.setSysFlag(4);
        addStored(list, "half message", storeBytes(half));

        byte[] body = compressible(5000);
        for (int flag : new int[] {0x001, 0x101, 0x201, 0x301}) {
            MessageExtBrokerInner compressed = message("golden-topic", body, usual);
            compressed.setSysFlag(flag);
            addStored(list, "compressed, system flag 0x" + Integer.toHexString(flag), decoderBytes(compressed));
        }
        addStored(list, "several", concat(storeBytes(plain), storeBytes(v6), storeBytes(longTopic), storeBytes(bare)));
        byte[] whole = storeBytes(plain);
        addStored(list, "the second one cut off", concat(whole, Arrays.copyOf(whole, whole.length - 1)));
        addStored(list, "followed by the blank of a file's end",
            concat(whole, ByteBuffer.allocate(120).putInt(120).putInt(MessageDecoder.BLANK_MAGIC_CODE).array()));
        return list;
    }

    private static List<Message> messages() {
        List<Message> messages = new ArrayList<>();
        Message first = new Message("golden-topic", "TagA", "key-1 key-2", "first".getBytes(StandardCharsets.US_ASCII));
        first.putUserProperty("名前", "値 😀");
        Message second = new Message("golden-topic", new byte[0]);
        second.setFlag(-7);
        Message third = new Message("golden-topic", compressible(300));
        third.getProperties().clear();
        messages.add(first);
        messages.add(second);
        messages.add(third);
        return messages;
    }

    private static List<Object> batches() throws Exception {
        List<Object> list = new ArrayList<>();
        byte[] body = MessageDecoder.encodeMessages(messages());
        add(list, "three messages", body, batch(body));
        byte[] one = MessageDecoder.encodeMessages(messages().subList(0, 1));
        add(list, "one message", one, batch(one));
        return list;
    }

    private static List<Object> innerBatches() throws Exception {
        List<Object> list = new ArrayList<>();
        for (int flag : new int[] {0xc0, 0x3c1}) {
            byte[] body = MessageDecoder.encodeMessages(messages());
            MessageExtBrokerInner batch = message("golden-topic", body, "UNIQ_KEY", "7F0000010FA018B4AAC2000000000002",
                "INNER_NUM", "3", "INNER_BASE", "1234567");
            batch.setSysFlag(flag);
            batch.setReconsumeTimes(2);
            byte[] bytes = decoderBytes(batch);
            List<MessageExt> inner = new ArrayList<>();
            MessageDecoder.decodeMessage(MessageDecoder.decodes(ByteBuffer.wrap(bytes)).get(0), inner);
            add(list, "system flag 0x" + Integer.toHexString(flag), bytes, describeAll(inner));
        }
        return list;
    }

    private static List<Object> properties() {
        List<Object> list = new ArrayList<>();
        String[] texts = {
            "", "a\u0001b\u0002", "a\u0001b", "a\u0001b\u0002c\u0001d\u0002", "a\u0001b\u0002\u0002c\u0001d",
            "a\u0001\u0002c\u0001d\u0002", "\u0001b\u0002c\u0001d\u0002", "ab\u0002c\u0001d\u0002", "abc\u0002c\u0001d\u0002",
            "abcd", "a\u0001b\u0001c\u0002", "a\u0001\u0001\u0002", "a\u0001b\u0002a\u0001c\u0002", "\u0002\u0002\u0002", "\u0001\u0001\u0001",
            "名\u0001値\u0002😀\u0001é\u0002", "__proto__\u0001x\u0002constructor\u0001y\u0002", "abc\u0002\u0001d\u0002e\u0001f"
        };
        for (String text : texts) {
            add(list, "", text.getBytes(StandardCharsets.UTF_8), sorted(MessageDecoder.string2messageProperties(text)));
        }
        return list;
    }

    private static List<Object> compressed() throws Exception {
        List<Object> list = new ArrayList<>();
        byte[][] bodies = {
            new byte[0], {42}, compressible(40), compressible(5000), random(300), new byte[3000], new byte[70000],
            concat(random(200), compressible(3000), random(200))
        };
        for (CompressionType type : CompressionType.values()) {
            for (byte[] body : bodies) {
                byte[] bytes = CompressorFactory.getCompressor(type).compress(body, 5);
                Map<String, Object> expect = new LinkedHashMap<>();
                expect.put("type", type.name());
                expect.put("size", body.length);
                expect.put("crc", UtilAll.crc32(body));
                add(list, type.name() + " of " + body.length + " bytes", bytes, expect);
            }
        }
        return list;
    }

    private static List<Object> ids() throws Exception {
        List<Object> list = new ArrayList<>();
        for (String host : new String[] {"127.0.0.1", "255.0.128.7", "::1", "2001:db8:0:1::17"}) {
            InetSocketAddress address = address(host, 10911);
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("host", describe(address));
            fields.put("offset", 9876543210L);
            fields.put("id", MessageDecoder.createMessageId(address, 9876543210L));
            list.add(fields);
        }
        return list;
    }

    private static List<Object> handles() throws Exception {
        List<Object> list = new ArrayList<>();
        for (String topic : new String[] {"t", "to", "top", "topic-of-recall"}) {
            String handle = RecallMessageHandle.HandleV1.buildHandle(topic, "broker-a", "1767225600123",
                "7F0000010FA018B4AAC2000000000001");
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("handle", handle);
            fields.putAll(handle((RecallMessageHandle.HandleV1) RecallMessageHandle.decodeHandle(handle)));
            list.add(fields);
        }
        return list;
    }

    private static List<Object> namespaces() {
        List<Object> list = new ArrayList<>();
        String[] names = {
            "topic", "ns%topic", "other%topic", "%RETRY%group", "%RETRY%ns%group", "%DLQ%group", "%DLQ%ns%group", "%RETRY%other%group",
            "rmq_sys_x", "TBW102", "SCHEDULE_TOPIC_XXXX", "CID_RMQ_SYS_x", "%RETRY%", "ns", "ns%", "%topic", "%DLQ%%RETRY%ns%g", "n"
        };
        for (String namespace : new String[] {"", "ns", "n"}) {
            for (String name : names) {
                Map<String, Object> fields = new LinkedHashMap<>();
                fields.put("namespace", namespace);
                fields.put("name", name);
                fields.put("wrapped", NamespaceUtil.wrapNamespace(namespace, name));
                fields.put("unwrapped", NamespaceUtil.withoutNamespace(name, namespace));
                fields.put("namespaceOf", NamespaceUtil.getNamespaceFromResource(name));
                list.add(fields);
            }
        }
        return list;
    }

    private static Map<String, Object> goldens() throws Exception {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("stored", stored());
        all.put("batches", batches());
        all.put("innerBatches", innerBatches());
        all.put("properties", properties());
        all.put("compressed", compressed());
        all.put("offsetIds", ids());
        all.put("recallHandles", handles());
        all.put("namespaces", namespaces());
        return all;
    }
}
