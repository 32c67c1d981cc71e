"""A scan in a process of its own: the event loop of the console, or of the command, only gets what was found."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import msgspec

from mqtui.domain.errors import MqtuiError
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Ref
from mqtui.domain.scan import ScanRange
from mqtui.services.search.scan_report import ScanReport
from mqtui.services.search.worker_frames import (
    HEAD_BYTES,
    ScanJob,
    WorkerAnswer,
    encode_frame,
    order_of,
    raise_error,
    report_of,
)

MODULE = "mqtui.services.search.scan_worker"


class ScanProcessEnded(MqtuiError):
    """The worker ended before its scan did: it was killed, or ran out of memory."""


class ScanWorker:
    """One worker process; it ends with `close`, or with this process."""

    def __init__(self, job: ScanJob) -> None:
        self._job = job
        self._process: Process | None = None
        self._starting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the process, if it was not started yet; `scan` waits until it is ready."""
        if self._starting is None and self._process is None:
            self._starting = asyncio.create_task(self._start(), name="a scan worker starts")

    async def _start(self) -> None:
        """Start the process.

        Raises:
            BadInput, OverBudget: the jq program can't be compiled.
            ScanProcessEnded: it did not start.
        """
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", MODULE),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        await self._send(self._job)
        raise_error(await self._receive())

    async def scan(self, ref: Ref, ranges: Sequence[ScanRange], first: Edge) -> AsyncGenerator[ScanReport]:
        """Scan stretches of a destination; leaving early needs `close`.

        Raises:
            MqtuiError: the destination can't be read.
            ScanProcessEnded: the process was killed. What it reported holds.
        """
        self.begin()
        if self._starting is not None:
            starting, self._starting = self._starting, None
            await starting
        await self._send(order_of(ref, tuple(ranges), first))
        while not (answer := await self._receive()).has_ended:
            yield report_of(answer)
        raise_error(answer)

    async def close(self) -> None:
        """Kill the process: it holds nothing."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _send(self, value: object) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(encode_frame(value))
        with suppress(ConnectionError):  # the next answer says so
            await self._process.stdin.drain()

    async def _receive(self) -> WorkerAnswer:
        assert self._process is not None and self._process.stdout is not None
        try:
            head = await self._process.stdout.readexactly(HEAD_BYTES)
            body = await self._process.stdout.readexactly(int.from_bytes(head, "big"))
        except EOFError:
            code = await self._process.wait()
            self._process = None
            raise ScanProcessEnded(
                "The process that searched has ended",
                f"by signal {-code}" if code < 0 else f"with exit code {code}",
                "Another program may have ended it, or memory was short.",
            ) from None
        return msgspec.msgpack.decode(body, type=WorkerAnswer)
