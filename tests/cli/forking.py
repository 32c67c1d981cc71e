"""The command line in processes forked from one that has loaded everything: the same in a fraction of the time.

`python -m tests.cli.forking` is that process: it takes a command as a JSON line on stdin, runs it in a process of its
own, and writes the exit code. Signals, terminals and how long a start takes are tested with `Mqtui`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NoReturn, Self

from tests.cli.driver import ROOT, Done, Mqtui

LOADED = ("mqtui.brokers.kafka.client", "mqtui.brokers.rabbitmq.client", "mqtui.brokers.redis.client")
LEVEL = {"in": os.O_RDONLY, "out": os.O_WRONLY | os.O_CREAT | os.O_TRUNC, "err": os.O_WRONLY | os.O_CREAT | os.O_TRUNC}


class Forker:
    """The process that forks."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="mqtui-forking-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forking"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def run(self, words: list[str], environment: dict[str, str], given: bytes | None) -> Done:
        """Run one command to its end."""
        files = {name: str(Path(self._folder.name) / name) for name in LEVEL}
        Path(files["in"]).write_bytes(given or b"")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"words": words, "environment": environment, "files": files})
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Done(code, Path(files["out"]).read_bytes(), Path(files["err"]).read_text())


@dataclass(slots=True)
class ForkedMqtui(Mqtui):
    """As `Mqtui`, by forking."""

    forker: Forker | None = None

    def __call__(self, *words: object, given: bytes | None = None, within: float = 60) -> Done:
        """Run it to its end; a word of bytes is one that need not be UTF-8."""
        assert self.forker is not None
        texts = [os.fsdecode(word) if isinstance(word, bytes) else str(word) for word in words]
        return self.forker.run(texts, self.environment(), given)


def _serve() -> None:
    """Fork for each line until stdin ends."""
    from importlib import import_module

    from mqtui.cli import COMMANDS, mqtui

    for name in COMMANDS:
        import_module(f"mqtui.cli.{name}")
    for name in (*LOADED, "mqtui.services.session", "mqtui.services.redrive.running", "mqtui.services.deadletters"):
        import_module(name)
    assert mqtui.name
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(asked)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(asked: dict[str, Any]) -> NoReturn:
    """Be one command, and end."""
    from mqtui.cli import main

    for number, (name, how) in enumerate(LEVEL.items()):
        opened = os.open(asked["files"][name], how, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["mqtui", *asked["words"]]
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001 - what would end a process of its own ends this one
        sys.excepthook(type(error), error, error.__traceback__)
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
