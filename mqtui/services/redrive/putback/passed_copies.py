"""How many of a run's copies consumers have passed already, for the plan of a put back (K11)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mqtui.brokers.blocking import run_in_thread
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


async def describe_passed(session: Session, record: RunRecord, positions: Sequence[str]) -> str:
    """A sentence for each group that reads a topic the copies went to; "" where nothing can be told.

    `places` are `topic partition/offset`, as the journal has them.
    """
    if not traits_of(record.broker).has_partitions or decode_request(record.plan).request.to_target:
        return ""
    sentences: list[str] = []
    for topic, copies in (await run_in_thread("copies", partial(_by_topic, positions))).items():
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
            number = copies.count_before(read)
            sentences.append(f"{row.group.name} has passed {number:,} of {pluralize(len(copies), 'copy')} in {topic}")
    return "; ".join(sentences)


def _by_topic(positions: Sequence[str]) -> dict[str, TargetCopies]:
    found: dict[str, TargetCopies] = {}
    for stored_at in positions:
        topic, _, position = stored_at.rpartition(" ")
        if topic:
            found.setdefault(topic, TargetCopies()).add(parse_offset(position))
    return found
