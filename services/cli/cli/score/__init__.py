"""`fraudstream score`: the payments of a file scored without Kafka."""
