"""A program at a terminal of its own: keys go in, and when what they painted came out is known to the millisecond.

What comes out is only noted with its time while a program runs at speed; the screen is made of it afterwards, so that
measuring takes nothing from what is measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from time import monotonic, perf_counter, sleep
from types import TracebackType
from typing import Self

import pyte

PATIENCE = 60.0
LOOK = 0.02
Screen = pyte.Screen


class Terminal:
    """A program at a pty, 120x34 by default. Leaving it hangs up, as closing a window does."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (120, 34)) -> None:
        self.screen = Screen(*size)
        self.output: list[tuple[float, bytes]] = []
        """What came out, by `perf_counter` seconds."""

        self._stream = pyte.ByteStream(self.screen)
        self._fed = 0
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        # A worker of pytest-xdist says that it has 80 columns, which counts for more than the terminal's size.
        own = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
        self.began = perf_counter()
        self.process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=own, start_new_session=True
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._ours, 1 << 16)
            except OSError:
                return  # the program has ended, and all it wrote is read
            self.output.append((perf_counter(), chunk))

    # -- keys in

    def press(self, keys: str) -> float:
        """Press keys; the `perf_counter` seconds when they went in."""
        now = perf_counter()
        os.write(self._ours, keys.encode())
        return now

    # -- what comes out

    @property
    def written(self) -> bytes:
        """All that was written so far."""
        return b"".join(chunk for _, chunk in self.output)

    def writes(self, words: bytes, within: float = PATIENCE) -> None:
        """Wait until these words were written."""
        deadline = monotonic() + within
        while words not in self.written:
            assert monotonic() < deadline, f"{words!r} was not written:\n{self.written[-2000:]!r}"
            sleep(LOOK)

    def ended(self, within: float = PATIENCE) -> int:
        """Its exit code, once it has ended; what it still wrote is read."""
        code = self.process.wait(within)
        self._reader.join(within)
        return code

    # -- the screen

    def catch_up(self, until: float = float("inf")) -> None:
        """Bring the screen to what it was at a time."""
        while self._fed < len(self.output) and self.output[self._fed][0] <= until:
            self._stream.feed(self.output[self._fed][1])
            self._fed += 1

    def wait(self, holds: Callable[[Screen], bool], what: str, within: float = PATIENCE) -> float:
        """Wait until the screen is so; the `perf_counter` seconds of the output that made it so."""
        deadline = monotonic() + within
        while True:
            while self._fed < len(self.output):
                when, chunk = self.output[self._fed]
                self._stream.feed(chunk)
                self._fed += 1
                if holds(self.screen):
                    return when
            assert monotonic() < deadline, f"not {what} after {within:.0f} s:\n" + "\n".join(self.screen.display)
            assert self.process.poll() is None, f"ended before {what}:\n" + "\n".join(self.screen.display)
            sleep(LOOK)

    def reads(self, words: str, within: float = PATIENCE) -> float:
        """Wait until these words are on the screen."""
        return self.wait(lambda screen: any(words in row for row in screen.display), f"reading {words!r}", within)

    def painted(self, presses: Sequence[float], mark: Callable[[Screen], object]) -> list[float]:
        """Milliseconds from each press to the output that changed what `mark` reads, in the presses' order.

        Keys that were answered together, so that nothing changed, wait for the next change; `inf` where none comes.
        """
        self.catch_up(presses[0])
        seen: list[tuple[float, object]] = [(presses[0], mark(self.screen))]
        while self._fed < len(self.output):
            when, chunk = self.output[self._fed]
            self._stream.feed(chunk)
            self._fed += 1
            if (now := mark(self.screen)) != seen[-1][1]:
                seen.append((when, now))
        changes = [when for when, _ in seen[1:]]
        waits: list[float] = []
        for press in presses:
            after = bisect_right(changes, press)
            waits.append((changes[after] - press) * 1000 if after < len(changes) else float("inf"))
        return waits
