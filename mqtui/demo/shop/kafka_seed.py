"""The whole seed of Kafka."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient

from mqtui.demo.shop.connections import kafka_settings
from mqtui.demo.shop.kafka_groups import seed_groups
from mqtui.demo.shop.kafka_letters import seed_connect, seed_invoices
from mqtui.demo.shop.kafka_orders import seed_orders
from mqtui.demo.shop.kafka_shipments import seed_shipments
from mqtui.demo.shop.kafka_topics import open_producer, open_topics
from mqtui.demo.shop.names import KafkaNames
from mqtui.demo.shop.spec import Spec


def seed(spec: Spec) -> dict[str, int]:
    """Make topics, records and offsets; give the number of letters by topic.

    Raises:
        RemoteRefused: the broker is not on this machine.
        KafkaException, NotDelivered: the broker refused or did not answer.
        OSError: the schema registry did.
    """
    url, names = spec.kafka or "", KafkaNames(spec.prefix)
    admin = AdminClient(kafka_settings(url))
    open_topics(admin, names)
    producer = open_producer(url)
    letters = {
        names.orders_dlq: seed_orders(producer, names),
        names.invoices_dlt: seed_invoices(producer, names),
        names.connect_dlq: seed_connect(producer, names),
    }
    if spec.registry is not None:
        seed_shipments(producer, names, spec.registry)
    seed_groups(admin, url, names)
    return letters
