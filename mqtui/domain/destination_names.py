"""Dead-letter destinations and retry destinations by their names.

Templates are those of `mqtui/conventions/README.md`: `{origin}` is the origin's name, `{group}` a part without dots,
`{sep}` one of the usual separators, `*` anything. Case is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import Kind, Ref

ORIGIN_KINDS = {MessageFormat.RECORD: Kind.TOPIC, MessageFormat.AMQP: Kind.QUEUE, MessageFormat.ENTRY: Kind.STREAM}
MAX_NAMES = 100_000
SEPARATORS = r"[-._:/]"
PLACEHOLDERS = {"{origin}": r".+", "{group}": r"[^.]+", "{sep}": SEPARATORS, "*": r".+"}
PARTS = re.compile(r"(\{origin\}|\{group\}|\{sep\}|\*)")
FLAGS = re.DOTALL | re.IGNORECASE


@dataclass(frozen=True, slots=True)
class NameRules:
    """The name templates of one convention. `only_with_origin` apply only where the origin that they name exists."""

    convention: str
    formats: frozenset[MessageFormat]
    dead_letters: tuple[str, ...] = ()
    only_with_origin: tuple[str, ...] = ()
    retries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedOrigin:
    """The origin by the name of a dead-letter destination; `origin` is "" where the name has none.

    `others` are further names that may be the origin, the likeliest first, where they exist. `needs_origin`: it is no
    dead-letter destination where none of them exists. `settled`: the broker was asked, so that the origin exists, or is
    "" where none does; `feeders` are the queues that dead-letter into it, and `stage` says why it is a retry stage, if
    it is one.
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
        """All names that may be the origin."""
        return tuple(filter(None, (self.origin, *self.others)))


class NameTemplates:
    """Several templates. Most names have none of their fixed parts, which is checked first."""

    __slots__ = ("_pattern", "_templates", "_words")

    def __init__(self, templates: Sequence[str]) -> None:
        self._templates = templates
        self._pattern: re.Pattern[str] | None = None
        words = {max(_literals(each), key=len, default="") for each in templates}
        self._words = [word for word in words if not any(other in word for other in words - {word})]

    def fit(self, name: str) -> bool:
        """Whether one of the templates matches a name."""
        lower = name.lower()
        if not any(word in lower for word in self._words):
            return False
        if self._pattern is None:
            self._pattern = re.compile("|".join(_expand(each, PLACEHOLDERS) for each in self._templates), FLAGS)
        return self._pattern.fullmatch(name) is not None


class DestinationNames:
    """The name templates of all conventions, with a cache of results."""

    __slots__ = ("_dead", "_known", "_retries", "_rules")

    def __init__(self, rules: Sequence[NameRules]) -> None:
        """`rules` are in the order in which they apply."""
        self._rules = rules
        self._known: dict[tuple[MessageFormat, str], NamedOrigin | None] = {}
        self._dead = NameTemplates([name for one in rules for name in (*one.dead_letters, *one.only_with_origin)])
        self._retries = {
            each: NameTemplates([name for one in rules if each in one.formats for name in one.retries])
            for each in MessageFormat
        }

    def dead_letters(self, message_format: MessageFormat, name: str) -> NamedOrigin | None:
        """The origin by a name; None where it is not the name of a dead-letter destination."""
        key = (message_format, name)
        if key not in self._known:
            if len(self._known) >= MAX_NAMES:
                self._known.clear()
            self._known[key] = self._matched(message_format, name) if self._dead.fit(name) else None
        return self._known[key]

    def is_retry(self, message_format: MessageFormat, name: str) -> bool:
        """Whether it is the name of a destination where messages wait for a retry."""
        return self._retries[message_format].fit(name)

    def _matched(self, message_format: MessageFormat, name: str) -> NamedOrigin | None:
        here = [one for one in self._rules if message_format in one.formats]
        for needs_origin in (False, True):
            matches = [
                (one, _origins(one.only_with_origin if needs_origin else one.dead_letters, name)) for one in here
            ]
            matches = [(one, origins) for one, origins in matches if origins]
            if matches:
                origins = [origin for _, found in matches for origin in found if origin]
                possible = [each for origin in origins for each in _possible_names(message_format, origin)]
                named = list(dict.fromkeys(possible))
                first = named.pop(0) if any(matches[0][1]) else ""
                kind = ORIGIN_KINDS[message_format]
                return NamedOrigin(matches[0][0].convention, kind, first, tuple(named), needs_origin)
        return None


def _literals(template: str) -> list[str]:
    """The fixed parts of a template, in lower case."""
    return [part.lower() for part in PARTS.split(template) if part and part not in PLACEHOLDERS]


def _origins(templates: Sequence[str], name: str) -> list[str]:
    """The origin by each template that matches, "" where the template has none."""
    matches = (_pattern(template).fullmatch(name) for template in templates)
    return [match.groupdict().get("origin", "") for match in matches if match]


def _possible_names(message_format: MessageFormat, origin: str) -> tuple[str, ...]:
    """The names that may be the origin: a Redis name in braces, which only choose the slot, may be the bare one.

    The key `orders` lies in the slot of `{orders}.dlq` (https://redis.io/docs/latest/operate/oss_and_stack/reference/
    cluster-spec/#hash-tags).
    """
    bare = origin[1:-1]
    tagged = message_format is MessageFormat.ENTRY and origin == f"{{{bare}}}" and bare and "}" not in bare
    return (origin, bare) if tagged else (origin,)


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_expand(template, {**PLACEHOLDERS, "{origin}": r"(?P<origin>.+)"}), FLAGS)


def _expand(template: str, words: Mapping[str, str]) -> str:
    return "".join(words.get(part, re.escape(part)) for part in PARTS.split(template))
