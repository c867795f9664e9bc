package effectrocketmq;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/**
 * Reads frames from standard input, one in hexadecimal per line, the four length bytes included, and prints for each
 * what {@code RemotingCommand.decode} made of it, as one line of JSON.
 */
public final class DecodeMain {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ByteBuffer frame = ByteBuffer.wrap(Hex.decode(line.trim()));
            int length = frame.getInt();
            if (length != frame.remaining()) {
                throw new IllegalArgumentException("Length " + length + ", but " + frame.remaining() + " bytes follow");
            }
            out.println(RemotingSerializable.toJson(describe(RemotingCommand.decode(frame)), false));
        }
    }

    private static Map<String, Object> describe(RemotingCommand command) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("code", command.getCode());
        fields.put("flag", command.getFlag());
        fields.put("opaque", command.getOpaque());
        fields.put("language", String.valueOf(command.getLanguage()));
        fields.put("version", command.getVersion());
        if (command.getRemark() != null) {
            fields.put("remark", command.getRemark());
        }
        Map<String, String> extFields = new TreeMap<>();
        if (command.getExtFields() != null) {
            extFields.putAll(command.getExtFields());
        }
        fields.put("extFields", extFields);
        if (command.getBody() != null) {
            fields.put("bodyHex", Hex.encode(command.getBody()));
        }
        return fields;
    }
}
