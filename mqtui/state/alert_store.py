"""Alerts that were told, mutes, and events that a receiver has not taken yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time

from mqtui.domain.alert import Alert, AlertSeverity, Mute
from mqtui.domain.resource import Kind, Ref, name_bytes
from mqtui.state.database import Database
from mqtui.state.paths import state_dir

SCHEMA = """
CREATE TABLE raised (source BLOB NOT NULL, cause BLOB NOT NULL, body TEXT NOT NULL, PRIMARY KEY (source, cause))
WITHOUT ROWID;
CREATE TABLE mutes (cause BLOB NOT NULL, source BLOB NOT NULL, since REAL NOT NULL, until REAL NOT NULL,
made_by TEXT NOT NULL, baseline TEXT NOT NULL, PRIMARY KEY (cause, source)) WITHOUT ROWID;
CREATE TABLE outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, created REAL NOT NULL,
body BLOB NOT NULL);
CREATE INDEX outbox_by_receiver ON outbox (receiver, n)
"""

MOST_WAITING = 1_000
"""Events that are kept for a receiver that is away; the oldest are dropped first."""

KEPT_SECONDS = 7 * 86_400
"""Seconds for which an event is kept for a receiver."""


def store_path() -> Path:
    """Where alerts are kept: `alerts.sqlite` in the state folder.

    Raises:
        StorageFailed: the folder can't be used.
    """
    return state_dir() / "alerts.sqlite"


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that a receiver has not taken yet. `body` is its JSON row."""

    number: int
    body: bytes


class AlertStore:
    """What several processes of `mqtui watch` and the console know of alerts. All methods block, and raise
    StorageFailed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `alerts.sqlite` in the state folder."""
        self._database = Database(path or store_path(), (1, SCHEMA))

    def load_raised(self, sources: Iterable[str]) -> list[Alert]:
        """The alerts of these sources that were told and are not over."""
        with self._database.reading() as connection:
            return [
                _decode_alert(body)
                for source in sources
                for (body,) in connection.execute("SELECT body FROM raised WHERE source = ?", (name_bytes(source),))
            ]

    def record(self, source: str, raised: Sequence[Alert], events: Sequence[bytes], receivers: Sequence[str]) -> int:
        """Keep the told alerts of a source together with the events for each receiver; how many were dropped.

        An event is given up where too many wait for one receiver, or after a week.
        """
        now, dropped = time(), 0
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM raised WHERE source = ?", (name_bytes(source),))
            rows = [(name_bytes(source), name_bytes(each.cause), _encode_alert(each)) for each in raised if each.told]
            connection.executemany("INSERT INTO raised VALUES (?, ?, ?)", rows)
            for receiver in receivers if events else ():
                waiting = [(receiver, now, body) for body in events]
                connection.executemany("INSERT INTO outbox (receiver, created, body) VALUES (?, ?, ?)", waiting)
                dropped += connection.execute(
                    "DELETE FROM outbox WHERE receiver = ?1 AND (created < ?2 OR n <= (SELECT n FROM outbox"
                    " WHERE receiver = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?3))",
                    (receiver, now - KEPT_SECONDS, MOST_WAITING),
                ).rowcount
        return dropped

    def next_waiting(self, receiver: str) -> WaitingEvent | None:
        """The oldest event that a receiver has not taken; None where it has all."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT n, body FROM outbox WHERE receiver = ? ORDER BY n LIMIT 1", (receiver,)
            ).fetchone()
        return None if row is None else WaitingEvent(int(row[0]), bytes(row[1]))

    def remove_waiting(self, number: int) -> None:
        """A receiver has taken an event, or never will."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM outbox WHERE n = ?", (number,))

    def mute(self, mute: Mute) -> None:
        """Keep a mute, instead of an earlier one of the same cause."""
        row = (name_bytes(mute.cause), name_bytes(mute.source), mute.since, mute.until, mute.by)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO mutes VALUES (?, ?, ?, ?, ?, ?)", (*row, _encode_baseline(mute)))

    def keep_baseline(self, mute: Mute) -> None:
        """Keep what a mute has seen, where it was not ended meanwhile."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE mutes SET baseline = ? WHERE cause = ? AND since = ?",
                (_encode_baseline(mute), name_bytes(mute.cause), mute.since),
            )

    def unmute(self, cause: str) -> bool:
        """End the mutes of a cause; whether there was one."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM mutes WHERE cause = ?", (name_bytes(cause),)).rowcount > 0

    def load_mutes(self) -> list[Mute]:
        """The mutes that have not ended by the clock, the one that ends first before the others."""
        query = "SELECT cause, source, since, until, made_by, baseline FROM mutes WHERE until > ? ORDER BY until"
        with self._database.reading() as connection:
            rows = connection.execute(query, (time(),)).fetchall()
        return [
            Mute(_text(cause), since, until, by, _text(source), {(at, of): value for at, of, value in json.loads(kept)})
            for cause, source, since, until, by, kept in rows
        ]

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _encode_baseline(mute: Mute) -> str:
    return json.dumps([[*key, value] for key, value in mute.baseline.items()])


def _encode_alert(alert: Alert) -> str:
    """In ASCII, so that names that are not UTF-8 can be kept."""
    ref = None if alert.ref is None else [alert.ref.kind.value, alert.ref.name]
    told = {"what": alert.what, "evidence": alert.evidence, "severity": alert.severity.value, "owner": alert.owner}
    known = {"id": alert.id, "source": alert.source, "cause": alert.cause, "since": alert.since, "value": alert.value}
    known["advice"] = alert.advice
    return json.dumps(known | told | {"ref": ref})


def _decode_alert(body: str) -> Alert:
    row = json.loads(body)
    ref = None if row["ref"] is None else Ref(Kind(row["ref"][0]), row["ref"][1])
    return Alert(**row | {"ref": ref, "severity": AlertSeverity(row["severity"]), "told": True})
