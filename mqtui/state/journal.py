"""The journal of runs: batches in flight and the outcome of each letter, on disk before anything relies on it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from time import time
from typing import Self, TypeAlias

import msgspec

from mqtui.domain.errors import BadInput, Held, NotFound
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes, name_text
from mqtui.machine.process import host, is_alive
from mqtui.state.database import Database
from mqtui.state.journal_codec import (
    InFlight,
    LettersInFlight,
    OutcomeRow,
    OutcomeRows,
    decode_in_flight,
    decode_outcomes,
    encode_in_flight,
    encode_outcomes,
)
from mqtui.state.paths import state_dir

__all__ = ["InFlight", "Journal", "LettersInFlight", "OutcomeRow", "OutcomeRows", "RunRecord", "UnfinishedBatch"]

MIN_PREFIX = 4
COLUMNS_OF_LETTERS, COLUMNS_OF_ENTRIES = 2, 5
"""Since these formats blobs may hold offset ranges and columns instead of lists of letters, and ids and columns of
stream entries (`state.journal_codec`); bundles may hold raw entries since the second."""

DAY_MS = 86_400_000

SCHEMA = """
CREATE TABLE runs (
  id TEXT PRIMARY KEY, verb TEXT NOT NULL, profile TEXT NOT NULL, target BLOB NOT NULL, source_kind TEXT NOT NULL,
  source_name BLOB NOT NULL, broker TEXT NOT NULL, plan BLOB NOT NULL, plan_hash TEXT NOT NULL, operator TEXT NOT NULL,
  host TEXT NOT NULL, pid INTEGER NOT NULL, pid_start INTEGER, started INTEGER NOT NULL, ended INTEGER,
  state TEXT NOT NULL, planned INTEGER NOT NULL, result BLOB
) WITHOUT ROWID;
CREATE TABLE hands (
  number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, letters INTEGER NOT NULL, marks BLOB NOT NULL
);
CREATE INDEX hands_of_run ON hands (run);
CREATE TABLE dones (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, number INTEGER NOT NULL, letters INTEGER NOT NULL,
  outcomes BLOB NOT NULL
);
CREATE INDEX dones_of_run ON dones (run, number)
"""
"""Table `hands` has the batches, recorded before they are moved, and `dones` the outcomes of their letters."""

POLICIES = "CREATE TABLE policies (run TEXT PRIMARY KEY, policies BLOB NOT NULL) WITHOUT ROWID"
AUDIT_HEAD = "CREATE TABLE audit_head (one INTEGER PRIMARY KEY, n INTEGER NOT NULL, hash TEXT, coming TEXT NOT NULL)"
FORMATS = ((1, SCHEMA), (COLUMNS_OF_LETTERS, ""), (3, POLICIES), (4, AUDIT_HEAD), (COLUMNS_OF_ENTRIES, ""))

COLUMNS = (
    "id, verb, profile, target, source_kind, source_name, broker, plan, plan_hash, operator, host, pid, pid_start, "
    "started, ended, state, planned, result"
)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are ms since the epoch; `plan` and `result` are JSON; `target` names the broker without a secret.

    `id` is 32 hex digits. `state` is `running`, `done`, `stopped` or `failed`; see `interrupted`.
    """

    id: str
    verb: str
    profile: str
    target: str
    source: Ref
    broker: BrokerKind
    plan: bytes
    plan_hash: str
    operator: str
    host: str
    pid: int
    pid_start: int | None
    started: int
    planned: int
    ended: int | None = None
    state: str = "running"
    result: bytes | None = None

    @property
    def interrupted(self) -> bool:
        """Whether its state is `running` but its process on this host has ended. Other hosts can't be checked."""
        return self.state == "running" and self.host == host() and not is_alive(self.pid, self.pid_start)


UnfinishedBatch: TypeAlias = tuple[int, tuple[InFlight, ...]]
"""The number of a batch, and its letters without an outcome."""


class Journal:
    """The journal of this machine. Each change is one transaction, on disk when the call returns.

    All methods raise StorageFailed when the disk is full or the file is damaged; then nothing of that call is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open `path`, by default `runs.sqlite` in the state folder."""
        self._database = Database(path or state_dir() / "runs.sqlite", *FORMATS)

    def begin(self, record: RunRecord, policies: Sequence[Policy] = ()) -> None:
        """Record a new run with the policies it began under: that of its broker, then that of the target's broker.

        Raises:
            BadInput: there is a run of that id.
        """
        row = (
            *(record.id, record.verb, record.profile, name_bytes(record.target)),
            *(record.source.kind.value, name_bytes(record.source.name), record.broker.value, record.plan),
            *(record.plan_hash, record.operator, record.host, record.pid, record.pid_start),
            *(record.started, record.ended, record.state, record.planned, record.result),
        )
        marks = ",".join("?" * len(row))
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM runs WHERE id = ?", (record.id,)).fetchone():
                raise BadInput(f"The run {record.id} is in the journal already")
            connection.execute(f"INSERT INTO runs ({COLUMNS}) VALUES ({marks})", row)
            if any(policy.restricts for policy in policies):
                kept = msgspec.json.encode(policies)
                connection.execute("INSERT INTO policies (run, policies) VALUES (?, ?)", (record.id, kept))

    def policies_of(self, run: str) -> Sequence[Policy]:
        """The policies that `begin` recorded; empty where nothing was restricted, or an older version began the run."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT policies FROM policies WHERE run = ?", (run,)).fetchone()
        return msgspec.json.decode(row[0], type=list[Policy]) if row else ()

    def claim(self, run: str, pid: int, pid_start: int | None) -> RunRecord:
        """Make this process the owner of a run, to resume it. Only one process can.

        Raises:
            NotFound: no such run.
            Held: its process still runs, or it runs on another host.
        """
        with self._database.transaction() as connection:
            record = _find_run(connection, run)
            ours = (record.host, record.pid, record.pid_start) == (host(), pid, pid_start)
            if record.state == "running" and not record.interrupted and not ours:
                raise Held(
                    f"The run {run[:MIN_PREFIX].upper()} is still running",
                    f"Process {record.pid} on {record.host}, by {record.operator}.",
                    "Wait for its end, or end it there first.",
                )
            connection.execute(
                "UPDATE runs SET state = 'running', ended = NULL, result = NULL, host = ?, pid = ?, pid_start = ? "
                "WHERE id = ?",
                (host(), pid, pid_start, run),
            )
            return _find_run(connection, run)

    def begin_batch(self, run: str, marks: LettersInFlight) -> int:
        """Record a batch of letters before it is moved; returns its number."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO hands (run, letters, marks) VALUES (?, ?, ?)", (run, len(marks), encode_in_flight(marks))
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def record_outcomes(self, run: str, number: int, dones: OutcomeRows) -> None:
        """Record outcomes of letters of a batch; 0 is for letters of no batch.

        A batch may take several calls. A position names one letter of the run, and its last outcome counts.
        """
        if not dones:
            return
        row = (run, number, len(dones), encode_outcomes(dones))
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO dones (run, number, letters, outcomes) VALUES (?, ?, ?, ?)", row)

    def end(self, run: str, state: str, result: bytes | None = None) -> None:
        """Record how a run ended, `done`, `stopped` or `failed`, and its result as JSON."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, result = ?, ended = ? WHERE id = ?", (state, result, _now(), run)
            )

    def find(self, prefix: str) -> RunRecord:
        """The run whose id begins with `prefix` (4 digits at least, either case).

        Raises:
            BadInput: too short, no hex digits, or several runs begin with it.
            NotFound: none does.
        """
        wanted = prefix.strip().lower()
        if len(wanted) < MIN_PREFIX or set(wanted) - set("0123456789abcdef"):
            hint = f"Give at least {MIN_PREFIX} hex digits, as `mqtui runs` shows."
            raise BadInput(f"{prefix} is no run id", "", hint)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
                (wanted, wanted + "g"),
            ).fetchall()
            found = [_record(row) for row in rows]
        if not found:
            raise NotFound(f"There is no run {prefix}", "", "`mqtui runs list` shows those of this machine.")
        if len(found) > 1:
            raise BadInput(f"Several runs begin with {prefix}", "", "Give more digits.")
        return found[0]

    def list_runs(self, limit: int = 50) -> Sequence[RunRecord]:
        """The runs of this machine, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM runs ORDER BY started DESC, id LIMIT ?",
                (limit,),
            ).fetchall()
            return [_record(row) for row in rows]

    def list_interrupted(self, max_age_ms: int | None = None) -> Sequence[RunRecord]:
        """Runs of this host whose process has ended before them, oldest first; `max_age_ms` counts from the start."""
        since = 0 if max_age_ms is None else _now() - max_age_ms
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM runs WHERE state = 'running' AND started >= ? ORDER BY started, id",
                (since,),
            ).fetchall()
            found = [_record(row) for row in rows]
        return [record for record in found if record.interrupted]

    def unfinished_batches(self, run: str) -> Sequence[UnfinishedBatch]:
        """The batches with letters without an outcome, and those letters: the suspects of a killed run."""
        with self._database.reading() as connection:
            batches = connection.execute(
                "SELECT number, letters FROM hands WHERE run = ? ORDER BY number", (run,)
            ).fetchall()
            recorded: dict[int, list[int]] = {}
            for number, letters in connection.execute("SELECT number, letters FROM dones WHERE run = ?", (run,)):
                recorded.setdefault(number, []).append(letters)
            unfinished = [number for number, letters in batches if recorded.get(number) != [letters]]
            later = _outcomes_since(connection, run, min(unfinished)) if unfinished else {}
            found: list[UnfinishedBatch] = []
            for number in unfinished:
                blob = connection.execute("SELECT marks FROM hands WHERE number = ?", (number,)).fetchone()[0]
                marks = tuple(mark for mark in decode_in_flight(blob) if later.get(mark[0], 0) < number)
                if marks:
                    found.append((number, marks))
        return found

    def unfinished_letters(self, run: str) -> Sequence[InFlight]:
        """The letters of `unfinished_batches`, each once, as last recorded."""
        return list({mark[0]: mark for _, marks in self.unfinished_batches(run) for mark in marks}.values())

    def letters_named(self, run: str, names: Collection[str]) -> Sequence[InFlight]:
        """The letters of these positions, as last recorded in a batch; those that were in none are left out."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT marks FROM hands WHERE run = ? ORDER BY number", (run,))
            found = {mark[0]: mark for (blob,) in rows for mark in decode_in_flight(blob) if mark[0] in names}
        return list(found.values())

    def letters_of_last_batches(self, run: str, batches: int) -> Sequence[InFlight]:
        """The letters of the last batches, with or without an outcome."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT marks FROM hands WHERE run = ? ORDER BY number DESC LIMIT ?", (run, batches)
            ).fetchall()
            return [mark for (blob,) in rows for mark in decode_in_flight(blob)]

    def read_outcomes(self, run: str) -> Iterator[OutcomeRow]:
        """The outcome of each letter, in the order recorded; of several outcomes of a letter the last."""
        last: dict[str, int] = {}
        for place, row in enumerate(self.read_recorded(run)):
            last[row[0]] = place
        for place, row in enumerate(self.read_recorded(run)):
            if last[row[0]] == place:
                yield row

    def count_outcomes(self, run: str) -> Mapping[str, int]:
        """The number of letters by their last outcome."""
        last: dict[str, str] = {}
        for position, outcome, _, _ in self.read_recorded(run):
            last[position] = intern(outcome)
        return Counter(last.values())

    def short_id(self, run: str) -> str:
        """The shortest prefix (4 digits at least) that names the run alone, in capitals: `7F3A`."""
        with self._database.reading() as connection:
            before = connection.execute("SELECT max(id) FROM runs WHERE id < ?", (run,)).fetchone()[0]
            after = connection.execute("SELECT min(id) FROM runs WHERE id > ?", (run,)).fetchone()[0]
        shared = max(_shared(run, before or ""), _shared(run, after or ""))
        return run[: max(MIN_PREFIX, shared + 1)].upper()

    def delete_ended(self, older_than_ms: int = 90 * DAY_MS) -> int:
        """Delete runs that ended longer ago, with their letters; returns the number of runs."""
        before = _now() - older_than_ms
        with self._database.transaction() as connection:
            gone = connection.execute(
                "SELECT id FROM runs WHERE state != 'running' AND coalesce(ended, started) < ?", (before,)
            ).fetchall()
            for table, column in (("hands", "run"), ("dones", "run"), ("policies", "run"), ("runs", "id")):
                connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)
        return len(gone)

    def close(self) -> None:
        """Close the journal."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_recorded(self, run: str) -> Iterator[OutcomeRow]:
        """All outcomes as recorded. A letter may have several; the last is the one that counts."""
        seq = 0
        while True:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT seq, outcomes FROM dones WHERE run = ? AND seq > ? ORDER BY seq LIMIT 1", (run, seq)
                ).fetchone()
                recorded = decode_outcomes(row[1]) if row else []
            if row is None:
                return
            seq = row[0]
            yield from recorded


def _outcomes_since(connection: sqlite3.Connection, run: str, number: int) -> dict[str, int]:
    """For each position, the last batch from `number` on that has an outcome of it."""
    recorded: dict[str, int] = {}
    rows = connection.execute("SELECT number, outcomes FROM dones WHERE run = ? AND number >= ?", (run, number))
    for batch, outcomes in rows:
        for row in decode_outcomes(outcomes):
            recorded[row[0]] = max(batch, recorded.get(row[0], 0))
    return recorded


def _find_run(connection: sqlite3.Connection, run: str) -> RunRecord:
    query = f"SELECT {COLUMNS} FROM runs WHERE id = ?"
    row = connection.execute(query, (run,)).fetchone()
    if row is None:
        raise NotFound(f"There is no run {run}")
    return _record(row)


def _record(row: tuple[object, ...]) -> RunRecord:
    """A record from a row of COLUMNS."""
    (run, verb, profile, target, kind, name, broker, plan, plan_hash, operator, machine, pid, pid_start, *rest) = row
    started, ended, state, planned, result = rest
    if not (isinstance(target, bytes) and isinstance(name, bytes)):
        raise ValueError(f"run {str(run)[:MIN_PREFIX].upper()} has no target")
    for blob in (plan, result):
        if isinstance(blob, bytes) and blob[:1] == b"{":
            json.loads(blob)  # names that are not UTF-8 stand in it as lone surrogates
    return RunRecord(
        id=str(run),
        verb=str(verb),
        profile=str(profile),
        target=name_text(target),
        source=Ref(Kind(str(kind)), name_text(name)),
        broker=BrokerKind(str(broker)),
        plan=_blob(plan) or b"",
        plan_hash=str(plan_hash),
        operator=str(operator),
        host=str(machine),
        pid=_number(pid) or 0,
        pid_start=_number(pid_start),
        started=_number(started) or 0,
        ended=_number(ended),
        state=str(state),
        planned=_number(planned) or 0,
        result=_blob(result),
    )


def _number(cell: object) -> int | None:
    return cell if isinstance(cell, int) else None


def _blob(cell: object) -> bytes | None:
    return cell if isinstance(cell, bytes) else None


def _shared(one: str, other: str) -> int:
    """The number of leading characters that two texts share."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _now() -> int:
    return int(time() * 1000)
