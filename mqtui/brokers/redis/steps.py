"""The single steps of a plan: claim pending entries, acknowledge them, set where a group reads on, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.brokers.redis.connection.resp import (
    Command,
    ReplyOrError,
    as_dict,
    as_int,
    as_list,
    encode_entry_id,
    parse_entries,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.destination_steps import apply_destination_step
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.offset_steps import apply_offset_step
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.read.pending import RedisPending, server_time_ms
from mqtui.domain.destination_change import CreateDestination, DeleteDestination, PurgeMessages
from mqtui.domain.errors import BrokerTrouble, CannotConnect, ReplyLost, Unsupported
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim, DeleteGroup, SetOffsets, Step, StepResult
from mqtui.domain.resource import name_bytes, name_text
from mqtui.domain.times import format_age

CLOCK_SLACK_MS = 50
IDS_PER_PIPELINE = 1000
CLAIMED_BUT_DELETED = "claimed, but it is gone from the stream: acknowledge it"
"""So does XCLAIM of Redis 6.2 with an entry that was trimmed or deleted; since 7.0 it takes it off the list."""


@dataclass(frozen=True, slots=True)
class PendingOwner:
    """The consumer of a pending entry, and the milliseconds since it was last delivered."""

    consumer: str
    idle: int


async def apply_step(router: Router, step: Step) -> StepResult:
    """Carry out one step. The notes of the result say what was not done and why.

    Raises:
        NotFound: no such stream or group.
        NotAuthorised: a right is missing.
        Unsupported: Redis has no such step.
    """
    match step:
        case Claim():
            runner: ClaimRunner | AckRunner = ClaimRunner(router, step)
        case Acknowledge():
            runner = AckRunner(router, step)
        case SetOffsets() | DeleteGroup():
            return await apply_offset_step(router, step)
        case CreateDestination() | DeleteDestination() | PurgeMessages():
            return await apply_destination_step(router, step)
        case _:
            raise Unsupported(f"Redis has no step {type(step).__name__}")
    try:
        return await runner.run()
    finally:
        await runner.connection.close()


class ClaimRunner:
    """XCLAIM with a min-idle time that fails if anybody has touched the entry since it was shown (D6)."""

    def __init__(self, router: Router, step: Claim) -> None:
        self._key = stream_key(step.stream)
        self._step = step
        self._group = name_bytes(step.group)
        self._pending = RedisPending(router)
        self.connection = WriteConnection(router, self._key)

    async def run(self) -> StepResult:
        """Claim the entries that nobody has touched since. JUSTID leaves their delivery counts unchanged."""
        step, notes = self._step, list[str]()
        (reply,) = await self.connection.execute_pipeline([("XINFO", "CONSUMERS", self._key, self._group)])
        rows = as_list(raise_if_error(reply, "XINFO CONSUMERS", step.stream.name))
        if name_bytes(step.consumer) not in [as_dict(row).get("name") for row in rows]:
            notes.append(f"{step.consumer} was no consumer of {step.group}: it was created")
        claimed: list[EntryId] = []
        for start in range(0, len(step.seen), IDS_PER_PIPELINE):
            seen = step.seen[start : start + IDS_PER_PIPELINE]
            are_claimed = await self._claim(seen)
            done = [row[0] for row, is_claimed in zip(seen, are_claimed, strict=True) if is_claimed]
            in_stream = await self._pending.are_in_stream(step.stream, done)
            claimed += [one for one, is_there in zip(done, in_stream, strict=True) if is_there]
            notes += [
                f"{one}: {CLAIMED_BUT_DELETED}" for one, is_there in zip(done, in_stream, strict=True) if not is_there
            ]
            missed = [row[0] for row, is_claimed in zip(seen, are_claimed, strict=True) if not is_claimed]
            notes += await self._explain_missed(missed)
        return StepResult(len(step.seen), len(claimed), tuple(notes), tuple(map(str, claimed)))

    async def _claim(self, seen: Sequence[tuple[EntryId, int, int]]) -> list[bool]:
        now = server_time_ms((await self.connection.execute_pipeline([("TIME",)]))[0])
        head = ("XCLAIM", self._key, self._group, name_bytes(self._step.consumer))
        commands: list[Command] = [
            (*head, min_idle_time(self._step.min_idle, idle, read_at, now), encode_entry_id(one), "JUSTID")
            for one, idle, read_at in seen
        ]
        try:
            replies = await self.connection.execute_pipeline(commands)
        except RepliesLost as lost:
            return await self._look_up_lost([row[0] for row in seen], now, lost)
        return [bool(as_list(raise_if_error(reply, "XCLAIM", self._step.stream.name))) for reply in replies]

    async def _look_up_lost(self, ids: Sequence[EntryId], sent_at: int, lost: RepliesLost) -> list[bool]:
        """After a lost reply: an entry is claimed if the new consumer has it since `sent_at` (server time, ms)."""
        try:
            await self.connection.reconnect()
            owners = await self._owners(ids)
            now = server_time_ms((await self.connection.execute_pipeline([("TIME",)]))[0])
        except (CannotConnect, BrokerTrouble) as error:
            raise ReplyLost("Whether the entries were claimed is unknown", lost.detail, error.title) from lost
        return [
            owner is not None and owner.consumer == self._step.consumer and owner.idle <= now - sent_at
            for owner in owners
        ]

    async def _explain_missed(self, missed: Sequence[EntryId]) -> list[str]:
        """Why entries were not claimed."""
        if not missed:
            return []
        gone: list[EntryId] = []
        notes = []
        for one, owner in zip(missed, await self._owners(missed), strict=True):
            if owner is None:
                gone.append(one)
            else:
                notes.append(
                    f"{one}: {owner.consumer} has it and touched it {format_age(owner.idle / 1000, units=2)} ago"
                )
        replies = await self.connection.execute_pipeline(
            [("XRANGE", self._key, encode_entry_id(one), encode_entry_id(one)) for one in gone]
        )
        for one, reply in zip(gone, replies, strict=True):
            is_there = parse_entries(raise_if_error(reply, "XRANGE", self._step.stream.name))
            why = "acknowledged meanwhile" if is_there else "deleted from the stream: it is pending no more"
            notes.append(f"{one}: {why}")
        return notes

    async def _owners(self, ids: Sequence[EntryId]) -> list[PendingOwner | None]:
        commands = [_pending_command(self._key, self._group, one) for one in ids]
        return [
            _parse_owner(reply, self._step.stream.name) for reply in await self.connection.execute_pipeline(commands)
        ]


class AckRunner:
    """XACK of single ids, so that each one has a reply."""

    def __init__(self, router: Router, step: Acknowledge) -> None:
        self._key = stream_key(step.stream)
        self._step = step
        self.connection = WriteConnection(router, self._key)

    async def run(self) -> StepResult:
        """Acknowledge the entries. The notes name those that were not pending."""
        step, group = self._step, name_bytes(self._step.group)
        (summary,) = await self.connection.execute_pipeline([("XPENDING", self._key, group)])
        raise_if_error(summary, "XPENDING", f"{step.stream.name}: {step.group}")
        done: list[EntryId] = []
        notes: list[str] = []
        for start in range(0, len(step.ids), IDS_PER_PIPELINE):
            ids = step.ids[start : start + IDS_PER_PIPELINE]
            for one, is_acknowledged in zip(ids, await self._acknowledge(group, ids), strict=True):
                done += [one] if is_acknowledged else []
                notes += [] if is_acknowledged else [f"{one}: was not pending"]
        return StepResult(len(step.ids), len(done), tuple(notes), tuple(map(str, done)))

    async def _acknowledge(self, group: bytes, ids: Sequence[EntryId]) -> list[bool]:
        name = self._step.stream.name
        try:
            replies = await self.connection.execute_pipeline(
                [("XACK", self._key, group, encode_entry_id(one)) for one in ids]
            )
            return [as_int(raise_if_error(reply, "XACK", name)) == 1 for reply in replies]
        except RepliesLost as lost:
            try:
                await self.connection.reconnect()
                replies = await self.connection.execute_pipeline(
                    [_pending_command(self._key, group, one) for one in ids]
                )
            except (CannotConnect, BrokerTrouble) as error:
                raise ReplyLost("Whether the entries were acknowledged is unknown", lost.detail, error.title) from lost
        return [_parse_owner(reply, name) is None for reply in replies]


def min_idle_time(min_idle: int, idle: int, read_at: int, now: int) -> int:
    """The min-idle time of XCLAIM, in ms: with less, an entry was touched since it was shown (D6).

    `min_idle` is what the user asked for, `idle` what was shown at `read_at`. Times are the server's.
    """
    return max(min_idle, idle + (now - read_at) - CLOCK_SLACK_MS, 0)


def _pending_command(key: bytes, group: bytes, position: EntryId) -> Command:
    return ("XPENDING", key, group, encode_entry_id(position), encode_entry_id(position), 1)


def _parse_owner(reply: ReplyOrError, name: str) -> PendingOwner | None:
    """The consumer of an entry in the reply to XPENDING; None where it is not pending."""
    rows = as_list(raise_if_error(reply, "XPENDING", name))
    if not rows:
        return None
    _, owner, idle, _ = as_list(rows[0])
    return PendingOwner(name_text(owner) if isinstance(owner, bytes) else "", as_int(idle))
