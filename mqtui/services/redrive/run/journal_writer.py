"""Writes a run's journal and bundle on a thread of its own, each entry before the broker sees what it is about."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from mqtui.brokers.blocking import run_in_thread, run_to_end_in_thread
from mqtui.domain.bulk import OffsetRanges
from mqtui.domain.message import Message
from mqtui.domain.policy import Policy
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.redrive import Outcome, PublishStatus
from mqtui.machine.process import process_start
from mqtui.profiles.keys import bundle_key
from mqtui.profiles.model import Profile
from mqtui.state.bundles import Bundle, delete_expired
from mqtui.state.journal import InFlight, Journal, LettersInFlight, OutcomeRow, OutcomeRows, RunRecord

Result = TypeVar("Result")

NO_BATCH = 0
"""The batch number of outcomes that finish no batch."""

PIECE = 10_000
"""Outcomes that are written at once where there are many: packing them holds the interpreter."""


@asynccontextmanager
async def open_journal() -> AsyncIterator[Journal]:
    """Open the journal of this machine, and close it off the event loop.

    Raises:
        StorageFailed: it can't be read.
    """
    journal = await run_to_end_in_thread("journal", Journal)
    try:
        yield journal
    finally:
        await run_to_end_in_thread("journal", journal.close)


class JournalWriter:
    """Writes the journal of one run, and its bundle once `open_bundle` was called."""

    def __init__(self, journal: Journal, run: str) -> None:
        self.journal = journal
        self.run = run
        self.bundle: Bundle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mqtui-journal")

    async def run_in_thread(self, work: Callable[[], Result]) -> Result:
        """Run it in the journal's thread, after everything asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def open_bundle(self, profile: Profile | None) -> None:
        """Keep the bytes of letters from now on, where the broker deletes what is removed (C2). May wait for the key.

        Raises:
            Refused: there is no key, it is no Fernet key, or not the one the bundle was made with.
            StorageFailed: the bundle can't be read, or is damaged.
        """
        self.bundle = await run_in_thread("bundle key", lambda: Bundle(self.run, bundle_key(profile)))

    async def write_start(self, record: RunRecord, policies: Sequence[Policy] = ()) -> None:
        """Insert the run; expire bundles after 14 days and finished runs after 90."""

        def write() -> None:
            self.journal.begin(record, policies)
            delete_expired()
            self.journal.delete_ended()

        await self.run_in_thread(write)

    async def claim(self, pid: int) -> None:
        """Make this process the owner of an interrupted run.

        Raises:
            Held: its process still runs, or it runs on another host.
        """
        await self.run_in_thread(lambda: self.journal.claim(self.run, pid, process_start(pid)))

    async def write_batch(self, in_flight: LettersInFlight, letters: Sequence[Message] = ()) -> int:
        """Append the letters to the bundle and journal them as in flight; both are on disk when it returns.

        Raises:
            StorageFailed: the disk is full; nothing of this batch may be moved.
        """

        def write() -> int:
            if self.bundle is None or isinstance(in_flight, OffsetRanges):
                pass
            elif isinstance(in_flight, RawEntries):
                self.bundle.append_entries(in_flight)
            else:
                self.bundle.append(letters, [mark[0] for mark in in_flight])
            return self.journal.begin_batch(self.run, in_flight)

        return await self.run_in_thread(write)

    async def write_stored(self, places: Sequence[tuple[str, str]]) -> None:
        """Journal letters, by name and position, that are stored and not yet removed: they stay open (C8)."""
        outcomes = [(name, PublishStatus.STORED.value, at, "") for name, at in places]
        await self.run_in_thread(lambda: self.journal.record_outcomes(self.run, NO_BATCH, outcomes))

    async def write_resolved(self, in_flight: Sequence[InFlight], outcomes: Sequence[OutcomeRow]) -> None:
        """Journal the outcomes of letters that an earlier process had in flight."""

        def write() -> None:
            self.journal.record_outcomes(self.run, self.journal.begin_batch(self.run, in_flight), outcomes)

        if in_flight:
            await self.run_in_thread(write)

    async def write_outcomes(self, number: int, outcomes: OutcomeRows) -> None:
        """Journal the outcomes of a batch."""
        await self.run_in_thread(lambda: self.journal.record_outcomes(self.run, number, outcomes))

    async def write_moved(self, names: Iterable[str]) -> None:
        """Journal that all of these letters were moved, in pieces, so that the event loop gets its turns."""
        remaining = iter(names)
        while piece := [(name, Outcome.MOVED, "", "") for name in itertools.islice(remaining, PIECE)]:
            await self.run_in_thread(partial(self.journal.record_outcomes, self.run, NO_BATCH, piece))

    async def write_end(self, state: str, result: bytes) -> None:
        """Journal the end of the run, close the bundle and end the thread."""
        try:
            await self.run_in_thread(lambda: self.journal.end(self.run, state, result))
        finally:
            if self.bundle is not None:
                await self.run_in_thread(self.bundle.close)
            self._thread.shutdown(wait=False)
