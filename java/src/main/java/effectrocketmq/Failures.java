package effectrocketmq;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;

/** Exceptions of the official client as plain values. */
final class Failures {
    private Failures() {
    }

    static Map<String, Object> describe(Throwable failure) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("kind", failure.getClass().getSimpleName());
        fields.put("message", String.valueOf(failure.getMessage()));
        if (failure instanceof MQBrokerException) {
            fields.put("code", ((MQBrokerException) failure).getResponseCode());
        } else if (failure instanceof MQClientException) {
            fields.put("code", ((MQClientException) failure).getResponseCode());
        }
        return fields;
    }
}
