"""What peeks at RabbitMQ queues found and used up, kept for the next peek (R3, R13)."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from mqtui.domain.read_range import PeekHistory
from mqtui.domain.resource import name_bytes
from mqtui.state.database import Database
from mqtui.state.paths import state_dir

SCHEMA = "CREATE TABLE seen (queue BLOB PRIMARY KEY, fewest INTEGER NOT NULL) WITHOUT ROWID"
LOOKS = """
CREATE TABLE IF NOT EXISTS looks (
    queue BLOB PRIMARY KEY, unanswered INTEGER NOT NULL, unreadable INTEGER NOT NULL, mark TEXT NOT NULL
) WITHOUT ROWID
"""


class StoredPeekBudget:
    """The fewest deliveries left that peeks at each queue found. Implements `brokers.port.PeekBudget`.

    `queue` is cluster, vhost and name, joined by `/`. Several processes and threads may share it; the file is opened on
    first use. All methods raise StorageFailed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `counts.sqlite` in the state folder."""
        self._path = path
        self._opened: Database | None = None
        self._opening = Lock()

    def get(self, queue: str) -> int | None:
        """The fewest deliveries left of a message there; None where nothing is known."""
        with self._database().reading() as connection:
            row = connection.execute("SELECT fewest FROM seen WHERE queue = ?", (name_bytes(queue),)).fetchone()
        return None if row is None else int(row[0])

    def set(self, queue: str, left: int | None) -> None:
        """Record that a message there has `left` deliveries left; a lower number that is stored stays.

        None deletes what is known: the queue was seen empty, was purged, or was created again.
        """
        with self._database().transaction() as connection:
            if left is None:
                connection.execute("DELETE FROM seen WHERE queue = ?", (name_bytes(queue),))
                connection.execute("DELETE FROM looks WHERE queue = ?", (name_bytes(queue),))
            else:
                connection.execute(
                    "INSERT INTO seen (queue, fewest) VALUES (?, ?) "
                    "ON CONFLICT (queue) DO UPDATE SET fewest = min(fewest, excluded.fewest)",
                    (name_bytes(queue), left),
                )

    def history(self, queue: str) -> PeekHistory:
        """Peeks at that queue that were not answered, or were answered with an error."""
        asked = "SELECT unanswered, unreadable, mark FROM looks WHERE queue = ?"
        with self._database().reading() as connection:
            row = connection.execute(asked, (name_bytes(queue),)).fetchone()
        return PeekHistory() if row is None else PeekHistory(*row)

    def begin(self, queue: str, mark: str) -> None:
        """Record that deliveries are about to be asked for. An empty mark leaves the stored one."""
        with self._database().transaction() as connection:
            connection.execute(
                "INSERT INTO looks (queue, unanswered, unreadable, mark) VALUES (?, 1, 0, ?) "
                "ON CONFLICT (queue) DO UPDATE SET unanswered = unanswered + 1, "
                "mark = CASE WHEN excluded.mark = '' THEN mark ELSE excluded.mark END",
                (name_bytes(queue), mark),
            )

    def end(self, queue: str, *, unreadable: int = 0) -> None:
        """Record that the request was answered, with that many errors instead of messages."""
        with self._database().transaction() as connection:
            connection.execute(
                "UPDATE looks SET unanswered = max(0, unanswered - 1), unreadable = unreadable + ? WHERE queue = ?",
                (unreadable, name_bytes(queue)),
            )

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _database(self) -> Database:
        with self._opening:
            if self._opened is None:
                opened = Database(self._path or state_dir() / "counts.sqlite", (1, SCHEMA))
                with opened.transaction() as connection:
                    connection.execute(LOOKS)
                self._opened = opened
            return self._opened
