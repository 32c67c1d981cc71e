"""The audit: one JSON line before each write and one after it, each holding the hash of the line before."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any, BinaryIO

from mqtui.domain.audit import AuditEntry
from mqtui.domain.errors import StorageFailed
from mqtui.domain.plan import Plan
from mqtui.domain.policy import Policy
from mqtui.state.commandline import sanitised
from mqtui.state.disk import append_whole, sync_folder
from mqtui.state.lock import locked
from mqtui.state.paths import state_dir
from mqtui.state.process import host, operator

GENESIS = "0" * 64
BLOCK = 65_536


class Audit:
    """The audit of this machine, appended to by every process of this user. The shape is `brokers.port.AuditLog`."""

    def __init__(self, path: Path | None = None, argv: Sequence[str] | None = None) -> None:
        """Append to `path`, by default `audit.jsonl` in the state folder; `argv` is the command that is noted."""
        self.path = path or state_dir() / "audit.jsonl"
        self._command = sanitised(sys.argv if argv is None else argv)

    def begin(self, plan: Plan, policy: Policy) -> None:
        """Note that a write begins; on disk when it returns.

        Raises:
            StorageFailed: it could not be kept, so nothing may be written to the broker.
        """
        self._append(self._entry("begin", plan, policy))

    def end(self, plan: Plan, policy: Policy, result: str) -> None:
        """Note how a write ended; on disk when it returns.

        Raises:
            StorageFailed: it could not be kept.
        """
        self._append(replace(self._entry("end", plan, policy), result=result))

    def entries(self, limit: int | None = None) -> Sequence[AuditEntry]:
        """The last `limit` entries, or all, the oldest first. Lines that can't be read are passed over.

        Raises:
            StorageFailed: the file can't be read.
        """
        found = [_parsed(line) for line in self._lines()]
        known = [_entry(record) for record in found if record is not None]
        return known if limit is None else known[max(0, len(known) - limit) :]

    def verify(self) -> int | None:
        """The number of the first line that was changed, removed or slipped in (from 1); None where the chain holds.

        Lines cut off at the end leave no trace.

        Raises:
            StorageFailed: the file can't be read.
        """
        previous = GENESIS
        for number, line in enumerate(self._lines(), start=1):
            record = _parsed(line)
            if record is None or record["n"] != number or record["prev"] != previous or record["hash"] != _hash(record):
                return number
            previous = record["hash"]
        return None

    def _entry(self, event: str, plan: Plan, policy: Policy) -> AuditEntry:
        count = plan.count.number
        return AuditEntry(
            event=event,
            run=plan.id,
            time=int(time() * 1000),
            operator=operator(),
            host=host(),
            profile=policy.profile,
            verb=str(plan.verb),
            on=tuple(map(str, plan.targets())),
            planned=None if count is None else int(count),
            command=self._command,
        )

    def _append(self, entry: AuditEntry) -> None:
        try:
            with locked(self.path.with_suffix(".lock")):
                new = not self.path.exists()
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with os.fdopen(handle, "r+b", buffering=0) as file:
                    end, last = _last_line(file)
                    file.truncate(end)
                    append_whole(file, end, _chained(entry, last, self.path))
                if new:
                    sync_folder(self.path.parent)
        except OSError as error:
            raise StorageFailed(
                "The audit can't be kept, so nothing may be changed",
                f"{self.path}: {error.strerror or error}",
                "Free some space, or point MQTUI_STATE_DIR at another disk.",
            ) from error

    def _lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                yield from (line for line in file if line.endswith(b"\n"))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed("The audit can't be read", f"{self.path}: {error.strerror or error}") from error


def _chained(entry: AuditEntry, last: bytes, path: Path) -> bytes:
    record: dict[str, Any] = {"n": 1, "prev": GENESIS}
    if last:
        before = _parsed(last)
        if before is None:
            raise StorageFailed("The audit is damaged", f"The last line of {path} can't be read.", f"Move {path} away.")
        record = {"n": before["n"] + 1, "prev": before["hash"]}
    record |= {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__ if name != "n"}
    return json.dumps(record | {"hash": _hash(record)}, separators=(",", ":")).encode("ascii") + b"\n"


def _hash(record: dict[str, Any]) -> str:
    body = {name: value for name, value in record.items() if name != "hash"}
    return hashlib.sha256(json.dumps(body, separators=(",", ":"), sort_keys=True).encode("ascii")).hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    known = isinstance(record, dict) and isinstance(record.get("n"), int)
    return record if known and isinstance(record.get("hash"), str) and isinstance(record.get("prev"), str) else None


def _entry(record: dict[str, Any]) -> AuditEntry:
    parts = {name: record[name] for name in AuditEntry.__dataclass_fields__ if name in record}
    return AuditEntry(**parts | {"on": tuple(parts.get("on", ()))})


def _last_line(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last whole line ends, and the line; a torn one after it was never relied on."""
    size = os.fstat(file.fileno()).st_size
    tail, start = b"", size
    while start > 0:
        step = min(BLOCK, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
        whole = tail.rfind(b"\n") + 1
        before = tail.rfind(b"\n", 0, whole - 1) + 1 if whole else 0
        if whole and (before or start == 0):
            return start + whole, tail[before:whole]
    return 0, b""
