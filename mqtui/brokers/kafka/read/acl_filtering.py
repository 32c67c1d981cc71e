"""What this user is shown: Kafka leaves out of its lists what a user may not describe, without a word.

A user who may describe the cluster is told of every group; for topics there is no such right, but who has it is most
likely no user of single topics.
"""

from __future__ import annotations

from confluent_kafka.admin import AclOperation

from mqtui.brokers.kafka.connection.clients import ANSWER, Connection
from mqtui.domain.errors import BrokerTrouble, NotAuthorised, TimedOut


async def untold_where_none(connection: Connection, things: str) -> tuple[str, ...]:
    """Why a list that came out empty need not be all; nothing where this user may describe the cluster, or where that
    can't be asked.

    Raises:
        CannotConnect: no broker can be talked to, whatever the address answered.
    """
    admin = await connection.opened()
    try:
        asked = admin.describe_cluster(include_authorized_operations=True, request_timeout=ANSWER)
        told = await connection.ask(asked, "asking for the rights on the cluster")
    except (BrokerTrouble, NotAuthorised, TimedOut):
        return ()
    if AclOperation.DESCRIBE in (told.authorized_operations or ()):  # None: not a single one
        return ()
    return (f"no {things} are shown to this user: Kafka leaves out those it may not describe",)
