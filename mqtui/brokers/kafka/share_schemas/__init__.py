"""Message schemas that kafka-python does not bring: share groups (KIP-932), fields as Apache Kafka 4.3 has them."""
