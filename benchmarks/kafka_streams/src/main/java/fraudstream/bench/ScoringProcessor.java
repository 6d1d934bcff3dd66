package fraudstream.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** One payment in, one scored payment or one dead letter out. */
final class ScoringProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String SCORED = "scored";
    static final String DEAD = "dead";

    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .build();

    private final ObjectReader reader = JSON.readerFor(Payment.class);
    private final ObjectWriter writer = JSON.writerFor(ScoredPayment.class);
    private final LogisticModel model;
    private ProcessorContext<byte[], byte[]> context;
    private long scoredAtMs = -1;
    private String scoredAt;

    ScoringProcessor(LogisticModel model) {
        this.model = model;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        Payment payment = decoded(record.value());
        if (payment == null) {
            context.forward(record, DEAD);
        } else {
            context.forward(record.withValue(scored(payment, context.recordMetadata().orElseThrow())), SCORED);
        }
    }

    private Payment decoded(byte[] value) {
        try {
            Payment payment = reader.readValue(value);
            return payment.isValid() ? payment : null;
        } catch (IOException error) {
            return null;
        }
    }

    private byte[] scored(Payment payment, RecordMetadata source) {
        double probability = model.probability(payment);
        ScoredPayment scored = new ScoredPayment(
                payment.paymentId(),
                payment.amount(),
                payment.countryRiskScore(),
                payment.failedLogins(),
                payment.transactionHour(),
                payment.isNewDevice(),
                probability,
                model.decision(probability),
                model.version(),
                List.of(),
                source.partition(),
                source.offset(),
                now());
        try {
            return writer.writeValueAsBytes(scored);
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    /** RFC 3339 with milliseconds, made once a millisecond. */
    private String now() {
        long nowMs = System.currentTimeMillis();
        if (nowMs != scoredAtMs) {
            scoredAtMs = nowMs;
            scoredAt = Instant.ofEpochMilli(nowMs).truncatedTo(ChronoUnit.MILLIS).toString();
        }
        return scoredAt;
    }
}
