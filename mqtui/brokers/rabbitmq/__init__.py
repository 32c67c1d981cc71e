"""RabbitMQ: AMQP 0-9-1 by pika on a thread of its own, and the management API by httpx2."""
