package fraudstream.bench;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Logistic regression on standardised features, with the parameters of the Python scorer's logistic model. */
record LogisticModel(
        @JsonProperty("version") String version,
        @JsonProperty("mean") double[] mean,
        @JsonProperty("scale") double[] scale,
        @JsonProperty("coefficients") double[] coefficients,
        @JsonProperty("intercept") double intercept,
        @JsonProperty("review") double review,
        @JsonProperty("block") double block) {

    private static final double SMALLEST = 1e-6;

    /** The probability of fraud, rounded to 6 decimals, never 0 or 1. */
    double probability(Payment payment) {
        double logOdds = intercept
                + term(0, payment.amount())
                + term(1, payment.countryRiskScore())
                + term(2, payment.failedLogins())
                + term(3, payment.transactionHour())
                + term(4, payment.isNewDevice());
        double rounded = Math.rint(1e6 / (1.0 + Math.exp(-logOdds))) / 1e6;
        return Math.min(Math.max(rounded, SMALLEST), 1.0 - SMALLEST);
    }

    String decision(double probability) {
        return probability >= block ? "block" : probability >= review ? "review" : "approve";
    }

    private double term(int feature, double value) {
        return coefficients[feature] * (value - mean[feature]) / scale[feature];
    }
}
