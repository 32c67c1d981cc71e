"""Retry ladders: queues in which messages wait for a retry, as opposed to dead-letter queues (R15).

RabbitMQ has no term for them. They follow from the settings of queues: a message that expires in one queue is
dead-lettered into the next (https://www.rabbitmq.com/docs/ttl, https://www.rabbitmq.com/docs/dlx).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mqtui.domain.resource import Ref
from mqtui.domain.topology import Destination

NO_READER = (None, 0)


@dataclass(frozen=True, slots=True)
class RetryLadders:
    """The retry stages of a broker with the reason of each, and the queues that dead-letter into each destination.

    `feeders` are the queues in which the letters failed: a queue in which they only waited is replaced by those that
    sent them there.
    """

    stages: Mapping[Ref, str]
    feeders: Mapping[Ref, tuple[Ref, ...]]


def find_retry_stages(rows: Sequence[Destination], is_retry: Callable[[str], bool]) -> RetryLadders:
    """Find the retry stages in a listing. `is_retry` says whether a name is that of a retry stage: the messages in such
    a queue may have a time to live of their own.

    A stage is a queue with a time to live and no consumer whose dead letters go to a queue that is consumed or has a
    dead-letter route of its own; so is every queue of a cycle.
    """
    if not any(row.dead_letters_to for row in rows):
        return RetryLadders({}, {})
    known = {row.ref: row for row in rows}
    to = {row.ref: tuple(ref for ref in row.dead_letters_to if ref in known) for row in rows if row.dead_letters_to}
    waits = {ref for ref in to if _sends_on(known[ref], is_retry)}
    stages: dict[Ref, str] = {}
    for ref, targets in to.items():
        if way := _cycle_through(ref, to):
            stages[ref] = "its dead letters come back to it: " + " → ".join(each.name for each in way)
        elif ref in waits and (live := [each for each in targets if _is_live(known[each], to)]):
            stages[ref] = f"its messages are sent on to {', '.join(each.name for each in live)} by themselves"
    feeders: dict[Ref, list[Ref]] = {}
    for ref, targets in to.items():
        if ref in waits and ref in stages:
            continue
        for target in targets:
            if target not in stages:
                feeders.setdefault(target, []).append(ref)
    senders = _invert(to)
    return RetryLadders(stages, {ref: _resolve_feeders(ref, found, senders, waits) for ref, found in feeders.items()})


def _sends_on(row: Destination, is_retry: Callable[[str], bool]) -> bool:
    """Whether messages only wait there until they expire."""
    timed = row.facts.get("message_ttl") is not None or is_retry(row.ref.name)
    return timed and row.facts.get("consumers") in NO_READER


def _is_live(row: Destination, to: Mapping[Ref, tuple[Ref, ...]]) -> bool:
    return row.facts.get("consumers") not in NO_READER or row.ref in to


def _cycle_through(start: Ref, to: Mapping[Ref, tuple[Ref, ...]]) -> list[Ref]:
    """The shortest cycle of dead-letter routes from a queue back to it; empty where there is none."""
    came: dict[Ref, Ref] = {}
    edge = [start]
    while edge:
        reached: list[Ref] = []
        for ref in edge:
            for target in to.get(ref, ()):
                if target == start:
                    way = [start, ref]
                    while way[-1] != start:
                        way.append(came[way[-1]])
                    return way[::-1]
                if target not in came:
                    came[target] = ref
                    reached.append(target)
        edge = reached
    return []


def _resolve_feeders(
    place: Ref, feeders: Sequence[Ref], senders: Mapping[Ref, Sequence[Ref]], waits: set[Ref]
) -> tuple[Ref, ...]:
    """The feeders, where each queue in which messages only waited is replaced by those that send to it, if any do."""
    found: dict[Ref, None] = {}
    seen = {place}
    edge = list(feeders)
    while edge:
        ref = edge.pop(0)
        if ref in seen:
            continue
        seen.add(ref)
        before = [each for each in senders.get(ref, ()) if each != ref] if ref in waits else []
        edge += before
        if not before:
            found[ref] = None
    return tuple(found or feeders)


def _invert(to: Mapping[Ref, tuple[Ref, ...]]) -> dict[Ref, list[Ref]]:
    """The queues that dead-letter into each."""
    turned: dict[Ref, list[Ref]] = {}
    for ref, targets in to.items():
        for target in targets:
            turned.setdefault(target, []).append(ref)
    return turned
