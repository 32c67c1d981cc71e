"""The tabs of a destination, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqtui.brokers.optional_port import ListsPartitions
from mqtui.domain.resource import Kind, Ref

if TYPE_CHECKING:
    from mqtui.ui.session.sessions import BrokerSession

CAUSES, MESSAGES, PARTITIONS, DESCRIPTION = "causes", "messages", "partitions", "describe"


def tab_names(broker_session: BrokerSession, ref: Ref) -> tuple[str, ...]:
    """The names of a destination's tabs: causes where it holds dead letters, partitions where the broker has them."""
    snapshot, session = broker_session.snapshot, broker_session.session
    is_dead = snapshot is not None and any(each.ref == ref for each in snapshot.dead_letters)
    has_partitions = session is not None and isinstance(session.broker, ListsPartitions)
    there = {
        CAUSES: is_dead,
        MESSAGES: ref.kind is not Kind.EXCHANGE,
        PARTITIONS: has_partitions,
        DESCRIPTION: True,
    }
    return tuple(name for name, is_there in there.items() if is_there)
