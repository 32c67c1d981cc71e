"""Problems of destinations and groups that show in a single survey, without a trend, as text.

A group without consumers while messages wait, pending entries of consumers that are gone, a queue at its limit, dead
letters without a destination.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Destination, Group, GroupLag

CONSUMER_GONE_MS = 3_600_000
"""Milliseconds without a request after which the consumers of a stream count as gone."""

SETTINGS = frozenset({"max_length", "dead_letter_exchange"})
"""Settings of a destination that may be a problem."""

REFUSING = ("reject-publish", "reject-publish-dlx")


def find_group_problem(group: Group, lag: GroupLag | None) -> str:
    """The problem of a group; "" where it has none."""
    return find_stopped(group, lag) or find_absent_consumers(group)


def find_stopped(group: Group, lag: GroupLag | None) -> str:
    """That nobody is in a group while messages wait or are pending; "" where somebody is, or nothing does."""
    if group.why or group.member_count:
        return ""
    waits = None if lag is None else lag.total
    if waits is not None and waits.number:
        return f"stopped: no members, {waits} waiting"
    return f"no members, {group.pending} pending" if group.pending.number else ""


def find_absent_consumers(group: Group) -> str:
    """That all consumers with pending entries are idle for long; "" where one is not."""
    if group.why or not group.member_count:
        return ""
    idle = [member.idle for member in group.members if member.pending]
    gone = [each for each in idle if each is not None and each > CONSUMER_GONE_MS]
    if idle and len(gone) == len(idle):
        return f"{group.pending} pending with consumers idle for {min(gone) / 3_600_000:.0f} h"
    return ""


def find_destination_problems(row: Destination, known: Collection[Ref]) -> list[str]:
    """The problems of a destination by its settings and figures. `known` are all destinations of the broker."""
    return [problem for problem in (find_full_queue(row), find_lost_letters(row, known)) if problem]


def problems_by_destination(
    rows: Sequence[Destination], groups: Sequence[Group], lags: Mapping[Ref, GroupLag]
) -> dict[Ref, tuple[str, ...]]:
    """The problems of each destination, with those of the groups that read it."""
    found: dict[Ref, list[str]] = {}
    for group in groups:
        problem = find_group_problem(group, lags.get(group.ref))
        for ref in group.reads if problem else ():
            if _waits_in(lags.get(group.ref), ref) or group.pending.number:
                found.setdefault(ref, []).append(f"{group.ref.name.removeprefix(f'{ref.name}/')} {problem}")
    if limited := [row for row in rows if not SETTINGS.isdisjoint(row.facts)]:
        known = {row.ref for row in rows}
        for row in limited:
            if problems := find_destination_problems(row, known):
                found.setdefault(row.ref, []).extend(problems)
    return {ref: tuple(problems) for ref, problems in found.items()}


def _waits_in(lag: GroupLag | None, ref: Ref) -> bool:
    return lag is not None and any(part.resource == ref and part.lag.number for part in lag.parts)


def find_full_queue(row: Destination) -> str:
    """That a queue is at its max-length, and what it does then; "" where it is not."""
    limit, held = row.facts.get("max_length"), row.messages.number
    if row.ref.kind is not Kind.QUEUE or not isinstance(limit, int) or held is None or held < limit:
        return ""
    refuses = row.facts.get("overflow") in REFUSING
    unread = ", no consumer" if row.facts.get("consumers") == 0 else ""
    return f"full ({row.messages} of {limit:,}): {'refuses new ones' if refuses else 'drops the oldest'}{unread}"


def find_lost_letters(row: Destination, known: Collection[Ref]) -> str:
    """That a queue dead-letters to an exchange or queue that does not exist; "" where it does."""
    exchange = row.facts.get("dead_letter_exchange")
    if not isinstance(exchange, str) or row.dead_letters_to:
        return ""
    if exchange and Ref(Kind.EXCHANGE, exchange) not in known:
        return f"its dead letters are lost: there is no exchange {exchange}"
    key = row.facts.get("dead_letter_routing_key")
    if not exchange and isinstance(key, str) and not {Ref(Kind.QUEUE, key), Ref(Kind.STREAM, key)} & set(known):
        return f"its dead letters are lost: there is no queue {key}"
    return ""
