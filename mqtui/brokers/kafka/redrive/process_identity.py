"""Identifies this process and its machine, so that a lock record tells whether its owner has ended."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process: host name, machine id, process id, and start time in clock ticks since boot."""

    host: str
    machine_id: str
    pid: int
    start: int

    @property
    def has_ended(self) -> bool:
        """Whether it has certainly ended: it ran on this machine, and no process has its id and start time now."""
        if self.machine_id != machine_id() or not self.machine_id:
            return False
        now = start_time(self.pid)
        return now is None or now != self.start


def current_process() -> ProcessIdentity:
    """The identity of this process."""
    pid = os.getpid()
    return ProcessIdentity(socket.gethostname(), machine_id(), pid, start_time(pid) or 0)


def machine_id() -> str:
    """Linux: boot id and pid namespace. Elsewhere "": there nobody can tell whether a process has ended."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """The start time of a process in clock ticks since boot (proc(5), stat field 22); None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def current_user() -> str:
    """The login name of this process, for steps that no run stands behind."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
