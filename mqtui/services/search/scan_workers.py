"""The worker processes of a search: a long scan is shared among several, and one that was killed is started again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

from msgspec import structs

from mqtui.brokers.optional_port import ScansRecords
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Ref
from mqtui.domain.scan import ScanRange, count_offsets, split_ranges
from mqtui.services.decoding import Decoder, load_decoder
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.scan_report import ScanReport
from mqtui.services.search.worker_frames import ScanJob
from mqtui.services.search.worker_process import ScanProcessEnded, ScanWorker
from mqtui.services.session import Session

PROCESSES = min(4, os.cpu_count() or 1)
"""Worker processes of a scan in stored order."""

SHARED_FROM = 20_000
"""Records from which on a scan is shared among several processes."""

RESTARTS = 3
"""Times that a worker which was killed is started again, without any progress in between."""

JQ_PROCESSES = 2
"""Processes for a jq program, in all workers together."""


class ScanWorkers:
    """The processes that scan for one query. Where the whole of a destination is scanned, they share it."""

    def __init__(self, session: Session, query: SearchQuery, decoder: Decoder, first: Edge) -> None:
        self.decoder = decoder
        self._first = first
        shares = isinstance(session.broker.reader, ScansRecords) and first is Edge.OLDEST
        count = PROCESSES if shares else 1
        job = ScanJob(session.address, query, decoder.keys, decoder.rules, max(1, JQ_PROCESSES // count))
        self._workers = [ScanWorker(job) for _ in range(count)]

    def begin(self) -> None:
        """Start the processes; the first scan waits until they are ready."""
        for worker in self._workers:
            worker.begin()

    async def close(self) -> None:
        """Kill the processes: they hold nothing."""
        for worker in self._workers:
            await worker.close()

    async def scan(
        self, ref: Ref, ranges: Sequence[ScanRange], note: Callable[[str], object]
    ) -> AsyncGenerator[ScanReport]:
        """Scan stretches of a destination; `note` is told what happened to a process. Leaving early needs `close`.

        Raises:
            MqtuiError: the destination can't be read.
        """
        count = len(self._workers) if count_offsets(ranges) >= SHARED_FROM else 1
        left = dict(enumerate(split_ranges(ranges, count) if count > 1 else [tuple(ranges)]))
        reasons: dict[int, tuple[str, ...]] = {}
        scans = [_scan_share(self._workers[number], ref, share, self._first, note) for number, share in left.items()]
        try:
            async with aclosing(_merged(scans)) as reports:
                async for number, report in reports:
                    left[number], reasons[number] = report.left, report.failure_reasons
                    yield structs.replace(
                        report,
                        left=tuple(each for share in left.values() for each in share),
                        failure_reasons=tuple(why for each in reasons.values() for why in each),
                    )
                    if not report.left:
                        left[number] = ()
        except BaseException:
            if count > 1:
                await self.close()
            raise


async def _scan_share(
    worker: ScanWorker, ref: Ref, ranges: tuple[ScanRange, ...], first: Edge, note: Callable[[str], object]
) -> AsyncGenerator[ScanReport]:
    """The reports of one process. One that was killed is started again: it goes on where it was."""
    restarts = 0
    while ranges:
        try:
            async with aclosing(worker.scan(ref, ranges, first)) as reports:
                async for report in reports:
                    ranges = report.left
                    restarts = 0 if report.scanned else restarts
                    yield report
            return
        except ScanProcessEnded as error:
            restarts += 1
            if restarts > RESTARTS:
                raise
            note(f"{ref}: the process that searched ended {error.detail}, and was started again")


async def _merged(sources: Sequence[AsyncGenerator[ScanReport]]) -> AsyncGenerator[tuple[int, ScanReport]]:
    """The reports of several scans as they come, each with the number of its scan."""
    coming = {asyncio.ensure_future(anext(source, None)): number for number, source in enumerate(sources)}
    try:
        while coming:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                number = coming.pop(each)
                if (report := each.result()) is not None:
                    coming[asyncio.ensure_future(anext(sources[number], None))] = number
                    yield number, report
    finally:
        for each in coming:
            each.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        for source in sources:
            await source.aclose()


@asynccontextmanager
async def open_workers(session: Session, query: SearchQuery, first: Edge) -> AsyncIterator[ScanWorkers]:
    """Workers that start while it is found out what there is to scan."""
    workers = ScanWorkers(session, query, await load_decoder(session.profile, session.address), first)
    try:
        if session.is_shared and isinstance(session.broker.reader, ScansRecords):
            workers.begin()
        yield workers
    finally:
        await workers.close()
