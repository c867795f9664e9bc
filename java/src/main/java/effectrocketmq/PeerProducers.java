package effectrocketmq;

import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Official producers, one for each way to make them, kept until the program ends. */
final class PeerProducers {
    private final Map<String, DefaultMQProducer> producers = new HashMap<>();

    /**
     * {@code nameServer}, {@code message}; optionally {@code group}, {@code namespace}, {@code compressType},
     * {@code timeoutMillis}, and either {@code queue} or {@code selectBy} (sent with SelectMessageQueueByHash), or
     * {@code oneway}, or {@code async}.
     */
    Object send(JSONObject command) throws Exception {
        DefaultMQProducer producer = producer(command);
        Message message = message(command.getJSONObject("message"));
        long timeout = timeoutMillis(command);
        if (command.getBooleanValue("oneway")) {
            producer.sendOneway(message);
            return null;
        }
        if (command.getBooleanValue("async")) {
            CompletableFuture<SendResult> sent = new CompletableFuture<>();
            producer.send(message, complete(sent), timeout);
            return describe(sent.get());
        }
        JSONObject queue = command.getJSONObject("queue");
        if (queue != null) {
            MessageQueue target =
                new MessageQueue(message.getTopic(), queue.getString("brokerName"), queue.getIntValue("queueId"));
            return describe(producer.send(message, target, timeout));
        }
        String selectBy = command.getString("selectBy");
        if (selectBy != null) {
            return describe(producer.send(message, new SelectMessageQueueByHash(), selectBy, timeout));
        }
        return describe(producer.send(message, timeout));
    }

    /** As {@link #send}, with {@code messages}. */
    Object sendBatch(JSONObject command) throws Exception {
        List<Message> messages = new ArrayList<>();
        JSONArray specified = command.getJSONArray("messages");
        for (int i = 0; i < specified.size(); i++) {
            messages.add(message(specified.getJSONObject(i)));
        }
        if (command.getBooleanValue("async")) {
            CompletableFuture<SendResult> sent = new CompletableFuture<>();
            producer(command).send(messages, complete(sent), timeoutMillis(command));
            return describe(sent.get());
        }
        return describe(producer(command).send(messages, timeoutMillis(command)));
    }

    /** As {@link #send}; {@code state} is what the local transaction returns, {@code checked} what a check-back does. */
    Object sendInTransaction(JSONObject command) throws Exception {
        Message message = message(command.getJSONObject("message"));
        TransactionMQProducer producer = (TransactionMQProducer) producer(command);
        return describe(producer.sendMessageInTransaction(message, command));
    }

    /** {@code nameServer}, {@code topic}, {@code handle}: the id of the recalled message. */
    Object recall(JSONObject command) throws Exception {
        return producer(command).recallMessage(command.getString("topic"), command.getString("handle"));
    }

    /** As {@link #send}: the reply. */
    Object request(JSONObject command) throws Exception {
        Message message = message(command.getJSONObject("message"));
        Message reply;
        if (command.getBooleanValue("async")) {
            CompletableFuture<Message> answer = new CompletableFuture<>();
            producer(command).request(message, replied(answer), timeoutMillis(command));
            reply = answer.get();
        } else {
            reply = producer(command).request(message, timeoutMillis(command));
        }
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("topic", reply.getTopic());
        fields.put("body", Base64.getEncoder().encodeToString(reply.getBody()));
        fields.put("properties", reply.getProperties());
        return fields;
    }

    DefaultMQProducer producer(JSONObject command) throws Exception {
        boolean transactional = "sendInTransaction".equals(command.getString("op"));
        String group = command.getString("group");
        if (group == null) {
            group = transactional ? "java-transactions" : "java-producers";
        }
        String namespace = command.getString("namespace");
        String compressType = command.getString("compressType");
        String key = String.join("\n", command.getString("nameServer"), group, namespace, compressType);
        DefaultMQProducer known = producers.get(key);
        if (known != null) {
            return known;
        }
        DefaultMQProducer producer = transactional ? new TransactionMQProducer(group) : new DefaultMQProducer(group);
        producer.setNamesrvAddr(command.getString("nameServer"));
        // Clients of different name servers and namespaces must not share a connection.
        producer.setInstanceName("producer-" + producers.size());
        producer.setMqClientApiTimeout(10_000);
        // The first is after a second in any case; who connects to its name server to send, as through a proxy, sends
        // none before.
        producer.setHeartbeatBrokerInterval(500);
        if (namespace != null) {
            producer.setNamespace(namespace);
        }
        if (compressType != null) {
            producer.setCompressType(CompressionType.of(compressType));
        }
        if (transactional) {
            ((TransactionMQProducer) producer).setTransactionListener(new Listener());
        }
        producer.start();
        producers.put(key, producer);
        return producer;
    }

    private static SendCallback complete(CompletableFuture<SendResult> sent) {
        return new SendCallback() {
            @Override
            public void onSuccess(SendResult result) {
                sent.complete(result);
            }

            @Override
            public void onException(Throwable failure) {
                sent.completeExceptionally(failure);
            }
        };
    }

    private static RequestCallback replied(CompletableFuture<Message> reply) {
        return new RequestCallback() {
            @Override
            public void onSuccess(Message message) {
                // It is called with null when the request is sent, too.
                if (message != null) {
                    reply.complete(message);
                }
            }

            @Override
            public void onException(Throwable failure) {
                reply.completeExceptionally(failure);
            }
        };
    }

    private static long timeoutMillis(JSONObject command) {
        Long timeout = command.getLong("timeoutMillis");
        return timeout == null ? 10_000 : timeout;
    }

    private static Message message(JSONObject specified) {
        Message message = new Message(specified.getString("topic"), Base64.getDecoder().decode(specified.getString("body")));
        if (specified.containsKey("tags")) {
            message.setTags(specified.getString("tags"));
        }
        if (specified.containsKey("keys")) {
            message.setKeys(specified.getJSONArray("keys").toJavaList(String.class));
        }
        if (specified.containsKey("flag")) {
            message.setFlag(specified.getIntValue("flag"));
        }
        if (specified.containsKey("waitStoreMsgOk")) {
            message.setWaitStoreMsgOK(specified.getBooleanValue("waitStoreMsgOk"));
        }
        if (specified.containsKey("delayLevel")) {
            message.setDelayTimeLevel(specified.getIntValue("delayLevel"));
        }
        if (specified.containsKey("delayMillis")) {
            message.setDelayTimeMs(specified.getLongValue("delayMillis"));
        }
        if (specified.containsKey("deliverAtMillis")) {
            message.setDeliverTimeMs(specified.getLongValue("deliverAtMillis"));
        }
        if (specified.containsKey("priority")) {
            message.setPriority(specified.getIntValue("priority"));
        }
        if (specified.containsKey("shardingKey")) {
            MessageAccessor.putProperty(message, MessageConst.PROPERTY_SHARDING_KEY, specified.getString("shardingKey"));
        }
        JSONObject properties = specified.getJSONObject("properties");
        if (properties != null) {
            for (String name : properties.keySet()) {
                message.putUserProperty(name, properties.getString(name));
            }
        }
        return message;
    }

    private static Map<String, Object> describe(SendResult result) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("status", result.getSendStatus().name());
        fields.put("msgId", result.getMsgId());
        fields.put("offsetMsgId", result.getOffsetMsgId());
        fields.put("brokerName", result.getMessageQueue().getBrokerName());
        fields.put("queueId", result.getMessageQueue().getQueueId());
        fields.put("queueOffset", result.getQueueOffset());
        fields.put("transactionId", result.getTransactionId());
        fields.put("recallHandle", result.getRecallHandle());
        fields.put("regionId", result.getRegionId());
        return fields;
    }

    private static final class Listener implements TransactionListener {
        private final Map<String, String> checked = new HashMap<>();

        @Override
        public synchronized LocalTransactionState executeLocalTransaction(Message message, Object arg) {
            JSONObject command = (JSONObject) arg;
            checked.put(message.getTransactionId(), command.getString("checked"));
            return LocalTransactionState.valueOf(command.getString("state"));
        }

        @Override
        public synchronized LocalTransactionState checkLocalTransaction(MessageExt message) {
            String state = checked.get(message.getTransactionId());
            return state == null ? LocalTransactionState.UNKNOW : LocalTransactionState.valueOf(state);
        }
    }
}
