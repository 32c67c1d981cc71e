"""After a redrive: did the copies pass their readers, and did any come back as a dead letter (K12, R9)?

Nothing is peeked that costs a delivery. What can't be known is not claimed: `passed` is None where nobody can be asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from mqtui.brokers.guard import BoundWriter
from mqtui.brokers.port import Load
from mqtui.domain.convention import Conventions
from mqtui.domain.convoy import Carried
from mqtui.domain.deadletter import origin
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import counted
from mqtui.domain.message import EntryId, Message, Offset, Position
from mqtui.domain.redrive import Receipt, Source, Stored, Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import GroupLag
from mqtui.services.redrive.stamps import RUN
from mqtui.services.session import Session

LOOK = 1.0
"""Seconds between two looks at the readers."""

SAMPLED = 6.0
"""Seconds after which a queue's own figures are younger than the copies: RabbitMQ takes them every 5."""

SETTLED = 10.0
"""Seconds without a copy coming back after all readers have passed: then the watch ends by itself."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One group that reads a target; `waiting` copies are still before it."""

    group: str
    target: Ref
    passed: int
    waiting: int
    still: bool
    """Nobody is in it."""

    asked: bool = True
    """Whether it counts for the verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known after a while. `passed` is None where nobody can be asked; `seconds` is how long it was watched."""

    moved: int
    passed: int | None
    came_back: int
    seconds: float
    readers: tuple[Reader, ...] = ()
    back: tuple[str, ...] = ()
    """Where the letters that came back lie."""

    perhaps: int = 0
    """Letters like them that came meanwhile and could not be told apart from others."""

    why: str = ""
    """Why readers can't be asked."""

    heard: bool = True
    """Whether letters that die again would be heard."""

    unread: bool = False
    """Whether nobody is in any group that reads where they went."""

    @property
    def share(self) -> float:
        """Came back, of all moved: 0 to 1."""
        return self.came_back / self.moved if self.moved else 0.0

    def words(self) -> str:
        """The verdict in one sentence."""
        letters = counted(self.moved, "letter") if self.moved != 1 else "The letter"
        if self.came_back:
            return f"{self.came_back:,} of {self.moved:,} came back within {self.seconds:.0f}s."
        stayed = f"did not come back in {self.seconds:.0f}s"
        if self.passed is None:
            return f"{letters} {stayed}; {self.why.rstrip('.') or 'no reader can be asked'}."
        through = [reader.group for reader in self.readers if not reader.waiting]
        if self.passed == self.moved and through:
            return f"{letters} passed {', '.join(through)} and {stayed}."
        return f"{self.passed:,} of {self.moved:,} passed their readers, and {letters.lower()} {stayed}."


@dataclass(slots=True)
class Copies:
    """What a run stored, by target."""

    conventions: Conventions
    of: dict[Ref, list[Position]] = field(default_factory=dict)
    number: Counter[Ref] = field(default_factory=Counter)
    stored: int = 0
    last: float = 0.0
    """When the newest one was stored."""

    failed_in: set[str] = field(default_factory=set)
    """Groups that the letters say they failed in: these have to pass them now."""

    def note(self, transfers: Sequence[Transfer], receipts: Sequence[Receipt]) -> None:
        """Take the receipts of a batch."""
        for transfer, receipt in zip(transfers, receipts, strict=True):
            if receipt.state is Stored.STORED:
                self.stored += 1
                self.number[transfer.target] += 1
                self.last = monotonic()
                group = self.conventions.layout(transfer.letter).read_last(transfer.letter, "group")
                if isinstance(group, str) and group:
                    self.failed_in.add(group)
                if receipt.position is not None:
                    self.of.setdefault(transfer.target, []).append(receipt.position)

    def note_load(self, load: Load, carried: Carried) -> None:
        """Take what became of a load."""
        self.stored += len(carried.moved)
        self.failed_in.update(lane.group for lane in load.lanes if lane.group)
        places = {topic: self.of.setdefault(Ref(Kind.TOPIC, topic), []) for topic in carried.moved.topics}
        self.last = monotonic()
        for _, topic, copy in carried.moved:
            self.number[Ref(Kind.TOPIC, topic)] += 1
            if copy is not None:
                places[topic].append(copy)


class Aftermath:
    """Watches one run."""

    def __init__(self, session: Session, target: Session, source: Source, run: str, conventions: Conventions) -> None:
        """`target` is the session of the broker the copies went to."""
        self.copies = Copies(conventions)
        self._session = session
        self._target = target
        self._source = source
        self._run = run
        self._conventions = conventions
        self._back: dict[str, str] = {}
        self._perhaps = 0
        self._drained: Counter[Ref] = Counter()
        """Copies that went to a queue before it was seen empty."""

        self._deaf = ""
        """Why letters that die again can't be heard."""

        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self, writer: BoundWriter) -> None:
        """Listen for letters that die again, before the first one leaves."""
        self._listening = asyncio.create_task(self._listen(writer), name="aftermath")
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self, writer: BoundWriter) -> None:
        try:
            async for batch in writer.listen(self._source):
                self._ready.set()
                for letter in batch:
                    self._judge(letter)
        except MqtuiError as error:
            self._deaf = error.detail or error.title

    def _judge(self, letter: Message) -> None:
        """Whether it is one of ours: by the run's id, else by the place of our copy as its origin."""
        stamp = letter.header(RUN)
        if stamp is not None and self._run.encode() in stamp:
            self._back[str(letter.position) + str(len(self._back))] = f"{letter.resource.name} {letter.position}"
            return
        came_from = origin(letter, self._conventions)
        if came_from is None or stamp is not None:
            return
        place: Position | None = came_from.id
        if came_from.partition is not None and came_from.offset is not None:
            place = Offset(came_from.partition, came_from.offset)
        if place is not None and place in set(self.copies.of.get(came_from.ref, ())):
            self._back[str(place)] = f"{letter.resource.name} {letter.position}"

    async def watch(self, seconds: float, most: float, tell: Callable[[Verdict], None], stop: asyncio.Event) -> Verdict:
        """Look until all readers have passed and nothing came back for a while, too many came back (more than the
        share `most`), the time is over, or the stop.
        """
        began = monotonic()
        quiet_since = began
        verdict = await self.verdict(0.0)
        while not stop.is_set():
            past = monotonic() - began
            verdict = await self.verdict(past)
            tell(verdict)
            if verdict.came_back or verdict.passed is None or verdict.passed < verdict.moved:
                quiet_since = monotonic()
            if verdict.share > most or past >= seconds or monotonic() - quiet_since >= min(SETTLED, seconds):
                return verdict
            try:
                await asyncio.wait_for(stop.wait(), min(LOOK, max(0.05, seconds - past)))
            except TimeoutError:
                continue
        return verdict

    async def verdict(self, seconds: float) -> Verdict:
        """What is known now."""
        readers: list[Reader] = []
        why = self._deaf or self._ended()
        failed = ""
        try:
            for target in self.copies.number:
                readers += await self._readers(target)
        except MqtuiError as error:
            why = failed = error.title
        asked = self._asked(readers)
        passed: int | None = None
        if asked and not why:
            by_target = Counter(self.copies.number)
            for reader in asked:
                by_target[reader.target] = min(by_target[reader.target], reader.passed)
            passed = sum(by_target.values())
        elif not why:
            why = "no live reader keeps a position that could be compared"
        back = tuple(self._back.values())
        shown = tuple(replace(reader, asked=reader in asked) for reader in readers)
        heard = not (self._deaf or self._ended())
        unread = not failed and all(reader.still for reader in readers)
        return Verdict(
            self.copies.stored, passed, len(back), seconds, shown, back[:100], self._perhaps, why, heard, unread
        )

    def _ended(self) -> str:
        """Why nothing is heard any more though nobody said so; "" while it listens."""
        if self._listening is None or not self._listening.done():
            return ""
        error = self._listening.exception()
        return f"letters that die again are not heard: {error!r}" if error else "letters that die again are not heard"

    def _asked(self, readers: Sequence[Reader]) -> list[Reader]:
        """The readers that count: the groups the letters failed in, else all that somebody is in."""
        failed = [reader for reader in readers if reader.group in self.copies.failed_in]
        return failed or [reader for reader in readers if not reader.still]

    async def _readers(self, target: Ref) -> list[Reader]:
        broker = self._target.broker
        number = self.copies.number[target]
        groups = {group.ref: group for group in await broker.groups.groups(target)}
        found: list[Reader] = []
        async for row in broker.groups.lag(list(groups)):
            name = row.group.name.rpartition("/")[2]
            if broker.kind is BrokerKind.RABBITMQ:
                passed = self._taken(row, target)
            else:
                waiting = await self._pending(target, name) if broker.pending else frozenset()
                places = self.copies.of.get(target, ())
                passed = sum(_is_past(place, row, target) and place not in waiting for place in places)
            still = not groups[row.group].members
            found.append(Reader(name, target, passed, number - passed, still))
        return found

    def _taken(self, row: GroupLag, target: Ref) -> int:
        """Copies that are no more in a queue, ready or in hand: all, once it was seen without any message."""
        if row.total.number == 0 and monotonic() - self.copies.last >= SAMPLED:
            self._drained[target] = self.copies.number[target]
        return self._drained[target]

    async def _pending(self, stream: Ref, group: str) -> frozenset[Position]:
        """Redis: entries that were delivered and not acknowledged yet."""
        pending = self._target.broker.pending
        assert pending is not None
        page = await pending.entries(stream, group, limit=1_000)
        return frozenset(entry.id for entry in page.items)


def _is_past(place: Position, row: GroupLag, target: Ref) -> bool:
    """Whether a group has gone past a copy."""
    for part in row.parts:
        if part.resource != target:
            continue
        if isinstance(place, Offset) and part.partition == place.partition:
            return part.committed.isdigit() and int(part.committed) > place.offset
        if isinstance(place, EntryId) and "-" in part.committed:
            ms, _, seq = part.committed.partition("-")
            return place <= EntryId(int(ms), int(seq))
    return False
