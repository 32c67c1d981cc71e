"""What mqtui has to know of RabbitMQ without being connected."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.declared_options import DECLARED
from mqtui.brokers.traits import BrokerTraits, UrlPath, UrlScheme, UrlTraits
from mqtui.domain.resource import BrokerKind

KIND = BrokerKind.RABBITMQ

TRAITS = BrokerTraits(
    kind=KIND,
    title="RabbitMQ",
    url=UrlTraits(
        schemes={"amqp": UrlScheme(KIND, 5672), "amqps": UrlScheme(KIND, 5671, tls=True)},
        forms=("amqp[s]://user:pass@host:port/vhost[?management=http://host:port]",),
        example="amqp://guest@localhost:5672?management=http://localhost:15672",
        default_port=5672,
        path=UrlPath.VHOST,
        default_login="guest",  # on loopback only: https://www.rabbitmq.com/docs/access-control
    ),
    options=DECLARED,
)
