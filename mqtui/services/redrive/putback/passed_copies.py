"""How many of a run's copies consumers have passed already, for the plan of a put back (K11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import NotFound
from mqtui.domain.figure import pluralize
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.times import parse_offset
from mqtui.services.redrive.request import decode_request
from mqtui.services.redrive.run.stored_copies import TargetCopies
from mqtui.services.session import Session
from mqtui.state.journal import RunRecord

COPIES_STAY = "the copies stay in their targets: what was processed there is processed again after another redrive"


def tells_passed(record: RunRecord) -> bool:
    """Whether it can be told which of a run's copies were passed: they went to topics of this broker."""
    return traits_of(record.broker).has_partitions and not decode_request(record.plan).request.to_target


async def describe_passed(session: Session, copies: Mapping[str, TargetCopies]) -> str:
    """A sentence for each group that reads a topic the copies went to; "" where nothing can be told."""
    sentences: list[str] = []
    for topic, stored in copies.items():
        try:
            groups = await session.broker.groups.list_groups(Ref(Kind.TOPIC, topic))
        except NotFound:
            continue
        async for row in session.broker.groups.lag([group.ref for group in groups]):
            read = {
                part.partition: (int(part.committed), 0)
                for part in row.parts
                if part.committed.isdigit() and part.resource.name == topic
            }
            number = stored.count_before(read)
            sentences.append(f"{row.group.name} has passed {number:,} of {pluralize(len(stored), 'copy')} in {topic}")
    return "; ".join(sentences)


def group_by_topic(positions: Iterable[str]) -> dict[str, TargetCopies]:
    """The copies by topic. Positions are `topic partition/offset`, as the journal has them."""
    found: dict[str, TargetCopies] = {}
    for stored_at in positions:
        topic, _, position = stored_at.rpartition(" ")
        if topic:
            found.setdefault(topic, TargetCopies()).add(parse_offset(position))
    return found
