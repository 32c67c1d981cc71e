"""What the names of destinations say: that dead letters of an origin are kept there, or that messages wait for a retry.

Templates are those of `mqtui/conventions/README.md`: `{origin}` is the origin's name, `{group}` a part without dots,
`{sep}` one of the signs that part names, `*` anything. Upper and lower case are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mqtui.domain.resource import BrokerKind, Kind, Ref

ORIGIN_KINDS = {BrokerKind.KAFKA: Kind.TOPIC, BrokerKind.RABBITMQ: Kind.QUEUE, BrokerKind.REDIS: Kind.STREAM}
MOST_NAMES = 100_000
SEPARATORS = r"[-._:/]"
WORDS = {"{origin}": r".+", "{group}": r"[^.]+", "{sep}": SEPARATORS, "*": r".+"}
PARTS = re.compile(r"(\{origin\}|\{group\}|\{sep\}|\*)")
SPELT_ALIKE = re.DOTALL | re.IGNORECASE


@dataclass(frozen=True, slots=True)
class NameRules:
    """One convention's names. `only_with_origin` count only where the origin they name is there."""

    convention: str
    brokers: frozenset[BrokerKind]
    dead_letters: tuple[str, ...] = ()
    only_with_origin: tuple[str, ...] = ()
    retries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedOrigin:
    """What a destination's name says. `origin` is "" where it only says that dead letters are kept there.

    `others` are further names that may be meant, the likeliest first; they count only where they are there.
    `needs_origin`: the name says nothing where none of them is there. `settled`: the broker was asked, so that the
    origin is there, or is "" where none of the names is; `feeders` are the queues whose dead letters it sends there,
    and `stage` says why it is a retry stage, if it is one.
    """

    convention: str
    kind: Kind
    origin: str
    others: tuple[str, ...] = ()
    needs_origin: bool = False
    settled: bool = False
    feeders: tuple[Ref, ...] = ()
    stage: str = ""

    @property
    def candidates(self) -> tuple[str, ...]:
        """All names that may be meant."""
        return tuple(filter(None, (self.origin, *self.others)))


class NameTemplates:
    """Several templates. Most of ten thousand names have none of their words, which is all that is asked of them."""

    __slots__ = ("_pattern", "_words")

    def __init__(self, templates: Sequence[str]) -> None:
        self._pattern = re.compile("|".join(_spelt(each, WORDS) for each in templates) or r"(?!)", SPELT_ALIKE)
        words = {max(_literals(each), key=len, default="") for each in templates}
        self._words = [word for word in words if not any(other in word for other in words - {word})]

    def fit(self, name: str) -> bool:
        """Whether one of them fits."""
        lower = name.lower()
        return any(word in lower for word in self._words) and self._pattern.fullmatch(name) is not None


class DestinationNames:
    """The names of all conventions. What was asked about once is remembered."""

    __slots__ = ("_dead", "_known", "_retries", "_rules")

    def __init__(self, rules: Sequence[NameRules]) -> None:
        """`rules` in the order in which they are asked."""
        self._rules = rules
        self._known: dict[tuple[BrokerKind, str], NamedOrigin | None] = {}
        self._dead = NameTemplates([name for one in rules for name in (*one.dead_letters, *one.only_with_origin)])
        self._retries = {
            kind: NameTemplates([name for one in rules if kind in one.brokers for name in one.retries])
            for kind in BrokerKind
        }

    def dead_letters(self, broker: BrokerKind, name: str) -> NamedOrigin | None:
        """What a name says, or None where it is not that of a dead-letter destination."""
        key = (broker, name)
        if key not in self._known:
            if len(self._known) >= MOST_NAMES:
                self._known.clear()
            self._known[key] = self._matched(broker, name) if self._dead.fit(name) else None
        return self._known[key]

    def is_retry(self, broker: BrokerKind, name: str) -> bool:
        """Whether a name is that of a place where messages wait for another try."""
        return self._retries[broker].fit(name)

    def _matched(self, broker: BrokerKind, name: str) -> NamedOrigin | None:
        here = [one for one in self._rules if broker in one.brokers]
        for needs_origin in (False, True):
            said = [(one, _origins(one.only_with_origin if needs_origin else one.dead_letters, name)) for one in here]
            said = [(one, origins) for one, origins in said if origins]
            if said:
                told = [
                    each for _, origins in said for origin in origins if origin for each in _spellings(broker, origin)
                ]
                named = list(dict.fromkeys(told))
                first = named.pop(0) if any(said[0][1]) else ""
                return NamedOrigin(said[0][0].convention, ORIGIN_KINDS[broker], first, tuple(named), needs_origin)
        return None


def _literals(template: str) -> list[str]:
    """What a template says by itself, in lower case."""
    return [part.lower() for part in PARTS.split(template) if part and part not in WORDS]


def _origins(templates: Sequence[str], name: str) -> list[str]:
    """What each template that fits takes for the origin, "" where it names none."""
    matches = (_pattern(template).fullmatch(name) for template in templates)
    return [match.groupdict().get("origin", "") for match in matches if match]


def _spellings(broker: BrokerKind, origin: str) -> tuple[str, ...]:
    """The names that may be meant: a Redis name in braces, which only choose the slot, may be the bare one.

    The key `orders` lies in the slot of `{orders}.dlq` (https://redis.io/docs/latest/operate/oss_and_stack/reference/
    cluster-spec/#hash-tags).
    """
    bare = origin[1:-1]
    tagged = broker is BrokerKind.REDIS and origin == f"{{{bare}}}" and bare and "}" not in bare
    return (origin, bare) if tagged else (origin,)


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_spelt(template, {**WORDS, "{origin}": r"(?P<origin>.+)"}), SPELT_ALIKE)


def _spelt(template: str, words: Mapping[str, str]) -> str:
    return "".join(words.get(part, re.escape(part)) for part in PARTS.split(template))
