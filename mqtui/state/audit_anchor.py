"""Where the audit ends, kept in the journal of runs: a file that was cut off, emptied or replaced shows by it (C18)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mqtui.state.audit_chain import ChainHead

if TYPE_CHECKING:
    from mqtui.state.database import Database


class AuditAnchor:
    """The end of one audit in the journal. All raise StorageFailed."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._opened: Database | None = None

    def head(self) -> ChainHead | None:
        """What is known; None where nothing is."""
        if self._opened is None and not self._journal.exists():
            return None
        with self._database().reading() as connection:
            row = connection.execute("SELECT n, hash, coming FROM audit_head WHERE one = 1").fetchone()
        return ChainHead(*row) if row else None

    def put(self, head: ChainHead) -> None:
        """Keep it; on disk when it returns."""
        with self._database().transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO audit_head (one, n, hash, coming) VALUES (1, ?, ?, ?)",
                (head.n, head.hash, head.coming),
            )

    def close(self) -> None:
        """Close the journal."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _database(self) -> Database:
        from mqtui.state.database import Database
        from mqtui.state.journal import FORMATS

        if self._opened is None:
            self._opened = Database(self._journal, *FORMATS)
        return self._opened
