"""Dead letters: the origin of each, why it was dead-lettered, and the target of its redrive.

`redrive_target` reads only what a move needs; `describe` also reads exception and stack trace. Which header holds what
is cached by the header names of a message (`domain.convention.Layout`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mqtui.domain.cause import cause_id, cause_text, normalize_message
from mqtui.domain.convention import Conventions, Layout
from mqtui.domain.header_codec import Value
from mqtui.domain.message import EntryId, Message, MessageFormat
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.stack_trace import RootException, find_root, split_heading
from mqtui.domain.times import to_datetime

REASONS = {
    "rejected": "rejected by {0}",
    "expired": "expired in {0}",
    "maxlen": "pushed out of {0}, which was full",
    "delivery_limit": "delivered too often by {0}",
}
"""The `reason` values of RabbitMQ's x-death header (https://www.rabbitmq.com/docs/dlx), as text of a cause."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message was when it first failed.

    Kafka has `partition`, `offset` and `timestamp` (ms, of the record), Redis has `id`. RabbitMQ has the `exchange` and
    `routing_key` of the first publish; where no queue is known `ref` is that exchange. `by_name`: no header says it, it
    follows from the name of the destination that the letter lies in.
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
    """What the headers of a dead letter say. Unknown text is "", an unknown number None. `time` is ms since the epoch.

    `exception` and `message` are those of the root exception, `wrapper` is the outermost exception where it is another,
    `normal` the normalised message, `frame` the first stack frame of the application. `latest` is where the letter was
    dead-lettered last, where it was more than once.
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
        """Exception and message on one line."""
        return cause_text(self.exception, self.normal)


@dataclass(frozen=True, slots=True)
class RedriveTarget:
    """The target of a redrive: a topic, a stream, a queue (by the default exchange, so that no other queue gets it), or
    an exchange where no queue is known.

    `routing_key` is the name of the queue, or the routing key of the first publish. `note` is set where the target
    follows only from the name of the source.
    """

    ref: Ref
    routing_key: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeaderSplit:
    """The names of the headers (Redis: fields) that a redrive sends, and of those that it strips."""

    kept: tuple[str, ...]
    stripped: frozenset[str]


def origin(message: Message, conventions: Conventions) -> Origin | None:
    """The origin by the headers or fields, else by the name of the destination that the letter lies in."""
    return _origin(message, conventions.layout(message), conventions)


def describe(message: Message, conventions: Conventions) -> DeadLetterInfo:
    """All that is known of the letter. A malformed header counts as unknown and is never an error."""
    layout = conventions.layout(message)
    found = _origin(message, layout, conventions)
    root, wrapper = _exception(message, layout)
    normal = normalize_message(root.message) if root.message else ""
    latest = _text(layout.read_last(message, "origin"))
    return DeadLetterInfo(
        layout.convention or (found.convention if found else ""),
        found,
        _ref(layout.kind, latest) if latest else None,
        dead_letter_time(message, layout),
        root.exception,
        wrapper,
        root.message,
        normal,
        root.frame,
        _text(layout.read_last(message, "group")),
        _number(layout.read_last(message, "attempts")),
        cause_id(root.exception, normal, str(found.ref) if found else ""),
    )


def cause_id_of(message: Message, conventions: Conventions) -> str:
    """The cause id that `describe` gives, in half the time."""
    layout = conventions.layout(message)
    root, _ = _exception(message, layout)
    normal = normalize_message(root.message) if root.message else ""
    return cause_id(root.exception, normal, _origin_text(layout, message, conventions))


def redrive_target_of(found: Origin | None, message: Message) -> RedriveTarget | None:
    """The target for an origin; None where the origin is unknown, or is the destination that the letter lies in."""
    if found is None or found.ref == message.resource:
        return None
    ref = found.ref
    if ref.kind is Kind.EXCHANGE:
        return _exchange_target(ref.name, found.routing_key or "")
    return _target(ref.kind, ref.name, message.resource.name if found.by_name else "")


def redrive_target(message: Message, conventions: Conventions) -> RedriveTarget | None:
    """`redrive_target_of(origin(message, conventions), message)`, but reads no other headers: for fast moves."""
    return redrive_target_by_layout(conventions.layout(message), message, conventions)


def redrive_target_by_layout(layout: Layout, message: Message, conventions: Conventions) -> RedriveTarget | None:
    """`redrive_target` for a message whose layout is known."""
    name = layout.read(message, "origin")
    destination = message.resource.name
    if not isinstance(name, str) or not name:
        named = conventions.by_format(layout.format, destination)
        if named and named.origin:
            return _target(named.kind, named.origin, destination)
        first = _first_route(layout, message)
        return first if first is None or first.ref != message.resource else None
    if name == destination and layout.kind is message.resource.kind:
        return None
    return _target(layout.kind, name, "")


def original_key(layout: Layout, message: Message) -> str | None:
    """The routing key that a RabbitMQ letter was first published with; None where it is unknown."""
    return _name(layout.read(message, "routing_key"))


def split_headers(message: Message, conventions: Conventions) -> HeaderSplit:
    """Which headers a redrive sends and which it strips, by the convention."""
    layout = conventions.layout(message)
    return HeaderSplit(layout.kept, layout.stripped)


def dead_letter_time(message: Message, layout: Layout) -> int | None:
    """When it was dead-lettered, in ms since the epoch: by its header, else its timestamp, else its entry id.

    None where the first of these is out of the range of dates (K20).
    """
    time = _number(layout.read_last(message, "died"))
    if time is None:
        time = message.timestamp
    if time is None and isinstance(message.position, EntryId):
        time = message.position.ms
    return None if to_datetime(time) is None else time


def _origin(message: Message, layout: Layout, conventions: Conventions) -> Origin | None:
    name, convention, by_name = _text(layout.read(message, "origin")), layout.convention, False
    ref = _ref(layout.kind, name)
    if not name:
        named = conventions.by_format(layout.format, message.resource.name)
        if named is not None and named.origin:
            ref, convention, by_name = _ref(named.kind, named.origin), convention or named.convention, True
        elif (first := _first_route(layout, message)) is not None:
            ref = first.ref
        else:
            return None
    read = layout.read
    if layout.format is MessageFormat.RECORD:
        partition, offset = _number(read(message, "partition")), _number(read(message, "offset"))
        return Origin(
            ref, convention, partition, offset, timestamp=_number(read(message, "timestamp")), by_name=by_name
        )
    if layout.format is MessageFormat.ENTRY:
        return Origin(ref, convention, id=_entry(_text(read(message, "id"))), by_name=by_name)
    exchange, routing_key = _name(read(message, "exchange")), _name(read(message, "routing_key"))
    return Origin(ref, convention, exchange=exchange, routing_key=routing_key, by_name=by_name)


def _origin_text(layout: Layout, message: Message, conventions: Conventions) -> str:
    """The origin as a cause id has it: `queue:work`, or "" where none is known."""
    name = _text(layout.read(message, "origin"))
    if name:
        return f"{layout.kind.value}:{name}"
    named = conventions.by_format(layout.format, message.resource.name)
    if named and named.origin:
        return f"{named.kind.value}:{named.origin}"
    first = _first_route(layout, message)
    return str(first.ref) if first else ""


def _first_route(layout: Layout, message: Message) -> RedriveTarget | None:
    """Where a RabbitMQ letter was first published, by its headers: an exchange, or a queue by the default exchange."""
    exchange, key = _name(layout.read(message, "exchange")), original_key(layout, message)
    if exchange is None or not (exchange or key):
        return None
    return _exchange_target(exchange, key or "") if exchange else _target(Kind.QUEUE, key or "", "")


def _exception(message: Message, layout: Layout) -> tuple[RootException, str]:
    """The root exception, and the outermost one where it is another."""
    read = layout.read_last
    outer = _text(read(message, "exception"))
    message_text = _text(read(message, "message"))
    trace = _text(read(message, "stack"))
    found = find_root(trace) if trace else None
    if found is not None and found.exception not in layout.wrappers:
        return found, outer if outer != found.exception else ""
    frame = found.frame if found else ""
    inner = _text(read(message, "cause_exception"))
    chosen = inner if inner and inner not in layout.wrappers else outer
    if chosen or message_text:
        return _unwrap_message(chosen, message_text, frame, layout.after), outer if outer != chosen else ""
    reason = _text(read(message, "reason"))
    if not reason:
        return RootException("", "", frame), ""
    queue = _text(read(message, "origin"))
    return RootException(REASONS[reason].format(queue) if reason in REASONS else reason, "", ""), ""


def _unwrap_message(exception: str, message_text: str, frame: str, after: tuple[str, ...]) -> RootException:
    """Exception and message where there is no stack trace: the part of a wrapper's message that quotes its cause."""
    for marker in after:
        _, found, rest = message_text.rpartition(marker)
        if found:
            message_text = rest
            break
    if exception and message_text.startswith(f"{exception}: "):
        message_text = message_text[len(exception) + 2 :]
    if ": " in exception:
        name, rest = split_heading(exception)
        exception, message_text = (name, message_text or rest) if name else (exception, message_text)
    return RootException(exception, message_text, frame)


@lru_cache(maxsize=4096)
def _ref(kind: Kind, name: str) -> Ref:
    return Ref(kind, name)


@lru_cache(maxsize=4096)
def _target(kind: Kind, name: str, by_name: str) -> RedriveTarget:
    return RedriveTarget(
        _ref(kind, name), name if kind is Kind.QUEUE else "", f"by the name {by_name}" if by_name else ""
    )


@lru_cache(maxsize=4096)
def _exchange_target(exchange: str, key: str) -> RedriveTarget:
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
