"""Library shared by the services for real-time payment-fraud scoring on Kafka."""
