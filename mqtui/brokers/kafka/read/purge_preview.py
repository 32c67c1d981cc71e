"""What deleting records up to an offset (DeleteRecords) would take, by partition; what forbids it (K13)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.offsets import AFTER_LAST, list_offsets
from mqtui.brokers.kafka.read.partitions import partition_statuses
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_configs
from mqtui.domain.destination_change import PurgeBound, PurgeMessages, PurgeRequest
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.figure import about, exact, pluralize, total
from mqtui.domain.message import Offset
from mqtui.domain.placement import NO_LEADER, OFFSET_GAPS, PartitionStatus
from mqtui.domain.plan import ChangePreview, Risk, Severity
from mqtui.domain.read_range import At, Edge, Since

MAX_ROWS = 50
"""Partitions that the plan's text lists."""


async def preview_purge(clients: KafkaClients, change: PurgeRequest, topic: Topic) -> ChangePreview:
    """The step that deletes records before an offset, a time, or all that are there.

    Raises:
        NotFound: there is no such partition.
        BadInput: the offset names no partition, or is no offset.
    """
    wanted = _partitions(change, topic)
    statuses = {each.number: each for each in await partition_statuses(clients, topic) if each.number in wanted}
    goals = await _goals(clients, change, topic, statuses)
    bounds, risks = list[PurgeBound](), list(_compaction(await describe_configs(clients, [topic.name]), topic))
    for number, status in statuses.items():
        goal = goals.get(number)
        if status.low is None or status.high is None or goal is None:
            why = NO_LEADER if status.leader is None else status.why or "it does not tell that time"
            risks.append(Risk("left-out", f"partition {number}: {why}; its records stay"))
        elif goal > status.high:
            text = f"partition {number} ends at {status.high}: there is no {goal}"
            risks.append(Risk("beyond-end", text, Severity.REFUSE, final=True))
        elif goal > status.low:
            bounds.append(PurgeBound(number, Offset(number, status.low), Offset(number, goal)))
            if status.stable is not None and goal > status.stable:
                text = f"partition {number}: {goal - status.stable:,} of them are in transactions that are open"
                risks.append(Risk("open-records", text))
    if not bounds:
        return ChangePreview((), (("effect", "nothing lies before that"),), tuple(risks))
    count = total(about(_length(each), OFFSET_GAPS) for each in bounds)
    step = PurgeMessages(change.ref, topic.identity, tuple(bounds), count)
    return ChangePreview((step,), tuple(_facts(bounds, statuses)), tuple(risks), count)


def _partitions(change: PurgeRequest, topic: Topic) -> tuple[int, ...]:
    named = change.partition
    if isinstance(change.before, At):
        if not isinstance(change.before.position, Offset):
            raise BadInput(f"{change.before.position} is no offset", "", "Write it as 4/118203.")
        at = change.before.position.partition
        named = at if at >= 0 else named if named is not None else 0 if len(topic.partitions) == 1 else None
        if named is None:
            raise BadInput("Of which partition?", "", "Write it as 4/118203, or name it with --partition.")
    if named is None:
        return topic.partitions
    if named not in topic.partitions:
        raise NotFound(f"{topic.name} has no partition {named}", f"It has {len(topic.partitions)}, from 0 on.")
    return (named,)


async def _goals(
    clients: KafkaClients, change: PurgeRequest, topic: Topic, statuses: Mapping[int, PartitionStatus]
) -> dict[int, int | None]:
    """The first offset that stays, by partition; None where it is not known."""
    match change.before:
        case At(position=Offset(offset=offset)):
            return dict.fromkeys(statuses, offset)
        case Edge.OLDEST:
            return {number: each.low for number, each in statuses.items()}
        case Since(time=time):
            keys = [(topic.name, number) for number in statuses]
            found = await asyncio.gather(
                list_offsets(clients, keys, OffsetSpec.for_timestamp(time)),
                list_offsets(clients, keys, OffsetSpec.latest()),
            )
            goals: dict[int, int | None] = {}
            for key in keys:
                at, end = found[0].get(key), found[1].get(key)
                chosen = end if at == AFTER_LAST else at
                goals[key[1]] = chosen if isinstance(chosen, int) else None
            return goals
        case _:
            return {number: each.high for number, each in statuses.items()}


def _length(bound: PurgeBound) -> int:
    first, before = bound.first, bound.before
    assert isinstance(first, Offset) and isinstance(before, Offset)
    return before.offset - first.offset


def _facts(bounds: list[PurgeBound], statuses: Mapping[int, PartitionStatus]) -> Iterator[tuple[str, str]]:
    for each in bounds[:MAX_ROWS]:
        assert isinstance(each.first, Offset) and isinstance(each.before, Offset)
        left = exact((statuses[each.partition].high or 0) - each.before.offset)
        yield (
            f"part. {each.partition}",
            f"{each.first.offset} to {each.before.offset - 1} go, about {_length(each):,}; {left} stay",
        )
    if len(bounds) > MAX_ROWS:
        yield "and", f"{pluralize(len(bounds) - MAX_ROWS, 'partition')} more"
    yield "effect", "they are deleted for good, for every reader; the offsets of groups stay as they are"


def _compaction(configs: Mapping[str, Mapping[str, str]], topic: Topic) -> Iterator[Risk]:
    """K13: the broker takes no DeleteRecords on a topic that is only compacted."""
    policy = configs.get(topic.name, {}).get("cleanup.policy", "")
    if policy and "delete" not in policy:
        text = (
            f"cleanup.policy is {policy}: the broker deletes no records of it by offset (POLICY_VIOLATION). "
            "A record without value (a tombstone) deletes those of its key"
        )
        yield Risk("compacted", text, Severity.REFUSE, final=True)
