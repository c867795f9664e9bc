package effectrocketmq;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/**
 * The official Java producer as it comes, under load; prints one line of JSON.
 *
 * <pre>
 *   --name-server host:port
 *   --topic       an existing topic
 *   --mode        sync (a thread for each message in flight) or async (the next message from the callback of the last)
 *   --in-flight   64
 *   --body        bytes of a message, 1024
 *   --warm-up     seconds of load before the window
 *   --seconds     the measured window; 0: end with the first message
 * </pre>
 *
 * Times by the wall clock, so that whoever started the JVM can tell how long the first message took.
 */
public final class SendBenchMain {
    private static final long WARM_UP_MESSAGES = 50_000;

    private final DefaultMQProducer producer = new DefaultMQProducer("bench_producer");
    private final String topic;
    private final byte[] body;
    private final int inFlight;
    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicReference<Object> failure = new AtomicReference<>();
    private volatile boolean stopping;

    private SendBenchMain(Arguments arguments) {
        topic = arguments.text("topic");
        inFlight = arguments.integer("in-flight", 64);
        body = new byte[arguments.integer("body", 1024)];
        Arrays.fill(body, (byte) 'x');
        producer.setNamesrvAddr(arguments.text("name-server"));
        // A machine that is busy with something else for a moment is no failure of the client's.
        producer.setMqClientApiTimeout(20_000);
        producer.setSendMsgTimeout(20_000);
    }

    public static void main(String[] args) {
        int status = 1;
        try {
            status = run(args);
        } catch (Exception cause) {
            cause.printStackTrace();
        }
        System.out.flush();
        // An orderly end takes seconds, and there is nothing left to wait for; without one the threads of Netty live on.
        Runtime.getRuntime().halt(status);
    }

    private static int run(String[] args) throws Exception {
        Arguments arguments = new Arguments(args);
        String mode = arguments.text("mode");
        if (!Arrays.asList("sync", "async").contains(mode)) {
            throw new IllegalArgumentException("--mode is sync or async, not " + mode);
        }
        SendBenchMain main = new SendBenchMain(arguments);
        main.producer.start();
        main.check(main.producer.send(main.message()));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("client", "java-" + MQVersion.getVersionDesc(MQVersion.CURRENT_VERSION));
        fields.put("firstAt", System.currentTimeMillis());
        double seconds = arguments.number("seconds", 0);
        if (seconds > 0) {
            main.measure(mode.equals("async"), arguments.number("warm-up", 0), seconds, fields);
        }
        fields.put("acknowledged", main.acknowledged.get());
        System.out.println(RemotingSerializable.toJson(fields, false));
        return main.failed() ? 1 : 0;
    }

    private void measure(boolean async, double warmUpSeconds, double seconds, Map<String, Object> fields)
        throws Exception {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        Semaphore ended = new Semaphore(0);
        for (int i = 0; i < inFlight; i++) {
            if (async) {
                sendAsync(ended);
            } else {
                new Thread(() -> sendSync(ended)).start();
            }
        }
        // On a busy machine few messages are sent in that time, and a JVM optimises what it has run often.
        long latest = System.nanoTime() + (long) (3e9 * warmUpSeconds);
        Thread.sleep((long) (warmUpSeconds * 1000));
        while (acknowledged.get() < WARM_UP_MESSAGES && System.nanoTime() < latest) {
            Thread.sleep(100);
        }
        long before = acknowledged.get();
        long cpuNanos = system.getProcessCpuTime();
        long nanos = System.nanoTime();
        Thread.sleep((long) (seconds * 1000));
        nanos = System.nanoTime() - nanos;
        cpuNanos = system.getProcessCpuTime() - cpuNanos;
        long messages = acknowledged.get() - before;
        long rss = residentBytes();
        stopping = true;
        ended.acquire(inFlight);
        fields.put("messages", messages);
        fields.put("messagesPerSecond", messages / (nanos / 1e9));
        fields.put("cpuMicros", cpuNanos / 1e3 / Math.max(1, messages));
        fields.put("rssBytes", rss);
    }

    private Message message() {
        return new Message(topic, body);
    }

    private void sendSync(Semaphore ended) {
        while (!stopping && !failed()) {
            try {
                check(producer.send(message()));
            } catch (Exception cause) {
                fail(cause);
            }
        }
        ended.release();
    }

    private void sendAsync(Semaphore ended) {
        if (stopping || failed()) {
            ended.release();
            return;
        }
        try {
            producer.send(message(), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    check(result);
                    sendAsync(ended);
                }

                @Override
                public void onException(Throwable cause) {
                    fail(cause);
                    ended.release();
                }
            });
        } catch (Exception cause) {
            fail(cause);
            ended.release();
        }
    }

    private void check(SendResult result) {
        if (result.getSendStatus() == SendStatus.SEND_OK) {
            acknowledged.incrementAndGet();
        } else {
            fail(result);
        }
    }

    private void fail(Object cause) {
        if (failure.compareAndSet(null, cause)) {
            System.err.println(cause);
        }
    }

    private boolean failed() {
        return failure.get() != null;
    }

    /** As the kernel counts it; 0 where there is no /proc. */
    private static long residentBytes() {
        try {
            for (String line : new String(Files.readAllBytes(Paths.get("/proc/self/status")), StandardCharsets.UTF_8)
                .split("\n")) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
        } catch (java.io.IOException noProc) {
            // Not Linux.
        }
        return 0;
    }
}
