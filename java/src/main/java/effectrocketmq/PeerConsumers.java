package effectrocketmq;

import com.alibaba.fastjson.JSONObject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Official consumers, kept until the program ends. */
@SuppressWarnings("deprecation")
final class PeerConsumers {
    private final Map<String, DefaultMQPullConsumer> pullConsumers = new HashMap<>();
    private final Map<String, DefaultMQPushConsumer> repliers = new HashMap<>();
    private final PeerProducers producers;

    PeerConsumers(PeerProducers producers) {
        this.producers = producers;
    }

    /**
     * {@code nameServer}, {@code topic}, {@code count}; optionally {@code namespace}, {@code timeoutMillis}: everything
     * that a topic has once it has {@code count} messages, or when the time is over; by broker, queue and offset.
     */
    Object read(JSONObject command) throws Exception {
        DefaultMQPullConsumer consumer = pullConsumer(command);
        String topic = command.getString("topic");
        int count = command.getIntValue("count");
        Long timeout = command.getLong("timeoutMillis");
        long deadline = System.currentTimeMillis() + (timeout == null ? 15_000 : timeout);
        Map<MessageQueue, Long> offsets = new HashMap<>();
        List<MessageExt> messages = new ArrayList<>();
        while (true) {
            for (MessageQueue queue : queues(consumer, topic, deadline)) {
                Long offset = offsets.get(queue);
                if (offset == null) {
                    offset = consumer.minOffset(queue);
                }
                PullResult result = consumer.pull(queue, "*", offset, 32);
                offsets.put(queue, result.getNextBeginOffset());
                if (result.getPullStatus() == PullStatus.FOUND) {
                    messages.addAll(result.getMsgFoundList());
                }
            }
            if (messages.size() >= count || System.currentTimeMillis() > deadline) {
                break;
            }
            Thread.sleep(20);
        }
        messages.sort(Comparator.comparing(MessageExt::getBrokerName)
            .thenComparingInt(MessageExt::getQueueId)
            .thenComparingLong(MessageExt::getQueueOffset));
        List<Object> described = new ArrayList<>();
        for (MessageExt message : messages) {
            described.add(describe(message));
        }
        return described;
    }

    /** {@code nameServer}, {@code topic}, {@code group}: answers every request in the topic with "re: " and its body. */
    Object reply(JSONObject command) throws Exception {
        String group = command.getString("group");
        DefaultMQProducer producer = producers.producer(command);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(command.getString("nameServer"));
        consumer.setInstanceName("replier-" + repliers.size());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                try {
                    String body = "re: " + new String(message.getBody(), StandardCharsets.UTF_8);
                    producer.send(
                        MessageUtil.createReplyMessage(message, body.getBytes(StandardCharsets.UTF_8)), 3000);
                } catch (Exception failure) {
                    failure.printStackTrace();
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.subscribe(command.getString("topic"), "*");
        consumer.start();
        repliers.put(group, consumer);
        return null;
    }

    /** A topic that was just made is not known everywhere at once. */
    private static Iterable<MessageQueue> queues(DefaultMQPullConsumer consumer, String topic, long deadline)
        throws Exception {
        while (true) {
            try {
                return consumer.fetchSubscribeMessageQueues(topic);
            } catch (MQClientException failure) {
                if (System.currentTimeMillis() > deadline) {
                    throw failure;
                }
                Thread.sleep(50);
            }
        }
    }

    private DefaultMQPullConsumer pullConsumer(JSONObject command) throws Exception {
        String namespace = command.getString("namespace");
        String key = command.getString("nameServer") + "\n" + namespace;
        DefaultMQPullConsumer known = pullConsumers.get(key);
        if (known != null) {
            return known;
        }
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("java-readers");
        consumer.setNamesrvAddr(command.getString("nameServer"));
        consumer.setInstanceName("reader-" + pullConsumers.size());
        if (namespace != null) {
            consumer.setNamespace(namespace);
        }
        consumer.start();
        pullConsumers.put(key, consumer);
        return consumer;
    }

    private static Map<String, Object> describe(MessageExt message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("topic", message.getTopic());
        fields.put("brokerName", message.getBrokerName());
        fields.put("queueId", message.getQueueId());
        fields.put("queueOffset", message.getQueueOffset());
        fields.put("msgId", message.getMsgId());
        fields.put("offsetMsgId", ((MessageClientExt) message).getOffsetMsgId());
        fields.put("flag", message.getFlag());
        fields.put("sysFlag", message.getSysFlag());
        fields.put("storeSize", message.getStoreSize());
        fields.put("bodyCrc", message.getBodyCRC());
        fields.put("body", Base64.getEncoder().encodeToString(message.getBody()));
        fields.put("bornTimestamp", message.getBornTimestamp());
        fields.put("bornHost", message.getBornHostString());
        fields.put("storeTimestamp", message.getStoreTimestamp());
        fields.put("reconsumeTimes", message.getReconsumeTimes());
        fields.put("preparedTransactionOffset", message.getPreparedTransactionOffset());
        fields.put("tags", message.getTags());
        fields.put("keys", message.getKeys());
        fields.put("transactionId", message.getTransactionId());
        fields.put("delayLevel", message.getDelayTimeLevel());
        fields.put("waitStoreMsgOk", message.isWaitStoreMsgOK());
        fields.put("properties", message.getProperties());
        return fields;
    }
}
