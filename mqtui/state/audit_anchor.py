"""The head of the audit log, kept in the journal too, so that a truncated or replaced file is detected (C18)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mqtui.state.audit_chain import ChainHead

if TYPE_CHECKING:
    from mqtui.state.database import Database


class AuditAnchor:
    """The head of one audit log, in the journal. All methods raise StorageFailed."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._opened: Database | None = None

    def head(self) -> ChainHead | None:
        """The stored head; None without one."""
        if self._opened is None and not self._journal.exists():
            return None
        with self._database().reading() as connection:
            row = connection.execute("SELECT n, hash, coming FROM audit_head WHERE one = 1").fetchone()
        return ChainHead(*row) if row else None

    def put(self, head: ChainHead) -> None:
        """Store the head; on disk when it returns."""
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
