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

from mqtui.domain.bulk import BulkReceipts, OffsetRange, OffsetRanges
from mqtui.domain.errors import BadInput, Held, NotFound, StorageFailed
from mqtui.domain.policy import Environment, Policy, strictest
from mqtui.state.process import process_start
from mqtui.state.runs import Done, Mark, Runs
from tests.state.samples import RUN, record

NOW = int(time.time() * 1000)


@pytest.fixture
def runs() -> Iterator[Runs]:
    journal = Runs()
    yield journal
    journal.close()


def mark(position: str) -> Mark:
    return (position, b"print", -1)


def moved(position: str) -> Done:
    return (position, "moved", "t/1", "")


def gone_process() -> tuple[int, int]:
    """Id and start time of a process that was."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = process_start(child.pid)
        assert start is not None
        child.kill()
    return child.pid, start


def test_a_run_is_found_again_with_every_byte(runs: Runs) -> None:
    runs.begin(record())
    assert runs.find("7F3A") == record()
    assert runs.list() == [record()]


def test_a_run_keeps_the_policies_it_began_under(runs: Runs) -> None:
    prod = strictest(Policy("mine"), [Policy("prod", Environment.PROD, protected=True, deny=frozenset({"discard"}))])
    runs.begin(record(), (prod, Policy("there")))
    runs.begin(record("b" * 32), (Policy("mine"),))
    assert list(runs.policies(RUN)) == [prod, Policy("there")]
    assert list(runs.policies("b" * 32)) == []


def test_a_run_is_begun_once(runs: Runs) -> None:
    runs.begin(record())
    with pytest.raises(BadInput):
        runs.begin(record())


def test_a_run_ends_with_its_result(runs: Runs) -> None:
    runs.begin(record())
    runs.end(RUN, "done", b'{"moved":3}')
    ended = runs.find(RUN)
    assert (ended.state, ended.result) == ("done", b'{"moved":3}')
    assert ended.ended is not None and ended.ended >= NOW


@pytest.mark.parametrize("prefix", ["7f3", "", "7f3g", "../x"])
def test_what_is_no_prefix_is_refused(runs: Runs, prefix: str) -> None:
    with pytest.raises(BadInput):
        runs.find(prefix)


def test_prefixes_are_as_short_as_they_can_be(runs: Runs) -> None:
    twin = "7f3a0" + "1" * 27
    for run in (RUN, twin, "00" * 16):
        runs.begin(record(run))
    assert runs.short("00" * 16) == "0000"
    assert (runs.short(RUN), runs.short(twin)) == ("7F3A00", "7F3A01")
    assert runs.find(runs.short(twin)).id == twin
    with pytest.raises(BadInput, match="Several"):
        runs.find("7f3a")
    with pytest.raises(NotFound):
        runs.find("beef")


def test_letters_in_hand_are_open_until_something_is_said_of_them(runs: Runs) -> None:
    runs.begin(record())
    first = runs.in_hand(RUN, [mark("0/1"), mark("0/2")])
    second = runs.in_hand(RUN, [mark("0/3")])
    runs.done(RUN, first, [moved("0/1")])
    assert runs.open_hands(RUN) == [(first, (mark("0/2"),)), (second, (mark("0/3"),))]
    runs.done(RUN, second, [("0/3", "refused", "", "NO_ROUTE to \udcff")])
    runs.done(RUN, first, [("0/2", "unknown", "", "")])
    assert runs.open_marks(RUN) == []
    assert list(runs.outcomes(RUN)) == [
        moved("0/1"),
        ("0/3", "refused", "", "NO_ROUTE to \\udcff"),
        ("0/2", "unknown", "", ""),
    ]


def test_a_letter_has_one_outcome_the_last_one_said(runs: Runs) -> None:
    runs.begin(record())
    first = runs.in_hand(RUN, [mark("0/1"), mark("0/2")])
    runs.done(RUN, first, [("0/1", "unknown", "", ""), moved("0/2")])
    runs.done(RUN, 0, [("0/9", "skipped", "", "handled")])
    again = runs.in_hand(RUN, [mark("0/1")])
    assert runs.open_marks(RUN) == [mark("0/1")]
    runs.done(RUN, again, [moved("0/1")])
    assert runs.counts(RUN) == {"moved": 2, "skipped": 1}
    assert [done[0] for done in runs.outcomes(RUN)] == ["0/2", "0/9", "0/1"]


def test_a_killed_hand_taken_again_is_no_longer_open(runs: Runs) -> None:
    runs.begin(record())
    runs.in_hand(RUN, [mark("0/1"), mark("0/2")])
    runs.done(RUN, runs.in_hand(RUN, [mark("0/1")]), [moved("0/1")])
    assert runs.open_marks(RUN) == [mark("0/2")]


def test_letters_are_written_down_by_stretches(runs: Runs) -> None:
    """They read as if each had been written down alone; what was said of some of them leaves the others open."""
    runs.begin(record())
    hand = OffsetRanges.of([0, 0, 1, 1, 0], [7, 8, 3, 5, 9])
    assert hand.ranges == (OffsetRange(0, 7, 2), OffsetRange(1, 3, 1), OffsetRange(1, 5, 1), OffsetRange(0, 9, 1))
    first = runs.in_hand(RUN, hand)
    names = ["0/7", "0/8", "1/3", "1/5", "0/9"]
    assert runs.open_marks(RUN) == [(name, b"", -1) for name in names]
    partitions, offsets = array("i", [2, -1, 0]), array("q", [40, -1, 2**40])
    which = array("i", [0, 0, 1])
    arrived = OffsetRanges.of([0, 0, 1], [7, 8, 5])
    columns = (which.tobytes(), partitions.tobytes(), offsets.tobytes())
    runs.done(RUN, first, BulkReceipts(arrived, ("orders", "bills"), *columns))
    runs.done(RUN, first, [("1/3", "refused", "orders", "too large")])
    assert runs.open_marks(RUN) == [("0/9", b"", -1)]
    assert list(runs.outcomes(RUN)) == [
        ("0/7", "moved", "orders 2/40", ""),
        ("0/8", "moved", "orders", ""),
        ("1/5", "moved", f"bills 0/{2**40}", ""),
        ("1/3", "refused", "orders", "too large"),
    ]
    assert runs.counts(RUN) == {"moved": 3, "refused": 1}
    assert runs.last_marks(RUN, 1) == [(name, b"", -1) for name in names]


def test_a_journal_of_an_earlier_format_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(Runs(path)) as runs:
        runs.begin(record())
        runs.done(RUN, runs.in_hand(RUN, [mark("0/1"), mark("0/2")]), [moved("0/1")])
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE policies")
        database.execute("DROP TABLE audit_head")
        database.execute("PRAGMA user_version=1")
    with closing(Runs(path)) as runs:
        assert runs.open_marks(RUN) == [mark("0/2")]
        assert list(runs.outcomes(RUN)) == [moved("0/1")]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (4,)


def test_runs_do_not_see_each_others_letters(runs: Runs) -> None:
    other = "b" * 32
    runs.begin(record())
    runs.begin(record(other))
    runs.done(RUN, runs.in_hand(RUN, [mark("0/1")]), [moved("0/1")])
    runs.in_hand(other, [mark("0/1")])
    assert runs.counts(other) == {}
    assert runs.open_marks(other) == [mark("0/1")]


def test_interrupted_is_a_running_run_whose_process_is_gone(runs: Runs) -> None:
    pid, start = gone_process()
    alive = process_start(os.getpid())
    now = int(time.time() * 1000)
    runs.begin(record("a" * 32, pid, start, now))
    runs.begin(record("b" * 32, os.getpid(), alive, now))
    runs.begin(record("c" * 32, os.getpid(), (alive or 0) - 1, now - 3_600_000))
    runs.begin(replace(record("d" * 32, pid, start, now), host="elsewhere"))
    runs.begin(record("e" * 32, pid, start, now))
    runs.end("e" * 32, "stopped")
    assert [run.id[0] for run in runs.interrupted()] == ["c", "a"]
    assert [run.id[0] for run in runs.interrupted(max_age_ms=1_800_000)] == ["a"]


def test_an_interrupted_run_is_taken_up_by_one_process(runs: Runs) -> None:
    pid, start = gone_process()
    runs.begin(record(pid=pid, pid_start=start))
    taken = runs.take_up(RUN, os.getpid(), process_start(os.getpid()))
    assert taken.pid == os.getpid() and not taken.interrupted
    with pytest.raises(Held, match="still running"):
        runs.take_up(RUN, os.getppid(), process_start(os.getppid()))
    with pytest.raises(NotFound):
        runs.take_up("f" * 32, 1, 1)


def test_old_runs_are_forgotten_with_their_letters(runs: Runs) -> None:
    runs.begin(record())
    runs.done(RUN, runs.in_hand(RUN, [mark("0/1")]), [moved("0/1")])
    runs.end(RUN, "done")
    runs.begin(record("b" * 32))
    assert runs.forget(older_than_ms=60_000) == 0
    assert runs.forget(older_than_ms=-60_000) == 1
    assert [run.id for run in runs.list()] == ["b" * 32]
    assert list(runs.outcomes(RUN)) == []


def test_a_file_that_is_no_journal_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFailed, match="is damaged"):
        Runs(path)


def test_files_are_private(runs: Runs, state_folder: Path) -> None:
    runs.begin(record())
    assert state_folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in state_folder.iterdir()} == {0o600}


def test_a_second_opening_in_one_process_lets_go_of_no_lock(tmp_path: Path) -> None:
    """Else another process that looks takes itself for the last one, and removes the log that is written to."""
    path = tmp_path / "runs.sqlite"
    opened = [Runs(path), Runs(path)]
    look = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM runs').fetchall(); c.close()"
    subprocess.run([sys.executable, "-c", look], check=True)
    assert path.with_name("runs.sqlite-wal").exists()
    for journal in opened:
        journal.close()
