"""Dead letters: where each came from, what it died of, and where it goes back to.

`origin` reads only the way home and is cheap enough for a move; `describe` also reads the exception. Both remember,
by row of header names, where everything stands (`domain.convention`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mqtui.domain.cause import cause_id, cause_text, normalize_message
from mqtui.domain.convention import Conventions, Layout
from mqtui.domain.header_codec import Value
from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.stack_trace import RootException, find_root, split_heading
from mqtui.domain.times import calendar_time

REASONS = {
    "rejected": "rejected by {0}",
    "expired": "expired in {0}",
    "maxlen": "pushed out of {0}, which was full",
    "delivery_limit": "delivered too often by {0}",
}
"""RabbitMQ's reasons (https://www.rabbitmq.com/docs/dlx) as a cause."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message was when it failed: the first place, where headers name several.

    `partition`, `offset` and `timestamp` (ms, the record's own) are Kafka's, `id` is Redis's, `exchange` and
    `routing_key` say how it came to a RabbitMQ queue; where no queue is known, `ref` is that exchange. `by_name` says
    that only the letter's destination told it.
    """

    ref: Ref
    convention: str
    partition: int | None = None
    offset: int | None = None
    id: EntryId | None = None
    exchange: str | None = None
    routing_key: str | None = None
    timestamp: int | None = None
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetterInfo:
    """What is known of one dead letter. Unknown text is "", an unknown number None. `time` is ms since the epoch.

    `exception` and `message` are the root's, `wrapper` is the outermost exception where that is another one,
    `normal` the normalised message, `frame` the first stack frame of the application's own. `latest` is the last hop
    where headers name several.
    """

    convention: str
    origin: Origin | None
    latest: Ref | None
    time: int | None
    exception: str
    wrapper: str
    message: str
    normal: str
    frame: str
    group: str
    attempts: int | None
    cause: str
    """The cause id, 8 hex digits."""

    @property
    def text(self) -> str:
        """One line for people."""
        return cause_text(self.exception, self.normal)


@dataclass(frozen=True, slots=True)
class RedriveTarget:
    """Where a letter goes back: a topic, a stream, a queue by the default exchange, so that only that queue gets it, or
    an exchange where no queue is known.

    `routing_key` is the queue's name, or the key the letter was first published with. `note` says so where only the
    letter's destination told the origin.
    """

    ref: Ref
    routing_key: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeaderSplit:
    """Names of headers (Redis: fields) that go home and that stay behind."""

    kept: tuple[str, ...]
    stripped: frozenset[str]


def origin(message: Message, conventions: Conventions) -> Origin | None:
    """Where the letter came from: by its headers or fields, else by the name of the place it lies in."""
    return _origin(message, conventions.layout(message), conventions)


def describe(message: Message, conventions: Conventions) -> DeadLetterInfo:
    """Everything the letter tells. Malformed headers are unknown, never an error."""
    layout = conventions.layout(message)
    came_from = _origin(message, layout, conventions)
    thrown, wrapper = _thrown(message, layout)
    normal = normalize_message(thrown.message) if thrown.message else ""
    latest = _text(layout.read_last(message, "origin"))
    return DeadLetterInfo(
        layout.convention or (came_from.convention if came_from else ""),
        came_from,
        _ref(layout.kind, latest) if latest else None,
        dead_letter_time(message, layout),
        thrown.exception,
        wrapper,
        thrown.message,
        normal,
        thrown.frame,
        _text(layout.read_last(message, "group")),
        _number(layout.read_last(message, "attempts")),
        cause_id(thrown.exception, normal, str(came_from.ref) if came_from else ""),
    )


def cause_id_of(message: Message, conventions: Conventions) -> str:
    """The cause id alone, as `describe` gives it, for half of its price."""
    layout = conventions.layout(message)
    thrown, _ = _thrown(message, layout)
    normal = normalize_message(thrown.message) if thrown.message else ""
    return cause_id(thrown.exception, normal, _whence(layout, message, conventions))


def redrive_target_of(came_from: Origin | None, message: Message) -> RedriveTarget | None:
    """Where the letter goes back, or None where no origin is known, or where it is the place the letter lies in."""
    if came_from is None or came_from.ref == message.resource:
        return None
    ref = came_from.ref
    if ref.kind is Kind.EXCHANGE:
        return _route(ref.name, came_from.routing_key or "")
    return _home(ref.kind, ref.name, message.resource.name if came_from.by_name else "")


def redrive_target(message: Message, conventions: Conventions) -> RedriveTarget | None:
    """The same as `home(origin(message, conventions), message)`, and reads nothing else: for moves at full speed."""
    return redrive_target_by_layout(conventions.layout(message), message, conventions)


def redrive_target_by_layout(layout: Layout, message: Message, conventions: Conventions) -> RedriveTarget | None:
    """`redrive_target` of a message whose layout is known."""
    name = layout.read(message, "origin")
    lies_in = message.resource.name
    if not isinstance(name, str) or not name:
        named = conventions.by_name(layout.broker, lies_in)
        if named and named.origin:
            return _home(named.kind, named.origin, lies_in)
        first = _first_route(layout, message)
        return first if first is None or first.ref != message.resource else None
    if name == lies_in and layout.kind is message.resource.kind:
        return None
    return _home(layout.kind, name, "")


def original_key(layout: Layout, message: Message) -> str | None:
    """The routing key a RabbitMQ letter was first published with, or None where nothing tells it."""
    return _name(layout.read(message, "routing_key"))


def split_headers(message: Message, conventions: Conventions) -> HeaderSplit:
    """Which headers stay behind on the way home, by the convention."""
    layout = conventions.layout(message)
    return HeaderSplit(layout.kept, layout.stripped)


def dead_letter_time(message: Message, layout: Layout) -> int | None:
    """When it was dead-lettered, in ms: as recorded, else the letter's own time, else that of its entry id.

    None where the one that counts is a number that no calendar has.
    """
    died = _number(layout.read_last(message, "died"))
    if died is None:
        died = message.timestamp
    if died is None and isinstance(message.position, EntryId):
        died = message.position.ms
    return None if calendar_time(died) is None else died


def _origin(message: Message, layout: Layout, conventions: Conventions) -> Origin | None:
    broker = layout.broker
    name, convention, by_name = _text(layout.read(message, "origin")), layout.convention, False
    ref = _ref(layout.kind, name)
    if not name:
        named = conventions.by_name(broker, message.resource.name)
        if named is not None and named.origin:
            ref, convention, by_name = _ref(named.kind, named.origin), convention or named.convention, True
        elif (first := _first_route(layout, message)) is not None:
            ref = first.ref
        else:
            return None
    read = layout.read
    if broker is BrokerKind.KAFKA:
        partition, offset = _number(read(message, "partition")), _number(read(message, "offset"))
        return Origin(
            ref, convention, partition, offset, timestamp=_number(read(message, "timestamp")), by_name=by_name
        )
    if broker is BrokerKind.REDIS:
        return Origin(ref, convention, id=_entry(_text(read(message, "id"))), by_name=by_name)
    exchange, routing_key = _name(read(message, "exchange")), _name(read(message, "routing_key"))
    return Origin(ref, convention, exchange=exchange, routing_key=routing_key, by_name=by_name)


def _whence(layout: Layout, message: Message, conventions: Conventions) -> str:
    """The origin as a cause id has it: `queue:work`, or "" where none is known."""
    name = _text(layout.read(message, "origin"))
    if name:
        return f"{layout.kind.value}:{name}"
    named = conventions.by_name(layout.broker, message.resource.name)
    if named and named.origin:
        return f"{named.kind.value}:{named.origin}"
    first = _first_route(layout, message)
    return str(first.ref) if first else ""


def _first_route(layout: Layout, message: Message) -> RedriveTarget | None:
    """Where a RabbitMQ letter was first published to, by its headers; the default exchange names a queue."""
    exchange, key = _name(layout.read(message, "exchange")), original_key(layout, message)
    if exchange is None or not (exchange or key):
        return None
    return _route(exchange, key or "") if exchange else _home(Kind.QUEUE, key or "", "")


def _thrown(message: Message, layout: Layout) -> tuple[RootException, str]:
    """The root exception, and the wrapper where that is another one."""
    read = layout.read_last
    outer = _text(read(message, "exception"))
    words = _text(read(message, "message"))
    trace = _text(read(message, "stack"))
    found = find_root(trace) if trace else None
    if found is not None and found.exception not in layout.wrappers:
        return found, outer if outer != found.exception else ""
    frame = found.frame if found else ""
    inner = _text(read(message, "cause_exception"))
    chosen = inner if inner and inner not in layout.wrappers else outer
    if chosen or words:
        return _told(chosen, words, frame, layout.after), outer if outer != chosen else ""
    reason = _text(read(message, "reason"))
    if not reason:
        return RootException("", "", frame), ""
    queue = _text(read(message, "origin"))
    return RootException(REASONS[reason].format(queue) if reason in REASONS else reason, "", ""), ""


def _told(exception: str, words: str, frame: str, after: tuple[str, ...]) -> RootException:
    """Exception and message where no trace tells them: what a wrapper's message says after its own words."""
    for marker in after:
        _, found, rest = words.rpartition(marker)
        if found:
            words = rest
            break
    if exception and words.startswith(f"{exception}: "):
        words = words[len(exception) + 2 :]
    if ": " in exception:
        name, rest = split_heading(exception)
        exception, words = (name, words or rest) if name else (exception, words)
    return RootException(exception, words, frame)


@lru_cache(maxsize=4096)
def _ref(kind: Kind, name: str) -> Ref:
    return Ref(kind, name)


@lru_cache(maxsize=4096)
def _home(kind: Kind, name: str, told_by: str) -> RedriveTarget:
    return RedriveTarget(
        _ref(kind, name), name if kind is Kind.QUEUE else "", f"by the name {told_by}" if told_by else ""
    )


@lru_cache(maxsize=4096)
def _route(exchange: str, key: str) -> RedriveTarget:
    return RedriveTarget(_ref(Kind.EXCHANGE, exchange), key)


@lru_cache(maxsize=1024)
def _entry(written: str) -> EntryId | None:
    ms, _, seq = written.partition("-")
    return EntryId(int(ms), int(seq or 0)) if ms.isdecimal() and (seq.isdecimal() or not seq) else None


def _text(value: Value) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _name(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Value) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 20 else None
    return value
