"""What mqtui has to know of RabbitMQ without being connected."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.declared_options import DECLARED
from mqtui.brokers.traits import (
    BrokerTraits,
    GroupTraits,
    Liveness,
    MetricTraits,
    PublishTraits,
    RedriveTraits,
    UrlPath,
    UrlScheme,
    UrlTraits,
)
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind

KIND = BrokerKind.RABBITMQ

TRAITS = BrokerTraits(
    kind=KIND,
    title="RabbitMQ",
    destinations=(Kind.QUEUE, Kind.EXCHANGE),  # its streams count as queues
    message_format=MessageFormat.AMQP,
    lends=True,
    usual_facts={"durable": True, "auto_delete": False, "state": "running"},
    column_titles={"backlog": "READY", "held": "UNACKED", "readers": "CONSUMERS"},
    routes_dead_letters=True,
    search_price="one message of each queue is read and requeued; a quorum queue counts that as a delivery",
    poll_seconds=5.0,  # its statistics are sampled every 5 s
    metrics=MetricTraits(
        exporter="rabbitmq_exporter",
        cluster_label="cluster",
        destination_label="queue",
        path_label="vhost",
        messages="rabbitmq_queue_messages",
        ready="rabbitmq_queue_messages_ready",
        unacknowledged="rabbitmq_queue_messages_unacknowledged",
        consumers="rabbitmq_queue_consumers",
    ),
    groups=GroupTraits(
        lag="messages ready and delivered, as the queue counts them",
        backlog="messages ready, as the queue counts them",
        liveness=Liveness.CONNECTED,
    ),
    publish=PublishTraits(
        fields=("routing_key", "priority", "ttl", "correlation_id", "reply_to"),
        stored_when="persistent, mandatory, confirmed: unroutable comes back and is named",
    ),
    redrive=RedriveTraits(taken_by_others="was taken from the queue by somebody else, or expired, before it was moved"),
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
