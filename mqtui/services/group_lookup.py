"""Finds consumer groups by the name that was typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mqtui.brokers.port import Groups
from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.name_quoting import may_stand_for_another, quote
from mqtui.domain.printable import printable
from mqtui.domain.resource import Kind, ParsedName, Ref


def find_groups(there: Iterable[Ref], named: ParsedName, target: str) -> list[Ref]:
    """The groups of a name. On Redis, where groups are `STREAM/GROUP`, the last part finds those of all streams.

    Raises:
        NotFound: there is no group of that name.
        Refused: what was typed is the name of two groups, as it stands and as what follows `group:`.
    """
    words = _words(named)
    refs = list(there)
    found = [ref for ref in refs if ref.name in words]
    if not found or may_stand_for_another(named):
        found = [ref for ref in refs if printable(ref.name) in map(printable, words)]
    _require_one(found, words[0])
    found = found or [ref for ref in refs if any(ref.name.endswith(f"/{word}") for word in words)]
    if not found:
        raise NotFound(f"No consumer group {quote(words[0])}", "", f"mqtui groups {target} lists them.")
    return found


async def find_exact_group(groups: Groups, named: ParsedName) -> list[Ref] | None:
    """The group of exactly that name, without listing others; None where the list has to be searched.

    Raises:
        Refused: what was typed is the name of two groups.
    """
    if may_stand_for_another(named):
        return None
    words = _words(named)
    found = [ref for word in words if await groups.exists(ref := Ref(Kind.GROUP, word))]
    _require_one(found, words[0])
    return found or None


def _words(named: ParsedName) -> list[str]:
    """The name as typed, and what follows `group:` in it."""
    typed = named.typed or named.name
    return [typed, named.name] if named.kind is Kind.GROUP and named.name != typed else [typed]


def _require_one(found: Sequence[Ref], typed: str) -> None:
    if len(found) > 1:
        ways = " and ".join(quote(ref.name) for ref in found)
        raise Refused(f"{quote(typed)} is the name of {len(found)} groups", ways, "Give --kind group and the name.")
