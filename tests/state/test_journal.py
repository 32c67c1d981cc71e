"""The journal: what is said is found again, once, and interrupted runs are known by their process."""

import os
import sqlite3
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mqtui.domain.bulk import BulkReceipts, EntryReceipts, OffsetRange, OffsetRanges
from mqtui.domain.errors import BadInput, Held, NotFound, StorageFailed
from mqtui.domain.policy import Environment, Policy, strictest
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.resource import Kind, Ref
from mqtui.machine.process import process_start
from mqtui.state.journal import InFlight, Journal, OutcomeRow
from tests.state.samples import RUN, record

NOW = int(time.time() * 1000)


@pytest.fixture
def runs() -> Iterator[Journal]:
    journal = Journal()
    yield journal
    journal.close()


def mark(position: str) -> InFlight:
    return (position, b"print", -1)


def moved(position: str) -> OutcomeRow:
    return (position, "moved", "t/1", "")


def gone_process() -> tuple[int, int]:
    """Id and start time of a process that was."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = process_start(child.pid)
        assert start is not None
        child.kill()
    return child.pid, start


def test_a_run_is_found_again_with_every_byte(runs: Journal) -> None:
    runs.begin(record())
    assert runs.find("7F3A") == record()
    assert runs.list_runs() == [record()]


def test_a_run_keeps_the_policies_it_began_under(runs: Journal) -> None:
    prod = strictest(Policy("mine"), [Policy("prod", Environment.PROD, protected=True, deny=frozenset({"discard"}))])
    runs.begin(record(), (prod, Policy("there")))
    runs.begin(record("b" * 32), (Policy("mine"),))
    assert list(runs.policies_of(RUN)) == [prod, Policy("there")]
    assert list(runs.policies_of("b" * 32)) == []


def test_a_run_is_begun_once(runs: Journal) -> None:
    runs.begin(record())
    with pytest.raises(BadInput):
        runs.begin(record())


def test_a_run_ends_with_its_result(runs: Journal) -> None:
    runs.begin(record())
    runs.end(RUN, "done", b'{"moved":3}')
    ended = runs.find(RUN)
    assert (ended.state, ended.result) == ("done", b'{"moved":3}')
    assert ended.ended is not None and ended.ended >= NOW


@pytest.mark.parametrize("prefix", ["7f3", "", "7f3g", "../x"])
def test_what_is_no_prefix_is_refused(runs: Journal, prefix: str) -> None:
    with pytest.raises(BadInput):
        runs.find(prefix)


def test_prefixes_are_as_short_as_they_can_be(runs: Journal) -> None:
    twin = "7f3a0" + "1" * 27
    for run in (RUN, twin, "00" * 16):
        runs.begin(record(run))
    assert runs.short_id("00" * 16) == "0000"
    assert (runs.short_id(RUN), runs.short_id(twin)) == ("7F3A00", "7F3A01")
    assert runs.find(runs.short_id(twin)).id == twin
    with pytest.raises(BadInput, match="Several"):
        runs.find("7f3a")
    with pytest.raises(NotFound):
        runs.find("beef")


def test_letters_in_flight_are_unfinished_until_they_have_an_outcome(runs: Journal) -> None:
    runs.begin(record())
    first = runs.begin_batch(RUN, [mark("0/1"), mark("0/2")])
    second = runs.begin_batch(RUN, [mark("0/3")])
    runs.record_outcomes(RUN, first, [moved("0/1")])
    assert runs.unfinished_batches(RUN) == [(first, (mark("0/2"),)), (second, (mark("0/3"),))]
    runs.record_outcomes(RUN, second, [("0/3", "refused", "", "NO_ROUTE to \udcff")])
    runs.record_outcomes(RUN, first, [("0/2", "unknown", "", "")])
    assert runs.unfinished_letters(RUN) == []
    assert list(runs.read_outcomes(RUN)) == [
        moved("0/1"),
        ("0/3", "refused", "", "NO_ROUTE to \\udcff"),
        ("0/2", "unknown", "", ""),
    ]


def test_a_letter_has_one_outcome_the_last_one(runs: Journal) -> None:
    runs.begin(record())
    first = runs.begin_batch(RUN, [mark("0/1"), mark("0/2")])
    runs.record_outcomes(RUN, first, [("0/1", "unknown", "", ""), moved("0/2")])
    runs.record_outcomes(RUN, 0, [("0/9", "skipped", "", "handled")])
    again = runs.begin_batch(RUN, [mark("0/1")])
    assert runs.unfinished_letters(RUN) == [mark("0/1")]
    runs.record_outcomes(RUN, again, [moved("0/1")])
    assert runs.count_outcomes(RUN) == {"moved": 2, "skipped": 1}
    assert [done[0] for done in runs.read_outcomes(RUN)] == ["0/2", "0/9", "0/1"]


def test_a_killed_batch_that_was_taken_again_is_finished(runs: Journal) -> None:
    runs.begin(record())
    runs.begin_batch(RUN, [mark("0/1"), mark("0/2")])
    runs.record_outcomes(RUN, runs.begin_batch(RUN, [mark("0/1")]), [moved("0/1")])
    assert runs.unfinished_letters(RUN) == [mark("0/2")]


def test_letters_are_recorded_as_offset_ranges(runs: Journal) -> None:
    """They read as if each had been written down alone; what was said of some of them leaves the others open."""
    runs.begin(record())
    hand = OffsetRanges.of([0, 0, 1, 1, 0], [7, 8, 3, 5, 9])
    assert hand.ranges == (OffsetRange(0, 7, 2), OffsetRange(1, 3, 1), OffsetRange(1, 5, 1), OffsetRange(0, 9, 1))
    first = runs.begin_batch(RUN, hand)
    names = ["0/7", "0/8", "1/3", "1/5", "0/9"]
    assert runs.unfinished_letters(RUN) == [(name, b"", -1) for name in names]
    partitions, offsets = array("i", [2, -1, 0]), array("q", [40, -1, 2**40])
    which = array("i", [0, 0, 1])
    arrived = OffsetRanges.of([0, 0, 1], [7, 8, 5])
    columns = (which.tobytes(), partitions.tobytes(), offsets.tobytes())
    runs.record_outcomes(RUN, first, BulkReceipts(arrived, ("orders", "bills"), *columns))
    runs.record_outcomes(RUN, first, [("1/3", "refused", "orders", "too large")])
    assert runs.unfinished_letters(RUN) == [("0/9", b"", -1)]
    assert list(runs.read_outcomes(RUN)) == [
        ("0/7", "moved", "orders 2/40", ""),
        ("0/8", "moved", "orders", ""),
        ("1/5", "moved", f"bills 0/{2**40}", ""),
        ("1/3", "refused", "orders", "too large"),
    ]
    assert runs.count_outcomes(RUN) == {"moved": 3, "refused": 1}
    assert runs.letters_of_last_batches(RUN, 1) == [(name, b"", -1) for name in names]


def test_letters_are_recorded_as_raw_entries(runs: Journal) -> None:
    """The same for entries of a stream, by their ids."""
    runs.begin(record())
    flat = [b"n", b"1"]
    entries = RawEntries(Ref(Kind.STREAM, "dlq"), [(b"7-0", flat), (b"7-1", flat), (b"9-0", flat)])
    first = runs.begin_batch(RUN, entries)
    assert runs.unfinished_letters(RUN) == [(name, b"", -1) for name in ("7-0", "7-1", "9-0")]
    targets = array("i", [1, 0]).tobytes()
    runs.record_outcomes(RUN, first, EntryReceipts([b"7-0", b"9-0"], ("orders", "b\udcff"), targets, [b"8-0", b"8-1"]))
    runs.record_outcomes(RUN, first, EntryReceipts([], (), b"", []))
    assert runs.unfinished_letters(RUN) == [("7-1", b"", -1)]
    assert list(runs.read_outcomes(RUN)) == [
        ("7-0", "moved", "b\\udcff 8-0", ""),
        ("9-0", "moved", "orders 8-1", ""),
    ]


def test_a_journal_of_an_earlier_format_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(Journal(path)) as runs:
        runs.begin(record())
        runs.record_outcomes(RUN, runs.begin_batch(RUN, [mark("0/1"), mark("0/2")]), [moved("0/1")])
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE policies")
        database.execute("DROP TABLE audit_head")
        database.execute("PRAGMA user_version=1")
    with closing(Journal(path)) as runs:
        assert runs.unfinished_letters(RUN) == [mark("0/2")]
        assert list(runs.read_outcomes(RUN)) == [moved("0/1")]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (5,)


def test_runs_do_not_see_each_others_letters(runs: Journal) -> None:
    other = "b" * 32
    runs.begin(record())
    runs.begin(record(other))
    runs.record_outcomes(RUN, runs.begin_batch(RUN, [mark("0/1")]), [moved("0/1")])
    runs.begin_batch(other, [mark("0/1")])
    assert runs.count_outcomes(other) == {}
    assert runs.unfinished_letters(other) == [mark("0/1")]


def test_interrupted_is_a_running_run_whose_process_is_gone(runs: Journal) -> None:
    pid, start = gone_process()
    alive = process_start(os.getpid())
    now = int(time.time() * 1000)
    runs.begin(record("a" * 32, pid, start, now))
    runs.begin(record("b" * 32, os.getpid(), alive, now))
    runs.begin(record("c" * 32, os.getpid(), (alive or 0) - 1, now - 3_600_000))
    runs.begin(replace(record("d" * 32, pid, start, now), host="elsewhere"))
    runs.begin(record("e" * 32, pid, start, now))
    runs.end("e" * 32, "stopped")
    assert [run.id[0] for run in runs.list_interrupted()] == ["c", "a"]
    assert [run.id[0] for run in runs.list_interrupted(max_age_ms=1_800_000)] == ["a"]


def test_an_interrupted_run_is_claimed_by_one_process(runs: Journal) -> None:
    pid, start = gone_process()
    runs.begin(record(pid=pid, pid_start=start))
    taken = runs.claim(RUN, os.getpid(), process_start(os.getpid()))
    assert taken.pid == os.getpid() and not taken.interrupted
    with pytest.raises(Held, match="still running"):
        runs.claim(RUN, os.getppid(), process_start(os.getppid()))
    with pytest.raises(NotFound):
        runs.claim("f" * 32, 1, 1)


def test_old_runs_are_deleted_with_their_letters(runs: Journal) -> None:
    runs.begin(record())
    runs.record_outcomes(RUN, runs.begin_batch(RUN, [mark("0/1")]), [moved("0/1")])
    runs.end(RUN, "done")
    runs.begin(record("b" * 32))
    assert runs.delete_ended(older_than_ms=60_000) == 0
    assert runs.delete_ended(older_than_ms=-60_000) == 1
    assert [run.id for run in runs.list_runs()] == ["b" * 32]
    assert list(runs.read_outcomes(RUN)) == []


def test_a_file_that_is_no_journal_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "broken.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFailed, match="is damaged"):
        Journal(path)


def test_files_are_private(runs: Journal, state_folder: Path) -> None:
    runs.begin(record())
    assert state_folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in state_folder.iterdir()} == {0o600}


def test_a_second_opening_in_one_process_releases_no_lock(tmp_path: Path) -> None:
    """Else another process that looks takes itself for the last one, and removes the log that is written to."""
    path = tmp_path / "runs.sqlite"
    opened = [Journal(path), Journal(path)]
    look = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM runs').fetchall(); c.close()"
    subprocess.run([sys.executable, "-c", look], check=True)
    assert path.with_name("runs.sqlite-wal").exists()
    for journal in opened:
        journal.close()
