package effectrocketmq;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.ClientRemotingProcessor;
import org.apache.rocketmq.client.impl.CommunicationMode;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageBatch;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.remoting.protocol.filter.FilterAPI;
import org.apache.rocketmq.remoting.protocol.header.QueryConsumerOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.SendMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.heartbeat.ConsumeType;
import org.apache.rocketmq.remoting.protocol.heartbeat.ConsumerData;
import org.apache.rocketmq.remoting.protocol.heartbeat.HeartbeatData;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.heartbeat.ProducerData;
import org.apache.rocketmq.remoting.protocol.heartbeat.SubscriptionData;

/**
 * The official Java client, sending one typical request at a time. Reads lines {@code operation host:port} from
 * standard input and answers each with one line of JSON: the operation and the response code it ended with.
 * {@code -Drocketmq.serialize.type=ROCKETMQ} makes it use binary headers.
 *
 * <p>Names, ids and times in the requests are fixed, so that a second run sends the same bytes.
 */
public final class CaptureClientMain {
    private static final long TIMEOUT_MILLIS = 10_000;
    private static final long TIME = 1_700_000_000_000L;
    private static final String TOPIC = "golden-topic";
    private static final String PRODUCER_GROUP = "golden-producers";
    private static final String CONSUMER_GROUP = "golden-consumers";
    private static final String CLIENT_ID = "127.0.0.1@golden";
    private static final String BROKER = "broker-a";

    private final MQClientAPIImpl api =
        new MQClientAPIImpl(new NettyClientConfig(), new ClientRemotingProcessor(null), null, new ClientConfig());

    public static void main(String[] args) throws Exception {
        System.setProperty(RemotingCommand.REMOTING_VERSION_KEY, Integer.toString(MQVersion.CURRENT_VERSION));
        CaptureClientMain client = new CaptureClientMain();
        client.api.start();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("operation", words[0]);
            result.put("code", client.perform(words[0], words[1]));
            out.println(RemotingSerializable.toJson(result, false));
        }
        Runtime.getRuntime().halt(0);
    }

    /** The response code; -1 when the client ended the operation without one. */
    private int perform(String operation, String address) {
        try {
            switch (operation) {
                case "route":
                    return route(address, TOPIC);
                case "route-of-unknown-topic":
                    return route(address, "golden-nowhere");
                case "heartbeat":
                    api.sendHeartbeat(address, heartbeat(), TIMEOUT_MILLIS);
                    return 0;
                case "unregister":
                    api.unregisterClient(address, CLIENT_ID, PRODUCER_GROUP, CONSUMER_GROUP, TIMEOUT_MILLIS);
                    return 0;
                case "send":
                    return send(address, message("a golden message", "0100007F00010000000000000000000A"));
                case "send-batch":
                    return send(address, batch());
                case "query-offset":
                    return queryOffset(address);
                case "unknown-code":
                    return api.getRemotingClient()
                        .invokeSync(address, RemotingCommand.createRequestCommand(9999, null), TIMEOUT_MILLIS)
                        .getCode();
                default:
                    throw new IllegalArgumentException("No operation " + operation);
            }
        } catch (MQBrokerException failure) {
            return failure.getResponseCode();
        } catch (MQClientException failure) {
            return failure.getResponseCode();
        } catch (IllegalArgumentException failure) {
            throw failure;
        } catch (Exception failure) {
            failure.printStackTrace();
            return -1;
        }
    }

    private int route(String address, String topic) throws Exception {
        api.updateNameServerAddressList(address);
        api.getTopicRouteInfoFromNameServer(topic, TIMEOUT_MILLIS);
        return 0;
    }

    private static HeartbeatData heartbeat() throws Exception {
        SubscriptionData topic = FilterAPI.buildSubscriptionData(TOPIC, "red || green");
        topic.setSubVersion(TIME);
        SubscriptionData retries = FilterAPI.buildSubscriptionData(MixAll.getRetryTopic(CONSUMER_GROUP), "*");
        retries.setSubVersion(TIME);
        ConsumerData consumers = new ConsumerData();
        consumers.setGroupName(CONSUMER_GROUP);
        consumers.setConsumeType(ConsumeType.CONSUME_PASSIVELY);
        consumers.setMessageModel(MessageModel.CLUSTERING);
        consumers.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        consumers.setSubscriptionDataSet(new LinkedHashSet<>(Arrays.asList(topic, retries)));
        ProducerData producers = new ProducerData();
        producers.setGroupName(PRODUCER_GROUP);
        HeartbeatData heartbeat = new HeartbeatData();
        heartbeat.setClientID(CLIENT_ID);
        heartbeat.setProducerDataSet(Collections.singleton(producers));
        heartbeat.setConsumerDataSet(Collections.singleton(consumers));
        return heartbeat;
    }

    private static Message message(String text, String id) {
        Message message = new Message(TOPIC, "red", "key-1 key-2", text.getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("größe", "größer als 日本 😀");
        message.getProperties().put("UNIQ_KEY", id);
        return message;
    }

    private static MessageBatch batch() {
        List<Message> messages = Arrays.asList(
            message("first of a batch", "0100007F00010000000000000000000B"),
            message("second of a batch", "0100007F00010000000000000000000C"));
        MessageBatch batch = MessageBatch.generateFromList(messages);
        batch.setBody(batch.encode());
        return batch;
    }

    private int send(String address, Message message) throws Exception {
        boolean batch = message instanceof MessageBatch;
        SendMessageRequestHeader header = new SendMessageRequestHeader();
        header.setProducerGroup(PRODUCER_GROUP);
        header.setTopic(TOPIC);
        header.setDefaultTopic(TopicValidator.AUTO_CREATE_TOPIC_KEY_TOPIC);
        header.setDefaultTopicQueueNums(4);
        header.setQueueId(1);
        header.setSysFlag(0);
        header.setBornTimestamp(TIME);
        header.setFlag(message.getFlag());
        header.setProperties(MessageDecoder.messageProperties2String(message.getProperties()));
        header.setReconsumeTimes(0);
        header.setUnitMode(false);
        header.setBatch(batch);
        header.setBrokerName(BROKER);
        api.sendMessage(address, BROKER, message, header, TIMEOUT_MILLIS, CommunicationMode.SYNC, null, null);
        return 0;
    }

    private int queryOffset(String address) throws Exception {
        QueryConsumerOffsetRequestHeader header = new QueryConsumerOffsetRequestHeader();
        header.setConsumerGroup(CONSUMER_GROUP);
        header.setTopic(TOPIC);
        header.setQueueId(1);
        header.setBrokerName(BROKER);
        api.queryConsumerOffset(address, header, TIMEOUT_MILLIS);
        return 0;
    }
}
