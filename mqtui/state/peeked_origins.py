"""The origins of letters in RabbitMQ queues, by the last peek at each: for plans, which must not peek themselves."""

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
"""The number of letters by redrive target: destination and routing key."""

RoutingKeyCounts: TypeAlias = Mapping[tuple[str, bool], int]
"""The number of letters by routing key, and whether it is that of the first publish or only the present one."""


@dataclass(frozen=True, slots=True)
class PeekedOrigins:
    """The result of a peek at a queue: time (ms since the epoch), number of letters, their targets and routing keys."""

    at: int
    letters: int
    targets_counted: TargetCounts
    keys: RoutingKeyCounts
    opened: int = 0
    """The number of letters whose message is in an envelope."""

    doubts: Mapping[str, int] = field(default_factory=dict)
    """The number of letters whose message may differ from the original, by the reason."""

    causes: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """The number of letters, and the cause in words, by its id; empty where the peek did not group them."""

    @property
    def targets(self) -> tuple[Ref, ...]:
        """The redrive targets, each once."""
        return tuple(dict.fromkeys(ref for ref, _ in self.targets_counted))


class PeekedOriginsStore:
    """The result of the last peek at each queue.

    `queue` names the queue and its broker. Processes and threads may share it; the file is opened on first use. All
    methods raise StorageFailed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `origins.sqlite` in the state folder."""
        self._path = path
        self._opened: Database | None = None

    def get(self, queue: str) -> PeekedOrigins | None:
        """The last result; None without one."""
        with self._database().reading() as connection:
            row = connection.execute("SELECT look FROM seen WHERE queue = ?", (name_bytes(queue),)).fetchone()
        if row is None:
            return None
        stored = json.loads(row[0])
        routes = {(Ref(Kind(kind), name), key): count for kind, name, key, count in stored["routes"]}
        keys = {(key, is_first): count for key, is_first, count in stored["keys"]}
        by_cause = {name: (count, text) for name, (count, text) in stored.get("by_cause", {}).items()}
        return PeekedOrigins(
            stored["at"], stored["letters"], routes, keys, stored["opened"], stored["doubts"], by_cause
        )

    def set(self, queue: str, seen: PeekedOrigins) -> None:
        """Store a result in place of the last one."""
        routes = [(ref.kind, ref.name, key, count) for (ref, key), count in seen.targets_counted.items()]
        keys = [(key, is_first, count) for (key, is_first), count in seen.keys.items()]
        stored = {"at": seen.at, "letters": seen.letters, "routes": routes, "keys": keys}
        look = json.dumps(stored | {"opened": seen.opened, "doubts": dict(seen.doubts), "by_cause": dict(seen.causes)})
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
