"""Producer: sends payments to Kafka, simulated or from a user's file, at a steady rate."""
