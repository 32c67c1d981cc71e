"""The table of tampering: each kind on a keyed and on an unkeyed chain, found, or said to be beyond it (C18).

`mallory` knows all of mqtui, and has the files; the key she has not.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mqtui.domain.audit import Damage
from mqtui.domain.errors import StorageFailed
from mqtui.state.audit import Audit
from mqtui.state.audit_anchor import AuditAnchor
from mqtui.state.audit_chain import GENESIS, ChainHead, Record, hash_of
from tests.state.samples import POLICY, plan

KEY = b"k" * 44
OLD = 4
NOW = 8
"""Lines at the time of the old copies, and when it is looked at."""


def audit(key: bytes | None) -> Audit:
    return Audit(key=lambda: key)


def noted(key: bytes | None, count: int) -> None:
    for _ in range(count):
        audit(key).begin(plan(), POLICY)


class Files:
    """The audit and the journal, and their copies of the time when there were four lines."""

    def __init__(self, folder: Path) -> None:
        self.audit = folder / "audit.jsonl"
        self.journal = folder / "runs.sqlite"
        self._copies = folder.parent / "copies"
        self._copies.mkdir()

    def copy(self) -> None:
        for file in (self.audit, self.journal):
            shutil.copy(file, self._copies / file.name)

    def restore(self, *files: Path) -> None:
        for file in files:
            shutil.copy(self._copies / file.name, file)

    def lines(self) -> list[bytes]:
        return self.audit.read_bytes().splitlines(keepends=True)

    def write(self, lines: list[bytes]) -> None:
        self.audit.write_bytes(b"".join(lines))

    def forge(self, *, since: int = 0, key: bytes | None = None, blame: str = "mallory") -> None:
        """All lines from one on with another operator, and chained anew as well as one can."""
        records = [json.loads(line) for line in self.lines()]
        previous = records[since - 1]["hash"] if since else GENESIS
        for record in records[since:]:
            record |= {"operator": blame, "prev": previous}
            if key is None:
                record["key"] = ""
            record["hash"] = previous = hash_of(record, key)
        self.write([packed(record) for record in records])


def packed(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def edited(files: Files, place: int) -> list[bytes]:
    lines = files.lines()
    lines[place] = packed(json.loads(lines[place]) | {"result": "nothing happened"})
    return lines


def renumbered(files: Files) -> None:
    """A line in the middle is gone, and those behind it are numbered and chained anew."""
    lines = files.lines()
    del lines[3]
    files.write(lines)
    records = [json.loads(line) for line in lines]
    previous = GENESIS
    for n, record in enumerate(records, 1):
        record |= {"n": n, "prev": previous, "key": ""}
        record["hash"] = previous = hash_of(record, None)
    files.write([packed(record) for record in records])


def added(files: Files) -> None:
    """One more line at the end, chained as well as one can."""
    lines = files.lines()
    last = json.loads(lines[-1])
    record = last | {"n": last["n"] + 1, "prev": last["hash"], "key": ""}
    record["hash"] = hash_of(record, None)
    files.write([*lines, packed(record)])


def lost(files: Files) -> None:
    """The journal is gone."""
    for file in files.journal.parent.glob("runs.sqlite*"):
        file.unlink()


TAMPERING: dict[str, Callable[[Files], object]] = {
    "cut tail": lambda files: files.write(files.lines()[:-2]),
    "last line cut": lambda files: files.write(files.lines()[:-1]),
    "torn last line": lambda files: files.audit.write_bytes(files.audit.read_bytes()[:-20]),
    "cut middle": lambda files: files.write(files.lines()[:3] + files.lines()[5:]),
    "cut middle, numbered anew": renumbered,
    "emptied": lambda files: files.write([]),
    "deleted": lambda files: files.audit.unlink(),
    "line edited": lambda files: files.write(edited(files, 4)),
    "last line edited": lambda files: files.write(edited(files, -1)),
    "line inserted": lambda files: files.write([*files.lines()[:3], files.lines()[1], *files.lines()[3:]]),
    "line added": added,
    "two lines swapped": lambda files: files.write(
        [*files.lines()[:2], files.lines()[3], files.lines()[2], *files.lines()[4:]]
    ),
    "line foreign": lambda files: files.write([*files.lines()[:3], b"\xff\x00 hello\n", *files.lines()[3:]]),
    "rewritten, hashed anew without the key": lambda files: files.forge(),
    "rewritten with another key": lambda files: files.forge(key=b"m" * 44),
    "half rewritten, hashed anew": lambda files: files.forge(since=5),
    "file of an old copy": lambda files: files.restore(files.audit),
    "journal of an old copy": lambda files: files.restore(files.journal),
    "journal deleted": lost,
}


@pytest.fixture
def files(state_folder: Path) -> Files:
    return Files(state_folder)


@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "unkeyed"])
@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_found_now_and_after_the_next_write(files: Files, kind: str, key: bytes | None) -> None:
    noted(key, OLD)
    files.copy()
    noted(key, NOW - OLD)
    assert audit(key).read().damages == []
    TAMPERING[kind](files)
    assert audit(key).read().damages
    noted(key, 2)
    damages = audit(key).read().damages
    assert damages
    assert all(damage.why for damage in damages)


@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "unkeyed"])
def test_old_copies_of_both_that_fit_together_are_beyond_it(files: Files, key: bytes | None) -> None:
    """Nothing on this machine is newer than they are: what guards against it is a copy of the audit elsewhere."""
    noted(key, OLD)
    files.copy()
    noted(key, NOW - OLD)
    files.restore(files.audit, files.journal)
    for rest in files.journal.parent.glob("runs.sqlite-*"):
        rest.unlink()
    assert audit(key).read().damages == []


@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "unkeyed"])
def test_a_file_rewritten_with_its_journal_shows_as_unkeyed(files: Files, key: bytes | None) -> None:
    """Beyond an unkeyed chain; of a keyed one every line has lost its key, and that is said."""
    noted(key, NOW)
    files.forge()
    last = json.loads(files.lines()[-1])
    anchor = AuditAnchor(files.journal)
    anchor.put(ChainHead(last["n"], last["hash"]))
    anchor.close()
    read = audit(key).read()
    assert (read.damages, read.unkeyed) == ([], NOW)
    assert "8 of 8 lines unkeyed" in read.notes[0]


def test_a_keyed_file_rewritten_from_its_middle_on_with_its_journal_is_found(files: Files) -> None:
    noted(KEY, NOW)
    records = [json.loads(line) for line in files.lines()]
    records[5] |= {"operator": "mallory"}
    records[5]["hash"] = records[6]["prev"] = hash_of(records[5], None)
    files.write([packed(record) for record in records])
    assert [damage.line for damage in audit(KEY).read().damages] == [6, 7]


def test_an_unkeyed_chain_says_so(files: Files) -> None:
    noted(None, 2)
    assert "2 of 2 lines unkeyed" in audit(None).read().notes[0]
    noted(KEY, 1)
    read = audit(KEY).read()
    assert [entry.event for entry in read.entries] == ["begin", "begin", "note", "begin"]
    assert read.entries[2].result == "the chain goes on keyed from here"
    assert (read.unkeyed, read.damages) == (2, [])
    assert audit(None).read().unchecked == 2


def test_a_file_of_an_earlier_mqtui_goes_on_keyed(files: Files) -> None:
    files.audit.parent.mkdir(mode=0o700)
    previous, lines = GENESIS, []
    for n in (1, 2):
        record: Record = {"n": n, "prev": previous, "event": "begin", "run": "a" * 32, "time": n, "operator": "a"}
        record |= {"host": "h", "profile": "p", "verb": "publish", "on": [], "planned": 1, "result": "", "command": ""}
        record["hash"] = previous = hash_of(record, None)
        lines.append(packed(record))
    files.write(lines)
    assert audit(KEY).read().damages == []
    noted(KEY, 1)
    read = audit(KEY).read()
    assert ([entry.n for entry in read.entries], read.damages) == ([1, 2, 3, 4], [])
    files.write(files.lines()[:-1])
    assert "the journal knows 4 lines" in audit(KEY).read().damages[0].why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"time": "x"}, "it is no line of the audit"),
        ({"time": 99_999_999_999_999_999_999}, "is no date"),
        ({"time": -1}, "is no date"),
        ({"time": 1e400}, "it is no line of the audit"),
        ({"operator": None}, "it is no line of the audit"),
        ({"on": "topic"}, "it is no line of the audit"),
        ({"n": 2.5}, "it is no line of the audit"),
    ],
)
def test_a_line_that_is_none_is_named_and_the_rest_is_shown(files: Files, change: Record, why: str) -> None:
    noted(None, 3)
    lines = files.lines()
    lines[1] = packed(json.loads(lines[1]) | change)
    files.write(lines)
    read = audit(None).read()
    assert [entry.n for entry in read.entries] == [1, 3]
    assert read.damages[0].line == 2
    assert why in read.damages[0].why


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"null\n", b"[" * 100_000 + b"\n", b'{"n":1}\n', b"\xff\xfe\n"])
def test_a_foreign_line_stays_and_nothing_is_chained_onto_it(files: Files, line: bytes) -> None:
    noted(KEY, 2)
    files.audit.write_bytes(files.audit.read_bytes() + line)
    noted(KEY, 1)
    read = audit(KEY).read()
    assert line in files.audit.read_bytes()
    assert [entry.n for entry in read.entries] == [1, 2, 3]
    assert [damage.line for damage in read.damages] == [3]


def test_a_torn_line_stays_and_is_named(files: Files) -> None:
    noted(KEY, 1)
    whole = files.audit.read_bytes()
    files.audit.write_bytes(whole + whole[:50])
    assert audit(KEY).read().damages == [Damage(2, "it was cut off while it was written")]
    noted(KEY, 1)
    assert files.lines()[1] == whole[:50] + b"\n"
    assert [damage.line for damage in audit(KEY).read().damages] == [2]


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.lock"])
def test_a_link_is_not_followed(files: Files, name: str, tmp_path: Path) -> None:
    files.audit.parent.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine\n")
    (files.audit.parent / name).symlink_to(elsewhere)
    with pytest.raises(StorageFailed, match="links are not followed"):
        audit(KEY).begin(plan(), POLICY)
    assert elsewhere.read_bytes() == b"mine\n"


def test_a_file_that_others_may_read_is_closed_to_them(files: Files) -> None:
    noted(KEY, 1)
    files.audit.chmod(0o644)
    noted(KEY, 1)
    assert files.audit.stat().st_mode & 0o777 == 0o600
