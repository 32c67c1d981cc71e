"""A full disk: said before anybody relies on what was not kept, and everything kept before stays readable."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mqtui.domain.errors import StorageFailed
from mqtui.domain.message import Message
from mqtui.state import bundles
from mqtui.state.audit import Audit
from mqtui.state.bundles import Bundle
from mqtui.state.journal import Journal
from tests.state.samples import KAFKA, POLICY, RUN, plan, record

KEY = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def until_full(step: Callable[[int], object]) -> int:
    """How many steps were made before the disk was full."""
    for place in range(100_000):
        try:
            step(place)
        except StorageFailed:
            return place
    raise AssertionError("the disk is never full")


def test_a_bundle_stops_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 60_000)
    batch = [Message(KAFKA.resource, KAFKA.position, os.urandom(3_000))] * 3
    with Bundle(RUN, KEY, small_disk / "bundles") as bundle:
        kept = until_full(lambda place: bundle.append(batch, [f"{place}/{step}" for step in range(3)]))
        assert kept > 0
        found = [position for position, _ in bundles.read(RUN, KEY, small_disk / "bundles")]
        assert found == [f"{place}/{step}" for place in range(kept) for step in range(3)]
        ballast.unlink()
        if small_disk.is_mount():
            bundle.append(batch, ["a", "b", "c"])
            found = [position for position, _ in bundle.read()]
            assert found[-4:] == [f"{kept - 1}/2", "a", "b", "c"]


def test_a_bundle_that_can_not_even_begin_says_so(small_disk: Path) -> None:
    if not small_disk.is_mount():
        pytest.skip("needs a small file system, so root")
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while True:
            file.write(b"x" * 4096)
    with Bundle(RUN, KEY, small_disk) as bundle:
        for _ in range(2):
            with pytest.raises(StorageFailed, match="can't be kept"):
                bundle.append([KAFKA], ["0"])
        ballast.unlink()
        bundle.append([KAFKA], ["1"])
    assert list(bundles.read(RUN, KEY, small_disk)) == [("1", KAFKA)]


def test_the_journal_says_that_it_could_not_keep_a_batch(small_disk: Path) -> None:
    runs = Journal(small_disk / "runs.sqlite")
    runs.begin(record())
    kept = until_full(
        lambda place: runs.begin_batch(RUN, [(f"{place}/{step}", os.urandom(16), -1) for step in range(100)])
    )
    assert kept > 0
    assert len(runs.unfinished_letters(RUN)) == kept * 100
    runs.close()


def test_the_audit_says_that_nothing_may_be_written(small_disk: Path) -> None:
    audit = Audit(small_disk / "audit.jsonl", argv=["mqtui", "x" * 20_000])
    kept = until_full(lambda _: audit.begin(plan(), POLICY))
    assert kept > 0
    assert len(audit.entries()) == kept
    assert audit.verify() is None
