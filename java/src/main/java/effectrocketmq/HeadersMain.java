package effectrocketmq;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.annotation.CFNotNull;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/**
 * Writes and reads custom headers: a request in each line of standard input, its answer in a line of JSON.
 *
 * <ul>
 * <li>{@code sample <class>}: the ext fields of a header with something in every field
 * <li>{@code not-null <class>}: the fields that must be there
 * <li>{@code read <class> <ext fields in hexadecimal JSON>}: what Java makes of them, as ext fields again
 * </ul>
 */
public final class HeadersMain {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            Class<? extends CommandCustomHeader> type = Samples.named(words[1]).asSubclass(CommandCustomHeader.class);
            out.println(RemotingSerializable.toJson(answer(words, type), false));
        }
    }

    private static Object answer(String[] words, Class<? extends CommandCustomHeader> type) throws Exception {
        switch (words[0]) {
            case "sample":
                return fields(type.cast(new Samples().filled(type)));
            case "not-null":
                return notNull(type);
            case "read":
                return fields(read(type, new String(Hex.decode(words[2]), StandardCharsets.UTF_8)));
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    private static Set<String> notNull(Class<?> type) {
        Set<String> names = new TreeSet<>();
        for (Class<?> each = type; each != Object.class; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                if (field.isAnnotationPresent(CFNotNull.class)) {
                    names.add(field.getName());
                }
            }
        }
        return names;
    }

    private static Map<String, String> fields(CommandCustomHeader header) {
        RemotingCommand command = RemotingCommand.createRequestCommand(0, header);
        command.makeCustomHeaderToNet();
        return command.getExtFields() == null ? new TreeMap<>() : new TreeMap<>(command.getExtFields());
    }

    @SuppressWarnings("unchecked")
    private static CommandCustomHeader read(Class<? extends CommandCustomHeader> type, String json) throws Exception {
        RemotingCommand command = RemotingCommand.createRequestCommand(0, null);
        command.setExtFields(RemotingSerializable.fromJson(json, HashMap.class));
        return command.decodeCommandCustomHeader(type);
    }
}
