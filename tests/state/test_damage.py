"""Damaged bundles and journals: what can still be read is read, and the rest is named (C18)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mqtui.domain.errors import MqtuiError, Refused, StorageFailed
from mqtui.services.redrive.request import decode_request
from mqtui.state import bundles
from mqtui.state.bundles import Bundle
from mqtui.state.journal import Journal
from mqtui.state.paths import state_dir
from tests.state.samples import ALL, RUN, record

KEY = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
OTHER = b"MTIzNDU2QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
BLOCKS = 4


@pytest.fixture
def bundle(state_folder: Path) -> Path:
    with Bundle(RUN, KEY) as kept:
        for block in range(BLOCKS):
            kept.append(ALL, [f"{block}/{place}" for place in range(len(ALL))])
    return bundles.bundle_path(RUN)


def test_a_whole_bundle_has_no_damage(bundle: Path) -> None:
    found = bundles.list_contents(RUN, KEY)
    assert (len(found.names), found.damage) == (BLOCKS * len(ALL), "")


def test_a_bundle_cut_in_half_keeps_its_first_half(bundle: Path) -> None:
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[: len(whole) // 2])
    found = bundles.list_contents(RUN, KEY)
    assert found.names == {f"0/{place}" for place in range(len(ALL))} | (found.names - {"0/0"})
    assert 0 < len(found.names) < BLOCKS * len(ALL)
    assert found.damage == f"the bundle is damaged from letter {len(found.names) + 1:,} on"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.95])
def test_one_flipped_byte_costs_one_frame(bundle: Path, share: float) -> None:
    whole = bytearray(bundle.read_bytes())
    whole[int(len(whole) * share)] ^= 0x20
    bundle.write_bytes(whole)
    found = bundles.list_contents(RUN, KEY)
    assert len(found.names) == (BLOCKS - 1) * len(ALL)
    assert "the bundle is damaged from letter" in found.damage


def test_an_emptied_bundle_says_so(bundle: Path) -> None:
    bundle.write_bytes(b"")
    found = bundles.list_contents(RUN, KEY)
    assert (found.names, found.damage) == (frozenset(), "the bundle was emptied, or cut off in its first line")


def test_a_bundle_of_zeros_is_none(bundle: Path) -> None:
    bundle.write_bytes(bytes(5_000) + b"\n")
    with pytest.raises(StorageFailed, match="no bundle of mqtui"):
        bundles.list_contents(RUN, KEY)


def test_the_bundle_of_another_run_is_reported(bundle: Path) -> None:
    other = "b" * 32
    bundle.rename(bundles.bundle_path(other))
    with pytest.raises(StorageFailed, match="that of another run"):
        bundles.list_contents(other, KEY)


def test_another_key_is_reported(bundle: Path) -> None:
    with pytest.raises(Refused, match="another key"):
        bundles.list_contents(RUN, OTHER)


def test_a_bundle_that_is_a_link_is_not_followed(bundle: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    bundle.rename(moved)
    bundle.symlink_to(moved)
    with pytest.raises(StorageFailed, match="links are not followed"):
        bundles.list_contents(RUN, KEY)
    with pytest.raises(StorageFailed, match="links are not followed"):
        Bundle(RUN, KEY)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE runs SET verb = CAST(x'ff00fe' AS TEXT)",
        "UPDATE runs SET source_kind = 'toqic'",
        "UPDATE runs SET broker = 'kafkb'",
        "UPDATE runs SET target = 7",
        "UPDATE runs SET plan = x'7b22613a'",
        "UPDATE runs SET result = x'7b22ff'",
    ],
)
def test_a_run_that_cant_be_read_is_called_damage(spoil: str) -> None:
    with closing(Journal()) as runs:
        runs.begin(record())
        runs.end(RUN, "done", b'{"moved":3}')
    with closing(sqlite3.connect(state_dir() / "runs.sqlite")) as database:
        database.execute(spoil)
        database.commit()
    with closing(Journal()) as runs:
        for look in (runs.list_runs, lambda: runs.find("7f3a")):
            with pytest.raises(StorageFailed, match="journal of runs is damaged") as told:
                look()
            assert told.value.hint


@pytest.mark.parametrize("table", ["hands SET marks", "dones SET outcomes"])
def test_letters_that_cant_be_read_are_called_damage(table: str) -> None:
    with closing(Journal()) as runs:
        runs.begin(record())
        number = runs.begin_batch(RUN, [("0/1", b"print", -1), ("0/2", b"print", -1)])
        runs.record_outcomes(RUN, number, [("0/1", "moved", "t/1", "")])
    with closing(sqlite3.connect(state_dir() / "runs.sqlite")) as database:
        database.execute(f"UPDATE {table} = x'0102030405'")
        database.commit()
    with closing(Journal()) as runs, pytest.raises(StorageFailed, match="journal of runs is damaged"):
        runs.unfinished_letters(RUN)


def test_each_flipped_byte_of_the_journal_is_named_or_harmless() -> None:
    with closing(Journal()) as runs:
        runs.begin(record())
        runs.record_outcomes(RUN, runs.begin_batch(RUN, [("0/1", b"print", -1)]), [("0/1", "moved", "t/1", "")])
        runs.end(RUN, "done", b'{"moved":1}')
    path = state_dir() / "runs.sqlite"
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes((whole[place] ^ 0x81,)) + whole[place + 1 :])
        try:
            with closing(Journal()) as runs:
                for found in runs.list_runs():
                    runs.unfinished_letters(found.id)
                    dict(runs.count_outcomes(found.id))
        except MqtuiError as error:
            assert error.title
            assert error.hint or error.detail


def test_a_request_that_cant_be_read_is_called_damage() -> None:
    with pytest.raises(StorageFailed, match="journal of runs is damaged"):
        decode_request(b'{"order":{"ve')


def test_the_journal_cut_in_half_says_what_to_do() -> None:
    with closing(Journal()) as runs:
        runs.begin(record())
    path = state_dir() / "runs.sqlite"
    path.write_bytes(b"x" * 100 + path.read_bytes()[100:])
    with pytest.raises(StorageFailed, match="journal of runs is damaged") as told:
        Journal()
    assert ".recover" in told.value.hint
