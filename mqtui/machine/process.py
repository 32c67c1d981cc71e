"""Processes and users, as journal and audit log identify them."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path


def process_start(pid: int) -> int | None:
    """The start time of a process, in clock ticks since boot (proc(5), field 22 of stat).

    None: it has ended or is a zombie, or the system has no /proc.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_alive(pid: int, start: int | None) -> bool:
    """Whether that very process still runs: a reused id has another start time.

    Without a start time or /proc the id alone decides.
    """
    if Path("/proc/self/stat").exists():
        now = process_start(pid)
        return now is not None and (start is None or now == start)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def operator() -> str:
    """The login name, from the user database before the environment; the user id where there is no name."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def host() -> str:
    """The host name of this machine."""
    return socket.gethostname()
