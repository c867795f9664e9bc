package effectrocketmq;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.remoting.protocol.body.RegisterBrokerBody;

/**
 * Writes and reads JSON bodies: a request in each line of standard input, its answer in a line.
 *
 * <ul>
 * <li>{@code sample <class>}: the JSON of an object with something in every field
 * <li>{@code empty <class>}: the JSON of an object with its defaults
 * <li>{@code read <class> <JSON in hexadecimal>}: what Java makes of it, as JSON again
 * <li>{@code sample-compressed}, {@code read-compressed <body in hexadecimal>}: the same for a deflated
 * {@code RegisterBrokerBody}
 * </ul>
 *
 * {@code <class>[]} stands for a list. A line break in JSON would be one in the answer: there are none.
 */
public final class BodiesMain {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(line.split(" ")));
        }
    }

    private static String answer(String[] words) throws Exception {
        switch (words[0]) {
            case "sample":
                return json(words[1].endsWith("[]")
                    ? Arrays.asList(new Samples().filled(type(words[1])), new Samples().filled(type(words[1])))
                    : new Samples().filled(type(words[1])));
            case "empty":
                return json(words[1].endsWith("[]") ? new ArrayList<>() : Samples.empty(type(words[1])));
            case "read": {
                byte[] bytes = Hex.decode(words[2]);
                return json(words[1].endsWith("[]")
                    ? RemotingSerializable.decodeList(bytes, type(words[1]))
                    : RemotingSerializable.decode(bytes, type(words[1])));
            }
            case "sample-compressed": {
                RegisterBrokerBody body = (RegisterBrokerBody) new Samples().filled(RegisterBrokerBody.class);
                return Hex.encode(body.encode(true));
            }
            case "read-compressed":
                return json(RegisterBrokerBody.decode(Hex.decode(words[1]), true, MQVersion.Version.V5_3_0));
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    private static Class<?> type(String name) throws ClassNotFoundException {
        return Samples.named(name.replace("[]", ""));
    }

    private static String json(Object value) {
        return RemotingSerializable.toJson(value, false);
    }
}
