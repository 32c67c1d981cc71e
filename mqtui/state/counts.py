"""Delivery counts seen on RabbitMQ queues (R3): what one look learned, the next one must know."""

from __future__ import annotations

from pathlib import Path

from mqtui.domain.resource import name_bytes
from mqtui.state.database import Database
from mqtui.state.paths import state_dir

SCHEMA = "CREATE TABLE seen (queue BLOB PRIMARY KEY, fewest INTEGER NOT NULL) WITHOUT ROWID"


class CountsSeen:
    """The fewest deliveries left that looks at each queue met. The shape is `brokers.port.CountsSeen`.

    `queue` is cluster, vhost and name, joined by `/`. Several processes and threads may share it; the file is opened on
    first use. All raise StorageFailed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `counts.sqlite` in the state folder."""
        self._path = path
        self._opened: Database | None = None

    def get(self, queue: str) -> int | None:
        """The fewest deliveries left that were seen there; None where nothing is remembered."""
        with self._database().reading() as connection:
            row = connection.execute("SELECT fewest FROM seen WHERE queue = ?", (name_bytes(queue),)).fetchone()
        return None if row is None else int(row[0])

    def set(self, queue: str, left: int | None) -> None:
        """Remember that a message there has `left` deliveries left; what was fewer stays.

        None forgets: the queue was seen empty, or was purged.
        """
        with self._database().transaction() as connection:
            if left is None:
                connection.execute("DELETE FROM seen WHERE queue = ?", (name_bytes(queue),))
            else:
                connection.execute(
                    "INSERT INTO seen (queue, fewest) VALUES (?, ?) "
                    "ON CONFLICT (queue) DO UPDATE SET fewest = min(fewest, excluded.fewest)",
                    (name_bytes(queue), left),
                )

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _database(self) -> Database:
        if self._opened is None:
            self._opened = Database(self._path or state_dir() / "counts.sqlite", SCHEMA, version=1)
        return self._opened
