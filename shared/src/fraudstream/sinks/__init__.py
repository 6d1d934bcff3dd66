"""Where scores go beside Kafka: one protocol, a file and a memory behind it."""
