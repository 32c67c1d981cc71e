"""Lists the partitions of all topics, and remembers their leaders for requests in bulk."""

from __future__ import annotations

from functools import partial

from mqtui.brokers.kafka.connection.broker_connections import BulkUnavailable
from mqtui.brokers.kafka.connection.bulk_admin import BulkAdminClient
from mqtui.brokers.kafka.connection.bulk_metadata import NOT_LISTED, fetch_topology
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.request_log import log_retry


async def list_partitions(clients: KafkaClients) -> dict[str, list[int]]:
    """The partitions of all topics by name, from one Metadata response."""
    return await clients.run_bootstrap_call("listing topics", partial(_list_blocking, clients, await clients.admin()))


def _list_blocking(clients: KafkaClients, admin: BulkAdminClient) -> dict[str, list[int]]:
    """Librdkafka lists them too if the brokers changed: else it would wait for one that is gone."""
    before = clients.topology
    try:
        clients.topology = fetch_topology(clients.connections)
    except BulkUnavailable as error:
        log_retry("kafka", "listing topics in bulk", error)
        clients.topology = NOT_LISTED
    if clients.topology is not NOT_LISTED and clients.topology.brokers == (before.brokers or clients.topology.brokers):
        return {name: sorted(leaders) for name, leaders in clients.topology.leaders.items()}
    topics = admin.list_topics(timeout=REQUEST_TIMEOUT).topics
    return {name: sorted(topic.partitions) for name, topic in sorted(topics.items())}
