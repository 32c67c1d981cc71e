"""Single changes: reassign pending entries, acknowledge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from mqtui.brokers.redis.catalog import stream_key
from mqtui.brokers.redis.errors import RepliesLost, answered
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.pending import StreamPending, clock
from mqtui.brokers.redis.replies import Answer, entries, id_bytes, items, number, pairs, sure
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import BrokerTrouble, CannotConnect, ReplyLost, Unsupported
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim, Step, StepResult
from mqtui.domain.resource import name_bytes, name_text

SLACK_MS = 50
TOGETHER = 1000
GHOST = "reassigned, but it is gone from the stream: acknowledge it"
"""What XCLAIM of Redis 6.2 does with an entry that was trimmed or deleted; since 7.0 it takes it off the list."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a pending entry, and for how long nobody touched it (ms)."""

    consumer: str
    idle: int


class StreamSteps:
    """Runs the steps of a plan."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def apply(self, step: Step) -> StepResult:
        """Reassign or acknowledge; the notes say what was not done and why.

        Raises:
            NotFound: no such stream or group.
            NotAuthorised: a right is missing.
            Unsupported: Redis has no such step.
        """
        match step:
            case Claim():
                stepping: Claiming | Acknowledging = Claiming(self._nodes, step)
            case Acknowledge():
                stepping = Acknowledging(self._nodes, step)
            case _:
                raise Unsupported(f"Redis has no step {type(step).__name__}")
        try:
            return await stepping.run()
        finally:
            await stepping.line.close()


class Claiming:
    """XCLAIM with a lock: nobody may have touched the entry since it was shown (D6)."""

    def __init__(self, nodes: Nodes, step: Claim) -> None:
        self._key = stream_key(step.stream)
        self._step = step
        self._group = name_bytes(step.group)
        self._pending = StreamPending(nodes)
        self.line = Line(nodes, self._key)

    async def run(self) -> StepResult:
        """Reassign what was not touched; deliveries are not counted (JUSTID)."""
        step, notes = self._step, list[str]()
        told = (await self.line.pipe([("XINFO", "CONSUMERS", self._key, self._group)]))[0]
        known = [pairs(row).get("name") for row in items(sure(told, "XINFO CONSUMERS", step.stream.name))]
        if name_bytes(step.consumer) not in known:
            notes.append(f"{step.consumer} was no consumer of {step.group}: it was made")
        claimed: list[EntryId] = []
        for start in range(0, len(step.seen), TOGETHER):
            seen = step.seen[start : start + TOGETHER]
            done = await self._claim(seen)
            given = [one for one, yes in zip((row[0] for row in seen), done, strict=True) if yes]
            there = await self._pending.are_in_stream(step.stream, given)
            claimed += [one for one, yes in zip(given, there, strict=True) if yes]
            notes += [f"{one}: {GHOST}" for one, yes in zip(given, there, strict=True) if not yes]
            missed = [row[0] for row, yes in zip(seen, done, strict=True) if not yes]
            notes += await self._reasons(missed)
        return StepResult(len(step.seen), len(claimed), tuple(notes), tuple(map(str, claimed)))

    async def _claim(self, seen: Sequence[tuple[EntryId, int, int]]) -> list[bool]:
        now = clock((await self.line.pipe([("TIME",)]))[0])
        head = ("XCLAIM", self._key, self._group, name_bytes(self._step.consumer))
        commands: list[Command] = [
            (*head, lock(self._step.min_idle, idle, read_at, now), id_bytes(one), "JUSTID")
            for one, idle, read_at in seen
        ]
        try:
            answers = await self.line.pipe(commands)
        except RepliesLost as lost:
            return await self._looked_up([row[0] for row in seen], now, lost)
        return [bool(items(sure(answer, "XCLAIM", self._step.stream.name))) for answer in answers]

    async def _looked_up(self, wanted: Sequence[EntryId], sent: int, lost: RepliesLost) -> list[bool]:
        """Replies are missing: an entry is claimed when the new consumer has it since `sent` (server time, ms)."""
        try:
            await self.line.mend()
            owners = await self._owners(wanted)
            now = clock((await self.line.pipe([("TIME",)]))[0])
        except (CannotConnect, BrokerTrouble) as error:
            raise ReplyLost("Whether the entries were reassigned is unknown", lost.detail, error.title) from lost
        return [
            owner is not None and owner.consumer == self._step.consumer and owner.idle <= now - sent for owner in owners
        ]

    async def _reasons(self, missed: Sequence[EntryId]) -> list[str]:
        """Why entries were not reassigned."""
        if not missed:
            return []
        gone: list[EntryId] = []
        notes = []
        for one, owner in zip(missed, await self._owners(missed), strict=True):
            if owner is None:
                gone.append(one)
            else:
                notes.append(f"{one}: {owner.consumer} has it and touched it {owner.idle} ms ago")
        answers = await self.line.pipe([("XRANGE", self._key, id_bytes(one), id_bytes(one)) for one in gone])
        for one, answer in zip(gone, answers, strict=True):
            there = entries(sure(answer, "XRANGE", self._step.stream.name))
            why = "acknowledged meanwhile" if there else "deleted from the stream: it is pending no more"
            notes.append(f"{one}: {why}")
        return notes

    async def _owners(self, wanted: Sequence[EntryId]) -> list[Owner | None]:
        head = ("XPENDING", self._key, self._group)
        answers = await self.line.pipe([(*head, id_bytes(one), id_bytes(one), 1) for one in wanted])
        return [_owner(answer, self._step.stream.name) for answer in answers]


class Acknowledging:
    """XACK, one answer an id."""

    def __init__(self, nodes: Nodes, step: Acknowledge) -> None:
        self._key = stream_key(step.stream)
        self._step = step
        self.line = Line(nodes, self._key)

    async def run(self) -> StepResult:
        """Acknowledge; what was not pending is noted."""
        step, group = self._step, name_bytes(self._step.group)
        known = await self.line.pipe([("XPENDING", self._key, group)])
        sure(known[0], "XPENDING", f"{step.stream.name}: {step.group}")
        done: list[EntryId] = []
        notes: list[str] = []
        for start in range(0, len(step.ids), TOGETHER):
            some = step.ids[start : start + TOGETHER]
            for one, yes in zip(some, await self._acknowledge(group, some), strict=True):
                done += [one] if yes else []
                notes += [] if yes else [f"{one}: was not pending"]
        return StepResult(len(step.ids), len(done), tuple(notes), tuple(map(str, done)))

    async def _acknowledge(self, group: bytes, some: Sequence[EntryId]) -> list[bool]:
        name = self._step.stream.name
        try:
            answers = await self.line.pipe([("XACK", self._key, group, id_bytes(one)) for one in some])
            return [number(sure(answer, "XACK", name)) == 1 for answer in answers]
        except RepliesLost as lost:
            try:
                await self.line.mend()
                head = ("XPENDING", self._key, group)
                answers = await self.line.pipe([(*head, id_bytes(one), id_bytes(one), 1) for one in some])
            except (CannotConnect, BrokerTrouble) as error:
                raise ReplyLost("Whether the entries were acknowledged is unknown", lost.detail, error.title) from lost
        return [_owner(answer, name) is None for answer in answers]


def lock(min_idle: int, idle: int, read_at: int, now: int) -> int:
    """The idle time, in ms, below which an entry was touched since it was shown (D6). Times are the server's."""
    return max(min_idle, idle + (now - read_at) - SLACK_MS, 0)


def _owner(answer: Answer, name: str) -> Owner | None:
    if isinstance(answer, RedisError):
        raise answered(answer, "XPENDING", name)
    rows = items(answer)
    if not rows:
        return None
    _, owner, idle, _ = items(rows[0])
    return Owner(name_text(owner) if isinstance(owner, bytes) else "", number(idle))
