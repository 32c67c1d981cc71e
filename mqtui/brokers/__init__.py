"""The adapters of Kafka, RabbitMQ and Redis, and what they share. No other code talks to a broker."""
