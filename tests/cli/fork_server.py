"""Calls of the command line from a process that has imported it already: each costs its own work, not the start.

A call is a process with arguments, environment, streams and an exit code of its own, which runs `python -m mqtui` as
ever; only its modules are there when it is forked. What tests the start itself, or sends signals, starts a Python.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Never

ROOMS = ("brokers", "cli", "codecs", "domain", "profiles", "services", "state")
"""What is imported of mqtui, whole."""

LIBRARIES = (
    *("anyio._backends._asyncio", "confluent_kafka.admin", "cryptography.fernet", "filelock", "httpx2", "jq"),
    *("keyring.backends.fail", "pika", "re2", "redis.asyncio"),
    *(["secretstorage"] if sys.platform == "linux" else []),
)
"""What mqtui imports where it is needed first, and what these import then: 80 ms of each call that changes something.

A keyring is chosen when one is first asked, by the environment of the call.
"""

MOST_BYTES = 100_000
"""Of arguments and environment: one message to the server."""


class ForkServer:
    """The process that forks. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
            )

    def close(self) -> None:
        """End it; calls that go on are left alone."""
        self._requests.close()
        self._process.wait(30)

    def call(
        self, words: Sequence[str], environment: Mapping[str, str], given: bytes | None, within: float
    ) -> tuple[int, bytes, bytes] | None:
        """Exit code (a signal's number below 0), stdout and stderr of `mqtui WORDS`; None where it can't be asked here.

        Raises TimeoutExpired after `within` seconds, when the call was killed.
        """
        asked = json.dumps({"words": list(words), "environment": dict(environment), "cwd": str(Path.cwd())}).encode()
        if len(asked) > MOST_BYTES:
            return None
        (out, out_end), (err, err_end), (told, told_end) = os.pipe(), os.pipe(), os.pipe()
        stdin, stdin_end = (os.open(os.devnull, os.O_RDONLY), None) if given is None else os.pipe()
        try:
            socket.send_fds(self._requests, [asked], [stdin, out_end, err_end, told_end])
        finally:
            for descriptor in (stdin, out_end, err_end, told_end):
                os.close(descriptor)
        read: dict[int, bytes] = {}
        readers = [threading.Thread(target=_read, args=(end, read), daemon=True) for end in (out, err)]
        for reader in readers:
            reader.start()
        if given is not None and stdin_end is not None:
            threading.Thread(target=_write, args=(stdin_end, given), daemon=True).start()
        with os.fdopen(told, "rb") as news:
            pid = int(news.readline())
            watch = threading.Timer(within, _kill, (pid,))
            watch.start()
            code = int(news.readline())
        late = not watch.is_alive()
        watch.cancel()
        for reader in readers:
            reader.join(within)
        if late and code == -9:
            raise subprocess.TimeoutExpired(list(words), within, read.get(out), read.get(err))
        return code, read[out], read[err]


@cache
def fork_server() -> ForkServer:
    """The one of this process."""
    server = ForkServer()
    atexit.register(server.close)
    return server


def _read(end: int, read: dict[int, bytes]) -> None:
    with os.fdopen(end, "rb") as stream:
        read[end] = stream.read()


def _write(end: int, given: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(end, "wb") as stream:
        stream.write(given)


def _kill(pid: int) -> None:
    os.kill(pid, 9)


def _next_call(requests: socket.socket) -> dict[str, Any] | None:
    """In the server until nobody asks any more: None. In each forked process what it is to run, its streams set."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(requests, MOST_BYTES, 4)
        if not asked:
            return None
        if os.fork() == 0:
            requests.close()
            _fork_and_tell(descriptors)
            return dict(json.loads(asked))
        for descriptor in descriptors:
            os.close(descriptor)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                continue
        except ChildProcessError:
            continue


def _fork_and_tell(descriptors: Sequence[int]) -> None:
    """Return in the process that runs the call; its parent tells its id, waits for it, tells its exit code and ends."""
    *streams, told = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(told)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        return
    for descriptor in streams:
        os.close(descriptor)
    os.write(told, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _serve(descriptor: int) -> None:
    from mqtui.services.conventions import load_conventions

    for room in ROOMS:
        package = importlib.import_module(f"mqtui.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)
    load_conventions()
    gc.collect()
    gc.freeze()
    call = _next_call(socket.socket(fileno=descriptor))
    if call is None:
        return
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["cwd"])
    sys.argv[1:] = call["words"]
    _end(_exit_code())


def _exit_code() -> int:
    """That of the interpreter, whatever the call ends by."""
    try:
        runpy.run_module("mqtui", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return int(ended.code or 0)
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001  # whatever it is, the interpreter would print it and end so
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> Never:
    """As the interpreter does it, but for the memory of modules it would take apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
