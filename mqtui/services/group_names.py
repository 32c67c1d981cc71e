"""Which consumer groups a name means."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.printable import printable
from mqtui.domain.resource import Kind, Named, Ref
from mqtui.domain.spelling import may_stand_for_another, quote


def find_groups(there: Iterable[Ref], named: Named, target: str) -> list[Ref]:
    """The groups of a name; of Redis's `STREAM/GROUP` the last part finds those of all streams.

    Raises:
        NotFound: there is no group of that name.
        Refused: what was typed is the name of two groups, as it stands and as what follows `group:`.
    """
    words = [named.typed or named.name]
    if named.kind is Kind.GROUP and named.name != words[0]:
        words.append(named.name)
    refs = list(there)
    found = [ref for ref in refs if ref.name in words]
    if not found or may_stand_for_another(named):
        found = [ref for ref in refs if printable(ref.name) in map(printable, words)]
    if len(found) > 1:
        ways = " and ".join(quote(ref.name) for ref in found)
        raise Refused(f"{quote(words[0])} is the name of {len(found)} groups", ways, "Give --kind group and the name.")
    found = found or [ref for ref in refs if any(ref.name.endswith(f"/{word}") for word in words)]
    if not found:
        raise NotFound(f"No consumer group {quote(words[0])}", "", f"mqtui groups {target} lists them.")
    return found
