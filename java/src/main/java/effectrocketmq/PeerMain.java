package effectrocketmq;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * The official Java client and mqadmin as peers of a test. Reads one JSON object per line from standard input, whose
 * {@code op} names an operation, and answers each with one JSON object on one line: {@code {"ok": …}}, or
 * {@code {"failure": …}} with the class, the message and, where there is one, the response code of the exception.
 *
 * <p>All operations run in one JVM, one after the other: a JVM takes longer to start than everything they do.
 */
public final class PeerMain {
    private final PeerProducers producers = new PeerProducers();
    private final PeerConsumers consumers = new PeerConsumers(producers);
    private final PeerSubscribers subscribers = new PeerSubscribers();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        // Only answers may stand on the standard output.
        System.setOut(System.err);
        PeerMain peer = new PeerMain();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> answer = new LinkedHashMap<>();
            try {
                answer.put("ok", peer.perform(JSON.parseObject(line)));
            } catch (Throwable failure) {
                answer.put("failure", Failures.describe(failure));
            }
            out.println(JSON.toJSONString(answer));
        }
        Runtime.getRuntime().halt(0);
    }

    private Object perform(JSONObject command) throws Exception {
        switch (command.getString("op")) {
            case "send":
                return producers.send(command);
            case "sendBatch":
                return producers.sendBatch(command);
            case "sendInTransaction":
                return producers.sendInTransaction(command);
            case "recall":
                return producers.recall(command);
            case "request":
                return producers.request(command);
            case "read":
                return consumers.read(command);
            case "reply":
                return consumers.reply(command);
            case "subscribe":
                return subscribers.subscribe(command);
            case "assigned":
                return subscribers.assigned(command);
            case "commit":
                return subscribers.commit(command);
            case "leave":
                return subscribers.leave(command);
            case "consumed":
                return subscribers.consumed(command);
            case "litePull":
                return subscribers.litePull(command);
            case "pull":
                return subscribers.pull(command);
            case "admin":
                return admin(command);
            default:
                throw new IllegalArgumentException("No operation " + command.getString("op"));
        }
    }

    /** What mqadmin printed. It tells of a failure by a stack trace alone. */
    private static String admin(JSONObject command) throws Exception {
        List<String> args = new ArrayList<>(command.getJSONArray("args").toJavaList(String.class));
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        ByteArrayOutputStream trace = new ByteArrayOutputStream();
        Thread caller = Thread.currentThread();
        PrintStream out = System.out;
        PrintStream err = System.err;
        System.setOut(new PrintStream(printed, true, "UTF-8"));
        System.setErr(new PrintStream(err, true) {
            @Override
            public void println(Object line) {
                if (Thread.currentThread() == caller) {
                    trace.writeBytes((line + "\n").getBytes(StandardCharsets.UTF_8));
                }
                super.println(line);
            }
        });
        try {
            Admin.forget();
            MQAdminStartup.main0(args.toArray(new String[0]), null);
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
        if (trace.size() > 0) {
            throw new IllegalStateException(trace.toString("UTF-8"));
        }
        return printed.toString("UTF-8");
    }

    /** Some commands keep their client, which they have shut down; those of the next call must be new ones. */
    private static final class Admin extends MQAdminStartup {
        static void forget() {
            SUB_COMMANDS.clear();
        }
    }
}
