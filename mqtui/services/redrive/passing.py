"""How many of the copies a run made its readers have passed already (K11)."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.domain.errors import NotFound
from mqtui.domain.figure import counted
from mqtui.domain.message import Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.times import offset
from mqtui.services.redrive.order import read_recipe
from mqtui.services.session import Session
from mqtui.state.runs import RunRecord

TAKEN = "the copies stay where they went: what was read there is read again when these go home"


async def passed(session: Session, record: RunRecord, places: Sequence[str]) -> str:
    """A sentence for each group that reads a topic they went to; "" where nothing can be told.

    `places` are `topic partition/offset`, as the journal has them.
    """
    if record.broker is not BrokerKind.KAFKA or read_recipe(record.plan).order.to_target:
        return ""
    by_topic: dict[str, list[Offset]] = {}
    for place in places:
        topic, _, position = place.rpartition(" ")
        if topic:
            by_topic.setdefault(topic, []).append(offset(position))
    told: list[str] = []
    for topic, copies in by_topic.items():
        try:
            groups = await session.broker.groups.groups(Ref(Kind.TOPIC, topic))
        except NotFound:
            continue
        async for row in session.broker.groups.lag([group.ref for group in groups]):
            read = {
                part.partition: int(part.committed)
                for part in row.parts
                if part.committed.isdigit() and part.resource.name == topic
            }
            number = sum(copy.offset < read.get(copy.partition, 0) for copy in copies)
            told.append(f"{row.group.name} has passed {number:,} of {counted(len(copies), 'copy')} in {topic}")
    return "; ".join(told)
