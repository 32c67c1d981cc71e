"""Scans the newest entries of many streams: one pipeline for some streams at once, each reply near 1 MiB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.redis.connection.resp import (
    Entry,
    ReplyOrError,
    encode_entry_id,
    entry_sizes,
    parse_entries,
    parse_entry_id,
    previous_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.read.page_size import PageSizer
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Ref
from mqtui.domain.scan import PlaceStep, RecordTest

STREAMS_AT_ONCE = 8
"""Streams in one pipeline: up to so many MiB are on their way."""

FIRST_ENTRIES = 100
"""Entries that are read of each stream before any stream is read further."""

LAST = EntryId(2**64 - 1, 2**64 - 1)


class EntryColumns:
    """Entries by column: they have fields and nothing else."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self.values: list[bytes | None] = [None] * len(entries)

    def keys(self) -> Sequence[bytes | None]:
        return self.values

    def times(self) -> list[int | None]:
        return [parse_entry_id(entry_id).ms for entry_id, _ in self._entries]

    def extras(self) -> list[Sequence[bytes | None]]:
        return [flat for _, flat in self._entries]


@dataclass(slots=True)
class StreamScan:
    """A stream that is scanned: `end` is the newest id that was not read, `left` how many entries are wanted."""

    ref: Ref
    left: int
    end: EntryId = LAST
    read: int = 0
    has_older: bool = False
    sizer: PageSizer = field(default_factory=PageSizer)

    def command(self, since: EntryId, limit: int) -> tuple[bytes, tuple[bytes | str | int, ...]]:
        """The next XREVRANGE. It asks for one more entry than is wanted, which tells whether there are older ones."""
        key = stream_key(self.ref)
        count = min(self.sizer.count, self.left + 1, max(1, limit - self.read))
        first = "-" if since == EntryId(0, 0) else encode_entry_id(since)
        return key, ("XREVRANGE", key, encode_entry_id(self.end), first, "COUNT", count)

    def take(self, entries: list[Entry], asked: int) -> tuple[list[Entry], bool]:
        """The entries that are wanted, and whether more are to be read."""
        self.sizer.record_reply(entries)
        wanted = entries[: self.left]
        self.has_older = len(entries) > len(wanted)
        self.left -= len(wanted)
        self.read += len(wanted)
        if wanted:
            self.end = previous_id(parse_entry_id(wanted[-1][0]))
        return wanted, len(entries) == asked and not self.has_older


async def scan_newest(
    router: Router, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
) -> AsyncGenerator[list[PlaceStep]]:
    """The newest `FIRST_ENTRIES` of all streams, then the rest of the depth of each."""
    first = EntryId(max(0, since or 0), 0)
    waiting = [StreamScan(ref, depth) for ref in refs]
    slices = TimeSlices()
    for limit in (FIRST_ENTRIES, depth + 1):
        again: list[StreamScan] = []
        while waiting:
            some, waiting = waiting[:STREAMS_AT_ONCE], waiting[STREAMS_AT_ONCE:]
            commands = [scan.command(first, limit) for scan in some]
            replies = await _replies(router, commands)
            steps: list[PlaceStep] = []
            for scan, (_, command), reply in zip(some, commands, replies, strict=True):
                if slices.is_over:
                    await slices.yield_to_loop()
                step, goes_on = _step(scan, reply, int(command[-1]), test)
                steps.append(step)
                if goes_on:
                    (waiting if scan.read < limit else again).append(scan)
            yield steps
        waiting = again


async def _replies(
    router: Router, commands: Sequence[tuple[bytes, tuple[bytes | str | int, ...]]]
) -> Sequence[ReplyOrError | MqtuiError]:
    """The reply to each; where a node of a cluster does not answer, the others are asked one by one."""
    try:
        return await router.scatter(commands)
    except MqtuiError:
        if not router.is_clustered:
            raise
    one_by_one = (router.execute_pipeline(key, [command]) for key, command in commands)
    found = await asyncio.gather(*one_by_one, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, MqtuiError):
            raise each
    return [each if isinstance(each, MqtuiError) else each[0] for each in found]  # type: ignore[index]  # raised above


def _step(scan: StreamScan, reply: ReplyOrError | MqtuiError, asked: int, test: RecordTest) -> tuple[PlaceStep, bool]:
    try:
        if isinstance(reply, MqtuiError):
            raise reply
        entries = parse_entries(raise_if_error(reply, "XREVRANGE", scan.ref.name))
    except MqtuiError as error:
        return PlaceStep(scan.ref, is_last=True, error=error), False
    wanted, goes_on = scan.take(entries, asked)
    chosen = test(EntryColumns(wanted)) if wanted else ()
    messages = to_messages(scan.ref, [wanted[index] for index, _ in chosen])
    candidates = [(message, is_sure) for message, (_, is_sure) in zip(messages, chosen, strict=True)]
    size = sum(entry_sizes(wanted))
    return PlaceStep(scan.ref, len(wanted), size, candidates, not goes_on, scan.has_older), goes_on
