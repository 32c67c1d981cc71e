"""Where letters of RabbitMQ queues were seen to come from: what one look learned, a plan that must not look can use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from mqtui.domain.resource import Kind, Ref, name_bytes
from mqtui.state.database import Database
from mqtui.state.paths import state_dir

SCHEMA = "CREATE TABLE seen (queue BLOB PRIMARY KEY, look TEXT NOT NULL) WITHOUT ROWID"

TargetCounts: TypeAlias = Mapping[tuple[Ref, str], int]
"""Letters by where they go home to: destination and routing key."""

RoutingKeyCounts: TypeAlias = Mapping[tuple[str, bool], int]
"""Letters by routing key, and whether it is the one they were first published with, or only the one they lie with."""


@dataclass(frozen=True, slots=True)
class PeekedOrigins:
    """What a look at a queue told: when it was (ms since the epoch), how many letters it met, their ways and keys."""

    at: int
    letters: int
    targets_counted: TargetCounts
    keys: RoutingKeyCounts
    opened: int = 0
    """Letters whose message is taken out of an envelope."""

    doubts: Mapping[str, int] = field(default_factory=dict)
    """Letters whose message may not be the one that was sent, by the reason."""

    @property
    def targets(self) -> tuple[Ref, ...]:
        """Where they go, each once."""
        return tuple(dict.fromkeys(ref for ref, _ in self.targets_counted))


class PeekedOriginsStore:
    """The ways home of the letters that the last look at each queue met.

    `queue` names the queue and its broker. Several processes and threads may share it; the file is opened on first use.
    All raise StorageFailed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `origins.sqlite` in the state folder."""
        self._path = path
        self._opened: Database | None = None

    def get(self, queue: str) -> PeekedOrigins | None:
        """The last look; None without one."""
        with self._database().reading() as connection:
            row = connection.execute("SELECT look FROM seen WHERE queue = ?", (name_bytes(queue),)).fetchone()
        if row is None:
            return None
        told = json.loads(row[0])
        routes = {(Ref(Kind(kind), name), key): count for kind, name, key, count in told["routes"]}
        keys = {(key, is_first): count for key, is_first, count in told["keys"]}
        return PeekedOrigins(told["at"], told["letters"], routes, keys, told["opened"], told["doubts"])

    def set(self, queue: str, seen: PeekedOrigins) -> None:
        """Remember a look; it takes the place of the one before."""
        routes = [(ref.kind, ref.name, key, count) for (ref, key), count in seen.targets_counted.items()]
        keys = [(key, is_first, count) for (key, is_first), count in seen.keys.items()]
        told = {"at": seen.at, "letters": seen.letters, "routes": routes, "keys": keys}
        look = json.dumps(told | {"opened": seen.opened, "doubts": dict(seen.doubts)})
        with self._database().transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO seen (queue, look) VALUES (?, ?)", (name_bytes(queue), look))

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _database(self) -> Database:
        if self._opened is None:
            self._opened = Database(self._path or state_dir() / "origins.sqlite", (1, SCHEMA))
        return self._opened
