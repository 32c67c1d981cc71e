"""The process that keeps the servers: it starts them, and ends them when whoever asked for them is gone.

Run as ``python -I -S supervisor.py`` with pipes on stdin and stdout, in a session of its own; standard library only,
so that it starts in 50 ms. One JSON object a line. The first line in is ``{"under": FOLDER}``, the answer
``{"folder": PATH}`` names the private folder made there. Then, at any time:

- ``{"start": NAME, "argv": [...], "env": {...}, "cwd": PATH, "log": PATH}`` is answered ``{"started": NAME, "pid": N}``
  or ``{"refused": NAME, "why": TEXT}``;
- ``{"signal": NAME, "number": N}`` sends a signal to the whole process group of NAME and has no answer;
- ``{"exited": NAME, "code": N}`` tells that NAME ended (negative: by that signal); its group is killed first.

End of stdin, a parent that is gone, SIGTERM, SIGINT or SIGHUP end it all: SIGTERM to every group, SIGKILL two
seconds later, and the folder is removed [measured: 3.3 s after ``kill -9`` of the parent nothing is left].
On Linux the servers also die with the supervisor (PR_SET_PDEATHSIG), and what they leave behind falls to the supervisor
(PR_SET_CHILD_SUBREAPER) and is killed too.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class Supervisor:
    """The servers of one parent, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[int, str] = {}

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order of the parent."""
        if "start" in order:
            self._start(order)
        elif "signal" in order:
            for pid, name in self.running.items():
                if name == order["signal"]:
                    _signal_group(pid, order["number"])

    def _start(self, order: dict[str, Any]) -> None:
        name = order["start"]
        try:
            with Path(order["log"]).open("ab") as log:
                process = subprocess.Popen(
                    order["argv"],
                    env=order["env"],
                    cwd=order["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            _tell({"refused": name, "why": str(error)})
            return
        process.returncode = 0  # reaped here by waitpid(-1), never by the Popen object
        self.running[process.pid] = name
        _tell({"started": name, "pid": process.pid})

    def reap(self) -> None:
        """Collect ended children, kill what is left of their groups and tell the parent."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.running:
                _signal_group(pid, signal.SIGKILL)
                _tell({"exited": self.running.pop(pid), "code": os.waitstatus_to_exitcode(status)})

    def end(self, wake: int) -> None:
        """End every group and orphan, then remove the folder."""
        for number in (signal.SIGTERM, signal.SIGCONT):
            for pid in list(self.running):
                _signal_group(pid, number)
        self._wait(wake, GRACE)
        self._kill(wake, GRACE)
        for _ in range(5):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.05)

    def _kill(self, wake: int, seconds: float) -> None:
        """Kill every child, and again what falls to this process when its own parent is gone."""
        until = time.monotonic() + seconds
        while (left := _children() | self.running.keys()) and time.monotonic() < until:
            for pid in left:
                _signal_group(pid, signal.SIGKILL)
                _signal(pid, signal.SIGKILL)
            if select.select([wake], [], [], 0.02)[0]:
                os.read(wake, 512)
            self.reap()

    def _wait(self, wake: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.reap()
        while self.running and (left := until - time.monotonic()) > 0:
            if select.select([wake], [], [], left)[0]:
                os.read(wake, 512)
            self.reap()


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _children() -> set[int]:
    found: set[int] = set()
    for children in Path("/proc/self/task").glob("*/children"):
        found.update(int(pid) for pid in children.read_text().split())
    return found


def _tell(event: dict[str, Any]) -> None:
    try:
        os.write(1, json.dumps(event).encode() + b"\n")
    except OSError:
        return


def _serve(supervisor: Supervisor, wake: int, parent: int, rest: bytes) -> None:
    """Obey until the parent is gone or a signal asks to end."""
    while os.getppid() == parent:
        *lines, rest = rest.split(b"\n")
        for line in lines:
            supervisor.obey(json.loads(line))
        ready = select.select([0, wake], [], [], 0.5)[0]
        if wake in ready and set(os.read(wake, 512)) - {signal.SIGCHLD}:
            return
        supervisor.reap()
        if 0 in ready:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            rest += chunk


def _watch_signals() -> int:
    """Turn the signals into bytes of a pipe and return the end to read; a mask inherited from the parent is dropped."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reading


def main() -> None:
    """Keep servers until the parent is gone."""
    parent = os.getppid()
    wake = _watch_signals()
    if _LIBC is not None:
        _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    first, _, rest = os.read(0, 1 << 16).partition(b"\n")
    if not first:
        return
    folder = Path(json.loads(first)["under"]) / f"mqtui-{os.getpid()}-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o700, parents=True)
    supervisor = Supervisor(folder)
    try:
        _tell({"folder": str(folder)})
        _serve(supervisor, wake, parent, rest)
    finally:
        supervisor.end(wake)


if __name__ == "__main__":
    main()
