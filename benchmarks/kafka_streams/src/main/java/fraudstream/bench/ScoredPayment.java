package fraudstream.bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;

/** A scored payment on the wire: the same fields as the Python scorer's. */
@JsonPropertyOrder({
    "payment_id", "amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device",
    "fraud_probability", "decision", "model_version", "reasons", "source_partition", "source_offset", "scored_at"
})
record ScoredPayment(
        @JsonProperty("payment_id") long paymentId,
        @JsonProperty("amount") double amount,
        @JsonProperty("country_risk_score") double countryRiskScore,
        @JsonProperty("failed_logins") int failedLogins,
        @JsonProperty("transaction_hour") int transactionHour,
        @JsonProperty("is_new_device") int isNewDevice,
        @JsonProperty("fraud_probability") double fraudProbability,
        @JsonProperty("decision") String decision,
        @JsonProperty("model_version") String modelVersion,
        @JsonProperty("reasons") List<String> reasons,
        @JsonProperty("source_partition") int sourcePartition,
        @JsonProperty("source_offset") long sourceOffset,
        @JsonProperty("scored_at") String scoredAt) {}
