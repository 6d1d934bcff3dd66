"""The producer: payments into Kafka, simulated or from a user's file, at a steady pace."""
