"""Identifies this process and its machine, so that a lock record tells whether its owner has ended."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mqtui.machine.process import host, process_start


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
        now = process_start(self.pid)
        return now is None or now != self.start


def current_process() -> ProcessIdentity:
    """The identity of this process."""
    pid = os.getpid()
    return ProcessIdentity(host(), machine_id(), pid, process_start(pid) or 0)


def machine_id() -> str:
    """Linux: boot id and pid namespace. Elsewhere "": there nobody can tell whether a process has ended."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
