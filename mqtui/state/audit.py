"""The audit log: a JSON line before and after each write, each with the hash of the line before it (C18)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, BinaryIO

from mqtui.domain.audit import AuditContents, AuditEntry
from mqtui.domain.errors import StorageFailed
from mqtui.machine.process import host, operator
from mqtui.state import audit_chain
from mqtui.state.audit_anchor import AuditAnchor
from mqtui.state.audit_chain import FORGOTTEN, FORMAT, GENESIS, ChainHead, encode_line, key_id, parse_line
from mqtui.state.file_lock import lock_file
from mqtui.state.fsync import append_whole, open_private, sync_folder
from mqtui.state.paths import state_dir
from mqtui.state.redact import redact_command

if TYPE_CHECKING:
    from mqtui.domain.plan import Plan
    from mqtui.domain.policy import Policy

BLOCK = 65_536


def no_key() -> bytes | None:
    """No key, so that the hashes have none."""
    return None


class Audit:
    """The audit log of this machine, written by all processes of this user. Implements `brokers.guard.AuditLog`.

    Its last hash is also kept in the journal beside it. A new line continues from that hash whatever the file ends
    with, so that a line that was removed or inserted shows for ever.
    """

    def __init__(
        self,
        path: Path | None = None,
        argv: Sequence[str] | None = None,
        key: Callable[[], bytes | None] = no_key,
    ) -> None:
        """Append to `path`, by default `audit.jsonl` in the state folder; `argv` is the command that is recorded.

        `key` returns the key of the hashes; it is called when the first line is written or read.
        """
        self._path = path
        self._command = redact_command(sys.argv if argv is None else argv)
        self._ask_key = key
        self._key: bytes | None = None
        self._asked = False

    @property
    def path(self) -> Path:
        """The file."""
        if self._path is None:
            self._path = state_dir() / "audit.jsonl"
        return self._path

    def begin(self, plan: Plan, policy: Policy) -> None:
        """Record that a write begins; on disk when it returns.

        Raises:
            StorageFailed: it could not be written, so nothing may be written to the broker.
        """
        self._append(self._entry("begin", plan, policy))

    def end(self, plan: Plan, policy: Policy, result: str) -> None:
        """Record how a write ended; on disk when it returns.

        Raises:
            StorageFailed: it could not be written.
        """
        self._append(replace(self._entry("end", plan, policy), result=result))

    def entries(self, limit: int | None = None) -> Sequence[AuditEntry]:
        """The last `limit` entries, or all, oldest first. `read` also has what is damaged.

        Raises:
            StorageFailed: the file can't be read.
        """
        known = self.read().entries
        return known if limit is None else known[max(0, len(known) - limit) :]

    def read(self) -> AuditContents:
        """All readable entries, and what is damaged: lines, and the end by the hash in the journal.

        Raises:
            StorageFailed: the file or the journal can't be read.
        """
        anchor = self._anchor()
        try:
            return audit_chain.verify_chain(self._lines(), self.key(), anchor.head())
        finally:
            anchor.close()

    def verify(self) -> int | None:
        """The first damaged line (from 1), the one after the last where the end is wrong; None where all is in order.

        Raises:
            StorageFailed: the file or the journal can't be read.
        """
        damages = self.read().damages
        return damages[0].line if damages else None

    def key(self) -> bytes | None:
        """The key of the hashes, asked for once."""
        if not self._asked:
            self._key, self._asked = self._ask_key(), True
        return self._key

    def _anchor(self) -> AuditAnchor:
        return AuditAnchor(self.path.parent / "runs.sqlite")

    def _entry(self, event: str, plan: Plan, policy: Policy) -> AuditEntry:
        count = plan.count.number
        return AuditEntry(
            event=event,
            run=plan.id,
            time=int(time() * 1000),
            operator=operator(),
            host=host(),
            profile=policy.profile,
            verb=str(plan.verb),
            on=plan.written(),
            planned=None if count is None else int(count),
            command=self._command,
        )

    def _append(self, entry: AuditEntry) -> None:
        key = self.key()
        anchor = self._anchor()
        try:
            with lock_file(self.path.with_suffix(".lock")):
                new = not self.path.exists()
                with os.fdopen(open_private(self.path, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file:
                    end, last = _last_line(file)
                    known = anchor.head()
                    before = _head_to_continue(known, last)
                    forgotten = known is None and _is_anchored(last)
                    lines, head = _lines_of(entry, before, key, turns=_key_changes(last, key), forgotten=forgotten)
                    torn = b"\n" if end and not last.endswith(b"\n") else b""
                    anchor.put(replace(before, coming=head.hash))
                    append_whole(file, end, torn + lines)
                    try:
                        anchor.put(head)
                    except StorageFailed:
                        file.truncate(end)
                        raise
                if new:
                    sync_folder(self.path.parent)
        except (OSError, StorageFailed) as error:
            why = error.detail if isinstance(error, StorageFailed) else error.strerror or str(error)
            raise StorageFailed(
                "The audit can't be kept, so nothing may be changed",
                f"{self.path}: {why}",
                "Free some space, or point MQTUI_STATE_DIR at another folder.",
            ) from error
        finally:
            anchor.close()

    def _lines(self) -> Iterator[bytes]:
        try:
            with os.fdopen(open_private(self.path, os.O_RDONLY), "rb") as file:
                yield from file
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed("The audit can't be read", f"{self.path}: {error.strerror or error}") from error


def _head_to_continue(known: ChainHead | None, last: bytes) -> ChainHead:
    """The head that a new line continues: the one in the journal; in a file of format 1 that of its last line."""
    try:
        _, link, _ = parse_line(last)
    except ValueError:
        link = None
    if known is None:
        return ChainHead(0, GENESIS) if link is None else ChainHead(link.n, link.hash)
    if link is not None and known.coming == link.hash:
        return ChainHead(link.n, link.hash)
    return replace(known, coming="")


def _is_anchored(last: bytes) -> bool:
    """Whether a line has a format whose head is kept in the journal."""
    try:
        return parse_line(last)[1].v >= FORMAT
    except ValueError:
        return False


def _key_changes(last: bytes, key: bytes | None) -> bool:
    """Whether the chain continues with another key, or without one."""
    try:
        _, link, _ = parse_line(last)
    except ValueError:
        return False
    return link.key != (key_id(key) if key else "")


def _lines_of(
    entry: AuditEntry, before: ChainHead, key: bytes | None, *, turns: bool, forgotten: bool
) -> tuple[bytes, ChainHead]:
    """The line of an entry, with notes about the chain before it, and the new head."""
    notes = [FORGOTTEN] if forgotten else []
    if turns:
        notes.append(f"the chain goes on {'keyed' if key else 'unkeyed'} from here")
    blank = replace(entry, event="note", verb="audit", run="", on=(), planned=None, command="")
    lines = b""
    for each in (*(replace(blank, result=result) for result in notes), entry):
        line, digest = encode_line(each, before, key)
        lines += line
        before = ChainHead(before.n + 1, digest)
    return lines, before


def _last_line(file: BinaryIO) -> tuple[int, bytes]:
    """The length of the file, and its last line, which has no line feed where it was cut off."""
    size = os.fstat(file.fileno()).st_size
    tail, start = b"", size
    while start > 0:
        step = min(BLOCK, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
        before = tail.rfind(b"\n", 0, len(tail) - 1) + 1
        if before or start == 0:
            return size, tail[before:]
    return size, b""
