"""The command line as a user calls it: a process, its exit code, stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.fork_server import fork_server
from tests.cli.json_lines import check_lines

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    def rows(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one a line and nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]

    def error(self) -> dict[str, Any]:
        """The error of a `--json` command."""
        told: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return told

    def ok(self) -> CommandResult:
        """The result itself, where it exited with 0."""
        assert self.code == 0, f"exit {self.code}\n{self.err}\n{self.text[-2000:]}"
        assert "Traceback" not in self.err
        return self

    def fails(self, code: int, *words: str) -> CommandResult:
        """The result itself, where it exited with this code and printed these words on stderr."""
        assert self.code == code, f"exit {self.code}, not {code}\n{self.err}\n{self.text[-2000:]}"
        assert "Traceback" not in self.err and "Internal error in mqtui" not in self.err, self.err
        for word in words:
            assert word in self.err, self.err
        return self


@dataclass(slots=True)
class Mqtui:
    """Calls mqtui with its own folders."""

    folder: Path
    bundle_key: str
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
        kept |= {
            "MQTUI_STATE_DIR": str(self.folder / "state"),
            "MQTUI_CONFIG_DIR": str(self.folder / "config"),
            "MQTUI_BUNDLE_KEY": self.bundle_key,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONPATH": str(ROOT),
        }
        return kept | self.extra

    def start(self, *words: object, **options: Any) -> subprocess.Popen[bytes]:
        """The process, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "mqtui", *map(_word, words)],
            env=self.environment(),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def __call__(self, *words: object, given: bytes | None = None, within: float = 60) -> CommandResult:
        """Run it to its end; a word of bytes is one that need not be UTF-8. What it prints with `--json` is checked."""
        done = self._run(words, given, within)
        if "--json" in words and done.code >= 0:
            check_lines(words, done.out, done.err)
        return done

    def _run(self, words: Sequence[object], given: bytes | None, within: float) -> CommandResult:
        if all(name.startswith("MQTUI_") for name in self.extra):
            told = fork_server().call(list(map(_word, words)), self.environment(), given, within)
            if told is not None:
                return CommandResult(told[0], told[1], told[2].decode())
        process = self.start(*words, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE)
        out, err = process.communicate(given, within)
        return CommandResult(process.returncode, out, err.decode())


def _word(word: object) -> str:
    return os.fsdecode(word) if isinstance(word, bytes) else str(word)
