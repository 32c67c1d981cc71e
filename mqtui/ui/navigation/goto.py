"""The go-to language, typed after `:` or pasted from a log: `[profile/][kind:]name[@position]`, views, runs.

Pure functions: `parse` turns text into a target, `resolve` finds the resources it names among the known ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from mqtui.domain.errors import BadInput
from mqtui.domain.message import Offset
from mqtui.domain.name_quoting import SIGNS
from mqtui.domain.printable import printable
from mqtui.domain.read_range import At, Edge, StartPoint
from mqtui.domain.resource import KIND_LETTERS, BrokerKind, Kind, ParsedName, Ref
from mqtui.domain.resource import parse_name as named
from mqtui.domain.times import EPOCH, parse_start_point
from mqtui.profiles.url import SCHEMES

VIEWS = {
    "home": "nav.home",
    "destinations": "nav.view_1",
    "dest": "nav.view_1",
    "groups": "nav.view_2",
    "consumers": "nav.view_2",
    "dead": "nav.view_3",
    "dead letters": "nav.view_3",
    "letters": "nav.view_3",
    "topology": "nav.view_4",
    "runs": "nav.view_5",
    "audit": "nav.view_6",
    "alerts": "nav.view_7",
    "schemas": "nav.view_8",
    "access": "nav.view_9",
    "notes": "notes",
    "palette": "app.palette",
    "help": "app.help",
    "manual": "app.manual",
    "q": "app.quit",
    "quit": "app.quit",
}
"""Words for views, with the action's id. A destination of such a name is reached with its kind: `s:audit`."""

RUN = re.compile(r"run\s+#?([0-9a-f]{4,32})", re.IGNORECASE)
AUDIT = re.compile(r"audit\s+#?(\d+)", re.IGNORECASE)
BRACKETS = re.compile(r"(\S+?)\s*\[(\d+)\]\s*(?:@|:|(?:at\s+)?offset[\s=:]*)\s*(\d+)", re.IGNORECASE)
"""librdkafka and kcat: `orders [4] at offset 118203`."""

WORDED = re.compile(r"(\S+?)\s+(?:at\s+)?offset[\s=:]*(\d+)", re.IGNORECASE)
"""Kafka's clients: `orders-4 at offset 118203`."""

PARTITION = re.compile(r"(.+)-(\d+)")
URL = re.compile(r"([a-z+]+)://([^/\s]+)(?:/(.*))?", re.IGNORECASE)
LOGIN = re.compile(r"(://)[^/]*@")
WORD = re.compile(r"[A-Za-z_][\w.-]*")
NOT_NAMES = frozenset({*VIEWS, *Edge})
OF_ONE_BROKER = (Kind.TOPIC, Kind.QUEUE, Kind.EXCHANGE)
"""Kinds that exist on one kind of broker only; streams and groups exist on several."""

SYNTAX = "orders · q:work · shop/orders@4/118203 · orders-4@118203 · 14:02 · 5 or runs · run 7F3A · audit 318"


@dataclass(frozen=True, slots=True)
class ViewTarget:
    """A view or another global action, by its id."""

    id: str


@dataclass(frozen=True, slots=True)
class RunTarget:
    """A run by the first digits of its id."""

    prefix: str


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """A line of the audit by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class PositionTarget:
    """A position in the destination that is shown."""

    at: StartPoint


@dataclass(frozen=True, slots=True)
class SessionTarget:
    """A session: a profile's name, or a URL."""

    target: str


@dataclass(frozen=True, slots=True)
class ResourceTarget:
    """A resource on a broker. `target` is "" and `broker` None where the text names none.

    `host` is the host of a URL: a profile's name or a broker's address. `whole` is the text behind the profile, `typed`
    the whole text: either may itself be a name that merely looks as if it had a profile, a kind or a position.
    """

    named: ParsedName
    target: str = ""
    broker: BrokerKind | None = None
    at: StartPoint | None = None
    host: str = ""
    whole: str = field(default="", compare=False)
    typed: str = field(default="", compare=False)

    def readings(self) -> Iterator[tuple[ParsedName, StartPoint | None]]:
        """The names and positions that the text may mean, the most likely first."""
        yield self.named, self.at
        if self.named.typed != self.named.name:
            yield (
                ParsedName(self.named.typed or self.named.name, None if self.named.typed else self.named.kind),
                self.at,
            )
        if self.at is not None and self.whole:
            yield ParsedName(self.whole, None if self.named.typed else self.named.kind), None
            if self.named.typed:
                yield named(self.whole), None


GotoTarget: TypeAlias = ViewTarget | RunTarget | AuditTarget | PositionTarget | SessionTarget | ResourceTarget


@dataclass(frozen=True, slots=True)
class KnownResource:
    """A resource of an open broker. `hosts` are the broker's addresses, with and without the port."""

    target: str
    broker: BrokerKind
    ref: Ref
    hosts: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class FoundResource:
    """A resource that was found and, where the text names one, a position in it."""

    known: KnownResource
    at: StartPoint | None = None


def reference(target: str, ref: Ref, position: str = "") -> str:
    """The text that leads to a resource: `profile/kind:name@position`, or a broker's URL and `/kind/name@position`."""
    name = printable(ref.name) + (position and f"@{position}")
    if "://" in target:
        broker = LOGIN.sub(r"\1", target.partition("?")[0]).rstrip("/")
        return f"{broker}/{ref.kind}/{name}"
    profile = target.partition("/")[0] if ref.kind in OF_ONE_BROKER else target
    return f"{profile}/{_letter(ref)}:{name}"


def parse(text: str, now: datetime, profiles: Collection[str] = ()) -> GotoTarget:
    """The target that a text names. `profiles` are the names allowed before a `/`; `now` has the zone of clock times.

    Raises:
        BadInput: the text is empty, or the scheme of a URL is unknown.
    """
    typed, text = text, text.strip()
    if not text:
        raise BadInput("Where to?", "", SYNTAX)
    lower = text.lower()
    if text.isdigit() and len(text) == 1:
        return ViewTarget("nav.home" if text == "0" else f"nav.view_{text}")
    if lower in VIEWS:
        return ViewTarget(VIEWS[lower])
    if found := RUN.fullmatch(text):
        return RunTarget(found[1].lower())
    if found := AUDIT.fullmatch(text):
        return AuditTarget(int(found[1]))
    if found := URL.fullmatch(text):
        return _url(text, found, now)
    if found := BRACKETS.fullmatch(text):
        return _at_offset(text, found[1], Offset(int(found[2]), int(found[3])), now, profiles)
    if found := WORDED.fullmatch(text):
        return _at_offset(text, found[1], Offset(-1, int(found[2])), now, profiles)
    here = _bound(text.removeprefix("@"), now)
    if here is not None:
        return PositionTarget(here)
    if text in profiles or (text.endswith("/") and text[:-1] in profiles):
        return SessionTarget(text.rstrip("/"))
    return replace(_thing(text, now, profiles), typed=typed)


def _at_offset(text: str, name: str, offset: Offset, now: datetime, profiles: Collection[str]) -> ResourceTarget:
    return replace(_thing(name, now, profiles), at=At(offset), whole=_thing(text, now, profiles).whole, typed=text)


def _letter(ref: Ref) -> str:
    return next(letter for letter, kind in KIND_LETTERS.items() if kind is ref.kind)


def _bound(text: str, now: datetime) -> StartPoint | None:
    try:
        return parse_start_point(text, None, now)
    except BadInput:
        return None


def _thing(text: str, now: datetime, profiles: Collection[str]) -> ResourceTarget:
    """`[profile/][broker/][kind:]name[@position]`; a name may hold `/` and `@` itself."""
    target, broker = "", None
    head, slash, rest = text.partition("/")
    if slash and rest and head in profiles:
        target, text = head, rest
        kind, slash, rest = text.partition("/")
        if slash and rest and kind in set(BrokerKind):
            broker, text = BrokerKind(kind), rest
    name, mark, place = text.rpartition("@")
    at = _bound(place, now) if mark and name else None
    return ResourceTarget(named(name if at is not None else text), target, broker, at, whole=text)


def _url(text: str, found: re.Match[str], now: datetime) -> GotoTarget:
    """`kafka://prod-eu/topic/orders` is a resource; a URL whose path names no kind is a session."""
    scheme = found[1].lower()
    broker = SCHEMES[scheme].kind if scheme in SCHEMES else next((kind for kind in BrokerKind if kind == scheme), None)
    if broker is None:
        raise BadInput(f"{found[1]} is no kind of broker", "", f"There are {', '.join(SCHEMES)}.")
    host = found[2].rpartition("@")[2]
    parts = (found[3] or "").split("/")
    for place, part in enumerate(parts[:2]):
        kind = next((kind for kind in Kind if kind == part.lower()), None)
        rest = "/".join(parts[place + 1 :])
        if kind is not None and len(parts) > place + 1:
            name, mark, position = rest.rpartition("@")
            at = _bound(position, now) if mark and name else None
            return ResourceTarget(ParsedName(rest if at is None else name, kind), "", broker, at, host, whole=rest)
    return SessionTarget(text)


def resolve(thing: ResourceTarget, known: Iterable[KnownResource], here: str) -> list[FoundResource]:
    """The known resources of that name; only those of the session `here`, where it has one. Groups only without others.

    `orders-4@118203` is the resource of that whole name, else partition 4 of `orders`.
    """
    things = list(known)
    candidates = [each for each in things if _may_be(thing, each)]
    readings = [(wanted.name.strip(), wanted.kind, at) for wanted, at in thing.readings()]
    found = [
        FoundResource(each, at)
        for each in candidates
        for at in dict.fromkeys(
            at for name, kind, at in readings if kind in (None, each.ref.kind) and matches_name(each.ref.name, name)
        )
    ]
    if thing.target or thing.at is not None:
        found += [FoundResource(each) for each in things if matches_name(each.ref.name, thing.typed.strip())]
    if not found:
        found = _in_partition(thing, candidates)
    found = [spot for spot in found if spot.known.ref.kind is not Kind.GROUP] or found
    own = [spot for spot in found if spot.known.target == here]
    return own or found


def _may_be(thing: ResourceTarget, known: KnownResource) -> bool:
    if thing.target and known.target != thing.target:
        return False
    if thing.broker is not None and known.broker is not thing.broker:
        return False
    return not thing.host or known.target == thing.host or thing.host in known.hosts


def _in_partition(thing: ResourceTarget, candidates: Sequence[KnownResource]) -> list[FoundResource]:
    part = PARTITION.fullmatch(thing.named.name)
    if part is None or not isinstance(thing.at, At) or not isinstance(thing.at.position, Offset):
        return []
    if thing.at.position.partition >= 0:
        return []
    at = At(Offset(int(part[2]), thing.at.position.offset))
    return [FoundResource(each, at) for each in candidates if each.ref.kind is Kind.TOPIC and each.ref.name == part[1]]


def to_typed(known: KnownResource, here: str, profiles: Collection[str] = ()) -> str:
    """How to type a resource: with its session where that is not `here`, with its kind where the name is ambiguous."""
    name = printable(known.ref.name)
    if not _is_plain(name, profiles):
        name = f"{_letter(known.ref)}:{name}"
    return name if known.target == here or "://" in known.target else f"{known.target}/{name}"


def _is_plain(name: str, profiles: Collection[str]) -> bool:
    """Whether typing the bare name leads to the resource of that name."""
    if WORD.fullmatch(name):
        return name.lower() not in NOT_NAMES and name not in profiles
    try:
        goal = parse(name, EPOCH, profiles)
    except BadInput:
        return False
    return isinstance(goal, ResourceTarget) and goal == ResourceTarget(ParsedName(name))


def matches_name(name: str, text: str) -> bool:
    """Whether a typed text stands for a name, which may have outer blanks or unprintable characters."""
    return name.strip() == text or (SIGNS.search(text) is not None and printable(name).strip() == text)
