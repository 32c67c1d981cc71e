"""The real program in a process of its own: a redrive that is killed at an instant, and the resume that follows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import orjson

from mqtui.state.journal import Journal

ROOT = Path(__file__).parents[2]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Told:
    """How one process ended and what it told. `code` is -9 where it was killed."""

    code: int
    seconds: float
    rows: Sequence[dict[str, Any]] = ()
    stderr: str = ""

    @property
    def killed(self) -> bool:
        """Whether it did not live to its end."""
        return self.code == -signal.SIGKILL

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures of the run, where it told them."""
        return next((row for row in reversed(self.rows) if "moved" in row), None)

    @property
    def suspects(self) -> list[str]:
        """Letters it named as perhaps doubled."""
        return [row["suspect"] for row in self.rows if "suspect" in row]


@dataclass(frozen=True, slots=True)
class RunAsJournaled:
    """A run as its machine wrote it down: letters whose fate is open, `running` or how it ended, its figures then."""

    in_hand: int
    state: str
    result: dict[str, Any]


@dataclass(slots=True)
class Desk:
    """A machine's own folders: journal, bundles and audit in `state`, gone at the end."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="mqtui-kill-")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def bundles(self) -> list[Path]:
        """The bundles of its runs."""
        return sorted(self.state.glob("bundles/*.bundle"))

    def redrive(self, url: str, dlq: str, *, kill_after: float | None = None) -> Told:
        """`mqtui redrive`, killed so many seconds after its start unless it ended before."""
        return self._run(["redrive", url, dlq, "--yes", "--json"], kill_after)

    def resume(self, *, kill_after: float | None = None) -> Told:
        """`mqtui runs resume` of whatever was interrupted."""
        return self._run(["runs", "resume", "--yes", "--json"], kill_after)

    def refusals(self) -> list[str]:
        """The reason of each letter that the only run tells as refused, by `mqtui runs show`.

        One that was in hand at the kill too stays in doubt, letter by letter; the run's end has its reason.
        """
        listed = [row for row in self._run(["runs", "list", "--json"], None).rows if "run" in row]
        if not listed:
            return []
        told = self._run(["runs", "show", listed[0]["run"], "--json"], None).rows
        outcomes = {row["letter"]: row for row in told if "letter" in row}
        reasons = [row["reason"] for row in outcomes.values() if row["outcome"] == "refused"]
        result: dict[str, Any] = next((row["result"] for row in told if row.get("result")), {})
        told_at_the_end = Counter(dict(result.get("reasons", ())))
        missing = max(0, result.get("refused", 0) - len(reasons))
        return reasons + list((told_at_the_end - Counter(reasons)).elements())[:missing]

    def journal(self) -> RunAsJournaled | None:
        """What the journal says of the only run, None where none has begun. Read from a copy: it stays as it was."""
        if not (self.state / "runs.sqlite").exists():
            return None
        copy = self.folder / "copy"
        shutil.copytree(self.state, copy)
        runs = Journal(copy / "runs.sqlite")
        try:
            known = runs.list_runs()
            if not known:
                return None
            result = orjson.loads(known[0].result) if known[0].result else {}
            return RunAsJournaled(len(runs.unfinished_letters(known[0].id)), known[0].state, result)
        finally:
            runs.close()
            shutil.rmtree(copy)

    def _run(self, words: Sequence[str], kill_after: float | None) -> Told:
        own = {"MQTUI_STATE_DIR": str(self.state), "MQTUI_CONFIG_DIR": str(self.folder / "config")}
        own |= {"MQTUI_CACHE_DIR": str(self.folder / "cache"), "MQTUI_BUNDLE_KEY": KEY}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
        out, err = self.folder / "out", self.folder / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            began = monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "mqtui", *words],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=kept | own | {"PYTHONPATH": str(ROOT), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
                cwd=self.folder,
            )
            try:
                process.wait(PATIENCE if kill_after is None else kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            seconds = monotonic() - began
        told = err.read_text("utf-8", "replace")
        if process.returncode == -signal.SIGKILL and kill_after is None:
            raise AssertionError(f"mqtui {' '.join(words)} did not end within {PATIENCE:.0f} s: {told[-2000:]}")
        lines = out.read_bytes().split(b"\n")
        rows = [orjson.loads(line) for line in lines[: -1 if process.returncode < 0 else None] if line]
        return Told(process.returncode, seconds, rows, told)
