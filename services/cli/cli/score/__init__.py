"""`fraudstream score`: scores the payments of a file without Kafka."""
