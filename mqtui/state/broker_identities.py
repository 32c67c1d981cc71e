"""Which brokers the profiles of this machine were met at, by the brokers' own names for themselves."""

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
"""Identities of one profile and kind: a Redis has another one after each restart and failover."""


class BrokerIdentities:
    """Identities as `brokers.port.Broker.identity` tells them. All raise StorageFailed."""

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `identities.sqlite` in the state folder."""
        self._path = path or state_dir() / "identities.sqlite"

    def profiles_of(self, kind: BrokerKind, identity: str) -> frozenset[str]:
        """The names of the profiles that met this broker."""
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
        """Keep that a profile met this broker; the oldest of more than 32 is forgotten."""
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
