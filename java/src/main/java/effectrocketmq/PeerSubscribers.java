package effectrocketmq;

import com.alibaba.fastjson.JSONObject;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.store.OffsetStore;
import org.apache.rocketmq.client.impl.consumer.DefaultMQPushConsumerImpl;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/**
 * Official consumers that are members of groups: what they are delivered is written down by group. A message with a
 * property {@code failures} is failed that often before it is taken.
 */
@SuppressWarnings("deprecation")
final class PeerSubscribers {
    private final Map<String, DefaultMQPushConsumer> consumers = new HashMap<>();
    private final Map<String, List<Map<String, Object>>> deliveries = new HashMap<>();

    /**
     * {@code nameServer}, {@code id}, {@code group}, {@code topic}; optionally {@code expression} and {@code sql},
     * {@code orderly}, {@code broadcasting}, {@code pop}, {@code maxReconsumeTimes}.
     */
    Object subscribe(JSONObject command) throws Exception {
        String id = command.getString("id");
        String group = command.getString("group");
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(command.getString("nameServer"));
        consumer.setInstanceName(id);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setConsumeThreadMin(4);
        consumer.setConsumeThreadMax(4);
        consumer.setMqClientApiTimeout(10_000);
        consumer.setPollNameServerInterval(500);
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.setSuspendCurrentQueueTimeMillis(200);
        if (command.containsKey("maxReconsumeTimes")) {
            consumer.setMaxReconsumeTimes(command.getIntValue("maxReconsumeTimes"));
        }
        if (command.getBooleanValue("broadcasting")) {
            consumer.setMessageModel(MessageModel.BROADCASTING);
        }
        if (command.getBooleanValue("pop")) {
            consumer.setClientRebalance(false);
            shortenPopDelay(consumer);
        }
        String expression = command.getString("expression");
        if (expression == null) {
            expression = "*";
        }
        consumer.subscribe(
            command.getString("topic"),
            command.getBooleanValue("sql") ? MessageSelector.bySql(expression) : MessageSelector.byTag(expression));
        if (command.getBooleanValue("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> deliver(group, id, messages)
                ? ConsumeOrderlyStatus.SUCCESS
                : ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT);
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) ->
                deliver(group, id, messages)
                    ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS
                    : ConsumeConcurrentlyStatus.RECONSUME_LATER);
        }
        consumer.start();
        consumers.put(id, consumer);
        return null;
    }

    /** {@code id}, {@code topic}: the queues of the topic that are the consumer's now. */
    Object assigned(JSONObject command) {
        String topic = command.getString("topic");
        List<String> queues = new ArrayList<>();
        for (MessageQueue queue : consumers.get(command.getString("id"))
            .getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet()) {
            if (queue.getTopic().equals(topic)) {
                queues.add(queue.getBrokerName() + "/" + queue.getQueueId());
            }
        }
        return queues;
    }

    /** {@code id}: that consumer tells brokers how far it is, which it first does by itself after ten seconds. */
    Object commit(JSONObject command) {
        consumers.get(command.getString("id")).getDefaultMQPushConsumerImpl().persistConsumerOffset();
        return null;
    }

    /** {@code id}: that consumer ends. */
    Object leave(JSONObject command) {
        consumers.remove(command.getString("id")).shutdown();
        return null;
    }

    /**
     * {@code group}, {@code count}; optionally {@code timeoutMillis}: all deliveries so far as soon as {@code count} of
     * them were taken, or when the time is over, in the order in which they ended.
     */
    Object consumed(JSONObject command) throws InterruptedException {
        int count = command.getIntValue("count");
        long deadline = deadline(command);
        synchronized (deliveries) {
            List<Map<String, Object>> known =
                deliveries.computeIfAbsent(command.getString("group"), group -> new ArrayList<>());
            Predicate<Map<String, Object>> taken = delivery -> Boolean.TRUE.equals(delivery.get("taken"));
            LongSupplier left = () -> deadline - System.currentTimeMillis();
            while (known.stream().filter(taken).count() < count && left.getAsLong() > 0) {
                deliveries.wait(Math.max(1, left.getAsLong()));
            }
            return new ArrayList<>(known);
        }
    }

    /**
     * {@code nameServer}, {@code id}, {@code group}, {@code topic}, {@code count}; optionally {@code assign} and
     * {@code timeoutMillis}: what a lite pull consumer polls until it has so many messages, which it then commits.
     */
    Object litePull(JSONObject command) throws Exception {
        String topic = command.getString("topic");
        int count = command.getIntValue("count");
        long deadline = deadline(command);
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(command.getString("group"));
        consumer.setNamesrvAddr(command.getString("nameServer"));
        consumer.setInstanceName(command.getString("id"));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setAutoCommit(false);
        boolean assign = command.getBooleanValue("assign");
        if (!assign) {
            consumer.subscribe(topic, "*");
        }
        consumer.start();
        try {
            if (assign) {
                Collection<MessageQueue> queues = consumer.fetchMessageQueues(topic);
                consumer.assign(queues);
                for (MessageQueue queue : queues) {
                    consumer.seekToBegin(queue);
                }
            }
            List<Object> messages = new ArrayList<>();
            while (messages.size() < count && System.currentTimeMillis() < deadline) {
                for (MessageExt message : consumer.poll(200)) {
                    messages.add(describe(message));
                }
            }
            consumer.commit();
            return messages;
        } finally {
            consumer.shutdown();
        }
    }

    /**
     * As {@link #litePull}, with a pull consumer that reads each queue from where its group is, a message at a time, and
     * notes where it got to.
     */
    Object pull(JSONObject command) throws Exception {
        String topic = command.getString("topic");
        int count = command.getIntValue("count");
        long deadline = deadline(command);
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(command.getString("group"));
        consumer.setNamesrvAddr(command.getString("nameServer"));
        consumer.setInstanceName(command.getString("id"));
        consumer.start();
        try {
            OffsetStore offsets = consumer.getDefaultMQPullConsumerImpl().getOffsetStore();
            List<Object> messages = new ArrayList<>();
            while (messages.size() < count && System.currentTimeMillis() < deadline) {
                for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(topic)) {
                    long offset = Math.max(0, consumer.fetchConsumeOffset(queue, true));
                    PullResult result = messages.size() < count ? consumer.pull(queue, "*", offset, 1) : null;
                    if (result != null && result.getPullStatus() == PullStatus.FOUND) {
                        for (MessageExt message : result.getMsgFoundList()) {
                            messages.add(describe(message));
                        }
                        consumer.updateConsumeOffset(queue, result.getNextBeginOffset());
                        offsets.persist(queue);
                    }
                }
            }
            return messages;
        } finally {
            consumer.shutdown();
        }
    }

    /** Whether all of them are taken. */
    private boolean deliver(String group, String id, List<MessageExt> messages) {
        boolean all = true;
        for (MessageExt message : messages) {
            String failures = message.getUserProperty("failures");
            boolean taken = failures == null || message.getReconsumeTimes() >= Integer.parseInt(failures);
            all &= taken;
            Map<String, Object> delivery = describe(message);
            delivery.put("consumer", id);
            delivery.put("taken", taken);
            synchronized (deliveries) {
                deliveries.computeIfAbsent(group, key -> new ArrayList<>()).add(delivery);
                deliveries.notifyAll();
            }
        }
        return all;
    }

    /** A second from the first failure to the next delivery, which takes 10 otherwise and cannot be set. */
    private static void shortenPopDelay(DefaultMQPushConsumer consumer) throws ReflectiveOperationException {
        Field delays = DefaultMQPushConsumerImpl.class.getDeclaredField("popDelayLevel");
        delays.setAccessible(true);
        ((int[]) delays.get(consumer.getDefaultMQPushConsumerImpl()))[0] = 1;
    }

    private static long deadline(JSONObject command) {
        Long timeout = command.getLong("timeoutMillis");
        return System.currentTimeMillis() + (timeout == null ? 15_000 : timeout);
    }

    private static Map<String, Object> describe(MessageExt message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("topic", message.getTopic());
        fields.put("brokerName", message.getBrokerName());
        fields.put("queueId", message.getQueueId());
        fields.put("queueOffset", message.getQueueOffset());
        fields.put("msgId", message.getMsgId());
        fields.put("reconsumeTimes", message.getReconsumeTimes());
        fields.put("tags", message.getTags());
        fields.put("body", new String(message.getBody(), StandardCharsets.UTF_8));
        return fields;
    }
}
