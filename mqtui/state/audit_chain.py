"""The hash chain of the audit log: each line has the hash of the line before, keyed where there is a key (C18).

Lines of format 2 have `v`, and in `key` the id of the key of their hash, "" without one. Lines of format 1 have
neither.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from mqtui.domain.audit import AuditContents, AuditEntry, Damage

GENESIS = "0" * 64
FORMAT = 2
LAST_TIME = 253_402_300_799_999
"""The last millisecond of the year 9999."""

FORGOTTEN = "the journal had forgotten where the audit ends: it was deleted, or is another one"
"""The text of a note that counts as damage."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of the chain, as kept in the journal. `coming` is the hash of a line that may have been written since."""

    n: int
    hash: str
    coming: str = ""


class ChainLink(msgspec.Struct):
    """The fields of a line that link it to the line before."""

    n: int
    prev: str
    hash: str
    v: int = 1
    key: str = ""


def key_id(key: bytes) -> str:
    """The id of a key in a line: 8 hex digits of a hash, which don't give it away."""
    return hashlib.sha256(b"mqtui audit " + key).hexdigest()[:8]


def encode_line(entry: AuditEntry, before: ChainHead, key: bytes | None) -> tuple[bytes, str]:
    """The line of an entry after `before`, and its hash."""
    record: Record = {"v": FORMAT, "n": before.n + 1, "prev": before.hash, "key": key_id(key) if key else ""}
    record |= {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__ if name != "n"}
    digest = hash_of(record, key)
    return json.dumps(record | {"hash": digest}, separators=(",", ":")).encode("ascii") + b"\n", digest


def hash_of(record: Record, key: bytes | None) -> str:
    """The hash of a record, without its field `hash`: HMAC-SHA-256 with a key, SHA-256 without."""
    body = {name: value for name, value in record.items() if name != "hash"}
    packed = json.dumps(body, separators=(",", ":"), sort_keys=True).encode("ascii")
    return hmac.new(key, packed, "sha256").hexdigest() if key else hashlib.sha256(packed).hexdigest()


def parse_line(line: bytes) -> tuple[Record, ChainLink, AuditEntry]:
    """The record, link and entry of a line.

    Raises:
        ValueError: it is no line of the audit log, with the reason.
    """
    try:
        record = json.loads(line)
        link, entry = msgspec.convert(record, ChainLink), msgspec.convert(record, AuditEntry)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no line of the audit ({str(error).partition(' (char')[0]})") from None
    if not 0 <= entry.time <= LAST_TIME:
        raise ValueError(f"its time {entry.time} is no date")
    return record, link, entry


class ChainVerifier:
    """Verifies the lines of a file one after another."""

    def __init__(self, key: bytes | None) -> None:
        self.entries: list[AuditEntry] = []
        self.damages: list[Damage] = []
        self.last = ChainHead(0, GENESIS)
        self.newest_format = 0
        self._key = key
        self._lines = self._unkeyed = self._unchecked = 0

    def line(self, line: bytes) -> None:
        """Verify the next line."""
        self._lines += 1
        if not line.endswith(b"\n"):
            self._damaged("it was cut off while it was written")
            return
        try:
            record, link, entry = parse_line(line)
        except ValueError as error:
            self._damaged(str(error))
            return
        why = self._misfit(link) or self._forged(record, link)
        if not why and (entry.event, entry.result) == ("note", FORGOTTEN):
            why = FORGOTTEN
        if why:
            self._damaged(why)
        self.last = ChainHead(link.n, link.hash)
        self.newest_format = max(self.newest_format, link.v)
        self.entries.append(entry)

    def end(self, head: ChainHead | None) -> AuditContents:
        """Verify the end of the file; `head` is the one in the journal."""
        self._lines += 1
        why = self._wrong_end(head)
        if why:
            self._damaged(why)
        return AuditContents(self.entries, self.damages, self._unkeyed, self._unchecked)

    def _damaged(self, why: str) -> None:
        self.damages.append(Damage(self._lines, why))

    def _misfit(self, link: ChainLink) -> str:
        n, wanted = link.n, self.last.n + 1
        if n > wanted:
            gone = f"line {wanted:,} is" if n == wanted + 1 else f"lines {wanted:,} to {n - 1:,} are"
            return f"{gone} missing before it"
        if n < wanted:
            return f"it is number {n:,} and stands where {wanted:,} should"
        return "" if link.prev == self.last.hash else "it does not fit the one before it"

    def _forged(self, record: Record, link: ChainLink) -> str:
        """Why the hash of a line is wrong; "" where it is right or can't be checked."""
        if link.key and (self._key is None or key_id(self._key) != link.key):
            self._unchecked += 1
            return f"it was written with another key ({link.key})" if self._key else ""
        self._unkeyed += not link.key
        wanted = hash_of(record, self._key if link.key else None)
        return "" if hmac.compare_digest(wanted, link.hash) else "it was changed after it was written"

    def _wrong_end(self, head: ChainHead | None) -> str:
        last = self.last
        if head is None:
            lost = self.newest_format >= FORMAT
            return "the journal has forgotten where it ends: the journal was deleted or is an old copy" if lost else ""
        if (last.n, last.hash) == (head.n, head.hash) or (head.coming and last.hash == head.coming):
            return ""
        if last.n < head.n:
            what = "the rest was cut off, or the file is an old copy" if last.n else "the file was emptied or deleted"
            return f"the journal knows {head.n:,} lines, the file ends with number {last.n:,}: {what}"
        if last.n > head.n:
            return f"the journal knows {head.n:,} lines only: lines were added, or the journal is an old copy"
        return "its last line is not the one that the journal knows: the file was rewritten"


def verify_chain(lines: Iterable[bytes], key: bytes | None, head: ChainHead | None) -> AuditContents:
    """Verify all lines of a file."""
    checking = ChainVerifier(key)
    for line in lines:
        checking.line(line)
    return checking.end(head)
