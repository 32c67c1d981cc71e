"""``python -m mqtui.demo.shop.mock_kafka``: a Kafka to look at where Apache Kafka's jars can't be had.

librdkafka's mock cluster in this process serves produce and consume, so peek, tail and publish work; it lists no
groups and answers no topic administration. Prints ``{"bootstrap": "127.0.0.1:port", "letters": {...}}`` as one JSON
line when the shop's orders and letters are in it, then adds 20 orders a second until standard input ends or SIGTERM.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

from confluent_kafka import KafkaException, Producer

from mqtui.demo.shop.kafka_letters import seed_connect, seed_invoices
from mqtui.demo.shop.kafka_orders import seed_orders
from mqtui.demo.shop.kafka_traffic import checkout
from mqtui.demo.shop.lifetime import live
from mqtui.demo.shop.names import KafkaNames
from mqtui.demo.shop.workers import Workers

_BROKERS: Final = 1
_SECONDS: Final = 10.0


def main() -> None:
    """Run the mock cluster; see the module."""
    live(_trade)
    os._exit(0)


def _trade() -> None:
    producer = Producer({"test.mock.num.brokers": _BROKERS, "partitioner": "murmur2_random", "log_level": 0})
    brokers = producer.list_topics(timeout=_SECONDS).brokers.values()
    names = KafkaNames()
    letters = {
        names.orders_dlq: seed_orders(producer, names),
        names.invoices_dlt: seed_invoices(producer, names),
        names.connect_dlq: seed_connect(producer, names),
    }
    bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    print(json.dumps({"bootstrap": bootstrap, "letters": letters}), flush=True)
    Workers().hire(lambda stop: checkout(f"kafka://{bootstrap}", names, stop), KafkaException)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
