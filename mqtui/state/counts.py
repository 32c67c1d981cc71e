"""Delivery counts seen on RabbitMQ queues (R3): what one look learned, the next one must know."""

from __future__ import annotations

from pathlib import Path

from mqtui.domain.resource import name_bytes
from mqtui.state.database import Database
from mqtui.state.paths import state_dir

SCHEMA = "CREATE TABLE seen (queue BLOB PRIMARY KEY, fewest INTEGER NOT NULL) WITHOUT ROWID"


class CountsSeen:
    """The fewest deliveries left that a look at each queue met. Several processes may share it.

    `queue` names it for good on this machine: broker, vhost and queue in one text. All raise StorageFailed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open `path`, by default `counts.sqlite` in the state folder."""
        self._database = Database(path or state_dir() / "counts.sqlite", SCHEMA, version=1)

    def get(self, queue: str) -> int | None:
        """The fewest deliveries left that were seen there; None where nothing is remembered."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT fewest FROM seen WHERE queue = ?", (name_bytes(queue),)).fetchone()
        return None if row is None else int(row[0])

    def put(self, queue: str, left: int) -> None:
        """Remember that a message there has `left` deliveries left; a smaller number stays."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO seen (queue, fewest) VALUES (?, ?) "
                "ON CONFLICT (queue) DO UPDATE SET fewest = min(fewest, excluded.fewest)",
                (name_bytes(queue), left),
            )

    def forget(self, queue: str) -> None:
        """Forget it: the queue was seen empty, or was purged."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM seen WHERE queue = ?", (name_bytes(queue),))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
