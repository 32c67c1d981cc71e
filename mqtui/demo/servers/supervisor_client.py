"""This side of the supervisor: a process of its own that outlives us just long enough to clean up."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mqtui.demo.servers.errors import ServerFailed, ServersClosed
from mqtui.demo.servers.server_spec import Process

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PATIENCE = 10.0


class SupervisorClient:
    """Processes that die with this one. Every method may be called from any thread.

    ``folder`` is private and removed by the supervisor. Raises ServersClosed once the supervisor is gone.
    """

    def __init__(self, under: Path | None = None) -> None:
        self._news = threading.Condition()
        self._pids: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._refused: dict[str, str] = {}
        self.folder = Path()
        self._over = False
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, name="servers-supervisor", daemon=True)
        self._listener.start()
        self._order({"under": str((under or Path(tempfile.gettempdir())).resolve())})
        with self._news:
            self._news.wait_for(lambda: self._over or self.folder.name, _PATIENCE)
            if not self.folder.name:
                raise ServersClosed("the supervisor of the servers did not start")

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._supervisor.pid

    def start(self, process: Process) -> int:
        """Start a process and return its id, which is also its group's.

        Raises ServerFailed where the system refuses and ServersClosed where the supervisor is gone.
        """
        name = process.name
        with self._news:
            for past in (self._pids, self._codes, self._refused):
                past.pop(name, None)
        order = {
            "start": name,
            "argv": process.argv,
            "env": dict(process.env),
            "cwd": str(process.cwd),
            "log": str(process.log),
        }
        self._order(order)
        with self._news:
            self._news.wait_for(lambda: self._over or name in self._pids or name in self._refused, _PATIENCE)
            if name in self._refused:
                raise ServerFailed(f"{name} cannot be started: {self._refused[name]}")
            if name not in self._pids:
                raise ServersClosed(f"{name} cannot be started: the supervisor of the servers is gone")
            return self._pids[name]

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the whole group of a process; one that has ended stays as it is."""
        self._order({"signal": name, "number": int(number)})

    def code(self, name: str) -> int | None:
        """Return how a process ended (negative: by that signal), or None while it runs.

        Raises ServersClosed where the supervisor is gone.
        """
        with self._news:
            if name not in self._codes and self._over:
                raise ServersClosed("the supervisor of the servers is gone")
            return self._codes.get(name)

    def wait(self, name: str, seconds: float) -> int | None:
        """Wait until a process ended; return its code, or None where it still runs then or never ran."""
        with self._news:
            self._news.wait_for(lambda: self._over or name in self._codes or name not in self._pids, seconds)
        return self.code(name)

    def close(self) -> None:
        """End everything and wait until it is gone; a second call does nothing."""
        if self._supervisor.stdin is not None and not self._supervisor.stdin.closed:
            with suppress(BrokenPipeError):
                self._supervisor.stdin.close()
        try:
            self._supervisor.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        self._listener.join(_PATIENCE)
        self._clean_up_after_kill()

    def _clean_up_after_kill(self) -> None:
        until = time.monotonic() + 2.0
        while self.folder.name and self.folder.exists() and time.monotonic() < until:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _order(self, order: dict[str, Any]) -> None:
        line = json.dumps(order).encode() + b"\n"
        try:
            with self._news:
                if self._supervisor.stdin is None or self._supervisor.stdin.closed:
                    raise ServersClosed("the servers are closed")
                self._supervisor.stdin.write(line)
                self._supervisor.stdin.flush()
        except OSError as error:
            raise ServersClosed("the supervisor of the servers is gone") from error

    def _listen(self) -> None:
        out = self._supervisor.stdout
        if out is None:
            raise AssertionError("the supervisor is always started with a pipe")
        with out:
            for line in out:
                self._note(json.loads(line))
        with self._news:
            self._over = True
            self._news.notify_all()

    def _note(self, event: dict[str, Any]) -> None:
        with self._news:
            if "folder" in event:
                self.folder = Path(event["folder"])
            elif "started" in event:
                self._pids[event["started"]] = event["pid"]
            elif "refused" in event:
                self._refused[event["refused"]] = event["why"]
            elif "exited" in event:
                self._codes[event["exited"]] = event["code"]
            self._news.notify_all()
