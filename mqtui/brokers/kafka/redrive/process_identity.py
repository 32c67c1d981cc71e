"""This process on this machine, as a holder record names it."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Presence:
    """A process: its host's name, what tells the machine from others of that name, id, and start in clock ticks."""

    host: str
    machine: str
    pid: int
    start: int

    @property
    def gone(self) -> bool:
        """Whether it certainly ended: it ran on this machine, and no process has that id and start time now."""
        if self.machine != machine() or not self.machine:
            return False
        now = started(self.pid)
        return now is None or now != self.start


def here() -> Presence:
    """This process."""
    pid = os.getpid()
    return Presence(socket.gethostname(), machine(), pid, started(pid) or 0)


def machine() -> str:
    """The boot and process namespace of Linux; "" elsewhere, where a process can't be known to be gone."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), stat field 22). None: it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def person() -> str:
    """Who runs this process, where no run says so."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
