"""What mqtui has to know of Kafka without being connected."""

from __future__ import annotations

from mqtui.brokers.kafka.declared_options import DECLARED
from mqtui.brokers.traits import BrokerTraits, UrlScheme, UrlTraits
from mqtui.domain.resource import BrokerKind

KIND = BrokerKind.KAFKA

TRAITS = BrokerTraits(
    kind=KIND,
    title="Kafka",
    url=UrlTraits(
        schemes={
            "kafka": UrlScheme(KIND, 9092, several=True),
            "kafka+ssl": UrlScheme(KIND, 9092, tls=True, several=True),
        },
        forms=("kafka[+ssl]://[user[:pass]@]host:port[,host:port]",),
        example="kafka://localhost:9092",
        default_port=9092,
    ),
    options=DECLARED,
)
