"""What mqtui has to know of Kafka without being connected."""

from __future__ import annotations

from mqtui.brokers.kafka.declared_options import DECLARED
from mqtui.brokers.traits import BrokerTraits, PublishTraits, UrlScheme, UrlTraits
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind

KIND = BrokerKind.KAFKA

TRAITS = BrokerTraits(
    kind=KIND,
    title="Kafka",
    destinations=(Kind.TOPIC,),
    message_format=MessageFormat.RECORD,
    has_partitions=True,
    publish=PublishTraits(
        fields=("key", "partition"),
        assigned=("partition", "timestamp"),
        keepable=("partition", "timestamp"),
        stored_when="acked by all in-sync replicas, no duplicate on a retry",
    ),
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
