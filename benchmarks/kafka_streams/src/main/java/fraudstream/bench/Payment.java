package fraudstream.bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;

/** A payment on the wire; a field that is missing is null. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Payment(
        @JsonProperty("payment_id") Long paymentId,
        @JsonProperty("amount") Double amount,
        @JsonProperty("country_risk_score") Double countryRiskScore,
        @JsonProperty("failed_logins") Integer failedLogins,
        @JsonProperty("transaction_hour") Integer transactionHour,
        @JsonProperty("is_new_device") Integer isNewDevice) {

    boolean isValid() {
        return within(paymentId, 1, Long.MAX_VALUE)
                && within(amount, Double.MIN_VALUE, 1e12)
                && within(countryRiskScore, 0, 1)
                && within(failedLogins, 0, 10_000)
                && within(transactionHour, 0, 23)
                && within(isNewDevice, 0, 1);
    }

    private static boolean within(Long value, long low, long high) {
        return value != null && low <= value && value <= high;
    }

    private static boolean within(Integer value, int low, int high) {
        return value != null && low <= value && value <= high;
    }

    private static boolean within(Double value, double low, double high) {
        return value != null && low <= value && value <= high;
    }
}
