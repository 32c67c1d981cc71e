"""JSON lines from a file or a pipe, as messages to send (`publish --jsonl`).

A file can be read twice, so it is checked whole before the first message leaves. A pipe can't: its lines are sent as
they come, and reading ends at the first one that is wrong, when all before it were sent.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from mqtui.domain.errors import BadInput
from mqtui.domain.message import Outgoing

BLOCK_SIZE = 256 * 1024


class JsonLinesReader:
    """Reads a message from each line, from line `first` on (counted from 1). Blank lines are skipped."""

    def __init__(self, source: BinaryIO, convert: Callable[[bytes, int], Outgoing], first: int = 1) -> None:
        """`convert` makes the message from a line and its number, or raises BadInput."""
        self._descriptor = source.fileno()
        self._convert = convert
        self._first = first
        self._line = 0
        self.numbers: deque[int] = deque()
        """Line numbers of the messages that were given out; the sender takes them off."""

        self.is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        """Whether the source can be read twice: a file, not a pipe."""

    @property
    def next_line(self) -> int:
        """The line to continue from: that of the first message not taken off, else the next one."""
        return self.numbers[0] if self.numbers else max(self._line + 1, self._first)

    async def check(self) -> int:
        """Check a whole file and rewind it; the number of its messages.

        Raises:
            BadInput: a line is wrong, or there is none from `first` on.
        """
        start = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        messages = 0
        async for batch in self.batches():
            messages += len(batch)
            self.numbers.clear()
        if self._first > max(self._line, 1):
            raise BadInput(f"There is no line {self._first:,}", f"There are {self._line:,} lines.")
        os.lseek(self._descriptor, start, os.SEEK_SET)
        self._line = 0
        return messages

    async def batches(self, stop: asyncio.Event | None = None) -> AsyncIterator[list[Outgoing]]:
        """The messages in order, as many at once as were available; a stop ends it.

        Raises:
            BadInput: a line is wrong; the messages before it were given.
        """
        async for lines in self._lines(stop):
            batch: list[Outgoing] = []
            wrong: BadInput | None = None
            for line in lines:
                if self._line + 1 >= self._first and line.strip():
                    try:
                        batch.append(self._convert(line, self._line + 1))
                    except BadInput as error:
                        wrong = error
                        break
                    self.numbers.append(self._line + 1)
                self._line += 1
            if batch:
                yield batch
            if wrong is not None:
                raise wrong

    async def _lines(self, stop: asyncio.Event | None) -> AsyncIterator[list[bytes]]:
        """Complete lines, block by block; the last one needs no line end."""
        rest = bytearray()
        while block := await self._block(stop):
            rest += block
            if b"\n" in block:
                *lines, tail = bytes(rest).split(b"\n")
                rest = bytearray(tail)
                yield lines
        if rest and (stop is None or not stop.is_set()):
            yield [bytes(rest)]

    async def _block(self, stop: asyncio.Event | None) -> bytes:
        """The available bytes; none at the end and after a stop."""
        if stop is not None and stop.is_set():
            return b""
        if self.is_file:
            await asyncio.sleep(0)
        else:
            await self._readable(stop)
            if stop is not None and stop.is_set():
                return b""
        return os.read(self._descriptor, BLOCK_SIZE)

    async def _readable(self, stop: asyncio.Event | None) -> None:
        """Wait until a pipe has something to read, or for the stop."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, ready.set)
        except PermissionError:
            return
        waits = [asyncio.ensure_future(event.wait()) for event in (ready, stop) if event is not None]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(self._descriptor)
            for wait in waits:
                wait.cancel()
