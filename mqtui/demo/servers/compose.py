"""What docker-compose.yml must say: the same brokers, for people with Docker. A test compares the two."""

from mqtui.demo.servers.kafka import KAFKA_VERSION
from mqtui.demo.servers.rabbitmq import PASSWORD, PLUGINS, USER

IMAGES = {
    "kafka": f"apache/kafka:{KAFKA_VERSION}",
    "rabbitmq": "rabbitmq:4.0.5-management",
    "redis": "redis:8.0.2",
}
"""The image of each broker; the versions are those that reference measurements were made with."""
PORTS = {"kafka": (9092,), "rabbitmq": (5672, 15672, 5552), "redis": (6379,)}
"""The ports published on the loopback address; RabbitMQ's are AMQP, management and streams."""
URLS = {
    "kafka": "kafka://127.0.0.1:9092",
    "rabbitmq": f"amqp://{USER}:{PASSWORD}@127.0.0.1:5672/?management=http://127.0.0.1:15672",
    "redis": "redis://127.0.0.1:6379/0",
}
"""What to put into MQTUI_KAFKA, MQTUI_RABBITMQ and MQTUI_REDIS then."""
ENABLED = PLUGINS
"""The plugins the RabbitMQ container enables before it starts."""
