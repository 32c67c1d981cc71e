"""What the tests of the servers look at from outside: processes, ports, and waiting for a condition."""

import socket
import time
from collections.abc import Callable
from pathlib import Path


def until(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Wait for a condition and return how long it took, in seconds; fail after the time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def at_home_in(folder: Path) -> dict[int, str]:
    """Return the command line of every live process that works in a folder or names it, by process id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in command or place.startswith(str(folder)):
            found[int(process.name)] = command
    return found


def alive(pid: int) -> bool:
    """Say whether a process runs; one that waits to be collected does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def listens(port: int) -> bool:
    """Say whether somebody accepts connections on a port."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0
