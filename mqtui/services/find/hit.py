"""A message that was found: where, in which part of it, and who has read it already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import BrokerKind
from mqtui.domain.times import format_age
from mqtui.services.session import Session


class ReadState(StrEnum):
    """How far a group is with one message."""

    PASSED = "passed"
    WAITING = "waiting"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MessageReader:
    """A group that reads the place of a hit. `consumer` has the entry pending, since `idle_ms`."""

    group: str
    state: ReadState
    at: str = ""
    """Where the group stands, if it has not come to the message."""

    consumer: str = ""
    idle_ms: int | None = None

    @property
    def text(self) -> str:
        """`billing passed`, `shipping stands before it at 118100`, `ledger: pending with worker-7 for 2h`."""
        match self.state:
            case ReadState.PASSED:
                return f"{self.group} passed"
            case ReadState.WAITING:
                return f"{self.group} stands before it" + (f" at {self.at}" if self.at else "")
            case ReadState.PENDING:
                since = "" if self.idle_ms is None else f" for {format_age(self.idle_ms / 1000)}"
                return f"{self.group}: pending with {self.consumer}{since}"
        return f"{self.group}: ?"


@dataclass(frozen=True, slots=True)
class Hit:
    """A message with the text in it. `readers` is None until it is known who read it; `why` says why it is not."""

    session: Session
    message: Message
    found_in: tuple[str, ...]
    readers: tuple[MessageReader, ...] | None = None
    why: str = ""

    @property
    def broker(self) -> BrokerKind:
        """The kind of its broker."""
        return self.session.broker.kind

    @property
    def time(self) -> int | None:
        """Its time in ms: its own, or that of its id."""
        position = self.message.position
        if self.message.timestamp is None and isinstance(position, EntryId):
            return position.ms
        return self.message.timestamp

    @property
    def place(self) -> str:
        """Where it is, as commands take it: `topic:orders`."""
        return str(self.message.resource)

    @property
    def read_by(self) -> str:
        """Who has read it, in words."""
        if self.readers is None:
            return f"? {self.why}".strip()
        return " · ".join(reader.text for reader in self.readers) or "nobody"
