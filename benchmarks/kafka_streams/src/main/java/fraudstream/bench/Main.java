package fraudstream.bench;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;

/** Payments → scored payments, exactly once, in one thread. Configured by the same variables as the Python scorer. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, String> env = System.getenv();
        LogisticModel model = new JsonMapper().readValue(new File(env.get("MODEL_PARAMETERS")), LogisticModel.class);
        KafkaStreams streams = new KafkaStreams(topology(env, model), settings(env));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    private static Topology topology(Map<String, String> env, LogisticModel model) {
        var bytesIn = new ByteArrayDeserializer();
        var bytesOut = new ByteArraySerializer();
        return new Topology()
                .addSource("payments", bytesIn, bytesIn, env.get("INPUT_TOPIC"))
                .addProcessor("scoring", () -> new ScoringProcessor(model), "payments")
                .addSink(ScoringProcessor.SCORED, env.get("SCORED_TOPIC"), bytesOut, bytesOut, "scoring")
                .addSink(ScoringProcessor.DEAD, env.get("DLQ_TOPIC"), bytesOut, bytesOut, "scoring");
    }

    private static Properties settings(Map<String, String> env) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env.get("KAFKA_BOOTSTRAP_SERVERS"));
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, env.get("CONSUMER_GROUP"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, env.get("COMMIT_INTERVAL_MS"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, env.get("STATE_DIR"));
        settings.put("auto.offset.reset", "earliest");
        return settings;
    }
}
