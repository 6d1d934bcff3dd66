"""Real-time payment-fraud scoring on Kafka: what the services share."""
