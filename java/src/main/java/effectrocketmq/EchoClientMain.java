package effectrocketmq;

import com.sun.management.OperatingSystemMXBean;
import io.netty.channel.Channel;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.remoting.ChannelEventListener;
import org.apache.rocketmq.remoting.InvokeCallback;
import org.apache.rocketmq.remoting.exception.RemotingSendRequestException;
import org.apache.rocketmq.remoting.exception.RemotingTimeoutException;
import org.apache.rocketmq.remoting.exception.RemotingTooMuchRequestException;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.netty.NettyRemotingClient;
import org.apache.rocketmq.remoting.netty.ResponseFuture;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/**
 * The official Java remoting client under load: requests of one code with a body of one size to one address, by
 * {@code invokeSync}, {@code invokeAsync} or {@code invokeOneway}. An answer counts as a success when its code is 0
 * and its body is that of the request. Prints one line of JSON at the end.
 *
 * <p>Options: {@code --address host:port}, {@code --mode sync|async|oneway}, {@code --in-flight n} (64),
 * {@code --body bytes} (1024), {@code --count n} or {@code --seconds s} (the measured window), {@code --warm-up s}
 * (0), {@code --rate n} a second (0: as fast as it goes), {@code --timeout ms} (3000), {@code --code n} (1000),
 * {@code --version n} (that of the client).
 */
public final class EchoClientMain {
    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final String address;
    private final String mode;
    private final int inFlight;
    private final int code;
    private final int version;
    private final long timeoutMillis;
    private final byte[] body;
    private final Pace pace;
    private final AtomicInteger connections = new AtomicInteger();
    private final Client client;
    private volatile Window window = new Window();

    private EchoClientMain(Arguments arguments) {
        address = arguments.text("address");
        mode = arguments.text("mode");
        if (!Arrays.asList("sync", "async", "oneway").contains(mode)) {
            throw new IllegalArgumentException("--mode is sync, async or oneway, not " + mode);
        }
        inFlight = arguments.integer("in-flight", 64);
        code = arguments.integer("code", 1000);
        version = arguments.integer("version", MQVersion.CURRENT_VERSION);
        timeoutMillis = arguments.integer("timeout", 3000);
        body = new byte[arguments.integer("body", 1024)];
        Arrays.fill(body, (byte) 'x');
        pace = new Pace(arguments.number("rate", 0));
        client = new Client(new NettyClientConfig(), new CountConnections());
    }

    public static void main(String[] args) throws Exception {
        Arguments arguments = new Arguments(args);
        double seconds = arguments.number("seconds", 0);
        long count = arguments.integer("count", 0);
        if (seconds <= 0 == count <= 0) {
            throw new IllegalArgumentException("Exactly one of --seconds and --count is required");
        }
        EchoClientMain main = new EchoClientMain(arguments);
        main.client.start();
        double warmUpSeconds = arguments.number("warm-up", 0);
        if (warmUpSeconds > 0) {
            main.drive(until(warmUpSeconds), Long.MAX_VALUE);
        }
        main.window = new Window();
        main.drive(seconds > 0 ? until(seconds) : Long.MAX_VALUE, seconds > 0 ? Long.MAX_VALUE : count);
        System.out.println(main.report());
        System.out.flush();
        // Netty's threads need seconds to stop, and there is nothing left to wait for.
        Runtime.getRuntime().halt(0);
    }

    private static long until(double seconds) {
        return System.nanoTime() + (long) (seconds * 1e9);
    }

    /** Issues requests until the time or the count is used up, then waits for those in flight. */
    private void drive(long deadlineNanos, long count) throws InterruptedException {
        pace.restart();
        AtomicLong issued = new AtomicLong();
        if (mode.equals("async")) {
            Semaphore slots = new Semaphore(inFlight);
            BooleanSupplier more = () -> System.nanoTime() < deadlineNanos && issued.getAndIncrement() < count;
            while (more.getAsBoolean()) {
                pace.await();
                slots.acquire();
                async(slots, more);
            }
            slots.acquire(inFlight);
        } else {
            Thread[] threads = new Thread[inFlight];
            for (int i = 0; i < inFlight; i++) {
                threads[i] = new Thread(() -> {
                    while (System.nanoTime() < deadlineNanos && issued.getAndIncrement() < count) {
                        pace.await();
                        blocking();
                    }
                });
                threads[i].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
        }
        window.end(mode.equals("oneway") ? client.awaitWritten(window.invoked(), timeoutMillis) : 0);
    }

    private RemotingCommand request() {
        RemotingCommand request = RemotingCommand.createRequestCommand(code, null);
        request.setVersion(version);
        request.setBody(body);
        return request;
    }

    private void blocking() {
        Window current = window;
        long start = System.nanoTime();
        try {
            if (mode.equals("oneway")) {
                client.invokeOneway(address, request(), timeoutMillis);
                current.succeeded(start);
            } else {
                current.settled(start, client.invokeSync(address, request(), timeoutMillis), body);
            }
        } catch (Exception failure) {
            current.failed(start, failure);
        }
    }

    private void async(Semaphore slots, BooleanSupplier more) {
        Window current = window;
        long start = System.nanoTime();
        // A request may be refused by a throw and by its callback, and must give its slot back once.
        Semaphore once = new Semaphore(1);
        InvokeCallback callback = new InvokeCallback() {
            @Override
            public void operationComplete(ResponseFuture future) {
            }

            @Override
            public void operationSucceed(RemotingCommand response) {
                if (once.tryAcquire()) {
                    current.settled(start, response, body);
                    // The next request from here, unless it has to wait for its turn: a hand-over to another thread
                    // would cost more than the client itself.
                    if (pace.unlimited() && more.getAsBoolean()) {
                        async(slots, more);
                    } else {
                        slots.release();
                    }
                }
            }

            @Override
            public void operationFail(Throwable failure) {
                if (once.tryAcquire()) {
                    current.failed(start, failure);
                    slots.release();
                }
            }
        };
        try {
            client.invokeAsync(address, request(), timeoutMillis, callback);
        } catch (Exception failure) {
            callback.operationFail(failure);
        }
    }

    private String report() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("client", "java-" + MQVersion.getVersionDesc(MQVersion.CURRENT_VERSION));
        fields.put("mode", mode);
        fields.put("inFlight", inFlight);
        fields.put("bodyBytes", body.length);
        window.describe(fields);
        fields.put("connections", connections.get());
        return RemotingSerializable.toJson(fields, false);
    }

    /** What one window measured. */
    private static final class Window {
        private static final int STEPS = 32;
        private final long startNanos = System.nanoTime();
        private final long startCpuNanos = SYSTEM.getProcessCpuTime();
        private final AtomicLong succeeded = new AtomicLong();
        private final AtomicLong failed = new AtomicLong();
        private final AtomicLong slowestNanos = new AtomicLong();
        /** Latencies by magnitude, each power of two in equal steps: within 3 % of the truth. */
        private final AtomicLongArray latencies = new AtomicLongArray(64 * STEPS);
        private final Map<String, Integer> failures = new TreeMap<>();
        private long endNanos;
        private long endCpuNanos;

        void settled(long start, RemotingCommand response, byte[] body) {
            if (response.getCode() != 0) {
                failed(start, "ResponseCode" + response.getCode());
            } else if (!Arrays.equals(body, response.getBody() == null ? new byte[0] : response.getBody())) {
                failed(start, "BodyDiffers");
            } else {
                succeeded(start);
            }
        }

        void succeeded(long start) {
            succeeded.incrementAndGet();
            latency(System.nanoTime() - start);
        }

        void failed(long start, Throwable failure) {
            failed(start, failure.getClass().getSimpleName());
        }

        private void failed(long start, String kind) {
            failed.incrementAndGet();
            latency(System.nanoTime() - start);
            synchronized (failures) {
                failures.merge(kind, 1, Integer::sum);
            }
        }

        private void latency(long nanos) {
            slowestNanos.accumulateAndGet(nanos, Math::max);
            int magnitude = 63 - Long.numberOfLeadingZeros(Math.max(nanos, STEPS));
            int step = (int) (nanos - (1L << magnitude) >> magnitude - 5);
            latencies.incrementAndGet(magnitude * STEPS + Math.max(0, step));
        }

        long invoked() {
            return succeeded.get();
        }

        /** Takes back the requests that were invoked without an error and never written. */
        void end(long notWritten) {
            if (notWritten > 0) {
                succeeded.addAndGet(-notWritten);
                failed.addAndGet(notWritten);
                failures.put("NotWritten", (int) notWritten);
            }
            endNanos = System.nanoTime();
            endCpuNanos = SYSTEM.getProcessCpuTime();
        }

        void describe(Map<String, Object> fields) {
            long requests = succeeded.get() + failed.get();
            double seconds = (endNanos - startNanos) / 1e9;
            fields.put("requests", requests);
            fields.put("succeeded", succeeded.get());
            fields.put("failed", failed.get());
            fields.put("failures", failures);
            fields.put("seconds", rounded(seconds));
            fields.put("requestsPerSecond", rounded(requests / seconds));
            fields.put("cpuMicrosPerRequest", rounded((endCpuNanos - startCpuNanos) / 1e3 / Math.max(1, requests)));
            Map<String, Object> micros = new LinkedHashMap<>();
            micros.put("p50", percentile(requests, 0.50));
            micros.put("p90", percentile(requests, 0.90));
            micros.put("p99", percentile(requests, 0.99));
            micros.put("max", rounded(slowestNanos.get() / 1e3));
            fields.put("latencyMicros", micros);
        }

        private double percentile(long requests, double share) {
            long rank = (long) Math.ceil(requests * share);
            long seen = 0;
            for (int i = 0; i < latencies.length(); i++) {
                seen += latencies.get(i);
                if (seen >= rank && seen > 0) {
                    int magnitude = i / STEPS;
                    return rounded(((1L << magnitude) + ((long) (i % STEPS) << magnitude - 5)) / 1e3);
                }
            }
            return 0;
        }

        private static double rounded(double value) {
            return Math.round(value * 100) / 100.0;
        }
    }

    /** Spreads requests evenly over time; without a rate it lets everything pass. */
    private static final class Pace {
        private final long intervalNanos;
        private final AtomicLong nextNanos = new AtomicLong();

        Pace(double perSecond) {
            intervalNanos = perSecond > 0 ? (long) (1e9 / perSecond) : 0;
        }

        boolean unlimited() {
            return intervalNanos == 0;
        }

        void restart() {
            nextNanos.set(System.nanoTime());
        }

        void await() {
            if (intervalNanos == 0) {
                return;
            }
            long mine = nextNanos.getAndAdd(intervalNanos);
            for (long rest = mine - System.nanoTime(); rest > 0; rest = mine - System.nanoTime()) {
                LockSupport.parkNanos(Math.min(rest, TimeUnit.MILLISECONDS.toNanos(50)));
            }
        }
    }

    /** Knows which oneway requests reached a socket: the stock client returns while it still connects. */
    private static final class Client extends NettyRemotingClient {
        private final int permits;
        private final AtomicLong handedOver = new AtomicLong();

        Client(NettyClientConfig config, ChannelEventListener listener) {
            super(config, listener);
            permits = config.getClientOnewaySemaphoreValue();
        }

        @Override
        public void invokeOnewayImpl(Channel channel, RemotingCommand request, long timeoutMillis)
            throws InterruptedException, RemotingTooMuchRequestException, RemotingTimeoutException,
            RemotingSendRequestException {
            super.invokeOnewayImpl(channel, request, timeoutMillis);
            handedOver.incrementAndGet();
        }

        /** Waits until so many requests, those of earlier windows apart, have been written; how many were not. */
        long awaitWritten(long requests, long timeoutMillis) throws InterruptedException {
            long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
            while (handedOver.get() < requests && System.nanoTime() < deadline) {
                Thread.sleep(1);
            }
            // A oneway request holds its permit until the socket has taken it.
            semaphoreOneway.acquire(permits);
            semaphoreOneway.release(permits);
            return requests - handedOver.getAndSet(0);
        }
    }

    private final class CountConnections implements ChannelEventListener {
        @Override
        public void onChannelConnect(String remoteAddr, Channel channel) {
        }

        @Override
        public void onChannelClose(String remoteAddr, Channel channel) {
        }

        @Override
        public void onChannelException(String remoteAddr, Channel channel) {
        }

        @Override
        public void onChannelIdle(String remoteAddr, Channel channel) {
        }

        @Override
        public void onChannelActive(String remoteAddr, Channel channel) {
            connections.incrementAndGet();
        }
    }
}
