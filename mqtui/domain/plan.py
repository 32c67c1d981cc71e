"""Plans: the steps of a change with counts and risks, made before it and executed as they are; and its result."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import DESTINATION_STEPS, DestinationStep
from mqtui.domain.figure import Figure
from mqtui.domain.group_offsets import OffsetMove
from mqtui.domain.message import EntryId, Offset, Outgoing
from mqtui.domain.reader_progress import ReaderProgress
from mqtui.domain.redrive import Guarantee, Selection, Source
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.schema import RegisteredSchema
from mqtui.domain.topology import NOTHING_LOST
from mqtui.domain.transactions import OpenTransaction


@dataclass(frozen=True, slots=True)
class Send:
    """Publish messages. The count is unknown while they come from a pipe."""

    target: Ref
    count: Figure
    note: str = ""


@dataclass(frozen=True, slots=True)
class PeekUnacked:
    """Peek: take messages from a queue, read and return them. `spends`: each uses up a delivery of its limit (R3)."""

    queue: Ref
    count: int
    spends: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim pending entries for a consumer (XCLAIM). `min_idle` is milliseconds."""

    stream: Ref
    group: str
    consumer: str
    min_idle: int
    seen: tuple[tuple[EntryId, int, int], ...]
    """For each entry: id, idle time in ms as shown, and the server time in ms at which that was read (D6)."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Acknowledge pending entries."""

    stream: Ref
    group: str
    ids: tuple[EntryId, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """Take the selected letters from a source."""

    source: Source
    selection: Selection


@dataclass(frozen=True, slots=True)
class Deliver:
    """Store taken letters in a target, then remove each from its source."""

    target: Ref
    count: Figure
    note: str = ""
    keys: tuple[str, ...] = ()
    """The routing keys that are used, where the target is an exchange and they are known."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove taken letters from their source without storing them elsewhere but in the bundle (discard)."""

    count: Figure


@dataclass(frozen=True, slots=True)
class Unmark:
    """Kafka: mark letters of a run unhandled again, to put them back (K11)."""

    source: Ref
    run: str
    offsets: Collection[Offset]


@dataclass(frozen=True, slots=True)
class CreateStateTopic:
    """Create the compacted topic that keeps which letters were handled (K2)."""

    name: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to the letters that arrive in a source meanwhile (RabbitMQ: by a private queue, R9)."""

    source: Source


@dataclass(frozen=True, slots=True)
class RegisterSchema:
    """Register a schema in the broker's schema registry, as the next version of a subject."""

    subject: str
    schema: RegisteredSchema


@dataclass(frozen=True, slots=True)
class SetOffsets:
    """Set where a consumer group reads on; what it has in a partition is deleted where `after` is None."""

    group: Ref
    moves: tuple[OffsetMove, ...]


@dataclass(frozen=True, slots=True)
class SkipWithCopies:
    """Store copies of the messages that a group skips, and set where it reads on, in one transaction."""

    group: Ref
    move: OffsetMove
    copies: tuple[Outgoing, ...]

    @property
    def target(self) -> Ref:
        """Where the copies are stored."""
        return self.copies[0].target


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """Delete a consumer group with all its offsets, which `moves` tells."""

    group: Ref
    moves: tuple[OffsetMove, ...]


@dataclass(frozen=True, slots=True)
class AbortTransaction:
    """Abort an open transaction: its producer is fenced, or abort markers end it where no coordinator knows it."""

    transaction: OpenTransaction


@dataclass(frozen=True, slots=True)
class JoinScan:
    """Share a scan with other processes, as a member of a group of mqtui's own that is removed at the end."""

    group: Ref
    scan: str
    """Which scan it is: a hash of what is looked for, and where."""

    ranges: Mapping[Ref, Mapping[int, tuple[int, int]]]
    """By topic and partition the offsets that are scanned, the end exclusive, where no process has begun it yet."""


OffsetStep: TypeAlias = SetOffsets | SkipWithCopies | DeleteGroup

Step: TypeAlias = (
    Send
    | Listen
    | PeekUnacked
    | Claim
    | Acknowledge
    | Take
    | Deliver
    | Remove
    | Unmark
    | CreateStateTopic
    | RegisterSchema
    | SetOffsets
    | SkipWithCopies
    | DeleteGroup
    | AbortTransaction
    | DestinationStep
    | JoinScan
)


class Severity(StrEnum):
    """Whether a risk only warns or stops the plan."""

    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that may go wrong. One that refuses stops the plan unless it is allowed by name (`--allow NAME`)."""

    name: str
    text: str
    severity: Severity = Severity.WARN
    final: bool = False
    """Whether it can't be allowed."""


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change of a destination would do, as its broker says it. `count` are the messages that it deletes.

    Without steps it would change nothing. `facts` are (label, text) pairs.
    """

    steps: tuple[Step, ...]
    facts: tuple[tuple[str, str], ...] = ()
    risks: tuple[Risk, ...] = ()
    count: Figure = NOTHING_LOST


@dataclass(frozen=True, slots=True)
class Plan:
    """A change to be reviewed. `id` is 32 hex digits and becomes that of the run. `facts` are (label, text) pairs."""

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
    """The names of kept, stripped and added headers, as (`keep`, names)."""

    largest: int = 0
    """The bytes of the largest letter that was read for the plan."""

    oldest: int | None = None
    """The time of the oldest letter, ms since the epoch."""

    newest: int | None = None
    """The time of the newest letter, ms since the epoch."""

    keyless: int = 0
    """The number of letters without a key."""

    keeps_time: bool = False
    """Whether letters keep their own timestamp (K7)."""

    deletes: str = ""
    """The name of what is deleted for good, which is typed on every profile (C5)."""

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
                case SkipWithCopies():
                    named.append(step.target)
                case _ if isinstance(step, DESTINATION_STEPS):
                    named.append(step.ref)
                case _:
                    pass
        return tuple(dict.fromkeys(named))

    def written(self) -> tuple[str, ...]:
        """The names of all that the plan writes to, for the audit."""
        subjects = (f"subject:{step.subject}" for step in self.steps if isinstance(step, RegisterSchema))
        of_groups = SetOffsets | SkipWithCopies | DeleteGroup | JoinScan
        groups = (str(step.group) for step in self.steps if isinstance(step, of_groups))
        aborted = (step.transaction for step in self.steps if isinstance(step, AbortTransaction))
        transactions = (f"transaction:{each.transactional_id or each.producer_id}" for each in aborted)
        return (*map(str, self.targets()), *groups, *subjects, *transactions)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of a step: `done` of `asked`, with a line for each part that was not done."""

    asked: int
    done: int
    notes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `planned` is the sum of the five outcomes; `seconds` is wall time."""

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
    """The reasons why letters were not moved, or not by this run alone, with their numbers."""

    gone: int = 0
    """Letters that something other than mqtui took from the source; some of them are moved or skipped."""

    unknowns: tuple[str, ...] = ()
    """Unknown letters that are not in the source and that nothing proves to be moved (C13)."""

    came_back: int | None = None
    """Letters that were dead-lettered again while monitored; None where that was not monitored, or can't be (R16)."""

    passed: int | None = None
    """Letters that passed every group in which they had failed (C16); None where it was not or can't be monitored."""

    waiting: int | None = None
    """Letters that have not passed yet."""

    readers: tuple[ReaderProgress, ...] = ()
    back: tuple[str, ...] = ()
    """The first letters that came back: where each lies, and why it was dead-lettered."""

    watched: float | None = None
    """The seconds for which the last stage was monitored."""

    verdict: str = ""
    """The result of the monitor in a sentence, with what is unknown and why."""

    why: str = ""
    """Why it ended, where the letters don't say it: it stopped by itself, or no letter was selected."""

    @property
    def whole(self) -> bool:
        """Whether each letter was moved by this run or handled by another run of mqtui."""
        return self.moved + self.skipped == self.planned and not self.gone and not self.why
