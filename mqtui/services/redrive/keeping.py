"""What this machine writes down about a run, off the event loop and before the broker hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from mqtui.brokers.blocking import run_in_thread, run_to_end_in_thread
from mqtui.domain.convoy import Places
from mqtui.domain.message import Message
from mqtui.domain.policy import Policy
from mqtui.domain.redrive import Outcome, Stored
from mqtui.profiles.keys import bundle_key
from mqtui.profiles.model import Profile
from mqtui.state.bundles import Bundle, expire
from mqtui.state.process import process_start
from mqtui.state.runs import Done, Dones, Mark, Marks, RunRecord, Runs

Answer = TypeVar("Answer")

NO_BATCH = 0
"""The number of words that settle no batch."""


@asynccontextmanager
async def opened_journal() -> AsyncIterator[Runs]:
    """The journal of this machine, for a while.

    Raises:
        StorageFailed: it can't be read.
    """
    runs = await run_to_end_in_thread("journal", Runs)
    try:
        yield runs
    finally:
        await run_to_end_in_thread("journal", runs.close)


class Keeper:
    """The journal of one run, and its bundle once `open_bundle` made it."""

    def __init__(self, runs: Runs, run: str) -> None:
        self.runs = runs
        self.run = run
        self.bundle: Bundle | None = None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="mqtui-journal")

    async def on_disk(self, work: Callable[[], Answer]) -> Answer:
        """Do it in the journal's own thread, behind what was asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def open_bundle(self, profile: Profile | None) -> None:
        """Keep the bytes of letters from now on, since the source forgets what is removed (C2). The key may take long.

        Raises:
            Refused: there is no key, it is no Fernet key, or not the one the bundle was made with.
            StorageFailed: the bundle can't be read, or is damaged.
        """
        self.bundle = await run_in_thread("bundle key", lambda: Bundle(self.run, bundle_key(profile)))

    async def begin(self, record: RunRecord, policies: Sequence[Policy] = ()) -> None:
        """Note the run, and let go of what is kept long enough: bundles for 14 days, ended runs for 90."""

        def write() -> None:
            self.runs.begin(record, policies)
            expire()
            self.runs.forget()

        await self.on_disk(write)

    async def take_up(self, pid: int) -> None:
        """Make an interrupted run this process's own.

        Raises:
            Held: its process still runs, or it runs on another host.
        """
        await self.on_disk(lambda: self.runs.take_up(self.run, pid, process_start(pid)))

    async def take(self, marks: Marks, letters: Sequence[Message]) -> int:
        """Keep the letters' bytes and note that they are in hand; both are on disk when it returns.

        Raises:
            StorageFailed: the disk is full; nothing of this batch may be moved.
        """

        def write() -> int:
            if self.bundle is not None and not isinstance(marks, Places):
                self.bundle.append(letters, [mark[0] for mark in marks])
            return self.runs.in_hand(self.run, marks)

        return await self.on_disk(write)

    async def stored(self, places: Sequence[tuple[str, str]]) -> None:
        """Note letters that are stored, with where, and are still to be removed; their fate stays open (C8)."""
        dones = [(name, Stored.STORED.value, at, "") for name, at in places]
        await self.on_disk(lambda: self.runs.done(self.run, NO_BATCH, dones))

    async def settled(self, marks: Sequence[Mark], dones: Sequence[Done]) -> None:
        """Note what became of letters that an earlier process had in hand."""

        def write() -> None:
            self.runs.done(self.run, self.runs.in_hand(self.run, marks), dones)

        if marks:
            await self.on_disk(write)

    async def done(self, number: int, dones: Dones) -> None:
        """Note what became of letters of a batch."""
        await self.on_disk(lambda: self.runs.done(self.run, number, dones))

    async def moved(self, names: Iterable[str]) -> None:
        """Note that all of these letters were moved, in no batch."""
        await self.on_disk(
            lambda: self.runs.done(self.run, NO_BATCH, [(name, Outcome.MOVED, "", "") for name in sorted(names)])
        )

    async def end(self, state: str, result: bytes) -> None:
        """Note the end, and let the disk go."""
        try:
            await self.on_disk(lambda: self.runs.end(self.run, state, result))
        finally:
            if self.bundle is not None:
                await self.on_disk(self.bundle.close)
            self._disk.shutdown(wait=False)
