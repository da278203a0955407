import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Constructs a real KafkaConsumer from each properties file, in one JVM, and reads the client's own log.
 * Prints `pass<TAB>file` or `fail<TAB>file<TAB>reason` a file.
 */
public class CheckConsumers {
    // Nothing listens there: what the log says of connections and of the final commit is not about configuration.
    private static final List<String> ABOUT_CONNECTIONS = List.of(
            "org.apache.kafka.clients.NetworkClient", "org.apache.kafka.clients.Metadata", "Synchronous auto-commit failed");

    public static void main(String[] files) {
        for (String file : files) {
            String found = String.join("; ", check(Path.of(file))).replaceAll("\\s+", " ");
            System.out.println(found.isEmpty() ? "pass\t" + file : "fail\t" + file + "\t" + found);
        }
    }

    private static List<String> check(Path file) {
        PrintStream before = System.err;
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        List<String> found = new ArrayList<>();
        try {
            construct(read(file));
        } catch (Throwable error) { // a missing class is an Error, and a verdict too
            for (Throwable t = error; t != null; t = t.getCause()) {
                found.add(t.getMessage() == null ? t.toString() : t.getMessage());
            }
        } finally {
            System.setErr(before);
        }
        List<String> lines = log.toString(StandardCharsets.UTF_8).lines().toList();
        if (found.isEmpty() && lines.stream().noneMatch(line -> line.contains("ConsumerConfig values"))) {
            found.add("the client logged nothing, so unused settings would not be seen");
        }
        for (String line : lines) {
            boolean warning = line.contains(" WARN ") || line.contains(" ERROR ");
            boolean unused = line.contains("supplied but are not used") || line.contains("aren't known") || line.contains("isn't a known");
            if (unused || (warning && ABOUT_CONNECTIONS.stream().noneMatch(line::contains))) {
                found.add(line);
            }
        }
        return found;
    }

    private static void construct(Properties given) {
        Properties all = new Properties();
        all.putAll(given);
        all.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:9");
        try (var consumer = new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.close(CloseOptions.timeout(Duration.ZERO));
        }
        // The client keeps its values to itself: parse them once more with its own definition, and compare.
        for (ConfigDef.ConfigKey key : ConsumerConfig.configDef().configKeys().values()) {
            String value = given.getProperty(key.name);
            Object parsed = value == null ? null : ConfigDef.parseType(key.name, value, key.type);
            if (parsed instanceof Number && !parsed.toString().equals(value)) {
                throw new IllegalArgumentException(key.name + ": " + value + " was given, " + parsed + " is in effect");
            }
        }
    }

    private static Properties read(Path file) throws java.io.IOException {
        Properties settings = new Properties() {
            @Override
            public synchronized Object put(Object key, Object value) {
                if (containsKey(key)) {
                    throw new IllegalArgumentException(key + " is set twice");
                }
                return super.put(key, value);
            }
        };
        try (Reader reader = Files.newBufferedReader(file)) {
            settings.load(reader);
        }
        return settings;
    }
}
