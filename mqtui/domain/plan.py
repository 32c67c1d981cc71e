"""What will happen, before it happens. The steps are the very steps that run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mqtui.domain.capability import Verb
from mqtui.domain.figure import Figure
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.reader_progress import ReaderProgress
from mqtui.domain.redrive import Guarantee, Selection, Source
from mqtui.domain.resource import BrokerKind, Ref


@dataclass(frozen=True, slots=True)
class Send:
    """Publish messages; count unknown while they still come from a pipe."""

    target: Ref
    count: Figure
    note: str = ""


@dataclass(frozen=True, slots=True)
class PeekUnacked:
    """Take messages from a queue, read them and give them back; `spends` where each takes a delivery off a limit."""

    queue: Ref
    count: int
    spends: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Reassign pending entries. `min_idle` is milliseconds; `seen` maps ids to the idle time shown and when (D6)."""

    stream: Ref
    group: str
    consumer: str
    min_idle: int
    seen: tuple[tuple[EntryId, int, int], ...]
    """Id, idle in ms as shown, server time in ms at which it was read."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Acknowledge pending entries."""

    stream: Ref
    group: str
    ids: tuple[EntryId, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """Take letters from a source, as selected."""

    source: Source
    selection: Selection


@dataclass(frozen=True, slots=True)
class Deliver:
    """Store taken letters in a target, then remove each from its source."""

    target: Ref
    count: Figure
    note: str = ""
    keys: tuple[str, ...] = ()
    """Routing keys that are used, where the target is an exchange and they are known."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove taken letters from their source, storing them nowhere but in the bundle (discard)."""

    count: Figure


@dataclass(frozen=True, slots=True)
class Unmark:
    """Mark letters of a run unhandled again (Kafka put back)."""

    source: Ref
    run: str
    offsets: tuple[Offset, ...]


@dataclass(frozen=True, slots=True)
class CreateStateTopic:
    """Create the compacted topic that keeps what was handled."""

    name: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Hear what comes to a destination of dead letters while the rest is done; RabbitMQ has a private queue for it."""

    source: Source


Step: TypeAlias = (
    Send | Listen | PeekUnacked | Claim | Acknowledge | Take | Deliver | Remove | Unmark | CreateStateTopic
)


class Severity(StrEnum):
    """How much a risk weighs."""

    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that may go wrong. A refusing one stops the plan unless it is allowed by its name (`--allow NAME`)."""

    name: str
    text: str
    severity: Severity = Severity.WARN
    final: bool = False
    """Whether no consent overrides it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A change, reviewed before it is made. `id` is 32 hex digits and becomes the run's. `facts` are (label, text)."""

    id: str
    verb: Verb
    profile: str
    broker: BrokerKind
    steps: tuple[Step, ...]
    count: Figure
    facts: tuple[tuple[str, str], ...] = ()
    risks: tuple[Risk, ...] = ()
    guarantee: Guarantee | None = None
    hash: str = ""
    headers: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())
    """Kept, stripped and added header names, as (`keep`, names)."""

    largest: int = 0
    """Bytes of the largest letter, as far as it could be read before."""

    oldest: int | None = None
    """Time of the oldest letter, ms since the epoch."""

    newest: int | None = None
    """Time of the newest letter, ms since the epoch."""

    keyless: int = 0
    """Letters without a key."""

    keeps_time: bool = False
    """Whether letters keep their own timestamp (K7)."""

    def targets(self) -> tuple[Ref, ...]:
        """Every destination the plan writes to."""
        named: list[Ref] = []
        for step in self.steps:
            match step:
                case Send(target=ref) | Deliver(target=ref) | PeekUnacked(queue=ref):
                    named.append(ref)
                case Claim(stream=ref) | Acknowledge(stream=ref) | Unmark(source=ref):
                    named.append(ref)
                case Take(source=source):
                    named.append(source.ref)
                case _:
                    pass
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step did: `done` of `asked`, and a line for each part that was not."""

    asked: int
    done: int
    notes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. Planned is the sum of the five outcomes; `seconds` is wall time."""

    run: str
    planned: int
    moved: int = 0
    refused: int = 0
    unknown: int = 0
    skipped: int = 0
    left: int = 0
    suspects: tuple[str, ...] = ()
    seconds: float = 0.0
    reasons: tuple[tuple[str, int], ...] = ()
    """Why letters were not moved, or not by this run alone, and how many."""

    gone: int = 0
    """Letters that another hand than a run of mqtui took from the source; some of them are moved or skipped."""

    unknowns: tuple[str, ...] = ()
    """Names of unknown letters of which no broker knows more: they are not in the source, nothing proves them moved."""

    came_back: int | None = None
    """Letters that died again while they were watched; None where nothing watched, or where that can't be heard."""

    passed: int | None = None
    """Letters that passed every reader they had failed in; None where nothing watched, or where nobody can be asked."""

    waiting: int | None = None
    """Letters that did not yet."""

    readers: tuple[ReaderProgress, ...] = ()
    back: tuple[str, ...] = ()
    """Where letters that came back lie, each with what it died of; the first of them."""

    watched: float | None = None
    """Seconds for which the last stage was watched."""

    verdict: str = ""
    """What the watch found, in a sentence; it says what is not known and why."""

    why: str = ""
    """Why it ended as it did, where that is not told letter by letter: it stopped by itself, or chose no letter."""

    @property
    def whole(self) -> bool:
        """Whether each letter was moved by this run or handled by another one of mqtui."""
        return self.moved + self.skipped == self.planned and not self.gone and not self.why
