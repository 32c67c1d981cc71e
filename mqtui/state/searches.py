"""Searches that stopped before their end, so that they can go on."""

from __future__ import annotations

from pathlib import Path
from time import time

from mqtui.state.database import Database
from mqtui.state.paths import state_dir

SCHEMA = "CREATE TABLE searches (id TEXT PRIMARY KEY, saved INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID"
KEPT_DAYS = 30
DAY = 86_400


class StoredSearches:
    """Where each search stopped, by the hash of what it looks for. All methods block, and raise StorageFailed."""

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `searches.sqlite` in the state folder."""
        self._database = Database(path or state_dir() / "searches.sqlite", (1, SCHEMA))

    def save(self, search: str, body: bytes) -> None:
        """Keep where a search stopped, instead of where it stopped before; those of 30 days ago are deleted."""
        now = int(time())
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM searches WHERE saved < ?", (now - KEPT_DAYS * DAY,))
            connection.execute(
                "INSERT OR REPLACE INTO searches (id, saved, body) VALUES (?, ?, ?)", (search, now, body)
            )

    def load(self, search: str) -> bytes | None:
        """Where it stopped; None where it did not."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT body FROM searches WHERE id = ?", (search,)).fetchone()
        return None if row is None else bytes(row[0])

    def remove(self, search: str) -> None:
        """It came to its end."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM searches WHERE id = ?", (search,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
