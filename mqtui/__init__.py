"""mqtui: a terminal console and a headless twin for Apache Kafka, RabbitMQ and Redis Streams."""

__version__ = "0.1.0"
