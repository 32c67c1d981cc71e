"""Protocol schemas that kafka-python lacks: share groups (KIP-932), with the fields of Apache Kafka 4.3."""
