"""Connections to RabbitMQ: AMQP 0-9-1 channels, the I/O thread they live on, and the management API."""
