"""The archive: scored payments and dead letters from Kafka into a database, each once."""
