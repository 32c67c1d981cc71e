"""Apache Kafka: the adapter, and its rooms for connections, for reading and for redrives."""
