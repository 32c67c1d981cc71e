"""Kafka silently leaves out of its listings what a user has no Describe ACL for: an empty list may not be complete.

A user with Describe on the cluster sees every group. For topics there is no such right; but who has Describe on the
cluster is most likely not limited to single topics.
"""

from __future__ import annotations

from confluent_kafka.admin import AclOperation

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.domain.errors import BrokerTrouble, NotAuthorised, TimedOut


async def explain_empty_listing(clients: KafkaClients, things: str) -> tuple[str, ...]:
    """Why an empty list of topics or groups may be incomplete, as one sentence.

    Nothing if this user may describe the cluster, or if that can't be found out.

    Raises:
        CannotConnect: no broker is reachable, although the bootstrap server answered.
    """
    admin = await clients.admin()
    try:
        future = admin.describe_cluster(include_authorized_operations=True, request_timeout=REQUEST_TIMEOUT)
        cluster = await clients.await_answer(future, "asking for the rights on the cluster")
    except (BrokerTrouble, NotAuthorised, TimedOut):
        return ()
    if AclOperation.DESCRIBE in (cluster.authorized_operations or ()):  # None: no operation at all
        return ()
    return (f"no {things} are shown to this user: Kafka leaves out those it may not describe",)
