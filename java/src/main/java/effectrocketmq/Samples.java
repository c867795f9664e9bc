package effectrocketmq;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;

/** Objects of RocketMQ's classes with something of their own in every field, by reflection. */
final class Samples {
    private static final List<String> PACKAGES = Arrays.asList(
        "org.apache.rocketmq.remoting.protocol.header.",
        "org.apache.rocketmq.remoting.protocol.header.namesrv.",
        "org.apache.rocketmq.remoting.protocol.body.",
        "org.apache.rocketmq.remoting.protocol.route.",
        "org.apache.rocketmq.remoting.protocol.heartbeat.",
        "org.apache.rocketmq.remoting.protocol.admin.",
        "org.apache.rocketmq.remoting.protocol.subscription.",
        "org.apache.rocketmq.remoting.protocol.statictopic.",
        "org.apache.rocketmq.remoting.protocol.",
        "org.apache.rocketmq.common.",
        "org.apache.rocketmq.common.message.");

    private int count = 0;

    /** A class by its simple name. */
    static Class<?> named(String name) throws ClassNotFoundException {
        for (String each : PACKAGES) {
            try {
                return Class.forName(each + name);
            } catch (ClassNotFoundException e) {
                // It is in another package.
            }
        }
        throw new ClassNotFoundException(name);
    }

    /** A new object of a class with its defaults. */
    static Object empty(Class<?> type) throws ReflectiveOperationException {
        Constructor<?> shortest = type.getDeclaredConstructors()[0];
        for (Constructor<?> each : type.getDeclaredConstructors()) {
            shortest = each.getParameterCount() < shortest.getParameterCount() ? each : shortest;
        }
        Object[] arguments = new Object[shortest.getParameterCount()];
        for (int i = 0; i < arguments.length; i++) {
            Class<?> parameter = shortest.getParameterTypes()[i];
            // The default of its type: null, 0 or false.
            arguments[i] = Array.get(Array.newInstance(parameter, 1), 0);
        }
        shortest.setAccessible(true);
        return shortest.newInstance(arguments);
    }

    /** A new object of a class with something in every field. */
    Object filled(Class<?> type) throws ReflectiveOperationException {
        Object object = empty(type);
        for (Class<?> each = type; each != Object.class; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                int modifiers = field.getModifiers();
                if (!Modifier.isStatic(modifiers) && !Modifier.isFinal(modifiers) && !Modifier.isTransient(modifiers)) {
                    field.setAccessible(true);
                    field.set(object, value(field.getName(), field.getGenericType()));
                }
            }
        }
        return object;
    }

    private Object value(String name, Type type) throws ReflectiveOperationException {
        if (type instanceof ParameterizedType) {
            ParameterizedType generic = (ParameterizedType) type;
            Class<?> raw = (Class<?>) generic.getRawType();
            Type[] arguments = generic.getActualTypeArguments();
            return Map.class.isAssignableFrom(raw)
                ? map(name, raw, arguments)
                : collection(name, raw, arguments[0]);
        }
        Class<?> raw = (Class<?>) type;
        count++;
        if (raw == String.class) {
            // The few texts that stand for something.
            return name.equals("topicFilterType") ? "MULTI_TAG" : name.equals("retry") ? "2" : name + "-" + count;
        } else if (raw == int.class || raw == Integer.class) {
            return count;
        } else if (raw == long.class || raw == Long.class) {
            return 1L + 10_000_000_000L * count;
        } else if (raw == double.class || raw == Double.class) {
            return count + 0.5;
        } else if (raw == boolean.class || raw == Boolean.class) {
            return true;
        } else if (raw == long[].class) {
            return new long[] {count, 10_000_000_000L};
        } else if (raw == AtomicLong.class) {
            return new AtomicLong(count);
        } else if (raw == BitSet.class) {
            return BitSet.valueOf(new long[] {0x8001L, count});
        } else if (raw == Properties.class) {
            Properties properties = new Properties();
            properties.setProperty("name-" + count, "value");
            return properties;
        } else if (raw.isEnum()) {
            Object[] constants = raw.getEnumConstants();
            return constants[1 % constants.length];
        }
        return filled(raw);
    }

    private Object collection(String name, Class<?> raw, Type element) throws ReflectiveOperationException {
        Collection<Object> values = raw.isAssignableFrom(ArrayList.class) ? new ArrayList<>()
            : raw.isAssignableFrom(HashSet.class) ? new HashSet<>() : new TreeSet<>();
        values.add(value(name, element));
        values.add(value(name, element));
        return values;
    }

    @SuppressWarnings("unchecked")
    private Object map(String name, Class<?> raw, Type[] arguments) throws ReflectiveOperationException {
        Map<Object, Object> values = raw == ConcurrentMap.class ? new ConcurrentHashMap<>()
            : raw == Map.class ? new LinkedHashMap<>() : (Map<Object, Object>) empty(raw);
        values.put(value(name, arguments[0]), value(name, arguments[1]));
        values.put(value(name, arguments[0]), value(name, arguments[1]));
        return values;
    }
}
