"""The identities that the brokers of each profile reported, to recognise a broker by any address (C17)."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from mqtui.domain.resource import BrokerKind, name_bytes
from mqtui.state.paths import state_dir

if TYPE_CHECKING:
    from mqtui.state.database import Database

SCHEMA = """
CREATE TABLE met (
  kind TEXT NOT NULL, identity BLOB NOT NULL, profile TEXT NOT NULL, seen INTEGER NOT NULL,
  PRIMARY KEY (kind, identity, profile)
) WITHOUT ROWID
"""
KEPT = 32
"""The most identities of a profile and kind: Redis changes its own with each restart and failover."""


class BrokerIdentities:
    """Identities, as returned by `brokers.port.Broker.identity`. All methods raise StorageFailed."""

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `identities.sqlite` in the state folder."""
        self._path = path or state_dir() / "identities.sqlite"

    def profiles_of(self, kind: BrokerKind, identity: str) -> frozenset[str]:
        """The names of the profiles whose broker had that identity."""
        if not self._path.exists():
            return frozenset()
        database = self._database()
        try:
            with database.reading() as connection:
                found = connection.execute(
                    "SELECT profile FROM met WHERE kind = ? AND identity = ?", (kind.value, name_bytes(identity))
                ).fetchall()
        finally:
            database.close()
        return frozenset(name for (name,) in found)

    def remember(self, profile: str, kind: BrokerKind, identity: str) -> None:
        """Record the identity of the broker of a profile; the oldest beyond 32 is deleted."""
        if profile in self.profiles_of(kind, identity):
            return
        database = self._database()
        try:
            with database.transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO met (kind, identity, profile, seen) VALUES (?, ?, ?, ?)",
                    (kind.value, name_bytes(identity), profile, int(time() * 1000)),
                )
                connection.execute(
                    "DELETE FROM met WHERE kind = ? AND profile = ? AND identity NOT IN "
                    "(SELECT identity FROM met WHERE kind = ? AND profile = ? ORDER BY seen DESC LIMIT ?)",
                    (kind.value, profile, kind.value, profile, KEPT),
                )
        finally:
            database.close()

    def _database(self) -> Database:
        from mqtui.state.database import Database

        return Database(self._path, (1, SCHEMA))
