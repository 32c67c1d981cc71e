"""What deleting or purging a destination would lose: dead letters, what groups have not read, where others lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure, pluralize, total
from mqtui.domain.plan import Risk, Severity
from mqtui.domain.resource import Ref
from mqtui.domain.topology import NOT_ASKED, Group
from mqtui.services.browse import list_destinations
from mqtui.services.conventions import load_for_profile
from mqtui.services.deadletters import find_dead_letter_destination
from mqtui.services.session import Session

MAX_GROUPS = 50
"""Groups whose lag is asked for."""

MAX_NAMED = 8


@dataclass(frozen=True, slots=True)
class Losses:
    """Terms and risks of a plan that say what would be lost."""

    facts: tuple[tuple[str, str], ...]
    risks: tuple[Risk, ...]


async def describe_losses(session: Session, ref: Ref, *, all_of_it: bool) -> Losses:
    """What would be lost. What can't be asked is a risk of its own. `all_of_it`: the destination itself goes too."""
    facts: list[tuple[str, str]] = []
    risks = await _running(session, ref)
    if traits_of(session.broker.kind).routes_dead_letters:
        risks += await _routes(session, ref, all_of_it=all_of_it)
    else:
        risks += await _letters(session, ref)
    if not traits_of(session.broker.kind).lends:  # the consumers of a queue are in its own description
        readers, found = await _readers(session, ref)
        facts.append(("groups", readers))
        risks += found
    return Losses(tuple(facts), tuple(risks))


async def _letters(session: Session, ref: Ref) -> list[Risk]:
    """The dead letters in it that nobody handled."""
    conventions = load_for_profile(session.profile).conventions
    try:
        found = await find_dead_letter_destination(session, conventions, ref)
    except MqtuiError as error:
        return [Risk("letters", f"whether it holds dead letters is not known: {error.title}")]
    if found is None or found.letters.number == 0:
        return []
    origins = f" of {', '.join(origin.name for origin in found.origins)}" if found.origins else ""
    return [Risk("letters", f"{pluralize(found.letters, 'dead letter')}{origins}, not handled: none could be redriven")]


async def _running(session: Session, ref: Ref) -> list[Risk]:
    """That a run takes letters from it now."""
    try:
        owner = (await session.broker.snapshot(ref)).lock_owner
    except MqtuiError:
        return []  # nothing is ever taken from it, or its description says why it can't be looked at
    if owner is None or owner.stale:
        return []
    text = f"run {owner.run[:4].upper()} of {owner.operator} on {owner.host} takes letters from it now"
    return [Risk("held", text, Severity.REFUSE, final=True)]


async def _readers(session: Session, ref: Ref) -> tuple[str, list[Risk]]:
    """The groups that read it, with what each has not read."""
    try:
        groups = await session.broker.groups.list_groups(ref)
        unread = await _unread(session, groups[:MAX_GROUPS], ref)
    except MqtuiError as error:
        return f"? {error.title}", [Risk("unread", f"which groups read it is not known: {error.title}")]
    risks = [Risk("unread", why) for why in groups.missing]
    waiting = {name: figure for name, figure in unread.items() if figure.number != 0}
    if waiting:
        named = [f"{name} has {figure} unread" for name, figure in list(waiting.items())[:MAX_NAMED]]
        risks.append(Risk("unread", f"{', '.join(named)}{_more(len(waiting))}: what is deleted of it is never read"))
    reading = [f"{group.ref.name} ({group.member_count})" for group in groups if group.member_count]
    if reading:
        text = f"{', '.join(reading[:MAX_NAMED])}{_more(len(reading))} read it now, with so many members"
        risks.append(Risk("readers", text))
    return f"{pluralize(len(groups), 'group')} with a position in it" if groups else "none", risks


def _more(count: int) -> str:
    return f" and {count - MAX_NAMED} more" if count > MAX_NAMED else ""


async def _unread(session: Session, groups: Sequence[Group], ref: Ref) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    async for row in session.broker.groups.lag([group.ref for group in groups]):
        found[row.group.name] = total(part.lag for part in row.parts if part.resource == ref)
    return found


async def _routes(session: Session, ref: Ref, *, all_of_it: bool) -> list[Risk]:
    """The queues whose dead letters come here by the broker's own settings: nothing is looked at, which would spend."""
    try:
        rows = await list_destinations(session.broker)
    except MqtuiError as error:
        return [Risk("letters", f"whose dead letters come here is not known: {error.title}")]
    names = [row.ref.name for row in rows if ref in row.dead_letters_to]
    if not names:
        return []
    whose = f"{', '.join(names[:MAX_NAMED])}{_more(len(names))}"
    waiting = next((row.backlog for row in rows if row.ref == ref), NOT_ASKED)
    risks = [Risk("letters", f"{pluralize(waiting, 'dead letter')} of {whose}: none could be redriven")]
    if all_of_it:
        risks.append(Risk("route", f"dead letters of {whose} come here: the broker drops them from then on"))
    return risks if all_of_it or waiting.number != 0 else []
